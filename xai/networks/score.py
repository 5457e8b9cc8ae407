"""What is explained: a number that a network gives to each input.

score = Score(discriminator)                              # (N,), D's logit: above 0 means "real"
score = Score(discriminator, layer="layers.4", unit=7)    # the mean of one channel's map
score = Score(discriminator, layer="layers.4", unit=7, place=(3, 5))    # one neuron
score = Score.of_latents(generator, discriminator)        # D's logit of the poster that a latent becomes
score(images)                                             # (N,)
"""

from __future__ import annotations

import copy
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from gan.networks.dcgan import Discriminator, Generator
from xai.errors import ExplanationError
from xai.networks.batches import Memory, at_once
from xai.networks.chain import Chain, Trace
from xai.networks.hooks import activations, check_given, find_layer, private_copy

PICK = "pick"
LINEAR = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
BENDS = (nn.ReLU, nn.LeakyReLU, nn.ELU, nn.Sigmoid, nn.Tanh)
ROWS = 256  # pictures at once, fewer of large ones
KEPT = 64  # answers that a score remembers for other methods
TRACES = 4  # of references, fewer of large ones; 16 of them at 64 pixels take 16 MB


class Score:
    """Inputs (N, C, H, W) to numbers (N,), on a private copy of the network.

    Of a Discriminator the logit is explained, not the probability: the Sigmoid saturates, and a
    confident D then has gradients and DeepLIFT shares of exactly 0. With ``layer`` it is the mean of a
    ``unit``'s map, or the neuron at ``place`` (row, column) of that map. Any other module with one output
    for each input is explained as it is.

    ``chain`` is the network as a chain of steps, None where it is none; ``size`` is (height, width) of a
    discriminator's pictures, None of other networks'; ``layer``, ``unit`` and ``place`` are kept as given.

    Raises
    ------
    ExplanationError
        If the layer, unit or place does not exist, or the network waits for genres.
    """

    def __init__(
        self,
        network: nn.Module,
        layer: str | None = None,
        unit: int = 0,
        place: tuple[int, int] | None = None,
    ) -> None:
        check_given(network)
        parts: dict[str, nn.Module] = {"layers": network}
        self._shape: tuple[int, ...] | None = None
        self.size: tuple[int, int] | None = None  # of pictures, also where inputs are noise
        if isinstance(network, Discriminator):
            self.size = network.config.size
            parts, self._shape = {"layers": network.layers[:-1]}, (3, *self.size)
        if layer is not None:
            if not isinstance(network, Discriminator):
                raise ExplanationError("Units can be explained of a discriminator only.")
            parts = _up_to_unit(network, layer, unit, place)
        self.layer, self.unit, self.place = layer, unit if layer is not None else None, place
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
        drawn, judged = (" x ".join(map(str, network.config.size)) for network in (generator, discriminator))
        if drawn != judged:
            raise ExplanationError(f"The generator draws {drawn} pixels, the discriminator judges {judged}.")
        score._shape = (generator.config.latent, 1, 1)
        score._use(_joined({"generator": generator.layers, "layers": discriminator.layers[:-1]}))
        return score

    def _use(self, network: nn.Module) -> None:
        self._network = network
        self.chain = Chain.of(self._network)
        self._memory, self._traces = Memory(KEPT), Memory(at_once(TRACES, self.size or (1, 1)))

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """(N,); the last bits may differ with the number of rows."""
        self.check(images)
        answer = self._network if self.chain is None else self.chain
        rows = at_once(ROWS, self.size or images.shape[2:])
        output = torch.cat([answer(part) for part in torch.split(images, rows)])
        if output.shape != (len(images), 1):
            raise ExplanationError(f"A score is one number for each picture, not {tuple(output.shape[1:])}.")
        return output[:, 0]

    @property
    def of_pictures(self) -> bool:
        """Whether inputs are pictures, not noise."""
        return self._shape is None or self._shape[0] == 3

    def check(self, images: Tensor) -> None:
        """Raise ExplanationError if the network does not take inputs of this shape."""
        if self._shape and images.shape[1:] != self._shape:
            expected = ", ".join(str(size) for size in self._shape)
            raise ExplanationError(
                f"This network judges inputs of the shape (N, {expected}), not {tuple(images.shape)}."
            )

    def usual_layer(self, depth: int) -> str:
        """Name of the activation function at this depth from 0, or the last one: the same place with and without norms.

        Of a network without any, its first layer.
        """
        names = [name for name, module in self._network.named_modules() if isinstance(module, BENDS)]
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
            (slopes,) = torch.autograd.grad(output.sum(), leaf)
        return output.detach()[:, 0], slopes

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
            slopes = torch.autograd.grad(scores.sum(), outputs[-1], allow_unused=True)[0] if reached else None
        if slopes is None:
            raise ExplanationError(f"The score does not depend on the layer {layer!r}.")
        return outputs[-1].detach(), slopes

    def trace(self, references: Tensor) -> Trace:
        """The chain's trace of these references, remembered for the next picture."""
        chain = self.chain
        assert chain is not None  # asked by methods that have looked
        trace: Trace = self._traces.get(digest(references), lambda: chain.trace(references))
        return trace

    def remembered(self, key: Any, make: Callable[[], Any]) -> Any:
        """What ``make`` gave under this key, made now if it is not there; the oldest answers go."""
        return self._memory.get(key, make)

    def randomised(self, layers: int, seed: int = 0) -> Score:
        """The same score with the weights of the last ``layers`` linear layers, and their BatchNorms, shuffled.

        Each tensor keeps its values in another order, so that the scores stay of the same size: what
        the network has learned is gone, its statistics are not. More layers with the same seed shuffle
        the last ones in the same way (cascading, Adebayo et al. 2018).
        """
        other = copy.copy(self)
        other._use(private_copy(self._network))
        random = torch.Generator().manual_seed(seed)
        left = layers
        for module in reversed(_weighted(other._network)):
            if left == 0:
                break
            for name, weight in list(module.named_parameters(recurse=False)):
                module._parameters[name] = nn.Parameter(_shuffled(weight, random), requires_grad=False)
            left -= isinstance(module, LINEAR)
        other.chain = Chain.of(other._network)
        return other

    @property
    def linear_layers(self) -> int:
        """How many layers ``randomised`` can take."""
        return sum(isinstance(module, LINEAR) for module in _weighted(self._network))


