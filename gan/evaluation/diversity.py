"""Whether the generated posters are too alike (collapse).

    collapse(held_out, generated, thumbnails(real_batches), thumbnails(generated_batches))["diversity_pixels"].value

``gan.evaluation.report.evaluate`` asks for all of this; docs/evaluation.md says what it means.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from gan.evaluation.distances import distance_matrix
from gan.evaluation.estimates import Array, Figures, Floats, match_counts, with_intervals
from gan.evaluation.features import Features

THUMBNAIL = 32  # pixels a side at which pictures are compared
RARE = 0.001  # share of pairs of real posters that count as near-identical


def collapse(real: Features, made: Features, real_pictures: Features, made_pictures: Features) -> Figures:
    """Whether the generated posters are too alike, from features (N, D) and thumbnails (N, P) of as many of both.

    ``diversity_features``, ``diversity_pixels`` : mean distance of two generated posters as a share of that of two
        held-out ones; 1 for real posters, 0 for one poster again and again.
    ``near_identical`` : share of pairs of generated posters that lie nearer together in feature space than all but
        0.1 % of the pairs of held-out ones; 0.001 for real posters.
    """
    matrices = [
        distance_matrix(rows, rows) for rows in (*match_counts(real, made), *match_counts(real_pictures, made_pictures))
    ]

    def figure(of_real: Array, of_made: Array) -> dict[str, float]:
        real_features, made_features, real_pixels, made_pixels = (
            distances_of_pairs(matrix, rows) for matrix, rows in zip(matrices, (of_real, of_made) * 2, strict=True)
        )
        return {
            "diversity_features": float(made_features.mean() / real_features.mean()),
            "diversity_pixels": float(made_pixels.mean() / real_pixels.mean()),
            "near_identical": float((made_features <= np.quantile(real_features, RARE)).mean()),
        }

    return with_intervals(figure, *(np.arange(len(matrices[0])),) * 2)


def thumbnails(batches: Iterable[Tensor]) -> Features:
    """Pictures (n, 3, H, W) as rows of at most 3 x 32 x 32 values in [-1, 1]: means over blocks of pixels."""
    found = []
    for images in batches:
        height, width = images.shape[2:]
        small = adaptive_avg_pool2d(images.float(), (min(height, THUMBNAIL), min(width, THUMBNAIL)))
        found.append(small.flatten(1).cpu())
    return torch.cat(found).numpy()


def distances_of_pairs(matrix: Floats, rows: Array) -> Floats:
    """The distance of every two different ones of the rows."""
    one, other = np.triu_indices(len(rows), 1)
    found: Floats = matrix[rows[one], rows[other]]
    return found
