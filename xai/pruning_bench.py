"""How far a generator can be pruned before a judge notices: quality and diversity for several rankings.

    points = bench(generator, ranking(generator, "norm"), [0.1, 0.2], describe=features, real=held_out_features)
    points[0].quality, points[0].low, points[0].high

The judge is anything that turns pictures into features, and not the discriminator that the generator was
trained against: by default EfficientNet-Lite1 (gan.metrics), whose distance is called fd_lite1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from gan.metrics import Features, frechet_distance
from gan.models import Generator, latents
from gan.state import recalibrate
from xai.prune import cost, first_of, prune

RESAMPLES = 20
PAIRS = 2000

Describe = Callable[[Generator], Features]
Progress = Callable[[float], None]


@dataclass(frozen=True)
class Point:
    """One share of filters taken out.

    share : of all filters, 0 to 1. quality : Frechet distance from real posters (lower is better), with its
    bootstrap interval ``low`` to ``high``. diversity : mean distance of two posters' features, as a share of
    that of the whole network, with ``diversity_low`` to ``diversity_high``. change : RMS difference of the
    pictures of the same seeds, in [-1, 1]. parameters, multiply_adds, milliseconds : what a picture costs.
    """

    share: float
    quality: float
    low: float
    high: float
    diversity: float
    diversity_low: float
    diversity_high: float
    change: float
    parameters: int
    multiply_adds: int
    milliseconds: float


def bench(
    generator: Generator,
    order: Sequence[tuple[str, int]],
    shares: Sequence[float],
    describe: Describe,
    real: Features,
    recalibrated: bool = False,
    progress: Progress | None = None,
) -> list[Point]:
    """Prune by a ranking at each of ``shares`` and judge; 0 is the whole network and gives the base line.

    ``describe`` draws posters and gives features (N, D); ``real`` (M, D) are those of real posters.
    ``recalibrated`` measures BatchNorm's statistics anew after pruning.
    """
    whole = describe(generator)
    spread = _spreads(whole).mean()
    points = []
    for index, share in enumerate(shares):
        smaller = prune(generator, first_of(generator, order, share))
        smaller = recalibrate(smaller) if recalibrated and share else smaller
        found = whole if not share else describe(smaller)
        points.append(_point(share, found, real, spread, generator, smaller))
        if progress:
            progress((index + 1) / len(shares))
    return points


def _point(
    share: float, found: Features, real: Features, spread: float, generator: Generator, smaller: Generator
) -> Point:
    random = np.random.default_rng(0)
    resampled = [found[random.integers(0, len(found), len(found))] for _ in range(RESAMPLES)]
    whole = frechet_distance(real, found)
    # Drawing with replacement leaves fewer different posters, which alone raises the distance: keep the width only.
    distances = np.array([frechet_distance(real, one) for one in resampled])
    half = 1.96 * float(distances.std(ddof=1))
    diversity = _spreads(found) / spread
    error = 1.96 * float(diversity.std(ddof=1)) / len(found) ** 0.5
    price = cost(smaller)
    return Point(
        share, whole, whole - half, whole + half,
        float(diversity.mean()), float(diversity.mean()) - error, float(diversity.mean()) + error,
        _change(generator, smaller), price.parameters, price.multiply_adds, price.milliseconds,
    )  # fmt: skip


def _spreads(features: Features) -> NDArray[np.float64]:
    """Distances of random pairs of posters."""
    random = np.random.default_rng(0)
    one, other = random.integers(0, len(features), (2, PAIRS))
    different = one != other
    return np.asarray(np.linalg.norm(features[one[different]] - features[other[different]], axis=1), np.float64)


@torch.no_grad()
def _change(generator: Generator, smaller: Generator, seeds: int = 64) -> float:
    z = latents(range(seeds), generator.config)
    return float((generator(z) - smaller(z)).square().mean().sqrt())
