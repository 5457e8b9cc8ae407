"""Where studies that are made here are kept, for each checkpoint that came without them, and what a page read of them.

measured.folder(checkpoint.digest) / "filters.npz"
measured.begin()            # app.py, before the page
measured.has_changed()      # and behind it: a study was finished meanwhile, so that its parts do not fit together
"""

from __future__ import annotations

from contextvars import ContextVar
from pathlib import Path

_read: ContextVar[dict[Path, tuple[int, ...]] | None] = ContextVar("read", default=None)


def folder(digest: str) -> Path:
    """Where what was measured here of these weights is kept; it need not be there."""
    from gan.files import cache_directory

    return cache_directory() / "filters" / digest[:24]


def folder_to_write(digest: str) -> Path:
    """The same, there."""
    from gan.files import make_directory

    return make_directory(folder(digest))


def stamp_of(digest: str, file: str) -> tuple[int, ...]:
    """Which file that is, for the key of a cache: another once it is written again; () where it is not there."""
    return stamp_of_path(folder(digest) / file)


def stamp_of_path(path: Path) -> tuple[int, ...]:
    """The same of any file; noted as what the page has read."""
    found = _stamp(path)
    read = _read.get()
    if read is not None:
        read.setdefault(path, found)
    return found


def begin() -> None:
    """From here on a page reads."""
    _read.set({})


def has_changed() -> bool:
    """Whether a file is not the one any more that the page read first: what it showed above may be older than below."""
    return any(_stamp(path) != found for path, found in (_read.get() or {}).items())


def _stamp(path: Path) -> tuple[int, ...]:
    from gan.files import stamp

    try:
        return stamp(path)
    except OSError:
        return ()
