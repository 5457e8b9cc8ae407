from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from gan import Discriminator, Generator, ModelConfig, latents

SEEDS = st.integers(0, 2**32 - 1)


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def layer_names(network: Generator | Discriminator) -> list[str]:
    return [type(layer).__name__ for layer in network.layers]


def test_the_default_networks_have_the_tutorials_number_of_weights() -> None:
    assert count(Discriminator()) == 2_765_568
    assert count(Generator()) == 3_576_704


def test_the_generators_layers_are_printed_in_the_tutorials_order() -> None:
    block = ["ConvTranspose2d", "BatchNorm2d", "ReLU"]
    generator = Generator()
    assert layer_names(generator) == [*block * 4, "ConvTranspose2d", "Tanh"]
    kernels = [tuple(m.weight.shape) for m in generator.layers if isinstance(m, nn.ConvTranspose2d)]
    assert kernels == [(100, 512, 4, 4), (512, 256, 4, 4), (256, 128, 4, 4), (128, 64, 4, 4), (64, 3, 4, 4)]
    assert all(m.bias is None for m in generator.layers if isinstance(m, nn.ConvTranspose2d))


def test_the_discriminators_layers_are_printed_in_the_tutorials_order() -> None:
    block = ["Conv2d", "BatchNorm2d", "LeakyReLU"]
    discriminator = Discriminator()
    assert layer_names(discriminator) == ["Conv2d", "LeakyReLU", *block * 3, "Conv2d", "Sigmoid"]
    kernels = [tuple(m.weight.shape) for m in discriminator.layers if isinstance(m, nn.Conv2d)]
    assert kernels == [(64, 3, 4, 4), (128, 64, 4, 4), (256, 128, 4, 4), (512, 256, 4, 4), (1, 512, 4, 4)]
    assert all(m.bias is None for m in discriminator.layers if isinstance(m, nn.Conv2d))


def test_first_weights_are_drawn_as_in_the_paper() -> None:
    convolution, norm = Generator().layers[3], Generator().layers[1]
    assert convolution.weight.std().item() == pytest.approx(0.02, rel=0.01)
    assert norm.weight.mean().item() == pytest.approx(1.0, abs=0.01)
    assert norm.weight.std().item() == pytest.approx(0.02, rel=0.2)
    assert not norm.bias.any()


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.lists(SEEDS, max_size=5), st.lists(SEEDS, max_size=5))
def test_a_seed_names_one_latent_whatever_else_is_in_the_batch(seed: int, before: list[int], after: list[int]) -> None:
    config = ModelConfig()
    alone = latents([seed], config)
    assert alone.shape == (1, 100, 1, 1)
    assert torch.equal(latents([*before, seed, *after], config)[len(before)], alone[0])


def test_latents_are_standard_normal_and_leave_the_global_random_state_alone() -> None:
    before = torch.get_rng_state()
    z = latents(range(1000), ModelConfig())
    assert torch.equal(torch.get_rng_state(), before)
    assert z.mean().item() == pytest.approx(0, abs=0.01)
    assert z.std().item() == pytest.approx(1, abs=0.01)
    assert latents([], ModelConfig()).shape == (0, 100, 1, 1)


def test_the_logit_is_the_log_odds_of_the_probability(tiny: ModelConfig) -> None:
    discriminator = Discriminator(tiny).double().eval()
    images = torch.rand(5, 3, 8, 8, dtype=torch.float64) * 2 - 1
    probability, logit = discriminator(images), discriminator.logit(images)
    assert probability.shape == logit.shape == (5,)
    assert torch.allclose(torch.logit(probability), logit, rtol=0, atol=1e-12)
    assert torch.equal(discriminator.layers(images).flatten(), probability)


def test_the_logit_tells_posters_apart_where_the_probability_is_saturated(tiny: ModelConfig) -> None:
    discriminator = Discriminator(tiny).eval()
    with torch.no_grad():
        discriminator.layers[0].weight.fill_(0.1)
        discriminator.layers[2].weight.fill_(10.0)
    images = torch.stack([torch.full((3, 8, 8), 0.5), torch.full((3, 8, 8), 1.0)])
    assert discriminator(images).tolist() == [1.0, 1.0]
    low, high = discriminator.logit(images).tolist()
    assert high > low + 1


@pytest.mark.parametrize("resolution", [8, 16, 32, 64, 128])
def test_every_power_of_two_builds_and_fits_together(resolution: int) -> None:
    config = ModelConfig(resolution, latent=5, width=2, max_width=8)
    images = Generator(config).eval()(latents([3], config))
    assert images.shape == (1, 3, resolution, resolution)
    assert images.abs().max() <= 1
    assert Discriminator(config).eval()(images).shape == (1,)


def test_channels_double_towards_the_smallest_map_up_to_the_cap() -> None:
    assert ModelConfig(64).channels == (64, 128, 256, 512)
    assert ModelConfig(128).channels == (64, 128, 256, 512, 512)
    assert ModelConfig(8, width=6).channels == (6,)


@pytest.mark.parametrize(
    "wrong", [{"resolution": 4}, {"resolution": 48}, {"latent": 0}, {"width": 0}, {"max_width": -1}]
)
def test_impossible_shapes_are_refused_by_name(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ModelConfig(**wrong)


def test_settings_of_a_later_version_are_ignored() -> None:
    assert ModelConfig.from_dict({"width": 8, "attention": True}) == ModelConfig(width=8)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_that_would_name_a_second_latent_is_refused(seed: int, tiny: ModelConfig) -> None:
    with pytest.raises(ValueError, match="from 0 to"):
        latents([0, seed], tiny)
