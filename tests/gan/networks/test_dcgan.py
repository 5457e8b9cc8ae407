from __future__ import annotations

import copy
import itertools
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from gan import Discriminator, Generator, ModelConfig, latents, load, save

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


@pytest.mark.parametrize("seed", [2**31, 2**32 - 1, np.int64(2**32 - 1), np.uint32(2**32 - 1)])
def test_seeds_up_to_the_largest_name_latents(seed: int, tiny: ModelConfig) -> None:
    assert torch.equal(latents([seed], tiny), latents([int(seed)], tiny))
    assert not torch.equal(latents([seed], tiny), latents([int(seed) - 1], tiny))


@pytest.mark.parametrize("seeds", [range(10**15), itertools.count()])
def test_more_seeds_than_there_is_memory_for_are_refused(seeds: Iterable[int], tiny: ModelConfig) -> None:
    with pytest.raises(ValueError, match="At most"):
        latents(itertools.chain(itertools.repeat(0, 2**22), seeds), tiny)


@pytest.mark.parametrize("seed", [-1, 2**32, 10**99, 1.5, 1.0, float("nan"), True, "7", None, [1], np.float32(3)])
def test_a_seed_that_would_name_a_second_latent_is_refused(seed: Any, tiny: ModelConfig) -> None:
    with pytest.raises(ValueError, match="from 0 to"):
        latents([0, seed], tiny)


# ---- Shapes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resolution", [8, 16, 64])
@pytest.mark.parametrize("norm_d", [True, False])
def test_whole_posters_are_half_as_high_again(resolution: int, norm_d: bool) -> None:
    config = ModelConfig(resolution, latent=5, width=2, max_width=8, aspect="2:3", norm_d=norm_d)
    assert config.size == (resolution * 3 // 2, resolution)
    images = Generator(config).eval()(latents([3, 4], config))
    assert images.shape == (2, 3, *config.size)
    assert Discriminator(config).eval().logit(images).shape == (2,)


def test_a_d_without_batchnorm_has_biases_and_judges_each_picture_alone(tiny: ModelConfig) -> None:
    config = replace(tiny, resolution=32, norm_d=False)
    discriminator = Discriminator(config).train()
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in discriminator.layers)
    convolutions = [layer for layer in discriminator.layers if isinstance(layer, nn.Conv2d)]
    assert all(layer.bias is not None and not layer.bias.any() for layer in convolutions)
    images = torch.rand(5, 3, 32, 32) * 2 - 1
    alone = torch.cat([discriminator.logit(image[None]) for image in images])
    assert torch.allclose(discriminator.logit(images), alone, atol=1e-5)


def test_without_batchnorm_the_first_weights_keep_the_size_of_the_maps() -> None:
    config = ModelConfig(64, width=16, norm_d=False)
    maps = Discriminator(config).layers[:-2](torch.randn(8, 3, 64, 64))
    assert 0.3 < maps.square().mean().sqrt() < 3


@pytest.mark.parametrize(("name", "wrong"), [("aspect", "3:2"), ("genres", ("Drama", "Drama")), ("embedding", 0)])
def test_impossible_networks_are_refused_by_name(name: str, wrong: object) -> None:
    with pytest.raises(ValueError, match=name):
        ModelConfig(**{name: wrong})


# ---- Genres ------------------------------------------------------------------------------------------

GENRES = ("Comedy", "Drama", "Horror")
LABELS = ([0, 0, 0], [1, -1, -1], [0, 1, 0], [-1, -0.5, 0.25])


