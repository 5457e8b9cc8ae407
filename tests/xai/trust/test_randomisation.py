from __future__ import annotations

import torch
from torch import Tensor, nn

import xai
from tests.xai.nets import discriminator, generator, noise, pictures, scramble, snapshot
from xai.trust.randomisation import linear_layers, randomise


def state(score: xai.Score) -> dict[str, Tensor]:
    return score.module().state_dict()


def changed(score: xai.Score, other: xai.Score) -> list[str]:
    """Names of the tensors that differ."""
    return [name for name, tensor in state(score).items() if not torch.equal(tensor, state(other)[name])]


def test_nothing_shuffled_is_the_same_score() -> None:
    score, images = xai.Score(discriminator()), pictures(3, 32)
    assert changed(score, randomise(score, 0)) == []
    assert torch.equal(score(images), randomise(score, 0)(images))


def test_the_last_layers_and_their_batchnorms_are_shuffled_from_the_end() -> None:
    score = xai.Score(discriminator())
    assert linear_layers(score) == 4
    expected = [["8.weight"], ["5.weight", "6.weight", "6.bias"], ["2.weight", "3.weight", "3.bias"], ["0.weight"]]
    for layers in range(1, 5):
        names = {f"layers.{name}" for group in expected[:layers] for name in group}
        assert set(changed(score, randomise(score, layers))) == names
    assert changed(score, randomise(score, 99)) == changed(score, randomise(score, 4))


def test_shuffled_tensors_keep_their_values_and_statistics_stay() -> None:
    score = xai.Score(discriminator())
    before, after = state(score), state(randomise(score, 4))
    for name, tensor in before.items():
        assert torch.equal(tensor.flatten().sort().values, after[name].flatten().sort().values)
        if "running" in name or "num_batches" in name:
            assert torch.equal(tensor, after[name])


def test_more_layers_shuffle_the_last_ones_in_the_same_way() -> None:
    score = xai.Score(discriminator())
    for seed in (0, 1):
        for layers in range(1, 4):
            less, more = randomise(score, layers, seed), randomise(score, layers + 1, seed)
            assert not set(changed(less, more)) & set(changed(score, less))


def test_another_seed_shuffles_in_another_way() -> None:
    score = xai.Score(discriminator())
    assert changed(randomise(score, 2, 5), randomise(score, 2, 5)) == []
    assert len(changed(randomise(score, 2, 5), randomise(score, 2, 6))) == 4


def test_shuffling_leaves_the_score_and_the_discriminator_and_the_global_random_state_alone() -> None:
    network, images = discriminator(), pictures(3, 32)
    score = xai.Score(network)
    before, scores, drawn = snapshot(network), score(images), torch.get_rng_state()
    shuffled = randomise(score, 4)
    assert not torch.allclose(shuffled(images), scores, atol=1e-3)
    assert snapshot(network) == before
    assert torch.equal(score(images), scores)
    assert torch.equal(torch.get_rng_state(), drawn)


def test_a_shuffled_score_explains_itself_and_remembers_nothing_of_the_first() -> None:
    score, images = xai.Score(discriminator()), pictures(1, 32)
    first = {name: xai.attribution(name, score).attribute(images) for name in ("deeplift", "deepshap", "shapley")}
    shuffled = randomise(score, 2)
    for name, explanation in first.items():
        other = xai.attribution(name, shuffled).attribute(images)
        assert other.gap.abs().max() < 1e-4
        assert torch.allclose(other.score, shuffled(images), atol=1e-5)
        assert not torch.allclose(other.values, explanation.values, rtol=0.1)
    assert torch.allclose(shuffled(images), shuffled.module()(images)[:, 0], atol=1e-5)


def test_the_pick_of_a_unit_is_not_shuffled() -> None:
    score = xai.Score(discriminator(), layer="layers.4", unit=3)
    assert linear_layers(score) == 2
    assert not [name for name in changed(score, randomise(score, 2)) if "pick" in name]


def test_of_noise_the_discriminator_is_shuffled_first() -> None:
    score = xai.Score.of_latents(generator(32), discriminator())
    assert linear_layers(score) == 8
    assert all(name.startswith("layers.") for name in changed(score, randomise(score, 4)))
    assert any(name.startswith("generator.") for name in changed(score, randomise(score, 5)))


def test_a_network_that_is_no_chain_can_be_shuffled() -> None:
    network = scramble(lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.GELU(), nn.Flatten(), nn.Linear(144, 1)))
    score, images = xai.Score(network), noise(2, 3, 8, 8)
    shuffled = randomise(score, 1)
    assert shuffled.chain is None
    assert not torch.allclose(shuffled(images), score(images), atol=1e-3)
