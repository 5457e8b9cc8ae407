"""A figure as a picture that stands alone: title, panels, colour bars, and a line that says what it was made from.

drawn(figure, Sheet.screen(640))                    # a Pillow image 640 pixels wide
drawn(figure, Sheet.printed(85))                    # 85 mm at 300 dpi: 1004 pixels
png_file(figure, Sheet.printed(85))                 # PNG bytes with that resolution, and the source as metadata

Maps are enlarged as crisp squares at any width; posters may be smoothed.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

from xai.errors import ExplanationError
from xai.figures.figure import Bar, Figure, Panel
from xai.figures.fonts import Font, font, wrapped
from xai.render import Pixels

SCREEN_DPI, PRINT_DPI, MM_PER_INCH = 96, 300, 25.4
MOST_WIDTH, MOST_AREA = 8000, 60_000_000  # pixels
INK, SOFT, PAPER = (20, 20, 24), (90, 94, 104), (255, 255, 255)
BAR_WIDTH = 0.7  # of a panel's width
LEAD = 1.3  # of a line, in letters' heights


@dataclass(frozen=True)
class Sheet:
    """What a figure is drawn on. width : pixels. title_size, text_size : points. smooth : of posters (Lanczos).

    framed : with title, captions, colour bars and source; else the pictures alone.
    """

    width: int
    dpi: int
    title_size: float
    text_size: float
    smooth: bool = False
    framed: bool = True

    @classmethod
    def screen(cls, width: int, smooth: bool = False, framed: bool = True) -> Sheet:
        return cls(width, SCREEN_DPI, 12, 9, smooth, framed)

    @classmethod
    def printed(cls, width_mm: float, smooth: bool = False, framed: bool = True) -> Sheet:
        return cls(round(width_mm / MM_PER_INCH * PRINT_DPI), PRINT_DPI, 8, 6.5, smooth, framed)

    def letters(self, bold: bool = False) -> Font:
        points = self.title_size if bold else self.text_size
        return font(max(6, round(points * self.dpi / 72)), bold)

    @property
    def gap(self) -> int:
        """Pixels between things: 1.5 mm on paper."""
        return round(1.5 * self.dpi / MM_PER_INCH)


def png_file(figure: Figure, sheet: Sheet) -> bytes:
    """PNG bytes of a figure."""
    told = PngInfo()
    told.add_itxt("Title", figure.title)
    told.add_itxt("Source", json.dumps(figure.about(), default=str))
    buffer = io.BytesIO()
    drawn(figure, sheet).save(buffer, "PNG", dpi=(sheet.dpi, sheet.dpi), pnginfo=told, optimize=True)
    return buffer.getvalue()


def drawn(figure: Figure, sheet: Sheet) -> Image.Image:
    """The figure on its sheet.

    Raises
    ------
    ExplanationError
        If it has no picture, or would be larger than any paper.
    """
    if not figure.panels:
        raise ExplanationError(f"{figure.title} has no picture.")
    if not 16 <= sheet.width <= MOST_WIDTH:
        raise ExplanationError(f"A picture is 16 to {MOST_WIDTH:,} pixels wide, not {sheet.width:,}.")
    across = min(figure.across, len(figure.panels))
    width = (sheet.width - (across - 1) * sheet.gap) // across
    blocks = [_panel(panel, width, sheet) for panel in figure.panels]
    rows = [_beside(blocks[start : start + across], sheet) for start in range(0, len(blocks), across)]
    if not sheet.framed:
        return _below(rows, sheet)
    head = [_text(figure.title, sheet.letters(bold=True), sheet.width, INK)]
    told = [text for text in (figure.note, figure.source.line) if text]
    return _below([*head, *rows, *(_text(text, sheet.letters(), sheet.width, SOFT) for text in told)], sheet)


def enlarged(pixels: Pixels, size: tuple[int, int], smooth: bool) -> Image.Image:
    """A picture (h, w, 3) brought to ``size`` (width, height): smoothed, or its pixels as crisp squares at any size."""
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    if smooth:
        return picture.resize(size, Image.Resampling.LANCZOS)
    factor = max(1, math.ceil(size[0] / picture.width))
    repeated = picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)
    return repeated.resize(size, Image.Resampling.BOX)


def _panel(panel: Panel, width: int, sheet: Sheet) -> Image.Image:
    height = max(1, round(width * panel.pixels.shape[0] / panel.pixels.shape[1]))
    if height * sheet.width > MOST_AREA:
        raise ExplanationError("The picture would be too large; choose a smaller width.")
    if panel.chart is not None:
        parts = [panel.chart.drawn(width, sheet.letters())]
    else:
        parts = [enlarged(panel.pixels, (width, height), sheet.smooth and panel.poster)]
    if sheet.framed and panel.caption:
        parts.append(_text(panel.caption, sheet.letters(), width, INK))
    if sheet.framed and panel.bar is not None:
        parts.append(_bar(panel.bar, width, sheet))
    return _below(parts, replace(sheet, width=width), sheet.gap // 2)


def _bar(bar: Bar, width: int, sheet: Sheet) -> Image.Image:
    """The colours, the values at both ends and in the middle, what the ends mean, and the label."""
    letters = sheet.letters()
    ends = [f"{number(bar.low)} {bar.low_means}".strip(), f"{number(bar.high)} {bar.high_means}".strip()]
    line = round(LEAD * _height(letters))
    label = _text(bar.label, letters, width, SOFT, centred=True)
    thick = max(4, line // 2)
    picture = Image.new("RGB", (width, thick + line + label.height), PAPER)
    across = round(BAR_WIDTH * width)
    left = (width - across) // 2
    strip = Image.fromarray(np.ascontiguousarray(bar.colours[None])).resize((across, thick), Image.Resampling.BILINEAR)
    picture.paste(strip, (left, 0))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((left, 0, left + across - 1, thick - 1), outline=SOFT)
    draw.text((max(0, left - int(letters.getlength(ends[0])) // 3), thick), ends[0], INK, letters)
    high = int(letters.getlength(ends[1]))
    draw.text((min(width, left + across + high // 3) - high, thick), ends[1], INK, letters)
    if bar.low < 0 < bar.high:
        draw.text((left + across * -bar.low / (bar.high - bar.low), thick), "0", INK, letters, anchor="ma")
    picture.paste(label, (0, thick + line))
    return picture


def number(value: float) -> str:
    """Two digits, with a sign where it is not 0."""
    return f"{value:+z.2g}".replace("-", "−") if value else "0"


def _text(text: str, letters: Font, width: int, colour: tuple[int, int, int], centred: bool = False) -> Image.Image:
    lines, line = wrapped(text, letters, width), round(LEAD * _height(letters))
    picture = Image.new("RGB", (width, max(1, line * len(lines))), PAPER)
    draw = ImageDraw.Draw(picture)
    for row, words in enumerate(lines):
        left = (width - letters.getlength(words)) / 2 if centred else 0
        draw.text((left, row * line), words, colour, letters)
    return picture


def _height(letters: Font) -> float:
    _, top, _, bottom = letters.getbbox("Mg|")
    return bottom - top


def _beside(blocks: Sequence[Image.Image], sheet: Sheet) -> Image.Image:
    picture = Image.new("RGB", (sheet.width, max(block.height for block in blocks)), PAPER)
    for place, block in enumerate(blocks):
        picture.paste(block, (place * (block.width + sheet.gap), 0))
    return picture


def _below(parts: Sequence[Image.Image], sheet: Sheet, gap: int | None = None) -> Image.Image:
    space = sheet.gap if gap is None else gap
    height = sum(part.height for part in parts) + space * (len(parts) - 1)
    picture, top = Image.new("RGB", (sheet.width, height), PAPER), 0
    for part in parts:
        picture.paste(part, (0, top))
        top += part.height + space
    return picture