def pair(config: ModelConfig) -> tuple[Generator, Discriminator]:
    """Networks whose genres have a say, and whose BatchNorm has seen pictures."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        generator, discriminator = Generator(config), Discriminator(config)
        for network in (generator, discriminator):
            network.embed.weight.normal_()
            for layer in network.layers:
                if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                    layer.weight.mul_(5)
        discriminator(generator(latents(range(32), config)))
    return generator.eval(), discriminator.eval()


@pytest.fixture(params=["1:1", "2:3"])
def conditional(request: pytest.FixtureRequest) -> ModelConfig:
    return ModelConfig(16, 8, 4, aspect=request.param, genres=GENRES, embedding=5)


@torch.no_grad()
@pytest.mark.parametrize("label", LABELS)
def test_with_genres_built_in_it_is_the_plain_network_for_them(
    label: list[float], conditional: ModelConfig, tmp_path: Path
) -> None:
    generator, discriminator = pair(conditional)
    z, labels = latents(range(6), conditional), torch.tensor([label] * 6, dtype=torch.float32)
    images = torch.rand(6, 3, *conditional.size) * 2 - 1
    logits = discriminator.logit(images, labels)
    plain_g, plain_d = generator.with_genres(label), discriminator.with_genres(label)
    assert torch.allclose(plain_g(z), generator(z, labels), atol=1e-5)
    assert torch.allclose(plain_d.logit(images), logits, atol=1e-4)
    assert torch.allclose(plain_d(images), torch.sigmoid(logits), atol=1e-5)
    assert plain_g.config.genres == plain_d.config.genres == ()

    save(tmp_path / "conditioned", plain_g, plain_d)
    found = load(tmp_path / "conditioned")
    assert found.generator is not None
    assert found.discriminator is not None
    assert found.config.conditioned
    assert torch.equal(found.generator(z), plain_g(z))
    assert torch.equal(found.discriminator.logit(images), plain_d.logit(images))


@torch.no_grad()
def test_labels_change_the_images_and_the_logits(conditional: ModelConfig) -> None:
    """Else the test above would show nothing."""
    generator, discriminator = pair(conditional)
    z = latents(range(6), conditional)
    first, second = (torch.tensor([label] * 6, dtype=torch.float32) for label in LABELS[:2])
    assert (generator(z, first) - generator(z, second)).abs().max() > 0.1
    images = torch.rand(6, 3, *conditional.size) * 2 - 1
    assert (discriminator.logit(images, first) - discriminator.logit(images, second)).abs().max() > 0.1


@torch.no_grad()
def test_missing_labels_are_zeros(conditional: ModelConfig) -> None:
    generator, discriminator = pair(conditional)
    z, zeros = latents(range(4), conditional), torch.zeros(4, 3)
    assert torch.equal(generator(z), generator(z, zeros))
    assert torch.equal(discriminator.logit(generator(z)), discriminator.logit(generator(z), zeros))


@torch.no_grad()
def test_with_genres_leaves_the_conditional_networks_as_they_were(conditional: ModelConfig) -> None:
    for network in pair(conditional):
        before = copy.deepcopy(network.state_dict())
        plain = network.with_genres([1, 0, -1])
        for value in plain.state_dict().values():
            value.add_(1)
        assert network.config == conditional
        assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
        assert not plain.training
        assert not any(module.training for module in plain.modules())
        assert network.train().with_genres([1, 0, -1]).training


@torch.no_grad()
def test_a_conditional_checkpoint_comes_back_exactly(conditional: ModelConfig, tmp_path: Path) -> None:
    config = replace(conditional, norm_d=False)
    generator, discriminator = pair(config)
    save(tmp_path / "conditional", generator, discriminator)
    found = load(tmp_path / "conditional")
    assert found.config == config
    for mine, back in ((generator, found.generator), (discriminator, found.discriminator)):
        assert all(torch.equal(back.state_dict()[key], value) for key, value in mine.state_dict().items())


@torch.no_grad()
def test_the_genre_term_of_the_logit_is_the_projection_of_the_last_maps(conditional: ModelConfig) -> None:
    """Miyato and Koyama 2018, eq. 3: unconditional logit, plus the embedded labels times the pooled features."""
    _, discriminator = pair(conditional)
    images = torch.rand(3, 3, *conditional.size) * 2 - 1
    labels = torch.tensor([[1.0, 0.0, -1.0], [0.0, 0.0, 0.0], [0.5, 1.0, 1.0]])
    maps = discriminator.layers[:-2](images)
    plain = nn.functional.conv2d(maps, discriminator.layers[-2].weight)[:, 0, 0, 0]
    for row in range(3):
        features = maps[row].mean((1, 2))
        direction = sum(labels[row, genre] * discriminator.embed.weight[:, genre] for genre in range(3))
        assert isinstance(direction, Tensor)
        expected = plain[row] + (direction * features).sum()
        assert discriminator.logit(images, labels)[row].item() == pytest.approx(expected.item(), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("label", [[1, 0], [1, 0, 0, 0], [2, 0, 0], [float("nan"), 0, 0]])
def test_labels_of_another_length_or_size_are_refused(label: list[float], conditional: ModelConfig) -> None:
    for network in pair(conditional):
        with pytest.raises(ValueError, match="Labels are 3 values from -1 to 1, one for each genre"):
            network.with_genres(label)


def test_a_plain_network_cannot_be_given_genres(tiny: ModelConfig) -> None:
    for network in (Generator(tiny), Discriminator(tiny)):
        with pytest.raises(ValueError, match="was not trained with genres"):
            network.with_genres([1.0])


def test_the_old_name_of_a_field_is_read(tiny: ModelConfig) -> None:
    record = asdict(replace(tiny, conditioned=True))
    record["given"] = record.pop("conditioned")
    assert ModelConfig.from_dict(record) == replace(tiny, conditioned=True)
