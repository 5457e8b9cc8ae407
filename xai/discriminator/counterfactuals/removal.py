"""Proof by removal: whether the filters with the largest contributions carry the verdict.

    curves = removal_curves(replacement, poster, reference, layer="layers.7")
    curves.counts                                   # (1, 2, 4, ..., 256) filters replaced
    curves.logits["contribution"]                   # the logit then, the filters with the largest contributions first
    curves.logits["activity"]                       # the same for those that fire most

Filters are ordered for each poster anew. "contribution": by what they add to the logit in the direction of its
difference from the reference, so those that speak against it come last. "change": by how far their map is from the
reference's. "activity": by the mean of their map. "random": the mean over several random orders. Of all layers
together, change and activity count in multiples of their layer's mean size. What contributions say is right if their
curve leaves the poster's logit the fastest (the deletion game of Samek et al. 2017, with filters for pixels).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xai.discriminator.counterfactuals.replacement import Replacement, by_reference, filter_maps
from xai.discriminator.relevance import FilterContributions, filter_contributions
from xai.errors import ExplanationError

Floats = NDArray[np.float64]
Maps = Sequence[Tensor]

ALL_LAYERS = "all layers"
CONTRIBUTION, CHANGE, ACTIVITY, RANDOM = "contribution", "change", "activity", "random"
ORDERS = {
    CONTRIBUTION: "largest contributions first",
    CHANGE: "most changed from the reference first",
    ACTIVITY: "most active first",
    RANDOM: "in random order",
}
RANDOM_ORDERS = 5


@dataclass(frozen=True, eq=False)
class RemovalCurves:
    """The logit of one poster with its first filters replaced, in several orders.

    layer : whose filters, or "all layers". counts : how many are replaced. logits : by order, (counts,).
    logit : with none replaced. base_logit : of the reference.
    """

    layer: str
    counts: tuple[int, ...]
    logits: Mapping[str, Floats]
    logit: float
    base_logit: float

    def moved(self, order: str) -> Floats:
        """(counts,): how far the logit has come from the poster's towards the reference's; below 0 is away from it."""
        return (self.logit - self.logits[order]) * (1 if self.logit > self.base_logit else -1)

    def turned(self, order: str) -> NDArray[np.bool_]:
        """(counts,): whether the logit is on the other side of 0."""
        return np.asarray((self.logits[order] > 0) != (self.logit > 0))


@dataclass(frozen=True, eq=False)
class Poster:
    """What orders are made from: a poster's contributions and maps, and the reference's maps."""

    contributions: FilterContributions
    maps: Maps
    reference_maps: Maps

    @classmethod
    def of(cls, replacement: Replacement, image: Tensor, reference: Tensor) -> Poster:
        score = replacement.score
        known = by_reference(score, reference).values
        return cls(filter_contributions(score, image, reference), filter_maps(score, image), known)


def removal_curves(
    replacement: Replacement, image: Tensor, reference: Tensor, layer: str = ALL_LAYERS, seed: int = 0
) -> RemovalCurves:
    """Curves of one poster (1, 3, H, W), compared with a reference (1, 3, H, W); ``seed`` of the random orders.

    Raises
    ------
    ExplanationError
        If there is no such layer, or not one picture each of the network's size is given.
    """
    return curves_of(replacement, Poster.of(replacement, image, reference), layer, seed)


def curves_of(replacement: Replacement, poster: Poster, layer: str, seed: int) -> RemovalCurves:
    """As :func:`removal_curves`, of a poster that was run before."""
    columns = _columns(replacement, layer)
    counts, orders = counts_up_to(len(columns)), _orders(poster, columns, seed)
    joined = np.concatenate([orders[name] for name in ORDERS])  # (orders, columns); those at random stand last
    ranks = joined.argsort(1)
    masks = torch.zeros(len(joined), len(counts), replacement.filters, dtype=torch.bool)
    first = ranks[:, None, :] < np.array(counts)[None, :, None]
    masks[:, :, columns[0] : columns[-1] + 1] = torch.from_numpy(first)
    logits = replacement.logits(poster.maps, masks.flatten(0, 1)).double().numpy().reshape(len(joined), len(counts))
    single = len(ORDERS) - 1
    by_order = dict(zip(ORDERS, logits[:single], strict=False)) | {RANDOM: logits[single:].mean(0)}
    return RemovalCurves(layer, counts, by_order, poster.contributions.logit, poster.contributions.base_logit)


def counts_up_to(filters: int) -> tuple[int, ...]:
    """1, 2, 4, ... and all."""
    return (*(2**power for power in range((filters - 1).bit_length())), filters)


def _columns(replacement: Replacement, layer: str) -> range:
    names = [one.name for one in replacement.layers]
    if layer == ALL_LAYERS:
        return range(replacement.filters)
    if layer not in names:
        raise ExplanationError(f"{layer} is no activation layer; there are {', '.join(names)}, or {ALL_LAYERS}.")
    index = names.index(layer)
    first = sum(one.units for one in replacement.layers[:index])
    return range(first, first + replacement.layers[index].units)


def _orders(poster: Poster, columns: range, seed: int) -> dict[str, NDArray[np.intp]]:
    """By name, orders (R, len(columns)) of the filters, counted from the first column."""
    contributions = poster.contributions.joined() * poster.contributions.direction
    pairs = list(zip(poster.maps, poster.reference_maps, strict=True))
    strength = {
        CONTRIBUTION: contributions,
        CHANGE: _in_layers_size([(maps - base).abs() for maps, base in pairs]),
        ACTIVITY: _in_layers_size([maps for maps, _ in pairs]),
    }
    part = slice(columns.start, columns.stop)
    orders = {name: np.argsort(-values[part], kind="stable")[None] for name, values in strength.items()}
    random = np.random.default_rng(seed)
    return orders | {RANDOM: np.stack([random.permutation(len(columns)) for _ in range(RANDOM_ORDERS)])}


def _in_layers_size(maps: Maps) -> Floats:
    """(F,): mean of each filter's map, in multiples of the mean size of its layer's."""
    means = [one[0].double().mean((1, 2)).numpy() for one in maps]
    return np.concatenate([mean / (np.abs(mean).mean() or 1.0) for mean in means])
