"""Where studies that are made here are kept, for each checkpoint that came without them.

measured.folder(checkpoint.digest) / "filters.npz"
"""

from __future__ import annotations

from pathlib import Path


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
    from gan.files import stamp

    try:
        return stamp(folder(digest) / file)
    except OSError:
        return ()
