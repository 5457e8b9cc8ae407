"""Cut filters out of a generator for good: a smaller network that generates nearly the same posters.

    smaller = prune(generator, {"layers.5": [3, 17, 40]})        # without these filters
    order = ranking(generator, "duplicates")                     # or "norm", "random", "effect" with effects(table)
    smaller = prune(generator, first_of(generator, order, 0.1))  # without the first tenth of a ranking
    whole, less = costs(generator, smaller)                      # parameters, multiply-adds, milliseconds
    gan.save(directory, smaller, discriminator)                  # a normal checkpoint

A filter of an activation layer is cut out of the transposed convolution before it, its BatchNorm, and the
transposed convolution after it. What it did need not be lost (``fold``): "regression" gives its part to the
filters that stay, as far as they predict it at the same place (He, Zhang, Sun 2017), and its mean to the next
BatchNorm; "mean" folds the mean only; "none" is the network with these filters held at 0. After the last layer
there is no BatchNorm to take up a mean, so there the regression runs through the origin and predicts the mean too, as
well as it can. Folding a mean is exact away from the border on average only: a BatchNorm has one constant for all
places, while a strided transposed convolution reads other weights at odd places than at even ones.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from statistics import median
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

from gan.evaluation import estimates
from gan.evaluation.estimates import Estimate
from gan.networks.dcgan import ConditionedConvTranspose2d, Generator, latents
from gan.networks.seeds import reserved
from xai.errors import ExplanationError
from xai.networks.hooks import activations, check_given

if TYPE_CHECKING:
    from xai.generator.filter_table import FilterTable

Removed = Mapping[str, Sequence[int]]
Order = Sequence[tuple[str, int]]
Fold = Literal["regression", "mean", "none"]
RANKINGS = ("effect", "duplicates", "norm", "random")
FOLD_SEEDS = reserved("pruning")  # with 64 the 512 filters of a 4 x 4 layer predict each other too well
AT_ONCE = 32  # posters, so that the maps of a layer fit into memory
RIDGE = 1e-3  # of the filters' mean variance (in the last layer, energy)


@dataclass(frozen=True)
class Cost:
    """parameters : count. multiply_adds : of one picture. milliseconds : for one picture, median of 9, measured."""

    parameters: int
    multiply_adds: int
    milliseconds: float


@dataclass(frozen=True, eq=False)
class UnitStatistics:
    """By activation layer, over all places of ``FOLD_SEEDS``: mean (U,) and covariance (U, U) of its U filters."""

    mean: Mapping[str, Tensor]
    covariance: Mapping[str, Tensor]


def activation_layers(generator: Generator) -> dict[str, int]:
    """Names of the layers whose filters can be pruned, first to last, with their numbers of filters."""
    count = len(generator.layers) // 3
    return {f"layers.{3 * index + 2}": _convolution(generator, index).weight.shape[1] for index in range(count)}


@torch.no_grad()
def unit_statistics(generator: Generator) -> UnitStatistics:
    """Means and covariances for folding and for the ranking by duplicates; measure them once for many of these."""
    layers = activation_layers(generator)
    places = dict.fromkeys(layers, 0)
    total = {layer: torch.zeros(count, dtype=torch.double) for layer, count in layers.items()}
    square = {layer: torch.zeros(count, count, dtype=torch.double) for layer, count in layers.items()}
    for start in range(0, len(FOLD_SEEDS), AT_ONCE):
        by_layer = activations(generator, latents(FOLD_SEEDS[start : start + AT_ONCE], generator.config), list(layers))
        for layer, maps in by_layer.items():
            flat = maps.transpose(0, 1).flatten(1).double()
            places[layer] += flat.shape[1]
            total[layer] += flat.sum(1)
            square[layer] += flat @ flat.T
    mean = {layer: total[layer] / places[layer] for layer in layers}
    return UnitStatistics(
        mean, {layer: square[layer] / places[layer] - mean[layer].outer(mean[layer]) for layer in layers}
    )


@torch.no_grad()
def prune(
    generator: Generator, removed: Removed, fold: Fold = "regression", statistics: UnitStatistics | None = None
) -> Generator:
    """A new generator without these filters, by activation layer; the given one stays as it is.

    ``statistics`` are the generator's ``unit_statistics``, where they have been measured already.

    Raises
    ------
    ExplanationError
        If a layer or filter does not exist, or a layer would be left without any.
    """
    check_given(generator)
    remaining = _remaining(generator, removed)
    if statistics is None and fold != "none" and any(removed.values()):
        statistics = unit_statistics(generator)
    widths = tuple(len(units) for units in remaining)
    pruned = Generator(replace(generator.config, generator_channels=widths[::-1])).eval()
    weight, constant = _convolution(generator, 0).weight, torch.zeros(())
    for index, units in enumerate(remaining):
        _convolution(pruned, index).weight.copy_(weight[:, units])
        _keep_constant(_convolution(generator, index), _convolution(pruned, index), units)
        old, new = _norm(generator, index), _norm(pruned, index)
        for name, tensor in old.state_dict().items():
            new.state_dict()[name].copy_(tensor[units] if tensor.ndim else tensor)
        new.bias.add_((_scale(old) * constant).expand(len(old.bias))[units])
        weight, constant = _folded(generator, index, units, fold, statistics)
    last = _convolution(pruned, len(remaining))
    last.weight.copy_(weight)
    if last.bias is not None:
        last.bias.copy_(_convolution(generator, len(remaining)).bias)  # type: ignore[arg-type]  # both have one
    return pruned


def _keep_constant(old: nn.ConvTranspose2d, new: nn.ConvTranspose2d, units: Tensor) -> None:
    """Genres that were built into the first layer stay built in."""
    if isinstance(old, ConditionedConvTranspose2d) and isinstance(new, ConditionedConvTranspose2d):
        new.constant.copy_(old.constant[:, units])


@torch.no_grad()
def replacements(
    generator: Generator, layer: str, statistics: UnitStatistics | None = None
) -> tuple[list[int], list[float]]:
    """All filters of a layer in the order in which the others can best take their place, and what each one costs.

    One after the other that filter goes that adds least to the error with which ``prune`` predicts all that are
    gone from those that stay (ridge regression, its penalty included). An error counts by the squared norm of the
    weights that read the filter, and a cost is a fraction of the variance that the next layer reads (in the last
    layer, of the energy: there a mean is lost with its filter). Of two equal filters one goes for nearly nothing, and
    then the other one only at its full price.

    Backward elimination (Couvreur and Bresler 2000). With P the inverse of covariance + ridge and b the
    coefficients of a filter that is gone, the loss of filter u adds b_u^2 / P_uu to that one's error, and leaves
    1 / P_uu - ridge of its own; both matrices are downdated, so that a layer costs one inverse.
    """
    index = list(activation_layers(generator)).index(_checked(generator, layer))
    covariance = _regression_matrix(generator, layer, statistics or unit_statistics(generator))
    reads = _convolution(generator, index + 1).weight.detach().double().flatten(1).square().sum(1)
    reads = reads / (reads @ covariance.diagonal()).clamp_min(1e-30)
    ridge, count = _ridge(covariance), len(covariance)
    inverse = torch.linalg.inv(covariance + ridge * torch.eye(count, dtype=torch.double))
    predicted = torch.eye(count, dtype=torch.double)  # each filter (row) from those that stay (columns)
    stays = torch.ones(count, dtype=torch.bool)
    order: list[int] = []
    costs: list[float] = []
    for _ in range(count):
        pivots = torch.where(stays, inverse.diagonal(), 1.0)
        price = torch.where(stays, (reads @ predicted.square()) / pivots - ridge * reads, torch.inf)
        unit = int(price.argmin())
        order.append(unit)
        costs.append(max(float(price[unit]), 0.0))
        step = inverse[unit] / inverse[unit, unit]
        predicted -= predicted[:, unit].outer(step)
        inverse -= inverse[unit].outer(step)
        stays[unit] = False
    return order, costs


def weight_norms(generator: Generator, layer: str) -> Tensor:
    """Norm (U,) of the weights that read each filter, times the scale that its BatchNorm gives it (Li et al. 2017)."""
    index = list(activation_layers(generator)).index(_checked(generator, layer))
    following = _convolution(generator, index + 1).weight.detach()
    scale = _norm(generator, index).weight.detach().abs()
    return following.flatten(1).norm(dim=1) * scale  # type: ignore[no-any-return]


def effects(table: FilterTable) -> dict[str, Tensor]:
    """What ``ranking`` sorts by as "effect": by layer (U,), grey levels by which posters change without each filter."""
    layers = dict.fromkeys(table.layer.tolist())
    return {layer: torch.from_numpy(table.effect[table.layer == layer]) for layer in layers}


def ranking(
    generator: Generator,
    by: str,
    effects: Mapping[str, Tensor] | None = None,
    seed: int = 0,
    statistics: UnitStatistics | None = None,
) -> list[tuple[str, int]]:
    """All filters as (layer, unit), those to go first: by "effect", "duplicates", "norm" or "random".

    "effect" needs ``effects``, (U,) by layer: how much the picture changes without each filter. "duplicates" takes
    first what the other filters of its layer can replace best (``replacements``; ``statistics`` saves measuring them).
    "norm" goes by the weights that read a filter, "random" by ``seed``.

    Raises
    ------
    ExplanationError
        If the ranking is unknown, or effects are missing or of another generator.
    """
    layers = activation_layers(generator)
    if by == "random":
        units = [(layer, unit) for layer, count in layers.items() for unit in range(count)]
        order = torch.randperm(len(units), generator=torch.Generator().manual_seed(seed)).tolist()
        return [units[place] for place in order]
    if by == "duplicates":
        return _replaceable_first(generator, statistics or unit_statistics(generator))
    if by == "effect":
        worth = _fitting(layers, effects)
    elif by == "norm":
        # Norms of different layers do not compare; their size within the layer does.
        norms = {layer: weight_norms(generator, layer) for layer in layers}
        worth = {layer: norm / norm.mean() for layer, norm in norms.items()}
    else:
        raise ExplanationError(f"There is no ranking {by!r}; there are {', '.join(RANKINGS)}.")
    flat = [(float(value), layer, unit) for layer in layers for unit, value in enumerate(worth[layer])]
    return [(layer, unit) for _, layer, unit in sorted(flat)]


def _replaceable_first(generator: Generator, statistics: UnitStatistics) -> list[tuple[str, int]]:
    """The layers' orders merged by cost; within a layer none overtakes one that has to go before it."""
    ranked = []
    for layer in activation_layers(generator):
        order, costs = replacements(generator, layer, statistics)
        ranked += [(dearest, layer, unit) for dearest, unit in zip(accumulate(costs, max), order, strict=True)]
    return [(layer, unit) for _, layer, unit in sorted(ranked, key=lambda one: one[0])]


