"""Posters that are like one: in every space the right ones, without its copies, and how many two spaces share."""

from __future__ import annotations

import numpy as np
import pytest

import gan
import xai
from xai import ExplanationError
from xai.collection.similarity.alike import Searched, describe
from xai.collection.similarity.appearance import measured
from xai.collection.similarity.neighbours import Table
from xai.discriminator.responses import responses

NUMBERS = np.arange(100, 160)


@pytest.fixture(scope="module")
def score(checkpoint: gan.Checkpoint) -> xai.Score:
    return xai.Score(checkpoint.need_discriminator())


def searched(score: xai.Score, posters: gan.PosterSet) -> Searched:
    images = posters.tensor(range(len(posters)))
    return Searched.of(responses(score, images), measured(images), NUMBERS[: len(posters)], posters)


def test_each_row_has_the_nearest_of_its_space(score: xai.Score, posters: gan.PosterSet) -> None:
    found = searched(score, posters)
    rows = found.alike(describe(score, posters.tensor([4])), 5, scaled=False)
    assert [row.name for row in rows] == ["layers.1", "colour", "layout", "hash"]
    for row, space in zip(rows, found.spaces, strict=False):
        expected = Table.of(space.rows).search(space.rows[[4]], 5, [[4]])
        assert row.distances == pytest.approx(expected.distances[0], abs=0.02)
        assert (row.numbers == NUMBERS[row.rows]).all()
        assert 104 not in row.numbers


def test_a_poster_whose_genres_are_known_is_compared_by_them_too(score: xai.Score, posters: gan.PosterSet) -> None:
    found = searched(score, posters)
    rows = found.alike(describe(score, posters.tensor([4]), posters.select([4])), 5)
    assert rows[-1].name == "genres"
    others = [set(posters.genres[row]) for row in rows[-1].rows.tolist()]
    assert all(other & set(posters.genres[4]) for other in others)


def test_copies_of_the_poster_are_not_among_those_like_it(score: xai.Score, posters: gan.PosterSet) -> None:
    doubled = posters.select([*range(len(posters)), 4, 4])
    for row in searched(score, doubled).alike(describe(score, posters.tensor([4])), 6):
        assert not {104, 100 + len(posters), 101 + len(posters)} & set(row.numbers.tolist())


def test_how_many_neighbours_two_spaces_share_is_counted_and_said(score: xai.Score, posters: gan.PosterSet) -> None:
    found = searched(score, posters)
    rows = {row.name: row for row in found.alike(describe(score, posters.tensor([4])), 6, scaled=False)}
    layer, colour = rows["layers.1"], rows["colour"]
    assert set(layer.shared) == {"colours", "layout", "perceptual hash"}
    assert set(colour.shared) == {"layout", "perceptual hash"}
    assert layer.compared == len(posters) - 1
    assert layer.shared["colours"] == len(posters) - 1  # of so few posters the 50 nearest are all the others
    assert layer.text.startswith(f"Of the {len(posters) - 1} nearest: {len(posters) - 1} by colours")


def test_one_poster_alone_is_like_no_other(score: xai.Score, posters: gan.PosterSet) -> None:
    with pytest.raises(ExplanationError, match="two pictures"):
        searched(score, posters.select([4])).alike(describe(score, posters.tensor([4])))


def test_a_row_says_how_many_of_the_nearest_share_a_genre_and_how_many_of_all_do(
    score: xai.Score, posters: gan.PosterSet
) -> None:
    found = searched(score, posters)
    rows = found.alike(describe(score, posters.tensor([4]), posters.select([4])), 6, scaled=False)
    own = set(posters.genres[4])
    others = [row for row in range(len(posters)) if row != 4]
    usual = np.mean([bool(own & set(posters.genres[row])) for row in others])
    layer, genres = rows[0], rows[-1]
    assert layer.genres is not None
    assert layer.genres.usual == pytest.approx(usual)
    assert layer.genres.related == pytest.approx(usual)  # the 50 nearest of so few are all the others
    assert f"{usual:.0%} share a genre with it, as {usual:.0%} of all posters do" in layer.text
    same = sum(set(posters.genres[row]) == own for row in others)
    assert genres.text.startswith(f"{same} poster" if same else "No other poster")


def test_a_poster_of_which_no_genre_is_known_is_not_like_others_of_which_none_is(
    score: xai.Score, posters: gan.PosterSet
) -> None:
    genres = ((), (), *posters.genres[2:])
    some = gan.PosterSet(posters.images, posters.names, genres)
    rows = searched(score, some).alike(describe(score, some.tensor([0]), some.select([0])), 5)
    assert [row.name for row in rows] == ["layers.1", "colour", "layout", "hash"]
    assert all(row.genres is None for row in rows)


def test_how_like_a_poster_is_is_said_in_the_units_of_its_space(score: xai.Score, posters: gan.PosterSet) -> None:
    found = searched(score, posters)
    plain, scaled = (found.alike(describe(score, posters.tensor([4])), 3, scaled=scaled) for scaled in (False, True))
    rows = {row.name: row for row in plain}
    layer, bits = found.spaces[0].rows, found.spaces[3].rows
    cosine = layer[4] @ layer[rows["layers.1"].rows[0]]
    assert rows["layers.1"].likeness(0) == f"similarity {cosine:.2f}"
    assert rows["hash"].likeness(2) == f"{(bits[4] != bits[rows['hash'].rows[2]]).sum()} of 64 bits differ"
    assert rows["layout"].likeness(1).startswith("distance ")
    for row, space in zip(scaled, found.spaces, strict=False):  # scaling changes the order, not what is said
        apart = np.linalg.norm(space.rows[row.rows] - space.rows[4], axis=1)
        assert row.distances == pytest.approx(apart, abs=0.02)
