"""How much a map changes with the picture, the seed, and the weights.

sensitivity(method, image, explanation)
cascade(method, image, explanation)
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan.progress import Progress
from xai.methods.base import Attribution, Explanation
from xai.trust.agreement import Map, coarse, rank_correlation
from xai.trust.faithfulness import _sizes

RADIUS = 0.04  # of pictures in [-1, 1]: 2 % of the range, 5 of 255 grey levels


def sensitivity(
    method: Attribution,
    image: Tensor,
    explanation: Explanation,
    samples: int = 4,
    radius: float = RADIUS,
    progress: Progress | None = None,
) -> float:
    """Maximum sensitivity (Yeh et al. 2019, definition 3.1): the largest change of the map, relative to its size.

    ``samples`` pictures within ``radius`` of this one in every pixel.
    """
    size = float(explanation.values[0].norm())
    if not size:
        return 0.0
    random = torch.Generator().manual_seed(0)
    largest = 0.0
    for index in range(samples):
        moved = (image + radius * (2 * torch.rand(image.shape, generator=random) - 1)).clamp(-1, 1)
        values = method.cheap().attribute(moved).values
        largest = max(largest, float((values - explanation.values).norm()) / size)
        if progress:
            progress((index + 1) / samples)
    return largest


def cascade(
    method: Attribution, image: Tensor, explanation: Explanation, progress: Progress | None = None
) -> list[float]:
    """Sanity check (Adebayo et al. 2018): rank correlations of the map's sizes with those of networks that forget.

    Entry k is with the weights of the last k + 1 linear layers shuffled; the last entry is a network that has
    learned nothing. A map that stays the same does not depend on what was learned.
    """
    original = _sizes(explanation.heat())
    layers = method.score.linear_layers
    correlations = []
    for count in range(1, layers + 1):
        forgetful = replace(method.cheap(), score=method.score.randomised(count))
        correlations.append(rank_correlation(original, _sizes(forgetful.attribute(image).heat())))
        if progress:
            progress(count / layers)
    return correlations


@dataclass(frozen=True)
class Stability:
    """Mean rank correlation between the maps of different seeds, with its 95 % interval (jackknife over seeds)."""

    mean: float
    low: float
    high: float


def stability(
    method: Attribution, image: Tensor, explanation: Explanation, seeds: int = 4, progress: Progress | None = None
) -> Stability:
    """Explain again with ``seeds`` - 1 other seeds and compare all maps on the common grid."""
    maps = [coarse(explanation.heat())]
    for index in range(1, seeds):
        maps.append(coarse(replace(method, seed=method.seed + index).attribute(image).heat()))
        if progress:
            progress(index / (seeds - 1))
    return interval(np.array([[rank_correlation(one, other) for other in maps] for one in maps]))


def interval(correlations: Map) -> Stability:
    """Mean of the pairs of a symmetric matrix (S, S), S at least 3, and its jackknife interval over rows."""
    count = len(correlations)

    def mean(kept: NDArray[np.int64]) -> float:
        part = correlations[np.ix_(kept, kept)]
        return float(part[np.triu_indices(len(kept), 1)].mean())

    everyone = np.arange(count)
    left_out = np.array([mean(np.delete(everyone, row)) for row in everyone])
    spread = 1.96 * float(np.sqrt((count - 1) / count * ((left_out - left_out.mean()) ** 2).sum()))
    whole = mean(everyone)
    return Stability(whole, max(-1.0, whole - spread), min(1.0, whole + spread))
