"""The real posters named on the command line, as a checkpoint was trained on them: read once for all pages.

poster_sets.posters(checkpoint)             # gan.PosterSet, or None: the sidebar says why
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.settings import settings
from gan.progress import silent

LARGE = 128 * 192  # pixels; twenty thousand posters above this take minutes to read, and gigabytes on the disk

if TYPE_CHECKING:
    from pathlib import Path

    import gan
    from gan.checkpoints.dataset import CheckpointPosters
    from gan.progress import Progress
    from xai.networks.cache import Cache


@st.cache_resource(show_spinner=False)
def _posters() -> Cache:
    from xai.networks.cache import Cache, one

    return Cache(2, size=one)  # not st.cache_resource itself, for the same reason as ``answers``


def posters(checkpoint: gan.Checkpoint, progress: Progress = silent) -> gan.PosterSet | None:
    """The posters named on the command line, or None: resized and selected as in this checkpoint's training."""
    found = checkpoint_posters(checkpoint, progress)
    return None if found is None else found.posters


def checkpoint_posters(checkpoint: gan.Checkpoint, progress: Progress = silent) -> CheckpointPosters | None:
    """The same, with its split and its origin: whether they are those of the training. Read at the first call."""
    from gan.errors import PosterLensError

    try:
        return _checkpoint_posters(checkpoint, progress)
    except (PosterLensError, OSError):  # the sidebar says it once: seeds and uploads go on
        return None


def posters_problem(checkpoint: gan.Checkpoint, progress: Progress = silent) -> str | None:
    """Why the posters named on the command line cannot be had, in a sentence; None where nothing is wrong."""
    from gan.errors import PosterLensError

    try:
        _checkpoint_posters(checkpoint, progress)
    except PosterLensError as error:
        return str(error)
    except OSError as error:
        return f"{settings().posters} cannot be read: {error.strerror or type(error).__name__}."
    return None


def _checkpoint_posters(checkpoint: gan.Checkpoint, progress: Progress) -> CheckpointPosters | None:
    from gan.checkpoints.dataset import expected_of, posters_of

    source, size = settings().posters, checkpoint.config.size
    if source is None or posters_wait(size):
        return None
    options = json.dumps([checkpoint.dataset_options(), checkpoint.config.genres, expected_of(checkpoint)])
    read: CheckpointPosters = _posters().get(
        (source, size, options), lambda: posters_of(checkpoint, source, other=True, progress=progress)
    )
    return read


def posters_wait(size: tuple[int, int]) -> bool:
    """Whether posters of this size are so large that they are read only when a person asks for it."""
    height, width = size
    return settings().posters is not None and height * width > LARGE and (settings().posters, size) not in _wanted()


def read_posters(size: tuple[int, int]) -> None:
    """Read the posters of this size from now on."""
    _wanted().add((settings().posters, size))


@st.cache_resource(show_spinner=False)
def _wanted() -> set[tuple[Path | None, tuple[int, int]]]:
    return set()
