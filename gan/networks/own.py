"""Networks of somebody else's classes in the form that every page and method works with.

    generator = OwnGenerator(netG, OwnConfig(resolution=64, height=64, latent=100))
    discriminator = OwnDiscriminator(netD, generator.config)
    classifier = OwnDiscriminator(resnet, OwnConfig(96, height=96, classes=("Horror", "Comedy")), IMAGENET)
    classifier.with_class("Horror")             # a network with one logit, which Score explains

``gan.adapt`` makes a checkpoint of them. ``layers`` is a Sequential as in a DCGAN: all before ``layers[-2]`` gives
maps, ``layers[:-1]`` the logits. A network whose modules do not run one after the other is one layer.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gan.errors import CheckpointError, SettingError, counted
from gan.networks.config import ModelConfig
from gan.networks.dcgan import Discriminator, Generator
from gan.networks.unfolding import gives_probabilities, prepared, run, unfolded, without_end
from gan.settings import Settings, any_of, setting

Normalisation = tuple[float | tuple[float, ...], float | tuple[float, ...]]  # mean and standard deviation of 0 to 1
OURS: Normalisation = (0.5, 0.5)  # pictures in [-1, 1]
IMAGENET: Normalisation = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
PAIR = "a mean and a deviation above 0, each of them a number or one for each of three colours"
FAR = 10.0  # from 0; pictures of a generator that has no Tanh pass 1, but not by so much
EXAMPLES = 2  # pictures or latents with which a network is tried
LARGEST = 1024  # pixels across


@dataclass(frozen=True)
class OwnConfig(ModelConfig):
    """What is known of networks of other classes.

    Parameters
    ----------
    resolution : width of the picture in pixels.
    height : of the picture in pixels.
    latent : number of latent dimensions.
    classes : names of a classifier's outputs; () for a discriminator.
    """

    resolution: int = setting(64, "width of the picture in pixels", low=8, high=LARGEST)
    height: int = setting(64, "height of the picture in pixels", low=8, high=LARGEST)
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        if len(set(self.classes)) < len(self.classes) or not all(isinstance(name, str) for name in self.classes):
            raise SettingError(f"classes must be distinct names, not {self.classes}")

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the picture in pixels."""
        return self.height, self.resolution


class Rescale(nn.Module):
    """``factor`` times a picture plus ``offset``, one of each a colour: between [-1, 1] and a network's own range."""

    def __init__(self, normalisation: Normalisation, back: bool = False) -> None:
        super().__init__()
        try:
            mean, deviation = (torch.as_tensor(one, dtype=torch.float32).expand(3) for one in normalisation)
        except (TypeError, ValueError, RuntimeError) as error:
            raise SettingError(f"normalisation must be {PAIR}, not {normalisation}") from error
        if not bool((mean.isfinite() & deviation.isfinite() & (deviation > 0)).all()):
            raise SettingError(f"normalisation must be {PAIR}, not {normalisation}")
        factor, offset = 0.5 / deviation, (0.5 - mean) / deviation
        if back:
            factor, offset = 1 / factor, -offset / factor
        self.factor: Tensor
        self.offset: Tensor
        self.register_buffer("factor", factor[:, None, None])
        self.register_buffer("offset", offset[:, None, None])

    def forward(self, pictures: Tensor) -> Tensor:
        return pictures * self.factor + self.offset


