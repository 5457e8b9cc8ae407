"""Each method against a library, or against its own formula written out."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import gan
import xai
from tests.xai.nets import (
    QUICK,
    affine,
    discriminator,
    generator,
    given_discriminator,
    given_generator,
    in_threads,
    noise,
    oblong,
    one_sentence,
    pictures,
    quick,
    same,
    scramble,
    tall_pictures,
    weights,
)

METHODS = list(xai.METHODS)
PIXEL = [name for name in METHODS if xai.METHODS[name].granularity == "pixel"]
COMPLETE_PIXEL = [name for name in PIXEL if xai.METHODS[name].complete]
NO_PIXEL = [name for name in METHODS if name not in PIXEL]
FINE: dict[str, dict[str, Any]] = {"integrated_gradients": {"tolerance": 1e-3, "most_steps": 4097}}

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PendingDeprecationWarning")


def own(images: Tensor) -> xai.Reference:
    return xai.reference("posters", images=images)


def values(name: str, score: xai.Score, images: Tensor, **settings: Any) -> Tensor:
    return xai.attribution(name, score, **settings).attribute(images).values


# --- DeepLIFT and DeepSHAP: to 1e-5 of the range of the score


@pytest.fixture(scope="module")
def judge() -> xai.Score:
    """As wide as the shipped one."""
    return xai.Score(discriminator(64, 64))


@pytest.fixture(scope="module")
def spread(judge: xai.Score) -> float:
    logits = judge(pictures(20, 64))
    assert 0.3 < logits.max() - logits.min() < 30
    return float(logits.max() - logits.min())


def references(kind: str) -> xai.Reference:
    if kind == "generated":
        return xai.reference(kind, generator=generator(64, 4), count=3)
    return xai.reference(kind, images=pictures(3, 64, first=30) if kind in ("posters", "mean", "own") else None)


@pytest.mark.parametrize("kind", list(xai.REFERENCES))
def test_deeplift_is_captums(kind: str, judge: xai.Score, spread: float) -> None:
    images, reference = pictures(2, 64), references(kind)
    ours, theirs = (values("deeplift", judge, images, reference=reference, engine=e) for e in ("chain", "captum"))
    assert (ours - theirs).abs().max() < 1e-5 * spread
    assert (ours - theirs).sum((1, 2, 3)).abs().max() < 1e-5 * spread
    assert ours.abs().max() > 1e-3 * spread


@pytest.mark.parametrize("engine", ["shap", "captum"])
@pytest.mark.parametrize("kind", ["grey", "blur", "posters", "generated"])
def test_deepshap_is_shaps_and_captums(kind: str, engine: str, judge: xai.Score, spread: float) -> None:
    images, reference = pictures(2, 64), references(kind)
    ours, theirs = (values("deepshap", judge, images, reference=reference, engine=e) for e in ("chain", engine))
    assert (ours - theirs).abs().max() < 1e-5 * spread
    assert (ours - theirs).sum((1, 2, 3)).abs().max() < 1e-5 * spread
    assert ours.abs().max() > 1e-3 * spread


def test_more_references_than_fit_at_once_are_averaged_too() -> None:
    score, image, many = xai.Score(discriminator()), pictures(1, 32), pictures(70, 32, first=5)
    ours, theirs = (values("deepshap", score, image, reference=own(many), engine=e) for e in ("chain", "captum"))
    assert (ours - theirs).abs().max() < 1e-5 * theirs.abs().max() + 1e-6


def test_more_pictures_than_fit_at_once_are_explained_one_by_one_all_the_same() -> None:
    score, images = xai.Score(discriminator()), pictures(35, 32)
    for kind in ("grey", "blur"):
        method = xai.attribution("deeplift", score, reference=xai.reference(kind))
        together = method.attribute(images)
        for row in (0, 31, 32, 34):
            alone = method.attribute(images[row : row + 1])
            assert torch.equal(together.values[row], alone.values[0])
            assert together.score[row] == alone.score[0]
            assert together.base_score[row] == alone.base_score[0]


def test_references_are_run_once_for_all_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    score, reference = xai.Score(discriminator()), own(pictures(5, 32, first=9))
    run: list[int] = []
    trace = xai.networks.score.Chain.trace

    def counted(chain: Any, x: Tensor, many: bool = False) -> Any:
        run.append(len(x))
        return trace(chain, x, many)

    monkeypatch.setattr(xai.networks.score.Chain, "trace", counted)
    xai.attribution("deepshap", score, reference=reference).attribute(pictures(3, 32))
    xai.attribution("deepshap", score, reference=reference, seed=1).attribute(pictures(2, 32))
    assert sorted(run) == [1, 1, 1, 1, 1, 5]


# --- networks outside the family


class Branching(nn.Module):
    """Two ways to one number, with a function and an activation that no chain knows."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Sequential(nn.Conv2d(3, 4, 3), nn.LeakyReLU(0.2, inplace=True), nn.Conv2d(4, 1, 6))
        self.two = nn.Sequential(nn.Flatten(), nn.Linear(192, 1), nn.Softplus())

    def forward(self, x: Tensor) -> Tensor:
        return self.one(x).flatten(1) + self.two(x)


