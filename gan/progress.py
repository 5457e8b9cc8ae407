"""How far a job is: what it is told, and a bar at the terminal.

with progress_bar() as progress:
    table = filters_table(checkpoint, progress=progress)        # called with the finished fraction, 0 to 1
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

Progress = Callable[[float], None]  # told the finished share of a job, from 0 to 1
SHAPE = "{desc}{percentage:3.0f}% |{bar}| {elapsed}, {remaining} to go"


@contextmanager
def progress_bar(about: str = "") -> Iterator[Progress]:
    """A bar on stderr, and the function that moves it to a share from 0 to 1; no bar where nobody looks."""
    with tqdm(total=100, desc=f"{about}: " if about else None, bar_format=SHAPE, disable=None) as bar:

        def tell(share: float) -> None:
            bar.update(100 * share - bar.n)

        yield tell


Told = Callable[[str, float], None]
