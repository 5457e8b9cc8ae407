"""How far a generator can be pruned before its quality drops measurably: distance and diversity for several rankings.

    points = bench(generator, [ranking(generator, "norm")], [0, 0.1, 0.2], describe=features, real=held_out_features)
    points[1].quality, points[1].low, points[1].high
    unnoticed(points)                                   # 0.1: the proportion that can go unnoticed

The feature extractor is anything that turns pictures into features, and not the discriminator that the generator was
trained against: here EfficientNet-Lite1 (gan.evaluation.features), whose distance is called fd_lite1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from gan.evaluation.estimates import Z95
from gan.evaluation.features import Features
from gan.evaluation.samples.distances import frechet_distance
from gan.networks.dcgan import Generator, latents
from gan.progress import Progress
from gan.training.state import recalibrate
from xai.generator.pruning import Order, UnitStatistics, costs, first_of, prune, unit_statistics
from xai.generator.pruning_curves import Point

RESAMPLES = 20
PAIRS = 2000

Describe = Callable[[Generator], Features]
Floats = NDArray[np.float64]


def bench(  # noqa: PLR0913 - each is a choice of its own
    generator: Generator,
    orders: Sequence[Order],
    shares: Sequence[float],
    describe: Describe,
    real: Features,
    recalibrated: bool = False,
    known: UnitStatistics | None = None,
    whole: Features | None = None,
    progress: Progress | None = None,
) -> list[Point]:
    """Prune by a ranking at each of ``shares`` and measure; 0 is the whole network and gives the baseline.

    Parameters
    ----------
    orders : rankings of the same kind; several where the ranking is random.
    describe : draws posters of fixed seeds and gives features (N, D). ``real`` (M, D) are those of real posters.
    recalibrated : measure BatchNorm's statistics anew after pruning.
    known, whole : the generator's ``unit_statistics`` and ``describe(generator)``, where they are there already.
    """
    known = known or unit_statistics(generator)
    measure = _Distances(real, describe(generator) if whole is None else whole)
    points = []
    for index, share in enumerate(shares):
        verdicts = []
        for order in orders if share else orders[:1]:
            smaller = prune(generator, first_of(generator, order, share), statistics=known)
            smaller = recalibrate(smaller) if recalibrated and share else smaller
            found = describe(smaller) if share else measure.whole
            verdicts.append(measure.estimates(found) | _price(generator, smaller))
        points.append(_point(share, verdicts))
        if progress:
            progress((index + 1) / len(shares))
    return points


def unnoticed(points: Sequence[Point]) -> float:
    """The largest measured proportion that is not missed measurably, by ``pruning_curves.RULE``."""
    return max((point.share for point in points if point.worse_low <= 0), default=0.0)


class _Distances:
    """Compares features with those of real posters, and with those of the whole network on the same seeds."""

    def __init__(self, real: Features, whole: Features) -> None:
        random = np.random.default_rng(0)
        self.real, self.whole = real, whole
        self._drawn = random.integers(0, len(whole), (RESAMPLES, len(whole)))
        self._distance = frechet_distance(real, whole)
        self._resampled = self._distances(whole)
        self._spread = _spreads(whole).mean()

    def estimates(self, found: Features) -> dict[str, tuple[float, float]]:
        """Each quantity with its standard error over posters."""
        distance, resampled = frechet_distance(self.real, found), self._distances(found)
        spreads = _spreads(found) / self._spread
        # Drawing with replacement leaves fewer different posters, which alone raises the distance: keep the width only.
        return {
            "quality": (distance, float(resampled.std(ddof=1))),
            "worse": (distance - self._distance, float((resampled - self._resampled).std(ddof=1))),
            "diversity": (float(spreads.mean()), float(spreads.std(ddof=1)) / len(found) ** 0.5),
        }

    def _distances(self, found: Features) -> Floats:
        return np.array([frechet_distance(self.real, found[drawn]) for drawn in self._drawn])


def _price(generator: Generator, smaller: Generator) -> dict[str, tuple[float, float]]:
    """What it changes and costs; nothing of it has an error over posters."""
    before, after = costs(generator, smaller)
    quantities = {
        "change": _change(generator, smaller), "parameters": after.parameters, "multiply_adds": after.multiply_adds,
        "milliseconds": after.milliseconds, "speed": before.milliseconds / after.milliseconds,
    }  # fmt: skip
    return {name: (float(value), 0.0) for name, value in quantities.items()}


def _point(share: float, verdicts: Sequence[dict[str, tuple[float, float]]]) -> Point:
    middle, half = {}, {}
    for name in verdicts[0]:
        values, errors = np.array([verdict[name] for verdict in verdicts]).T
        between = values.var(ddof=1) if len(values) > 1 else 0.0
        middle[name] = float(values.mean())
        half[name] = Z95 * float(np.sqrt((errors**2).mean() + between))
    ends = {
        end: middle[name] + sign * half[name]
        for name, low, high in (
            ("quality", "low", "high"),
            ("worse", "worse_low", "worse_high"),
            ("diversity", "diversity_low", "diversity_high"),
        )
        for end, sign in ((low, -1), (high, 1))
    }
    parameters, multiply_adds = (round(middle.pop(name)) for name in ("parameters", "multiply_adds"))
    return Point(share, parameters=parameters, multiply_adds=multiply_adds, **middle, **ends)


def _spreads(features: Features) -> Floats:
    """Distances of random pairs of posters."""
    random = np.random.default_rng(0)
    one, other = random.integers(0, len(features), (2, PAIRS))
    different = one != other
    return np.asarray(np.linalg.norm(features[one[different]] - features[other[different]], axis=1), np.float64)


@torch.no_grad()
def _change(generator: Generator, smaller: Generator, seeds: int = 64) -> float:
    z = latents(range(seeds), generator.config)
    return float((generator(z) - smaller(z)).square().mean().sqrt())
