"""Find posters that are nearly the same picture, by perceptual hash, confirmed pixel by pixel.

    found = near_duplicates(posters.images)
    found.groups                                    # ((0, 7, 9), (4, 12)): indices of posters that look alike
    found.links[0].first, found.links[0].second, found.links[0].distance, found.links[0].correlation
    kept = posters.select(found.kept(posters.complete))

A training poster must not be among the held-out ones again, rescaled or recoloured: this finds such posters.
The hash is pHash: 64 low frequencies of the cosine transform, each above or below their median. Zauner 2010,
"Implementation and benchmarking of perceptual image hash functions", section 3.2.1.

A "no poster available" comes by the thousand, and a thousand copies are half a million pairs. So copies with the same
thumbnail are compared once, and of all pairs only as many are kept as hold the groups together. Seconds and memory, of
equal, nearly equal and different pictures:

    python -m gan.curation.near_duplicates
"""

from __future__ import annotations

import csv
import io
import time
import tracemalloc
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gan.data.hold_out import is_key_held_out, split_keys
from gan.data.rows import Images
from gan.errors import counted

COLUMNS = "first", "second", "distance", "correlation", "across_the_split", "left_out"  # of a table of pairs
MAX_DISTANCE = 16  # bits of 64; two different posters differ in 32 on average
MIN_CORRELATION = 0.9  # below it: same series, or two dark pictures with a bright middle
SIDE = 32  # of the grey thumbnail that is hashed and compared
LOW = 8  # frequencies in each direction, without the mean
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
FLAT = 1.0  # standard deviation in grey levels below which a picture shows nothing

_CHUNK = 1024  # thumbnails, or pairs of them, in memory at once
_VALUES = 2**23  # colour values of full pictures in memory at once
_BLOCK = 2**21  # pairs of hashes compared at once


@dataclass(frozen=True)
class DuplicatePair:
    """Two posters by index, ``first < second``, the number of bits in which their hashes differ, their correlation."""

    first: int
    second: int
    distance: int
    correlation: float

    def crosses_split(self, split_keys: Sequence[str]) -> bool:
        """Whether one of the two posters is trained on and the other one held out (PosterSet.split_keys)."""
        return is_key_held_out(split_keys[self.first]) != is_key_held_out(split_keys[self.second])