@pytest.mark.parametrize(("name", "library"), [("deeplift", "captum"), ("deepshap", "shap")])
def test_a_network_that_is_no_chain_is_left_to_the_library_and_the_config_says_so(name: str, library: str) -> None:
    outside, inside = xai.Score(scramble(Branching)), xai.Score(discriminator())
    assert outside.chain is None
    assert inside.chain is not None
    found = xai.attribution(name, outside, reference=own(noise(2, 3, 8, 8, seed=3))).attribute(noise(2, 3, 8, 8))
    assert found.config["engine"] == library
    explicit = xai.attribution(name, outside, reference=own(noise(2, 3, 8, 8, seed=3)), engine=library)
    assert same(explicit.attribute(noise(2, 3, 8, 8)), found)
    assert found.gap.isfinite().all()
    assert xai.attribution(name, inside).config["engine"] == "chain"
    assert xai.attribution(name, inside, engine=library).config["engine"] == library


@pytest.mark.parametrize("name", METHODS)
def test_every_method_explains_a_network_that_is_no_chain(name: str) -> None:
    settings = {"layer": "layers.one.1"} if xai.METHODS[name].granularity == "layer" else {}
    found = quick(name, xai.Score(scramble(Branching)), **settings).attribute(noise(2, 3, 8, 8))
    assert found.values.isfinite().all()
    assert found.values.abs().max() > 0
    if xai.METHODS[name].complete and name not in ("deeplift", "deepshap", "integrated_gradients"):
        assert found.gap.abs().max() < 1e-4


def test_slopes_of_a_network_that_is_no_chain_are_torchs() -> None:
    score, x = xai.Score(scramble(Branching)), noise(3, 3, 8, 8)
    leaf = x.clone().requires_grad_()
    expected = score.module()(leaf)
    scores, gradients = score.gradient(x)
    assert torch.allclose(scores, expected.detach()[:, 0])
    assert torch.allclose(gradients, torch.autograd.grad(expected.sum(), leaf)[0])


# --- gradients


def test_gradient_x_input_is_captums() -> None:
    from captum.attr import InputXGradient

    score, images = xai.Score(discriminator()), pictures(2, 32)
    theirs = InputXGradient(score.module()).attribute(images.clone().requires_grad_())
    assert torch.allclose(values("gradient_input", score, images), theirs.detach(), atol=1e-6)


def test_gradient_x_input_counts_from_the_reference() -> None:
    score, images, others = xai.Score(discriminator()), pictures(2, 32), pictures(3, 32, first=8)
    found = values("gradient_input", score, images, reference=own(others))
    assert torch.allclose(found, score.gradient(images)[1] * (images - others.mean(0)), atol=1e-6)


