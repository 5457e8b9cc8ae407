"""Waiting until files are on the disk, so that a crash of the whole system leaves them whole.

sync(path)                                  # a file
sync_files(folder, synced=("values",))      # all files below a folder, but for those that are synced already
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path


def sync(path: Path) -> None:
    """Wait until a file is on the disk, so that a crash of the system leaves it whole."""
    # Windows syncs only what is open for writing; elsewhere that would refuse files that are read-only.
    handle = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_files(folder: Path, synced: Collection[str]) -> None:
    """Bring all files below a folder to the disk; of what is ``synced``, only the folders' lists of names."""
    for item in folder.iterdir():
        if item.name not in synced:
            for file in [item] if item.is_file() else item.rglob("*"):
                if file.is_file():
                    sync(file)
        elif item.is_dir():
            sync_directory(item)


def sync_directory(path: Path) -> None:
    """Wait until a folder's list of names is on the disk."""
    if os.name == "posix":  # Windows cannot open a folder
        sync(path)
