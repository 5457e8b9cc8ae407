"""Do posters that were asked for a genre look like it?

    for figure in genre_figures(generator, (training, training_features), (held_out, held_out_features)):
        print(figure.genre, figure.followed)      # 0: did not listen, 1: as far apart as real posters

``gan.evaluation.evaluate`` asks for all of this; docs/evaluation.md says what it means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gan.copies import distance_matrix, distances_of_pairs
from gan.data import PosterSet
from gan.discriminator_figures import Told
from gan.metrics import Features, Figure, equally_many, evenly, generated_features, kid, leaning, with_intervals
from gan.models import Generator

GENRE_SEEDS = 2_700_000
GENRE_POSTERS = 50  # held-out posters that a genre needs, with it and without it
GENRE_SAMPLES = 500
KNOWN = 2000  # training posters of each kind that say how far apart real ones are

Sets = tuple[Features, Features]


@dataclass(frozen=True)
class GenreFigure:
    """One genre that was asked for.

    posters : held-out posters with it, all of their genres known. samples : generated ones.
    kid_with, kid_without : KID of the generated posters to held-out ones with the genre and without it.
    followed : how far the question moves the posters of the same noise towards the genre, as a share of the way from
    training posters of all kinds to those with it: 0 for a generator that does not listen, 1 for one as clear as life.
    diversity : mean distance of two of the generated posters as a share of that of two held-out ones with the genre.
    """

    genre: str
    posters: int
    samples: int
    kid_with: Figure
    kid_without: Figure
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
    training: tuple[PosterSet, Features],
    held_out: tuple[PosterSet, Features],
    weights: str = "",
    tell: Told = lambda what, part: None,
) -> tuple[GenreFigure, ...]:
    """For each genre that a generator was trained with: do posters asked for it look like it?

    Only the genre itself is asked for; all others are left open. Only posters of which all genres are known count, and
    only genres of which at least 50 held-out ones have the genre and 50 have not. () for a generator without genres.
    """
    genres = generator.config.genres
    if not genres:
        return ()
    with_it, without_it = _by_genre(held_out[0], genres)
    known_with, known_without = _by_genre(training[0], genres)
    counts = np.minimum(with_it.sum(0), without_it.sum(0))
    places = np.flatnonzero(counts >= GENRE_POSTERS)
    if not len(places):
        return ()
    silent = _asked_for(generator, None, weights)
    found = []
    for done, place in enumerate(places):
        tell("genres", done / len(places))
        found.append(
            _genre_figure(
                genres[place],
                _asked_for(generator, int(place), weights),
                silent,
                (held_out[1][with_it[:, place]], held_out[1][without_it[:, place]]),
                (training[1][known_with[:, place]], training[1][known_with[:, place] | known_without[:, place]]),
            )
        )
    return tuple(found)


def _asked_for(generator: Generator, place: int | None, weights: str) -> Features:
    """Features of the same noise, asked for the genre at this place alone, or for nothing."""
    asked = torch.zeros(GENRE_SAMPLES, len(generator.config.genres))
    if place is not None:
        asked[:, place] = 1
    return generated_features(generator, GENRE_SAMPLES, GENRE_SEEDS, asked, weights)


def _genre_figure(genre: str, made: Features, silent: Features, real: Sets, known: Sets) -> GenreFigure:
    """From features of posters that were asked for the genre and for nothing, of held-out ones with it and without it,
    and of training posters with it and of all kinds.
    """
    near = with_intervals(_kids, made, *real)
    pairs = np.stack([made, silent], 1)  # of one noise each: halves must not part them
    moved = with_intervals(_followed, pairs, *real, *(evenly(rows, KNOWN) for rows in known))
    spread = with_intervals(_diversity, *equally_many(made, real[0]))
    return GenreFigure(
        genre=genre,
        posters=len(real[0]),
        samples=len(made),
        kid_with=near["with"],
        kid_without=near["without"],
        followed=moved["followed"],
        diversity=spread["diversity"],
    )


def _kids(made: Features, real: Features, rest: Features) -> dict[str, float]:
    return {"with": kid(real, made), "without": kid(rest, made)}


def _followed(
    pairs: Features, real: Features, rest: Features, known: Features, all_kinds: Features
) -> dict[str, float]:
    made, silent = pairs[:, 0], pairs[:, 1]
    moved = leaning(made, real, rest) - leaning(silent, real, rest)
    return {"followed": moved / (leaning(known, real, rest) - leaning(all_kinds, real, rest))}


def _diversity(made: Features, real: Features) -> dict[str, float]:
    means = [distances_of_pairs(distance_matrix(rows, rows), np.arange(len(rows))).mean() for rows in (made, real)]
    return {"diversity": float(means[0] / means[1])}


def _by_genre(posters: PosterSet, genres: tuple[str, ...]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which posters (N, G) have each genre and which have it not, among those of which all genres are known."""
    labels = posters.genre_labels(genres)
    complete = (labels != 0).all(1, keepdims=True)
    return (labels == 1) & complete, (labels == -1) & complete
