"""A figure: what a page shows, with what it takes to stand alone in a paper or on a disk.

    source = Source.of(checkpoint, "seed 3", method="DeepLIFT", baseline="grey")
    figure = Figure("DeepLIFT over the poster", source, (Panel(pixels, bar=Bar.signed(0.02, "logit per pixel")),))
    save(figure, "map.png", width_mm=85)              # xai.figures.formats
    figure.stem                                       # dcgan-64-seed-3-DeepLIFT-over-the-poster

A figure may hold pictures, a table, arrays and frames; each format takes what it can write.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from xai.render import CHANGE, VERDICT, Pixels, Scale, diverging, grey

if TYPE_CHECKING:
    from gan.checkpoints.record import Checkpoint
    from xai.figures.fonts import Font

STEPS = 256  # of a colour bar
NAME_BYTES = 120  # of a name in file names, which may have 255
SHORT = 12  # digits of a digest in a line of text
Columns = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class Source:
    """What a figure was made from: checkpoint (name), digest (SHA-256 of its weights), poster, settings (plain values).

    link : page and query under which the dashboard shows it again, such as ``compare?seed=3``; "" where unknown.
    """

    checkpoint: str = ""
    digest: str = ""
    poster: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    link: str = ""

    @classmethod
    def of(cls, checkpoint: Checkpoint, poster: str = "", **settings: Any) -> Source:
        return cls(checkpoint.name, checkpoint.digest, poster, settings)

    @property
    def line(self) -> str:
        """All of it in one line of text, for a caption."""
        weights = f"{self.checkpoint} ({self.digest[:SHORT]})" if self.digest else self.checkpoint
        settings = (f"{name.replace('_', ' ')}: {value}" for name, value in self.settings.items() if _is_short(value))
        return " · ".join(filter(None, (weights, self.poster, *settings)))

    def record(self) -> dict[str, Any]:
        """For the metadata of a file."""
        told = {"checkpoint": self.checkpoint, "sha256": self.digest, "poster": self.poster, "link": self.link}
        return {name: value for name, value in told.items() if value} | {"settings": dict(self.settings)}


def _is_short(value: Any) -> bool:
    return isinstance(value, str | int | float) and value != ""


@dataclass(frozen=True, eq=False)
class Bar:
    """A colour bar. colours : (n, 3) from low to high. label : of the values, with their unit.

    low_means, high_means : what the ends speak for, as "fake" and "real"; "" for nothing.
    """

    low: float
    high: float
    colours: Pixels
    label: str
    low_means: str = ""
    high_means: str = ""

    @classmethod
    def signed(cls, end: float, label: str, scale: Scale = VERDICT, means: tuple[str, str] = ("", "")) -> Bar:
        """From -end to +end, white in the middle."""
        return cls(-end, end, diverging(np.linspace(-1, 1, STEPS), 1.0, scale), label, *means)

    @classmethod
    def response(cls, values: NDArray[np.float32], end: float, label: str) -> Bar:
        """Of a filter's map, as ``render.response`` colours it."""
        if np.min(values, initial=0.0) < 0:
            return cls.signed(end, label, CHANGE)
        return cls(0.0, end, grey(np.linspace(0, 1, STEPS), 1.0), label)


class Chart(Protocol):
    """What is drawn anew at every size, as bars with their names are (xai.figures.bars)."""

    def drawn(self, width: int, letters: Font) -> Image.Image:
        """As many pixels wide."""


@dataclass(frozen=True, eq=False)
class Panel:
    """One picture (h, w, 3) of a figure, what is below it, and the scale of its colours.

    poster : whether it is a poster, which may be smoothed where it is enlarged; a map never is. chart : what it was
    drawn by, if it was; a file has it at its own width.
    """

    pixels: Pixels
    caption: str = ""
    bar: Bar | None = None
    poster: bool = False
    chart: Chart | None = None


@dataclass(frozen=True)
class Array:
    """An array of any shape, its unit, and what it is."""

    values: NDArray[Any]
    unit: str = ""
    about: str = ""


@dataclass(frozen=True, eq=False)
class Frames:
    """Pictures (h, w, 3) one after the other, each with its caption; they may be read when they are needed.

    seconds : each is shown. hold : more for the last one.
    """

    pixels: Sequence[Pixels]
    captions: Sequence[str]
    seconds: float = 0.2
    hold: float = 1.0


@dataclass(frozen=True, eq=False)
class Figure:
    """Something to keep.

    title : what it shows. source : what it was made from. panels : pictures beside each other, ``across`` in a row.
    note : a sentence on how to read it. columns : of a table, by heading, all equally long; units : of columns that
    have one. arrays : by name. frames : of an animation.
    """

    title: str
    source: Source
    panels: tuple[Panel, ...] = ()
    note: str = ""
    across: int = 4
    columns: Columns = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    arrays: Mapping[str, Array] = field(default_factory=dict)
    frames: Frames | None = None

    @property
    def stem(self) -> str:
        """A file name that says what it holds, without its ending."""
        return slug("-".join(filter(None, (self.source.checkpoint, self.source.poster, self.title))))

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        """Of the table."""
        return list(zip(*self.columns.values(), strict=True))

    def about(self) -> dict[str, Any]:
        """What goes into a file's metadata."""
        return {"title": self.title, "note": self.note} | self.source.record()

    def linked(self, link: str) -> Figure:
        """The same, with the page and query that show it."""
        return replace(self, source=replace(self.source, link=link))


def table(title: str, source: Source, rows: Sequence[Mapping[str, Any]], **more: Any) -> Figure:
    """A figure of a table's rows, all with the same keys."""
    headings = list(rows[0]) if rows else []
    return Figure(title, source, columns={name: [row[name] for row in rows] for name in headings}, **more)


def slug(text: str) -> str:
    """Letters and digits of any script, everything else as "-", not too long for a file's name."""
    words = re.sub(r"[^\w]+", "-", unicodedata.normalize("NFKC", text)).strip("-")
    return words.encode(errors="ignore")[:NAME_BYTES].decode(errors="ignore")
