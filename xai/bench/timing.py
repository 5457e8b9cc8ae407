"""How long jobs take, each beside a peer's way of doing it.

    ours, theirs = turns(15, lambda turn: fast(turn), lambda turn: slow(turn))        # milliseconds
    print(table([Row("a job", ours, "a library", theirs, "3 times")]))

A job and its peer take turns, so that a machine that slows down slows both; each number is the median over the turns.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from gan.checkpoints.record import Checkpoint
from xai.networks.score import Score

REFERENCES = 16


@dataclass(frozen=True)
class Row:
    """One line of the table; milliseconds, ``peer_ms`` None where there is no peer. ``goal`` as the project set it."""

    job: str
    ours_ms: float
    peer: str
    peer_ms: float | None
    goal: str
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times as fast as the peer."""
        return None if self.peer_ms is None else self.peer_ms / self.ours_ms


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


def turns(count: int, *jobs: Callable[[int], Any]) -> list[float]:
    """Median milliseconds of each job; they take turns, and a first turn of each does not count."""
    seconds: list[list[float]] = [[] for _ in jobs]
    for turn in range(count + 1):
        for job, spent in zip(jobs, seconds, strict=True):
            start = time.perf_counter()
            job(turn)
            spent.append(time.perf_counter() - start)
    return [1000 * statistics.median(spent[1:]) for spent in seconds]


def elapsed(job: Callable[[], Any]) -> float:
    """Milliseconds."""
    start = time.perf_counter()
    job()
    return 1000 * (time.perf_counter() - start)


def table(rows: Sequence[Row]) -> str:
    """Markdown."""
    lines = [
        "| job | ours, ms | peer | peer, ms | times as fast | goal | |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        peer = "" if row.peer_ms is None else f"{row.peer_ms:.1f}"
        ratio = "" if row.ratio is None else f"**{row.ratio:.1f}**"
        lines.append(f"| {row.job} | {row.ours_ms:.1f} | {row.peer} | {peer} | {ratio} | {row.goal} | {row.note} |")
    return "\n".join(lines)