class OwnGenerator(Generator):
    """A generator of another class: noise (N, latent, 1, 1) to pictures (N, 3, H, W) in [-1, 1].

    Raises
    ------
    CheckpointError
        If it does not take such noise, or a vector, or does not give one picture of its size for each.
    """

    def __init__(self, network: nn.Module, config: OwnConfig, normalisation: Normalisation = OURS) -> None:
        nn.Module.__init__(self)
        self.config = config
        network, z = prepared(network), _noise((config.latent, 1, 1))
        stem, taken = _stem(network, z)
        pictures = _tried(network, taken, "generator")
        if pictures.shape[1:] != (3, *config.size):
            raise CheckpointError(f"The generator gives {_shape(pictures)}, not pictures (N, 3, {_sides(config)}).")
        back = _rescaling(normalisation, back=True)
        _check_range(pictures, run(back, pictures))
        modules = [*stem, *unfolded(network, taken)]
        first = _index(modules, z, _are_maps, len(stem))
        whole = [nn.Sequential(*modules[: first + 1])] if first else modules[:1]
        self.layers = nn.Sequential(*whole, *modules[first + 1 :], *back)


class OwnDiscriminator(Discriminator):
    """A discriminator, or a classifier, of another class: pictures (N, 3, H, W) in [-1, 1] to logits.

    Raises
    ------
    CheckpointError
        If it does not take such pictures, or does not give one logit, or one for each class.
    """

    def __init__(self, network: nn.Module, config: OwnConfig, normalisation: Normalisation = OURS) -> None:
        nn.Module.__init__(self)
        self.config, self.output = config, ""
        pictures = _noise((3, *config.size)).tanh()
        network, scale = prepared(network), _rescaling(normalisation)
        given = run(scale, pictures)
        answers = _tried(network, given, self._what)
        _check_answers(answers, config)
        network, end_function = without_end(network, given)
        if gives_probabilities(network, given):
            raise CheckpointError(
                f"The {self._what} gives probabilities, or their logarithms, by a function, whose gradient vanishes "
                f"where it is sure; let its forward return what comes before."
            )
        modules = unfolded(network, given)
        layers = [*scale, *modules]
        end = _index(layers, pictures, lambda h: not _are_maps(h) or h.shape[2:].numel() == 1) if modules[1:] else 0
        column = [nn.Unflatten(0, (-1, 1))] if answers.ndim == 1 and modules == [network] else []
        rest = [*layers[end:], *column]
        head = nn.Sequential(*rest) if rest[1:] else rest[0]
        exclusive = len(config.classes) > 1 and not isinstance(end_function, nn.Sigmoid)
        self.layers = nn.Sequential(*layers[:end], head, nn.Softmax(1) if exclusive else nn.Sigmoid())

    @property
    def _what(self) -> str:
        return "classifier" if self.config.classes else "discriminator"

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Probabilities in the shape of the logits."""
        if self.output:
            return self.probabilities(images)[:, self.config.classes.index(self.output)]
        probabilities: Tensor = self.layers[-1](self.logit(images))
        return probabilities

    def logit(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Logits (N,), or (N, classes) of a classifier of which no class was chosen."""
        logits: Tensor = self.layers[:-1](images).flatten(1)
        return logits[:, 0] if logits.shape[1] == 1 else logits

    def with_class(self, name: str) -> OwnDiscriminator:
        """The classifier's logit of one class, as a network with one output.

        Raises
        ------
        CheckpointError
            If it has no such class.
        """
        classes = self.config.classes
        if name not in classes:
            raise CheckpointError(f"There is no class {name!r}; there are {any_of(classes)}.")
        chosen = copy.deepcopy(self)
        chosen.output = name
        pick = nn.Linear(len(classes), 1, bias=False).requires_grad_(False)
        pick.weight.copy_(torch.eye(len(classes))[[classes.index(name)]])
        chosen.layers[-2] = nn.Sequential(self._head(), nn.Flatten(), pick)
        return chosen

    def probabilities(self, images: Tensor) -> Tensor:
        """Of a classifier's classes (N, classes): by softmax, or each by itself where it ends in a Sigmoid."""
        maps: Tensor = self.layers[:-2](images)
        found: Tensor = self.layers[-1](self._head()(maps).flatten(1))
        return found

    def _head(self) -> nn.Module:
        """What gives all logits, whether a class was chosen or not."""
        head = self.layers[-2]
        return head[0] if self.output and isinstance(head, nn.Sequential) else head


