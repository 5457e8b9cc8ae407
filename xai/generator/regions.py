"""Regions of a picture, and the places of a map that they cover.

    rows, columns = cells((0.0, 0.0, 1.0, 0.3), 8, 8)

    Mask(4, 4, (5, 2, 2, 2)).text                  # "4x4.5.2.2.2": five places outside, two inside, ...

A box is (left, top, right, bottom), 0 to 1 across and down the picture. A mask is any set of places of a map.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xai.errors import ExplanationError

MOST_VALUE = 1000.0
MOST_SIDE = 1024  # places of a map
NO_MASK = "A mask is the sides of a map and lengths of runs outside and inside it, such as 4x4.5.2.2.2."
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Mask:
    """A set of places of a map of ``height`` x ``width``: lengths of runs outside and inside it in turn, by rows.

    Raises
    ------
    ExplanationError
        If it is no mask, or holds no place.
    """

    height: int
    width: int
    runs: tuple[int, ...]

    def __post_init__(self) -> None:
        sides = 0 < self.height <= MOST_SIDE and 0 < self.width <= MOST_SIDE
        if not sides or min(self.runs, default=-1) < 0 or sum(self.runs) > self.height * self.width:
            raise ExplanationError(NO_MASK)
        if not sum(self.runs[1::2]):
            raise ExplanationError("A mask holds at least one place.")

    @classmethod
    def of(cls, inside: NDArray[np.bool_]) -> Mask:
        """The mask of an array (height, width)."""
        flat = np.concatenate([[False], inside.ravel(), [False]])
        ends = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1])])
        height, width = inside.shape
        return cls(height, width, tuple(np.diff(ends).tolist()))

    @classmethod
    def parsed(cls, text: str) -> Mask:
        """From its text: the sides, and the runs to the base of 36."""
        if not re.fullmatch(r"[0-9]{1,4}x[0-9]{1,4}(\.[0-9a-z]{1,5})+", text):
            raise ExplanationError(NO_MASK)
        sides, *runs = text.split(".")
        height, width = map(int, sides.split("x"))
        return cls(height, width, tuple(int(run, 36) for run in runs))

    @property
    def text(self) -> str:
        runs = ".".join(np.base_repr(run, 36).lower() for run in self.runs)
        return f"{self.height}x{self.width}.{runs}"

    @property
    def inside(self) -> NDArray[np.bool_]:
        """(height, width), True inside."""
        found = np.zeros(self.height * self.width, bool)
        ends = np.cumsum(self.runs)
        for start, end in zip(ends[::2], ends[1::2], strict=False):
            found[start:end] = True
        return found.reshape(self.height, self.width)


def cells(box: Box, height: int, width: int) -> tuple[slice, slice]:
    """Rows and columns of a map, or of the picture, that a box touches, at least one each.

    Raises
    ------
    ExplanationError
        If it is no box.
    """
    problem = no_box(box)
    if problem:
        raise ExplanationError(problem)
    left, top, right, bottom = box
    return _touched(top, bottom, height), _touched(left, right, width)


def box_of(row: int, column: int, height: int, width: int, least: float = 0.0) -> Box:
    """The box that one place of a map of ``height`` x ``width`` covers, its sides made at least ``least`` long."""
    left, right = _widened(column, width, least)
    top, bottom = _widened(row, height, least)
    return left, top, right, bottom


def _widened(place: int, places: int, least: float) -> tuple[float, float]:
    side = max(1 / places, least)
    start = min(max((place + 0.5) / places - side / 2, 0.0), 1 - side)
    return start, min(start + side, 1.0)


def no_box(box: Any) -> str | None:
    if not isinstance(box, tuple) or len(box) != 4 or not all(is_number(side) for side in box):
        return "A box is four numbers: left, top, right and bottom."
    left, top, right, bottom = box
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        return "A box runs from left to right and from top to bottom inside 0 to 1."
    return None


def _touched(start: float, end: float, cells: int) -> slice:
    # A box that ends where a cell begins does not touch it, in spite of 0.3 * 10 being 3.0000000000000004 or so.
    first = min(math.floor(start * cells + 1e-6), cells - 1)
    return slice(first, max(first + 1, math.ceil(end * cells - 1e-6)))


def is_number(value: Any) -> bool:
    # NaN compares as false, and an integer of any size can be compared.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MOST_VALUE
