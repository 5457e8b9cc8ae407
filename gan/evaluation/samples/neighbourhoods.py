"""Neighbourhoods: how the features of real and of generated posters lie among each other, from blocks of distances.

    found = Neighbourhoods.of(real, generated)            # rows (n, D) of either, as torch tensors of float64
    found.precise.double().mean()                         # precision
    for rows, block in distance_blocks(real, generated):  # all distances, some rows at a time
        ...

gan/evaluation/samples/distances.py makes the metrics of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

BLOCK = 2**21  # distances in memory at once: 16 MB
NEAR_MANIFOLD = 3  # Kynkaanniemi et al. 2019
NEAR_DENSITY = 5  # Naeem et al. 2020


@dataclass(frozen=True, eq=False)
class Neighbourhoods:
    """How n real and n generated posters lie among each other; "reach": distance to the k-th neighbour of its own set.

    precise : whether a generated poster lies within the reach of a real one. recalled : whether a real poster lies
    within that of a generated one. reached : whether a real one lies within a generated one's own reach. touched :
    whether a generated one lies within a real one's own reach.
    inside : within how many real posters' wider reach a generated one lies. within : how many generated ones lie within
    a real one's wider reach. clipped : as ``inside``, where no real poster's reach is wider than the median.
    of_real : within how many others' clipped reach a real poster lies.
    """

    precise: Tensor
    recalled: Tensor
    reached: Tensor
    touched: Tensor
    inside: Tensor
    within: Tensor
    clipped: Tensor
    of_real: Tensor

    @classmethod
    def of(cls, real: Tensor, generated: Tensor) -> Neighbourhoods:
        """From rows (n, D) of either."""
        reach, wider = radii(real, NEAR_MANIFOLD), radii(real, NEAR_DENSITY)
        of_generated, narrow = radii(generated, NEAR_MANIFOLD), wider.clamp_max(wider.quantile(0.5))
        count = len(generated)
        precise, reached = torch.zeros(count, dtype=torch.bool), torch.zeros(count, dtype=torch.bool)
        inside, clipped = torch.zeros(count, dtype=torch.long), torch.zeros(count, dtype=torch.long)
        recalled, touched, within = [], [], []
        for rows, block in distance_blocks(real, generated):
            near, own, around = block <= reach[rows, None], block <= of_generated, block <= wider[rows, None]
            precise |= near.any(0)
            reached |= own.any(0)
            touched.append(near.any(1))
            recalled.append(own.any(1))
            inside += around.sum(0)
            within.append(around.sum(1))
            clipped += (block <= narrow[rows, None]).sum(0)
        of_real = torch.full((count,), -1)  # its own reach holds it
        for rows, block in distance_blocks(real, real):
            of_real += (block <= narrow[rows, None]).sum(0)
        return cls(
            precise, torch.cat(recalled), reached, torch.cat(touched), inside, torch.cat(within), clipped, of_real
        )

    @property
    def covered(self) -> Tensor:
        """Whether there is a generated poster within a real one's wider reach."""
        return self.within > 0


def calibrated_coverage(filled: float, real: int, generated: int, neighbours: int) -> float:
    """The proportion of good posters among ``generated`` from which ``filled`` is expected.

    filled : mean over ``real`` posters of how many generated ones lie within the reach of the k-th neighbour, at most
    k, divided by k. With m good posters their number is beta-binomial, of m, k and real - k (Salvy et al. 2026).
    """
    from scipy.special import betaln, gammaln

    if real <= neighbours:
        return filled
    good, few = np.arange(generated + 1.0)[:, None], np.arange(float(neighbours))
    choose = gammaln(good + 1) - gammaln(few + 1) - gammaln(np.maximum(good - few, 0) + 1)
    rest = real - neighbours + np.maximum(good - few, 0)
    chances = np.exp(choose + betaln(neighbours + few, rest) - betaln(neighbours, real - neighbours))
    chances = np.where(few <= good, chances, 0)
    expected = 1 - (chances * (neighbours - few)).sum(1) / neighbours
    return float(np.interp(filled, expected, good[:, 0] / max(generated, 1)))


def distances(a: Tensor, b: Tensor) -> Tensor:
    """Euclidean distances (N, M) of the rows of (N, D) and (M, D)."""
    return torch.cdist(a, b, compute_mode="use_mm_for_euclid_dist")


def distance_blocks(a: Tensor, b: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Some rows of ``a`` (N, D) at a time, and their distances (n, M) from all rows of ``b`` (M, D).

    At most ``BLOCK`` distances, or one row of them, are in memory at once. Exactly 0 of a point to itself.
    """
    count = max(1, BLOCK // max(1, len(b)))
    for start in range(0, len(a), count):
        block = distances(a[start : start + count], b)
        if a is b:
            block.diagonal(start).zero_()
        yield slice(start, start + len(block)), block


def radii(points: Tensor, neighbours: int) -> Tensor:
    """Each point's (N, D) distance (N,) to its k-th neighbour among the points."""
    place = min(neighbours, len(points) - 1) + 1  # the point itself is the first
    return torch.cat([block.kthvalue(place).values for _, block in distance_blocks(points, points)])
