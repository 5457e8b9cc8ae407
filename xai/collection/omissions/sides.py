"""Which posters of a collection are compared: held-out ones, training ones, and those of seeds.

rows = Sides.of(posters, extracted.seeds)
rows.held_out                               # numbers of posters, in the order of their features
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gan.data.posters import PosterSet

Numbers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Sides:
    """Numbers of held-out posters and of training posters, and seeds. Where none is held out, all are both."""

    held_out: Numbers
    training: Numbers
    seeds: Numbers

    @classmethod
    def of(cls, posters: PosterSet, seeds: Sequence[int]) -> Sides:
        held_out, training = np.flatnonzero(posters.held_out), np.flatnonzero(~posters.held_out)
        everyone = np.arange(len(posters))
        given = (held_out, training) if len(held_out) else (everyone, everyone)
        return cls(*given, np.asarray(seeds))
