"""A DCGAN recognised by the order and shapes of its layers, whatever they are called.

    generator, discriminator = networks_in(tensors, "out")     # each a Found, or None
    generator.weights                                          # a state dict of gan.Generator(generator.config)

Names of wrappers and frameworks (``module.``, ``_orig_mod.``, ``netG.``, ``state_dict.``, ``ema.`` ...) are parts of
the way to a layer and are not looked at: a group of layers is a network where its convolutions follow each other in
shape and lead from noise to a picture, or from a picture to one number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import torch
from torch import Tensor

from gan.checkpoints.tensors import checked, normalised
from gan.checkpoints.untrusted import Tensors, keys_of, natural, printable
from gan.errors import CheckpointError
from gan.networks.config import BASES, ModelConfig

AVERAGED = (
    "ema",
    "average",
    "averaged",
    "shadow",
    "swa",
)  # of several generators, the one of whose path a part says so
STATISTICS = ("running_mean", "running_var")
LEAVES = {
    *("weight", "bias", *STATISTICS, "num_batches_tracked"),
    *("weight_orig", "weight_u", "weight_v", "weight_g"),
    *(f"parametrizations.weight.{name}" for name in ("original", "0._u", "0._v", "original0", "original1")),
}


@dataclass(frozen=True, eq=False)
class Layer:
    """A module that holds tensors: the way to it, and its tensors by name."""

    path: tuple[str, ...]
    tensors: dict[str, Tensor] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return printable(".".join(self.path))

    @property
    def shape(self) -> tuple[int, ...]:
        """Of its weight, before any normalisation of it."""
        names = ("weight", "weight_orig", "parametrizations.weight.original", "parametrizations.weight.original1")
        found = next((self.tensors[name] for name in (*names, "weight_v") if name in self.tensors), None)
        return () if found is None else tuple(found.shape)


@dataclass(frozen=True, eq=False)
class Found:
    """A network: where it was found, its channels from the picture inwards, and its weights under our names."""

    kind: str
    path: tuple[str, ...]
    channels: tuple[int, ...]
    base: tuple[int, ...]
    weights: dict[str, Tensor]
    latent: int = 1
    norm: bool = True
    biased: bool = False

    @property
    def resolution(self) -> int:
        """Width of its pictures: each layer but the first of G, or the last of D, doubles or halves it."""
        return int(self.base[1] * 2 ** len(self.channels))

    @property
    def averaged(self) -> bool:
        words = {word for part in self.path for word in part.lower().replace("-", "_").split("_")}
        return bool(words & set(AVERAGED))


class UnfitError(Exception):
    """These layers are no network of ours; the message says why, as the end of a sentence."""


def networks_in(tensors: Tensors, name: str) -> tuple[Found | None, Found | None]:
    """Generator and discriminator among these tensors, None for one that is not there.

    Where there are several of a kind, an exponential moving average is taken.

    Raises
    ------
    CheckpointError
        If there is none or several of a kind, or what is found cannot be used; it names the keys.
    """
    layers = _layers(tensors)
    found, reasons = _search(layers, name)
    generator, discriminator = (_one_of(kind, found, name) for kind in ("generator", "discriminator"))
    if reasons and (generator is None or discriminator is None):
        raise CheckpointError(f"{name} is of another architecture: {reasons[0]}; {keys_of(tensors)}.")
    if generator is None and discriminator is None:
        raise CheckpointError(f"{name} holds no convolutions; {keys_of(tensors)}.")
    return generator, discriminator


def merged_config(generator: Found | None, discriminator: Found | None, name: str) -> ModelConfig:
    """The one configuration of both networks; CheckpointError where they are for pictures of different sizes."""
    present = [each for each in (generator, discriminator) if each is not None]
    if len({(each.resolution, each.base) for each in present}) > 1:
        sizes = " and ".join(
            f"{each.resolution * each.base[0] // each.base[1]} x {each.resolution}" for each in present
        )
        raise CheckpointError(f"{name}: generator and discriminator are of different shapes, for pictures of {sizes}.")
    first = present[-1]  # D's channels follow from its width, G's need not
    aspect = next(name for name, base in BASES.items() if base == first.base)
    try:
        config = ModelConfig(
            first.resolution,
            present[0].latent,
            first.channels[0],
            max(first.channels),
            aspect=aspect,
            norm_d=discriminator is None or discriminator.norm,
            biased=any(each.biased for each in present),
        )
    except ValueError as error:
        raise CheckpointError(f"{name} is of another architecture: {error}.") from None
    if discriminator is not None and discriminator.channels != config.channels:
        raise CheckpointError(
            f"{name}: the discriminator has {discriminator.channels} channels from the picture on, and only a number "
            f"that doubles in each layer, up to a limit, can be read."
        )
    if generator is not None and generator.channels != config.channels:
        config = ModelConfig(**{**vars(config), "generator_channels": generator.channels})
    return config


def complete_weights(found: Found, config: ModelConfig) -> dict[str, Tensor]:
    """The network's weights, with biases of 0 where the configuration has some and the file none."""
    last = max(int(key.split(".")[1]) for key in found.weights)
    if found.kind == "generator":
        biased = [last] if config.biased else []
    elif config.norm_d:
        biased = [0, last] if config.biased else []
    else:
        biased = [int(key.split(".")[1]) for key in found.weights if key.endswith(".weight")]
    zeros = {
        f"layers.{index}.bias": torch.zeros(found.weights[f"layers.{index}.weight"].shape[found.kind == "generator"])
        for index in biased
    }
    return zeros | found.weights


