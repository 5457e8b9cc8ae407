"""What a script shows at the terminal: how far it is, and one sentence where it cannot go on.

def run(chosen: argparse.Namespace) -> None:
    with progress_bar() as tell:
        table = filters_table(checkpoint, progress=tell)                # told the finished share, 0 to 1
    table.save(out)

sys.exit(exit_code(lambda: run(chosen), "the table"))
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from tqdm import tqdm

from gan.errors import PosterLensError

Progress = Callable[[float], None]  # told the finished share of a job, from 0 to 1

SHAPE = "{desc}{percentage:3.0f}% |{bar}| {elapsed}, {remaining} to go"


@contextmanager
def progress_bar(about: str = "") -> Iterator[Progress]:
    """A bar on stderr, and the function that moves it to a share from 0 to 1; no bar where nobody looks."""
    with tqdm(total=100, desc=f"{about}: " if about else None, bar_format=SHAPE, disable=None) as bar:

        def tell(share: float) -> None:
            bar.update(100 * share - bar.n)

        yield tell


def exit_code(job: Callable[[], object], written: object, stopped: str | None = None) -> int:
    """Do the job: 0, or 2 after one sentence on stderr for what the user can do something about.

    ``written`` is what the job writes, for the sentence on a disk that fails: a path, or such as "the table".
    ``stopped`` is said when Ctrl-C ends the job, with 130 as the result; without it Ctrl-C passes through.
    """
    try:
        job()
    except KeyboardInterrupt:
        if stopped is None:
            raise
        print(stopped, file=sys.stderr)
        return 130
    except OSError as error:
        print(f"error: {written} cannot be written: {_reason(error, str(written))}.", file=sys.stderr)
        return 2
    except (PosterLensError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _reason(error: OSError, known: str) -> str:
    """What the system says, with its file unless that is ``known``."""
    reason = error.strerror or str(error)
    return reason if error.filename is None or str(error.filename) == known else f"{reason} ({error.filename})"


def tell_unread(unread: Sequence[tuple[str, str]], where: str = "") -> None:
    """On stderr, the files that could not be read, each with its reason; nothing where all could be."""
    if unread:
        print(f"{len(unread)} files could not be read{where}:", file=sys.stderr)
    for name, reason in unread:
        print(f"  {name}: {reason}", file=sys.stderr)
