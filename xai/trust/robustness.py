"""How much a map changes with the picture, the weights and the seed.

    sensitivity_max(method, image, explanation)            # slightly different pictures
    cascading_randomisation(method, image, explanation)    # weights shuffled, last layers first
    stability(method, image, explanation)                  # other seeds

A map that says something of the network changes with its weights, and hardly with the rest.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from gan.evaluation.estimates import Estimate, jackknife_pairs
from gan.progress import Progress
from xai.methods.base import Attribution, Explanation
from xai.trust.agreement import Map, coarse, rank_correlation
from xai.trust.randomisation import linear_layers, randomise

RADIUS = 0.04  # of pictures in [-1, 1]: 2 % of the range, 5 of 255 grey levels
CELLS = 16  # a side of the grid on which magnitudes are ranked


def sensitivity_max(
    method: Attribution,
    image: Tensor,
    explanation: Explanation,
    samples: int = 4,
    radius: float = RADIUS,
    progress: Progress | None = None,
) -> float:
    """Maximum sensitivity (Yeh et al. 2019, definition 3.1): the largest change of the map, relative to its norm.

    ``samples`` pictures within ``radius`` of ``image`` (1, 3, H, W) in every pixel. 0 for a map that is all zero.
    """
    norm = float(explanation.values[0].norm())
    if not norm:
        return 0.0
    random = torch.Generator().manual_seed(0)
    largest = 0.0
    for index in range(samples):
        perturbed = (image + radius * (2 * torch.rand(image.shape, generator=random) - 1)).clamp(-1, 1)
        values = method.cheap().attribute(perturbed).values
        largest = max(largest, float((values - explanation.values).norm()) / norm)
        if progress:
            progress((index + 1) / samples)
    return largest


def cascading_randomisation(
    method: Attribution, image: Tensor, explanation: Explanation, progress: Progress | None = None
) -> tuple[float, ...]:
    """Sanity check (Adebayo et al. 2018): similarity of the map to the maps of networks with randomised weights.

    Entry k is the rank correlation of magnitudes with the weights of the last k + 1 linear layers shuffled; behind the
    last entry is a network that has learned nothing. A map that stays the same does not depend on the weights.
    """
    original = _magnitudes(explanation)
    layers = linear_layers(method.score)
    correlations = []
    for count in range(1, layers + 1):
        randomised = replace(method.cheap(), score=randomise(method.score, count))
        correlations.append(rank_correlation(original, _magnitudes(randomised.attribute(image))))
        if progress:
            progress(count / layers)
    return tuple(correlations)


def _magnitudes(explanation: Explanation) -> Map:
    return coarse(np.abs(explanation.heat()), CELLS)


def stability(
    method: Attribution, image: Tensor, explanation: Explanation, seeds: int = 4, progress: Progress | None = None
) -> Estimate:
    """Mean rank correlation between the maps of different seeds, with its 95 % interval (jackknife over seeds).

    Explains again with ``seeds`` - 1 other seeds and compares all maps on the common grid.
    """
    maps = [coarse(explanation.heat())]
    for index in range(1, seeds):
        maps.append(coarse(replace(method, seed=method.seed + index).attribute(image).heat()))
        if progress:
            progress(index / (seeds - 1))
    return jackknife_pairs(np.array([[rank_correlation(one, other) for other in maps] for one in maps]))
