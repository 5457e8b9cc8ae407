"""What each method says where the right answer is known, and what all of them keep."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, leaky_relu

import xai
from gan.evaluation.calibration import shift_logits
from tests.xai.nets import (
    affine,
    discriminator,
    hooks,
    in_threads,
    noise,
    one_sentence,
    pictures,
    quick,
    same,
    scramble,
    snapshot,
    weights,
)

METHODS = list(xai.METHODS)
EVERYTHING: dict[str, dict[str, Any]] = {"integrated_gradients": {"tolerance": 1e-3, "most_steps": 2049}}
COMPLETE = [name for name in METHODS if xai.METHODS[name].complete]
PIXEL = [name for name in METHODS if xai.METHODS[name].granularity == "pixel"]
REFERENCED = [name for name in METHODS if xai.METHODS[name].needs_reference]
every_method = pytest.mark.parametrize("name", METHODS)
every_complete_method = pytest.mark.parametrize("name", COMPLETE)
every_pixel_method = pytest.mark.parametrize("name", PIXEL)
every_referenced_method = pytest.mark.parametrize("name", REFERENCED)


def own(images: Tensor) -> xai.Reference:
    return xai.reference("posters", images=images)


class BrokenError(Exception):
    pass


def break_down(*_: Any, **__: Any) -> NoReturn:
    raise BrokenError


def by_segment(values: Tensor, segments: Tensor) -> Tensor:
    """Sum of a map (C, H, W) over each of its segments."""
    return torch.zeros(int(segments.max()) + 1).index_add_(0, segments.flatten(), values.sum(0).flatten())


@every_method
def test_where_the_zero_is_set_changes_no_map(name: str) -> None:
    """All differences of logits stay, so what was measured of a D holds for it once it is calibrated, too."""
    network, images = discriminator(), pictures(2, 32)
    plain, shifted = xai.Score(network), xai.Score(shift_logits(network, 1.7))
    expected, found = (quick(name, score, seed=3).attribute(images) for score in (plain, shifted))
    assert torch.allclose(found.values, expected.values, atol=1e-5 * float(expected.values.abs().max()) + 1e-7)
    assert torch.allclose(found.score, expected.score + 1.7, atol=1e-5)


# --- an affine score: everybody knows the answer


@every_complete_method
@pytest.mark.parametrize("count", [1, 3])
def test_shares_of_an_affine_score_are_exact(name: str, count: int) -> None:
    network, images, references = affine(), noise(2, 3, 8, 8, seed=1), noise(count, 3, 8, 8, seed=2)
    explanation = xai.attribution(name, xai.Score(network), reference=own(references)).attribute(images)
    exact = weights(network, 8) * (images - references.mean(0))
    if explanation.segments is None:
        assert torch.allclose(explanation.values, exact, atol=1e-5)
    for row in range(2 if explanation.segments is not None else 0):
        found, true = (by_segment(values[row], explanation.segments[row]) for values in (explanation.values, exact))
        assert torch.allclose(found, true, atol=1e-5)
    assert explanation.gap.abs().max() < 1e-5


@every_pixel_method
def test_a_dead_pixel_gets_nothing(name: str) -> None:
    network = affine()
    with torch.no_grad():
        network[1].weight.reshape(3, 8, 8)[:, 2, 5] = 0
    values = xai.attribution(name, xai.Score(network)).attribute(noise(2, 3, 8, 8)).values
    assert (values[:, :, 2, 5] == 0).all()
    assert (values != 0).sum() == 2 * 3 * 63


@every_pixel_method
def test_a_colour_that_a_deep_discriminator_does_not_see_gets_nothing(name: str) -> None:
    network = discriminator()
    with torch.no_grad():
        network.layers[0].weight[:, 1] = 0
    values = quick(name, xai.Score(network)).attribute(pictures(1, 32)).values
    assert (values[:, 1] == 0).all()
    assert values[:, 0].abs().max() > 0
    assert values[:, 2].abs().max() > 0


@pytest.mark.parametrize("name", [name for name in PIXEL if xai.METHODS[name].needs_reference])
def test_a_pixel_that_is_as_in_the_reference_gets_nothing(name: str) -> None:
    images, reference = pictures(1, 32), pictures(1, 32, first=1)
    images[:, :, 10:20, 5:9] = reference[:, :, 10:20, 5:9]
    values = quick(name, xai.Score(discriminator()), reference=own(reference)).attribute(images).values
    assert (values[:, :, 10:20, 5:9] == 0).all()
    assert values.abs().max() > 0


@every_referenced_method
@pytest.mark.parametrize("kind", ["grey", "black", "blur"])
def test_a_plain_picture_that_equals_its_reference_gets_an_empty_map(name: str, kind: str) -> None:
    images = torch.full((1, 3, 32, 32), -1.0 if kind == "black" else 0.0)
    explanation = quick(name, xai.Score(discriminator()), reference=xai.reference(kind)).attribute(images)
    assert explanation.values.abs().max() < 1e-6
    assert torch.allclose(explanation.score, explanation.base_score)


@every_method
@pytest.mark.parametrize("level", [-1.0, 0.0, 1.0])
def test_a_plain_picture_is_explained_without_a_crash(name: str, level: float) -> None:
    explanation = quick(name, xai.Score(discriminator())).attribute(torch.full((1, 3, 32, 32), level))
    assert explanation.values.isfinite().all()
    assert all(tensor.double().isfinite().all() for tensor in explanation.diagnostics.values())


# --- deep networks: two libraries, a hand-written rule, and sums


@pytest.fixture(scope="module")
def judge() -> xai.Score:
    return xai.Score(discriminator(64, 16))


@pytest.fixture(scope="module")
def spread(judge: xai.Score) -> float:
    """The range of the logits of twenty posters: what a gap or a difference is compared with."""
    logits = judge(pictures(20, 64))
    assert 0.3 < logits.max() - logits.min() < 30
    return float(logits.max() - logits.min())


def test_shap_and_captum_agree_on_a_deep_discriminator(judge: xai.Score, spread: float) -> None:
    from captum.attr import DeepLiftShap

    images, references = pictures(2, 64), pictures(4, 64, first=10)
    ours = xai.attribution("deepshap", judge, reference=own(references)).attribute(images).values
    theirs = DeepLiftShap(judge.module()).attribute(images, references)
    assert (ours - theirs).abs().max() < 1e-4 * spread
    assert (ours - theirs).sum((1, 2, 3)).abs().max() < 1e-4 * spread
    assert ours.abs().max() > 1e-3 * spread


def test_deepshap_with_one_reference_is_deeplift(judge: xai.Score, spread: float) -> None:
    images = pictures(1, 64)
    one, other = (xai.attribution(name, judge).attribute(images).values for name in ("deepshap", "deeplift"))
    assert (one - other).abs().max() < 1e-4 * spread


def test_deepshap_is_the_average_of_deeplift_over_references() -> None:
    score, images, references = xai.Score(discriminator()), pictures(1, 32), pictures(3, 32, first=5)
    together = xai.attribution("deepshap", score, reference=own(references)).attribute(images)
    single = [xai.attribution("deeplift", score, reference=own(r[None])).attribute(images) for r in references]
    assert torch.allclose(together.values, torch.stack([e.values for e in single]).mean(0), atol=1e-5)
    assert torch.allclose(together.base_score, torch.stack([e.base_score for e in single]).mean(0), atol=1e-6)


@every_complete_method
@pytest.mark.parametrize("kind", ["grey", "blur", "posters"])
def test_the_shares_of_a_deep_discriminator_add_up(name: str, kind: str, judge: xai.Score, spread: float) -> None:
    reference = xai.reference(kind, images=pictures(3, 64, first=30) if kind == "posters" else None)
    method = xai.attribution(name, judge, reference=reference, **EVERYTHING.get(name, {}))
    explanation = method.attribute(pictures(2, 64))
    assert explanation.gap.abs().max() < 1e-3 * spread


def rescale_rule(first: nn.Conv2d, last: nn.Conv2d, slope: float, image: Tensor, reference: Tensor) -> Tensor:
    """Shrikumar et al. 2017, 3.5.2, for convolution, LeakyReLU, convolution to one number; float64."""
    before, base = (conv2d(x, first.weight, first.bias, padding=1) for x in (image, reference))
    multiplier = (leaky_relu(before, slope) - leaky_relu(base, slope)) / (before - base)
    return conv_transpose2d(multiplier * last.weight, first.weight, padding=1) * (image - reference)


@pytest.mark.parametrize("name", ["deeplift", "deepshap"])
def test_deeplift_follows_the_rescale_rule(name: str) -> None:
    network = scramble(
        lambda: nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.LeakyReLU(0.2, inplace=True), nn.Conv2d(4, 1, 6))
    )
    image, reference = noise(1, 3, 6, 6, seed=1), noise(1, 3, 6, 6, seed=2)
    found = xai.attribution(name, xai.Score(network), reference=own(reference)).attribute(image)
    exact = network.double()
    expected = rescale_rule(exact[0], exact[2], 0.2, image.double(), reference.double())
    assert torch.allclose(found.values.double(), expected, atol=1e-5)
    assert (expected.sum() - (found.score - found.base_score)).abs() < 1e-5


@pytest.mark.parametrize("name", ["deeplift", "deepshap"])
def test_picture_and_reference_changed_over_turn_the_signs(name: str) -> None:
    score, one, two = xai.Score(discriminator()), pictures(1, 32), pictures(1, 32, first=1)
    there = xai.attribution(name, score, reference=own(two)).attribute(one)
    back = xai.attribution(name, score, reference=own(one)).attribute(two)
    assert torch.allclose(there.values, -back.values, atol=1e-5)


FINE: dict[str, Any] = {"tolerance": 1e-4, "most_steps": 8193}


def test_integrated_gradients_of_one_kinked_neuron_are_its_mean_slope_times_the_weight() -> None:
    network = affine()
    kinked = nn.Sequential(*network, nn.LeakyReLU(0.2))
    images, reference = noise(1, 3, 8, 8, seed=1), noise(1, 3, 8, 8, seed=3)
    ends = [network(x).item() for x in (reference, images)]
    assert ends[0] * ends[1] < 0  # the kink is on the way
    method = xai.attribution("integrated_gradients", xai.Score(kinked), reference=own(reference), **FINE)
    mean_slope = (kinked(images) - kinked(reference)) / (ends[1] - ends[0])
    exact = (mean_slope * weights(network, 8) * (images - reference)).detach()
    assert torch.allclose(method.attribute(images).values, exact, atol=2e-3 * float(exact.abs().max()))


def test_integrated_gradients_take_more_steps_until_the_shares_add_up() -> None:
    score, images = xai.Score(discriminator()), pictures(1, 32)

    def explained(**settings: Any) -> xai.Explanation:
        return xai.attribution("integrated_gradients", score, **settings).attribute(images)

    rough, fine = explained(steps=4, most_steps=4), explained(steps=4, tolerance=1e-3, most_steps=4096)
    way = torch.linspace(0, 1, 100)[:, None, None, None] * images
    accepted = 1e-3 * (score(way).max() - score(way).min())
    assert rough.gap.abs() > accepted >= 0.9 * fine.gap.abs()
    assert 4 < fine.diagnostics["steps"].item() < 4096
    assert torch.allclose(explained(steps=int(fine.diagnostics["steps"])).values, fine.values, rtol=1e-5, atol=1e-8)


def test_integrated_gradients_take_few_steps_where_few_are_enough() -> None:
    found = xai.attribution("integrated_gradients", xai.Score(affine()), steps=2).attribute(noise(1, 3, 8, 8))
    assert found.diagnostics["steps"].tolist() == [2]


def test_integrated_gradients_never_take_more_steps_than_allowed() -> None:
    for most, taken in ((8, 8), (14, 8), (15, 15), (20, 15), (29, 29)):  # all the points, halved, or none
        settings = {"steps": 8, "most_steps": most, "tolerance": 0.0}
        method = xai.attribution("integrated_gradients", xai.Score(discriminator()), **settings)
        assert method.attribute(pictures(1, 32)).diagnostics["steps"].tolist() == [taken]


# --- activation maps


@pytest.mark.parametrize("unit", [0, 3])
@pytest.mark.parametrize("layer", ["layers.0", "layers.1", "layers.2", "layers.4", "layers.7"])
def test_an_activation_map_is_the_units_output_enlarged(layer: str, unit: int) -> None:
    network, images = discriminator(), pictures(2, 32)
    native = xai.activations(network, images, [layer])[layer][:, unit]
    found = xai.attribution("activation", xai.Score(network), layer=layer, unit=unit).attribute(images)
    factor = 32 // native.shape[-1]
    assert torch.allclose(found.diagnostics["map"], native, atol=1e-6)
    assert found.diagnostics["unit"].tolist() == [unit, unit]
    enlarged = found.diagnostics["map"].repeat_interleave(factor, 1).repeat_interleave(factor, 2)
    assert torch.equal(found.values[:, 0], enlarged)


def test_without_a_unit_the_one_that_varies_most_over_the_poster_is_shown() -> None:
    network, images = discriminator(), pictures(6, 32)
    maps = xai.activations(network, images, ["layers.4"])["layers.4"]
    most_variable = maps.flatten(2).std(2).argmax(1)
    assert len(set(most_variable.tolist())) > 1  # another poster, another unit
    found = xai.attribution("activation", xai.Score(network), layer="layers.4").attribute(images)
    assert torch.equal(found.diagnostics["unit"], most_variable)
    assert torch.allclose(found.diagnostics["map"], maps[torch.arange(6), most_variable], atol=1e-6)


def test_the_layer_of_one_place_has_a_map_too() -> None:
    network, images = discriminator(), pictures(1, 32)
    method = xai.attribution("activation", xai.Score(network), layer="layers.8")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values = method.attribute(images).values
    assert torch.allclose(values, network.logit(images).expand(1, 1, 32, 32))


@pytest.mark.parametrize("unit", [-1, 8, 1000])
def test_a_unit_out_of_range_has_no_map(unit: int) -> None:
    method = xai.attribution("activation", xai.Score(discriminator()), layer="layers.4", unit=unit)
    with pytest.raises(xai.ExplanationError) as caught:
        method.attribute(pictures(1, 32))
    assert "layers.4 has units 0 to 7" in one_sentence(caught.value)
    assert str(unit) in str(caught.value)


@pytest.mark.parametrize("layer", ["layers.99", "conv", ""])
def test_an_unknown_layer_has_no_map_and_the_known_ones_are_named(layer: str) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        xai.attribution("activation", xai.Score(discriminator()), layer=layer).attribute(pictures(1, 32))
    assert repr(layer) in one_sentence(caught.value)
    assert "layers.7" in str(caught.value)


def test_a_layer_without_places_has_no_map() -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        xai.attribution("activation", xai.Score(affine()), layer="layers.1").attribute(noise(1, 3, 8, 8))
    assert "layers.1" in one_sentence(caught.value)


# --- seeds, rows, threads


@every_method
def test_the_same_seed_gives_the_same_answer_and_another_seed_changes_only_stochastic_methods(name: str) -> None:
    score, images = xai.Score(discriminator()), pictures(1, 32)
    one, again, other = (quick(name, score, seed=seed).attribute(images) for seed in (5, 5, 6))
    assert same(one, again)
    assert same(one, other) != xai.METHODS[name].stochastic


@every_method
def test_the_global_random_states_are_left_alone(name: str) -> None:
    method, images = quick(name, xai.Score(discriminator())), pictures(1, 32)

    def states() -> tuple[Any, ...]:
        name, keys, *rest = np.random.get_state()
        return random.getstate(), name, keys.tolist(), rest, torch.get_rng_state().tolist()

    before = states()
    method.attribute(images)
    assert states() == before


@every_method
def test_the_global_random_states_have_no_say(name: str) -> None:
    method, images = quick(name, xai.Score(discriminator())), pictures(1, 32)
    answers = []
    kept = random.getstate(), np.random.get_state(), torch.get_rng_state()
    for seed in (1, 2):
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        answers.append(method.attribute(images))
    random.setstate(kept[0])
    np.random.set_state(kept[1])
    torch.set_rng_state(kept[2])
    assert same(*answers)


@every_method
@pytest.mark.parametrize("kind", ["blur", "posters"])
def test_a_row_is_explained_as_if_it_were_alone(name: str, kind: str) -> None:
    images = pictures(3, 32)
    reference = xai.reference(kind, images=pictures(2, 32, first=9))
    method = quick(name, xai.Score(discriminator()), reference=reference)
    together = method.attribute(images)
    for row in range(3):
        alone = method.attribute(images[row : row + 1])
        assert torch.equal(together.values[row], alone.values[0])
        assert torch.equal(together.score[row], alone.score[0])
        assert all(torch.equal(together.diagnostics[key][row], alone.diagnostics[key][0]) for key in alone.diagnostics)
        assert alone.segments is None or torch.equal(together.segments[row], alone.segments[0])


def ask(score: xai.Score, name: str, index: int) -> xai.Explanation:
    """What thread ``index`` asks: its own poster and seed, references that all threads share."""
    return quick(name, score, reference=SHARED, seed=index).attribute(POSTERS[index : index + 1])


POSTERS = pictures(12, 32)
SHARED = own(pictures(2, 32, first=20))


@every_method
def test_twelve_threads_on_one_score_get_what_one_gets(name: str) -> None:
    score = xai.Score(discriminator())
    expected = [ask(score, name, index) for index in range(12)]
    found = in_threads(12, lambda index: [ask(score, name, index) for _ in range(2)])
    assert all(same(answer, expected[index]) for index in range(12) for answer in found[index])
    assert hooks(score.module()) == 0


@every_method
def test_twelve_threads_with_scores_of_one_discriminator_get_what_one_gets(name: str) -> None:
    network = discriminator().train()
    before = snapshot(network)
    expected = [ask(xai.Score(network), name, index) for index in range(12)]
    found = in_threads(12, lambda index: ask(xai.Score(network), name, index))
    assert all(same(*pair) for pair in zip(found, expected, strict=True))
    assert snapshot(network) == before


def test_twelve_threads_that_ask_different_methods_do_not_disturb_each_other() -> None:
    score = xai.Score(discriminator())
    expected = {(name, index): ask(score, name, index) for name in METHODS for index in range(12)}

    def job(index: int) -> list[bool]:
        order = METHODS[index % len(METHODS) :] + METHODS[: index % len(METHODS)]
        return [same(ask(score, name, index), expected[name, index]) for name in order]

    assert all(all(answers) for answers in in_threads(12, job))


# --- the network that was given


@every_method
@pytest.mark.parametrize("training", [False, True])
def test_the_given_discriminator_is_untouched(name: str, training: bool) -> None:
    network = discriminator().train(training)
    network.layers[3].eval()  # a mixture, to be kept as well
    network.layers[0].weight.requires_grad_(False)
    before = snapshot(network)
    quick(name, xai.Score(network)).attribute(pictures(2, 32))
    assert snapshot(network) == before


@every_method
def test_a_discriminator_in_train_mode_has_the_explanation_of_eval_mode(name: str) -> None:
    network, images = discriminator(), pictures(2, 32)
    expected = quick(name, xai.Score(network)).attribute(images)
    assert same(quick(name, xai.Score(network.train())).attribute(images), expected)


@every_method
def test_hooks_that_others_put_on_the_discriminator_stay_and_stay_silent_about_shares(name: str) -> None:
    network, images = discriminator(), pictures(1, 32)
    expected = quick(name, xai.Score(network)).attribute(images)
    with xai.capture(network, ["layers.1"]):
        before = snapshot(network)
        assert same(quick(name, xai.Score(network)).attribute(images), expected)
        assert snapshot(network) == before


def break_at(monkeypatch: pytest.MonkeyPatch, stop: int | None) -> Callable[[], int]:
    """Let the convolution number ``stop`` from now fail, a module's or a chain's; gives the count of those so far."""
    count = 0

    def counted(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def convolve(*arguments: Any, **settings: Any) -> Tensor:
            nonlocal count
            count += 1
            if count - 1 == stop:
                raise BrokenError
            return function(*arguments, **settings)

        return convolve

    monkeypatch.setattr(nn.Conv2d, "forward", counted(nn.Conv2d.forward))
    monkeypatch.setattr(torch, "convolution", counted(torch.convolution))
    return lambda: count


def engines(names: list[str]) -> list[tuple[str, dict[str, str]]]:
    """Each method with each of its engines."""
    known = {name: xai.METHODS[name].engines for name in names}
    return [(name, {"engine": engine} if engine else {}) for name in names for engine in known[name] or ("",)]


@pytest.mark.parametrize(("name", "engine"), engines(METHODS))
def test_the_given_discriminator_is_untouched_wherever_the_network_fails_within_a_method(
    name: str, engine: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    network, images = discriminator().train(), pictures(1, 32)
    before = snapshot(network)
    with monkeypatch.context() as patch:
        total = break_at(patch, None)
        expected = quick(name, xai.Score(network), **engine).attribute(images)
    for stop in {*range(2, min(total(), 24), 4), total() - 1}:  # in the middle of each forward, and at the end
        score = xai.Score(network)
        with monkeypatch.context() as patch, pytest.raises(BrokenError):
            break_at(patch, stop)
            quick(name, score, **engine).attribute(images)
        assert snapshot(network) == before
        assert hooks(score.module()) == 0
        assert same(quick(name, score, **engine).attribute(images), expected)


@pytest.mark.parametrize(
    ("name", "engine", "part"),
    [
        ("deeplift", "chain", "xai.networks.chain.Convolution.forward"),
        ("deeplift", "chain", "xai.networks.chain.Convolution.backward"),
        ("deeplift", "chain", "xai.networks.chain.Nonlinearity.rescale"),
        ("deepshap", "chain", "xai.networks.chain.Trace.rows"),
        ("deepshap", "chain", "xai.networks.chain.Convolution.backward"),
        ("integrated_gradients", "direct", "xai.networks.chain.Convolution.backward"),
        ("expected_gradients", None, "xai.networks.chain.Convolution.backward"),
        ("smoothgrad", None, "torch.randn"),
        ("gradcam", None, "torch.autograd.grad"),
        ("layercam", None, "torch.autograd.grad"),
        ("gradcam", None, "torch.nn.BatchNorm2d.forward"),
        ("lime", "direct", "numpy.linalg.solve"),
        ("lime", "direct", "xai.methods.perturbation.coalitions.foldover"),
        ("kernelshap", None, "numpy.linalg.solve"),
        ("kernelshap", None, "xai.methods.perturbation.kernelshap.kernel_pairs"),
        ("shapley", None, "xai.methods.perturbation.coalitions.every_mask"),
        ("deeplift", "captum", "torch.autograd.grad"),
        ("deepshap", "captum", "torch.autograd.grad"),
        ("deepshap", "shap", "torch.autograd.grad"),
        ("integrated_gradients", "captum", "torch.autograd.grad"),
        ("deeplift", "captum", "captum.attr._core.deep_lift.DeepLift._forward_hook"),
        ("deepshap", "shap", "shap.explainers._deep.deep_pytorch.PyTorchDeep.remove_attributes"),
        ("integrated_gradients", "captum", "captum.attr._core.integrated_gradients._reshape_and_sum"),
        ("lime", "lime", "lime.lime_base.Ridge.fit"),
        ("lime", "lime", "lime.lime_image.LimeImageExplainer.data_labels"),
    ],
)
def test_the_given_discriminator_is_untouched_even_when_a_part_of_a_method_raises(
    name: str, engine: str | None, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, images = discriminator().train(), pictures(1, 32)
    settings = {"engine": engine} if engine else {}
    before, expected = snapshot(network), quick(name, xai.Score(network), **settings).attribute(images)
    score = xai.Score(network)
    with monkeypatch.context() as patch, pytest.raises(BrokenError):
        patch.setattr(part, break_down)
        quick(name, score, **settings).attribute(images)
    assert snapshot(network) == before
    assert hooks(score.module()) == 0
    assert same(quick(name, score, **settings).attribute(images), expected)


@every_method
def test_an_explanation_can_be_called_off_by_its_progress(name: str) -> None:
    network = discriminator().train()
    score, before = xai.Score(network), snapshot(network)
    with pytest.raises(BrokenError):
        quick(name, score).attribute(pictures(1, 32), break_down)
    assert snapshot(network) == before
    assert hooks(score.module()) == 0


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("lime", {"samples": 3}),
        ("lime", {"segments": 0}),
        ("kernelshap", {"samples": 7}),
        ("kernelshap", {"segments": 0}),
        ("shapley", {"grid": 0}),
        ("shapley", {"grid": 5}),
        ("occlusion", {"window": 0}),
        ("occlusion", {"stride": 0}),
        ("occlusion", {"window": 4, "stride": 5}),
        ("integrated_gradients", {"steps": 0}),
        ("integrated_gradients", {"steps": 10, "most_steps": 9}),
        ("expected_gradients", {"samples": 0}),
        ("smoothgrad", {"samples": 0}),
        ("smoothgrad", {"noise": -0.1}),
        ("smoothgrad", {"noise": float("nan")}),
    ],
)
def test_settings_that_cannot_work_are_refused(name: str, settings: dict[str, Any]) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        xai.attribution(name, xai.Score(affine()), **settings)
    one_sentence(caught.value)


@pytest.mark.parametrize("name", [name for name in METHODS if xai.METHODS[name].engines])
def test_an_unknown_engine_is_refused_and_the_known_ones_are_named(name: str) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        xai.attribution(name, xai.Score(affine()), engine="cuda")
    text = one_sentence(caught.value)
    assert "cuda" in text
    assert all(engine in text for engine in xai.METHODS[name].engines)


@every_method
@pytest.mark.parametrize("layer", ["layers.0", "layers.3", "layers.8"])
def test_damaged_weights_are_an_error_that_says_so(name: str, layer: str) -> None:
    network = discriminator()
    with torch.no_grad():
        network.get_submodule(layer).weight.view(-1)[0] = float("nan")
    score = xai.Score(network)
    for _ in range(2):  # what is remembered of the first time makes no difference
        with pytest.raises(xai.ExplanationError) as caught:
            quick(name, score).attribute(pictures(1, 32))
        assert "weights are damaged" in one_sentence(caught.value)


@pytest.mark.parametrize(("name", "engine"), [pair for pair in engines(METHODS) if pair[1]])
def test_damaged_weights_are_an_error_with_every_engine(name: str, engine: dict[str, str]) -> None:
    network = discriminator()
    with torch.no_grad():
        network.layers[0].weight[0] = float("nan")
    with pytest.raises(xai.ExplanationError) as caught:
        quick(name, xai.Score(network), **engine).attribute(pictures(1, 32))
    assert "weights are damaged" in one_sentence(caught.value)
