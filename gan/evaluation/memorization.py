"""Copies: of training posters (memorisation), and of the generator's other posters (collapse).

    figures, closest = memorisation(training, held_out, made, training_names, first_seed)   # features (N, D)
    collapse(held_out, made, thumbnails(real_batches), thumbnails(made_batches))["diversity_pixels"].value

``gan.evaluation.report.evaluate`` asks for all of this; docs/evaluation.md says what it means.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from gan.evaluation.discriminator import ranking
from gan.evaluation.distances import distances
from gan.evaluation.estimates import Figure, Figures, Floats, with_intervals
from gan.evaluation.features import Features

CLOSEST = 20
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
