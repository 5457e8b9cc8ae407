from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import gan
import xai
from tests.xai.nets import generator, hooks, noise, one_sentence, snapshot
from xai.generator.ablation import Ablation, ablate
from xai.networks import layers
from xai.networks.layers import active_fraction, mean_responses, order_units

DRAWS_A_PATCH, DEAD, ALWAYS_ON = 0, 1, 2


@pytest.fixture
def hand_built() -> gan.Generator:
    """8 x 8 pictures. Unit 0 draws rows and columns 1 to 4; unit 1 never fires; unit 2 always does."""
    network = gan.Generator(gan.ModelConfig(resolution=8, latent=3, width=3)).eval()
    first, norm, _, last, _ = network.layers
    with torch.no_grad():
        first.weight.zero_()
        first.weight[0, DRAWS_A_PATCH, 1, 1] = 1.0
        norm.weight.fill_(1.0)
        norm.bias.copy_(torch.tensor([0.0, -5.0, 2.0]))
        last.weight.fill_(0.1)
    return network


def latent(*values: float) -> Tensor:
    return torch.tensor(values).reshape(1, -1, 1, 1)


def brightness() -> xai.Score:
    """A score that adds all pixels up."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(192, 1, bias=False))
    nn.init.ones_(network[1].weight)
    return xai.Score(network)


def labels(network: nn.Module, example: Tensor) -> list[str]:
    return [layer.label for layer in layers.layers(network, example)]


def test_layers_of_a_generator_are_shown_with_shape_and_kind() -> None:
    shown = labels(gan.Generator(), noise(1, 100, 1, 1))
    assert shown[:4] == [
        "layers.0 - 512 x 4 x 4 - ConvTranspose2d",
        "layers.1 - 512 x 4 x 4 - BatchNorm2d",
        "layers.2 - 512 x 4 x 4 - ReLU",
        "layers.3 - 256 x 8 x 8 - ConvTranspose2d",
    ]
    assert shown[-1] == "layers.13 - 3 x 64 x 64 - Tanh"
    assert len(shown) == 14


def test_layers_of_a_discriminator_are_shown_with_shape_and_kind() -> None:
    shown = labels(gan.Discriminator(), noise(1, 3, 64, 64))
    assert shown[0] == "layers.0 - 64 x 32 x 32 - Conv2d"
    assert shown[7] == "layers.7 - 256 x 8 x 8 - LeakyReLU"
    assert shown[-1] == "layers.12 - 1 x 1 x 1 - Sigmoid"
    assert len(shown) == 13


def test_networks_of_128_pixels_have_one_more_block() -> None:
    config = gan.ModelConfig(resolution=128, width=8)
    drawn = labels(gan.Generator(config), noise(1, 100, 1, 1))
    judged = labels(gan.Discriminator(config), noise(1, 3, 128, 128))
    assert (drawn[-1], len(drawn)) == ("layers.16 - 3 x 128 x 128 - Tanh", 17)
    assert drawn[0] == "layers.0 - 128 x 4 x 4 - ConvTranspose2d"
    assert (judged[0], len(judged)) == ("layers.0 - 8 x 64 x 64 - Conv2d", 16)


def test_looking_at_the_layers_leaves_the_network_alone() -> None:
    network = generator().train()
    before = snapshot(network)
    layers.layers(network, noise(1, 6, 1, 1))
    assert snapshot(network) == before


def test_a_network_without_a_sequential_has_no_layers() -> None:
    network = nn.Module()
    network.layers = nn.Identity()
    with pytest.raises(xai.ExplanationError) as caught:
        layers.layers(network, noise(1, 3, 8, 8))
    assert "layers" in one_sentence(caught.value)


@pytest.mark.parametrize("layer", ["layers.0", "layers.1", "layers.2"])
def test_without_a_unit_only_the_patch_that_it_draws_changes(hand_built: gan.Generator, layer: str) -> None:
    effect = ablate(hand_built, latent(1.0, 0.0, 0.0), layer, DRAWS_A_PATCH, Ablation("zero"))
    inside = torch.zeros(8, 8, dtype=torch.bool)
    inside[1:5, 1:5] = True
    assert (effect.difference[0, :, inside] > 0.01).all()
    assert (effect.difference[0, :, ~inside] == 0).all()


def test_the_effect_shows_the_units_own_map(hand_built: gan.Generator) -> None:
    effect = ablate(hand_built, latent(3.0, 0.0, 0.0), "layers.0", DRAWS_A_PATCH, Ablation("zero"))
    expected = torch.zeros(4, 4)
    expected[1, 1] = 3.0
    assert torch.equal(effect.unit_map, expected)
    other = ablate(hand_built, latent(3.0, 0.0, 0.0), "layers.2", ALWAYS_ON, Ablation("zero"))
    assert torch.equal(other.unit_map, torch.full((4, 4), 2.0))


def test_a_unit_that_is_already_silent_for_this_picture_is_not_missed(hand_built: gan.Generator) -> None:
    effect = ablate(hand_built, latent(-1.0, 0.0, 0.0), "layers.2", DRAWS_A_PATCH, Ablation("zero"))
    assert torch.equal(effect.before, effect.after)


@pytest.mark.parametrize("by", ["mean", "zero"])
def test_a_dead_unit_changes_nothing(hand_built: gan.Generator, by: str) -> None:
    effect = ablate(hand_built, latent(1.0, 2.0, 3.0), "layers.2", DEAD, Ablation(by), brightness())
    assert torch.equal(effect.before, effect.after)
    assert effect.removed == 0.0
    assert effect.score_change == 0.0


def test_a_unit_that_never_varies_is_missed_at_zero_and_not_at_its_mean(hand_built: gan.Generator) -> None:
    z = latent(1.0, 2.0, 3.0)
    at_mean = ablate(hand_built, z, "layers.2", ALWAYS_ON, Ablation("mean"))
    at_zero = ablate(hand_built, z, "layers.2", ALWAYS_ON, Ablation("zero"))
    assert at_mean.removed == pytest.approx(2.0, abs=1e-6)
    assert at_mean.difference.abs().max() < 1e-6
    assert at_zero.difference.min() > 0.1


def test_the_mean_is_taken_over_many_seeds_and_all_places(hand_built: gan.Generator) -> None:
    z = gan.latents(layers.MEAN_SEEDS, hand_built.config)
    expected = xai.activations(hand_built, z, ["layers.2"])["layers.2"].mean((0, 2, 3))
    means = layers.unit_means(hand_built, "layers.2")
    assert means.shape == (3,)
    assert torch.equal(means, expected)
    assert 0 < means[DRAWS_A_PATCH] < 0.1  # on for half of the seeds, at one place of 16
    effect = ablate(hand_built, latent(1.0, 0.0, 0.0), "layers.2", DRAWS_A_PATCH)
    assert effect.removed == pytest.approx(float(means[DRAWS_A_PATCH]))


def test_the_score_falls_without_a_unit_that_speaks_for_it(hand_built: gan.Generator) -> None:
    score = brightness()
    effect = ablate(hand_built, latent(1.0, 0.0, 0.0), "layers.2", DRAWS_A_PATCH, Ablation("zero"), score)
    assert effect.score_before == pytest.approx(float(score(effect.before)))
    assert effect.score_after == pytest.approx(float(score(effect.after)))
    assert effect.score_change == pytest.approx(-float(effect.difference.sum()), rel=1e-4)
    assert effect.score_change < 0


def test_without_a_score_there_is_no_change_of_it(hand_built: gan.Generator) -> None:
    assert ablate(hand_built, latent(1.0, 0.0, 0.0), "layers.2", 0).score_change is None


def test_ablating_a_generator_in_train_mode_draws_in_eval_mode_and_leaves_it_alone() -> None:
    network = generator(16)
    z = gan.latents([5], network.config)
    expected = network(z)
    network.train()
    before = snapshot(network)
    effect = ablate(network, z, "layers.2", 3)
    assert torch.equal(effect.before, expected)
    assert snapshot(network) == before
    assert hooks(network) == 0


@pytest.mark.parametrize("unit", [-1, 3])
def test_a_unit_that_does_not_exist_cannot_be_ablated(hand_built: gan.Generator, unit: int) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        ablate(hand_built, latent(1.0, 0.0, 0.0), "layers.2", unit)
    assert "units 0 to 2" in one_sentence(caught.value)


def test_a_layer_that_does_not_exist_cannot_be_ablated(hand_built: gan.Generator) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        ablate(hand_built, latent(1.0, 0.0, 0.0), "layers.5", 0)
    assert "layers.5" in one_sentence(caught.value)


def test_units_are_ordered_by_index_by_activation_and_by_effect() -> None:
    maps = np.array([[[1.0, -1.0]], [[-3.0, -3.0]], [[0.0, 0.5]]], np.float32)
    assert order_units(maps, "index") == [0, 1, 2]
    assert order_units(maps, "activation") == [1, 0, 2]
    assert order_units(maps, "effect", np.array([0.1, 0.1, 0.5], np.float32)) == [2, 0, 1]
    assert order_units(maps, "effect") == [0, 1, 2]  # not measured
    assert mean_responses(maps).tolist() == [0, -3, 0.25]
    assert [active_fraction(one) for one in maps] == [0.5, 0, 0.5]


def test_the_difference_map_is_the_mean_over_colours(hand_built: gan.Generator) -> None:
    effect = ablate(hand_built, latent(1.0, 0.0, 0.0), "layers.2", DRAWS_A_PATCH)
    assert torch.equal(effect.difference_map, effect.difference[0].mean(0))
