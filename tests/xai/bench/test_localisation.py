"""The localisation benchmark where the right answer is known."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import xai
from gan.evaluation.estimates import RESAMPLES, bootstrap
from tests.xai.masks import SIDE, box, brighter, looking_at
from tests.xai.nets import affine, discriminator, noise, one_sentence, pictures
from xai.bench.localisation import CONTROLS, MEASURES, RANK_AT, Measures, control, measure, relevance, standings
from xai.bench.planted import find, patches

whole_maps = arrays(np.int64, (8, 8), elements=st.integers(-9, 9))  # few values, so that many are equal
masks = arrays(np.bool_, (8, 8)).filter(lambda mask: bool(mask.any() and not mask.all()))


# ---- measures ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["deeplift", "deepshap", "gradient_input", "integrated_gradients"])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_method_is_perfect_where_the_network_looks_at_nothing_but_the_mask(name: str, sign: float) -> None:
    score = xai.Score(looking_at(box(), sign))
    found = find("patch", score, lambda index, random: brighter(noise(1, 3, SIDE, SIDE).abs(), box()), 1, 1.0)
    [case] = found.cases
    assert case.delta == pytest.approx(sign * 3 * 64, rel=1e-5)
    explanation = xai.attribution(name, score, reference=xai.reference("grey")).attribute(case.image)
    perfect = measure(relevance(explanation, case.delta), case.mask)
    assert astuple(perfect)[:7] == (1, 1, 1, 0.75, 1, 1, 1)
    assert perfect.rank_2 == 1
    assert (perfect.rank_16, perfect.rank_32) == (0.25, 0.25)  # one block is the whole picture: it says nothing


@pytest.mark.parametrize("name", ["deeplift", "deepshap", "integrated_gradients", "expected_gradients"])
def test_against_the_unplanted_poster_no_pixel_outside_the_patch_gets_a_share(name: str) -> None:
    hosts, donors = pictures(4, 32), pictures(4, 32, first=50)
    score = xai.Score(discriminator())
    [case] = find("patch", score, patches(hosts, donors), 1, 1e-3).cases
    method = xai.attribution(name, score, reference=xai.reference("posters", images=case.without))
    explanation = method.attribute(case.image)
    assert explanation.values[0][:, ~case.mask].abs().max() == 0
    assert measure(relevance(explanation, case.delta), case.mask).mass == 1
    assert measure(relevance(explanation, case.delta), case.mask).pointing == 1
    assert measure(relevance(explanation, case.delta), case.mask).block_rank > 0.5  # inside, neighbours cancel


def test_a_map_that_is_strong_exactly_outside_is_as_wrong_as_can_be() -> None:
    mask = box()
    assert astuple(measure(np.where(mask, 0.0, 1.0), mask)) == (0, 0, 0, -0.25, 0, 0, 0, 0, 0, 0.25, 0.25)


@pytest.mark.parametrize("value", [0.0, 1.0, -1.0])
def test_a_map_that_is_the_same_everywhere_gets_what_chance_would(value: float) -> None:
    found = measure(np.full((SIDE, SIDE), value), box())
    assert astuple(found) == (0.25, 0.25, 0.25, 0.0, 0.25, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25)


def test_random_maps_are_at_chance_on_average() -> None:
    image, mask = noise(1, 3, SIDE, SIDE), box()
    found = np.mean([astuple(measure(control("random", image, seed), mask)) for seed in range(400)], 0)
    assert found == pytest.approx([0.25, 0.25, 0.25, 0.0, 0.25, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25], abs=0.05)
    assert found[[3, 5]] == pytest.approx([0.0, 0.5], abs=0.01)


def test_one_strong_pixel_outside_does_not_decide_the_pointing_game() -> None:
    values = np.where(box(), 1.0, 0.0)
    values[0, 15] = 5.0  # its block has a mean of 5 / 16
    assert measure(values, box()).pointing == 1
    values[0, 15] = 17.0
    assert measure(values, box()).pointing == 0


def test_neighbours_that_cancel_each_other_are_told_apart_from_a_wrong_place() -> None:
    signs = np.where(np.indices((SIDE, SIDE)).sum(0) % 2, 1.0, -1.0)
    values = np.where(box(), 0.1 + signs, signs)
    found = measure(values, box())
    assert found.rank == 0.5  # every second pixel is negative
    assert found.block_rank == 1


def test_a_detail_hides_what_happens_inside_its_blocks_and_nothing_else() -> None:
    random = np.random.default_rng(0)
    corner = np.zeros((SIDE, SIDE), bool)
    corner[:8, :8] = True
    noisy = measure(corner + random.standard_normal(corner.shape), corner)
    assert noisy.rank_8 == 1
    assert noisy.rank < 0.9
    assert set(RANK_AT.values()) <= set(MEASURES)


@given(whole_maps, masks)
@settings(deadline=None)  # the first one imports scipy
def test_the_area_under_the_curve_is_that_of_all_pairs(values: np.ndarray, mask: np.ndarray) -> None:
    inside, outside = values[mask][:, None], values[~mask]
    pairs = ((inside > outside) + 0.5 * (inside == outside)).mean()
    assert measure(values, mask).auc == pytest.approx(pairs)


@given(whole_maps, masks)
@settings(deadline=None)  # the first one imports scipy
def test_the_place_is_compared_with_every_shift_of_the_mask(values: np.ndarray, mask: np.ndarray) -> None:
    shifted = [np.roll(mask, (row, column), (0, 1)) for row in range(8) for column in range(8)]
    others = [values[other].sum() for other in shifted if not np.array_equal(other, mask)]
    own = values[mask].sum()
    expected = np.mean([(own > other) + 0.5 * (own == other) for other in others])
    assert measure(values, mask).place == pytest.approx(expected)


@given(whole_maps, masks)
@settings(max_examples=50)
def test_the_rank_is_the_mean_over_all_ways_to_break_ties(values: np.ndarray, mask: np.ndarray) -> None:
    random, count = np.random.default_rng(0), int(mask.sum())
    shares = []
    for _ in range(300):
        order = np.lexsort((random.random(64), -values.ravel()))
        shares.append(mask.ravel()[order[:count]].mean())
    assert measure(values, mask).rank == pytest.approx(np.mean(shares), abs=0.15)


@given(whole_maps, masks)
@settings(deadline=None)  # the first one imports scipy
def test_measures_stay_in_their_range(values: np.ndarray, mask: np.ndarray) -> None:
    found = measure(values, mask)
    assert all(0 <= getattr(found, name) <= 1 for name in MEASURES if name != "excess")
    assert found.excess == found.mass - mask.mean()


@given(whole_maps, masks, st.integers(1, 50), st.integers(-300, 300))
@settings(deadline=None)  # the first one imports scipy
def test_the_size_of_a_map_does_not_matter(values: np.ndarray, mask: np.ndarray, times: int, power: int) -> None:
    scaled = measure(values * times * 2.0**power, mask)
    assert astuple(scaled) == pytest.approx(astuple(measure(values, mask)))


@given(whole_maps, masks)
@settings(deadline=None)  # the first one imports scipy
def test_turning_a_map_over_turns_its_area_over(values: np.ndarray, mask: np.ndarray) -> None:
    assert measure(-values, mask).auc == pytest.approx(1 - measure(values, mask).auc)


@pytest.mark.parametrize(
    ("values", "mask"),
    [
        (np.zeros((8, 8)), np.zeros((8, 8), bool)),
        (np.zeros((8, 8)), np.ones((8, 8), bool)),
        (np.zeros((8, 4)), np.eye(8, dtype=bool)),
        (np.full((8, 8), np.nan), np.eye(8, dtype=bool)),
    ],
)
def test_what_cannot_be_measured_is_refused(values: np.ndarray, mask: np.ndarray) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        measure(values, mask)
    one_sentence(caught.value)


def test_a_map_of_a_lowered_score_is_turned_over() -> None:
    explanation = xai.attribution("deeplift", xai.Score(affine())).attribute(noise(1, 3, 8, 8))
    assert np.array_equal(relevance(explanation, -0.3), -relevance(explanation, 2.0))
    assert relevance(explanation, 2.0) == pytest.approx(explanation.values[0].sum(0).double().numpy())


# ---- controls ------------------------------------------------------------------------------------------


def test_controls_are_what_they_are_called() -> None:
    image = torch.zeros(1, 3, SIDE, SIDE)
    image[..., 8:] = 1
    edges, centre = control("edges", image), control("centre", image)
    assert set(np.flatnonzero(edges.sum(0))) == {7, 8}
    assert np.array_equal(centre, centre[::-1, ::-1])
    assert centre.argmax() in (7 * SIDE + 7, 7 * SIDE + 8)
    assert np.array_equal(control("random", image, 3), control("random", image, 3))
    assert not np.array_equal(control("random", image, 3), control("random", image, 4))
    assert all(control(name, image).shape == (SIDE, SIDE) for name in CONTROLS)
    with pytest.raises(xai.ExplanationError, match="random, edges, centre"):
        control("hunch", image)


# ---- many cases ----------------------------------------------------------------------------------------


def test_an_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    held = [(found := bootstrap(random.random(40), seed)).low <= 0.5 <= found.high for seed in range(200)]
    assert 0.88 <= np.mean(held) <= 0.99
    assert RESAMPLES == 2000


def test_values_that_are_all_the_same_have_no_spread() -> None:
    assert astuple(bootstrap(np.full(7, 0.25))) == (0.25, 0.25, 0.25)


def test_names_are_ranked_and_compared_with_the_best_control_case_by_case() -> None:
    def all_at(*ranks: float) -> list[Measures]:
        return [Measures(rank, rank, rank, 0, *[rank] * 7) for rank in ranks]

    measures = {
        "weak": all_at(0.1, 0.3, 0.1),
        "strong": all_at(0.5, 0.7, 0.5),
        "edges": all_at(0.2, 0.4, 0.2),
        "random": all_at(0.1, 0.1, 0.1),
    }
    found = standings(measures, ["random", "edges"])
    assert [one.name for one in found] == ["strong", "edges", "weak", "random"]
    strong, edges, weak, _ = (one.beyond["rank"] for one in found)
    assert astuple(strong) == pytest.approx((0.3, 0.3, 0.3))  # the cases differ, the differences do not
    assert astuple(edges) == (0, 0, 0)
    assert astuple(weak) == pytest.approx((-0.1, -0.1, -0.1))
    assert found[0].measured["rank"].low < found[0].measured["rank"].value < found[0].measured["rank"].high
