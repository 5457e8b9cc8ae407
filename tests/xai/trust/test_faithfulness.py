"""Metrics of maps where the right answer is known: affine scores, brute force over orders, hand-made tables."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

import xai
from tests.xai.nets import affine, discriminator, noise, pictures
from tests.xai.trust.known_maps import SIDE, affine_score, exact_heat
from xai.methods.perturbation.coalitions import Game, shapley
from xai.methods.perturbation.segments import grid
from xai.trust.agreement import coarse
from xai.trust.faithfulness import Halves, curves, grid_correlation, halves, misplaced, prediction


def test_the_exact_map_of_an_affine_score_gains_what_can_be_gained() -> None:
    network, score, image = affine_score()
    heat, baseline = exact_heat(network, image), torch.zeros_like(image)
    found = curves(score, image, heat, baseline)
    cells = np.sort(coarse(heat).ravel())[::-1]
    shown = float(score(baseline)) + np.concatenate([[0], np.cumsum(4 * cells)])[::8]  # in eight steps
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


def test_random_orders_are_scored_once_for_all_maps() -> None:
    score, image, baseline = xai.Score(affine(SIDE)), noise(1, 3, SIDE, SIDE), torch.zeros(1, 3, SIDE, SIDE)
    heat = np.ones((SIDE, SIDE), np.float32)
    first, second = curves(score, image, heat, baseline), curves(score, image, -heat, baseline)
    assert np.array_equal(first.random, second.random)
    assert first.random_spread == second.random_spread


def test_several_references_take_turns_and_the_curves_begin_with_their_mean() -> None:
    score, image, references = xai.Score(discriminator(32)), pictures(1, 32), pictures(5, 32, first=3)
    found = curves(score, image, np.random.default_rng(0).normal(size=(32, 32)).astype(np.float32), references)
    whole, empty = float(score(image)), float(score(references).mean())
    ends = [found.insertion[0], found.insertion[-1], found.deletion[0], found.deletion[-1]]
    assert np.allclose(ends, [empty, whole, whole, empty], atol=1e-5)
    assert found.random[-1] == pytest.approx(whole, abs=1e-5)


# --- halves


def halves_of(network: torch.nn.Module, score: xai.Score, image: torch.Tensor) -> Halves:
    return halves(Game.of(score, image, torch.zeros_like(image), grid(SIDE, SIDE, 8)))


def test_the_exact_map_predicts_every_half_and_its_opposite_predicts_none() -> None:
    network, score, image = affine_score()
    known, heat = halves_of(network, score, image), exact_heat(network, image)
    assert known.present.shape == (128, 64)
    assert prediction(heat, known).value == pytest.approx(1, abs=1e-4)
    assert prediction(7 * heat, known).value == pytest.approx(1, abs=1e-4)  # of any size
    assert prediction(-heat, known).value == pytest.approx(-1, abs=1e-4)
    assert math.isnan(prediction(0 * heat, known).value)


def test_what_two_places_do_together_does_not_count_as_a_prediction_missed() -> None:
    network, score, image = affine_score()
    known, heat = halves_of(network, score, image), exact_heat(network, image)

    class Squared(xai.Score):
        def __call__(self, images: torch.Tensor) -> torch.Tensor:
            value = super().__call__(images)
            middle = float(super().__call__(image) + super().__call__(0 * image)) / 2  # halves lie evenly around it
            return value + 3 * (value - middle) ** 2

    bent = halves_of(network, Squared(network), image)
    assert np.allclose(bent.difference, known.difference, atol=1e-2)
    assert prediction(heat, bent).value == pytest.approx(1, abs=1e-3)


def test_a_map_is_in_its_place_where_no_shifted_copy_is_as_good() -> None:
    network, score, image = affine_score()
    known, heat = halves_of(network, score, image), exact_heat(network, image)
    assert misplaced(heat, known) == 1 / 256
    assert misplaced(np.roll(heat, (4, 6), (0, 1)), known) > 0.05
    assert misplaced(-heat, known) == 1.0
    assert math.isnan(misplaced(0 * heat, known))


@pytest.mark.parametrize("smoothness", [0.0, 2.0, 4.0])
def test_of_maps_that_know_nothing_hardly_one_in_a_hundred_is_in_its_place(smoothness: float) -> None:
    network, score, image = affine_score()
    known, random = halves_of(network, score, image), np.random.default_rng(0)
    maps = [gaussian_filter(random.normal(size=(SIDE, SIDE)), smoothness, mode="wrap") for _ in range(400)]
    found = np.array([misplaced(heat.astype(np.float32), known) for heat in maps])
    assert 0.4 < found.mean() < 0.6  # uniform
    assert (found <= 0.01).mean() < 0.03


# --- Shapley values


def test_the_correlation_with_exact_values_is_that_of_the_tiles_means() -> None:
    network, score, image = affine_score()
    table = Game.of(score, image, torch.zeros_like(image), grid(SIDE, SIDE, 3)).table()
    heat = exact_heat(network, image)
    assert grid_correlation(heat, shapley(table)).value == pytest.approx(1, abs=1e-4)
    assert grid_correlation(-heat, shapley(table)).value == pytest.approx(-1, abs=1e-4)
    assert math.isnan(grid_correlation(0 * heat, shapley(table)).value)


def test_a_constant_map_is_no_evidence_although_tiles_differ_in_size() -> None:
    assert math.isnan(grid_correlation(np.full((64, 64), 0.3, np.float32), np.arange(9.0)).value)


def test_estimates_from_orders_add_up_and_come_to_the_exact_values() -> None:
    score, image, references = xai.Score(discriminator(32)), pictures(1, 32), pictures(3, 32, first=5)
    game = Game.of(score, image, references, grid(32, 32, 2))
    few = game.marginals(3)
    assert few.shape == (6, 4)
    assert few.mean(0).sum() == pytest.approx(game.whole - game.empty, abs=1e-5)
    assert game.empty == pytest.approx(float(score(references).mean()), abs=1e-5)
    exact = np.mean([shapley(Game.of(score, image, one[None], game.labels).table()) for one in references], 0)
    assert np.allclose(shapley(game.table()), exact, atol=1e-5)
    many = game.marginals(300)
    assert np.abs(many.mean(0) - exact).max() < 0.1 * np.abs(exact).max()
