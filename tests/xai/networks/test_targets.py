"""What is explained: units, neurons, noise."""

from __future__ import annotations

import pytest
import torch

import gan
import xai
from tests.xai.nets import affine, discriminator, generator, hooks, noise, one_sentence, pictures, snapshot
from xai.networks.score import LOGIT, digest


@pytest.mark.parametrize("layer", ["layers.0", "layers.1", "layers.3", "layers.4", "layers.7"])
def test_the_score_of_a_unit_is_its_mean_and_of_a_neuron_its_answer(layer: str) -> None:
    network, images = discriminator(), pictures(3, 32)
    maps = xai.activations(network, images, [layer])[layer]
    for unit in (0, maps.shape[1] - 1):
        mean = xai.Score(network, layer=layer, unit=unit)
        corner = xai.Score(network, layer=layer, unit=unit, place=(0, maps.shape[3] - 1))
        assert torch.allclose(mean(images), maps[:, unit].mean((1, 2)), atol=1e-5)
        assert torch.allclose(corner(images), maps[:, unit, 0, -1], atol=1e-5)
        assert mean.chain is not None
        assert corner.chain is not None


def test_the_only_unit_of_the_last_layer_is_the_logit() -> None:
    network, images = discriminator(), pictures(3, 32)
    assert torch.allclose(xai.Score(network, layer="layers.8")(images), network.logit(images).detach(), atol=1e-5)


def test_a_score_keeps_what_it_was_asked_for() -> None:
    score = xai.Score(discriminator(), layer="layers.4", unit=7, place=(3, 5))
    assert (score.layer, score.unit, score.place) == ("layers.4", 7, (3, 5))
    plain = xai.Score(discriminator())
    assert (plain.layer, plain.unit, plain.place) == (None, None, None)


@pytest.mark.parametrize("unit", [-1, 8, 1000])
def test_a_unit_out_of_range_is_no_target(unit: int) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        xai.Score(discriminator(), layer="layers.4", unit=unit)
    assert "layers.4 has units 0 to 7" in one_sentence(caught.value)
    assert str(unit) in str(caught.value)


@pytest.mark.parametrize("place", [(-1, 0), (0, 8), (8, 0), (0, -1)])
def test_a_place_out_of_range_is_no_target(place: tuple[int, int]) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        xai.Score(discriminator(), layer="layers.4", unit=0, place=place)
    assert "(7, 7)" in one_sentence(caught.value)
    assert str(place) in str(caught.value)


@pytest.mark.parametrize("layer", ["layers.9", "layers.99", "layers", "conv", ""])
def test_a_layer_that_has_no_maps_is_no_target(layer: str) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        xai.Score(discriminator(), layer=layer)
    assert layer in one_sentence(caught.value)
    assert "layers.7" in str(caught.value)


def test_units_of_another_network_are_no_targets() -> None:
    for network in (affine(), generator()):
        with pytest.raises(xai.ExplanationError) as caught:
            xai.Score(network, layer="layers.0")
        assert "discriminator" in one_sentence(caught.value)


def test_a_target_leaves_the_discriminator_alone() -> None:
    network = discriminator().train()
    before = snapshot(network)
    xai.Score(network, layer="layers.4", unit=1)(pictures(2, 32))
    xai.Score.of_latents(generator(32).train(), network)(noise(2, 6, 1, 1))
    assert snapshot(network) == before
    assert hooks(network) == 0


# --- noise


def test_the_score_of_noise_is_that_of_the_poster_that_it_becomes() -> None:
    draws, judge = generator(32), discriminator()
    z = gan.latents(range(5), draws.config)
    score = xai.Score.of_latents(draws, judge)
    assert torch.allclose(score(z), judge.logit(draws(z)).detach(), atol=1e-5)
    assert score.chain is not None
    assert not score.of_pictures
    assert xai.Score(judge).of_pictures


def test_slopes_of_noise_are_torchs() -> None:
    draws, judge = generator(32), discriminator()
    z = gan.latents(range(3), draws.config).requires_grad_()
    (expected,) = torch.autograd.grad(judge.logit(draws(z)).sum(), z)
    _, gradients = xai.Score.of_latents(draws, judge).gradient(z.detach())
    assert torch.allclose(gradients, expected, atol=1e-5 * float(expected.abs().max()) + 1e-6)


def test_layers_of_both_networks_have_names_of_their_own() -> None:
    score = xai.Score.of_latents(generator(32), discriminator())
    z = noise(1, 6, 1, 1)
    for layer, shape in (("generator.3", (1, 8, 8, 8)), ("layers.4", (1, 8, 8, 8)), ("generator.2", (1, 16, 4, 4))):
        maps, gradients = score.layer_gradient(z, layer)
        assert maps.shape == gradients.shape == shape
        assert gradients.abs().max() > 0
    names = score.chain.names if score.chain else ()
    assert {"generator.1", "generator.10", "layers.0", "layers.8"} <= set(names)
    assert len(set(names)) == len(names)


def test_a_generator_and_a_discriminator_of_other_sizes_do_not_fit() -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        xai.Score.of_latents(generator(16), discriminator(32))
    assert "16" in one_sentence(caught.value)
    assert "32" in str(caught.value)


@pytest.mark.parametrize("shape", [(1, 3, 32, 32), (1, 5, 1, 1), (1, 6, 2, 2), (6, 1, 1)])
def test_what_is_no_noise_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        xai.Score.of_latents(generator(32), discriminator())(torch.zeros(shape))
    assert "(N, 6, 1, 1)" in one_sentence(caught.value)


def test_a_score_says_what_high_and_low_mean() -> None:
    network = discriminator()
    assert xai.Score(network).meaning == xai.Score.of_latents(generator(32), network).meaning == LOGIT
    assert (LOGIT.high, LOGIT.low, LOGIT.unit) == ("real", "fake", "logit")
    unit = xai.Score(network, layer="layers.4", unit=3).meaning
    assert "filter 3 of layers.4" in unit.name
    assert unit.unit == "activation"
    assert "real" not in unit.high
    assert "row 1, column 2" in xai.Score(network, layer="layers.4", unit=3, place=(1, 2)).meaning.name
    assert xai.Score(affine()).meaning.unit == "output"


def test_a_digest_tells_values_and_shapes_apart_and_nothing_else() -> None:
    x = noise(2, 3, 4, 4)
    assert digest(x) == digest(x.clone()) == digest(x.contiguous(memory_format=torch.channels_last))
    moved = x.clone()
    moved[1, 2, 3, 3] += 1e-6
    assert len({digest(x), digest(moved), digest(x.reshape(3, 2, 4, 4)), digest(x[:1])}) == 4