@pytest.mark.parametrize("kind", ["grey", "blur"])
def test_integrated_gradients_come_near_to_captums(kind: str) -> None:
    score, images = xai.Score(discriminator(16, 8)), pictures(2, 16)
    reference = xai.reference(kind)
    ours = values("integrated_gradients", score, images, reference=reference, steps=1025, most_steps=1025)
    theirs = values("integrated_gradients", score, images, reference=reference, engine="captum", most_steps=1000)
    assert (ours - theirs).abs().max() < 5e-3 * theirs.abs().max()
    assert (ours - theirs).sum((1, 2, 3)).abs().max() < 5e-3 * theirs.abs().sum((1, 2, 3)).min()


def test_points_of_integrated_gradients_are_used_again_when_pieces_are_halved() -> None:
    score, image, asked = xai.Score(discriminator()), pictures(1, 32), 0
    gradient = score.chain.gradient

    def counted(x: Tensor) -> tuple[Tensor, Tensor]:
        nonlocal asked
        asked += len(x)
        return gradient(x)

    object.__setattr__(score.chain, "gradient", counted)
    found = xai.attribution("integrated_gradients", score, steps=5, most_steps=65, tolerance=0.0).attribute(image)
    assert found.diagnostics["steps"].item() == asked == 65


def test_expected_gradients_are_the_mean_of_integrated_gradients_over_the_references() -> None:
    score, image, several = xai.Score(discriminator(16)), pictures(1, 16), pictures(3, 16, first=4)
    settings = {"steps": 513, "most_steps": 4097, "tolerance": 1e-4}
    single = [values("integrated_gradients", score, image, reference=own(r[None]), **settings) for r in several]
    exact = torch.stack(single).mean(0)
    errors = []
    for samples in (24, 3000):
        found = xai.attribution("expected_gradients", score, reference=own(several), samples=samples).attribute(image)
        errors.append(float((found.values - exact).abs().max() / exact.abs().max()))
        missed = found.score - found.base_score - found.values.sum((1, 2, 3))
        assert torch.allclose(found.diagnostics["sampling_gap"], missed, atol=1e-5)
        assert found.diagnostics["steps"].tolist() == [samples]
    assert errors[1] < 0.01
    assert errors[1] < errors[0] / 3


@given(st.integers(1, 9), st.integers(1, 12))
@settings(deadline=None, max_examples=20, derandomize=True)
def test_expected_gradients_of_an_affine_score_are_exact_for_any_number_of_samples(count: int, samples: int) -> None:
    network, image, several = affine(), noise(1, 3, 8, 8), noise(count, 3, 8, 8, seed=1)
    found = xai.attribution("expected_gradients", xai.Score(network), reference=own(several), samples=samples)
    exact = weights(network, 8) * (image - several[:samples].mean(0))
    assert torch.allclose(found.attribute(image).values, exact, atol=1e-5)


def test_smoothgrad_of_an_affine_score_is_its_weight() -> None:
    network = affine()
    for samples in (1, 5, 40):
        found = values("smoothgrad", xai.Score(network), noise(2, 3, 8, 8), samples=samples)
        assert torch.allclose(found, weights(network, 8).expand(2, 3, 8, 8), rtol=1e-5)


def test_smoothgrad_without_noise_is_the_slope() -> None:
    score, images = xai.Score(discriminator()), pictures(2, 32)
    found = values("smoothgrad", score, images, noise=0.0, samples=4)
    assert torch.allclose(found, score.gradient(images)[1], atol=1e-6)


def test_smoothgrad_is_the_mean_slope_under_noise_of_a_part_of_the_range() -> None:
    score, image = xai.Score(discriminator(16)), pictures(1, 16)
    size = 0.3 * (image.max() - image.min())
    drawn = score.gradient(image + size * noise(2000, 3, 16, 16))[1].mean(0, keepdim=True)
    found = values("smoothgrad", score, image, noise=0.3, samples=2000)
    assert (found - drawn).abs().mean() < 0.1 * drawn.abs().mean()
    assert (score.gradient(image)[1] - drawn).abs().mean() > 0.3 * drawn.abs().mean()  # which the slope alone is not


