"""The folder of a run: its log (stats.jsonl, TensorBoard events, grids), its lock, and whether it can be resumed.

    with RunLog(Path("runs/first")) as log:
        log.row({"kimg": 1.0, "step": 62, "loss_d": 1.3})
    read_stats(Path("runs/first"))[-1]["loss_d"]        # 1.3
    is_running(Path("runs/first"))                      # whether a process trains there now

Its options are in gan/training/runs/options.py; its states and checkpoints are written by gan/training/state.py and
gan/training/runs/results.py.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from PIL.Image import Image

from gan.errors import TrainingError
from gan.files import RUN_LOCK, is_locked, members_of, write_file

STATES = BEST, LATEST = "best", "latest"
WRITTEN = ("options.json", "stats.jsonl", "log.txt", "grids", "tensorboard", BEST, LATEST)  # and the state


class RunLog:
    """One line a tick. Lines and grids beyond ``kimg`` were written after the last saved state, and are dropped."""

    def __init__(self, run: Path, kimg: float = 0.0) -> None:
        self.run = run
        self.stats = run / "stats.jsonl"
        self.grids = run / "grids"
        self.grids.mkdir(exist_ok=True)
        self.events: Any = None
        self.rewind(kimg)

    def rewind(self, kimg: float) -> None:
        """Drop what lies beyond ``kimg``, and go on from there."""
        self.close()
        rows = [row for row in read_stats(self.run) if row["kimg"] <= kimg + 1e-6]
        write_file(self.stats, "".join(json.dumps(row) + "\n" for row in rows).encode())
        for drawn, path in read_grids(self.run).items():
            if drawn > kimg:
                path.unlink()
        self.events = _event_writer(self.run / "tensorboard", rows[-1]["step"] + 1 if rows else 0)

    def row(self, row: Mapping[str, Any], note: str = "") -> None:
        """Append one line, and the same numbers as TensorBoard scalars; a note on what happened, if any."""
        with self.stats.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**row, "note": note} if note else dict(row)) + "\n")
            file.flush()
            os.fsync(file.fileno())
        if self.events is not None:
            for name, value in row.items():
                if name not in ("kimg", "step"):
                    self.events.add_scalar(name, value, row["step"])
            if note:
                self.events.add_text("note", note, row["step"])

    def grid(self, picture: Image, kimg: float) -> None:
        """Store a grid under the kimg, complete or not at all."""
        name = f"{kimg:010.3f}.png"
        write_file(self.grids / name, lambda file: picture.save(file, "PNG"))

    def close(self) -> None:
        """Close the TensorBoard file."""
        if self.events is not None:
            with suppress(OSError):  # a full disk was reported by what was written before
                self.events.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_stats(run: Path) -> list[dict[str, Any]]:
    """Rows of ``stats.jsonl``; [] where there is none; lines that a crash left damaged are skipped."""
    try:
        lines = (run / "stats.jsonl").read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
    rows = []
    for line in lines:
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return [row for row in rows if isinstance(row, dict) and "kimg" in row]


def read_grids(run: Path) -> dict[float, Path]:
    """Grids by the kimg at which they were drawn, in order; pictures with other names are ignored.

    A run's own are PNGs, those that a checkpoint ships are JPEGs.
    """
    paths = sorted((run / "grids").glob(f"{'[0-9]' * 6}.{'[0-9]' * 3}.*"))
    return {float(path.stem): path for path in paths if path.suffix in (".png", ".jpg")}


def _event_writer(directory: Path, first_step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:  # a bare training machine
        return None
    return SummaryWriter(str(directory), purge_step=first_step)


def check_folder(run: Path, resume: bool) -> None:
    """TrainingError where a run cannot begin in this folder, or where there is no state to resume."""
    existing = next(place for place in (run, *run.absolute().parents) if place.exists())
    if not existing.is_dir():
        raise TrainingError(f"{run} cannot be written: {existing} is a file.")
    if not os.access(existing, os.W_OK):
        raise TrainingError(f"{run} cannot be written: {existing} is read-only.")
    has_state = (run / "state.pt").exists()
    if resume and not has_state:
        raise TrainingError(f"{run} holds no state to resume.")
    if has_state and not resume:
        raise TrainingError(f"{run} holds a run already; resume it, or choose another folder.")
    begun = {"model", "train"} <= members_of(run / "options.json")  # by a run that ended before its first state
    foreign = [] if has_state or begun else [name for name in WRITTEN if os.path.lexists(run / name)]
    if foreign:
        raise TrainingError(f"{run} holds {foreign[0]}, but no run; choose another folder.")


def check_separate(run: Path, data: Path) -> None:
    """TrainingError where a run would be written among its own posters; below their folder it may be.

    A folder in which a run, a checkpoint or an export stands is not read as posters (gan.data.archives).
    """
    if data.is_dir() and run.exists() and run.samefile(data):
        raise TrainingError(
            f"{run} is the folder of the posters; choose another one for the run, such as {run / 'run'}."
        )


def is_running(run: Path) -> bool:
    """Whether a process trains in this folder now."""
    return is_locked(run / RUN_LOCK)


@contextmanager
def writing(run: Path) -> Iterator[None]:
    """TrainingError in place of an OSError while files of a run are written."""
    try:
        yield
    except OSError as error:
        intact = "; an earlier state there is intact" if (run / "state.pt").exists() else ""
        raise TrainingError(f"{run} cannot be written ({error.strerror or error}){intact}.") from error