@dataclass(frozen=True, eq=False)
class Likeness:
    """Which of N pictures look alike: grey thumbnails (N, 32, 32), hashes (N, 64), and how near both must be."""

    grey: NDArray[np.uint8]
    hashes: NDArray[np.bool_]
    max_distance: int
    min_correlation: float

    def of(self, one: int, others: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Which of the others (M,) look like picture ``one``."""
        distances = np.count_nonzero(self.hashes[others] != self.hashes[one], axis=1)
        alike: NDArray[np.bool_] = distances <= self.max_distance
        pairs = np.stack([np.full(alike.sum(), one), others[alike]], axis=1)
        alike[alike] = correlation(self.grey, pairs) >= self.min_correlation
        return alike


@dataclass(frozen=True, eq=False)
class NearDuplicates:
    """Groups of posters that look alike, directly or by way of others of the group.

    links : pairs that look alike, in order of their indices; a group of n posters is held together by n - 1 of them.
    labels : (N,), of each poster the first one of its group; the poster itself where it is like no other.
    """

    links: tuple[DuplicatePair, ...]
    labels: NDArray[np.intp]
    likeness: Likeness

    @cached_property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """Indices of the posters of each group of at least two, in order."""
        members: dict[int, list[int]] = {}
        for index, label in enumerate(self.labels.tolist()):
            members.setdefault(label, []).append(index)
        return tuple(tuple(group) for group in members.values() if len(group) > 1)

    def kept(self, preferred: Sequence[bool] = ()) -> list[int]:
        """Indices, in order, of posters of which no two look alike.

        Posters are taken in turn, the ``preferred`` ones first, unless one that looks alike has been taken before:
        each poster that is left out looks like one of those that remain.
        """
        left_out: set[int] = set()
        for group in self.groups:
            remaining = np.array(sorted(group, key=lambda index: not preferred[index] if preferred else False))
            while len(remaining):
                taken, remaining = int(remaining[0]), remaining[1:]
                alike = self.likeness.of(taken, remaining)
                left_out.update(remaining[alike].tolist())
                remaining = remaining[~alike]
        return [index for index in range(len(self.labels)) if index not in left_out]

    def table(self, names: Sequence[str], kept: Iterable[int]) -> bytes:
        """A CSV table with a row for each link, n - 1 for a group of n posters.

        Names, distance, correlation, whether the link crosses the split, what was left out, and the name of the group's
        first poster. names : of all posters. kept : indices of those that are not left out.
        """
        remaining, keys = set(kept), split_keys(names)
        table = io.StringIO(newline="")
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow([*COLUMNS, "group"])
        for link in self.links:
            both = (link.first, link.second)
            across = "yes" if link.crosses_split(keys) else "no"
            left_out = "|".join(names[index] for index in both if index not in remaining)
            measured = (link.distance, f"{link.correlation:.4f}", across)
            group = names[self.labels[link.first]]
            writer.writerow([*(names[index] for index in both), *measured, left_out, group])
        return table.getvalue().encode("utf-8", "backslashreplace")


def near_duplicates(
    images: Images, max_distance: int = MAX_DISTANCE, min_correlation: float = MIN_CORRELATION
) -> NearDuplicates:
    """The groups of uint8 RGB pictures (N, H, W, 3) that look alike.

    Two look alike if their hashes differ in at most ``max_distance`` of 64 bits and their grey thumbnails correlate
    with at least ``min_correlation``. A mirrored copy, or one that was cropped otherwise, is not found.
    """
    grey = thumbnails(images)
    labels = _first_equal(grey)
    different = np.flatnonzero(labels == np.arange(len(labels)))
    copies = np.flatnonzero(labels != np.arange(len(labels)))
    likeness = Likeness(grey, perceptual_hashes(grey), max_distance, min_correlation)
    links = [DuplicatePair(int(labels[copy]), int(copy), 0, 1.0) for copy in copies]
    links += _connect(likeness, different, labels)
    return NearDuplicates(tuple(sorted(links, key=lambda link: (link.first, link.second))), labels, likeness)


def _first_equal(grey: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Of each thumbnail (N, H, W) the index of the first that equals it (N,)."""
    first: dict[bytes, int] = {}
    return np.array([first.setdefault(each.tobytes(), index) for index, each in enumerate(grey)], np.intp)


def _connect(likeness: Likeness, rows: NDArray[np.intp], labels: NDArray[np.intp]) -> Iterator[DuplicatePair]:
    """The pairs among these rows that look alike, but for those that the pairs before connect; joins their labels."""
    for close, distances in close_pairs(likeness.hashes[rows], likeness.max_distance):
        for start in range(0, len(close), _CHUNK):
            pairs = rows[close[start : start + _CHUNK]]
            apart = labels[pairs[:, 0]] != labels[pairs[:, 1]]
            pairs, bits = pairs[apart], distances[start : start + _CHUNK][apart]
            correlations = correlation(likeness.grey, pairs)
            alike = correlations >= likeness.min_correlation
            for (first, second), *measured in zip(pairs[alike], bits[alike], correlations[alike], strict=True):
                one, other = sorted((labels[first], labels[second]))
                if one != other:
                    labels[labels == other] = one
                    yield DuplicatePair(int(first), int(second), int(measured[0]), float(measured[1]))


def thumbnails(images: Images) -> NDArray[np.uint8]:
    """Grey thumbnails (N, 32, 32) of uint8 RGB pictures (N, H, W, 3), each pixel the mean of what it covers."""
    small = np.empty((len(images), SIDE, SIDE), np.uint8)
    down, across = _area_means(images.shape[1]), _area_means(images.shape[2])
    rows = max(1, _VALUES // max(1, int(np.prod(images.shape[1:]))))
    for start in range(0, len(images), rows):
        grey = images[start : start + rows] @ LUMA
        small[start : start + rows] = (down @ grey @ across.T).round().clip(0, 255)
    return small


def perceptual_hashes(grey: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The 64 bits (N, 64) of each grey thumbnail (N, 32, 32): which low frequencies are above their median.

    They depend on neither brightness nor contrast. A picture of one shade has no bit set.
    """
    transform = _cosines()[1 : LOW + 1]
    above = np.empty((len(grey), LOW * LOW), np.bool_)
    for start in range(0, len(grey), _CHUNK):
        chunk = grey[start : start + _CHUNK].astype(np.float32)
        frequencies = (transform @ chunk @ transform.T).reshape(len(chunk), LOW * LOW).round(2)
        above[start : start + _CHUNK] = frequencies > np.median(frequencies, axis=1, keepdims=True)
    return above


def close_pairs(hashes: NDArray[np.bool_], max_distance: int) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """(pairs (M, 2), distances (M,)): all pairs of bit rows (N, B) that differ in at most ``max_distance`` bits.

    In order of their indices, block by block. Every pair is compared, as a product of matrices: the product of two
    rows of signs is B - 2 x distance.
    """
    signs = np.where(hashes, np.float32(1), np.float32(-1))
    bits = signs.shape[1]
    rows = max(1, _BLOCK // max(1, len(signs)))
    for start in range(0, len(signs), rows):
        products = signs[start : start + rows] @ signs[start:].T
        first, second = np.nonzero(products >= bits - 2 * max_distance)
        first, second = (each[first < second] for each in (first, second))
        yield np.stack([first, second], axis=1) + start, ((bits - products[first, second]) / 2).astype(np.intp)


def correlation(grey: NDArray[np.uint8], pairs: NDArray[np.intp]) -> NDArray[np.float64]:
    """Pearson's correlation (M,) of the pixels of each pair (M, 2) of pictures (N, H, W).

    Of equal pictures it is 1. Where both are of one shade, it is 1 for the same shade and else 0; where only one is, it
    is 0.
    """
    correlations = np.empty(len(pairs))
    for start in range(0, len(pairs), _CHUNK):
        chunk = pairs[start : start + _CHUNK]
        a, b = (grey[chunk[:, side]].reshape(len(chunk), -1).astype(np.float64) for side in (0, 1))
        equal = (a == b).all(1)
        same_shade = np.abs(a.mean(1) - b.mean(1)) <= FLAT
        a, b = a - a.mean(1, keepdims=True), b - b.mean(1, keepdims=True)
        spread_a, spread_b = (np.sqrt((each**2).mean(1)) for each in (a, b))
        shown = (spread_a >= FLAT) & (spread_b >= FLAT)
        both_flat = (spread_a < FLAT) & (spread_b < FLAT)
        scale = np.where(shown, spread_a * spread_b, 1.0)
        measured = np.where(shown, (a * b).mean(1) / scale, both_flat & same_shade)
        correlations[start : start + _CHUNK] = np.where(equal, 1.0, measured)
    return correlations


def _area_means(length: int) -> NDArray[np.float32]:
    """(32, length) matrix that makes 32 means of ``length`` pixels, each over an equal part of the length."""
    edges = np.linspace(0, length, SIDE + 1)
    start, end = edges[:-1, None], edges[1:, None]
    pixel = np.arange(length)
    overlap = np.minimum(end, pixel + 1) - np.maximum(start, pixel)
    means: NDArray[np.float32] = (overlap.clip(0) * SIDE / length).astype(np.float32)
    return means


def _cosines() -> NDArray[np.float32]:
    """(32, 32) matrix of the cosine transform (DCT-II, orthonormal): row k is frequency k."""
    frequency, place = np.arange(SIDE)[:, None], np.arange(SIDE)
    table = np.cos(np.pi * frequency * (2 * place + 1) / (2 * SIDE)) * np.sqrt(2 / SIDE)
    table[0] /= np.sqrt(2)
    cosines: NDArray[np.float32] = table.astype(np.float32)
    return cosines


def _examples() -> Iterator[tuple[str, Images]]:
    """Sets of pictures of 48 x 32 that were slow to search, or that many have."""
    random = np.random.default_rng(0)
    one = random.integers(30, 220, (48, 32, 3), dtype=np.uint8)
    yield "5,000 equal pictures", np.broadcast_to(one, (5000, *one.shape))
    yield "5,000 nearly equal ones", one + random.integers(0, 20, (5000, *one.shape), dtype=np.uint8)
    yield "20,000 different ones", random.integers(0, 256, (20000, *one.shape), dtype=np.uint8)


def _measure() -> None:
    """Print what a search takes; memory is what it allocates itself, at most at once."""
    for what, images in _examples():
        tracemalloc.start()
        begun = time.perf_counter()
        found = near_duplicates(images)
        seconds, (_, most) = time.perf_counter() - begun, tracemalloc.get_traced_memory()
        tracemalloc.stop()
        groups = counted(len(found.groups), "group")
        print(f"{what}: {groups}, {len(found.kept())} kept; {seconds:.1f} s, {most / 1e6:.0f} MB")


if __name__ == "__main__":
    _measure()