# --- occlusion


@pytest.mark.parametrize(("window", "stride"), [(8, 4), (8, 8), (4, 2), (5, 3), (32, 1)])
def test_occlusion_is_captums_divided_by_the_windows_area(window: int, stride: int) -> None:
    from captum.attr import Occlusion

    score, image, reference = xai.Score(discriminator()), pictures(1, 32), pictures(1, 32, first=3)
    theirs = Occlusion(score.module()).attribute(
        image, sliding_window_shapes=(3, window, window), strides=(3, stride, stride), baselines=reference
    )
    ours = values("occlusion", score, image, reference=own(reference), window=window, stride=stride)
    assert torch.allclose(ours, theirs[:, :1] / window**2, atol=1e-6)


@given(st.integers(1, 10), st.integers(1, 10))
@settings(deadline=None, max_examples=20, derandomize=True)
def test_every_pixel_gets_the_mean_of_its_windows_losses(window: int, stride: int) -> None:
    network, image = affine(), noise(1, 3, 8, 8)
    stride = min(stride, window)
    loss = (weights(network, 8) * image).sum(1)[0]
    total, times = torch.zeros(8, 8), torch.zeros(8, 8)
    last = max(0, 8 - window)
    for row in {*range(0, last + 1, stride), last}:
        for column in {*range(0, last + 1, stride), last}:
            place = (slice(row, row + window), slice(column, column + window))
            total[place] += loss[place].mean()
            times[place] += 1
    found = values("occlusion", xai.Score(network), image, window=window, stride=stride)
    assert torch.allclose(found[0, 0], total / times, atol=1e-5)


def test_windows_of_one_pixel_give_an_affine_score_its_exact_shares() -> None:
    network, image = affine(), noise(1, 3, 8, 8)
    found = values("occlusion", xai.Score(network), image, window=1, stride=1)
    assert torch.allclose(found, (weights(network, 8) * image).sum(1, keepdim=True), atol=1e-5)


# --- maps of classes


LAYERS = ["layers.0", "layers.3", "layers.4", "layers.7", "layers.8"]


@pytest.mark.parametrize("layer", LAYERS)
def test_gradcam_is_captums_with_both_signs(layer: str) -> None:
    from captum.attr import LayerGradCam

    score, images = xai.Score(discriminator()), pictures(2, 32)
    module = score.module()
    theirs = LayerGradCam(module, module.get_submodule(layer)).attribute(images, relu_attributions=False).detach()
    found = xai.attribution("gradcam", score, layer=layer).attribute(images)
    assert torch.allclose(found.diagnostics["map"], theirs[:, 0], atol=1e-6)
    factor = 32 // theirs.shape[-1]
    assert torch.equal(
        found.values[:, 0], found.diagnostics["map"].repeat_interleave(factor, 1).repeat_interleave(factor, 2)
    )


def gradients_at(network: gan.Discriminator, images: Tensor, layer: int) -> tuple[Tensor, Tensor]:
    """A layer's output, and the logit's gradients there, by running the rest."""
    maps = network.layers[: layer + 1](images.clone()).detach().requires_grad_()
    logits = network.layers[layer + 1 : -1](maps * 1.0)  # of which an in-place activation may write into
    return maps.detach(), torch.autograd.grad(logits.sum(), maps)[0]


@pytest.mark.parametrize("layer", [0, 3, 4, 7])
def test_layercam_adds_positive_slopes_times_maps_for_real_and_for_fake(layer: int) -> None:
    network, images = discriminator(), pictures(2, 32)
    maps, gradients = gradients_at(network, images, layer)
    real, fake = torch.zeros(maps[:, 0].shape), torch.zeros(maps[:, 0].shape)
    for unit in range(maps.shape[1]):
        real += gradients[:, unit].clamp(min=0) * maps[:, unit]
        fake += (-gradients[:, unit]).clamp(min=0) * maps[:, unit]
    expected = real.clamp(min=0) - fake.clamp(min=0)
    found = xai.attribution("layercam", xai.Score(network), layer=f"layers.{layer}").attribute(images)
    assert torch.allclose(found.diagnostics["map"], expected, atol=1e-6)
    assert (expected > 0).any()
    assert (expected < 0).any()


