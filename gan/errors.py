"""What can go wrong on the user's side, each error one clear sentence.

Scripts turn a :class:`PosterLensError` into exit code 2, pages into a friendly notice. Anything else
that escapes is a bug.
"""

from __future__ import annotations

from collections.abc import Iterable


class PosterLensError(ValueError):
    """Base of all errors that the person in front of the screen can do something about."""


class UsageError(PosterLensError):
    """Options of a command line that are wrong, or do not go together."""


class SettingError(PosterLensError):
    """A setting of a dataclass with a value that is not allowed."""


class ImageError(PosterLensError):
    """Bytes or a file that cannot be read as a picture."""


class DataError(PosterLensError):
    """A data set that is missing, empty, or does not hold what was asked of it."""


class CheckpointError(PosterLensError):
    """A checkpoint that is missing, damaged, unsafe, or of another architecture."""


class TrainingError(PosterLensError):
    """A run that cannot start or had to stop; the last good state is kept."""


class MetricsUnavailableError(PosterLensError):
    """The feature extractor is not installed (optional extra ``metrics``)."""


class FetchError(PosterLensError):
    """Something that could not be fetched; ``status`` is the HTTP status, None without an answer."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class FatalFetchError(PosterLensError):
    """An error after which nothing else can be fetched either: a refused key, a full disk."""


def printable(text: object, most: int = 300) -> str:
    """A file's name, or another text that is not ours, for a message: what would not print is escaped, much cut out."""
    shown = "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in str(text)
    )
    return shown if len(shown) <= most else f"{shown[: most // 2]} ... {shown[-most // 4 :]}"


def counted(count: int, noun: str, plural: str = "") -> str:
    """A count with its noun: "no files", "1 file", "2,000 files"."""
    return f"{f'{count:,}' if count else 'no'} {noun if count == 1 else plural or noun + 's'}"


def joined(texts: Iterable[str]) -> str:
    """Texts as a sentence lists them: "", "a", "a and b", "a, b and c"."""
    *first, last = [*texts] or [""]
    return f"{', '.join(first)} and {last}" if first else last
