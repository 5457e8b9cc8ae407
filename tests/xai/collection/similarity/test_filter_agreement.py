"""Filters that answer to looks agree on posters that look alike, filters of a genre's mark on posters of that genre."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import gan
import xai
from xai import ExplanationError
from xai.collection.similarity.filter_agreement import Agreement, FilterAgreement, filter_agreement
from xai.collection.similarity.pairs import CALIPER, genre_pairs, sample_of, visual_pairs
from xai.networks.packing import packed, unpacked

COUNT, SIDE = 400, 16
COLOUR, MARK, CONSTANT, EDGE = range(4)
GENRES = [("Comedy",), ("Drama",), ("Horror", "Thriller"), ("War",)]


def posters(marked: bool = True) -> gan.PosterSet:
    """Noisy pictures, one half of each in one colour, the other in another; Horror has a checkerboard at some place."""
    random = np.random.default_rng(5)
    pixels = random.integers(50, 206, (COUNT, 1, 1, 3)) + random.normal(0, 4, (COUNT, SIDE, SIDE, 3))
    pixels[:, :, SIDE // 2 :] += random.integers(-40, 41, (COUNT, 1, 1, 3))
    board = np.indices((4, 4)).sum(0)[..., None] % 2 * 60 - 30
    for row in range(COUNT) if marked else ():
        if row % 4 == 2:
            down, across = 4 * random.integers(4, size=2)
            pixels[row, down : down + 4, across : across + 4] += board
    genres = tuple(GENRES[row % 4] for row in range(COUNT))
    return gan.PosterSet(pixels.clip(0, 255).astype(np.uint8), tuple(f"{n}.png" for n in range(COUNT)), genres)


@pytest.fixture(scope="module")
def found() -> FilterAgreement:
    return filter_agreement(built(), posters(), pairs=100)


@torch.no_grad()
def built() -> xai.Score:
    """A score whose first filters answer to brightness, to checkerboards, to nothing, and to edges."""
    network = gan.Discriminator(gan.ModelConfig(resolution=SIDE, width=4, norm_d=False)).eval()
    first = network.layers[0]
    board = torch.from_numpy(np.indices((4, 4)).sum(0) % 2 * 2.0 - 1).float()
    first.weight.zero_()
    first.bias.zero_()
    first.bias[CONSTANT] = 1.0
    first.weight[COLOUR] = 1 / 16
    first.weight[MARK] = board
    first.weight[EDGE, :, :, :2] = 1 / 16
    first.weight[EDGE, :, :, 2:] = -1 / 16
    return xai.Score(network)


def test_a_filter_of_brightness_agrees_on_what_looks_alike_and_not_on_genres(
    found: FilterAgreement,
) -> None:
    assert found.visual.strength.found[COLOUR]
    assert found.visual.maps.found[COLOUR]
    assert found.visual.strength.z[COLOUR] > 8
    assert found.semantic is not None
    assert not found.semantic.strength.found[COLOUR]
    assert not found.semantic.maps.found[COLOUR]


def test_a_filter_of_a_mark_that_a_genre_has_agrees_on_genres_and_not_on_looks(found: FilterAgreement) -> None:
    assert found.semantic is not None
    assert found.semantic.strength.found[MARK]
    assert found.semantic.strength.z[MARK] > 5
    assert not found.visual.strength.found[MARK]


def test_a_filter_that_is_always_the_same_agrees_on_nothing(found: FilterAgreement) -> None:
    for alike in (found.visual, found.semantic):
        assert alike is not None
        for one in (alike.maps, alike.strength):
            assert (one.similar[CONSTANT], one.others[CONSTANT], one.z[CONSTANT], one.p[CONSTANT]) == (0, 0, 0, 1)
            assert np.isfinite([one.similar, one.others, one.z, one.p]).all()


def test_without_the_mark_no_filter_agrees_on_genres_and_the_text_says_so(found: FilterAgreement) -> None:
    without = filter_agreement(built(), posters(marked=False), pairs=100)
    assert without.semantic is not None
    assert not (without.semantic.maps.found | without.semantic.strength.found).any()
    sentence = "none of 12 filters answers more alike than on other pairs beyond chance"
    assert sentence in without.text
    assert sentence not in found.text
    assert "where posters share genres: layers.1 1 of 4" in found.text


def test_similar_pairs_look_alike_and_those_of_genres_as_much_alike_as_what_they_are_compared_with() -> None:
    sample = sample_of(posters(), 100)
    near, about = visual_pairs(sample, 100), genre_pairs(sample, 100)
    assert len(near.rows) > 50
    assert near.distance < 0.5 * near.others_distance
    assert abs(about.distance - about.others_distance) < 0.02
    first, similar, other = about.rows.T
    for looks in sample.looks:
        apart = [np.linalg.norm(looks[first] - looks[rows], axis=1) for rows in (similar, other)]
        assert np.abs(apart[0] - apart[1]).max() <= CALIPER + 1e-4
    genres = [set(one) for one in sample.posters.genres]
    assert all(genres[a] == genres[b] and not genres[a] & genres[c] for a, b, c in about.rows)
    assert all(len(set(near.rows[:, column])) == len(near.rows) for column in range(3))


def test_a_poster_is_no_pair_with_its_copy() -> None:
    once = posters().select(range(60))
    twice = once.select([*range(60), *range(60)])
    sample = sample_of(twice, 30)
    for rows in (visual_pairs(sample, 30).rows, genre_pairs(sample, 30).rows):
        assert len(rows)
        assert not (rows[:, :2] % 60 == rows[:, 1:2] % 60).all(1).any()


def test_z_is_that_of_differences_pair_by_pair_and_its_p_is_students() -> None:
    from scipy.stats import ttest_rel

    from xai.collection.similarity.filter_agreement import _agreement

    values = np.random.default_rng(1).normal(0.1, 1, (30, 2, 5))
    one, other = _agreement(values), ttest_rel(values[:, 0], values[:, 1])
    np.testing.assert_allclose(one.z, other.statistic)
    np.testing.assert_allclose(one.p, other.pvalue)


def test_where_genres_are_dealt_at_random_p_is_not_too_small() -> None:
    some = posters(marked=False)
    least = []
    for seed in range(8):
        genres = tuple(GENRES[row] for row in np.random.default_rng(seed).integers(4, size=COUNT))
        found = filter_agreement(built(), replace(some, genres=genres, complete=()), pairs=60)
        assert found.semantic is not None
        least.append(min(found.semantic.maps.p.min(), found.semantic.strength.p.min()))
    assert np.mean(np.array(least) <= 0.05) <= 0.25


def test_the_control_has_random_weights(found: FilterAgreement) -> None:
    assert found.control.semantic is not None
    assert found.control.semantic.strength.z[MARK] < 5
    assert found.control.visual.pairs == found.visual.pairs


def test_without_genres_only_looks_are_compared() -> None:
    found = filter_agreement(built(), replace(posters(), genres=((),) * COUNT, complete=()), pairs=30)
    assert found.semantic is None
    assert "too few pairs of the same genres" in found.text
    assert {"layer", "unit", "visual_maps", "visual_strength"} <= set(found.rows()[0])


def test_the_table_has_every_filter_with_the_clearest_first(found: FilterAgreement) -> None:
    rows = found.rows()
    assert len(rows) == len(found.units) == 12
    names = [f"{way}_{name}" for way in ("visual", "semantic") for name in ("maps", "strength")]
    clearest = [max(row[name] for name in names) for row in rows]
    assert clearest == sorted(clearest, reverse=True)
    by_filter = {(row["layer"], row["unit"]): row for row in rows}
    assert by_filter["layers.1", MARK]["semantic_strength_found"] is True


def test_it_is_kept_in_a_file_as_it_is(found: FilterAgreement) -> None:
    arrays, record = packed(found)
    again = unpacked(FilterAgreement, arrays, record)
    assert again.text == found.text
    assert again.rows() == found.rows()


def test_too_few_posters_are_one_sentence() -> None:
    with pytest.raises(ExplanationError, match=r"at least 10 pairs .* these 12 posters have 3\."):
        filter_agreement(built(), posters().select(range(12)))


def test_what_progress_raises_ends_the_work() -> None:
    def stop(done: float) -> None:
        if done > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        filter_agreement(built(), posters(), 20, stop)


def test_fewer_agree_than_chance_finds_is_not_agreement() -> None:
    one = Agreement(np.zeros(2), np.ones(2), np.array([-9.0, 9.0]), np.array([1e-9, 1e-9]))
    assert one.found.tolist() == [False, True]
