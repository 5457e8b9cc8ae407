"""Pairs of posters that are alike in looks or in genres, each with a third poster to compare with.

    sample = sample_of(posters, pairs=800)
    found = visual_pairs(sample, 800)           # found.rows: (n, 3), rows of sample.posters
    first, similar, other = found.rows[0]
    genre_pairs(sample, 800)

The others are the similar posters of other pairs, so that nothing that is true of single posters tells the two apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gan.curation.near_duplicates import near_duplicates
from gan.data.posters import PosterSet, evenly_spaced
from gan.progress import Progress
from xai.collection.similarity.appearance import colour_histogram, layout
from xai.networks.batches import at_once

POSTERS_A_PAIR = 10  # of which pairs are made, for each pair wanted
CANDIDATES = 3  # pairs of the same genres, for each pair wanted
READ = 64
BLOCK = 512
IMPOSSIBLE = 1e3  # larger than any distance
CALIPER = 0.1  # of the usual distance, by which two pairs may differ

Pairs = NDArray[np.intp]
Rows = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Sample:
    """Posters to make pairs of.

    looks : rows (N, D) each of mean colour, colours and layout, in units of the usual distance of two posters.
    copies : (N,), the same number for pictures that are nearly the same.
    """

    posters: PosterSet
    looks: tuple[Rows, ...]
    copies: NDArray[np.intp]

    def distances(self, ones: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.float32]:
        """(looks, n, m); infinite between copies."""
        found = np.stack([_distances(rows[ones], rows[others]) for rows in self.looks])
        found[:, self.copies[ones][:, None] == self.copies[others]] = np.inf
        return found


@dataclass(frozen=True, eq=False)
class Triples:
    """rows : (n, 3), a poster, one like it, and another one. distance, others_distance : means in looks."""

    rows: Pairs
    distance: float
    others_distance: float


def sample_of(posters: PosterSet, pairs: int, progress: Progress = lambda done: None) -> Sample:
    """As many of the posters as ``pairs`` pairs need, evenly spaced, and how they look."""
    chosen = posters.select(evenly_spaced(len(posters), POSTERS_A_PAIR * pairs))
    step, parts = at_once(READ, chosen.images.shape[1:3]), []
    for start in range(0, len(chosen), step):
        images = chosen.tensor(np.arange(start, min(start + step, len(chosen))))
        parts.append((images.mean((2, 3)).numpy(), colour_histogram(images), layout(images)))
        progress(min(start + step, len(chosen)) / len(chosen))
    looks = tuple(_in_usual_units(np.concatenate(part)) for part in zip(*parts, strict=True))
    copies = np.arange(len(chosen))
    for group in near_duplicates(chosen.images).groups:
        copies[list(group)] = group[0]
    return Sample(chosen, looks, copies)


def _in_usual_units(rows: Rows) -> Rows:
    """Rows (N, D) less their mean, in units in which the mean square of the distance of two is 1."""
    off: Rows = rows - rows.mean(0)
    usual = float(np.sqrt(2 * np.square(off).sum(1).mean()))
    return np.asarray(off / usual if usual > 0 else off, np.float32)


def _distances(ones: Rows, others: Rows) -> Rows:
    squares = np.square(ones).sum(1)[:, None] + np.square(others).sum(1) - 2 * ones @ others.T
    found: Rows = np.sqrt(np.maximum(squares, 0))
    return found


def visual_pairs(sample: Sample, pairs: int) -> Triples:
    """The posters nearest to each other in looks, each poster in one pair, beside pairs at random."""
    nearest, near = _nearest(sample)
    free = np.isfinite(near)
    found: list[tuple[int, int]] = []
    for first in np.argsort(near, kind="stable"):
        if len(found) < min(pairs, len(near) // 4) and free[first] and free[nearest[first]]:
            free[[first, nearest[first]]] = False
            found.append((int(first), int(nearest[first])))
    mixed = np.random.default_rng(0).permutation(np.array(found, np.intp).reshape(-1, 2))
    return _triples(sample, np.column_stack([mixed, np.roll(mixed[:, 1], 1)]))


def _nearest(sample: Sample) -> tuple[NDArray[np.intp], Rows]:
    """The poster nearest to each one (N,), and how near it is; infinite where all are copies."""
    everyone, parts = np.arange(len(sample.posters)), []
    for some in np.array_split(everyone, -(-len(everyone) // BLOCK)):
        distances = _together(sample.distances(some, everyone))
        parts.append((distances.argmin(1), distances.min(1)))
    nearest, near = zip(*parts, strict=True)
    return np.concatenate(nearest), np.concatenate(near)


def _together(distances: Rows) -> Rows:
    """Distance in all looks (...) of those in each (looks, ...), 1 where they are usual."""
    together: Rows = np.sqrt(np.square(distances).mean(0))
    return together


def genre_pairs(sample: Sample, pairs: int) -> Triples:
    """Posters of the same genres; the others have none of these, and look as much like the first.

    Each pair goes with the second poster of another one that is as far in mean colour, in colours and in layout
    (assignment with the least sum of differences, each within a caliper: Rosenbaum, Rubin 1985). Pairs without such a
    poster are left out.
    """
    from scipy.optimize import linear_sum_assignment

    random = np.random.default_rng(0)
    found = random.permutation(_of_same_genres(sample, random))[: CANDIDATES * pairs]
    if not len(found):
        return _triples(sample, np.empty((0, 3), np.intp))
    labels = (sample.posters.genre_labels(tuple(sample.posters.genre_counts()))[found[:, 0]] > 0).astype(np.float32)
    distances = sample.distances(found[:, 0], found[:, 1])
    apart = np.abs(np.diagonal(distances, axis1=1, axis2=2)[:, :, None] - distances)  # infinite for copies
    allowed = (labels @ labels.T == 0) & (apart <= CALIPER).all(0)
    cost = np.where(allowed, apart.sum(0), IMPOSSIBLE)
    order = linear_sum_assignment(cost)[1]
    kept = allowed[np.arange(len(order)), order]
    return _triples(sample, np.column_stack([found, found[order, 1]])[kept][:pairs])


def _of_same_genres(sample: Sample, random: np.random.Generator) -> Pairs:
    """Pairs (n, 2) of posters whose genres are all known and the same, each poster in one pair."""
    members: dict[frozenset[str], list[int]] = {}
    for row, (genres, known) in enumerate(zip(sample.posters.genres, sample.posters.complete, strict=True)):
        if genres and known:
            members.setdefault(frozenset(genres), []).append(row)
    mixed = [random.permutation(rows)[: len(rows) // 2 * 2].reshape(-1, 2) for rows in members.values()]
    pairs = np.concatenate([*mixed, np.empty((0, 2), np.intp)]).astype(np.intp)
    different: Pairs = pairs[sample.copies[pairs[:, 0]] != sample.copies[pairs[:, 1]]]
    return different


def _triples(sample: Sample, rows: Pairs) -> Triples:
    first, *others = rows.T
    means = (
        float(np.sqrt(np.mean([np.square(looks[first] - looks[other]).sum(1) for looks in sample.looks], 0)).mean())
        if len(rows) else 0.0
        for other in others
    )  # fmt: skip
    return Triples(rows, *means)
