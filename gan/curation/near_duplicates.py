"""Find posters that are nearly the same picture, by perceptual hash, confirmed pixel by pixel.

    pairs = near_duplicates(posters.images)
    pairs[0].first, pairs[0].second, pairs[0].distance, pairs[0].correlation
    kept = posters.select(without_duplicates(len(posters), pairs))

A training poster must not be among the held-out ones again, rescaled or recoloured: this finds such pairs.
The hash is pHash: 64 low frequencies of the cosine transform, each above or below their median. Zauner 2010,
"Implementation and benchmarking of perceptual image hash functions", section 3.2.1.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gan.data.hold_out import is_key_held_out, split_keys
from gan.data.rows import Images

MAX_DISTANCE = 16  # bits of 64; two different posters differ in 32 on average
MIN_CORRELATION = 0.9  # below it: same series, or two dark pictures with a bright middle
SIDE = 32  # of the grey thumbnail that is hashed and compared
LOW = 8  # frequencies in each direction, without the mean
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
FLAT = 1.0  # standard deviation in grey levels below which a picture shows nothing

_CHUNK = 1024  # posters in memory at once
_BLOCK = 2**24  # pairs compared at once


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


def near_duplicates(
    images: Images, max_distance: int = MAX_DISTANCE, min_correlation: float = MIN_CORRELATION
) -> list[DuplicatePair]:
    """All pairs of uint8 RGB pictures (N, H, W, 3) that look alike, in order of their indices.

    These are the pairs whose hashes differ in at most ``max_distance`` of 64 bits and whose grey thumbnails correlate
    with at least ``min_correlation``. A mirrored copy, or one that was cropped otherwise, is not found.
    """
    grey = thumbnails(images)
    pairs, distances = close_pairs(perceptual_hashes(grey), max_distance)
    correlations = correlation(grey, pairs)
    rows = zip(pairs.tolist(), distances.tolist(), correlations.tolist(), strict=True)
    return [
        DuplicatePair(first, second, distance, alike)
        for (first, second), distance, alike in rows
        if alike >= min_correlation
    ]


def thumbnails(images: Images) -> NDArray[np.uint8]:
    """Grey thumbnails (N, 32, 32) of uint8 RGB pictures (N, H, W, 3), each pixel the mean of what it covers."""
    small = np.empty((len(images), SIDE, SIDE), np.uint8)
    down, across = _area_means(images.shape[1]), _area_means(images.shape[2])
    for start in range(0, len(images), _CHUNK):
        grey = images[start : start + _CHUNK] @ LUMA
        small[start : start + _CHUNK] = (down @ grey @ across.T).round().clip(0, 255)
    return small


def perceptual_hashes(grey: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The 64 bits (N, 64) of each grey thumbnail (N, 32, 32): which low frequencies are above their median.

    They depend on neither brightness nor contrast. A picture of one shade has no bit set.
    """
    transform = _cosines()[1 : LOW + 1]
    frequencies = (transform @ grey.astype(np.float32) @ transform.T).reshape(len(grey), LOW * LOW).round(2)
    above: NDArray[np.bool_] = frequencies > np.median(frequencies, axis=1, keepdims=True)
    return above


def close_pairs(hashes: NDArray[np.bool_], max_distance: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """(pairs (M, 2), distances (M,)): all pairs of bit rows (N, B) that differ in at most ``max_distance`` bits.

    Every pair is compared, as a product of matrices: the product of two rows of signs is B - 2 x distance.
    """
    signs = np.where(hashes, np.float32(1), np.float32(-1))
    bits = signs.shape[1]
    pairs, distances = [np.empty((0, 2), np.intp)], [np.empty(0, np.intp)]
    rows = max(1, _BLOCK // max(1, len(signs)))
    for start in range(0, len(signs), rows):
        products = signs[start : start + rows] @ signs[start:].T
        first, second = np.nonzero(products >= bits - 2 * max_distance)
        first, second = (each[first < second] for each in (first, second))
        pairs.append(np.stack([first, second], axis=1) + start)
        distances.append(((bits - products[first, second]) / 2).astype(np.intp))
    return np.concatenate(pairs), np.concatenate(distances)


def correlation(grey: NDArray[np.uint8], pairs: NDArray[np.intp]) -> NDArray[np.float64]:
    """Pearson's correlation (M,) of the pixels of each pair (M, 2) of pictures (N, H, W).

    Where both are of one shade, it is 1 for the same shade and else 0; where only one is, it is 0.
    """
    correlations = np.empty(len(pairs))
    for start in range(0, len(pairs), _CHUNK):
        chunk = pairs[start : start + _CHUNK]
        a, b = (grey[chunk[:, side]].reshape(len(chunk), -1).astype(np.float64) for side in (0, 1))
        same_shade = np.abs(a.mean(1) - b.mean(1)) <= FLAT
        a, b = a - a.mean(1, keepdims=True), b - b.mean(1, keepdims=True)
        spread_a, spread_b = (np.sqrt((each**2).mean(1)) for each in (a, b))
        shown = (spread_a >= FLAT) & (spread_b >= FLAT)
        both_flat = (spread_a < FLAT) & (spread_b < FLAT)
        scale = np.where(shown, spread_a * spread_b, 1.0)
        correlations[start : start + _CHUNK] = np.where(shown, (a * b).mean(1) / scale, both_flat & same_shade)
    return correlations


def without_duplicates(count: int, pairs: Iterable[DuplicatePair], preferred: Sequence[bool] = ()) -> list[int]:
    """Indices below ``count``, in order, of which no two are a pair.

    Posters are taken in turn, the ``preferred`` ones first, unless a near-duplicate has been taken before: each poster
    that is left out has a near-duplicate among those that remain.
    """
    duplicates: dict[int, set[int]] = {}
    for pair in pairs:
        duplicates.setdefault(pair.first, set()).add(pair.second)
        duplicates.setdefault(pair.second, set()).add(pair.first)
    taken: set[int] = set()
    for index in _preferred_first(count, preferred):
        if not duplicates.get(index, set()) & taken:
            taken.add(index)
    return sorted(taken)


def pairs_table(names: Sequence[str], pairs: Iterable[DuplicatePair], kept: Iterable[int]) -> bytes:
    """A CSV table of pairs: names, distance, correlation, whether a pair crosses the split, what was left out.

    names : of all posters. kept : indices of those that are not left out.
    """
    remaining, keys = set(kept), split_keys(names)
    table = io.StringIO(newline="")
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["first", "second", "distance", "correlation", "across_the_split", "left_out"])
    for pair in pairs:
        both = (pair.first, pair.second)
        across = "yes" if pair.crosses_split(keys) else "no"
        left_out = "|".join(names[index] for index in both if index not in remaining)
        writer.writerow([*(names[index] for index in both), pair.distance, f"{pair.correlation:.4f}", across, left_out])
    return table.getvalue().encode("utf-8", "backslashreplace")


def _preferred_first(count: int, preferred: Sequence[bool]) -> Iterator[int]:
    yield from sorted(range(count), key=lambda index: (not preferred[index]) if preferred else False)


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
