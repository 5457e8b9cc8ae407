"""The target of an explanation: a number that a network gives to each input.

    score = Score(discriminator)                              # (N,), D's logit: above 0 means "real"
    score = Score(discriminator, layer="layers.4", unit=7)    # the mean of one channel's map
    score = Score(discriminator, layer="layers.4", unit=7, place=(3, 5))    # one neuron
    score = Score(classifier, output="Horror")                # the logit of one of several classes
    score = Score.of_latents(generator, discriminator)        # D's logit of the poster that a latent becomes
    score(images)                                             # (N,)
    score.meaning.high                                        # "real"

A score says itself what high and low mean, so that every text about a map can be made from it.
"""

from __future__ import annotations

import copy
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gan.networks.dcgan import Discriminator, Generator
from gan.networks.own import OwnDiscriminator
from xai.errors import ExplanationError
from xai.networks.batches import at_once
from xai.networks.cache import Cache, one
from xai.networks.chain import Chain, Trace
from xai.networks.hooks import activations, check_given, find_layer, private_copy

PICK = "pick"
ACTIVATIONS = (nn.ReLU, nn.LeakyReLU, nn.ELU, nn.Sigmoid, nn.Tanh)
ROWS = 256  # pictures at once, fewer of large ones
ANSWER_BYTES = 2**26  # of the answers that a score keeps for other methods
TRACES = 4  # of references, fewer of large ones; 16 of them at 64 pixels take 16 MB


@dataclass(frozen=True)
class Meaning:
    """What a score is, for texts: ``name`` is "D's logit", ``high`` "real", ``low`` "fake", ``unit`` "logit"."""

    name: str
    high: str
    low: str
    unit: str


LOGIT = Meaning("D's logit", "real", "fake", "logit")
OUTPUT = Meaning("the network's output", "a higher output", "a lower output", "output")


