"""How far a run is, read from its folder while it goes on or long after.

    progress = read_progress(Path("runs/first"))
    progress.state, progress.share, progress.seconds_left        # "running", 0.31, 540.0

A run is going on while its process holds the folder's lock. Where there is no lock, as in folders of version 0.1, it is
taken to be going on while its log grows: its last line is no older than a few ticks.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, Literal

from gan.files import RUN_LOCK
from gan.training.runs.folder import is_running, read_stats

PATIENCE = 5  # ticks without a line, after which a run is taken to have stopped
LEAST = 60.0  # seconds; short ticks are held up by grids and validations
RECENT = 10  # ticks that say how fast it goes


@dataclass(frozen=True)
class RunProgress:
    """kimg : thousand posters shown. target : of the run, None if unknown. silent : seconds since the last line.

    locked : whether a process holds the folder's lock, None where there is none.
    """

    kimg: float
    target: float | None
    silent: float
    tick_seconds: float
    kimg_per_second: float
    locked: bool | None = None

    @property
    def state(self) -> Literal["finished", "running", "stopped", "unknown"]:
        if self.target is None:
            return "unknown"
        if self.kimg >= self.target - 1e-6:
            return "finished"
        if self.locked is not None:
            return "running" if self.locked else "stopped"
        return "running" if self.silent <= max(PATIENCE * self.tick_seconds, LEAST) else "stopped"

    @property
    def share(self) -> float | None:
        """Of the target that is done, 0 to 1."""
        return min(self.kimg / self.target, 1.0) if self.target else None

    @property
    def seconds_left(self) -> float | None:
        """At the speed of the last ticks; None if that, or the target, is unknown."""
        if self.target is None or self.kimg_per_second <= 0:
            return None
        return max(self.target - self.kimg, 0.0) / self.kimg_per_second


def read_progress(run: Path, now: float | None = None) -> RunProgress | None:
    """Progress of the run in this folder at the time ``now`` (seconds since the epoch).

    Before its first line a run that is going on is at 0, and silent since it began; of another one nothing is known.
    """
    rows = read_stats(run)
    locked = is_running(run) if (run / RUN_LOCK).exists() else None
    if not rows:
        return RunProgress(0.0, target(run), _age(run / "options.json", now), 0.0, 0.0, locked) if locked else None
    silent = _age(run / "stats.jsonl", now)
    recent = [row for row in rows[-RECENT - 1 :] if "seconds" in row]
    gaps = [after["seconds"] - before["seconds"] for before, after in pairwise(recent)]
    spent = sum(gaps)
    speed = (recent[-1]["kimg"] - recent[0]["kimg"]) / spent if spent > 0 else 0.0
    return RunProgress(float(rows[-1]["kimg"]), target(run), silent, median(gaps) if gaps else 0.0, speed, locked)


def _age(file: Path, now: float | None) -> float:
    """Seconds since this file was written; 0 where it is not there yet."""
    if not file.exists():
        return 0.0
    return max((time.time() if now is None else now) - file.stat().st_mtime, 0.0)


def target(run: Path) -> float | None:
    """Thousand posters that a run is to show in the end: by its options, or by the checkpoint that came of it."""
    kimg = train_options(run).get("kimg")
    return float(kimg) if isinstance(kimg, int | float) else None


def train_options(run: Path) -> dict[str, Any]:
    """Settings of the training in a run's or a checkpoint's folder; {} where they cannot be read."""
    for name, keys in (("options.json", ("train",)), ("config.json", ("info", "train"))):
        try:
            found: Any = json.loads((run / name).read_text(encoding="utf-8"))
            for key in keys:
                found = found[key]
        except (OSError, ValueError, LookupError, TypeError):
            continue
        if isinstance(found, dict):
            return found
    return {}
