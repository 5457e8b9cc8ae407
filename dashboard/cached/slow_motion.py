"""The stages of slow motion: each session has its own, and all together a bounded memory.

    seat = slow_motion.open_seat(Wish("nothing", "", 16, 0))
    slow_motion.use(seat)                    # in every run of the page
    seat.stage                               # None once others needed the room

A session holds its seat; when the session ends, the stage and its saved states go.
"""

from __future__ import annotations

import threading
import time
import weakref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.cached import listing, poster_sets
from dashboard.cached.keys import HASH_FUNCS

if TYPE_CHECKING:
    import gan
    from gan.training.slow_motion.stage import Stage

NOTHING, CHECKPOINT, RUN = "nothing", "checkpoint", "run"
MEMORY = 2**30  # bytes of all stages together
DISK = 2**29  # bytes of the saved states of one stage
STATES = 8  # at most, of a stage
DRAWN = 512  # posters


@dataclass(frozen=True)
class Wish:
    """Where a stage begins: with nothing, with a checkpoint or a run of this name; posters in a batch, and the seed."""

    start: str
    name: str
    batch: int
    seed: int


@dataclass(eq=False)
class Seat:
    """A session's place: its stage, or None once it was put away. posters : which ones it is fed, in words."""

    wish: Wish
    stage: Stage | None
    posters: str
    used: float = field(default_factory=time.monotonic)


@st.cache_resource(show_spinner=False)
def _seats() -> tuple[threading.Lock, weakref.WeakSet[Seat]]:
    return threading.Lock(), weakref.WeakSet()


def use(seat: Seat) -> None:
    """Note that a stage is in use; those that were not for longest are put away where all take too much memory."""
    from gan.training.slow_motion.stage import nbytes

    lock, seats = _seats()
    with lock:
        seat.used = time.monotonic()
        seats.add(seat)
        others = sorted((one for one in seats if one is not seat and one.stage), key=lambda one: one.used)
        while others and sum(nbytes(one.stage.state) for one in [seat, *others] if one.stage) > MEMORY:
            others.pop(0).stage = None


def open_seat(wish: Wish, checkpoint: gan.Checkpoint | None) -> Seat:
    """A stage that has not begun to move. TrainingError or CheckpointError where it cannot begin there."""
    from gan.training.slow_motion import starts
    from gan.training.slow_motion.stage import Stage, nbytes

    if wish.start == NOTHING:
        start, known = starts.from_nothing(wish.batch, wish.seed), None
    elif wish.start == CHECKPOINT and checkpoint is not None:
        start, known = starts.from_checkpoint(checkpoint, wish.batch, wish.seed), checkpoint
    else:
        start, known = starts.from_run(listing.runs()[wish.name]), _latest(wish.name)
    model = start.state.generator.config
    found = None if known is None else poster_sets.checkpoint_posters(known)
    posters = drawn(model.size) if found is None else found.training
    words = "posters drawn by a program" if found is None else f"real posters: {found.source}"
    most = min(max(DISK // nbytes(start.state), 3), STATES)
    return Seat(wish, Stage(start, posters, most=most), words)


def runs_with_state() -> list[str]:
    """Names of the training runs that have saved a state."""
    return [name for name, folder in listing.runs().items() if (folder / "state.pt").is_file()]


def _latest(name: str) -> gan.Checkpoint | None:
    """The checkpoint that a run wrote last, which says how its posters were cut; None before there is one."""
    from gan.checkpoints.folder import load
    from gan.errors import PosterLensError

    try:
        return load(listing.runs()[name] / "latest")
    except PosterLensError:
        return None


@st.cache_resource(max_entries=4, show_spinner="Drawing posters", hash_funcs=HASH_FUNCS)
def drawn(size: tuple[int, int]) -> gan.PosterSet:
    """Posters of this size drawn by rule."""
    from gan.training.slow_motion.starts import drawn_posters

    return drawn_posters(size, DRAWN)
