"""Take filters out of a generator for good: a smaller network that draws nearly the same posters.

    smaller = prune(generator, {"layers.5": [3, 17, 40]})        # these filters go
    cost(smaller).multiply_adds / cost(generator).multiply_adds
    gan.save(directory, smaller, discriminator)                  # a normal checkpoint

A filter of an activation layer is cut out of the transposed convolution before it, its BatchNorm, and the
transposed convolution after it. What it did need not be lost (``fold``): "regression" gives its part to the
filters that stay, as far as they foretell it at the same place (He, Zhang, Sun 2017), and its mean to the next
BatchNorm; "mean" folds the mean only; "none" is the network with these filters held at 0. A BatchNorm has one
constant for all places, while a strided transposed convolution reads other weights at odd places than at even
ones, and fewer at the border: ``fold_error`` measures what that costs in the picture.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from gan.models import Generator, latents
from xai.errors import ExplanationError
from xai.hooks import activations, edit, private_copy
from xai.units import MEAN_SEEDS, unit_means

Removed = Mapping[str, Sequence[int]]
Fold = Literal["regression", "mean", "none"]
RIDGE = 1e-3  # of the filters' mean energy


@dataclass(frozen=True)
class Cost:
    """parameters : count. multiply_adds : of one picture. milliseconds : for one picture, median of 9, measured."""

    parameters: int
    multiply_adds: int
    milliseconds: float


def activation_layers(generator: Generator) -> dict[str, int]:
    """Names of the layers whose filters can be pruned, first to last, with their numbers of filters."""
    count = len(generator.layers) // 3
    return {f"layers.{3 * index + 2}": _convolution(generator, index).weight.shape[1] for index in range(count)}


@torch.no_grad()
def prune(generator: Generator, removed: Removed, fold: Fold = "regression") -> Generator:
    """A new generator without these filters, by activation layer; the given one stays as it is.

    Means and regressions are over 64 fixed seeds. The last layer's filters have no BatchNorm after them, so
    their constants are lost.

    Raises
    ------
    ExplanationError
        If a layer or filter does not exist, or a layer would be left without any.
    """
    kept = _kept(generator, removed)
    widths = tuple(len(units) for units in kept)
    pruned = Generator(replace(generator.config, generator_channels=widths[::-1])).eval()
    weight, constant = _convolution(generator, 0).weight, torch.zeros(())
    for index, units in enumerate(kept):
        _convolution(pruned, index).weight.copy_(weight[:, units])
        old, new = _norm(generator, index), _norm(pruned, index)
        for name, tensor in old.state_dict().items():
            new.state_dict()[name].copy_(tensor[units] if tensor.ndim else tensor)
        new.bias.add_((_scale(old) * constant).expand(len(old.bias))[units])
        weight, constant = _folded(generator, index, units, fold)
    _convolution(pruned, len(kept)).weight.copy_(weight)
    return pruned


@torch.no_grad()
def fold_error(generator: Generator, layer: str, unit: int, seeds: Sequence[int] = range(16)) -> float:
    """RMS difference of pictures in [-1, 1]: this filter held at its mean everywhere, against its mean folded."""
    z = latents(seeds, generator.config)
    held = private_copy(generator)
    with edit(held, layer, [unit], float(unit_means(generator, layer)[unit])):
        exact = held(z)
    return float((prune(generator, {layer: [unit]}, "mean")(z) - exact).square().mean().sqrt())


def duplicates(generator: Generator, layer: str, seeds: Sequence[int] = range(256)) -> tuple[Tensor, Tensor]:
    """For each filter its largest correlation with another one of the layer (U,), and which one (U,).

    Over all places and seeds; 0 for filters that never change.
    """
    maps = activations(generator, latents(seeds, generator.config), [layer])[layer]
    flat = maps.transpose(0, 1).flatten(1)
    flat = flat - flat.mean(1, keepdim=True)
    size = flat.norm(dim=1, keepdim=True)
    unit = torch.where(size > 1e-6, flat / size.clamp_min(1e-6), torch.zeros_like(flat))
    correlation = unit @ unit.T
    correlation.fill_diagonal_(-1)
    largest, partner = correlation.max(1)
    return largest.clamp_min(0), partner


def weight_norms(generator: Generator, layer: str) -> Tensor:
    """Norm (U,) of the weights that read each filter, times the scale that its BatchNorm gives it (Li et al. 2017)."""
    index = list(activation_layers(generator)).index(_known(generator, layer))
    following = _convolution(generator, index + 1).weight.detach()
    scale = _norm(generator, index).weight.detach().abs()
    return following.flatten(1).norm(dim=1) * scale  # type: ignore[no-any-return]


def ranking(
    generator: Generator, by: str, effects: Mapping[str, Tensor] | None = None, seed: int = 0
) -> list[tuple[str, int]]:
    """All filters as (layer, unit), those to go first: by "effect", "duplicates", "norm" or "random".

    ``effects`` (U,) by layer, how much the picture changes without each filter, is what "effect" sorts by.

    Raises
    ------
    ExplanationError
        If the ranking is unknown, or effects are missing.
    """
    layers = activation_layers(generator)
    if by == "random":
        units = [(layer, unit) for layer, count in layers.items() for unit in range(count)]
        order = torch.randperm(len(units), generator=torch.Generator().manual_seed(seed)).tolist()
        return [units[place] for place in order]
    if by == "effect" and effects is not None:
        worth = {layer: effects[layer] for layer in layers}
    elif by == "duplicates":
        worth = {layer: -duplicates(generator, layer)[0] for layer in layers}
    elif by == "norm":
        # Norms of different layers do not compare; their size within the layer does.
        worth = {layer: weight_norms(generator, layer) / weight_norms(generator, layer).mean() for layer in layers}
    elif by == "effect":
        raise ExplanationError("Ranking by effect needs the effects.")
    else:
        raise ExplanationError(f"There is no ranking {by!r}; there are effect, duplicates, norm and random.")
    flat = [(float(value), layer, unit) for layer in layers for unit, value in enumerate(worth[layer])]
    return [(layer, unit) for _, layer, unit in sorted(flat)]


def first_of(generator: Generator, order: Sequence[tuple[str, int]], share: float) -> dict[str, list[int]]:
    """The first ``share`` (0 to 1) of a ranking, by layer; the last filter of a layer always stays."""
    left = activation_layers(generator)
    chosen: dict[str, list[int]] = {}
    for layer, unit in order[: round(share * len(order))]:
        if left[layer] > 1:
            left[layer] -= 1
            chosen.setdefault(layer, []).append(unit)
    return chosen


def cost(generator: Generator) -> Cost:
    """What one picture costs."""
    parameters = sum(weight.numel() for weight in generator.parameters())
    side, multiply_adds = 1, 0
    for module in generator.layers:
        if isinstance(module, nn.ConvTranspose2d):
            multiply_adds += module.weight.numel() * side**2
            side = (side - 1) * module.stride[0] - 2 * int(module.padding[0]) + module.kernel_size[0]
    return Cost(parameters, multiply_adds, _milliseconds(generator))


@torch.inference_mode()
def _milliseconds(generator: Generator, turns: int = 9) -> float:
    z = latents([0], generator.config, next(generator.parameters()).device)
    spent = []
    for _ in range(turns + 2):
        start = time.perf_counter()
        generator(z)
        spent.append(time.perf_counter() - start)
    return 1000 * sorted(spent[2:])[turns // 2]


def _kept(generator: Generator, removed: Removed) -> list[Tensor]:
    layers = activation_layers(generator)
    for layer in removed:
        _known(generator, layer)
    kept = []
    for layer, count in layers.items():
        gone = set(removed.get(layer, ()))
        outside = [unit for unit in gone if not 0 <= unit < count]
        if outside:
            raise ExplanationError(f"{layer} has units 0 to {count - 1}; {outside[0]} is none of them.")
        left = [unit for unit in range(count) if unit not in gone]
        if not left:
            raise ExplanationError(f"{layer} would be left without any filter.")
        kept.append(torch.tensor(left))
    return kept


def _known(generator: Generator, layer: str) -> str:
    layers = activation_layers(generator)
    if layer not in layers:
        raise ExplanationError(f"{layer!r} has no filters to prune; there are {', '.join(layers)}.")
    return layer


def _folded(generator: Generator, index: int, kept: Tensor, fold: Fold) -> tuple[Tensor, Tensor]:
    """The next layer's weight for the kept filters of this one, and the constant that it gains (per output)."""
    following = _convolution(generator, index + 1)
    weight, count = following.weight, following.weight.shape[0]
    gone = torch.tensor([unit for unit in range(count) if unit not in set(kept.tolist())], dtype=torch.long)
    if fold == "none" or not len(gone):
        return weight[kept], torch.zeros(weight.shape[1])
    layer = f"layers.{3 * index + 2}"
    maps = activations(generator, latents(MEAN_SEEDS, generator.config), [layer])[layer]
    flat = maps.transpose(0, 1).flatten(1).double()
    shares = torch.zeros(len(kept), len(gone), dtype=torch.float64)
    if fold == "regression":
        shares = _regression(flat[kept], flat[gone])
    means = flat.mean(1)
    constant = torch.zeros(count)
    constant[gone] = (means[gone] - means[kept] @ shares).float()
    inner: Tensor = following(constant[None, :, None, None].expand(1, -1, 3, 3).contiguous())
    gained = weight[kept] + torch.einsum("kg,gohw->kohw", shares.float(), weight[gone])
    return gained, inner[0, :, 2:4, 2:4].mean((1, 2))  # every phase of the stride once


def _regression(kept: Tensor, gone: Tensor) -> Tensor:
    """Ridge regression (K, G) of the filters that go (G, n) on those that stay (K, n), both centred."""
    kept, gone = kept - kept.mean(1, keepdim=True), gone - gone.mean(1, keepdim=True)
    inner = kept @ kept.T
    ridge = RIDGE * inner.diagonal().mean().clamp_min(1e-12) * torch.eye(len(kept), dtype=kept.dtype)
    return torch.linalg.solve(inner + ridge, kept @ gone.T)  # type: ignore[no-any-return]  # torch.linalg has no types


def _scale(norm: nn.BatchNorm2d) -> Tensor:
    """What an eval-mode BatchNorm multiplies each channel by."""
    assert norm.running_var is not None  # a generator's BatchNorm keeps statistics
    return norm.weight * (norm.running_var + norm.eps).rsqrt()


def _convolution(generator: Generator, index: int) -> nn.ConvTranspose2d:
    return generator.layers[3 * index]  # type: ignore[return-value]  # every third module is one


def _norm(generator: Generator, index: int) -> nn.BatchNorm2d:
    return generator.layers[3 * index + 1]  # type: ignore[return-value]  # and the next is its BatchNorm
