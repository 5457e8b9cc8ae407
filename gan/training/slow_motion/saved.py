"""States of a run to go back to, on disk, as many as are allowed.

    saved = SavedStates(most=8)
    saved.save(state)
    saved.load(state, saved.steps[0])          # bit for bit as it was

The files are those of a run (``state.pt``) in a temporary folder, which goes with the object or with the process.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path

import torch

from gan.errors import TrainingError
from gan.training.runs.folder import writing
from gan.training.state import State, load_state, save_state

CPU = torch.device("cpu")


class SavedStates:
    """At most ``most`` states (at least 3) by their number of steps, the first and the last ones always among them."""

    def __init__(self, most: int = 8) -> None:
        self.most = most
        self.steps: list[int] = []
        self._folder = Path(tempfile.mkdtemp(prefix="posterlens-slow-motion-"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)

    def save(self, state: State) -> None:
        """Save a state; TrainingError where it cannot be written. Of too many, one that lies close to others goes."""
        if state.steps in self.steps:
            return
        place = self._place(state.steps)
        with writing(place):
            place.mkdir()
            save_state(state, place)
        self.steps = sorted([*self.steps, state.steps])
        if len(self.steps) > self.most:
            self._drop(closest(self.steps))

    def load(self, state: State, step: int) -> None:
        """Fill ``state`` with the one saved after this step; TrainingError where none was."""
        if step not in self.steps:
            raise TrainingError(f"Step {step} is not saved; saved are {', '.join(map(str, self.steps)) or 'none'}.")
        load_state(state, self._place(step), CPU)

    def _place(self, step: int) -> Path:
        return self._folder / str(step)

    def _drop(self, step: int) -> None:
        self.steps.remove(step)
        shutil.rmtree(self._place(step), ignore_errors=True)


def closest(steps: list[int]) -> int:
    """Of at least three sorted numbers the one, neither first nor last, whose neighbours are nearest to each other."""
    gaps = {steps[place]: steps[place + 1] - steps[place - 1] for place in range(1, len(steps) - 1)}
    return min(gaps, key=lambda step: (gaps[step], step))
