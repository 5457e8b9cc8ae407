"""Progress of a job: the callback that receives it, and a bar at the terminal.

    with progress_bar() as progress:
        table = filters_table(checkpoint, progress=progress)        # called with the finished fraction, 0 to 1

No bar is shown where stderr is not a terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tqdm import tqdm

Progress = Callable[[float], None]  # called with the finished fraction of a job, 0 to 1
StageProgress = Callable[[str, float], None]  # called with the name of a stage and its finished fraction
SHAPE = "{desc}{percentage:3.0f}% |{bar}| {elapsed}, {remaining} to go"


def silent(part: float) -> None:
    """The progress of a job that nobody watches."""


def as_one(progress: Progress, stages: Mapping[str, float]) -> StageProgress:
    """What to call with a stage and its finished fraction, where one fraction of all is reported.

    stages : names, in the order in which they come, each with its proportion of the time; they need not all come.
    """
    names = list(stages)

    def update(stage: str, fraction: float) -> None:
        before = sum(stages[name] for name in names[: names.index(stage)])
        progress(min(1.0, before + stages[stage] * fraction))

    return update


@contextmanager
def progress_bar(about: str = "") -> Iterator[Progress]:
    """A bar on stderr, and the function that moves it to a fraction from 0 to 1."""
    from tqdm import tqdm

    with tqdm(total=100, desc=f"{about}: " if about else None, bar_format=SHAPE, disable=None) as bar:

        def update(fraction: float) -> None:
            bar.update(100 * fraction - bar.n)

        yield update


@contextmanager
def stage_bars(quiet: bool = False) -> Iterator[StageProgress]:
    """A bar on stderr for each stage, one after the other, and the function that moves them."""
    from tqdm import tqdm

    bars: dict[str, tqdm[None]] = {}

    def update(stage: str, fraction: float) -> None:
        if stage not in bars:
            close()
            shape = f"{stage} {{percentage:3.0f}}% |{{bar}}| {{elapsed}}"
            bars[stage] = tqdm(total=100, bar_format=shape, disable=True if quiet else None, leave=False)
        bars[stage].update(100 * fraction - bars[stage].n)

    def close() -> None:
        for bar in bars.values():
            bar.close()
        bars.clear()

    try:
        yield update
    finally:
        close()
