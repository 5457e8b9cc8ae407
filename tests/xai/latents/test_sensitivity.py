from __future__ import annotations

import weakref

import pytest
import torch
from torch import Tensor, nn

import gan
import xai
from tests.xai.nets import (
    discriminator,
    generator,
    given_generator,
    hooks,
    in_threads,
    noise,
    one_sentence,
    scramble,
    snapshot,
)
from xai.latents import sensitivity
from xai.networks.fast_generator import chain_of
from xai.networks.jacobian import jacobian


def affine_generator(weight: Tensor) -> nn.Module:
    """z to sum of z_k * weight[k]: its Jacobian is its weight (latent, 3, side, side)."""
    network = nn.Sequential(nn.ConvTranspose2d(len(weight), 3, weight.shape[-1]))
    with torch.no_grad():
        network[0].weight.copy_(weight)
    return network


def differences(function: nn.Module, z: Tensor, step: float = 1e-5) -> Tensor:
    """Central differences (latent, ...) of ``function`` at ``z``."""
    rows = []
    with torch.no_grad():
        for index in range(z.shape[1]):
            moved = torch.zeros_like(z)
            moved[:, index] = step
            rows.append((function(z + moved) - function(z - moved))[0] / (2 * step))
    return torch.stack(rows)


def test_the_jacobian_agrees_with_finite_differences() -> None:
    network = generator(16).double()
    z = gan.latents([3], network.config).double()
    assert torch.allclose(jacobian(network, z), differences(network, z), atol=1e-7)


def test_the_jacobian_of_a_genre_and_of_oblong_posters_agrees_with_finite_differences() -> None:
    network = given_generator().double()
    z = gan.latents([3], network.config).double()
    found = jacobian(network, z)
    assert found.shape == (6, 3, 48, 32)
    assert torch.allclose(found, differences(network, z), atol=1e-7)


def test_the_jacobian_is_the_same_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    network = given_generator().double()
    z = gan.latents([3], network.config).double()
    whole = jacobian(network, z)
    monkeypatch.setattr("xai.networks.jacobian.AT_ONCE", 4)  # of 6 noise values
    assert torch.allclose(jacobian(network, z), whole, atol=1e-12)


def odd_generator() -> nn.Module:
    """A network that is no chain of known steps."""
    return scramble(lambda: nn.Sequential(nn.ConvTranspose2d(6, 8, 4), nn.SiLU(), nn.ConvTranspose2d(8, 3, 4, 2, 1)))


def test_the_jacobian_of_a_network_that_is_no_chain_agrees_with_finite_differences() -> None:
    network, z = odd_generator().double(), noise(1, 6, 1, 1).double()
    assert chain_of(network) is None
    assert torch.allclose(jacobian(network, z), differences(network, z), atol=1e-7)


def test_twelve_threads_get_the_slopes_of_a_network_that_is_no_chain_that_one_gets() -> None:
    network, latents = odd_generator(), [noise(1, 6, 1, 1, seed=seed) for seed in range(12)]
    expected = [jacobian(network, z) for z in latents]
    found = in_threads(12, lambda index: jacobian(network, latents[index]))
    assert all(torch.equal(gradients, one) for gradients, one in zip(found, expected, strict=True))


def test_the_jacobian_of_single_precision_agrees_with_that_of_double_precision() -> None:
    network = generator(16)
    z = gan.latents([3], network.config)
    exact = jacobian(generator(16).double(), z.double())
    assert torch.allclose(jacobian(network, z).double(), exact, atol=1e-4 * float(exact.abs().max()))


def test_the_jacobian_of_an_affine_generator_is_its_weight() -> None:
    weight = noise(5, 3, 9, 9)
    for seed in range(3):
        assert torch.equal(jacobian(affine_generator(weight), noise(1, 5, 1, 1, seed=seed)), weight)


def test_differentiating_a_generator_in_train_mode_is_done_in_eval_mode_and_leaves_it_alone() -> None:
    network = generator(16)
    z = gan.latents([3], network.config)
    expected = jacobian(network, z)
    network.train()
    before = snapshot(network)
    assert torch.equal(jacobian(network, z), expected)
    assert snapshot(network) == before
    assert hooks(network) == 0


def test_twelve_threads_get_the_slopes_that_one_gets() -> None:
    network = generator()
    latents = [gan.latents([seed], network.config) for seed in range(12)]
    expected = [jacobian(network, z) for z in latents]
    found = in_threads(12, lambda index: [jacobian(network, latents[index]) for _ in range(5)])
    assert all(torch.equal(gradients, expected[index]) for index in range(12) for gradients in found[index])


def test_a_noise_value_that_moves_one_third_owns_it() -> None:
    weight = torch.zeros(4, 3, 9, 9)
    weight[0, :, 0:3], weight[1, :, 3:6], weight[2, :, 6:9], weight[3] = 1.0, -2.0, 3.0, 4.0
    found = sensitivity.latent_sensitivity(affine_generator(weight), noise(1, 4, 1, 1))
    shares = torch.stack([found.top, found.middle, found.bottom], 1)
    assert torch.allclose(shares, torch.cat([torch.eye(3), torch.full((1, 3), 1 / 3)]))


def test_shares_of_the_thirds_add_up_to_one() -> None:
    network = generator(16)
    found = sensitivity.latent_sensitivity(network, gan.latents([1], network.config))
    assert torch.allclose(found.top + found.middle + found.bottom, torch.ones(6))


