"""What each filter of a discriminator stands for: a concept is named only where two proofs agree.

    posters = Pictures(len(held_out), held_out.tensor)
    table = study_concepts(Score(checkpoint.discriminator), posters, digest=checkpoint.digest)
    table.counts()                       # {"border": 63, "blue": 9, ...}
    table.random, table.permuted         # what the same rule names where there is nothing to name

First, the filter's map follows the concept's mask over many posters, more than it follows the masks of other posters;
second, it tells drawn posters with the concept from those without (:mod:`xai.discriminator.concepts.proofs`,
:mod:`xai.discriminator.concepts.drawn`). Random filters follow light and shade, too: a filter has a name only where its
evidence is above what random filters of the same layer have for any concept (max-T, Westfall and Young 1993).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gan.progress import Progress
from xai.discriminator.concepts.drawn import DrawnPairs, drawn_pairs
from xai.discriminator.concepts.masks import CONCEPTS, arithmetic, masks
from xai.discriminator.concepts.proofs import Follows, TellsApart, follows, tells_apart
from xai.discriminator.concepts.table import NONE, RULE, ConceptTable
from xai.discriminator.responses import FilterLayer, filter_layers
from xai.errors import ExplanationError
from xai.networks.batches import at_once
from xai.networks.random_weights import random_weights
from xai.networks.score import Score

ROWS = 64  # pictures at once, fewer of large ones
GRID = 32  # cells of the shorter side at most: larger maps and masks are averaged to this
PAIRS = 64  # drawn pairs of each concept
LEVEL = 0.05  # of one filter being found to follow one concept by chance, over all filters and concepts
LEAST = 0.04  # excess of the IoU below which a concept is not worth a name (as in network dissection)
KEPT_OUT = 0.025  # of the random filters that thresholds come from, how many would get a name
LEAST_SPREAD = 0.02  # of random filters' excess; smaller ones are chance
RANDOM_FILTERS, MOST_NETWORKS = 192, 16  # of each layer, that thresholds come from; random networks at most


@dataclass(frozen=True)
class Pictures:
    """``count`` pictures; ``read`` gives those of some rows, float (n, 3, H, W) in [-1, 1].

    detected : by concept that a detector finds, bool (N, H, W).
    """

    count: int
    read: Callable[[Sequence[int]], Tensor]
    detected: Mapping[str, Tensor] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The concepts that can be looked for."""
        return (*arithmetic(), *(self.detected or {}))

    def batches(self) -> Iterator[tuple[slice, Tensor]]:
        """All pictures, some at a time."""
        rows, start = ROWS, 0
        while start < self.count:
            images = self.read(range(start, min(start + rows, self.count)))
            rows = at_once(ROWS, images.shape[2:])
            yield slice(start, start + len(images)), images
            start += len(images)


@dataclass(frozen=True, eq=False)
class Evidence:
    """Both proofs of a layer's filters."""

    follows: Follows
    apart: TellsApart

    def agreed(self, tests: int) -> Tensor:
        """(U, C): the IoU's excess where both proofs agree, significant after Bonferroni's correction; else 0."""
        least = float(torch.special.ndtri(torch.tensor(1 - LEVEL / tests, dtype=torch.double)))
        first = (self.follows.z > least) & (self.follows.excess >= LEAST)
        return torch.where(first & (self.apart.low > 0.5), self.follows.excess, 0.0)


def study_concepts(
    score: Score, pictures: Pictures, digest: str = "", kind: str = "posters", progress: Progress | None = None
) -> ConceptTable:
    """Look for every concept in every filter of all activation layers.

    Parameters
    ----------
    digest, kind : of the weights, and of the pictures, for the record.
    progress : called with the finished fraction; an exception in it ends the study.

    Raises
    ------
    ExplanationError
        If there are fewer than 20 pictures, or the network is none whose filters have responses.
    """
    if pictures.count < 20:
        raise ExplanationError(f"A study of concepts needs at least 20 pictures, not {pictures.count}.")
    layers = filter_layers(score)
    laboratory = Laboratory.of(pictures, layers, score.size or (1, 1))

    def measure(seed: int | None, exchanged: bool) -> list[Evidence]:
        one = score if seed is None else random_weights(score, (batch for _, batch in pictures.batches()), seed)
        return laboratory.evidence(one, layers, exchanged)

    units = {layer.name: layer.units for layer in layers}
    return named(measure, units, pictures.names, Record(digest, pictures.count, kind), progress)


@dataclass(frozen=True)
class Record:
    """What a study was of: the weights' digest, how many pictures, of which kind."""

    digest: str
    count: int
    kind: str


