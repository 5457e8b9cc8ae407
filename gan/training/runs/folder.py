"""The folder of a run: its options and log (stats.jsonl, TensorBoard events, grids), and whether it can be resumed.

    with RunLog(Path("runs/first")) as log:
        log.row({"kimg": 1.0, "step": 62, "loss_d": 1.3})
    read_stats(Path("runs/first"))[-1]["loss_d"]        # 1.3

Its states and checkpoints are written by gan/training/state.py and gan/training/runs/run.py.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch
from PIL.Image import Image

from gan.checkpoints.dataset import fingerprint
from gan.checkpoints.record import Checkpoint
from gan.data.posters import PosterSet
from gan.errors import TrainingError
from gan.files import write_file
from gan.networks.config import ModelConfig
from gan.training.config import TrainConfig


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
    """Grids by the kimg at which they were drawn, in order; pictures with other names are ignored."""
    paths = sorted((run / "grids").glob(f"{'[0-9]' * 6}.{'[0-9]' * 3}.png"))
    return {float(path.stem): path for path in paths}


def _event_writer(directory: Path, first_step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:  # a bare training machine
        return None
    return SummaryWriter(str(directory), purge_step=first_step)


STATES = BEST, LATEST = "best", "latest"


def describe(
    model: ModelConfig, config: TrainConfig, training: PosterSet, start: Checkpoint | None = None
) -> dict[str, Any]:
    """Content of ``options.json``: settings, fingerprint of the posters, the start, versions."""
    return {
        "model": asdict(model),
        "train": asdict(config),
        "data": fingerprint(training, model.genres),
        "start": None if start is None else {"name": start_name(start), "digest": start.digest},
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }


def start_name(start: Checkpoint) -> str:
    """The checkpoint's name; of a state of a run ("best" or "latest") the run's."""
    return str(start.info.get("run", start.name)) if start.name in STATES else start.name


def check_unchanged(run: Path, options: dict[str, Any]) -> dict[str, Any]:
    """The options of the run so far.

    Raises
    ------
    TrainingError
        If the posters, their labels, the batch or the seed differ, or if ``options.json`` is damaged.
    """
    path = run / "options.json"
    try:
        before: dict[str, Any] = json.loads(path.read_text())
        data = dict(before.get("data", {}))
        fixed = {key: before["train"][key] for key in ("batch", "seed")}
    except OSError:
        return {}  # nothing to compare with
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise TrainingError(f"{path} is damaged.") from error
    if any(options["data"].get(key) != value for key, value in data.items()):
        raise TrainingError(f"{run} was trained on other posters; resume it with the same --data, --genres and --fit.")
    for key, value in fixed.items():
        if options["train"][key] != value:
            raise TrainingError(f"{run} was trained with {key} {value}; keep it to resume.")
    return before


def stored_options(run: Path) -> tuple[ModelConfig, TrainConfig]:
    """Networks and settings of a run; TrainingError where ``options.json`` is missing or damaged."""
    path = run / "options.json"
    try:
        record = json.loads(path.read_text())
        return ModelConfig.from_dict(record["model"]), TrainConfig.from_dict(record["train"])
    except FileNotFoundError as error:
        raise TrainingError(f"{path} does not exist; a run cannot be resumed without it.") from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:  # no JSON, or JSON of another kind
        raise TrainingError(f"{path} is damaged.") from error


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


@contextmanager
def writing(run: Path) -> Iterator[None]:
    """TrainingError in place of an OSError while files of a run are written."""
    try:
        yield
    except OSError as error:
        intact = "; an earlier state there is intact" if (run / "state.pt").exists() else ""
        raise TrainingError(f"{run} cannot be written ({error.strerror or error}){intact}.") from error
