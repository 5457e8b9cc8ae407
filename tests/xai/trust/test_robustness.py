"""Other pictures, other weights, other seeds: what a map of an affine score and two controls do."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import xai
from gan.evaluation.estimates import jackknife_pairs
from tests.xai.nets import affine, discriminator, noise, pictures, quick, weights
from tests.xai.trust.known_maps import SIDE, Chance, Edges, Known, affine_score
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


@pytest.mark.parametrize("name", list(xai.METHODS))
def test_where_nothing_moved_no_map_is_sensitive(name: str) -> None:
    score, image = xai.Score(discriminator(32)), pictures(1, 32)
    method = quick(name, score, reference=xai.reference("own", images=pictures(3, 32, first=5)))
    assert sensitivity_max(method, image, method.attribute(image), radius=0.0) == 0


def test_a_map_that_is_all_zero_has_no_sensitivity() -> None:
    method = Known(xai.Score(affine(SIDE)), draw=lambda image, score, seed: 0 * image)
    image = noise(1, 3, SIDE, SIDE)
    assert math.isnan(sensitivity_max(method, image, method.attribute(image)))


@pytest.mark.parametrize("name", ["lime", "kernelshap"])
def test_pictures_nearby_are_explained_on_the_same_segments(name: str) -> None:
    score, image = xai.Score(discriminator(32)), pictures(1, 32)
    method = quick(name, score)
    explanation = method.attribute(image)
    other = method.cheap(explanation).attribute(pictures(1, 32, first=1))
    assert torch.equal(other.segments, explanation.segments)
    assert "labels" not in other.config


def test_a_map_that_ignores_the_network_stays_when_the_weights_are_shuffled() -> None:
    score, image = xai.Score(discriminator(32)), pictures(1, 32)
    method = Edges(score)
    found = cascading_randomisation(method, image, method.attribute(image))
    assert np.allclose([*found.similarity, *found.shuffles], 1)


def test_a_map_of_the_network_changes_when_the_weights_are_shuffled() -> None:
    _, score, image = affine_score()
    method = xai.attribution("gradient_input", score)
    found = cascading_randomisation(method, torch.ones_like(image), method.attribute(torch.ones_like(image)))
    assert found.similarity == found.shuffles[:1]
    assert len(found.shuffles) >= 2
    assert found.shuffles[0] != found.shuffles[1]
    assert np.abs(found.shuffles).max() < 0.3


def test_layers_are_randomised_from_the_last_and_of_costly_methods_all_at_once() -> None:
    score, image = xai.Score(discriminator(32)), pictures(1, 32)
    count = linear_layers(score)
    for name, layers in (("deeplift", tuple(range(1, count + 1))), ("lime", (count,))):
        method = quick(name, score)
        assert cascading_randomisation(method, image, method.attribute(image)).layers == layers


def test_seeds_that_agree_have_a_narrow_interval_and_noise_has_none_near_one() -> None:
    score, image = xai.Score(affine(SIDE)), noise(1, 3, SIDE, SIDE)
    still, chance = Edges(score), Chance(score)
    same = stability(still, image, still.attribute(image))
    assert (same.value, same.low, same.high) == pytest.approx((1, 1, 1))
    drawn = stability(chance, image, chance.attribute(image))
    assert drawn.low < 0.2
    assert drawn.high < 0.8


def test_the_interval_is_the_jackknifes_with_students_quantile_for_so_few_seeds() -> None:
    matrix = np.array([[1, 0.9, 0.7], [0.9, 1, 0.8], [0.7, 0.8, 1]])
    left_out = np.array([0.8, 0.7, 0.9])  # the pair that stays without each row
    spread = 4.302653 * np.sqrt(2 / 3 * ((left_out - 0.8) ** 2).sum())
    found = jackknife_pairs(matrix)
    assert (found.value, found.low, found.high) == pytest.approx((0.8, 0.8 - spread, min(1, 0.8 + spread)))