def named(
    measure: Callable[[int | None, bool], list[Evidence]],
    units: Mapping[str, int],
    names: Sequence[str],
    record: Record,
    progress: Progress | None = None,
) -> ConceptTable:
    """Name the filters of a network, with thresholds from random ones, and the two controls.

    measure : gives each layer's evidence, of the network (None) or of one with random weights (its seed); and whether
        with exchanged maps. units : number of filters by layer. names : of the concepts.
    """
    report = progress or (lambda done: None)
    networks = min(MOST_NETWORKS, -(-RANDOM_FILTERS // min(units.values())))
    tests = sum(units.values()) * len(names)
    finished = iter(range(1, networks + 4))

    def agreed(seed: int | None, exchanged: bool = False) -> tuple[list[Evidence], list[Tensor]]:
        found = measure(seed, exchanged)
        report(next(finished) / (networks + 3))
        return found, [one.agreed(tests) for one in found]

    fits = [agreed(seed)[1] for seed in range(networks)]
    thresholds = [thresholds_of(torch.cat(each)) for each in zip(*fits, strict=True)]
    own, found = agreed(None)
    others = agreed(networks)[1], agreed(None, exchanged=True)[1]
    labels, *controls = (
        torch.cat([label(one, limit) for one, limit in zip(each, thresholds, strict=True)]) for each in (found, *others)
    )
    limits = torch.cat(
        [limit.excess.expand(count, -1) for limit, count in zip(thresholds, units.values(), strict=True)]
    )
    return ConceptTable(
        **_columns(own),
        layer=np.concatenate([[name] * count for name, count in units.items()]),
        unit=np.concatenate([np.arange(count, dtype=np.int32) for count in units.values()]),
        concept=np.array(names),
        label=labels.int().numpy(),
        threshold=limits.float().numpy(),
        controls=np.array([[int((each != NONE).sum()), len(each)] for each in controls], np.int32),
        digest=record.digest,
        pictures=record.count,
        kind=record.kind,
        rule=RULE,
    )


@dataclass(frozen=True, eq=False)
class Thresholds:
    """What random filters of a layer have: mean and spread (C,) of their excess, and how many spreads are too many."""

    mean: Tensor
    spread: Tensor
    most: float

    @property
    def excess(self) -> Tensor:
        """(C,), the excess that a filter needs."""
        return self.mean + self.most * self.spread


def thresholds_of(agreed: Tensor) -> Thresholds:
    """From the agreed excess (R, C) of random filters: 2.5 % of them are above in any concept."""
    mean, spread = agreed.mean(0), agreed.std(0, correction=0).clamp_min(LEAST_SPREAD)
    largest = torch.where(agreed > 0, (agreed - mean) / spread, -torch.inf).amax(1)
    order = largest.sort(descending=True).values
    most = float(order[int(KEPT_OUT * len(order))])
    return Thresholds(mean, spread, max(most, 0.0))


def label(agreed: Tensor, thresholds: Thresholds) -> Tensor:
    """Index (U,) of the concept with the largest of the agreed excesses (U, C) that random filters do not reach."""
    above = torch.where(agreed > thresholds.excess, agreed, 0.0)
    best = above.max(1)
    return torch.where(best.values > 0, best.indices, NONE)


@dataclass(frozen=True, eq=False)
class Laboratory:
    """Pictures with their masks and drawn pairs: what every network's filters are measured with.

    coverage : float16 (N, C, h, w), the proportion of each cell that a mask covers, of the finest layer's cells.
    """

    pictures: Pictures
    coverage: Tensor
    pairs: Sequence[DrawnPairs]
    places: Tensor

    @staticmethod
    def of(pictures: Pictures, layers: Sequence[FilterLayer], size: tuple[int, int], pairs: int = PAIRS) -> Laboratory:
        """Measure the masks, and draw."""
        names = pictures.names
        grid = max((_grid(layer) for layer in layers), key=lambda cells: cells[0] * cells[1])
        parts = []
        for rows, images in pictures.batches():
            detected = {name: found[rows] for name, found in (pictures.detected or {}).items()}
            parts.append(functional.adaptive_avg_pool2d(masks(images, names, detected).float(), grid).half())
        drawn = [drawn_pairs(name, pairs, size) for name in names] if pairs else []
        places = torch.tensor([CONCEPTS[name].is_place for name in names])
        return Laboratory(pictures, torch.cat(parts), drawn, places)

    def evidence(self, score: Score, layers: Sequence[FilterLayer], exchanged: bool = False) -> list[Evidence]:
        """Both proofs for a network's layers; ``exchanged``: with maps of other posters, moved to other places."""
        apart = self._apart(score, layers)
        return [Evidence(self._follows(score, layer, exchanged), one) for layer, one in zip(layers, apart, strict=True)]

    def maps_and_coverage(self, score: Score, layer: FilterLayer) -> tuple[Tensor, Tensor]:
        """A layer's maps (N, U, h, w) and the masks' part of their cells (N, C, h, w), both in half precision."""
        grid = _grid(layer)
        maps = torch.cat([pooled(_maps(score, images, layer), grid) for _, images in self.pictures.batches()])
        return maps, pooled(self.coverage, grid)

    def _follows(self, score: Score, layer: FilterLayer, exchanged: bool) -> Follows:
        maps, coverage = self.maps_and_coverage(score, layer)
        maps = exchanged_maps(maps) if exchanged else maps
        return follows(maps.flatten(2), coverage.flatten(2).transpose(1, 2), self.places)

    @torch.no_grad()
    def _apart(self, score: Score, layers: Sequence[FilterLayer]) -> list[TellsApart]:
        assert score.chain is not None  # checked by filter_layers
        found: list[list[TellsApart]] = [[] for _ in layers]
        for pairs in self.pairs:
            on = _in_region(score, pairs.on, pairs.region, layers)
            off = _in_region(score, pairs.off, pairs.outside, layers)
            for index in range(len(layers)):
                found[index].append(tells_apart(on[index], off[index]))
        names = ("auc", "low", "high")
        return [TellsApart(*(torch.stack([getattr(one, name) for one in each], 1) for name in names)) for each in found]


def _grid(layer: FilterLayer) -> tuple[int, int]:
    return grid_of(layer.height, layer.width)


def grid_of(height: int, width: int) -> tuple[int, int]:
    """The cells (rows, columns) in which maps of this size are compared with masks."""
    factor = max(1, min(height, width) // GRID)
    return height // factor, width // factor


def pooled(maps: Tensor, grid: tuple[int, int]) -> Tensor:
    """Maps (N, U, h, w) averaged to a grid of cells, in half precision."""
    if maps.shape[2:] == grid:
        return maps.half()
    return functional.adaptive_avg_pool2d(maps.float(), grid).half()


@torch.no_grad()
def _maps(score: Score, images: Tensor, layer: FilterLayer) -> Tensor:
    assert score.chain is not None  # checked by filter_layers
    for step in score.chain.steps[: layer.after]:
        images = step.forward(images, True)
    return images


def exchanged_maps(maps: Tensor) -> Tensor:
    """Maps (N, U, h, w) of other posters, each moved around the rim to another place; the same for all filters."""
    random = torch.Generator().manual_seed(0)
    count, _, height, width = maps.shape
    order = torch.randperm(count, generator=random)
    down, across = (torch.randint(side, (count,), generator=random).tolist() for side in (height, width))
    moved = [maps[row].roll((down[place], across[place]), (1, 2)) for place, row in enumerate(order.tolist())]
    return torch.stack(moved)


def _in_region(score: Score, images: Tensor, region: Tensor, layers: Sequence[FilterLayer]) -> list[Tensor]:
    """By layer, each filter's mean response (N, U) in the region of each picture."""
    assert score.chain is not None  # checked by filter_layers
    parts: list[list[Tensor]] = [[] for _ in layers]
    for rows in torch.split(torch.arange(len(images)), at_once(ROWS, images.shape[2:])):
        trace = score.chain.trace(images[rows], True)
        for index, layer in enumerate(layers):
            maps = trace.before[layer.after]
            weight = functional.adaptive_avg_pool2d(region[rows, None].float(), (layer.height, layer.width))
            inside = torch.einsum("nuhw,nhw->nu", maps, weight[:, 0])
            parts[index].append(inside / weight.sum((1, 2, 3)).clamp_min(1e-6)[:, None])
    return [torch.cat(each) for each in parts]


def _columns(found: Sequence[Evidence]) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    """The columns of both proofs, (U, C) each."""
    sources = {
        "iou": [e.follows.iou for e in found],
        "iou_low": [e.follows.low for e in found],
        "iou_high": [e.follows.high for e in found],
        "chance": [e.follows.chance for e in found],
        "z": [e.follows.z for e in found],
        "auc": [e.follows.auc for e in found],
        "second": [e.apart.auc for e in found],
        "second_low": [e.apart.low for e in found],
        "second_high": [e.apart.high for e in found],
    }
    return {name: torch.cat(parts).float().numpy() for name, parts in sources.items()}
