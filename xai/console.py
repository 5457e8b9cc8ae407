"""What a script that measures for minutes shows at the terminal: how far it is, and one sentence where it cannot go on.

def run(chosen: argparse.Namespace) -> None:
    with progress_bar() as tell:
        table = filters_table(checkpoint, progress=tell)                # told the finished share, 0 to 1
    table.save(out)

sys.exit(exit_code(lambda: run(chosen), "the table"))
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

from gan.errors import PosterLensError

SHAPE = "{desc}{percentage:3.0f}% |{bar}| {elapsed}, {remaining} to go"


@contextmanager
def progress_bar(about: str = "") -> Iterator[Callable[[float], None]]:
    """A bar on stderr, and the function that moves it to a share from 0 to 1; no bar where nobody looks."""
    with tqdm(total=100, desc=f"{about}: " if about else None, bar_format=SHAPE, disable=None) as bar:

        def tell(share: float) -> None:
            bar.update(100 * share - bar.n)

        yield tell


def exit_code(job: Callable[[], object], written: str) -> int:
    """Do the job: 0, or 2 after one sentence on stderr for what the user can do something about.

    ``written`` is what the job writes, for the sentence on a disk that fails, such as "the table".
    """
    try:
        job()
    except OSError as error:
        print(f"error: {written} cannot be written: {error.strerror or error}.", file=sys.stderr)
        return 2
    except (PosterLensError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0
