"""Folders and zips of posters, read in one safe way, and the tables beside the pictures.

    with open_source("posters.zip") as files:
        names = [name for name in files.entries() if is_picture(name)]
        files.read(names[0])                    # bytes; ImageError in one sentence where they cannot be read
        read_metadata(files, files.entries())   # rows of metadata.csv by picture name

Names in a zip are never joined to a path here.
"""

from __future__ import annotations

import csv
import io
import os
import stat
import threading
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Protocol

from gan.data.images import SUFFIXES
from gan.errors import DataError, ImageError

MAX_FILE_BYTES = 50_000_000
METADATA = "metadata.csv"


class Source(Protocol):
    """Named files in a folder or a zip."""

    def entries(self) -> dict[str, str]:
        """Name to stamp, a text that changes when the file does."""
        ...

    def read(self, name: str) -> bytes:
        """The file's bytes; ImageError if it is too large or cannot be read."""
        ...


class FolderSource:
    """All plain files below a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def entries(self) -> dict[str, str]:
        entries = {}
        for folder, _, names in os.walk(self.root):
            for name in names:
                path = Path(folder, name)
                try:
                    entry = path.stat()
                except OSError:  # a dangling link: read() raises, and it is listed as broken
                    entries[path.relative_to(self.root).as_posix()] = "unreadable"
                    continue
                if stat.S_ISREG(entry.st_mode):  # reading a pipe would wait for ever
                    entries[path.relative_to(self.root).as_posix()] = f"{entry.st_size}-{entry.st_mtime_ns}"
        return entries

    def read(self, name: str) -> bytes:
        path = self.root / name
        try:
            if path.stat().st_size > MAX_FILE_BYTES:
                raise ImageError(f"{name} is larger than {MAX_FILE_BYTES // 10**6} MB.")
            return path.read_bytes()
        except OSError as error:
            raise ImageError(f"{name} cannot be read: {error.strerror}.") from error


class ZipSource:
    """All files in a zip; several threads may read."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive = archive
        self.lock = threading.Lock()

    def entries(self) -> dict[str, str]:
        infos = [info for info in self.archive.infolist() if not info.is_dir()]
        return {info.filename: f"{info.file_size}-{info.CRC}" for info in infos}

    def read(self, name: str) -> bytes:
        if self.archive.getinfo(name).file_size > MAX_FILE_BYTES:
            raise ImageError(f"{name} is larger than {MAX_FILE_BYTES // 10**6} MB.")
        try:
            with self.lock:
                return self.archive.read(name)
        except Exception as error:  # zipfile passes on whatever its decompressors raise
            raise ImageError(f"{name} cannot be unpacked: {error}.") from error


@contextmanager
def open_source(path: str | Path) -> Iterator[Source]:
    """Open a folder or a zip for reading; DataError if it is neither."""
    path = Path(path)
    if path.is_dir():
        yield FolderSource(path)
    elif not path.exists():
        raise DataError(f"{path} does not exist.")
    else:
        try:
            archive = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, NotImplementedError, OSError) as error:
            raise DataError(f"{path} is neither a folder nor a zip file.") from error
        with archive:
            yield ZipSource(archive)


def is_picture(name: str) -> bool:
    """Whether a name within a source is that of a JPEG, PNG or WebP file that is not hidden."""
    path = PurePosixPath(name)
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    return path.suffix.lower() in SUFFIXES and not hidden


def read_metadata(files: Source, names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Rows of ``metadata.csv`` by the picture's name within the source; a table is about the folder that it is in.

    ``names`` are those of all files in the source.

    Raises
    ------
    DataError
        If a table is not UTF-8, not CSV, or has no column ``file_name``.
    """
    tables = sorted(name for name in names if PurePosixPath(name).name == METADATA)
    return {name: row for table in tables for name, row in _rows(files, table)}


def _rows(files: Source, table: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Each picture's name and row in one table."""
    try:
        text = files.read(table).decode("utf-8-sig")
    except (ImageError, UnicodeDecodeError) as error:
        raise DataError(f"{table} cannot be read as UTF-8 text.") from error
    reader = csv.DictReader(io.StringIO(text))
    if "file_name" not in (reader.fieldnames or ()):
        raise DataError(f"{table} has no column file_name.")
    folder = PurePosixPath(table).parent
    try:
        for row in reader:
            if row["file_name"]:
                cells = {key: value or "" for key, value in row.items() if key is not None}  # None: surplus cells
                yield (folder / row["file_name"]).as_posix(), cells
    except csv.Error as error:
        raise DataError(f"{table} is not a valid CSV table: {error}.") from error
