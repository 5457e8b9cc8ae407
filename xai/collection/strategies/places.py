"""Where on a poster a coarse map is strong, in words.

where(map, sign=-1)         # "the bottom left corner", "the edges", "the whole picture, evenly"
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST = 0.6  # of what is there: the smallest region with at least this proportion is named
LIFT = 1.5  # and at least so many times its proportion of the picture
EVEN = 0.5  # of the cells: as many would hold it, were it the same in each of them
CORNER = 3 / 8  # of a side
EDGE = 1 / 4
RING = 1 / 8

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Place:
    """Where: in words, what proportion of the map is there, and what proportion of the picture it covers."""

    name: str
    proportion: float
    area: float


def where(values: NDArray[Any], sign: int) -> Place | None:
    """The smallest region with most of what a map (h, w) has of one sign, -1 or 1; None where it has nothing of it."""
    strength = np.maximum(sign * np.asarray(values, float), 0)
    total = strength.sum()
    if not total > 0:
        return None
    places = [
        Place(name, float(strength[inside].sum() / total), float(inside.mean()))
        for name, inside in _regions(strength.shape).items()
    ]
    held = [place for place in places if place.proportion >= max(MOST, LIFT * place.area)]
    if held:
        return min(held, key=lambda place: (place.area, -place.proportion))
    even = total**2 / (strength.size * np.square(strength).sum())
    return Place("the whole picture, evenly" if even >= EVEN else "places all over the picture", 1.0, 1.0)


def _regions(shape: tuple[int, ...]) -> dict[str, Bools]:
    rows, columns = ((np.arange(side) + 0.5) / side for side in shape)
    near = {
        part: {"top": rows <= part, "bottom": rows >= 1 - part, "left": columns <= part, "right": columns >= 1 - part}
        for part in (CORNER, EDGE, RING, 1 / 2)
    }
    everywhere = np.ones(shape, bool)
    corners = {
        f"the {down} {across} corner": near[CORNER][down][:, None] & near[CORNER][across]
        for down in ("top", "bottom")
        for across in ("left", "right")
    }
    bands = {
        name.format(side): (near[part][side][:, None] if side in ("top", "bottom") else near[part][side]) & everywhere
        for part, name in ((EDGE, "the {} edge"), (1 / 2, "the {} half"))
        for side in ("top", "bottom", "left", "right")
    }
    centre = ((abs(rows - 0.5) <= EDGE)[:, None]) & (abs(columns - 0.5) <= EDGE)
    ring = near[RING]
    edges = (ring["top"] | ring["bottom"])[:, None] | (ring["left"] | ring["right"])
    return {**corners, **bands, "the centre": centre, "the edges": edges}
