"""What is explained: units, neurons, noise; the same network with shuffled weights; what a score remembers."""

from __future__ import annotations

import threading

import pytest
import torch
from torch import Tensor, nn

import gan
import xai
from tests.xai.nets import (
    affine,
    discriminator,
    generator,
    hooks,
    in_threads,
    noise,
    one_sentence,
    pictures,
    scramble,
    snapshot,
)
from xai.networks.score import KEPT, digest


@pytest.mark.parametrize("layer", ["layers.0", "layers.1", "layers.3", "layers.4", "layers.7"])
def test_the_score_of_a_unit_is_its_mean_and_of_a_neuron_its_answer(layer: str) -> None:
    network, images = discriminator(), pictures(3, 32)
    maps = xai.activations(network, images, [layer])[layer]
    for unit in (0, maps.shape[1] - 1):
        mean = xai.Score(network, layer=layer, unit=unit)
        corner = xai.Score(network, layer=layer, unit=unit, place=(0, maps.shape[3] - 1))
        assert torch.allclose(mean(images), maps[:, unit].mean((1, 2)), atol=1e-5)
        assert torch.allclose(corner(images), maps[:, unit, 0, -1], atol=1e-5)
        assert mean.chain is not None and corner.chain is not None


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
    assert "layers.4 has units 0 to 7" in one_sentence(caught.value) and str(unit) in str(caught.value)


@pytest.mark.parametrize("place", [(-1, 0), (0, 8), (8, 0), (0, -1)])
def test_a_place_out_of_range_is_no_target(place: tuple[int, int]) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        xai.Score(discriminator(), layer="layers.4", unit=0, place=place)
    assert "(7, 7)" in one_sentence(caught.value) and str(place) in str(caught.value)


@pytest.mark.parametrize("layer", ["layers.9", "layers.99", "layers", "conv", ""])
def test_a_layer_that_has_no_maps_is_no_target(layer: str) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        xai.Score(discriminator(), layer=layer)
    assert layer in one_sentence(caught.value) and "layers.7" in str(caught.value)


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
    assert snapshot(network) == before and hooks(network) == 0


# --- noise


def test_the_score_of_noise_is_that_of_the_poster_that_it_becomes() -> None:
    draws, judge = generator(32), discriminator()
    z = gan.latents(range(5), draws.config)
    score = xai.Score.of_latents(draws, judge)
    assert torch.allclose(score(z), judge.logit(draws(z)).detach(), atol=1e-5)
    assert score.chain is not None and not score.of_pictures and xai.Score(judge).of_pictures


def test_slopes_of_noise_are_torchs() -> None:
    draws, judge = generator(32), discriminator()
    z = gan.latents(range(3), draws.config).requires_grad_()
    (expected,) = torch.autograd.grad(judge.logit(draws(z)).sum(), z)
    _, slopes = xai.Score.of_latents(draws, judge).gradient(z.detach())
    assert torch.allclose(slopes, expected, atol=1e-5 * float(expected.abs().max()) + 1e-6)


def test_layers_of_both_networks_have_names_of_their_own() -> None:
    score = xai.Score.of_latents(generator(32), discriminator())
    z = noise(1, 6, 1, 1)
    for layer, shape in (("generator.3", (1, 8, 8, 8)), ("layers.4", (1, 8, 8, 8)), ("generator.2", (1, 16, 4, 4))):
        maps, slopes = score.layer_gradient(z, layer)
        assert maps.shape == slopes.shape == shape and slopes.abs().max() > 0
    names = score.chain.names if score.chain else ()
    assert {"generator.1", "generator.10", "layers.0", "layers.8"} <= set(names) and len(set(names)) == len(names)


def test_a_generator_and_a_discriminator_of_other_sizes_do_not_fit() -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        xai.Score.of_latents(generator(16), discriminator(32))
    assert "16" in one_sentence(caught.value) and "32" in str(caught.value)


@pytest.mark.parametrize("shape", [(1, 3, 32, 32), (1, 5, 1, 1), (1, 6, 2, 2), (6, 1, 1)])
def test_what_is_no_noise_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        xai.Score.of_latents(generator(32), discriminator())(torch.zeros(shape))
    assert "(N, 6, 1, 1)" in one_sentence(caught.value)


# --- shuffled weights


def state(score: xai.Score) -> dict[str, Tensor]:
    return score.module().state_dict()


def changed(score: xai.Score, other: xai.Score) -> list[str]:
    """Names of the tensors that differ."""
    return [name for name, tensor in state(score).items() if not torch.equal(tensor, state(other)[name])]


def test_nothing_shuffled_is_the_same_score() -> None:
    score, images = xai.Score(discriminator()), pictures(3, 32)
    assert changed(score, score.randomised(0)) == []
    assert torch.equal(score(images), score.randomised(0)(images))


def test_the_last_layers_and_their_batchnorms_are_shuffled_from_the_end() -> None:
    score = xai.Score(discriminator())
    assert score.linear_layers == 4
    expected = [["8.weight"], ["5.weight", "6.weight", "6.bias"], ["2.weight", "3.weight", "3.bias"], ["0.weight"]]
    for layers in range(1, 5):
        names = {f"layers.{name}" for group in expected[:layers] for name in group}
        assert set(changed(score, score.randomised(layers))) == names
    assert changed(score, score.randomised(99)) == changed(score, score.randomised(4))


def test_shuffled_tensors_keep_their_values_and_statistics_stay() -> None:
    score = xai.Score(discriminator())
    before, after = state(score), state(score.randomised(4))
    for name, tensor in before.items():
        assert torch.equal(tensor.flatten().sort().values, after[name].flatten().sort().values)
        if "running" in name or "num_batches" in name:
            assert torch.equal(tensor, after[name])


