"""Which checkpoints can be chosen, where they lie, and what was measured of them.

    checkpoint = listing.checkpoint("dcgan-64")
    listing.evaluation(listing.folder(checkpoint.name))

Nothing heavy is imported before a function needs it, so that the first page paints at once.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.cached.keys import HASH_FUNCS
from dashboard.settings import settings

STUDIES = ("filters.npz", "latents.npz", "pruning.json", "collection.npz")  # those that take minutes

if TYPE_CHECKING:
    import gan
    from gan.evaluation.report import Evaluation


def checkpoint_folders() -> list[str]:
    """The folders among them, in the same order; found without importing what loads them."""
    from gan.checkpoints.listing import RECORD

    return [name for name in checkpoint_names() if (folder(name) / RECORD).is_file()]


def checkpoint_names() -> list[str]:
    """Checkpoints that can be chosen, in their order; the first one opens first.

    That is the first of ``--networks``, or one whose filters have been studied: of these the one with most studies, so
    that every page opens at once, and of equals the closest to real posters.
    """
    import gan

    names = gan.list_checkpoints(settings().checkpoints)
    return (
        list(_own_files())
        + sorted(filter(is_studied, names), key=lambda name: (missing_studies(name), excess_distance(name)))
        + [name for name in names if not is_studied(name)]
    )


def _own_files() -> dict[str, Path]:
    """Python files of networks of one's own, by the names that are shown: with their folder, where two share a name."""
    files = settings().networks
    shared = {name for name, count in Counter(path.name for path in files).items() if count > 1}
    return {f"{path.resolve().parent.name}/{path.name}" if path.name in shared else path.name: path for path in files}


def excess_distance(name: str) -> float:
    """How far its posters are from real ones, less how far real ones are; infinite where that was not measured."""
    from gan.checkpoints.listing import EVALUATION

    try:
        record = json.loads((folder(name) / EVALUATION).read_text(encoding="utf-8"))
        distance = float(record["generated"]["fd_lite1"]["value"] - record["floor"]["fd_lite1"]["value"])
    except (OSError, ValueError, LookupError, TypeError):
        return math.inf
    return distance if math.isfinite(distance) else math.inf


def is_studied(name: str) -> bool:
    """Whether the filters of this checkpoint were studied."""
    return (folder(name) / "filters.npz").exists()


def missing_studies(name: str) -> int:
    """How many of the studies that pages would have to wait for are not beside these weights."""
    return sum(not (folder(name) / file).exists() for file in STUDIES)


@st.cache_resource(max_entries=4, show_spinner="Loading the networks")
def _checkpoint(name: str, stamp: tuple[tuple[int, ...], ...]) -> gan.Checkpoint:
    from gan.checkpoints.folder import load  # not gan.load, which would also fetch

    return load(settings().checkpoints / name)


@st.cache_resource(max_entries=4, show_spinner="Running your file")
def _own(path: Path, stamp: tuple[tuple[int, ...], ...]) -> gan.Checkpoint:
    from gan.checkpoints.own import load_own

    return load_own(path)


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=HASH_FUNCS)
def of_class(checkpoint: gan.Checkpoint, name: str) -> gan.Checkpoint:
    """The same networks, of whose classifier the logit of one class is explained."""
    from gan.checkpoints.own import of_class

    return of_class(checkpoint, name)


def checkpoint(name: str) -> gan.Checkpoint:
    """Load a checkpoint from the listing; reloaded when it changes on disk."""
    import gan
    from gan.checkpoints.listing import stamp_of, stamp_of_own

    own = _own_files().get(name)
    if own is not None:
        return _own(own, stamp_of_own(own))
    if name not in checkpoint_names():  # looked up, never joined to a path unseen
        raise gan.CheckpointError(f"There is no checkpoint {name!r}.")
    return _checkpoint(name, stamp_of(folder(name)))


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs=HASH_FUNCS)
def conditioned(checkpoint: gan.Checkpoint, genres: tuple[str, ...]) -> gan.Checkpoint:
    """Plain networks for posters of these genres, or of none in particular: the same name, a digest of their own."""
    from gan.checkpoints.conditioning import condition

    return condition(checkpoint, [float(genre in genres) for genre in checkpoint.config.genres])


def folder(name: str) -> Path:
    """Where the checkpoint of this name, and what was measured of it, is kept."""
    return settings().checkpoints / name


@st.cache_resource(max_entries=16, show_spinner=False)
def _evaluation(path: Path, stamp: tuple[int, ...]) -> Evaluation:
    from gan.evaluation import report

    found = report.read(path)
    assert found is not None  # it was there a moment ago
    return found


def evaluation(path: Path) -> Evaluation | None:
    """What was measured of the checkpoint in this folder, or None; CheckpointError where it cannot be read."""
    from gan.evaluation.report import FILE
    from gan.files import stamp

    try:
        return _evaluation(path, stamp(path / FILE))
    except (FileNotFoundError, NotADirectoryError):
        return None


def genre_adherence(checkpoint: gan.Checkpoint) -> dict[str, float]:
    """How far requesting each genre moves posters towards it, by measurement; 1 is as far as real ones are.

    {} where these weights were not evaluated.
    """
    try:
        found = evaluation(folder(checkpoint.name))
    except gan.CheckpointError:  # the pages about quality say so
        return {}
    if found is None or found.digest != checkpoint.digest:
        return {}
    return {one.genre: one.adherence.value for one in found.genres}


def runs() -> dict[str, Path]:
    """Folders with a training log by the name shown: shipped checkpoints first, then own runs."""
    found: dict[str, Path] = {}
    for root, prefix in ((settings().checkpoints, ""), (settings().runs, "runs/")):
        if root.is_dir():
            logs = sorted([*root.glob("*/stats.jsonl"), *root.glob("*/*/stats.jsonl")])
            found |= {prefix + log.parent.relative_to(root).as_posix(): log.parent for log in logs}
    return found
