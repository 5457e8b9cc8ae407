"""What all scripts share: exit codes, one sentence for an error, options, seeds, sections of a page, Ctrl-C.

    add_settings(parser, RequestPolicy)                              # an option for each setting
    sys.exit(exit_code(lambda: run(parser.parse_args()), "the table"))

Progress is shown by gan/progress.py.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from gan.errors import PosterLensError, SettingError, UsageError, counted
from gan.files import FULL, WriteError, ensure_own, write_file
from gan.settings import Setting, describe

DEBUG = "POSTERLENS_DEBUG"
MAX_SEED = 2**32 - 1  # beyond, the random generator repeats itself
MAX_SEEDS, MAX_COUNT = 100_000, 1_000_000


def exit_code(job: Callable[[], object], written: object = "the output", stopped: str = "Stopped.") -> int:
    """Run the job and return 0, or 2 after one sentence on stderr for an error that the user can mend.

    Those are this project's errors, and files that cannot be read or written. Anything else is a bug, and leaves its
    traceback; with POSTERLENS_DEBUG=1 in the environment the expected errors do, too.

    written : what the job writes, for the sentence on a failing disk: a path, or such as "the table".
    stopped : printed when Ctrl-C ends the job, which then returns 130.
    """
    try:
        job()
    except KeyboardInterrupt:
        print(stopped, file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever reads the output has heard enough, such as ``| head``
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (PosterLensError, OSError) as error:
        if os.environ.get(DEBUG):
            raise
        text = file_sentence(error, written) if isinstance(error, OSError) else str(error)
        print(f"error: {text}{'' if text.endswith(('.', '?', '!')) else '.'}", file=sys.stderr)
        return 2
    return 0


def file_sentence(error: OSError, written: object) -> str:
    """Which file failed, whether it was read or written, and the system's reason."""
    reason = error.strerror or str(error)
    if error.filename is None:
        return f"{written} cannot be written: {reason}" if error.errno in FULL else reason
    failed = Path(os.fsdecode(error.filename))
    below = isinstance(written, Path) and failed.is_relative_to(written)
    done = "written" if isinstance(error, WriteError) or error.errno in FULL or below else "read"
    return f"{failed} cannot be {done}: {reason}"


def read_text(path: Path) -> str:
    """The content of a text file; UsageError where it is not one. An OSError passes through."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not a text in UTF-8.") from None


def report_unread(unread: Sequence[tuple[str, str]], where: str = "") -> None:
    """Print to stderr which files could not be read, each with its reason; nothing where there are none."""
    if unread:
        print(f"{counted(len(unread), 'file')} could not be read{where}:", file=sys.stderr)
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


def page_text(page: Path) -> str:
    """A page as it is; PosterLensError in one sentence where it cannot be read."""
    try:
        return page.read_bytes().decode()  # not read_text, which changes the ends of lines
    except (OSError, UnicodeDecodeError):
        raise PosterLensError(f"{page} is not a page that can be read.") from None


def split_section(page: Path, begin: str, end: str) -> tuple[str, str]:
    """The text before and after the marks; to be called before something long is measured.

    Raises
    ------
    PosterLensError
        If the page cannot be read, or does not hold both marks once and in this order.
    """
    text = page_text(page)
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    if text.count(begin) != 1 or rest.count(end) != 1 or text.count(end) != 1:
        raise PosterLensError(f"{page} must hold the marks {begin} and {end}, once each and in this order.")
    return before, after


T = TypeVar("T")


_program: str | None = None  # as which the script was called, where that is not its own file
_names: Mapping[str, str] = {}


@contextmanager
def called_as(program: str, names: Mapping[str, str]) -> Iterator[None]:
    """Within it, parsers call themselves ``program``, and their pages call scripts by these ``names``.

    names : of each script's file, such as {"scripts/train.py": "posterlens train"}.
    """
    global _program, _names
    before = _program, _names
    _program, _names = program, names
    try:
        yield
    finally:
        _program, _names = before


def _in_words_of_caller(page: str | None) -> str | None:
    for file, name in _names.items():
        page = page and page.replace(f"python {file}", name).replace(file, name)
    return page


class Parser(argparse.ArgumentParser):
    """A parser whose page is a module's docstring, and whose errors are one sentence, as those of :func:`exit_code`."""

    def __init__(self, page: str | None = None, **others: Any) -> None:
        own = {"description": _in_words_of_caller(page), "formatter_class": argparse.RawDescriptionHelpFormatter}
        if _program is not None and "prog" not in others:
            own["prog"] = _program
        super().__init__(**own | others)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message.removesuffix('.')}.\n")


def number(kind: type, low: float | None = None, high: float | None = None, above: float | None = None) -> Any:
    """The ``type`` of an option: a finite number within these bounds; above : a bound that it may not be."""
    return _parse(Setting("it", None, "", "", kind, low, high, above))


