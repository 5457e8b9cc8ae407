"""A folder or a zip of posters, decoded once into a memory-mapped array.

posters = load_posters("posters.zip", resolution=64)
posters.images          # uint8 (N, 64, 64, 3), read from disk as it is used
training, held_out = posters.split()
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import stat
import threading
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from gan.errors import DataError, ImageError
from gan.files import write_file
from gan.images import FITS, SUFFIXES, Fit, fit_image, open_image, scale

HELD_OUT = 0.05
Progress = bool | Callable[[float], object]
MAX_FILE_BYTES = 50_000_000


@dataclass(frozen=True)
class PosterSet:
    """Posters of one size.

    images : uint8 RGB (N, H, W, 3), usually a read-only memory map.
    names : file names within the source, in order.
    genres : for each poster the genres that are known, empty where there is no metadata.
    broken : names of files that could not be read, each with the reason.
    """

    images: NDArray[np.uint8]
    names: tuple[str, ...]
    genres: tuple[tuple[str, ...], ...]
    broken: tuple[tuple[str, str], ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    def select(self, indices: Sequence[int] | NDArray[np.intp]) -> PosterSet:
        """The posters at these indices, in this order."""
        return replace(
            self,
            images=self.images[np.asarray(indices, np.intp)],
            names=tuple(self.names[i] for i in indices),
            genres=tuple(self.genres[i] for i in indices),
        )

    def with_genres(self, wanted: Sequence[str]) -> PosterSet:
        """Posters that have at least one of the wanted genres; DataError for an unknown genre."""
        known = sorted({genre for genres in self.genres for genre in genres})
        by_lower = {genre.lower(): genre for genre in known}
        unknown = [genre for genre in wanted if genre.lower() not in by_lower]
        if unknown:
            there = f"known are {', '.join(known)}" if known else "the data set names no genres"
            raise DataError(f"No poster has the genre {', '.join(unknown)}; {there}.")
        chosen = {by_lower[genre.lower()] for genre in wanted}
        return self.select([i for i, genres in enumerate(self.genres) if chosen & set(genres)])

    def split(self) -> tuple[PosterSet, PosterSet]:
        """(training, held out): by file name alone, so the same on every machine and in any folder."""
        held_out = np.array([is_held_out(name) for name in self.names], bool)
        return self.select(np.flatnonzero(~held_out)), self.select(np.flatnonzero(held_out))

    def tensor(self, indices: Sequence[int] | NDArray[np.intp] | Tensor) -> Tensor:
        """Float32 (n, 3, H, W) in [-1, 1] of these posters."""
        return scale(torch.from_numpy(np.ascontiguousarray(self.images[np.asarray(indices)])))


def is_held_out(name: str) -> bool:
    """Whether a poster with this file name is kept for judging: 5 % of names, by SHA-256."""
    digest = hashlib.sha256(name_bytes(PurePosixPath(name).name)).digest()
    return int.from_bytes(digest[:8], "big") < HELD_OUT * 2**64


def name_bytes(text: str) -> bytes:
    """UTF-8 of file names; a name that is not UTF-8 on disk arrives with lone surrogates."""
    return text.encode("utf-8", "surrogatepass")


def load_posters(
    source: str | Path,
    resolution: int = 64,
    fit: Fit = "crop",
    genres: Sequence[str] = (),
    cache: str | Path | None = None,
    progress: Progress = True,
) -> PosterSet:
    """Read every JPEG, PNG and WebP below a folder or in a zip.

    Decoded in parallel once and kept as a memory map under ``cache`` (default: ``POSTERLENS_CACHE`` or
    ``~/.cache/posterlens``); read from there while the source's files, their sizes and dates stay.
    ``metadata.csv`` beside the pictures (``file_name``, ``genres`` joined by ``|``) is optional. ``progress`` is
    whether to draw a bar, or a function that is told the finished fraction.

    Raises
    ------
    DataError
        If the path is not there, holds no usable picture, or no poster has one of the genres.
    """
    if fit not in FITS:
        raise ValueError(f"fit must be one of {FITS}, not {fit!r}")
    with _open_source(Path(source)) as files:
        posters = _cached(files, resolution, fit, cache_directory(cache), progress)
    return posters.with_genres(genres) if genres else posters


def cache_directory(cache: str | Path | None = None) -> Path:
    """Where decoded data sets and computed tables are kept."""
    return Path(cache or os.environ.get("POSTERLENS_CACHE") or Path.home() / ".cache/posterlens")


class _Source(Protocol):
    """Named files: what a folder and a zip have in common."""

    def entries(self) -> dict[str, str]:
        """Name to a text that changes when the file does."""
        ...

    def read(self, name: str) -> bytes: ...


class _Folder:
    def __init__(self, root: Path) -> None:
        self.root = root

    def entries(self) -> dict[str, str]:
        found = {}
        for folder, _, names in os.walk(self.root):
            for name in names:
                path = Path(folder, name)
                try:
                    entry = path.stat()
                except OSError:  # a dangling link; read() says so, and it is named among the broken files
                    found[path.relative_to(self.root).as_posix()] = "unreadable"
                    continue
                if stat.S_ISREG(entry.st_mode):  # reading a pipe would wait for ever
                    found[path.relative_to(self.root).as_posix()] = f"{entry.st_size}-{entry.st_mtime_ns}"
        return found

    def read(self, name: str) -> bytes:
        path = self.root / name
        try:
            if path.stat().st_size > MAX_FILE_BYTES:
                raise ImageError(f"{name} is larger than {MAX_FILE_BYTES // 10**6} MB.")
            return path.read_bytes()
        except OSError as error:
            raise ImageError(f"{name} cannot be read: {error.strerror}.") from error


class _Zip:
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
def _open_source(path: Path) -> Iterator[_Source]:
    if path.is_dir():
        yield _Folder(path)
    elif not path.exists():
        raise DataError(f"{path} is not there.")
    else:
        try:
            archive = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, NotImplementedError, OSError) as error:
            raise DataError(f"{path} is neither a folder nor a zip file.") from error
        with archive:
            yield _Zip(archive)


def _cached(files: _Source, resolution: int, fit: Fit, cache: Path, progress: Progress) -> PosterSet:
    entries = files.entries()
    names = sorted(name for name in entries if _is_picture(name))
    metadata = _read_metadata(files, entries)
    fingerprint = json.dumps([sorted(entries.items()), resolution, fit])
    stem = cache / f"posters-{hashlib.sha256(fingerprint.encode()).hexdigest()[:24]}"
    index, array = stem.with_suffix(".json"), stem.with_suffix(".npy")
    if not (index.exists() and array.exists()):
        try:
            _decode_all(files, names, resolution, fit, array, index, progress)
        except OSError as error:
            raise DataError(f"The cache {cache} cannot be written: {error.strerror or error}.") from error
    record = json.loads(index.read_text())
    if not record["names"]:
        reason = f" ({record['broken'][0][1]})" if record["broken"] else ""
        raise DataError(f"No usable JPEG, PNG or WebP picture was found{reason}.")
    return PosterSet(
        np.load(array, mmap_mode="r"),
        tuple(record["names"]),
        tuple(metadata.get(name, ()) for name in record["names"]),
        tuple((name, reason) for name, reason in record["broken"]),
    )


def _decode_all(
    files: _Source,
    names: list[str],
    resolution: int,
    fit: Fit,
    array: Path,
    index: Path,
    progress: Progress,
) -> None:
    def decode(name: str) -> NDArray[np.uint8] | str:
        try:
            return np.asarray(fit_image(open_image(files.read(name), name), resolution, fit))
        except ImageError as error:
            return str(error)

    pixels = np.empty((len(names), resolution, resolution, 3), np.uint8)
    good: list[str] = []
    broken: list[tuple[str, str]] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        decoded = pool.map(decode, names)  # Pillow releases the interpreter lock while it decodes
        tell = progress if callable(progress) else None
        bar = tqdm(decoded, "Reading posters", len(names), unit="poster", disable=tell is not None or not progress)
        for place, (name, result) in enumerate(zip(names, bar, strict=True), 1):
            if tell is not None and place % 100 == 0:
                tell(place / len(names))
            if isinstance(result, str):
                broken.append((name, result))
            else:
                pixels[len(good)] = result
                good.append(name)
    array.parent.mkdir(parents=True, exist_ok=True)
    write_file(array, lambda file: np.save(file, pixels[: len(good)]))
    write_file(index, json.dumps({"names": good, "broken": broken}).encode())


def _is_picture(name: str) -> bool:
    path = PurePosixPath(name)
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    return path.suffix.lower() in SUFFIXES and not hidden


def _read_metadata(files: _Source, entries: dict[str, str]) -> dict[str, tuple[str, ...]]:
    tables = [name for name in entries if PurePosixPath(name).name == "metadata.csv"]
    genres: dict[str, tuple[str, ...]] = {}
    for table in sorted(tables):
        folder = PurePosixPath(table).parent
        try:
            text = files.read(table).decode("utf-8-sig")
        except (ImageError, UnicodeDecodeError) as error:
            raise DataError(f"{table} cannot be read as UTF-8 text.") from error
        reader = csv.DictReader(io.StringIO(text))
        if "file_name" not in (reader.fieldnames or ()):
            raise DataError(f"{table} has no column file_name.")
        try:
            rows = [row for row in reader if row["file_name"]]
        except csv.Error as error:
            raise DataError(f"{table} is not a valid CSV table: {error}.") from error
        for row in rows:
            names = (part.strip() for part in (row.get("genres") or "").split("|"))
            genres[(folder / row["file_name"]).as_posix()] = tuple(name for name in names if name)
    return genres
