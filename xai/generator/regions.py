"""Regions of a picture, and the places of a map that they cover.

    rows, columns = cells((0.0, 0.0, 1.0, 0.3), 8, 8)

A box is (left, top, right, bottom), 0 to 1 across and down the picture.
"""

from __future__ import annotations

import math
from typing import Any

from xai.errors import ExplanationError

MOST_VALUE = 1000.0
Box = tuple[float, float, float, float]


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
