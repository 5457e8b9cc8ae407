from __future__ import annotations

import pytest
import torch
from torch import nn

import xai
from tests.xai.nets import affine, discriminator, hooks, noise, one_sentence, pictures, snapshot, weights


def test_the_score_of_a_discriminator_is_its_logit() -> None:
    network, images = discriminator(), pictures(3, 32)
    score = xai.Score(network)(images)
    assert torch.allclose(score, network.logit(images), atol=1e-5)  # BatchNorm is folded: not the last bits
    assert torch.allclose(score.sigmoid(), network(images), atol=1e-5)


def test_the_score_is_one_number_a_picture() -> None:
    assert xai.Score(discriminator())(pictures(3, 32)).shape == (3,)


def test_a_discriminator_that_is_certain_still_has_a_slope() -> None:
    network, images = discriminator(), pictures(1, 32)
    with torch.no_grad():
        network.layers[-2].weight *= 1e4
    assert network(images).item() in (0.0, 1.0)
    assert xai.Score(network).gradient(images)[1].abs().max() > 1


def test_a_discriminator_in_train_mode_is_scored_in_eval_mode_and_learns_nothing() -> None:
    network, images = discriminator(), pictures(3, 32)
    expected = xai.Score(network)(images)
    network.train()
    before = snapshot(network)
    assert torch.equal(xai.Score(network)(images), expected)
    assert snapshot(network) == before


def test_any_module_with_one_output_is_a_score() -> None:
    network = affine()
    images = noise(4, 3, 8, 8)
    assert torch.allclose(xai.Score(network)(images), network(images)[:, 0], rtol=1e-6)


def test_a_module_with_a_number_a_place_is_a_score_only_where_there_is_one_place() -> None:
    score = xai.Score(nn.Conv2d(3, 1, 4))
    assert score(noise(2, 3, 4, 4)).shape == (2,)
    with pytest.raises(xai.ExplanationError) as caught:
        score(noise(2, 3, 5, 5))
    assert "(4,)" in one_sentence(caught.value)


def test_a_module_with_two_outputs_is_no_score() -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        xai.Score(nn.Sequential(nn.Flatten(), nn.Linear(192, 2)))(noise(1, 3, 8, 8))
    assert "(2,)" in one_sentence(caught.value)


@pytest.mark.parametrize("shape", [(1, 3, 16, 16), (1, 3, 64, 64), (1, 3, 32, 33), (1, 1, 32, 32), (3, 32, 32)])
def test_a_discriminator_refuses_pictures_of_another_size(shape: tuple[int, ...]) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        xai.Score(discriminator())(torch.zeros(shape))
    assert "(N, 3, 32, 32)" in one_sentence(caught.value)


def test_the_gradient_of_an_affine_score_is_its_weight() -> None:
    network = affine()
    images = noise(2, 3, 8, 8)
    scores, gradient = xai.Score(network).gradient(images)
    assert torch.equal(gradient, weights(network, 8).expand(2, 3, 8, 8))
    assert torch.allclose(scores, network(images)[:, 0], atol=1e-6)


def test_the_gradient_agrees_with_finite_differences() -> None:
    score = xai.Score(discriminator().double())
    image, direction, step = noise(1, 3, 32, 32).double(), noise(1, 3, 32, 32, seed=1).double(), 1e-6
    slope = (score(image + step * direction) - score(image - step * direction)) / (2 * step)
    assert torch.allclose((score.gradient(image)[1] * direction).sum(), slope[0], rtol=1e-6)


def test_the_gradient_is_there_also_where_gradients_are_switched_off() -> None:
    network = affine()
    with torch.no_grad():
        _, gradient = xai.Score(network).gradient(noise(1, 3, 8, 8))
    assert torch.equal(gradient, weights(network, 8))


def test_the_gradient_leaves_the_picture_and_the_network_alone() -> None:
    network, images = discriminator(), pictures(1, 32)
    before = snapshot(network)
    xai.Score(network).gradient(images)
    assert snapshot(network) == before
    assert images.grad is None
    assert not images.requires_grad


def test_every_module_for_a_library_is_a_copy_of_its_own_with_the_same_memory() -> None:
    score = xai.Score(discriminator())
    one, two = score.module(), score.module()
    one.register_forward_hook(lambda *_: None)
    assert hooks(one) == 1
    assert hooks(two) == 0
    assert hooks(score.module()) == 0
    assert [p.data_ptr() for p in one.parameters()] == [p.data_ptr() for p in two.parameters()]


def test_a_module_for_a_library_gives_a_column_and_changes_nothing_in_place() -> None:
    score, images = xai.Score(discriminator()), pictures(2, 32)
    module = score.module()
    assert torch.allclose(module(images), score(images)[:, None], atol=1e-5)
    assert not any(getattr(part, "inplace", False) for part in module.modules())
    assert not any(part.training for part in module.modules())


def test_the_score_of_a_unit_draws_no_random_numbers() -> None:
    network = discriminator(16)
    before = torch.get_rng_state()
    xai.Score(network, "layers.1", 2)
    assert torch.equal(torch.get_rng_state(), before)