class Score:
    """Inputs (N, C, H, W) to numbers (N,), on a private copy of the network.

    Of a Discriminator the logit is explained, not the probability: the Sigmoid saturates, and a
    confident D then has gradients and DeepLIFT attributions of exactly 0. With ``layer`` it is the mean of a
    ``unit``'s map, or the neuron at ``place`` (row, column) of that map. Any other module with one output
    for each input, (N,), (N, 1) or (N, 1, 1, 1), is explained as it is; of several outputs one is chosen by its number,
    ``output``, or by the name of its class where ``gan.adapt`` was told the names.

    ``chain`` is the network as a chain of steps, None where it is none; ``size`` is (height, width) of a
    discriminator's pictures, None of other networks'; ``layer``, ``unit``, ``place`` and ``output`` are those given,
    and ``meaning`` says what high and low mean.

    Raises
    ------
    ExplanationError
        If the layer, unit, place or output does not exist, or the network waits for genres.
    """

    def __init__(
        self,
        network: nn.Module,
        layer: str | None = None,
        unit: int = 0,
        place: tuple[int, int] | None = None,
        output: str | int | None = None,
    ) -> None:
        check_given(network)
        network = _of_output(network, output)
        parts: dict[str, nn.Module] = {"layers": network}
        self.meaning = OUTPUT
        self._shape: tuple[int, ...] | None = None
        self.size: tuple[int, int] | None = None  # of pictures, also where inputs are noise
        if isinstance(network, Discriminator):
            self.size, self.meaning = network.config.size, _meaning_of(network)
            parts, self._shape = {"layers": network.layers[:-1]}, (3, *self.size)
        if layer is not None:
            if not isinstance(network, Discriminator):
                raise ExplanationError("Only units of a discriminator can be explained.")
            parts, self.meaning = _up_to_unit(network, layer, unit, place), _meaning_of_unit(layer, unit, place)
        self.layer, self.unit, self.place = layer, unit if layer is not None else None, place
        self.output = network.output or None if isinstance(network, OwnDiscriminator) else output
        self._use(_joined(parts))

    @classmethod
    def of_latents(cls, generator: Generator, discriminator: Discriminator) -> Score:
        """Noise (N, latent, 1, 1) to D's logit of the poster that G makes of it.

        The generator's layers are called ``generator.0`` and so on, D's stay ``layers.0`` and so on.

        Raises
        ------
        ExplanationError
            If the two are of different sizes, or one of them waits for genres.
        """
        check_given(generator)
        score = cls(discriminator)
        generated, expected = (" x ".join(map(str, network.config.size)) for network in (generator, discriminator))
        if generated != expected:
            raise ExplanationError(
                f"The generator's pictures have {generated} pixels, the discriminator takes {expected}."
            )
        score._shape = (generator.config.latent, 1, 1)
        score._use(_joined({"generator": generator.layers, "layers": discriminator.layers[:-1]}))
        return score

    def _use(self, network: nn.Module) -> None:
        self._answered: set[tuple[int, ...]] = set()  # shapes of inputs to which the network gave one number each
        self._network = network
        self.chain = Chain.of(self._network)
        self._answers = Cache(ANSWER_BYTES)
        self._traces = Cache(at_once(TRACES, self.size or (1, 1)), size=one)

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """(N,); the last bits may differ with the number of rows."""
        self.check(images)
        answer = self._network if self.chain is None else self.chain
        rows = at_once(ROWS, self.size or images.shape[2:])
        output = torch.cat([answer(part) for part in torch.split(images, rows)])
        return output[:, 0]

    @property
    def of_pictures(self) -> bool:
        """Whether inputs are pictures, not noise."""
        return self._shape is None or self._shape[0] == 3

    def check(self, images: Tensor) -> None:
        """Raise ExplanationError if the network does not take inputs of this shape, or does not answer one number."""
        shape = tuple(images.shape[1:])
        if self._shape and shape != self._shape:
            expected = ", ".join(str(size) for size in self._shape)
            raise ExplanationError(
                f"This network takes inputs of the shape (N, {expected}), not {tuple(images.shape)}."
            )
        if self._shape is None and len(images) and shape not in self._answered:
            self._try(images[:1].expand(2, *shape))  # two, to tell one number for each from one for all
            self._answered.add(shape)

    def _try(self, images: Tensor) -> None:
        try:
            with torch.no_grad():
                answer = self._network(images)
        except (RuntimeError, ValueError, IndexError, TypeError) as error:
            reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            raise ExplanationError(
                f"The network does not take inputs of the shape {tuple(images.shape)}: {reason.rstrip('.')}."
            ) from error
        if answer.shape != (len(images), 1):
            raise ExplanationError(f"A score is one number for each picture, not {tuple(answer.shape[1:])}.")

    def usual_layer(self, depth: int) -> str:
        """Name of the activation function at this depth from 0, or the last one: the same place with and without norms.

        Of a network without any, its first layer.
        """
        names = [name for name, module in self._network.named_modules() if isinstance(module, ACTIVATIONS)]
        return names[min(depth, len(names) - 1)] if names else "layers.0"

    def module(self) -> nn.Module:
        """A fresh private copy (N, C, H, W) -> (N, 1) that a library may hook; weights are shared."""
        return private_copy(self._network)

    def gradient(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(scores (N,), d score / d images), the shape of ``images``."""
        if self.chain is not None:
            return self.chain.gradient(images)
        with torch.enable_grad():
            leaf = images.detach().clone().requires_grad_()
            output = self._network(leaf)
            (gradient,) = torch.autograd.grad(output.sum(), leaf)
        return output.detach()[:, 0], gradient

    def layer_gradient(self, images: Tensor, layer: str) -> tuple[Tensor, Tensor]:
        """(output of a layer, d score / d output), both in the layer's shape (N, ...).

        Raises
        ------
        ExplanationError
            If the layer does not exist, or the score does not depend on it.
        """
        network, outputs = self.module(), []

        def cut(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
            outputs.append(output.detach().requires_grad_())
            return outputs[-1]

        find_layer(network, layer).register_forward_hook(cut)  # on a copy of our own, thrown away below
        with torch.enable_grad():
            scores = network(images)
            reached = bool(outputs) and scores.requires_grad
            gradient = torch.autograd.grad(scores.sum(), outputs[-1], allow_unused=True)[0] if reached else None
        if gradient is None:
            raise ExplanationError(f"The score does not depend on the layer {layer!r}.")
        return outputs[-1].detach(), gradient

    def trace(self, references: Tensor) -> Trace:
        """The chain's trace of these references, cached for the next picture."""
        chain = self.chain
        assert chain is not None  # methods ask only where there is one
        trace: Trace = self._traces.get(digest(references), lambda: chain.trace(references))
        return trace

    def cached(self, key: Any, make: Callable[[], Any]) -> Any:
        """The cached answer under this key; made now if it is not there."""
        return self._answers.get(key, make)

    def of_network(self, network: nn.Module) -> Score:
        """The same score of another network of the same shape, such as ``module()`` with other weights."""
        other = copy.copy(self)
        other._use(network)
        return other


def digest(tensor: Tensor) -> str:
    """SHA-256 of a tensor's values and shape."""
    values = tensor.detach().contiguous().numpy()
    return hashlib.sha256(str(values.shape).encode() + values.tobytes()).hexdigest()


class OneNumber(nn.Flatten):
    """Answers (N,), (N, 1) or (N, 1, 1, 1) to (N, 1)."""

    def forward(self, answer: Any) -> Tensor:
        if not isinstance(answer, Tensor) or not answer.is_floating_point():
            what = str(answer.dtype) if isinstance(answer, Tensor) else f"a {type(answer).__name__}"
            raise ExplanationError(
                f"A score is one floating-point number for each picture, and the network gave {what}."
            )
        return answer.flatten()[:, None] if answer.ndim < 2 else answer.flatten(1)  # squeeze() leaves () of one picture


class Pick(nn.Module):
    """One of several outputs (N, K), as (N, 1)."""

    def __init__(self, index: int) -> None:
        super().__init__()
        self.index = index

    def forward(self, outputs: Tensor) -> Tensor:
        if outputs.ndim < 2 or not 0 <= self.index < outputs.flatten(1).shape[1]:
            raise ExplanationError(f"The network gives {tuple(outputs.shape)}; there is no output {self.index} in it.")
        return outputs.flatten(1)[:, [self.index]]


def _of_output(network: nn.Module, output: str | int | None) -> nn.Module:
    """The network with one output of several, by its number, or its name in ``gan.adapt``."""
    classes = network.config.classes if isinstance(network, OwnDiscriminator) and not network.output else ()
    if isinstance(network, OwnDiscriminator) and classes:
        if isinstance(output, int) and 0 <= output < len(classes):
            output = classes[output]
        if output not in classes:
            named = f"there is no {output!r} among" if output is not None else "choose the output by one of"
            raise ExplanationError(f"This network has several classes; {named} {', '.join(classes)}.")
        return network.with_class(str(output))
    if output is None:
        return network
    if isinstance(output, str) or isinstance(network, Discriminator):
        raise ExplanationError("This network has no named outputs; gan.adapt(..., classes=...) names them.")
    return nn.Sequential(network, Pick(output))


def _meaning_of(network: Discriminator) -> Meaning:
    if isinstance(network, OwnDiscriminator) and network.output:
        return Meaning(f"the logit of {network.output}", f"more {network.output}", f"less {network.output}", "logit")
    return LOGIT


def _joined(parts: dict[str, nn.Module]) -> nn.Module:
    return private_copy(nn.Sequential(OrderedDict(**parts, flat=OneNumber())))


def _up_to_unit(network: Discriminator, layer: str, unit: int, place: tuple[int, int] | None) -> dict[str, nn.Module]:
    """D's layers up to ``layer`` and a convolution that picks the unit or neuron."""
    find_layer(network, layer)
    names = [f"layers.{index}" for index in range(len(network.layers) - 1)]
    if layer not in names:
        raise ExplanationError(f"{layer} is no layer of maps; there are {', '.join(names)}.")
    maps = activations(network, torch.zeros(1, 3, *network.config.size), [layer])[layer]
    if maps.ndim != 4:
        raise ExplanationError(f"{layer} is no layer of maps.")
    _, count, height, width = maps.shape
    if not 0 <= unit < count:
        raise ExplanationError(f"{layer} has units 0 to {count - 1}; {unit} is none of them.")
    if place is not None and not (0 <= place[0] < height and 0 <= place[1] < width):
        raise ExplanationError(f"{layer} has places (0, 0) to ({height - 1}, {width - 1}); {place} is none of them.")
    pick: nn.Conv2d = nn.utils.skip_init(nn.Conv2d, count, 1, (height, width), bias=False)  # type: ignore[no-untyped-call]
    weight = torch.zeros(1, count, height, width)
    if place is None:
        weight[0, unit] = 1 / (height * width)
    else:
        weight[0, unit, place[0], place[1]] = 1
    pick.weight = nn.Parameter(weight)
    return {"layers": network.layers[: names.index(layer) + 1], PICK: pick}


def _meaning_of_unit(layer: str, unit: int, place: tuple[int, int] | None) -> Meaning:
    name = f"the response of filter {unit} of {layer}"
    name += ", averaged over the poster" if place is None else f" at row {place[0]}, column {place[1]}"
    return Meaning(name, "a stronger response", "a weaker response", "activation")
