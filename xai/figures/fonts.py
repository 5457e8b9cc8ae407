"""Letters on pictures: DejaVu Sans, which has most scripts of Europe, as matplotlib brings it; else Pillow's own.

lines = wrapped("a long title", font(24, bold=True), width=640)

Signs that cannot be printed become replacement signs.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@cache
def font(size: int, bold: bool = False) -> Font:
    """Letters of ``size`` pixels. Captum and LIME need matplotlib, so its files are there; it is not imported."""
    spec = importlib.util.find_spec("matplotlib")
    if spec is not None and spec.origin is not None:
        name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
        path = Path(spec.origin).parent / "mpl-data/fonts/ttf" / name
        if path.is_file():
            return ImageFont.truetype(str(path), size)
    return ImageFont.load_default(size)


def wrapped(text: str, letters: Font, width: int) -> list[str]:
    """Lines of ``text`` no wider than ``width`` pixels; a word that is wider is cut."""
    lines: list[str] = []
    for word in _pieces(printable(text), letters, width):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and letters.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def printable(text: str) -> str:
    """In one line, with a sign in place of what no font can draw."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in " ".join(text.split()))


def _pieces(text: str, letters: Font, width: int) -> Iterator[str]:
    for word in text.split():
        piece = ""
        for sign in word:
            if piece and letters.getlength(piece + sign) > width:
                yield piece
                piece = ""
            piece += sign
        yield piece