def _fitting(layers: Mapping[str, int], effects: Mapping[str, Tensor] | None) -> Mapping[str, Tensor]:
    if not effects:
        raise ExplanationError("Ranking by effect needs the effects.")
    if {layer: len(values) for layer, values in effects.items()} != layers:
        raise ExplanationError("These effects are those of another generator.")
    return effects


def first_of(generator: Generator, order: Order, fraction: float) -> dict[str, list[int]]:
    """The first ``fraction`` (0 to 1) of a ranking, by layer; the last filter of a layer always stays."""
    left = activation_layers(generator)
    chosen: dict[str, list[int]] = {}
    for layer, unit in order[: round(fraction * len(order))]:
        if left[layer] > 1:
            left[layer] -= 1
            chosen.setdefault(layer, []).append(unit)
    return chosen


def costs(*generators: Generator) -> list[Cost]:
    """What one picture of each costs; they take turns, so that a machine that slows down slows all of them."""
    times = _milliseconds(generators)
    return [Cost(*counts(generator), spent) for generator, spent in zip(generators, times, strict=True)]


def time_change(before: Generator, after: Generator, pairs: int = 40) -> Estimate:
    """Change of the time for one picture, from one generator to another: -0.3 is 30 % less.

    Each of ``pairs`` times both, in turns, so that what else the machine does slows both; the value is the median of
    the pairs' changes, with its interval by the sign test.
    """
    spent = torch.tensor(_times((before, after), pairs))
    return estimates.median((spent[1] / spent[0] - 1).double().numpy())


