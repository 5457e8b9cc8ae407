"""How much a map changes with the picture, the weights and the seed.

    sensitivity_max(method, image, explanation)            # slightly different pictures
    cascading_randomisation(method, image, explanation)    # weights shuffled, last layers first
    stability(method, image, explanation)                  # other seeds

A map that says something of the network changes with its weights, and hardly with the rest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from gan.evaluation.estimates import Estimate, jackknife_pairs
from gan.progress import Progress
from xai.methods.base import Attribution, Explanation
from xai.trust.agreement import Map, coarse, rank_correlation
from xai.trust.randomisation import linear_layers, randomise

RADIUS = 0.04  # of pictures in [-1, 1]: 2 % of the range, 5 of 255 grey levels
SAMPLES = 2  # pictures nearby; in thousands of dimensions all of them are nearly equally far away
SHUFFLES = 2
SEEDS = 3
CELLS = 16  # a side of the grid on which magnitudes are ranked


def sensitivity_max(
    method: Attribution,
    image: Tensor,
    explanation: Explanation,
    samples: int = SAMPLES,
    radius: float = RADIUS,
    progress: Progress | None = None,
) -> float:
    """Maximum sensitivity (Yeh et al. 2019, definition 3.1): the largest change of the map, relative to its norm.

    Over ``samples`` pictures ``nearby``. All maps, the picture's own as well, are made at the same bounded cost and of
    the same segments, so that 0 means that nothing changed. NaN where the picture's own is all zero.
    """
    pictures = torch.cat([image, nearby(image, samples, radius)])
    values = method.cheap(explanation).attribute(pictures, progress).values
    norm = float(values[0].norm())
    return max(float((moved - values[0]).norm()) for moved in values[1:]) / norm if norm else math.nan


def nearby(image: Tensor, samples: int = SAMPLES, radius: float = RADIUS) -> Tensor:
    """Pictures (samples, 3, H, W) in [-1, 1] within ``radius`` of ``image`` (1, 3, H, W) in every pixel.

    Each number of samples has its own random moves, the same for all pictures.
    """
    random = torch.Generator().manual_seed(0)
    moves = radius * (2 * torch.rand(samples, *image.shape[1:], generator=random) - 1)
    return (image + moves).clamp(-1, 1)


@dataclass(frozen=True)
class Cascade:
    """How similar a map is to those of networks with randomised weights: rank correlations of magnitudes.

    layers, similarity : with the weights of the last 1, 2, ... linear layers shuffled. shuffles : with all of them
    shuffled, in several ways.
    """

    layers: tuple[int, ...]
    similarity: tuple[float, ...]
    shuffles: tuple[float, ...]


def cascading_randomisation(
    method: Attribution, image: Tensor, explanation: Explanation, progress: Progress | None = None
) -> Cascade:
    """Sanity check (Adebayo et al. 2018): similarity of the map to the maps of networks with randomised weights.

    A network with all weights shuffled has learned nothing; a map that stays the same does not depend on the weights.
    Of methods that mask many pictures all layers are shuffled at once.
    """
    original, count = _magnitudes(explanation), linear_layers(method.score)
    layers = range(1, count + 1) if method.granularity != "segment" else [count]
    trials = [(layer, 0) for layer in layers] + [(count, seed) for seed in range(1, SHUFFLES)]
    found = []
    for index, (layer, seed) in enumerate(trials):
        other = replace(method.cheap(explanation), score=randomise(method.score, layer, seed))
        found.append(rank_correlation(original, _magnitudes(other.attribute(image))))
        if progress:
            progress((index + 1) / len(trials))
    cascade = tuple(found[: len(layers)])
    return Cascade(tuple(layers), cascade, (cascade[-1], *found[len(layers) :]))


def _magnitudes(explanation: Explanation) -> Map:
    return coarse(np.abs(explanation.heat()), CELLS)


def stability(
    method: Attribution, image: Tensor, explanation: Explanation, seeds: int = SEEDS, progress: Progress | None = None
) -> Estimate:
    """Mean rank correlation between the maps of different seeds, with its 95 % interval.

    The interval is the jackknife's over seeds, by Student's t.
    Explains again with ``seeds`` - 1 other seeds and compares all maps on the common grid.
    """
    maps = [coarse(explanation.heat())]
    for index in range(1, seeds):
        other = replace(method.on_segments(explanation), seed=method.seed + index)
        maps.append(coarse(other.attribute(image).heat()))
        if progress:
            progress(index / (seeds - 1))
    return jackknife_pairs(np.array([[rank_correlation(one, other) for other in maps] for one in maps]))
