"""Colours of the points of a map: by a number with a sign, or by the group that each belongs to.

    by_number("logit", logits, ends=("fake", "real"))
    by_group("kind", np.repeat([0, 1], [20_649, 2_000]), ["real", "generated"])
    by_group("strategy", strategies, names).labels          # the groups, and "none" for those without one

Of many groups the largest have a colour of their own; the rest are "others".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xai.render import CATEGORY_HEX, GREY_HEX, limit, points_rgb, rgb_of

LEVELS = 255  # of a number's colours
PALETTE = 256


@dataclass(frozen=True, eq=False)
class Colouring:
    """A colour for each of N points.

    codes : uint8 (N,), into ``palette``, uint8 (256, 3). labels : of the groups, by their code; none for a number.
    low, high : what the first and the last of ``LEVELS`` colours stand for. ends : what these are called.
    """

    title: str
    codes: NDArray[np.uint8]
    palette: NDArray[np.uint8]
    labels: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    ends: tuple[str, ...] = ()

    @property
    def packed(self) -> bytes:
        """The palette, then the codes."""
        return self.palette.tobytes() + self.codes.tobytes()


def by_number(title: str, values: NDArray[np.floating], ends: tuple[str, str]) -> Colouring:
    """Blue below zero, red above, grey at zero; the strongest half percent share the end of the scale."""
    end = limit(values, 0.99)
    level = (np.clip(np.asarray(values, float) / end, -1, 1) + 1) / 2
    palette = np.zeros((PALETTE, 3), np.uint8)
    palette[:LEVELS] = points_rgb(np.linspace(-1, 1, LEVELS))
    return Colouring(title, np.round(level * (LEVELS - 1)).astype(np.uint8), palette, (), -end, end, ends)


def by_group(title: str, groups: NDArray[np.integer], names: Sequence[str]) -> Colouring:
    """A colour for each of the largest groups, grey for others and for those without one (-1).

    groups : (N,), into ``names``.
    """
    sizes = np.bincount(groups[groups >= 0], minlength=len(names))
    order = np.arange(len(names)) if len(names) <= len(CATEGORY_HEX) else np.argsort(-sizes, kind="stable")
    shown = order[: len(CATEGORY_HEX)]
    code_of = np.full(len(names) + 1, len(shown))  # the last: -1
    code_of[shown] = np.arange(len(shown))
    codes = code_of[groups]
    labels = [names[one] for one in shown]
    if (codes == len(shown)).any():
        labels.append("others" if len(names) > len(shown) else "none")
    colours = [*CATEGORY_HEX[: len(shown)], GREY_HEX]
    palette = np.zeros((PALETTE, 3), np.uint8)
    palette[: len(colours)] = [rgb_of(colour) for colour in colours]
    return Colouring(title, codes.astype(np.uint8), palette, tuple(labels))