def counts(generator: Generator) -> tuple[int, int]:
    """Parameters, and multiply-adds of one picture."""
    z = latents([0], generator.config, next(generator.parameters()).device)
    # torch's own FlopCounterMode counts the same, and imports the compiler for it: 170 MB, and seconds on the page.
    products: list[int] = []
    handles = [
        module.register_forward_hook(lambda *call: products.append(_products(*call)))
        for module in generator.modules()
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)
    ]
    try:
        with torch.no_grad():
            generator(z)
    finally:
        for handle in handles:
            handle.remove()
    return sum(weight.numel() for weight in generator.parameters()), sum(products)


def _products(layer: nn.Conv2d | nn.ConvTranspose2d | nn.Linear, inputs: tuple[Tensor, ...], output: Tensor) -> int:
    """Of one picture: a weight is used once for each place of the output, of a transposed convolution of the input."""
    places = inputs[0] if isinstance(layer, nn.ConvTranspose2d) else output
    return layer.weight.numel() * places[0, 0].numel()


def _milliseconds(generators: Sequence[Generator], turns: int = 9) -> list[float]:
    return [1000 * median(times) for times in _times(generators, turns)]


@torch.inference_mode()
def _times(generators: Sequence[Generator], turns: int) -> list[list[float]]:
    """Seconds of each generator for one picture in each turn; two turns before them warm up."""
    spent: list[list[float]] = [[] for _ in generators]
    for _ in range(turns + 2):
        for generator, times in zip(generators, spent, strict=True):
            z = latents([0], generator.config, next(generator.parameters()).device)
            start = time.perf_counter()
            generator(z)
            times.append(time.perf_counter() - start)
    return [times[2:] for times in spent]


