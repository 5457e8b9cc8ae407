"""A run that is resumed needs nothing said again; what is said again must agree with how it began.

    asked = Asked(preset="projected")                      # what the command line says, None for nothing
    posters = posters_to_resume(Path("runs/first"), asked)
    load_posters(posters.path, size, posters.fit, posters.genres)

Settings of the training may change (gan.training.runs.options.check_unchanged says which may not).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from gan.checkpoints.folder import load
from gan.data.images import Fit
from gan.errors import TrainingError
from gan.training.runs.options import read_options, stored_source


@dataclass(frozen=True)
class Asked:
    """What is said of a run besides its settings; None for what is not said.

    conditional : whether labels are asked for. start : a checkpoint. data, fit, genres : posters.
    """

    preset: str | None = None
    conditional: str | None = None
    min_posters: int | None = None
    start: Path | None = None
    data: Path | None = None
    fit: str | None = None
    genres: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Posters:
    """Which posters, and how they are cut."""

    path: Path
    fit: Fit = "crop"
    genres: tuple[str, ...] = ()


def posters_to_resume(run: Path, asked: Asked) -> Posters:
    """The posters that a run was trained on; ``asked.data`` says where they are now.

    Raises
    ------
    TrainingError
        If something that is asked for disagrees with the run, or its posters are no longer where they were.
    """
    source = stored_source(run)
    for switch, now, before in _disagreements(run, asked, source):
        began = f"was begun with {switch} {before}" if before else f"was begun without {switch}"
        raise TrainingError(f"{run} {began}, not {now}; a resumed run keeps it: remove {switch}.")
    path = asked.data or (Path(source["path"]) if source["path"] else None)
    if path is None:
        raise TrainingError(f"{run} does not say where its posters are; add --data.")
    if asked.data is None and not path.exists():
        raise TrainingError(f"{path}, the posters of {run}, does not exist any more; say by --data where they are.")
    return Posters(path, cast(Fit, source["fit"]), tuple(source["only_genres"]))


def _disagreements(run: Path, asked: Asked, source: dict[str, Any]) -> Iterator[tuple[str, object, object]]:
    """Switch, what is asked and what the run has, where these differ."""
    record = read_options(run)
    start = record.get("start") or {}
    if asked.start is not None and load(asked.start).digest != start.get("digest"):
        yield "--from", asked.start.name, start.get("name")
    if asked.conditional and not record["model"].get("genres"):
        yield "--conditional", asked.conditional, None
    genres, only = asked.genres, source["only_genres"]
    if genres is not None and {name.lower() for name in genres} != {name.lower() for name in only}:
        yield "--only-genres", ",".join(genres) or '""', ",".join(only)
    for switch, now, before in (
        ("--preset", asked.preset, record.get("preset")),
        ("--min-posters", asked.min_posters, source.get("min_posters")),
        ("--fit", asked.fit, source["fit"]),
    ):
        if now is not None and now != before:
            yield switch, now, before
