"""Diversity: whether the generated posters are too alike (mode collapse).

    diversity(held_out, generated, thumbnails(real_batches), thumbnails(generated_batches))["diversity_pixels"].value

:func:`gan.evaluation.report.evaluate` computes all of this; docs/evaluation.md says what it means.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import inf

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from gan.evaluation.estimates import Array, Estimates, Floats, from_halves, match_counts, random_halves
from gan.evaluation.features import Features
from gan.evaluation.metrics import compute, metric, ranges
from gan.evaluation.samples.neighbourhoods import distance_blocks

THUMBNAIL = 32  # pixels a side at which pictures are compared
RARE = 0.001  # proportion of pairs of real posters that count as near-identical


@dataclass(eq=False)
class PairSummary:
    """Of the distances of all pairs of ``count`` posters, added some at a time: what is asked of them, not themselves.

    threshold : pairs at most this far apart are counted.
    """

    count: int
    threshold: float = -inf
    _total: float = 0.0
    _near: int = 0
    _smallest: Floats = field(default_factory=lambda: np.empty(0))
    _limit: float = inf

    def add(self, distances: Floats) -> None:
        """Distances (P,) of some of the pairs."""
        self._total += float(distances.sum())
        self._near += int(np.count_nonzero(distances <= self.threshold))
        self._smallest = np.concatenate([self._smallest, distances[distances <= self._limit]])
        wanted = int(self._position) + 2
        if len(self._smallest) > wanted:
            self._smallest = np.partition(self._smallest, wanted - 1)[:wanted]
            self._limit = float(self._smallest[-1])

    @property
    def mean(self) -> float:
        return self._total / self._pairs

    @property
    def near(self) -> float:
        """Proportion of pairs that are no farther apart than the threshold."""
        return self._near / self._pairs

    @property
    def rare(self) -> float:
        """Quantile ``RARE`` of the distances, as ``numpy.quantile`` interpolates it."""
        return float(np.interp(self._position, np.arange(len(self._smallest)), np.sort(self._smallest)))

    @property
    def _pairs(self) -> int:
        return self.count * (self.count - 1) // 2

    @property
    def _position(self) -> float:
        return RARE * (self._pairs - 1)


@dataclass(frozen=True, eq=False)
class PairDistances:
    """Distances of all pairs of real and of generated posters, by features and by pixels.

    The threshold of ``generated_features`` is the ``rare`` distance of ``real_features``.
    """

    real_features: PairSummary
    generated_features: PairSummary
    real_pixels: PairSummary
    generated_pixels: PairSummary


@metric(
    "diversity",
    "feature distance of two posters, relative to real ones",
    "mean distance of two generated posters, relative to that of two held-out ones, in feature space",
    caveat="a few posters again and again hardly lower the mean",
    perfect=1.0,
    limits=(0.0, inf),
)
def diversity_features(pairs: PairDistances) -> float:
    return float(np.divide(pairs.generated_features.mean, pairs.real_features.mean))


@metric(
    "diversity",
    "pixel distance of two posters, relative to real ones",
    "the same between pictures reduced to at most 32 x 32 pixels",
    perfect=1.0,
    limits=(0.0, inf),
)
def diversity_pixels(pairs: PairDistances) -> float:
    return float(np.divide(pairs.generated_pixels.mean, pairs.real_pixels.mean))


@metric(
    "diversity",
    "pairs of nearly the same poster",
    "proportion of pairs of generated posters nearer together in feature space than all but 0.1 % of held-out pairs",
    perfect=RARE,
    digits=2,
)
def near_identical(pairs: PairDistances) -> float:
    return pairs.generated_features.near


def diversity(real: Features, generated: Features, real_pictures: Features, generated_pictures: Features) -> Estimates:
    """The metrics of this group, from features (N, D) and thumbnails (N, P), the same number of both."""
    everyone = (np.arange(min(len(real), len(generated))),) * 2
    of_real, of_generated = zip(everyone, *random_halves(*everyone), strict=True)
    real, generated = match_counts(real, generated)
    among_real = summarise_pairs(real, of_real)
    among_generated = summarise_pairs(generated, of_generated, [one.rare for one in among_real])
    pictures = zip(match_counts(real_pictures, generated_pictures), (of_real, of_generated), strict=True)
    summaries = (among_real, among_generated, *(summarise_pairs(*each) for each in pictures))
    whole, *halves = (compute("diversity", PairDistances(*each)) for each in zip(*summaries, strict=True))
    return from_halves(whole, halves, len(everyone[0]), ranges("diversity"))


def summarise_pairs(
    rows: Features, subsets: Sequence[Array], thresholds: Sequence[float] | None = None
) -> list[PairSummary]:
    """A summary of the distances of all pairs of each subset, given by indices (n,) of rows (N, D).

    Each distance is computed once, and few are in memory at once. thresholds : one for each subset.
    """
    summaries = [
        PairSummary(len(subset), limit)
        for subset, limit in zip(subsets, thresholds or [-inf] * len(subsets), strict=True)
    ]
    points = torch.from_numpy(rows).double()
    for block_rows, block in distance_blocks(points, points):
        found = block.numpy()
        for subset, summary in zip(subsets, summaries, strict=True):
            own = subset[(subset >= block_rows.start) & (subset < block_rows.stop)]
            others = subset[subset > block_rows.start]
            pairs = others > own[:, None]
            summary.add(found[np.ix_(own - block_rows.start, others)][pairs])
    return summaries


def thumbnails(batches: Iterable[Tensor]) -> Features:
    """Pictures (n, 3, H, W) as rows of at most 3 x 32 x 32 values in [-1, 1]: means over blocks of pixels."""
    rows = []
    for images in batches:
        height, width = images.shape[2:]
        small = adaptive_avg_pool2d(images.float(), (min(height, THUMBNAIL), min(width, THUMBNAIL)))
        rows.append(small.flatten(1).cpu())
    return torch.cat(rows).numpy()