@pytest.mark.parametrize("layer", [0, 4, 7])
def test_the_slopes_at_a_layer_are_those_of_the_rest_of_the_network(layer: int) -> None:
    network, images = discriminator(), pictures(3, 32)
    for found, expected in zip(
        xai.Score(network).layer_gradient(images, f"layers.{layer}"), gradients_at(network, images, layer), strict=True
    ):
        assert torch.allclose(found, expected, atol=1e-6)
        assert not found.requires_grad


@pytest.mark.parametrize("name", ["gradcam", "layercam"])
@pytest.mark.parametrize("layer", ["layers.99", "", "flat"])
def test_a_layer_without_maps_has_no_class_map(name: str, layer: str) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        xai.attribution(name, xai.Score(discriminator()), layer=layer).attribute(pictures(1, 32))
    assert layer in one_sentence(caught.value)


def test_the_slopes_at_a_layer_that_the_score_does_not_ask_are_an_error() -> None:
    class Lazy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.idle = nn.Conv2d(3, 1, 8), nn.Conv2d(3, 1, 8)

        def forward(self, x: Tensor) -> Tensor:
            return self.used(x)

    class Deaf(Lazy):
        def forward(self, x: Tensor) -> Tensor:
            return self.used(x) + self.idle(x).detach() * 0

    for network in (Lazy(), Deaf()):
        with pytest.raises(xai.ExplanationError) as caught:
            xai.Score(network).layer_gradient(noise(1, 3, 8, 8), "layers.idle")
        assert "layers.idle" in one_sentence(caught.value)


# --- targets other than the logit


@pytest.mark.parametrize("place", [None, (2, 5)])
@pytest.mark.parametrize("name", METHODS)
def test_every_method_explains_a_unit_and_a_neuron(name: str, place: tuple[int, int] | None) -> None:
    score = xai.Score(discriminator(), layer="layers.4", unit=3, place=place)
    settings = {"layer": "layers.1"} if xai.METHODS[name].granularity == "layer" else {}
    found = quick(name, score, **settings).attribute(pictures(2, 32))
    assert torch.allclose(found.score, score(pictures(2, 32)), atol=1e-6)
    assert found.values.isfinite().all()
    assert found.values.abs().max() > 0
    if xai.METHODS[name].complete and name != "integrated_gradients":
        assert found.gap.abs().max() < 1e-5


@pytest.mark.parametrize("name", ["deeplift", "deepshap", "gradient_input", "smoothgrad", "occlusion"])
def test_a_neuron_is_explained_by_what_it_sees_only(name: str) -> None:
    score = xai.Score(discriminator(), layer="layers.4", unit=3, place=(0, 0))
    found = quick(name, score).attribute(pictures(1, 32)).values
    seen = 10 if name != "occlusion" else 16  # two convolutions of 4, stride 2, padding 1; windows begin every 4 pixels
    least = 0 if name != "occlusion" else 1e-8  # bits of a score depend on the number of pictures
    assert (found[..., seen:, :].abs() <= least).all()
    assert (found[..., :, seen:].abs() <= least).all()
    assert (found[..., :seen, :seen].abs() > 1e-4).any()


@pytest.mark.parametrize("place", [None, (0, 0), (3, 1)])
def test_deeplift_of_a_unit_and_a_neuron_is_captums(place: tuple[int, int] | None) -> None:
    score = xai.Score(discriminator(32, 8), layer="layers.6", unit=5, place=place)
    spread = float(score(pictures(20, 32)).max() - score(pictures(20, 32)).min())
    for name, engine in (("deeplift", "captum"), ("deepshap", "shap")):
        reference = own(pictures(3, 32, first=40))
        ours = values(name, score, pictures(2, 32), reference=reference)
        theirs = values(name, score, pictures(2, 32), reference=reference, engine=engine)
        assert (ours - theirs).abs().max() < 1e-5 * spread
        assert ours.abs().max() > 1e-4 * spread


