"""Conditioning: whether posters generated for a genre look like it.

    for one in genre_estimates(generator, training, training_features):
        print(one.genre, one.adherence)      # 0: the genre has no effect, 1: as far apart as real posters

:func:`gan.evaluation.report.evaluate` computes all of this; docs/evaluation.md says what it means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gan.data.posters import PosterSet
from gan.evaluation.estimates import Estimate, match_counts, subsample_evenly, with_interval, with_quotient
from gan.evaluation.features import Features, generated_features
from gan.evaluation.metrics import compute, metric
from gan.evaluation.samples.distances import mmd_witness
from gan.evaluation.samples.diversity import summarise_pairs
from gan.networks.dcgan import Generator
from gan.networks.seeds import reserved
from gan.progress import StageProgress

GENRE_SEEDS = reserved("genres").start
GENRE_SAMPLES = 250
REAL = 2000  # posters of one kind, at most, on which a genre is measured
FEWEST = 100  # posters that it needs, with it and without it


@dataclass(frozen=True, eq=False)
class GenreFeatures:
    """Features (N, D) of generated posters of the same noise, with the genre requested and with nothing requested.

    having, lacking : features of real posters with the genre and without it.
    """

    requested: Features
    unrequested: Features
    having: Features
    lacking: Features


@metric(
    "genres",
    "genre adherence",
    "how far requesting a genre moves posters of the same noise towards it, relative to the way from real posters of "
    "all kinds to those of the genre: 0 % without effect, 100 % as distinct as real ones",
    perfect=1.0,
    limits=(-inf, inf),
    digits=0,
)
def genre_adherence(features: GenreFeatures) -> Estimate:
    having, lacking = features.having, features.lacking
    pairs = np.stack([features.requested, features.unrequested], 1)  # of one noise each: halves must not part them
    halves = [subsample_evenly(posters[first::2], REAL) for first in (0, 1) for posters in (having, lacking)]
    frequency = len(having) / (len(having) + len(lacking))

    def moved_and_apart(pairs: Features, *halves: Features) -> tuple[float, float]:
        # One half of the real posters says where the genre lies, the other how far it is to there; then the other way
        # round, which is the same way: the kernel is symmetric.
        one, other = halves[:2], halves[2:]
        moved = [mmd_witness(pairs[:, 0], *half) - mmd_witness(pairs[:, 1], *half) for half in (one, other)]
        apart = mmd_witness(other[0], *one) - mmd_witness(other[1], *one)
        return (moved[0] + moved[1]) / 2, apart * (1 - frequency)  # this proportion of all posters has the genre

    return with_quotient(moved_and_apart, pairs, *halves)


@metric(
    "genres",
    "genre diversity",
    "mean distance of two generated posters of the genre, relative to that of two real ones",
    perfect=1.0,
    limits=(0.0, inf),
)
def genre_diversity(features: GenreFeatures) -> Estimate:
    def relative(generated: Features, real: Features) -> float:
        [made], [known] = (summarise_pairs(rows, [np.arange(len(rows))]) for rows in (generated, real))
        return float(np.divide(made.mean, known.mean))

    return with_interval(relative, *match_counts(features.requested, features.having), limits=(0.0, inf))


@dataclass(frozen=True)
class GenreEstimates:
    """One genre, requested alone.

    posters : real posters with it, all of whose genres are known. samples : generated ones.
    adherence, diversity : the metrics ``genre_adherence`` and ``genre_diversity``.
    """

    genre: str
    posters: int
    samples: int
    adherence: Estimate
    diversity: Estimate

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> GenreEstimates:
        """The inverse of ``dataclasses.asdict``; KeyError or TypeError if the record is not one."""
        values: dict[str, Any] = {
            key: Estimate(**value) if isinstance(value, dict) else value for key, value in record.items()
        }
        return cls(**values)

    @classmethod
    def of(cls, genre: str, features: GenreFeatures) -> GenreEstimates:
        """Both metrics of a genre."""
        found = compute("genres", features)
        return cls(
            genre, len(features.having), len(features.requested), found["genre_adherence"], found["genre_diversity"]
        )


def genre_estimates(
    generator: Generator,
    posters: PosterSet,
    features: Features,
    weights: str = "",
    progress: StageProgress = lambda stage, part: None,
) -> tuple[GenreEstimates, ...]:
    """Both metrics of each genre that a generator was trained with; () for an unconditional generator.

    Only the genre itself is requested; all others are unspecified. ``features`` (N, D) are those of the real
    ``posters``, of which only those count whose genres are all known, and only genres that at least 100 of them have
    and 100 have not.
    """
    genres = generator.config.genres
    having, lacking = _by_genre(posters, genres)
    indices = np.flatnonzero(np.minimum(having.sum(0), lacking.sum(0)) >= FEWEST)
    if not len(indices):
        return ()
    unrequested, estimates = _requested(generator, None, weights), []
    for done, index in enumerate(indices):
        progress("genres", done / len(indices))
        requested = _requested(generator, int(index), weights)
        real = features[having[:, index]], features[lacking[:, index]]
        estimates.append(GenreEstimates.of(genres[index], GenreFeatures(requested, unrequested, *real)))
    return tuple(estimates)


def _requested(generator: Generator, index: int | None, weights: str) -> Features:
    """Features of the same noise, with the genre of this index requested alone, or with none."""
    labels = torch.zeros(GENRE_SAMPLES, len(generator.config.genres))
    if index is not None:
        labels[:, index] = 1
    return generated_features(generator, GENRE_SAMPLES, GENRE_SEEDS, labels, weights)


def _by_genre(posters: PosterSet, genres: tuple[str, ...]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which posters (N, G) have each genre and which lack it, among those whose genres are all known."""
    labels = posters.genre_labels(genres)
    complete = (labels != 0).all(1, keepdims=True)
    return (labels == 1) & complete, (labels == -1) & complete