def _stem(network: nn.Module, z: Tensor) -> tuple[list[nn.Module], Tensor]:
    """What noise passes first, and what the network is given: some take vectors (N, latent)."""
    try:
        _tried(network, z, "generator")
    except CheckpointError as error:
        try:
            _tried(network, z.flatten(1), "generator")
        except CheckpointError as other:
            if error.__cause__ is None:  # it runs on the first, and gives what is no picture
                raise error from other
            raise
        return [nn.Flatten()], z.flatten(1)
    return [], z


def _rescaling(normalisation: Normalisation, back: bool = False) -> list[nn.Module]:
    """What brings pictures in [-1, 1] to a network's own range, or ``back``; nothing where that is the same."""
    rescale = Rescale(normalisation, back)
    return [rescale] if bool((rescale.factor != 1).any() or (rescale.offset != 0).any()) else []


def _check_range(pictures: Tensor, ours: Tensor) -> None:
    if float(ours.abs().max()) > FAR or (float(ours.min()) >= 0 and float(ours.max()) > 0):
        raise CheckpointError(
            f"The generator's pictures have values from {float(pictures.min()):.3g} to {float(pictures.max()):.3g}, "
            f"another range than its normalisation has: (0.5, 0.5) is for -1 to 1, (0, 1) for 0 to 1, (0, 1 / 255) "
            f"for 0 to 255."
        )


def _noise(shape: tuple[int, ...]) -> Tensor:
    return torch.randn(EXAMPLES, *shape, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def _tried(network: nn.Module, example: Tensor, what: str) -> Tensor:
    """The network's answers; CheckpointError where it fails, or one picture's answer depends on the others'."""
    try:
        answers, alone = network(example.clone()), network(example[:1].clone())
    except Exception as error:  # code that is not ours may fail in any way
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise CheckpointError(f"The {what} does not take {_shape(example)}: {reason.rstrip('.')}.") from error
    if not isinstance(answers, Tensor):
        raise CheckpointError(f"The {what} gives a {type(answers).__name__}, not a tensor.")
    if not answers.ndim or len(answers) != len(example):
        raise CheckpointError(
            f"The {what} gives {_shape(answers)} for {counted(len(example), 'row')}, not one for each."
        )
    if not bool(answers.isfinite().all()):
        raise CheckpointError(f"The {what} answers NaN: its weights are damaged.")
    if not torch.allclose(answers[:1].flatten(), alone.flatten(), 1e-3, 1e-4):
        raise CheckpointError(f"The {what}'s answer to one depends on the others of its batch, so it has no map.")
    return answers


def _check_answers(answers: Tensor, config: OwnConfig) -> None:
    expected, count = max(1, len(config.classes)), answers[0].numel()
    if count == expected:
        return
    if not config.classes:
        raise CheckpointError(
            f"The discriminator gives {_shape(answers)}, not one number for each picture; of a classifier, name the "
            f"classes, and the mean of a map of answers is taken by nn.AdaptiveAvgPool2d(1) after it."
        )
    named = counted(expected, "class is", "classes are")
    raise CheckpointError(f"The classifier gives {_shape(answers)}, and {named} named.")


def _index(modules: list[nn.Module], x: Tensor, found: Callable[[Tensor], bool], start: int = 0) -> int:
    """The first of the modules, from ``start``, whose output is such; the last where none is."""
    x = x.clone()
    for index, module in enumerate(modules):
        x = module(x)
        if index >= start and found(x):
            return index
    return len(modules) - 1


def _are_maps(output: Tensor) -> bool:
    return output.ndim == 4


def _shape(tensor: Tensor) -> str:
    return f"(N, {', '.join(map(str, tensor.shape[1:]))})" if tensor.ndim > 1 else "(N,)"


def _sides(config: OwnConfig) -> str:
    return ", ".join(map(str, config.size))