# --- noise values


@pytest.fixture(scope="module")
def fakes() -> xai.Score:
    return xai.Score.of_latents(generator(32, 8, 100), discriminator(32, 8))


@pytest.mark.parametrize("name", COMPLETE_PIXEL)
def test_shares_of_a_hundred_noise_values_add_up(name: str, fakes: xai.Score) -> None:
    z = noise(3, 100, 1, 1)
    found = xai.attribution(name, fakes, **FINE.get(name, {})).attribute(z)
    spread = float(fakes(noise(50, 100, 1, 1)).max() - fakes(noise(50, 100, 1, 1)).min())
    assert found.values.shape == (3, 100, 1, 1)
    assert torch.allclose(found.score, fakes(z), atol=1e-5)
    assert torch.allclose(found.base_score, fakes(torch.zeros(1, 100, 1, 1)).expand(3), atol=1e-5)
    assert found.gap.abs().max() < 1e-3 * spread
    assert (found.values != 0).all()


@pytest.mark.parametrize(("name", "engine"), [("deeplift", "captum"), ("deepshap", "captum"), ("deepshap", "shap")])
def test_shares_of_noise_values_are_the_libraries(name: str, engine: str, fakes: xai.Score) -> None:
    z, reference = noise(2, 100, 1, 1), own(noise(4, 100, 1, 1, seed=1))
    spread = float(fakes(noise(50, 100, 1, 1)).max() - fakes(noise(50, 100, 1, 1)).min())
    ours = values(name, fakes, z, reference=reference)
    theirs = values(name, fakes, z, reference=reference, engine=engine)
    assert (ours - theirs).abs().max() < 1e-5 * spread


@pytest.mark.parametrize("name", PIXEL)
def test_every_pixel_method_explains_noise_row_by_row_and_in_threads(name: str, fakes: xai.Score) -> None:
    method, z = quick(name, fakes), noise(4, 100, 1, 1)
    together = method.attribute(z)
    assert together.values.isfinite().all()
    assert together.values.abs().max() > 0
    alone = in_threads(4, lambda row: method.attribute(z[row : row + 1]))
    for row in range(4):
        assert torch.equal(alone[row].values[0], together.values[row])
        assert torch.equal(alone[row].score[0], together.score[row])


@pytest.mark.parametrize("name", NO_PIXEL)
def test_methods_that_need_pictures_refuse_noise(name: str, fakes: xai.Score) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        quick(name, fakes).attribute(noise(1, 100, 1, 1))
    assert "(N, 3, H, W)" in one_sentence(caught.value)


def test_pictures_are_no_noise(fakes: xai.Score) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        xai.attribution("deeplift", fakes).attribute(pictures(1, 32))
    assert "(N, 100, 1, 1)" in one_sentence(caught.value)


def test_the_cheap_settings_of_the_tests_are_of_methods_that_there_are() -> None:
    assert set(QUICK) <= set(METHODS)


# --- 2:3, a discriminator without BatchNorm, genres that are built in


@pytest.fixture(scope="module")
def strict() -> xai.Score:
    """No BatchNorm but biases, 48 x 32 pixels, genres built in."""
    return xai.Score(given_discriminator())


@pytest.mark.parametrize("name", METHODS)
def test_every_method_explains_oblong_posters_of_a_discriminator_without_batchnorm(
    name: str, strict: xai.Score
) -> None:
    images = tall_pictures(2, 32)
    found = quick(name, strict).attribute(images)
    assert found.values.shape[-2:] == (48, 32)
    assert found.values.isfinite().all()
    assert found.values.abs().max() > 0
    assert torch.allclose(found.score, given_discriminator().logit(images), atol=1e-4)
    if xai.METHODS[name].complete and name != "integrated_gradients":
        assert found.gap.abs().max() < 1e-4
    alone = quick(name, strict).attribute(images[1:])
    assert torch.allclose(found.values[1:], alone.values, atol=1e-5)


