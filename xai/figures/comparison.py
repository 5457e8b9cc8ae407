"""Two figures beside each other, and what is different between them where their numbers are of one kind.

    found = compare(pinned, now)
    found.difference.pixels          # (h, w, 3): purple where the second is lower, orange where it is higher
    found.sentence                   # "score -0.78, then -0.29: higher by 0.49"

Maps are subtracted where they have the same shape and unit, whatever method, seed or checkpoint they are of; posters
where they have the same size and are not a set of several. Whatever cannot be subtracted is only shown, and the
sentence says why.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xai.figures.figure import Array, Bar, Figure, Panel
from xai.render import CHANGE, LUMINANCE_WEIGHTS, diverging, limit, pool

PLACES = 8  # across a map of pixels that is subtracted: single pixels of two maps hardly ever agree
LEVELS = 255.0
SET = 3  # posters in a figure, from which on none of them stands for all
LESS = ("lower", "higher")
DARKER = ("darker", "brighter")


@dataclass(frozen=True, eq=False)
class Comparison:
    """difference : of the second to the first, None where there is none. sentence : what it says, or why not."""

    difference: Panel | None
    sentence: str


def compare(first: Figure, second: Figure) -> Comparison:
    """What changed from the first figure to the second."""
    panel, sentence = _of_maps(first, second) or _of_posters(first, second) or (None, "")
    nothing = "nothing to subtract" if panel is None else "their difference is shown"
    return Comparison(panel, "; ".join(filter(None, (_scores(first, second), sentence))) or nothing)


def map_of(figure: Figure) -> Array | None:
    """The map that a figure is about: its first array of signed numbers on a plane; None without one."""
    planes = (
        array for array in figure.arrays.values() if array.values.dtype.kind == "f" and array.values.ndim in (2, 3)
    )
    return next((array for array in planes if array.unit), None)


def _of_maps(first: Figure, second: Figure) -> tuple[Panel | None, str] | None:
    one, other = map_of(first), map_of(second)
    if one is None or other is None:
        return None
    if one.unit != other.unit:
        return None, f"no difference of the maps: one is in {one.unit}, the other in {other.unit}"
    a, b = _plane(one.values), _plane(other.values)
    if a.shape != b.shape:
        sizes = " and ".join(f"{plane.shape[1]} × {plane.shape[0]}" for plane in (a, b))
        return None, f"no difference of the maps: their sizes are {sizes}"
    return _panel(b - a, one.unit, LESS), "" if (a != b).any() else "the two maps are the same"


def _of_posters(first: Figure, second: Figure) -> tuple[Panel | None, str] | None:
    posters = [[panel.pixels for panel in figure.panels if panel.poster] for figure in (first, second)]
    if not all(posters):
        return None
    if max(map(len, posters)) >= SET:
        return None, "no difference of the posters: there are several"
    one, other = (of_figure[0] for of_figure in posters)
    if one.shape != other.shape:
        return None, "no difference of the posters: they have different sizes"
    change = (other.astype(np.float32) - one.astype(np.float32)) @ LUMINANCE_WEIGHTS.astype(np.float32) / LEVELS
    return _panel(
        change, "brightness, black to white is 1", DARKER
    ), "" if change.any() else "the two posters are the same"


def _plane(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """(h, w), of a map of pixels (3, h, w) the sum of its channels, averaged over blocks."""
    if values.ndim == 2:
        return values
    summed = values.sum(axis=0)
    return pool(summed, max(1, summed.shape[1] // PLACES))


def _panel(change: NDArray[np.float32], unit: str, means: tuple[str, str]) -> Panel:
    end = limit(change)
    return Panel(diverging(change, end, CHANGE), "difference", Bar.signed(end, unit, CHANGE, means))


def _scores(first: Figure, second: Figure) -> str:
    """What became of the score, where both figures have one."""
    scores = [set(figure.columns.get("score", ())) for figure in (first, second)]
    if any(len(each) != 1 for each in scores):
        return ""
    before, after = (each.pop() for each in scores)
    if before == after:
        return f"score {after:+z.2f} in both"
    return f"score {before:+z.2f}, then {after:+z.2f}: {LESS[after > before]} by {abs(after - before):.2f}"
