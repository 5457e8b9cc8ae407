"""How often a poster is shown: each equally often, or posters of rare genres more often.

    weights = sampling_weights(labels, "genres")       # (N,), mean 1
    order = epoch_order(weights, rng)                  # (N,) indices of one epoch

Repeat factor sampling is that of LVIS (Gupta et al. 2019, 3.3); an epoch's posters are drawn by systematic resampling
(Kitagawa 1996), so that each is shown as often as its weight says, rounded down or up.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SAMPLINGS = ("uniform", "genres")
REPEAT_BELOW = 0.1  # proportion of all posters; genres that are rarer are repeated
Weights = NDArray[np.float64]


def sampling_weights(labels: NDArray[Any], sampling: str) -> Weights:
    """Weights (N,) with mean 1 of posters with labels (N, G) that are above 0 for genres that a poster has."""
    repeats = repeat_factors(labels) if sampling == "genres" else np.ones(len(labels))
    weights: Weights = repeats / repeats.mean()
    return weights


def repeat_factors(labels: NDArray[Any]) -> Weights:
    """How often each poster (N,) is repeated, at least 1: the largest factor of the genres that it has.

    A genre's factor is the square root of the ratio of ``REPEAT_BELOW`` to the proportion of posters that have it.
    """
    having = labels > 0
    frequency = having.mean(0).clip(1 / max(len(labels), 1))
    factors = np.sqrt(REPEAT_BELOW / frequency).clip(1)
    repeats: Weights = np.where(having, factors, 1.0).max(1, initial=1.0)
    return repeats


def epoch_order(weights: Weights, rng: np.random.Generator) -> NDArray[np.intp]:
    """Indices (N,) of one epoch in random order, each as often as its weight (mean 1), rounded down or up."""
    order = rng.permutation(len(weights))
    if (weights == weights[0]).all():
        return order
    edges = np.cumsum(weights) * (len(weights) / weights.sum())
    drawn = np.searchsorted(edges[:-1], np.arange(len(weights)) + rng.random(), side="right")
    return drawn[order]