def test_more_layers_shuffle_the_last_ones_in_the_same_way() -> None:
    score = xai.Score(discriminator())
    for seed in (0, 1):
        for layers in range(1, 4):
            less, more = score.randomised(layers, seed), score.randomised(layers + 1, seed)
            assert not set(changed(less, more)) & set(changed(score, less))


def test_another_seed_shuffles_in_another_way() -> None:
    score = xai.Score(discriminator())
    assert changed(score.randomised(2, 5), score.randomised(2, 5)) == []
    assert len(changed(score.randomised(2, 5), score.randomised(2, 6))) == 4


def test_shuffling_leaves_the_score_and_the_discriminator_and_the_global_random_state_alone() -> None:
    network, images = discriminator(), pictures(3, 32)
    score = xai.Score(network)
    before, scores, drawn = snapshot(network), score(images), torch.get_rng_state()
    shuffled = score.randomised(4)
    assert not torch.allclose(shuffled(images), scores, atol=1e-3)
    assert snapshot(network) == before and torch.equal(score(images), scores)
    assert torch.equal(torch.get_rng_state(), drawn)


def test_a_shuffled_score_explains_itself_and_remembers_nothing_of_the_first() -> None:
    score, images = xai.Score(discriminator()), pictures(1, 32)
    first = {name: xai.attribution(name, score).attribute(images) for name in ("deeplift", "deepshap", "shapley")}
    shuffled = score.randomised(2)
    for name, explanation in first.items():
        other = xai.attribution(name, shuffled).attribute(images)
        assert other.gap.abs().max() < 1e-4 and torch.allclose(other.score, shuffled(images), atol=1e-5)
        assert not torch.allclose(other.values, explanation.values, rtol=0.1)
    assert torch.allclose(shuffled(images), shuffled.module()(images)[:, 0], atol=1e-5)


def test_the_pick_of_a_unit_is_not_shuffled() -> None:
    score = xai.Score(discriminator(), layer="layers.4", unit=3)
    assert score.linear_layers == 2
    assert not [name for name in changed(score, score.randomised(2)) if "pick" in name]


def test_of_noise_the_discriminator_is_shuffled_first() -> None:
    score = xai.Score.of_latents(generator(32), discriminator())
    assert score.linear_layers == 8
    assert all(name.startswith("layers.") for name in changed(score, score.randomised(4)))
    assert any(name.startswith("generator.") for name in changed(score, score.randomised(5)))


def test_a_network_that_is_no_chain_can_be_shuffled() -> None:
    network = scramble(lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.GELU(), nn.Flatten(), nn.Linear(144, 1)))
    score, images = xai.Score(network), noise(2, 3, 8, 8)
    shuffled = score.randomised(1)
    assert shuffled.chain is None and not torch.allclose(shuffled(images), score(images), atol=1e-3)


# --- memory


def test_an_answer_is_made_once() -> None:
    score, made = xai.Score(affine()), []
    for _ in range(3):
        assert score.remembered("key", lambda: made.append(1) or "answer") == "answer"
    assert len(made) == 1


def test_the_answer_that_was_not_wanted_for_longest_goes_first() -> None:
    score, made = xai.Score(affine()), []

    def ask(key: int) -> int:
        return score.remembered(key, lambda: made.append(key) or key)

    for key in range(KEPT):
        ask(key)
    ask(0)  # wanted again: the oldest is 1 now
    ask(KEPT)
    assert made == list(range(KEPT + 1))
    ask(0), ask(2), ask(KEPT)
    assert len(made) == KEPT + 1
    ask(1)
    assert made[-1] == 1


def test_what_could_not_be_made_is_not_remembered() -> None:
    score = xai.Score(affine())
    with pytest.raises(ZeroDivisionError):
        score.remembered("key", lambda: 1 / 0)
    assert score.remembered("key", lambda: 2) == 2


def test_an_answer_can_ask_for_another_one_while_it_is_made() -> None:
    score = xai.Score(affine())
    assert score.remembered("outer", lambda: score.remembered("inner", lambda: 1) + 1) == 2


def test_all_threads_get_the_same_answer_object() -> None:
    score, made = xai.Score(affine()), []
    lock = threading.Lock()

    def make() -> object:
        with lock:
            made.append(object())
            return made[-1]

    def job(_: int) -> list[object]:
        return [score.remembered(key, make) for key in range(20)]

    answers = in_threads(12, job)
    assert all(found is expected for row in answers for found, expected in zip(row, answers[0], strict=True))
    again = [score.remembered(key, object) for key in range(20)]
    assert all(found is expected for found, expected in zip(again, answers[0], strict=True))


def test_many_threads_with_many_keys_keep_no_more_than_allowed() -> None:
    score = xai.Score(affine())
    found = in_threads(8, lambda index: [score.remembered((index, key), lambda key=key: key) for key in range(100)])  # type: ignore[misc]
    assert found == [list(range(100))] * 8
    fresh: list[object] = []
    for index in range(8):
        for key in range(100):
            score.remembered((index, key), lambda: fresh.append(1))
    assert len(fresh) >= 800 - KEPT


def test_a_digest_tells_values_and_shapes_apart_and_nothing_else() -> None:
    x = noise(2, 3, 4, 4)
    assert digest(x) == digest(x.clone()) == digest(x.contiguous(memory_format=torch.channels_last))
    moved = x.clone()
    moved[1, 2, 3, 3] += 1e-6
    assert len({digest(x), digest(moved), digest(x.reshape(3, 2, 4, 4)), digest(x[:1])}) == 4
