"""What a run leaves behind for people: stats.jsonl, TensorBoard events, grids over time."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from PIL.Image import Image

from gan.files import write_file


class RunLog:
    """One line a tick. Lines and grids beyond ``kimg`` are of a future that was lost, and are dropped."""

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
        kept = [row for row in read_stats(self.run) if row["kimg"] <= kimg + 1e-6]
        write_file(self.stats, "".join(json.dumps(row) + "\n" for row in kept).encode())
        for drawn, path in read_grids(self.run).items():
            if drawn > kimg:
                path.unlink()
        self.events = _event_writer(self.run / "tensorboard", kept[-1]["step"] + 1 if kept else 0)

    def row(self, row: Mapping[str, Any], note: str = "") -> None:
        """Append one line, and the same numbers as TensorBoard scalars; a note on what happened, if any."""
        with self.stats.open("a") as file:
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
        """Let go of the TensorBoard file."""
        if self.events is not None:
            with suppress(OSError):  # a full disk is told by what was written before
                self.events.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_stats(run: Path) -> list[dict[str, Any]]:
    """Rows of ``stats.jsonl``; [] where there is none; a line that a crash cut off or spoilt is left out."""
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
    """Grids by the kimg at which they were drawn, in order; pictures with other names are somebody else's."""
    paths = sorted((run / "grids").glob(f"{'[0-9]' * 6}.{'[0-9]' * 3}.png"))
    return {float(path.stem): path for path in paths}


def write_json(path: Path, record: Mapping[str, Any]) -> None:
    """Write JSON, complete or not at all."""
    write_file(path, (json.dumps(record, indent=2) + "\n").encode())


def _event_writer(directory: Path, first_step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:  # a bare training machine
        return None
    return SummaryWriter(str(directory), purge_step=first_step)
