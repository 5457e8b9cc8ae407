from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

import gan
import xai
from tests.xai.nets import generator, noise, one_sentence, snapshot
from xai.latents.paths import angle_between, norm_of, path, scaled, slerp

SEEDS = st.integers(0, 2**31)


def latents(*values: float) -> Tensor:
    return torch.tensor(values)[None, :, None, None]


def angle(a: Tensor, b: Tensor) -> float:
    a, b = a.double().flatten(), b.double().flatten()
    return angle_between(a / a.norm(), b / b.norm())


@settings(max_examples=40, deadline=None)
@given(SEEDS, SEEDS, st.floats(0, 1))
def test_the_direction_turns_at_constant_speed_and_the_norm_goes_evenly(first: int, second: int, share: float) -> None:
    a, b = noise(1, 20, 1, 1, seed=first), noise(1, 20, 1, 1, seed=second)
    assume(first != second)
    found = slerp(a, b, torch.tensor([share]))
    assert angle(a, found) == pytest.approx(share * angle(a, b), abs=1e-5)
    assert float(found.norm()) == pytest.approx(float((1 - share) * a.norm() + share * b.norm()), rel=1e-5)


@settings(max_examples=25, deadline=None)
@given(SEEDS, SEEDS)
def test_the_ends_are_the_latents_bit_for_bit_and_the_way_back_is_the_way(first: int, second: int) -> None:
    a, b = noise(1, 100, 1, 1, seed=first), noise(1, 100, 1, 1, seed=second)
    shares = torch.tensor([0.0, 0.25, 0.75, 1.0])
    there, back = slerp(a, b, shares), slerp(b, a, shares)
    assert torch.equal(there[:1], a)
    assert torch.equal(there[-1:], b)
    assert torch.allclose(there, back.flip(0), atol=1e-5)
    exact = slerp(a.double(), b.double(), shares)
    assert torch.equal(exact[:1], a.double())
    assert torch.equal(exact[-1:], b.double())


def test_half_of_the_way_between_two_axes_is_the_diagonal() -> None:
    found = slerp(latents(2.0, 0.0), latents(0.0, 4.0), torch.tensor([0.5]))
    assert torch.allclose(found, latents(1.0, 1.0) * 3 / math.sqrt(2))


def test_nearly_parallel_latents_are_joined_by_a_straight_line() -> None:
    a = noise(1, 10, 1, 1)
    assert torch.allclose(slerp(a, 2 * a, torch.tensor([0.5])), 1.5 * a)
    assert torch.isfinite(slerp(a, a, torch.linspace(0, 1, 5))).all()


@pytest.mark.parametrize(
    ("a", "b", "word"),
    [
        (latents(1.0, 0.0), latents(-1.0, 0.0), "opposite"),
        (latents(0.0, 0.0), latents(1.0, 0.0), "zeros"),
        (latents(1.0, 0.0), latents(1.0, 0.0, 0.0), "2 latent dimensions"),
        (latents(1.0, math.nan), latents(1.0, 0.0), "finite"),
        (torch.zeros(3), latents(1.0, 0.0), "shape"),
    ],
)
def test_where_there_is_no_way_one_sentence_says_why(a: Tensor, b: Tensor, word: str) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        slerp(a, b, torch.tensor([0.5]))
    assert word in one_sentence(caught.value)


def test_a_path_shows_the_generators_pictures_from_the_first_poster_to_the_last() -> None:
    network = generator(16)
    z = gan.latents([1, 2], network.config)
    before, told = snapshot(network), []
    found = path(network, z[:1], z[1:], 40, told.append)
    ends = gan.to_uint8(network(z)).astype(int)
    assert np.abs(found.pixels[[0, -1]] - ends).max() <= 1
    assert found.pixels.shape == (40, 16, 16, 3)
    assert found.steps.shape == (39,)
    assert float(found.norms[0]) == pytest.approx(float(z[0].norm()))
    assert found.angle == pytest.approx(angle(z[:1], z[1:]))
    assert snapshot(network) == before
    assert told[0] == 0
    assert told[-1] == 1
    assert told == sorted(told)


def test_the_steps_are_the_distances_from_frame_to_frame() -> None:
    network = generator(8)
    z = gan.latents([1, 2], network.config)
    found = path(network, z[:1], z[1:], 3)
    by_hand = np.sqrt((((found.pixels[2].astype(float) - found.pixels[1]) / 255) ** 2).mean())
    assert found.steps[1] == pytest.approx(by_hand)


def test_a_path_of_one_frame_is_refused() -> None:
    z = noise(1, 6, 1, 1)
    with pytest.raises(xai.ExplanationError) as caught:
        path(generator(8), z, 2 * z, 1)
    one_sentence(caught.value)


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.floats(0, 5))
def test_scaling_multiplies_the_norm_and_keeps_the_direction(seed: int, factor: float) -> None:
    z = noise(3, 30, 1, 1, seed=seed)
    found = scaled(z, factor)
    assert torch.allclose(found.flatten(1).norm(dim=1), factor * z.flatten(1).norm(dim=1), rtol=1e-5)
    assert torch.allclose(found, z * factor, rtol=1e-6)


@pytest.mark.parametrize("factor", [-1.0, math.inf, math.nan])
def test_what_is_no_factor_is_refused(factor: float) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        scaled(noise(1, 6, 1, 1), factor)
    one_sentence(caught.value)


def test_a_path_tells_its_angle_in_degrees_and_how_uneven_it_looks() -> None:
    network = generator(8)
    a, b = noise(1, 6, 1, 1, seed=1), noise(1, 6, 1, 1, seed=2)
    found = path(network, a, b, 5)
    assert found.angle_degrees == pytest.approx(found.angle * 180 / math.pi)
    assert found.unevenness == pytest.approx(max(found.steps) / np.mean(found.steps))
    assert found.unevenness >= 1


def test_norms_of_random_latents_are_spread_as_expected() -> None:
    found = [norm_of(z[None]) for z in noise(400, 100, 1, 1)]
    assert found[0].expected == 10
    inside = np.mean([one.low <= one.value <= one.high for one in found])
    assert inside == pytest.approx(0.95, abs=0.03)
    assert np.mean([one.quantile for one in found]) == pytest.approx(0.5, abs=0.05)  # uniform, by definition
