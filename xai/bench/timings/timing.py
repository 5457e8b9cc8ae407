"""How long jobs take, each beside a peer's way of doing it.

    ours, theirs = turns(15, lambda turn: fast(turn), lambda turn: slow(turn))
    print(table([Row.beside("a job", ours, "a library", theirs, "3 times")]))

A job and its peer take turns, so that a machine that slows down slows both; each number is the median over the turns.
How many times as fast a job is, is the median of its turns, each with the peer's turn beside it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from gan.checkpoints.record import Checkpoint
from gan.evaluation.estimates import Estimate, median
from xai.networks.score import Score

REFERENCES = 16


@dataclass(frozen=True)
class Times:
    """Milliseconds of a job in each turn."""

    each: tuple[float, ...]

    @property
    def median(self) -> float:
        """Of all turns."""
        return float(np.median(self.each))

    def per(self, count: float) -> Times:
        """Of one of the ``count`` things that each turn did."""
        return Times(tuple(milliseconds / count for milliseconds in self.each))

    def ratio_of(self, peer: Times) -> Estimate:
        """How many times as long the peer takes, turn by turn; without an interval for fewer than 6 turns."""
        return median(np.array(peer.each) / np.array(self.each))


@dataclass(frozen=True)
class Row:
    """One line of the table: what it takes here and in a peer, in ``unit``; ``theirs`` None where there is no peer.

    goal : as the project set it. ratio : how many times as fast as the peer.
    """

    job: str
    ours: float
    peer: str
    theirs: float | None
    goal: str
    note: str = ""
    ratio: Estimate | None = None
    unit: str = "ms"

    @classmethod
    def alone(cls, job: str, ours: Times, goal: str = "", note: str = "") -> Row:
        """Of a job that no library does."""
        return cls(job, ours.median, "", None, goal, note)

    @classmethod
    def beside(cls, job: str, ours: Times, peer: str, theirs: Times, goal: str = "", note: str = "") -> Row:
        """Of a job and a peer's way of doing it, turn by turn."""
        return cls(job, ours.median, peer, theirs.median, goal, note, ours.ratio_of(theirs))


@dataclass(frozen=True, eq=False)
class Bench:
    """What all jobs share: the networks, posters (N, 3, H, W), and how many turns to take."""

    path: Path
    checkpoint: Checkpoint
    posters: Tensor
    turns: int

    @property
    def score(self) -> Score:
        """A fresh score that remembers nothing."""
        return Score(self.checkpoint.need_discriminator())

    @property
    def references(self) -> Tensor:
        """The first posters, which others are compared with."""
        return self.posters[:REFERENCES]

    def picture(self, turn: int) -> Tensor:
        """Another poster (1, 3, H, W) each turn, none of them a reference."""
        place = REFERENCES + turn % (len(self.posters) - REFERENCES)
        return self.posters[place : place + 1]


def turns(count: int, *jobs: Callable[[int], Any]) -> list[Times]:
    """How long each job takes; they take turns, and a first turn of each does not count."""
    spent: list[list[float]] = [[] for _ in jobs]
    for turn in range(count + 1):
        for job, milliseconds in zip(jobs, spent, strict=True):
            milliseconds.append(elapsed(lambda: job(turn)))  # noqa: B023 - called at once
    return [Times(tuple(milliseconds[1:])) for milliseconds in spent]


def elapsed(job: Callable[[], Any]) -> float:
    """Milliseconds."""
    start = time.perf_counter()
    job()
    return 1000 * (time.perf_counter() - start)


def table(rows: Sequence[Row]) -> str:
    """Markdown."""
    lines = ["| job | ours | peer | its figure | times as fast | goal | |", "| --- " * 7 + "|"]
    for row in rows:
        theirs = "" if row.theirs is None else f"{row.theirs:.1f} {row.unit}"
        cells = row.job, f"{row.ours:.1f} {row.unit}", row.peer, theirs, _times(row), row.goal, row.note
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _times(row: Row) -> str:
    """The ratio, and between which two it lies."""
    if row.ratio is None:
        return ""
    interval = f" [{row.ratio.low:.1f}, {row.ratio.high:.1f}]" if row.ratio.low == row.ratio.low else ""
    return f"**{row.ratio.value:.1f}**{interval}"
