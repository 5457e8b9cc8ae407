"""A folder or a zip of posters, decoded once into a memory-mapped array.

posters = load_posters("posters.zip", size=64)
posters.images          # uint8 (N, 64, 64, 3), read from disk as it is used
training, held_out = posters.split()
posters.genre_labels(list(posters.genre_counts())[:20])     # (N, 20): 1 has it, -1 has it not, 0 nobody knows
load_posters("posters.zip", size=(96, 64))                  # 2:3, so that nothing is cropped away
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan.data.archives import METADATA, Source, is_picture, open_source, read_metadata
from gan.data.decoding import Progress, cache_directory, decode_all
from gan.data.images import FITS, Fit, Size, height_width, scale
from gan.errors import DataError

HELD_OUT = 0.05


@dataclass(frozen=True)
class PosterSet:
    """Posters of one size.

    images : uint8 RGB (N, H, W, 3), usually a read-only memory map.
    names : file names within the source, in order.
    genres : for each poster the genres that are known, empty where there is no metadata.
    broken : names of files that could not be read, each with the reason.
    complete : for each poster whether all of its genres are known; where it is not, a genre that is not named may
        still apply. Unless told: those that name a genre.
    fit : how they were brought to size (gan.data.images.FITS). only_genres : those that they were chosen by; () for all.
    """

    images: NDArray[np.uint8]
    names: tuple[str, ...]
    genres: tuple[tuple[str, ...], ...]
    broken: tuple[tuple[str, str], ...] = ()
    complete: tuple[bool, ...] = ()
    fit: Fit = "crop"
    only_genres: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.complete:
            object.__setattr__(self, "complete", tuple(bool(genres) for genres in self.genres))

    def __len__(self) -> int:
        return len(self.names)

    def select(self, indices: Sequence[int] | NDArray[np.intp]) -> PosterSet:
        """The posters at these indices, in this order."""
        return replace(
            self,
            images=self.images[np.asarray(indices, np.intp)],
            names=tuple(self.names[i] for i in indices),
            genres=tuple(self.genres[i] for i in indices),
            complete=tuple(self.complete[i] for i in indices),
        )

    def evenly(self, count: int, round_down: bool = False) -> PosterSet:
        """``count`` of the posters, at most all of them, evenly spaced (see :func:`evenly_spaced`)."""
        return self.select(evenly_spaced(len(self), count, round_down))

    def genre_counts(self) -> dict[str, int]:
        """How many posters have each genre, the most frequent first."""
        counts = Counter(genre for genres in self.genres for genre in set(genres))
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def genre_labels(self, genres: Sequence[str]) -> NDArray[np.int8]:
        """int8 (N, G): 1 the poster has the genre, -1 it is known not to have it, 0 nobody knows.

        A genre that is not named counts as -1 only where all genres of the poster are known. Capitals do not
        matter; a genre that no poster has is no error, for a checkpoint may know more genres than a data set.
        """
        columns = {genre.lower(): place for place, genre in enumerate(genres)}
        if len(columns) < len(genres):
            raise ValueError(f"Each genre may be named once, not {', '.join(genres)}.")
        labels = np.zeros((len(self), len(genres)), np.int8)
        labels[np.asarray(self.complete, bool)] = -1
        for row, known in enumerate(self.genres):
            labels[row, [columns[genre.lower()] for genre in known if genre.lower() in columns]] = 1
        return labels

    def with_genres(self, wanted: Sequence[str]) -> PosterSet:
        """Posters that have at least one of the wanted genres; DataError for an unknown genre."""
        known = sorted(self.genre_counts())
        by_lower = {genre.lower(): genre for genre in known}
        unknown = [genre for genre in wanted if genre.lower() not in by_lower]
        if unknown:
            there = f"known are {', '.join(known)}" if known else "the data set names no genres"
            raise DataError(f"No poster has the genre {', '.join(unknown)}; {there}.")
        chosen = {by_lower[genre.lower()] for genre in wanted}
        some = self.select([i for i, genres in enumerate(self.genres) if chosen & set(genres)])
        return replace(some, only_genres=tuple(sorted(chosen)))

    def split(self) -> tuple[PosterSet, PosterSet]:
        """(training, held out): by file name alone, so the same on every machine, in any folder and format."""
        held_out = np.array([is_held_out(name) for name in self.names], bool)
        return self.select(np.flatnonzero(~held_out)), self.select(np.flatnonzero(held_out))

    def tensor(self, indices: Sequence[int] | NDArray[np.intp] | Tensor) -> Tensor:
        """Float32 (n, 3, H, W) in [-1, 1] of these posters."""
        return scale(torch.from_numpy(np.ascontiguousarray(self.images[np.asarray(indices)])))


def evenly_spaced(length: int, count: int, round_down: bool = False) -> NDArray[np.intp]:
    """Indices (n,) of ``count`` of ``length`` items, at most all of them, evenly spaced from the first to the last.

    round_down : towards the first item, in place of to the nearest one; the two choices differ by one item at most.
    """
    places = np.linspace(0, length - 1, min(count, length))
    return (places if round_down else places.round()).astype(np.intp)


def is_held_out(name: str) -> bool:
    """Whether a poster with this file name is kept for judging: 5 % of names, by SHA-256.

    Neither folder nor file format counts: a poster that was packed as WebP stays on its side. (Every name is hashed as
    if it ended in .webp, as those on which the shipped checkpoints were trained do.)
    """
    digest = hashlib.sha256(name_bytes(PurePosixPath(name).stem + ".webp")).digest()
    return int.from_bytes(digest[:8], "big") < HELD_OUT * 2**64


def name_bytes(text: str) -> bytes:
    """UTF-8 of file names; a name that is not UTF-8 on disk arrives with lone surrogates."""
    return text.encode("utf-8", "surrogatepass")


def load_posters(
    source: str | Path,
    size: Size = 64,
    fit: Fit = "crop",
    genres: Sequence[str] = (),
    cache: str | Path | None = None,
    progress: Progress = True,
) -> PosterSet:
    """Read every JPEG, PNG and WebP below a folder or in a zip, at ``size``: a square's side, or (height, width).

    Decoded in parallel once and kept as a memory map under ``cache`` (default: ``POSTERLENS_CACHE`` or
    ``~/.cache/posterlens``); read from there while the pictures, their sizes and dates stay.
    ``metadata.csv`` beside the pictures is optional: ``file_name``, ``genres`` joined by ``|``, and, if wanted,
    ``labels``, which is ``partial`` where a poster may have more genres than it names, else ``full`` or empty. A poster
    without a row, or with neither genre nor label, is one of which nothing is known. ``progress`` is whether to draw a
    bar, or a function that is told the finished fraction.

    Raises
    ------
    DataError
        If the path is not there, holds no usable picture, or no poster has one of the genres.
    """
    if fit not in FITS:
        raise ValueError(f"fit must be one of {FITS}, not {fit!r}")
    shape = height_width(size)
    with open_source(source) as files:
        posters = _cached(files, shape, fit, cache_directory(cache), progress)
    return posters.with_genres(genres) if genres else posters


def _cached(files: Source, shape: tuple[int, int], fit: Fit, cache: Path, progress: Progress) -> PosterSet:
    entries = files.entries()
    pictures = sorted((name, stamp) for name, stamp in entries.items() if is_picture(name))
    metadata = read_metadata(files, entries)
    fingerprint = json.dumps([pictures, shape, fit])
    stem = cache / f"posters-{hashlib.sha256(fingerprint.encode()).hexdigest()[:24]}"
    index, array = stem.with_suffix(".json"), stem.with_suffix(".npy")
    if not (index.exists() and array.exists()):
        try:
            decode_all(files, [name for name, _ in pictures], shape, fit, array, index, progress)
        except OSError as error:
            raise DataError(f"The cache {cache} cannot be written: {error.strerror or error}.") from error
    record = json.loads(index.read_text())
    if not record["names"]:
        reason = f" ({record['broken'][0][1]})" if record["broken"] else ""
        raise DataError(f"No usable JPEG, PNG or WebP picture was found{reason}.")
    labels = [_labels(name, metadata.get(name, {})) for name in record["names"]]
    return PosterSet(
        np.load(array, mmap_mode="r"),
        tuple(record["names"]),
        tuple(genres for genres, _ in labels),
        tuple((name, reason) for name, reason in record["broken"]),
        tuple(complete for _, complete in labels),
        fit,
    )


def _labels(name: str, row: dict[str, str]) -> tuple[tuple[str, ...], bool]:
    """A poster's genres, and whether these are all."""
    named = (part.strip() for part in row.get("genres", "").split("|"))
    genres = tuple(dict.fromkeys(genre for genre in named if genre))
    label = row.get("labels", "").strip().lower()
    if label not in ("", "full", "partial"):
        raise DataError(f'The labels of {name} are "{label}" in {METADATA}; they can be full or partial.')
    return genres, label == "full" or (not label and bool(genres))
