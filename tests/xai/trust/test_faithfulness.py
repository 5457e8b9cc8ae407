"""Metrics of maps where the right answer is known: affine scores, brute force over orders, hand-made tables."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

import xai
from tests.xai.nets import affine, discriminator, noise, pictures
from tests.xai.trust.known_maps import SIDE, affine_score, exact_heat
from xai.methods.perturbation.coalitions import Game, every_mask, shapley
from xai.methods.perturbation.segments import grid
from xai.trust.agreement import coarse
from xai.trust.faithfulness import curves, grid_correlation, normalised_infidelity, order_gain


def test_the_exact_map_of_an_affine_score_gains_what_can_be_gained() -> None:
    network, score, image = affine_score()
    heat, baseline = exact_heat(network, image), torch.zeros_like(image)
    found = curves(score, image, heat, baseline)
    cells = np.sort(coarse(heat).ravel())[::-1]
    shown = float(score(baseline)) + np.concatenate([[0], np.cumsum(cells)])
    assert np.allclose(found.insertion, shown, atol=1e-3)
    assert np.allclose(found.deletion, shown[::-1][0] + shown[0] - shown, atol=1e-3)
    assert found.gain > 5 * found.random_spread
    assert curves(score, image, -heat, baseline).gain == pytest.approx(-found.gain, rel=1e-3)


def test_curves_begin_and_end_with_the_picture_and_the_reference() -> None:
    score, image, baseline = xai.Score(discriminator(32)), pictures(1, 32), pictures(1, 32, first=3)
    found = curves(score, image, np.random.default_rng(0).normal(size=(32, 32)).astype(np.float32), baseline)
    whole, empty = float(score(image)), float(score(baseline))
    ends = [found.insertion[0], found.insertion[-1], found.deletion[0], found.deletion[-1]]
    assert np.allclose(ends, [empty, whole, whole, empty], atol=1e-5)
    assert np.allclose(found.random[[0, -1]], [empty, whole], atol=1e-5)


@given(
    arrays(np.float64, 16, elements=st.floats(-3, 3)), arrays(np.float32, (4, 4), elements=st.floats(-3, 3, width=32))
)
@settings(max_examples=60, deadline=None)
def test_the_best_order_is_the_best_of_all_orders(table: NDArray[np.float64], heat: NDArray[np.float32]) -> None:
    def gain(order: tuple[int, ...]) -> float:
        masks = np.cumsum([1 << player for player in order])[:-1]
        return float((table[masks] - table[15 - masks]).sum())

    gains = [gain(order) for order in itertools.permutations(range(4))]
    assert np.mean(gains) == pytest.approx(0, abs=1e-9)  # what chance gains
    found = order_gain(table, heat)
    if max(gains) > 1e-6:
        order = tuple(np.argsort(-coarse(heat, 2).ravel(), kind="stable"))
        assert found == pytest.approx(gain(order) / max(gains))
        assert found <= 1 + 1e-9


def test_where_all_orders_are_the_same_there_is_no_best() -> None:
    assert math.isnan(order_gain(np.zeros(16), np.ones((4, 4), np.float32)))


def test_random_orders_are_scored_once_for_all_maps() -> None:
    score, image, baseline = xai.Score(affine(SIDE)), noise(1, 3, SIDE, SIDE), torch.zeros(1, 3, SIDE, SIDE)
    heat = np.ones((SIDE, SIDE), np.float32)
    first, second = curves(score, image, heat, baseline), curves(score, image, -heat, baseline)
    assert np.array_equal(first.random, second.random)
    assert first.random_spread == second.random_spread


# --- infidelity, exact values


def test_the_exact_map_predicts_everything_and_an_empty_one_nothing() -> None:
    network, score, image = affine_score()
    game = Game.of(score, image, torch.zeros_like(image), grid(SIDE, SIDE, 3))
    masks = every_mask(9)
    scores, heat = game.value(masks), exact_heat(network, image)
    assert normalised_infidelity(heat, game, masks, scores) == pytest.approx(0, abs=1e-5)
    assert normalised_infidelity(7 * heat, game, masks, scores) == pytest.approx(0, abs=1e-5)  # of any size
    assert normalised_infidelity(0 * heat, game, masks, scores) == pytest.approx(1)
    assert normalised_infidelity(-heat, game, masks, scores) == pytest.approx(1)  # turned over is no better than empty


def test_the_correlation_with_exact_values_is_that_of_the_tiles_sums() -> None:
    network, score, image = affine_score()
    table = Game.of(score, image, torch.zeros_like(image), grid(SIDE, SIDE, 3)).table()
    heat = exact_heat(network, image)
    assert grid_correlation(heat, shapley(table)) == pytest.approx(1, abs=1e-4)
    assert grid_correlation(-heat, shapley(table)) == pytest.approx(-1, abs=1e-4)
    assert math.isnan(grid_correlation(0 * heat, shapley(table)))
