"""Other pictures, other weights, other seeds: what a map of an affine score and two controls do."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import xai
from gan.evaluation.estimates import jackknife_pairs
from tests.xai.nets import affine, discriminator, noise, pictures, quick, weights
from tests.xai.trust.known_maps import SIDE, Chance, Edges, affine_score
from xai.trust.randomisation import linear_layers
from xai.trust.robustness import cascading_randomisation, sensitivity_max, stability


def test_sensitivity_of_an_affine_score_is_that_of_its_pixels() -> None:
    network, score, image = affine_score()
    image = 0.5 * image.clamp(-1, 1)  # no pixel is cut off at the ends
    method = xai.attribution("deeplift", score)
    found = sensitivity_max(method, image, method.attribute(image), samples=3)
    random = torch.Generator().manual_seed(0)
    changes = [0.04 * (2 * torch.rand(image.shape, generator=random) - 1) for _ in range(3)]
    shares = weights(network, SIDE)
    exact = max(float((shares * change).norm() / (shares * image).norm()) for change in changes)
    assert found == pytest.approx(exact, rel=1e-3)


def test_a_map_that_ignores_the_network_stays_when_the_weights_are_shuffled() -> None:
    score, image = xai.Score(discriminator(32)), pictures(1, 32)
    method = Edges(score)
    assert np.allclose(cascading_randomisation(method, image, method.attribute(image)), 1)


def test_a_map_of_the_network_changes_when_the_weights_are_shuffled() -> None:
    _, score, image = affine_score()
    method = xai.attribution("gradient_input", score)
    (left,) = cascading_randomisation(method, torch.ones_like(image), method.attribute(torch.ones_like(image)))
    assert abs(left) < 0.3


def test_one_linear_layer_more_is_randomised_at_a_time() -> None:
    score, image = xai.Score(discriminator(32)), pictures(1, 32)
    method = quick("deeplift", score)
    assert len(cascading_randomisation(method, image, method.attribute(image))) == linear_layers(score)


def test_seeds_that_agree_have_a_narrow_interval_and_noise_has_none_near_one() -> None:
    score, image = xai.Score(affine(SIDE)), noise(1, 3, SIDE, SIDE)
    still, chance = Edges(score), Chance(score)
    same = stability(still, image, still.attribute(image))
    assert (same.value, same.low, same.high) == pytest.approx((1, 1, 1))
    drawn = stability(chance, image, chance.attribute(image))
    assert drawn.low < 0.2
    assert drawn.high < 0.6


def test_the_interval_is_the_jackknifes() -> None:
    matrix = np.array([[1, 0.9, 0.7], [0.9, 1, 0.8], [0.7, 0.8, 1]])
    left_out = np.array([0.8, 0.7, 0.9])  # the pair that stays without each row
    spread = 1.96 * np.sqrt(2 / 3 * ((left_out - 0.8) ** 2).sum())
    found = jackknife_pairs(matrix)
    assert (found.value, found.low, found.high) == pytest.approx((0.8, 0.8 - spread, min(1, 0.8 + spread)))