@pytest.mark.parametrize(("name", "engine"), [("deeplift", "captum"), ("deepshap", "captum"), ("deepshap", "shap")])
def test_shares_of_oblong_posters_are_the_libraries(name: str, engine: str, strict: xai.Score) -> None:
    images, reference = tall_pictures(2, 32), own(tall_pictures(3, 32, first=40))
    ours, theirs = (values(name, strict, images, reference=reference, engine=e) for e in ("chain", engine))
    assert (ours - theirs).abs().max() < 1e-5 * theirs.abs().sum((1, 2, 3)).max()
    assert ours.abs().max() > 1e-4


def test_integrated_gradients_of_oblong_posters_come_near_to_captums(strict: xai.Score) -> None:
    images = tall_pictures(1, 32)
    ours = values("integrated_gradients", strict, images, steps=257, most_steps=257)
    theirs = values("integrated_gradients", strict, images, engine="captum", most_steps=256)
    assert (ours - theirs).abs().max() < 2e-2 * theirs.abs().max()


def test_integrated_gradients_on_the_two_ends_only_are_the_mean_of_their_slopes() -> None:
    score, image = xai.Score(discriminator(16, 8)), pictures(1, 16)
    found = values("integrated_gradients", score, image, steps=2, most_steps=2)
    gradients = score.gradient(torch.cat([image, torch.zeros_like(image)]))[1]
    assert torch.allclose(found, gradients.mean(0, keepdim=True) * image, atol=1e-6)


@pytest.mark.parametrize("name", COMPLETE_PIXEL)
def test_shares_of_noise_values_add_up_behind_the_constant_of_a_genre(name: str) -> None:
    score = xai.Score.of_latents(given_generator(), given_discriminator())
    z = noise(3, 6, 1, 1)
    found = xai.attribution(name, score, **FINE.get(name, {})).attribute(z)
    spread = float(score(noise(50, 6, 1, 1)).max() - score(noise(50, 6, 1, 1)).min())
    assert found.gap.abs().max() < 1e-3 * spread
    assert found.values.abs().max() > 1e-2 * spread
    with torch.no_grad():
        nothing = given_discriminator().logit(given_generator()(torch.zeros(1, 6, 1, 1)))
    assert torch.allclose(found.base_score, nothing.expand(3), atol=1e-4)


@pytest.mark.parametrize(
    ("norm_d", "activation", "cam"), [(True, "layers.4", "layers.7"), (False, "layers.3", "layers.5")]
)
def test_maps_are_of_the_same_depth_with_and_without_batchnorm(norm_d: bool, activation: str, cam: str) -> None:
    score = xai.Score(scramble(lambda: gan.Discriminator(oblong(norm_d, 64, ()))).eval())
    for name, layer, map_size in (("activation", activation, (24, 16)), ("gradcam", cam, (12, 8))):
        method = xai.attribution(name, score)
        assert method.config["layer"] == layer
        assert method.attribute(tall_pictures(1, 64)).diagnostics["map"].shape[1:] == map_size


@pytest.mark.parametrize(("side", "window", "stride"), [(32, 8, 4), (64, 8, 4), (128, 16, 8), (256, 32, 16)])
def test_windows_are_an_eighth_of_a_large_posters_width(side: int, window: int, stride: int) -> None:
    score = xai.Score(gan.Discriminator(gan.ModelConfig(side, width=1, max_width=4, norm_d=False)))
    config = xai.attribution("occlusion", score).config
    assert (config["window"], config["stride"]) == (window, stride)
    assert xai.attribution("occlusion", score, window=4).config["stride"] == 4


def test_a_generator_and_a_discriminator_of_different_shapes_do_not_fit() -> None:
    with pytest.raises(xai.ExplanationError, match="48 x 32 pixels, the discriminator takes 32 x 32"):
        xai.Score.of_latents(given_generator(), discriminator(32))
