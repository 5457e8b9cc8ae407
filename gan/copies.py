"""Copies: of training posters (memorisation), and of the generator's other posters (collapse).

    figures, closest = memorisation(training, held_out, made, training_names, first_seed)   # features (N, D)
    collapse(held_out, made, thumbnails(real_batches), thumbnails(made_batches))["diversity_pixels"].value

``gan.evaluation.evaluate`` asks for all of this; docs/evaluation.md says what it means.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from gan.discriminator_figures import Figures, Floats, ranking
from gan.features import Features
from gan.metrics import Array, Figure, distances, equally_many, with_intervals

THUMBNAIL = 32  # pixels a side at which pictures are compared
CLOSEST = 20
RARE = 0.001  # share of pairs of real posters that count as near-identical
QUANTILE = 0.01  # of held-out posters' distances to the training posters: nearer than this is suspicious
CHUNK = 512  # rows whose distances to all training posters are in memory at once
SHUFFLES = 2000


@dataclass(frozen=True)
class Pair:
    """A generated poster, the training poster nearest to it, and their distance in feature space.

    held_out : share of held-out posters that lie at least as near to a training poster.
    """

    seed: int
    poster: str
    distance: float
    held_out: float


# ---- of training posters -----------------------------------------------------------------------------


def memorisation(
    training: Features, held_out: Features, made: Features, names: tuple[str, ...], first_seed: int
) -> tuple[Figures, tuple[Pair, ...]]:
    """Whether generated posters lie nearer to the training posters than new real posters do, and the closest pairs.

    ``nearer`` : share of pairs of a generated and a held-out poster in which the generated one lies nearer to its
        nearest training poster; 0.5 if they lie alike (the statistic of Meehan et al. 2020, over one cell). Blurred
        posters lie far from all real ones, which lowers it, copies or not.
    ``suspicious`` : share of generated posters nearer to a training poster than 1 % of the held-out ones are; 0.01.
    ``held_out_nearest`` : how often the nearest of all real posters is a held-out one, as a share of how often it would
        be by chance; 1 for a generator that knows the distribution but no poster of it, however blurred, and 0 for
        one that copies. The interval holds 1 in 95 % of cases where nothing is copied.
    """
    distance, which = nearest(made, training)
    unseen, _ = nearest(held_out, training)
    gap, rival = nearest(made, held_out)
    winners = np.where(gap < distance, len(training) + rival, which)
    figures = with_intervals(_nearness, distance, unseen)
    closest = closest_pairs(distance, which, unseen, names, first_seed)
    return figures | {"held_out_nearest": held_out_nearest(winners, len(training), len(held_out))}, closest


def closest_pairs(
    distance: Floats, which: NDArray[np.int64], unseen: Floats, names: tuple[str, ...], first_seed: int
) -> tuple[Pair, ...]:
    """The generated posters that lie nearest to a training poster, nearest first.

    distance, which : of each generated poster, as :func:`nearest` gives them. unseen : distances of held-out posters.
    """
    return tuple(
        Pair(first_seed + int(i), names[which[i]], float(distance[i]), float((unseen <= distance[i]).mean()))
        for i in np.argsort(distance, kind="stable")[:CLOSEST]
    )


def held_out_nearest(winners: NDArray[np.int64], training: int, held_out: int, seed: int = 0) -> Figure:
    """How often the winners (N,) are held-out posters, as a share of how often they would be by chance.

    winners : for each generated poster the nearest real one: index 0 to ``training`` - 1 for training posters,
        from there on for held-out ones.

    Had the generator never seen either, which posters are called held out would be chance. So the interval is as wide
    as what ``SHUFFLES`` random choices give; a few real posters that are the nearest of many make it wide.
    """
    wins = np.bincount(winners, minlength=training + held_out)
    random = np.random.default_rng(seed)
    expected = len(winners) * held_out / len(wins)
    value = wins[training:].sum() / expected
    shuffled = [wins[random.permutation(len(wins))[:held_out]].sum() / expected for _ in range(SHUFFLES)]
    low, high = np.quantile(shuffled, [0.025, 0.975])
    return Figure(float(value), float(max(value - (high - 1), 0)), float(value + (1 - low)))


def nearest(rows: Features, among: Features) -> tuple[Floats, NDArray[np.int64]]:
    """Distance and index of the row of ``among`` (M, D) that is nearest to each of ``rows`` (N, D).

    Found in single precision; the distance, which may be 0, is then computed in double.
    """
    parts = torch.split(torch.from_numpy(rows), CHUNK)
    which: NDArray[np.int64] = torch.cat([distances(part, torch.from_numpy(among)).argmin(1) for part in parts]).numpy()
    return np.linalg.norm(rows.astype(float) - among[which], axis=1), which


def _nearness(distance: Floats, unseen: Floats) -> dict[str, float]:
    return {
        "nearer": ranking(unseen, distance),
        "suspicious": float((distance < np.quantile(unseen, QUANTILE)).mean()),
    }


# ---- of one another ----------------------------------------------------------------------------------


def collapse(real: Features, made: Features, real_pictures: Features, made_pictures: Features) -> Figures:
    """Whether the generated posters are too alike, from features (N, D) and thumbnails (N, P) of as many of both.

    ``diversity_features``, ``diversity_pixels`` : mean distance of two generated posters as a share of that of two
        held-out ones; 1 for real posters, 0 for one poster again and again.
    ``near_identical`` : share of pairs of generated posters that lie nearer together in feature space than all but
        0.1 % of the pairs of held-out ones; 0.001 for real posters.
    """
    matrices = [
        distance_matrix(rows, rows) for rows in (*equally_many(real, made), *equally_many(real_pictures, made_pictures))
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


def distance_matrix(a: Features, b: Features) -> Floats:
    """(N, M): the distance of each row of ``a`` (N, D) from each of ``b`` (M, D), in double precision."""
    x = torch.from_numpy(a).double()
    found: Floats = distances(x, x if a is b else torch.from_numpy(b).double()).numpy()
    return found


def distances_of_pairs(matrix: Floats, rows: Array) -> Floats:
    """The distance of every two different ones of the rows."""
    one, other = np.triu_indices(len(rows), 1)
    found: Floats = matrix[rows[one], rows[other]]
    return found
