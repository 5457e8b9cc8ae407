"""What all scripts share: exit codes, one sentence for an error, options, seeds, sections of a page, Ctrl-C.

    add_settings(parser, RequestPolicy)                              # an option for each setting
    sys.exit(exit_code(lambda: run(parser.parse_args()), "the table"))

Progress is shown by gan/progress.py.
"""

from __future__ import annotations

import argparse
import re
import signal
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from gan.errors import PosterLensError
from gan.files import write_file
from gan.settings import describe


def exit_code(job: Callable[[], object], written: object, stopped: str | None = None) -> int:
    """Run the job and return 0, or 2 after one sentence on stderr for an error that the user can mend.

    ``written`` : what the job writes, for the sentence on a failing disk: a path, or such as "the table".
    ``stopped`` : printed when Ctrl-C ends the job, which then returns 130; without it Ctrl-C passes through.
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
        text = str(error)
        print(f"error: {text}{'' if text.endswith(('.', '?', '!')) else '.'}", file=sys.stderr)
        return 2
    return 0


def _reason(error: OSError, written: str) -> str:
    """The system's message, with its file unless that is ``written``."""
    reason = error.strerror or str(error)
    return reason if error.filename is None or str(error.filename) == written else f"{reason} ({error.filename})"


def report_unread(unread: Sequence[tuple[str, str]], where: str = "") -> None:
    """Print to stderr which files could not be read, each with its reason; nothing where there are none."""
    if unread:
        print(f"{len(unread)} files could not be read{where}:", file=sys.stderr)
    for name, reason in unread:
        print(f"  {name}: {reason}", file=sys.stderr)


def replace_section(page: Path, begin: str, end: str, text: str) -> None:
    """Replace the text between two marks; no other byte of the page is changed.

    Raises
    ------
    PosterLensError
        As :func:`split_section`, with the page as it was.
    """
    before, after = split_section(page, begin, end)
    write_file(page, f"{before}{begin}\n{text}\n{end}{after}".encode())


def split_section(page: Path, begin: str, end: str) -> tuple[str, str]:
    """The text before and after the marks; to be called before something long is measured.

    Raises
    ------
    PosterLensError
        If the page cannot be read, or does not hold both marks once and in this order.
    """
    try:
        text = page.read_bytes().decode()  # not read_text, which changes the ends of lines
    except (OSError, UnicodeDecodeError):
        raise PosterLensError(f"{page} is not a page that can be read.") from None
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    if text.count(begin) != 1 or rest.count(end) != 1 or text.count(end) != 1:
        raise PosterLensError(f"{page} must hold the marks {begin} and {end}, once each and in this order.")
    return before, after


T = TypeVar("T")


def checkpoint_parser(page: str | None) -> argparse.ArgumentParser:
    """The options of every script about one checkpoint, --checkpoint and --genres, under the module's docstring."""
    parser = argparse.ArgumentParser(description=page, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", required=True, type=Path, help="checkpoint folder or .pth file")
    parser.add_argument("--genres", default="", help="genres of a conditional checkpoint, such as Horror,Comedy=0.5")
    return parser


def add_only_genres(parser: argparse.ArgumentParser, default: str | None, about: str) -> None:
    """--only-genres, which posters are read; it was called --genres until version 0.2, which is still taken."""
    parser.add_argument("--only-genres", default=default, metavar="GENRES", help=about)
    parser.add_argument("--genres", dest="only_genres", action=_OldSpelling, help=argparse.SUPPRESS)


class _OldSpelling(argparse.Action):
    """Takes the value, and says what the option is called now."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        new = f"--{self.dest.replace('_', '-')}"
        print(f"note: {option} is called {new} here; {option} requests genres of a generator.", file=sys.stderr)
        setattr(namespace, self.dest, values)


def output_file(path: Path) -> Path:
    """The path, as long as a file can be written there: to be called before something long is measured.

    Raises
    ------
    ValueError
        If it is a folder, or its folder does not exist.
    """
    if path.is_dir() or not path.parent.is_dir():
        raise ValueError(f"{path} is not a file in a folder that exists.")
    return path


def add_settings(
    parser: argparse.ArgumentParser, settings: type[Any], names: Collection[str] | None = None, defaults: bool = True
) -> None:
    """An option for each setting of a dataclass (gan.settings), or for these: ``--max-mb``, with help and choices.

    Without ``defaults``, for instance where a preset has them, an option that is not given is None.
    """
    for name, each in describe(settings).items():
        if names is not None and name not in names:
            continue
        flag, about = f"--{name.replace('_', '-')}", each.summary.replace("%", "%%")
        if each.kind is bool:
            action = argparse.BooleanOptionalAction if each.default else "store_true"
            parser.add_argument(flag, action=action, help=about)
            continue
        default = "" if each.default is None or not defaults else "; default %(default)s"
        metavar = "N" if each.choices is None and each.kind in (int, float) else None
        parser.add_argument(
            flag,
            type=each.kind,
            default=each.default if defaults else None,
            choices=each.choices if each.kind is str else None,  # numbers are checked by the dataclass, in a sentence
            metavar=metavar,
            help=about + default,
        )


def settings_from(chosen: argparse.Namespace, settings: type[T], **others: Any) -> T:
    """The dataclass of the options that :func:`add_settings` added; ``others`` are fields without an option."""
    return settings(**{name: getattr(chosen, name) for name in describe(settings)}, **others)


MAX_SEED = 2**32 - 1  # beyond, the random generator repeats itself
MAX_SEEDS = 100_000


def parse_seeds(text: str) -> list[int]:
    """Seeds from "3,8-10": numbers below 2**32 and ranges, both ends included; ValueError in one sentence otherwise."""
    ranges = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*([0-9]{1,10})(?:-([0-9]{1,10}))?\s*", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not first <= last <= MAX_SEED:
            raise ValueError(f"{part.strip()!r} in --seeds is neither a seed nor a range from low to high.")
        ranges.append(range(first, last + 1))
    count = sum(map(len, ranges))
    if count > MAX_SEEDS:
        raise ValueError(f"--seeds names {count} posters; at most {MAX_SEEDS} are drawn at once.")
    return list(chain(*ranges))


class StopRequest:
    """Whether Ctrl-C or SIGTERM has requested that a loop saves and leaves; a second Ctrl-C leaves at once."""

    requested = False

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        def request(number: int, frame: Any) -> None:
            if self.requested:
                raise KeyboardInterrupt
            self.requested = True

        try:
            before = {number: signal.signal(number, request) for number in (signal.SIGINT, signal.SIGTERM)}
        except ValueError:  # not in the main thread: the caller has the signals
            before = {}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