def _layers(tensors: Tensors) -> list[Layer]:
    layers: dict[tuple[str, ...], Layer] = {}
    for path, tensor in tensors.items():
        for parts in (4, 3, 1):
            leaf = ".".join(path[-parts:])
            if leaf in LEAVES:
                layers.setdefault(path[:-parts], Layer(path[:-parts])).tensors[leaf] = tensor
                break
    for path, tensor in tensors.items():  # what stands beside a weight belongs to the layer, known or not
        if path[:-1] in layers and path[-1] not in LEAVES and path[:-1]:
            layers[path[:-1]].tensors[path[-1]] = tensor
    return list(layers.values())


def _search(layers: Sequence[Layer], name: str, depth: int = 0) -> tuple[list[Found], list[str]]:
    """Networks among the layers, and why others are none: all of them one, or those of each branch."""
    if not any(len(layer.shape) == 4 for layer in layers):
        return [], []
    reason = ""
    for order in (layers, sorted(layers, key=lambda layer: natural(".".join(layer.path)))):
        try:
            return [_assembled(order, name)], []
        except UnfitError as error:
            reason = reason or str(error)
    while len({layer.path[depth : depth + 1] for layer in layers}) == 1 and layers[0].path[depth:]:
        depth += 1
    branches: dict[tuple[str, ...], list[Layer]] = {}
    for layer in layers:
        branches.setdefault(layer.path[depth : depth + 1], []).append(layer)
    if len(branches) == 1:
        return [], [reason]
    results = [_search(branch, name, depth) for branch in branches.values()]
    found = [each for networks, _ in results for each in networks]
    beside = [branch[0] for branch, result in zip(branches.values(), results, strict=True) if result == ([], [])]
    if len(found) == 1 and beside:  # an embedding of labels, say, without which the network is another one
        return [], [f"{beside[0].name} belongs to the network, and all layers are convolutions or BatchNorm"]
    networks_apart = all(len(branch) > 1 for branch in branches.values())
    return found, ([text for _, texts in results for text in texts] if found or networks_apart else [reason])


def _one_of(kind: str, found: Sequence[Found], name: str) -> Found | None:
    candidates = [each for each in found if each.kind == kind]
    averaged = [each for each in candidates if each.averaged]
    chosen = averaged if len(candidates) > 1 and averaged else candidates
    if len(chosen) > 1:
        places = ", ".join(printable(".".join(each.path)) for each in chosen[:5])
        raise CheckpointError(f"{name} holds {len(chosen)} {kind}s, {places}; save one of them alone.")
    return chosen[0] if chosen else None


def _assembled(layers: Sequence[Layer], name: str) -> Found:
    for layer in layers:
        _check_known(layer)
    convolutions = [layer for layer in layers if len(layer.shape) == 4]
    norms = [layer for layer in layers if len(layer.shape) != 4]
    if len(convolutions) < 2:
        raise UnfitError("it has 1 convolution, and a DCGAN two or more")
    kind = _kind(convolutions)
    inner = convolutions[:-1] if kind == "generator" else convolutions[1:-1]
    if norms or kind == "generator":
        _check_norms(norms, inner, kind)
    last = convolutions[-1]
    path = _common([layer.path for layer in layers])
    weights = _weights(kind, convolutions, norms, name)
    if kind == "generator":
        channels = tuple(layer.shape[1] for layer in inner[::-1])
        base = convolutions[0].shape[2:]
        return Found(kind, path, channels, base, weights, convolutions[0].shape[0], biased="bias" in last.tensors)
    channels = tuple(layer.shape[0] for layer in convolutions[:-1])
    norm = bool(norms) or not inner  # the smallest D has no room for one
    biased = norm and any("bias" in layer.tensors for layer in (convolutions[0], last))
    return Found(kind, path, channels, last.shape[2:], weights, norm=norm, biased=biased)