def digest(tensor: Tensor) -> str:
    """SHA-256 of a tensor's values and shape."""
    values = tensor.detach().contiguous().numpy()
    return hashlib.sha256(str(values.shape).encode() + values.tobytes()).hexdigest()


def _joined(parts: dict[str, nn.Module]) -> nn.Module:
    return private_copy(nn.Sequential(OrderedDict(**parts, flat=nn.Flatten())))


def _weighted(network: nn.Module) -> list[nn.Module]:
    """Modules with weights of their own, first to last; the head that picks a unit has learned nothing."""
    return [m for name, m in network.named_modules() if name != PICK and list(m.parameters(recurse=False))]


def _shuffled(weight: Tensor, random: torch.Generator) -> Tensor:
    return weight.flatten()[torch.randperm(weight.numel(), generator=random)].reshape(weight.shape)


def _up_to_unit(network: Discriminator, layer: str, unit: int, place: tuple[int, int] | None) -> dict[str, nn.Module]:
    """D's layers up to ``layer`` and a convolution that picks what is asked for."""
    find_layer(network, layer)
    names = [f"layers.{index}" for index in range(len(network.layers) - 1)]
    if layer not in names:
        raise ExplanationError(f"{layer} is no layer of maps; there are {', '.join(names)}.")
    maps = activations(network, torch.zeros(1, 3, *network.config.size), [layer])[layer]
    _, count, height, width = maps.shape
    if not 0 <= unit < count:
        raise ExplanationError(f"{layer} has units 0 to {count - 1}; {unit} is none of them.")
    if place is not None and not (0 <= place[0] < height and 0 <= place[1] < width):
        raise ExplanationError(f"{layer} has places (0, 0) to ({height - 1}, {width - 1}); {place} is none of them.")
    pick = nn.Conv2d(count, 1, (height, width), bias=False)
    weight = torch.zeros_like(pick.weight)
    if place is None:
        weight[0, unit] = 1 / (height * width)
    else:
        weight[0, unit, place[0], place[1]] = 1
    pick.weight = nn.Parameter(weight)
    return {"layers": network.layers[: names.index(layer) + 1], PICK: pick}
