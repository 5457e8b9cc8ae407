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


def when(digest: str, file: str) -> float:
    """When this file was written there, for the key of a cache; 0 where it was not."""
    try:
        return (folder(digest) / file).stat().st_mtime
    except OSError:
        return 0.0