def _check_known(layer: Layer) -> None:
    dimensions = len(layer.shape)
    unknown = [leaf for leaf in layer.tensors if leaf not in LEAVES]
    if unknown:
        raise UnfitError(f"{layer.name}.{printable(unknown[0])} is no part of a convolution or BatchNorm")
    if dimensions == 4:
        return
    statistics = [leaf for leaf in STATISTICS if leaf in layer.tensors]
    if dimensions > 1:
        raise UnfitError(f"{layer.name}.weight is {layer.shape}, and all layers are convolutions or BatchNorm")
    if len(statistics) < 2:
        missing = [leaf for leaf in STATISTICS if leaf not in statistics]
        raise UnfitError(f"{layer.name} lacks {' and '.join(missing)}, as a BatchNorm that was trained has them")
    if ("weight" in layer.tensors) != ("bias" in layer.tensors):
        raise UnfitError(f"{layer.name} lacks {'bias' if 'weight' in layer.tensors else 'weight'}")


def _kind(convolutions: Sequence[Layer]) -> str:
    """Of which network these are the convolutions, by their shapes in order."""
    shapes = [layer.shape for layer in convolutions]
    up = [before[1] == after[0] for before, after in pairwise(shapes)]  # transposed: (in, out, h, w)
    down = [before[0] == after[1] for before, after in pairwise(shapes)]
    generator = sum(up) + (shapes[-1][1] == 3) >= sum(down) + (shapes[0][1] == 3)
    for fits, before, after in zip(up if generator else down, convolutions, convolutions[1:], strict=False):
        if not fits:
            raise UnfitError(
                f"{after.name}.weight is {after.shape}, which does not follow {before.name}.weight, {before.shape}"
            )
    picture = convolutions[-1 if generator else 0]
    colours = picture.shape[1]
    if colours != 3:
        raise UnfitError(
            f"{picture.name}.weight is {picture.shape}, for pictures of {colours} channels, and only pictures of 3 "
            f"(red, green, blue) can be explained"
        )
    if not generator and shapes[-1][0] != 1:
        raise UnfitError(f"the discriminator answers {shapes[-1][0]} numbers, not one")
    ends = convolutions[0] if generator else convolutions[-1]
    for layer in convolutions:
        sizes = tuple(BASES.values()) if layer is ends else ((4, 4),)
        if layer.shape[2:] not in sizes or 0 in layer.shape:
            kernels = " or ".join(f"{height} x {width}" for height, width in sizes)
            raise UnfitError(f"{layer.name}.weight is {layer.shape}, and its kernel must be {kernels}")
    return "generator" if generator else "discriminator"


def _check_norms(norms: Sequence[Layer], inner: Sequence[Layer], kind: str) -> None:
    """One BatchNorm after each convolution but G's last, and D's first and last, of its channels."""
    expected = [layer.shape[1 if kind == "generator" else 0] for layer in inner]
    found = [norm.tensors["running_mean"].numel() for norm in norms]
    if found != expected:
        raise UnfitError(
            f"its {kind} has BatchNorm of {_list(found)} channels, and a DCGAN of these convolutions has "
            f"{_list(expected)}"
        )


def _list(counts: Sequence[int]) -> str:
    return ", ".join(map(str, counts)) or "no"


def _weights(kind: str, convolutions: Sequence[Layer], norms: Sequence[Layer], name: str) -> dict[str, Tensor]:
    """The weights under our names; a convolution's bias before a BatchNorm is one with its running mean."""
    weights, index, waiting = {}, 0, list(norms)
    transposed = kind == "generator"
    for number, layer in enumerate(convolutions):
        tensors = _floats(layer, name)
        weight = normalised(tensors, transposed, f"{name}: {layer.name}")
        bias = tensors.get("bias")
        weights[f"layers.{index}.weight"] = weight
        if _has_norm(kind, number, len(convolutions), bool(norms)):
            norm = _batchnorm(_floats(waiting.pop(0), name))
            if bias is not None:
                norm["running_mean"] = norm["running_mean"] - bias
            weights |= {f"layers.{index + 1}.{leaf}": tensor for leaf, tensor in norm.items()}
            index += 3
            continue
        if bias is not None:
            weights[f"layers.{index}.bias"] = bias
        index += 2
    return weights


def _has_norm(kind: str, number: int, count: int, norms: bool) -> bool:
    return norms and number < count - 1 and (kind == "generator" or number > 0)


def _floats(layer: Layer, name: str) -> dict[str, Tensor]:
    return {
        leaf: tensor if leaf == "num_batches_tracked" else checked(f"{layer.name}.{leaf}", tensor, name)
        for leaf, tensor in layer.tensors.items()
    }


def _batchnorm(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """With scale 1 and offset 0 where it has none of its own."""
    mean = tensors["running_mean"]
    norm = {"weight": torch.ones_like(mean), "bias": torch.zeros_like(mean), **tensors}
    counter = norm.get("num_batches_tracked")
    if counter is None or counter.numel() != 1 or counter.is_meta or counter.dtype != torch.int64:
        norm["num_batches_tracked"] = torch.tensor(0)  # absent in old files; nothing depends on it
    else:
        norm["num_batches_tracked"] = counter.reshape(())
    return norm


def _common(paths: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    first, last = min(paths), max(paths)
    same = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first[:same]