def test_a_noise_value_without_effect_has_no_strength_and_no_place() -> None:
    weight = noise(2, 3, 6, 6)
    weight[0] = 0
    found = sensitivity.latent_sensitivity(affine_generator(weight), noise(1, 2, 1, 1))
    assert found.rms[0] == found.brightness[0] == found.top[0] == found.middle[0] == found.bottom[0] == 0
    assert found.rms[1] > 0


def test_strength_is_the_root_mean_square_per_unit_of_noise() -> None:
    weight = torch.zeros(2, 3, 6, 6)
    weight[0], weight[1, 0] = -0.5, 3.0  # everywhere; in red only
    found = sensitivity.latent_sensitivity(affine_generator(weight), noise(1, 2, 1, 1))
    assert torch.allclose(found.rms, torch.tensor([0.5, 3.0**0.5]))


def test_brightness_is_the_change_of_the_mean_luminance() -> None:
    weight = torch.zeros(4, 3, 6, 6)
    weight[0], weight[1, 0], weight[2, 1], weight[3, 2] = -0.5, 1.0, 1.0, 1.0
    found = sensitivity.latent_sensitivity(affine_generator(weight), noise(1, 4, 1, 1))
    assert torch.allclose(found.brightness, torch.tensor([-0.5, 0.299, 0.587, 0.114]))


def test_the_map_of_a_value_says_where_it_acts() -> None:
    weight = torch.zeros(1, 3, 6, 6)
    weight[0, :, 2, 4] = torch.tensor([1.0, 2.0, 2.0])
    found = sensitivity.pixel_map(affine_generator(weight), noise(1, 1, 1, 1), 0)
    assert found[2, 4] == pytest.approx(3.0**0.5)
    assert (found > 0).sum() == 1


def test_the_map_of_a_value_is_that_of_its_row_of_the_jacobian() -> None:
    network = generator(16).double()
    z = gan.latents([3], network.config).double()
    rows = jacobian(network, z).square().mean(1).sqrt()
    assert all(torch.allclose(sensitivity.pixel_map(network, z, index), rows[index], atol=1e-12) for index in range(6))


@pytest.mark.parametrize("index", [-1, 6])
def test_there_is_no_map_of_a_noise_value_that_does_not_exist(index: int) -> None:
    network = generator()
    with pytest.raises(xai.ExplanationError) as caught:
        sensitivity.pixel_map(network, gan.latents([3], network.config), index)
    assert "0 to 5" in one_sentence(caught.value)


def test_the_sensitivity_is_that_of_the_jacobian_also_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xai.networks.jacobian.AT_ONCE", 4)  # of 6 noise values
    network, score = generator(32).double(), xai.Score(discriminator(32).double())
    z = gan.latents([4], network.config).double()
    found, gradients = sensitivity.latent_sensitivity(network, z, score), jacobian(network, z)
    assert torch.allclose(found.rms, gradients.square().mean((1, 2, 3)).sqrt())
    gradient = score.gradient(network(z).detach())[1]
    assert found.score is not None
    assert torch.allclose(found.score, (gradients * gradient).sum((1, 2, 3)))


def test_the_slopes_are_not_kept_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parts: list[weakref.ref[Tensor]] = []
    summary = sensitivity._summary

    def watch(gradients: Tensor, gradient: Tensor | None) -> list[Tensor]:
        assert not any(part() is not None for part in parts[:-1])
        parts.append(weakref.ref(gradients))
        return summary(gradients, gradient)

    monkeypatch.setattr("xai.networks.jacobian.AT_ONCE", 1)
    monkeypatch.setattr(sensitivity, "_summary", watch)
    network = generator()
    sensitivity.latent_sensitivity(network, gan.latents([4], network.config))
    assert len(parts) == 6


def test_the_slope_of_the_score_agrees_with_finite_differences() -> None:
    network, score = generator(32).double(), xai.Score(discriminator(32).double())
    z = gan.latents([4], network.config).double()
    found = sensitivity.latent_sensitivity(network, z, score).score
    expected = differences(lambda moved: score(network(moved)), z, 1e-6)
    assert torch.allclose(found, expected, rtol=1e-4)


def test_the_slope_of_an_affine_score_of_an_affine_generator_is_their_product() -> None:
    weight = noise(5, 3, 8, 8)
    judge = scramble(lambda: nn.Sequential(nn.Flatten(), nn.Linear(192, 1)))
    found = sensitivity.latent_sensitivity(affine_generator(weight), noise(1, 5, 1, 1), xai.Score(judge)).score
    assert torch.allclose(found, weight.flatten(1) @ judge[1].weight[0].detach(), atol=1e-5)


def test_without_a_score_there_is_no_slope_of_it() -> None:
    assert sensitivity.latent_sensitivity(affine_generator(noise(2, 3, 6, 6)), noise(1, 2, 1, 1)).score is None


def test_slopes_are_found_also_where_gradients_are_switched_off() -> None:
    network, score = generator(32), xai.Score(discriminator(32))
    z = gan.latents([4], network.config)
    expected = sensitivity.latent_sensitivity(network, z, score)
    with torch.no_grad():
        found = sensitivity.latent_sensitivity(network, z, score)
    assert torch.equal(found.score, expected.score)
    assert torch.equal(found.rms, expected.rms)
