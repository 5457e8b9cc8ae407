"""What a run tells while it goes on: a bar at a terminal, one line a tick elsewhere, and every line in ``log.txt``.

    with Output(Path("runs/first"), total=50_000) as output:
        output.advance(16)
        output.status({"kimg": 1.0, "seconds": 30.2, "seconds_per_kimg": 30.1, "loss_d": 1.31})
        output.say("G collapsed at 12.00 kimg.")

Without a terminal: ``kimg 1.00  time 30s  sec/kimg 30.1  loss_d 1.310``.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Self

from tqdm import tqdm

FILE = "log.txt"
OMITTED = ("step", "images_per_second", "kimg", "seconds", "skipped_d", "logit_gap", "note")  # of a status line


class Output:
    """``folder`` : where ``log.txt`` is, None for none. ``shown`` : whether anything is printed."""

    def __init__(self, folder: Path | None, total: int, done: int = 0, shown: bool = True) -> None:
        self.shown = shown
        self.file: IO[str] | None = None
        if folder is not None:
            with suppress(OSError):  # the state that cannot be written either says so
                self.file = (folder / FILE).open("a", encoding="utf-8", errors="replace")
        self.bar = tqdm(total=total, initial=done, unit="img", unit_scale=True, disable=None if shown else True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()
        if self.file is not None:
            with suppress(OSError):
                self.file.close()

    def advance(self, posters: int) -> None:
        """Move the bar."""
        self.bar.update(posters)

    def rewind(self, posters: int) -> None:
        """Set the bar to this number of posters."""
        self.bar.update(posters - self.bar.n)

    def say(self, text: str) -> None:
        """One line of what happened."""
        self.write(text)
        if self.shown:
            # bar.write keeps the bar whole; without one it is print, to stdout as well.
            self.bar.write(text)

    def status(self, row: Mapping[str, Any]) -> None:
        """The line of a tick, from its row in ``stats.jsonl``."""
        line = status_line(row)
        self.write(line)
        if self.shown and self.bar.disable:
            print(line, flush=True)
        names = {"D": "loss_d", "G": "loss_g", "acc": "accuracy_d"}
        self.bar.set_postfix({short: f"{row[name]:.3f}" for short, name in names.items() if name in row})

    def write(self, text: str) -> None:
        """A line, or a traceback, for ``log.txt`` only."""
        if self.file is not None:
            with suppress(OSError):
                self.file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {text}\n")
                self.file.flush()


def status_line(row: Mapping[str, Any]) -> str:
    """kimg, time, speed, then every loss and metric of a tick."""
    words = [f"kimg {row['kimg']:<8.2f}", f"time {duration(row['seconds']):<11}"]
    if row.get("images_per_second"):
        words.append(f"sec/kimg {1000 / row['images_per_second']:<7.1f}")
    words += [f"{name} {value:.4g}" for name, value in row.items() if name not in OMITTED]
    return " ".join(words)


def duration(seconds: float) -> str:
    """As edm prints it: "45s", "3m 20s", "2h 05m 10s"."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    if hours:
        return f"{hours}h {minute:02d}m {second:02d}s"
    return f"{minute}m {second:02d}s" if minute else f"{second}s"
