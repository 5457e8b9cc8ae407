"""Do posters that were asked for a genre look like it?

    for figure in genre_figures(generator, training, training_features):
        print(figure.genre, figure.followed)      # 0: does not listen, 1: as far apart as real posters

``gan.evaluation.report.evaluate`` asks for all of this; docs/evaluation.md says what it means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gan.data.posters import PosterSet
from gan.evaluation.distances import distance_matrix, leaning
from gan.evaluation.diversity import distances_of_pairs
from gan.evaluation.estimates import Figure, match_counts, subsample_evenly, with_intervals
from gan.evaluation.features import Features, generated_features
from gan.networks.dcgan import Generator
from gan.progress import StageProgress

GENRE_SEEDS = 2_700_000
GENRE_SAMPLES = 250
REAL = 2000  # posters of one kind, at most, that a genre is measured by
FEWEST = 100  # that it needs, with it and without it


@dataclass(frozen=True)
class GenreFigure:
    """One genre that was asked for.

    posters : real posters with it, all of their genres known. samples : generated ones.
    followed : how far the question moves the posters of the same noise towards the genre, as a share of the way from
    real posters of all kinds to those with it: 0 for a generator that does not listen, 1 for one as clear as life.
    diversity : mean distance of two of the generated posters as a share of that of two real ones with the genre.
    """

    genre: str
    posters: int
    samples: int
    followed: Figure
    diversity: Figure

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> GenreFigure:
        """The inverse of ``dataclasses.asdict``; KeyError or TypeError if the record is not one."""
        values: dict[str, Any] = {
            key: Figure(**value) if isinstance(value, dict) else value for key, value in record.items()
        }
        return cls(**values)


def genre_figures(
    generator: Generator,
    posters: PosterSet,
    features: Features,
    weights: str = "",
    tell: StageProgress = lambda what, part: None,
) -> tuple[GenreFigure, ...]:
    """For each genre that a generator was trained with: do posters asked for it look like it?

    Only the genre itself is asked for; all others are left open. ``features`` (N, D) are those of the real ``posters``,
    of which only those count of which all genres are known, and only genres that at least 100 of them have and 100 have
    not. () for a generator without genres.
    """
    genres = generator.config.genres
    with_it, without_it = _by_genre(posters, genres)
    places = np.flatnonzero(np.minimum(with_it.sum(0), without_it.sum(0)) >= FEWEST)
    if not len(places):
        return ()
    silent, found = _asked_for(generator, None, weights), []
    for done, place in enumerate(places):
        tell("genres", done / len(places))
        made = _asked_for(generator, int(place), weights)
        kinds = features[with_it[:, place]], features[without_it[:, place]]
        found.append(_genre_figure(genres[place], made, silent, *kinds))
    return tuple(found)


def _asked_for(generator: Generator, place: int | None, weights: str) -> Features:
    """Features of the same noise, asked for the genre at this place alone, or for nothing."""
    asked = torch.zeros(GENRE_SAMPLES, len(generator.config.genres))
    if place is not None:
        asked[:, place] = 1
    return generated_features(generator, GENRE_SAMPLES, GENRE_SEEDS, asked, weights)


def _genre_figure(genre: str, made: Features, silent: Features, near: Features, far: Features) -> GenreFigure:
    """From features of posters that were asked for the genre and for nothing, of real ones with it and without it."""
    pairs = np.stack([made, silent], 1)  # of one noise each: halves must not part them
    # One half of the real posters says where the genre lies, the other how far it is to there.
    scale, way = (subsample_evenly(near[::2], REAL), subsample_evenly(far[::2], REAL)), (near[1::2], far[1::2])
    share = len(near) / (len(near) + len(far))

    def followed(pairs: Features, near: Features, far: Features, known: Features, rest: Features) -> dict[str, float]:
        moved = leaning(pairs[:, 0], near, far) - leaning(pairs[:, 1], near, far)
        apart = leaning(known, near, far) - leaning(rest, near, far)
        return {"followed": moved / (apart * (1 - share))}  # posters of all kinds: a share of them has the genre

    shares = with_intervals(followed, pairs, *scale, *(subsample_evenly(rows, REAL) for rows in way))
    spread = with_intervals(_diversity, *match_counts(made, near))
    return GenreFigure(genre, len(near), len(made), shares["followed"], spread["diversity"])


def _diversity(made: Features, real: Features) -> dict[str, float]:
    means = [distances_of_pairs(distance_matrix(rows, rows), np.arange(len(rows))).mean() for rows in (made, real)]
    return {"diversity": float(means[0] / means[1])}


def _by_genre(posters: PosterSet, genres: tuple[str, ...]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which posters (N, G) have each genre and which have it not, among those of which all genres are known."""
    labels = posters.genre_labels(genres)
    complete = (labels != 0).all(1, keepdims=True)
    return (labels == 1) & complete, (labels == -1) & complete
