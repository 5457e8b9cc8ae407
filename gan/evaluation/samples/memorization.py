"""Memorization: whether generated posters are copies of training posters.

    neighbours = Neighbours.of(training, held_out, generated)                # features (N, D)
    compute("memorization", neighbours)["held_out_nearest"].value
    closest_pairs(neighbours.distance, neighbours.index, neighbours.unseen, training_names, first_seed)

:func:`gan.evaluation.report.evaluate` computes all of this; docs/evaluation.md says what it means.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np
import torch
from numpy.typing import NDArray

from gan.evaluation.estimates import Estimate, Floats, roc_auc, widened, with_interval
from gan.evaluation.features import Features
from gan.evaluation.metrics import metric
from gan.evaluation.samples.neighbourhoods import distances

CLOSEST = 20
QUANTILE = 0.01  # of held-out posters' distances to the training posters: nearer than this is a near copy
CHUNK = 512  # rows whose distances are in memory at once
CANDIDATES = 4096  # rows that they are measured to at once: torch.cdist copies them
SHUFFLES = 2000


@dataclass(frozen=True)
class ClosestPair:
    """A generated poster, the training poster nearest to it, and their distance in feature space.

    held_out : proportion of held-out posters that lie at least as near to a training poster.
    """

    seed: int
    poster: str
    distance: float
    held_out: float


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Of each generated poster (N,) the nearest real ones.

    distance, index : of the nearest training poster. unseen : distance of each held-out poster (M,) from its nearest
    training poster. winners : the nearest of all real posters, index 0 to ``training`` - 1 for training posters, from
    there on for the ``held_out`` ones.
    """

    distance: Floats
    index: NDArray[np.int64]
    unseen: Floats
    winners: NDArray[np.int64]
    training: int
    held_out: int

    @classmethod
    def of(cls, training: Features, held_out: Features, generated: Features) -> Neighbours:
        """From features (N, D) of each kind."""
        distance, index = nearest(generated, training)
        unseen, _ = nearest(held_out, training)
        gap, rival = nearest(generated, held_out)
        winners = np.where(gap < distance, len(training) + rival, index)
        return cls(distance, index, unseen, winners, len(training), len(held_out))


@metric(
    "memorization",
    "nearer to a training poster than a new real poster is",
    "proportion of pairs of a generated and a held-out poster in which the generated one is nearer to its nearest "
    "training poster (Meehan et al. 2020, over one cell)",
    caveat="blurred posters lie far from all real ones and lower it, posters of the commonest kind raise it, both "
    "without any copy",
    perfect=0.5,
)
def nearer_than_held_out(neighbours: Neighbours) -> Estimate:
    def nearer(distance: Floats, unseen: Floats) -> float:
        return roc_auc(unseen, distance)

    return with_interval(nearer, neighbours.distance, neighbours.unseen, limits=(0.0, 1.0))


@metric(
    "memorization",
    "nearer than all but 1 % of new real posters",
    "proportion of generated posters that are nearer to a training poster than all but 1 % of held-out ones",
    caveat="whether the rest copy parts",
    perfect=0.01,
    proportion=True,
)
def near_copies(neighbours: Neighbours) -> Estimate:
    def near(distance: Floats, unseen: Floats) -> float:
        return float((distance < np.quantile(unseen, QUANTILE)).mean())

    return with_interval(near, neighbours.distance, neighbours.unseen, limits=(0.0, 1.0), is_proportion=True)


@metric(
    "memorization",
    "nearest neighbour is held-out, relative to chance",
    "how often the nearest of all real posters is a held-out one, relative to chance: 100 % without copying, however "
    "good or blurred the posters are, 0 % with nothing but copies",
    caveat="few copies among many new posters do not move it",
    perfect=1.0,
    limits=(0.0, inf),
)
def held_out_nearest(neighbours: Neighbours) -> Estimate:
    return relative_wins(neighbours.winners, neighbours.training, neighbours.held_out)


def relative_wins(winners: NDArray[np.int64], training: int, held_out: int, seed: int = 0) -> Estimate:
    """How often the winners (N,) are held-out posters, relative to chance.

    winners : as :class:`Neighbours` has them.

    Had the generator never seen either, which posters are called held out would be chance. So the interval is as wide
    as what ``SHUFFLES`` random choices give (it holds 1 in 95 % of cases where nothing is copied); a few real posters
    that are the nearest of many make it wide.
    """
    wins = np.bincount(winners, minlength=training + held_out)
    random = np.random.default_rng(seed)
    expected = len(winners) * held_out / len(wins)
    value = wins[training:].sum() / expected
    shuffled = [wins[random.permutation(len(wins))[:held_out]].sum() / expected for _ in range(SHUFFLES)]
    low, high = (float(end) for end in np.quantile(shuffled, [0.025, 0.975]))
    down, up = max(high - 1, 0.0), max(1 - low, 0.0)  # few held-out posters may never win: no quantile is above 1 then
    return widened(Estimate(float(value), float(max(value - down, 0)), float(value + up)), len(winners), (0.0, inf))


def closest_pairs(
    distance: Floats, index: NDArray[np.int64], unseen: Floats, names: tuple[str, ...], first_seed: int
) -> tuple[ClosestPair, ...]:
    """The generated posters that lie nearest to a training poster, nearest first.

    distance, index : of each generated poster, as :func:`nearest` gives them. unseen : distances of held-out posters.
    """
    return tuple(
        ClosestPair(first_seed + int(i), names[index[i]], float(distance[i]), float((unseen <= distance[i]).mean()))
        for i in np.argsort(distance, kind="stable")[:CLOSEST]
    )


def nearest(rows: Features, among: Features) -> tuple[Floats, NDArray[np.int64]]:
    """Distance and index of the row of ``among`` (M, D) that is nearest to each of ``rows`` (N, D).

    Found in single precision; the distance, which may be 0, is then computed in double.
    """
    parts = torch.split(torch.from_numpy(rows), CHUNK)
    smallest, places = torch.full((len(rows),), torch.inf), torch.zeros(len(rows), dtype=torch.int64)
    for start in range(0, len(among), CANDIDATES):
        some = torch.from_numpy(among[start : start + CANDIDATES])
        distance, place = map(torch.cat, zip(*(distances(part, some).min(1) for part in parts), strict=True))
        nearer = distance < smallest
        smallest[nearer], places[nearer] = distance[nearer], place[nearer] + start
    index: NDArray[np.int64] = places.numpy()
    return np.linalg.norm(rows.astype(float) - among[index], axis=1), index
