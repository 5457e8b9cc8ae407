"""A measured number with its interval, and how it is found.

with_intervals(compare, real, generated)["precision"].low           # what another draw could have given
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan.data.posters import evenly_spaced
from gan.evaluation.features import Features

Array = NDArray[Any]
DRAWS = 40
POSITIVE = frozenset({"fd_lite1", "density", "diversity", "diversity_features", "diversity_pixels"})
SHARES = frozenset(
    {"precision", "recall", "coverage", "ranking", "nearer", "suspicious", "near_identical"}
)  # from 0 to 1, as their intervals must be


@dataclass(frozen=True)
class Figure:
    """A measured number and the 95 % interval, ``low`` to ``high``, in which other draws would put it."""

    value: float
    low: float
    high: float


Figures = Mapping[str, Figure]
Floats = NDArray[np.float64]


def with_intervals(
    figures: Callable[..., Mapping[str, float]], *samples: Array, draws: int = DRAWS, seed: int = 0
) -> dict[str, Figure]:
    """``figures(*samples)``, each with its 95 % interval from random halves of the samples.

    Drawing rows with replacement would make doubles: each is its own nearest neighbour, and the fewer different
    rows alone raise a Frechet distance. Halves without replacement have no doubles, and the spread of a figure from
    half to half, (2/n - 1/n) of a row's variance, is that of the whole sample from draw to draw (Shao, Wu 1989;
    Politis, Romano 1994). Only the spread is taken from the halves: their level is that of smaller samples. The
    interval is about the figure at these counts; where the figure depends on the count, it does not tell of more.
    Where both samples are of one distribution, those of the two distances are too wide, not too narrow.
    """
    random = np.random.default_rng(seed)
    whole = figures(*samples)
    halves = [figures(*(sample[_half(len(sample), random)] for sample in samples)) for _ in range(draws)]
    return {
        key: _figure(key, value, float(np.std([half[key] for half in halves], ddof=1))) for key, value in whole.items()
    }


def match_counts(a: Features, b: Features) -> tuple[Features, Features]:
    """Both cut to the number of rows of the shorter, evenly spaced."""
    count = min(len(a), len(b))
    return subsample_evenly(a, count), subsample_evenly(b, count)


def subsample_evenly(rows: Array, count: int) -> Array:
    """``count`` of the rows, at most all of them, evenly spaced: no more of the first films than of the last."""
    chosen: Array = rows[evenly_spaced(len(rows), count)]
    return chosen


def _figure(key: str, value: float, deviation: float) -> Figure:
    half = 1.96 * deviation
    lowest = 0.0 if key in SHARES | POSITIVE else -np.inf
    highest = 1.0 if key in SHARES else np.inf
    return Figure(value, max(value - half, lowest), min(value + half, highest))


def _half(count: int, random: np.random.Generator) -> NDArray[np.intp]:
    return np.sort(random.permutation(count)[: count // 2])


def share(found: NDArray[np.bool_]) -> Figure:
    """The share that is true, with Wilson's interval (Wilson 1927)."""
    count, part, z = len(found), float(found.mean()), 1.96
    middle = (part + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * (part * (1 - part) / count + z**2 / (4 * count**2)) ** 0.5
    return Figure(part, max(middle - half, 0.0), min(middle + half, 1.0))


def mean_share(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> Figure:
    """Mean of two shares; Newcombe 1998, method 10, for their sum."""
    a, b = share(one), share(other)
    value = (a.value + b.value) / 2
    down = ((a.value - a.low) ** 2 + (b.value - b.low) ** 2) ** 0.5 / 2
    up = ((a.high - a.value) ** 2 + (b.high - b.value) ** 2) ** 0.5 / 2
    return Figure(value, value - down, value + up)
