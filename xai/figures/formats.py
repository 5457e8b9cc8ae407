"""The registry of formats: which files a figure can become, and how each is written.

FORMATS["print"].write(figure, Options(width_mm=85))       # bytes
possible(figure)                                           # the formats for what it holds
save(figure, "walk.gif", seconds=0.1)                # by the file's ending; width_mm makes a PNG for paper
file_name(figure, "print")                                 # dcgan-64-seed-3-DeepLIFT-print.png

A format is an entry here: pages and ``save`` follow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from gan.files import write_file
from xai.errors import ExplanationError
from xai.figures.animation import Motion, gif_file, webp_file
from xai.figures.data import csv_file, npz_file
from xai.figures.figure import Figure
from xai.figures.picture import Sheet, png_file


@dataclass(frozen=True)
class Options:
    """width : pixels on a screen. width_mm : on paper, at 300 dpi. smooth : enlarge posters by Lanczos, not as squares.

    framed : with title, colour bar and source. seconds : of a frame, None for the figure's own. there_and_back : of an
    animation.
    """

    width: int = 640
    width_mm: float = 85.0
    smooth: bool = False
    framed: bool = True
    seconds: float | None = None
    there_and_back: bool = False

    def motion(self, figure: Figure) -> Motion:
        """Of an animation of ``figure``."""
        own = figure.frames.seconds if figure.frames else Motion.seconds
        return Motion(self.width, own if self.seconds is None else self.seconds, self.smooth, self.there_and_back)


@dataclass(frozen=True)
class Format:
    """title : on a button. suffix : of its files. mime : for a browser. holds : whether a figure can become one."""

    title: str
    suffix: str
    mime: str
    holds: Callable[[Figure], bool]
    write: Callable[[Figure, Options], bytes]


def _screen(figure: Figure, options: Options) -> bytes:
    return png_file(figure, Sheet.screen(options.width, options.smooth, options.framed))


def _print(figure: Figure, options: Options) -> bytes:
    return png_file(figure, Sheet.printed(options.width_mm, options.smooth, options.framed))


FORMATS = {
    "screen": Format("PNG for the screen", ".png", "image/png", lambda one: bool(one.panels), _screen),
    "print": Format("PNG for print", "-print.png", "image/png", lambda one: bool(one.panels), _print),
    "csv": Format("CSV", ".csv", "text/csv", lambda one: bool(one.columns), lambda one, _: csv_file(one)),
    "npz": Format("NPZ", ".npz", "application/zip", lambda one: bool(one.arrays), lambda one, _: npz_file(one)),
    "gif": Format(
        "GIF", ".gif", "image/gif", lambda one: one.frames is not None, lambda one, how: gif_file(one, how.motion(one))
    ),
    "webp": Format(
        "WebP", ".webp", "image/webp", lambda one: one.frames is not None,
        lambda one, how: webp_file(one, how.motion(one)),
    ),
}  # fmt: skip


def possible(figure: Figure) -> list[str]:
    """Names of the formats for what a figure holds."""
    return [name for name, one in FORMATS.items() if one.holds(figure)]


def file_name(figure: Figure, name: str) -> str:
    """What a figure's file in this format is called."""
    return f"{figure.stem or 'figure'}{FORMATS[name].suffix}"


def save(figure: Figure, path: str | Path, **options: Any) -> Path:
    """Write a figure, complete or not at all; the format is that of the file's ending.

    Raises
    ------
    ExplanationError
        If there is no such format or option, or the figure holds nothing for it.
    """
    path = Path(path)
    known = [field.name for field in fields(Options)]
    if unknown := sorted(set(options) - set(known)):
        raise ExplanationError(f"There is no option {unknown[0]}; there are {', '.join(known)}.")
    by_suffix = {one.suffix: name for name, one in FORMATS.items() if one.suffix.startswith(".")}
    name = by_suffix.get(path.suffix.lower())
    if name is None:
        raise ExplanationError(f"{path.name} ends in none of {', '.join(by_suffix)}.")
    name = "print" if name == "screen" and "width_mm" in options else name
    if name not in possible(figure):
        raise ExplanationError(f"{figure.title} holds nothing that a {path.suffix} file can have.")
    write_file(path, FORMATS[name].write(figure, Options(**options)))
    return path
