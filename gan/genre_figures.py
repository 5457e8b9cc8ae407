"""Do posters that were asked for a genre look like it?

    for figure in genre_figures(generator, (training, training_features), (held_out, held_out_features)):
        print(figure.genre, figure.closer)

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
from gan.metrics import Features, Figure, equally_many, evenly, generated_features, kid, with_intervals
from gan.models import Generator

GENRE_SEEDS = 2_700_000
GENRE_POSTERS = 50  # held-out posters that a genre needs, with it and without it
GENRE_SAMPLES = 500


@dataclass(frozen=True)
class GenreFigure:
    """One genre that was asked for.

    posters : held-out posters with it, all of their genres known. samples : generated ones.
    kid_with, kid_without : KID of the generated posters to held-out ones with the genre and without it.
    closer : ``kid_without - kid_with``; above 0, the posters look more like the genre than like the rest.
    closer_real : the same for training posters of the genre: what could be reached.
    diversity : mean distance of two of the generated posters as a share of that of two held-out ones with the genre.
    """

    genre: str
    posters: int
    samples: int
    kid_with: Figure
    kid_without: Figure
    closer: Figure
    closer_real: Figure
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
    found = []
    for place, genre in enumerate(genres):
        tell("genres", place / len(genres))
        if min(with_it[:, place].sum(), without_it[:, place].sum()) < GENRE_POSTERS:
            continue
        asked = torch.zeros(GENRE_SAMPLES, len(genres))
        asked[:, place] = 1
        made = generated_features(generator, GENRE_SAMPLES, GENRE_SEEDS, asked, weights)
        known = evenly(training[1][_by_genre(training[0], genres)[0][:, place]], GENRE_SAMPLES)
        real, rest = held_out[1][with_it[:, place]], held_out[1][without_it[:, place]]
        found.append(_genre_figure(genre, made, known, real, rest))
    return tuple(found)


def _genre_figure(genre: str, made: Features, known: Features, real: Features, rest: Features) -> GenreFigure:
    asked, reached = with_intervals(_closer, made, real, rest), with_intervals(_closer, known, real, rest)
    spread = with_intervals(_diversity, *equally_many(made, real))["diversity"]
    return GenreFigure(
        genre=genre,
        posters=len(real),
        samples=len(made),
        kid_with=asked["with"],
        kid_without=asked["without"],
        closer=asked["closer"],
        closer_real=reached["closer"],
        diversity=spread,
    )


def _closer(made: Features, real: Features, rest: Features) -> dict[str, float]:
    near, far = kid(real, made), kid(rest, made)
    return {"with": near, "without": far, "closer": far - near}


def _diversity(made: Features, real: Features) -> dict[str, float]:
    means = [distances_of_pairs(distance_matrix(rows, rows), np.arange(len(rows))).mean() for rows in (made, real)]
    return {"diversity": float(means[0] / means[1])}


def _by_genre(posters: PosterSet, genres: tuple[str, ...]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which posters (N, G) have each genre and which have it not, among those of which all genres are known."""
    labels = posters.genre_labels(genres)
    complete = (labels != 0).all(1, keepdims=True)
    return (labels == 1) & complete, (labels == -1) & complete
