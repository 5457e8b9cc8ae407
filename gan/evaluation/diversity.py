"""Diversity: whether the generated posters are too alike (mode collapse).

    diversity(held_out, generated, thumbnails(real_batches), thumbnails(generated_batches))["diversity_pixels"].value

:func:`gan.evaluation.report.evaluate` computes all of this; docs/evaluation.md says what it means.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from gan.evaluation.distances import distance_matrix
from gan.evaluation.estimates import Array, Estimates, Floats, match_counts, with_intervals
from gan.evaluation.features import Features
from gan.evaluation.metrics import compute, metric, ranges

THUMBNAIL = 32  # pixels a side at which pictures are compared
RARE = 0.001  # proportion of pairs of real posters that count as near-identical


@dataclass(frozen=True, eq=False)
class PairDistances:
    """Distances of all pairs (N (N - 1) / 2,) of real and of generated posters, by features and by pixels."""

    real_features: Floats
    generated_features: Floats
    real_pixels: Floats
    generated_pixels: Floats


@metric(
    "diversity",
    "feature distance of two posters, relative to real ones",
    "mean distance of two generated posters, relative to that of two held-out ones, in feature space",
    caveat="a few posters again and again hardly lower the mean",
    perfect=1.0,
    limits=(0.0, inf),
)
def diversity_features(pairs: PairDistances) -> float:
    return float(pairs.generated_features.mean() / pairs.real_features.mean())


@metric(
    "diversity",
    "pixel distance of two posters, relative to real ones",
    "the same between pictures reduced to at most 32 x 32 pixels",
    perfect=1.0,
    limits=(0.0, inf),
)
def diversity_pixels(pairs: PairDistances) -> float:
    return float(pairs.generated_pixels.mean() / pairs.real_pixels.mean())


@metric(
    "diversity",
    "pairs of nearly the same poster",
    "proportion of pairs of generated posters nearer together in feature space than all but 0.1 % of held-out pairs",
    perfect=RARE,
    digits=2,
)
def near_identical(pairs: PairDistances) -> float:
    return float((pairs.generated_features <= np.quantile(pairs.real_features, RARE)).mean())


def diversity(real: Features, generated: Features, real_pictures: Features, generated_pictures: Features) -> Estimates:
    """The metrics of this group, from features (N, D) and thumbnails (N, P), the same number of both."""
    matrices = [
        distance_matrix(rows, rows)
        for rows in (*match_counts(real, generated), *match_counts(real_pictures, generated_pictures))
    ]

    def metrics(of_real: Array, of_generated: Array) -> dict[str, float]:
        pairs = (
            pairwise_distances(matrix, rows) for matrix, rows in zip(matrices, (of_real, of_generated) * 2, strict=True)
        )
        return compute("diversity", PairDistances(*pairs))

    return with_intervals(metrics, *(np.arange(len(matrices[0])),) * 2, ranges=ranges("diversity"))


def thumbnails(batches: Iterable[Tensor]) -> Features:
    """Pictures (n, 3, H, W) as rows of at most 3 x 32 x 32 values in [-1, 1]: means over blocks of pixels."""
    rows = []
    for images in batches:
        height, width = images.shape[2:]
        small = adaptive_avg_pool2d(images.float(), (min(height, THUMBNAIL), min(width, THUMBNAIL)))
        rows.append(small.flatten(1).cpu())
    return torch.cat(rows).numpy()


def pairwise_distances(matrix: Floats, rows: Array) -> Floats:
    """The distance of every two different ones of the rows, from their distance matrix (N, N)."""
    one, other = np.triu_indices(len(rows), 1)
    distances: Floats = matrix[rows[one], rows[other]]
    return distances
