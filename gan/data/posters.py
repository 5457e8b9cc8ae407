"""A data set: a folder or a zip of posters at one size, with their genres.

    posters = load_posters("posters.zip", size=64)
    posters.images                                          # uint8 (N, 64, 64, 3), memory-mapped
    training, held_out = posters.split()
    posters.genre_labels(["Comedy", "Drama", "Horror"])     # int8 (N, 3): 1 has it, -1 has it not, 0 unknown
    load_posters("posters.zip", size=(96, 64))              # 2:3, so that nothing is cropped away

How pictures are decoded and cached: gan/data/decoding.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan.data.archives import METADATA, find_pictures, open_source
from gan.data.decoding import Decoded, DecodeJob, decode_once
from gan.data.hold_out import is_key_held_out, split_keys, split_warning
from gan.data.images import FITS, Fit, Size, height_width, scale
from gan.data.metadata import Metadata, read_metadata
from gan.data.reading import Reading
from gan.data.rows import Images, select_rows
from gan.errors import DataError, counted, printable
from gan.files import cache_directory
from gan.progress import Progress


@dataclass(frozen=True)
class PosterSet:
    """Posters of one size.

    images : uint8 RGB (N, H, W, 3): a read-only memory map, or rows of one (gan.data.rows), which are read as they are
        indexed.
    names : file names within the source, in order.
    genres : the known genres of each poster, () where there is no metadata.
    broken : names of files that could not be read, each with the reason.
    complete : for each poster whether ``genres`` names all that it has; by default where it names any.
    fit : how pictures were brought to size (gan.data.images.FITS).
    only_genres : genres by which the posters were selected; () for all posters.
    split_keys : what decides on which side of the split each poster is (gan.data.hold_out); by default the names alone.
    stamps : texts that change when the file of a poster does (gan.data.archives); () where there are no files.
    reading : what was found in the source, for people.
    """

    images: Images
    names: tuple[str, ...]
    genres: tuple[tuple[str, ...], ...]
    broken: tuple[tuple[str, str], ...] = ()
    complete: tuple[bool, ...] = ()
    fit: Fit = "crop"
    only_genres: tuple[str, ...] = ()
    split_keys: tuple[str, ...] = ()
    stamps: tuple[str, ...] = field(default=(), compare=False, repr=False)
    reading: Reading = field(default_factory=Reading, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not self.complete:
            object.__setattr__(self, "complete", tuple(bool(genres) for genres in self.genres))
        if len(self.split_keys) != len(self.names):
            object.__setattr__(self, "split_keys", split_keys(self.names))

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        """One line, however many posters: names and pixels of all would be a page for each thousand of them."""
        height, width = self.images.shape[1:3]
        genres = counted(len(self.genre_counts()), "genre")
        broken = f"; {counted(len(self.broken), 'broken file')}" if self.broken else ""
        return f"PosterSet({counted(len(self), 'poster')} of {width} x {height} pixels, {self.fit}; {genres}{broken})"

    def select(self, indices: Sequence[int] | NDArray[np.intp]) -> PosterSet:
        """The posters at these indices, in this order; their pixels stay where they are."""
        return replace(
            self,
            images=select_rows(self.images, indices),
            names=tuple(self.names[i] for i in indices),
            genres=tuple(self.genres[i] for i in indices),
            complete=tuple(self.complete[i] for i in indices),
            split_keys=tuple(self.split_keys[i] for i in indices),
            stamps=tuple(self.stamps[i] for i in indices) if self.stamps else (),
        )

    def evenly(self, count: int, round_down: bool = False) -> PosterSet:
        """``count`` of the posters, evenly spaced (see :func:`evenly_spaced`)."""
        return self.select(evenly_spaced(len(self), count, round_down))

    def genre_counts(self) -> dict[str, int]:
        """Number of posters by genre, the most frequent first."""
        counts = Counter(genre for genres in self.genres for genre in set(genres))
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def genre_labels(self, genres: Sequence[str]) -> NDArray[np.int8]:
        """Labels int8 (N, G): 1 where the poster has the genre, -1 where it is known not to, 0 where that is unknown.

        Case is ignored. A genre that no poster has is allowed: a checkpoint may have more genres than a data set.

        Raises
        ------
        ValueError
            If a genre is named twice.
        """
        columns = {genre.lower(): column for column, genre in enumerate(genres)}
        if len(columns) < len(genres):
            raise ValueError(f"Each genre may be named once, not {', '.join(genres)}.")
        labels = np.zeros((len(self), len(genres)), np.int8)
        labels[np.asarray(self.complete, bool)] = -1
        for row, names in enumerate(self.genres):
            labels[row, [columns[name.lower()] for name in names if name.lower() in columns]] = 1
        return labels

    def with_genres(self, wanted: Sequence[str]) -> PosterSet:
        """The posters that have at least one of these genres; DataError where no poster has one of them."""
        available = sorted(self.genre_counts())
        by_lower = {genre.lower(): genre for genre in available}
        unknown = [genre for genre in wanted if genre.lower() not in by_lower]
        if unknown:
            choices = f"the data set has {', '.join(available)}" if available else "the data set names no genres"
            raise DataError(f"No poster has the genre {', '.join(unknown)}; {choices}.")
        chosen = {by_lower[genre.lower()] for genre in wanted}
        selected = self.select([i for i, genres in enumerate(self.genres) if chosen & set(genres)])
        return replace(selected, only_genres=tuple(sorted(chosen)))

    def split(self) -> tuple[PosterSet, PosterSet]:
        """(training, held out), about 95 and 5 % of the posters.

        The side of a poster depends on its name in the whole data set (gan.data.hold_out): it is the same on every
        machine, in a folder and in a zip, in any format, and for a selection of the posters.
        """
        held_out = self.held_out
        return self.select(np.flatnonzero(~held_out)), self.select(np.flatnonzero(held_out))

    @cached_property
    def held_out(self) -> NDArray[np.bool_]:
        """For each poster (N,) whether it is held out from training."""
        return np.array([is_key_held_out(key) for key in self.split_keys], bool)

    def notes(self) -> list[str]:
        """What to know about how the posters were read, in sentences: tables, what was left out, an odd split."""
        return [*self.reading.lines(), *filter(None, [split_warning(len(self), int(self.held_out.sum()))])]

    def tensor(self, indices: Sequence[int] | NDArray[np.intp] | Tensor) -> Tensor:
        """Float32 (n, 3, H, W) in [-1, 1] of these posters; only they are read."""
        return scale(torch.from_numpy(np.ascontiguousarray(self.images[np.asarray(indices)])))


def evenly_spaced(length: int, count: int, round_down: bool = False) -> NDArray[np.intp]:
    """Indices (n,) of ``count`` of ``length`` items, at most all of them, evenly spaced from the first to the last.

    round_down : round places down, and not to the nearest item.
    """
    places = np.linspace(0, length - 1, min(count, length))
    return (places if round_down else places.round()).astype(np.intp)


def load_posters(
    source: str | Path,
    size: Size = 64,
    fit: Fit = "crop",
    genres: Sequence[str] = (),
    cache: str | Path | None = None,
    progress: bool | Progress = True,
) -> PosterSet:
    """Read every picture below a folder or in a zip, at ``size``: a square's side, or (height, width).

    Pictures are decoded once, in parallel, into a memory map under ``cache`` (default: ``POSTERLENS_CACHE`` or
    ``~/.cache/posterlens``), which is used again as long as their names, sizes and dates are the same.

    ``metadata.csv`` beside the pictures is optional (gan.data.metadata): ``file_name``, ``genres``, and optionally
    ``labels``, which is ``partial`` where a poster may have more genres than it names, else ``full`` or empty. The
    genres of a poster without a row, or with neither genre nor label, are unknown.

    ``genres`` selects the posters that have at least one of them. ``progress`` is whether to draw a bar, or a function
    that is called with the finished fraction.

    Raises
    ------
    DataError
        If the source does not exist, holds no usable picture, or no poster has one of the genres.
    """
    if fit not in FITS:
        raise ValueError(f"fit must be one of {FITS}, not {fit!r}")
    shape = height_width(size)
    with open_source(source) as files:
        pictures = find_pictures(files)
        metadata = read_metadata(files, pictures.others, pictures.stamps)
        decoded = decode_once(
            DecodeJob(files, tuple(pictures.stamps.items()), shape, fit), cache_directory(cache), progress
        )
    labels = [_labels(name, metadata) for name in decoded.names]
    posters = PosterSet(
        decoded.images,
        decoded.names,
        tuple(genres for genres, _ in labels),
        decoded.broken,
        tuple(complete for _, complete in labels),
        fit,
        stamps=tuple(pictures.stamps[name] for name in decoded.names),
        reading=_reading(pictures.left_out, metadata, decoded),
    )
    return posters.with_genres(genres) if genres else posters


def _reading(left_out: Mapping[str, tuple[str, ...]], metadata: Metadata, decoded: Decoded) -> Reading:
    without_row = tuple(name for name in decoded.names if name not in metadata.rows) if metadata.tables else ()
    return Reading(left_out, metadata.tables, without_row, decoded.notes)


def _labels(name: str, metadata: Metadata) -> tuple[tuple[str, ...], bool]:
    """A poster's genres, and whether these are all that it has."""
    genres, row = metadata.genres.get(name, ()), metadata.rows.get(name, {})
    label = row.get("labels", "").strip().lower()
    if label not in ("", "full", "partial"):
        raise DataError(
            f'The labels of {printable(name)} in {METADATA} must be full or partial, not "{printable(label)[:80]}".'
        )
    return genres, label == "full" or (not label and bool(genres))