def _remaining(generator: Generator, removed: Removed) -> list[Tensor]:
    layers = activation_layers(generator)
    for layer in removed:
        _checked(generator, layer)
    remaining = []
    for layer, count in layers.items():
        gone = set(removed.get(layer, ()))
        outside = [unit for unit in gone if not 0 <= unit < count]
        if outside:
            raise ExplanationError(f"{layer} has units 0 to {count - 1}; {outside[0]} is none of them.")
        left = [unit for unit in range(count) if unit not in gone]
        if not left:
            raise ExplanationError(f"{layer} would be left without any filter.")
        remaining.append(torch.tensor(left))
    return remaining


def _checked(generator: Generator, layer: str) -> str:
    layers = activation_layers(generator)
    if layer not in layers:
        raise ExplanationError(f"{layer!r} has no filters to prune; there are {', '.join(layers)}.")
    return layer


def _folded(
    generator: Generator, index: int, remaining: Tensor, fold: Fold, statistics: UnitStatistics | None
) -> tuple[Tensor, Tensor]:
    """The next layer's weight for the remaining filters of this one, and the constant that it gains (per output)."""
    following = _convolution(generator, index + 1)
    weight, count = following.weight, following.weight.shape[0]
    removed = torch.tensor([unit for unit in range(count) if unit not in set(remaining.tolist())], dtype=torch.long)
    if statistics is None or fold == "none" or not len(removed):
        return weight[remaining], torch.zeros(weight.shape[1])
    layer = f"layers.{3 * index + 2}"
    means = statistics.mean[layer]
    coefficients = torch.zeros(len(remaining), len(removed), dtype=torch.double)
    if fold == "regression":
        coefficients = _regression(_regression_matrix(generator, layer, statistics), remaining, removed)
    constant = torch.zeros(count)
    constant[removed] = (means[removed] - means[remaining] @ coefficients).float()
    inner: Tensor = following(constant[None, :, None, None].expand(1, -1, 3, 3).contiguous())
    gained = weight[remaining] + torch.einsum("kg,gohw->kohw", coefficients.float(), weight[removed])
    return gained, inner[0, :, 2:4, 2:4].mean((1, 2))  # every phase of the stride once


def _regression_matrix(generator: Generator, layer: str, statistics: UnitStatistics) -> Tensor:
    """What regressions are made of (U, U): covariances, or second moments where no BatchNorm takes up the means."""
    covariance, mean = statistics.covariance[layer], statistics.mean[layer]
    last = list(activation_layers(generator))[-1]
    return covariance + mean.outer(mean) if layer == last else covariance


def _regression(covariance: Tensor, remaining: Tensor, removed: Tensor) -> Tensor:
    """Ridge regression (K, G) of the filters that go on those that stay."""
    inner = covariance[remaining][:, remaining] + _ridge(covariance) * torch.eye(len(remaining), dtype=covariance.dtype)
    return torch.linalg.solve(inner, covariance[remaining][:, removed])  # type: ignore[no-any-return]  # torch.linalg has no types


def _ridge(covariance: Tensor) -> float:
    """The same for every choice of filters that stay, so that rankings foresee what folding does."""
    return RIDGE * float(covariance.diagonal().mean().clamp_min(1e-12))


def _scale(norm: nn.BatchNorm2d) -> Tensor:
    """What an eval-mode BatchNorm multiplies each channel by."""
    assert norm.running_var is not None  # a generator's BatchNorm keeps statistics
    return norm.weight * (norm.running_var + norm.eps).rsqrt()


def _convolution(generator: Generator, index: int) -> nn.ConvTranspose2d:
    return generator.layers[3 * index]  # type: ignore[return-value]  # every third module is one


def _norm(generator: Generator, index: int) -> nn.BatchNorm2d:
    return generator.layers[3 * index + 1]  # type: ignore[return-value]  # and the next is its BatchNorm
