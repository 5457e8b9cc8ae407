"""Horizontal bars with their names and numbers, drawn as sharp as the sheet that they are drawn on.

bars = Bars(["filter 3", "filter 9"], [0.4, -0.2], "logit", [RED, BLUE])
bars.drawn(640, font(13))                   # a Pillow image 640 pixels wide, as high as it needs to be
Figure("Strongest filters", source, (bars_panel(bars),))
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from xai.figures.figure import Panel
from xai.figures.fonts import Font, font, printable, wrapped
from xai.render import CHANGE, Scale

WIDTH, LETTERS = 720, 18  # pixels: of a panel that is shown and not exported
MOST = 12  # of many numbers, that are drawn
NAMES = 0.4  # of the width, at most, for the names
LEAD, THICK = 1.7, 0.6  # of a row, in letters' heights; of a bar, in rows
SMALLEST = 1e-6  # on a logarithmic axis
INK, SOFT, PAPER = (20, 20, 24), (90, 94, 104), (255, 255, 255)
DOTS = "…"


@dataclass(frozen=True, eq=False)
class Bars:
    """From the top down. values : where each ends. label : of the axis, with its unit. colours : "#rrggbb" of each.

    start : where all begin; starts : where each one does, in its place. intervals : (low, high) of each, or none.
    texts : at the right of each, its value unless given. logarithmic : the axis.
    """

    names: Sequence[str]
    values: Sequence[float]
    label: str
    colours: Sequence[str]
    start: float = 0.0
    starts: Sequence[float] = ()
    intervals: Sequence[tuple[float, float]] = ()
    texts: Sequence[str] = ()
    logarithmic: bool = False

    def drawn(self, width: int, letters: Font) -> Image.Image:
        """All of them, ``width`` pixels wide."""
        row = max(8, round(LEAD * _height(letters)))
        below = wrapped(self.label, letters, width)
        picture = Image.new("RGB", (width, row * (len(self.names) + 1 + len(below))), PAPER)
        draw, axis = ImageDraw.Draw(picture), self._axis(width, letters)
        for place, name in enumerate(self.names):
            middle = row * (place + 0.5)
            draw.text((axis.left - row // 3, middle), _cut(name, letters, axis.left - row // 3), INK, letters, "rm")
            self._draw_bar(draw, axis, place, middle, row)
            draw.text((width, middle), self._texts[place], INK, letters, "rm")
        bottom = row * len(self.names)
        draw.line((axis.at(self.start), 0, axis.at(self.start), bottom), SOFT)
        for value, anchor in ((axis.low, "la"), (axis.high, "ra")):
            draw.text((axis.at(value), bottom + row // 6), digits(value), SOFT, letters, anchor)
        for line, words in enumerate(below):
            draw.text((width / 2, bottom + row * (line + 1.1)), words, SOFT, letters, "ma")
        return picture

    def _draw_bar(self, draw: ImageDraw.ImageDraw, axis: _Axis, place: int, middle: float, row: int) -> None:
        start = self.starts[place] if self.starts else self.start
        left, right = sorted((axis.at(start), axis.at(self.values[place])))
        half = THICK * row / 2
        draw.rectangle((left, middle - half, max(right, left + 1), middle + half), self.colours[place])
        if self.intervals:
            low, high = map(axis.at, self.intervals[place])
            draw.line((low, middle, high, middle), INK, max(1, row // 12))
            for end in (low, high):
                draw.line((end, middle - half / 2, end, middle + half / 2), INK, max(1, row // 12))

    @property
    def _texts(self) -> Sequence[str]:
        return self.texts or [digits(value) for value in self.values]

    def _axis(self, width: int, letters: Font) -> _Axis:
        """Between the names and the numbers, from the smallest to the largest thing that is drawn."""
        ends = [self.start, *self.starts, *self.values, *(end for pair in self.intervals for end in pair)]
        space = letters.getlength("  ")
        names = max((letters.getlength(printable(name)) for name in self.names), default=0) + 2 * space
        texts = max((letters.getlength(text) for text in self._texts), default=0) + space
        left, right = round(min(names, NAMES * width)), round(width - texts)
        return _Axis(left, max(right, left + 1), min(ends), max(ends), self.logarithmic)


@dataclass(frozen=True)
class _Axis:
    """From ``low`` at ``left`` to ``high`` at ``right``, in pixels."""

    left: int
    right: int
    low: float
    high: float
    logarithmic: bool

    def at(self, value: float) -> float:
        low, high, here = map(self._scaled, (self.low, self.high, value))
        return self.left + (here - low) / ((high - low) or 1.0) * (self.right - self.left)

    def _scaled(self, value: float) -> float:
        return math.log10(max(value, SMALLEST)) if self.logarithmic else value


def digits(value: float, sign: str = "") -> str:
    """Three of them."""
    return f"{value:{sign}#.3g}".removesuffix(".").replace("-", "−") if value else "0"


def bars_panel(bars: Bars, caption: str = "") -> Panel:
    """Bars as a picture of a figure."""
    return Panel(np.asarray(bars.drawn(WIDTH, font(LETTERS))), caption, chart=bars)


def signed_bars(names: Sequence[str], values: Sequence[float], label: str, scale: Scale = CHANGE) -> Bars:
    """Bars in the colours of ``scale`` for what is below and above 0."""
    below, above = scale.hex
    colours = [above if value > 0 else below for value in values]
    return Bars(names, values, label, colours, texts=[digits(value, "+") for value in values])


def strongest_bars(values: Sequence[float], kind: str, label: str, scale: Scale = CHANGE) -> Bars:
    """Bars of the largest of many signed numbers, by size."""
    order = sorted(range(len(values)), key=lambda index: -abs(values[index]))[:MOST]
    return signed_bars([f"{kind} {index}" for index in order], [values[index] for index in order], label, scale)


def waterfall_bars(
    names: Sequence[str], changes: Sequence[float], label: str, scale: Scale, total: str = "#888888"
) -> Bars:
    """The first and the last from 0 to their value, and between them changes, each from where the one above ends."""
    ends = [*np.cumsum(changes[:-1]).tolist(), changes[-1]]
    found = signed_bars(names, changes, label, scale)
    colours: list[Any] = [total, *found.colours[1:-1], total]
    return replace(found, values=ends, starts=[0.0, *ends[: len(ends) - 2], 0.0], colours=colours)


def _cut(text: str, letters: Font, width: float) -> str:
    """As much of a text as there is room for."""
    whole = shown = printable(text)
    while shown and letters.getlength(shown + DOTS) > width and letters.getlength(whole) > width:
        shown = shown[:-1]
    return whole if shown == whole else shown + DOTS


def _height(letters: Font) -> float:
    _, top, _, bottom = letters.getbbox("Mg|")
    return bottom - top