def refuse_unused(parser: Parser, chosen: argparse.Namespace, mode: str, used: str) -> None:
    """End with one sentence where an option is given that does nothing together with the option ``mode``.

    used : those that do something, without their dashes, with spaces between them.
    """
    if not getattr(chosen, mode):
        return
    mode = mode.replace("_", "-")
    for action in parser._actions:
        flag = next(iter(action.option_strings), "")
        listed = flag and action.dest in chosen and action.help != argparse.SUPPRESS  # not an old spelling
        unused = listed and flag[2:] not in (mode, *used.split())
        if unused and getattr(chosen, action.dest) != action.default:
            parser.error(f"{flag} does nothing together with --{mode}; leave it out")


def count(low: int = 1, high: int = MAX_COUNT) -> Any:
    """The ``type`` of an option that says how many: a whole number, by default from 1 to a million."""
    return number(int, low, high)


def seed() -> Any:
    """The ``type`` of an option that is a seed: a whole number from 0 to 2**32 - 1."""
    return number(int, 0, MAX_SEED)


def device(text: str) -> str:
    """The ``type`` of an option that names a device; no context is opened on it."""
    import torch

    try:
        found = torch.device(text)
        there = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
        usable = (found.index or 0) < there.get(found.type, 0)
    except RuntimeError:
        usable = False
    if not usable:
        raise argparse.ArgumentTypeError(f"the device {text!r} cannot be used here")
    return text


def checkpoint_parser(page: str | None) -> Parser:
    """The options of every script about one checkpoint, --checkpoint and --genres, under the module's docstring."""
    parser = Parser(page)
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


def add_overwrite(parser: argparse.ArgumentParser, *old: str) -> None:
    """--overwrite, without which a file that the script did not write is never replaced; ``old`` spellings of it."""
    parser.add_argument("--overwrite", action="store_true", help="replace a file that is there, whosever it is")
    for flag in old:
        parser.add_argument(flag, dest="overwrite", action="store_true", help=argparse.SUPPRESS)


def output_file(path: Path, members: Collection[str] = (), overwrite: bool = False) -> Path:
    """The path, as long as a file can be written there: to be called before something long is measured.

    Raises
    ------
    UsageError
        If it is a folder, its folder does not exist, nothing can be written there, or there is a file that is not to
        be replaced (:func:`gan.files.ensure_own`, where ``members`` and ``overwrite`` are explained).
    """
    if path.is_dir() or not path.parent.is_dir():
        raise UsageError(f"{path} is not a file in a folder that exists.")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise UsageError(f"{path} cannot be written: its folder does not allow it.")
    ensure_own(path, members, overwrite)
    return path


def new_file(path: Path, overwrite: bool, members: Collection[str] = ()) -> Path:
    """As :func:`output_file`, of a file whose folder will be made where it is missing."""
    output_folder(path.parent)
    ensure_own(path, members, overwrite)
    return path


def output_folder(path: Path) -> Path:
    """The path, as long as a folder can be made there, with the same purpose; UsageError otherwise."""
    if path.is_symlink() and not path.exists():
        raise UsageError(f"{path} is a link to {path.readlink()}, which does not exist.")
    there = next(parent for parent in (path, *path.absolute().parents) if parent.exists())
    if not there.is_dir():
        below = "" if there == path else f", so {path} cannot be made"
        raise UsageError(f"{there} is a file, not a folder{below}.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise UsageError(f"{path} cannot be written: {there} does not allow it.")
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
            type=each.kind,  # its range is checked by the dataclass, in a sentence
            default=each.default if defaults else None,
            choices=each.choices if each.kind is str else None,  # numbers are checked by the dataclass, in a sentence
            metavar=metavar,
            help=about + default,
        )


def _parse(each: Setting) -> Callable[[str], Any]:
    """The setting's own parser, checks and sentences included."""

    def parse(text: str) -> Any:
        try:
            return each.parse(text)
        except SettingError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parse


def settings_from(chosen: argparse.Namespace, settings: type[T], **others: Any) -> T:
    """The dataclass of the options that :func:`add_settings` added; ``others`` are fields without an option."""
    return settings(**{name: getattr(chosen, name) for name in describe(settings)}, **others)


def parse_seeds(text: str) -> list[int]:
    """Seeds from "3,8-10": numbers below 2**32 and ranges, both ends included; UsageError in one sentence otherwise."""
    ranges = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*([0-9]{1,10})(?:-([0-9]{1,10}))?\s*", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not first <= last <= MAX_SEED:
            raise UsageError(f"{part.strip()!r} in --seeds is neither a seed nor a range from low to high.")
        ranges.append(range(first, last + 1))
    count = sum(map(len, ranges))
    if count > MAX_SEEDS:
        raise UsageError(f"--seeds names {counted(count, 'poster')}; at most {MAX_SEEDS:,} are drawn at once.")
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
