from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import torch
from torch import Tensor

import xai
from tests.xai.nets import affine, discriminator, noise, one_sentence, pictures, quick, same

METHODS = list(xai.METHODS)
every_method = pytest.mark.parametrize("name", METHODS)


@pytest.fixture(scope="module")
def score() -> xai.Score:
    return xai.Score(discriminator(32))


@pytest.fixture(scope="module")
def images() -> Tensor:
    return pictures(2, 32)


def test_the_thirteen_methods_that_the_documentation_names_are_there() -> None:
    first = {"deeplift", "deepshap", "lime", "activation", "integrated_gradients"}
    later = {"gradient_input", "expected_gradients", "smoothgrad", "gradcam", "layercam", "occlusion"}
    assert first | later | {"kernelshap", "shapley"} <= set(METHODS)


@every_method
def test_a_method_is_registered_under_its_name_and_speaks_to_people(name: str) -> None:
    method = xai.METHODS[name]
    assert method.name == name
    assert method.title
    assert method.granularity in ("pixel", "segment", "layer")
    for sentence in (method.promise, method.caveat):
        assert sentence.endswith(".")
        assert len(sentence) < 160


@every_method
def test_a_method_keeps_the_settings_that_it_was_given(name: str, score: xai.Score) -> None:
    reference = xai.reference("black")
    method = xai.attribution(name, score, reference=reference, seed=7)
    assert isinstance(method, xai.METHODS[name])
    assert (method.score, method.reference, method.seed) == (score, reference, 7)
    with pytest.raises(dataclasses.FrozenInstanceError):
        method.seed = 8  # type: ignore[misc]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("deplift", "deeplift"),
        ("DeepSHAP", "deepshap"),
        ("lima", "lime"),
        ("grad-cam", "gradcam"),
        ("LayerCAM", "layercam"),
        ("kernel_shap", "kernelshap"),
        ("shaply", "shapley"),
        ("oclusion", "occlusion"),
        ("smooth_grad", "smoothgrad"),
        ("expected_gradient", "expected_gradients"),
        ("gradientxinput", "gradient_input"),
    ],
)
def test_the_nearest_method_is_suggested(score: xai.Score, typed: str, meant: str) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        xai.attribution(typed, score)
    assert f"did you mean {meant!r}?" in one_sentence(caught.value)


def test_all_methods_are_named_where_none_is_near(score: xai.Score) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        xai.attribution("zzz", score)
    assert all(name in one_sentence(caught.value) for name in METHODS)


@every_method
def test_the_nearest_setting_is_suggested(name: str, score: xai.Score) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        xai.attribution(name, score, sed=1)
    assert "did you mean 'seed'?" in one_sentence(caught.value)
    assert xai.METHODS[name].title in str(caught.value)


def test_what_is_explained_cannot_be_given_twice(score: xai.Score) -> None:
    with pytest.raises(TypeError):
        xai.attribution("deeplift", score, score=score)


@every_method
def test_an_explanation_has_the_shape_of_its_pictures(name: str, score: xai.Score, images: Tensor) -> None:
    method = quick(name, score)
    explanation = method.attribute(images)
    channels = 3 if method.granularity == "pixel" else 1
    assert explanation.values.shape == (2, channels, 32, 32)
    assert explanation.values.dtype == torch.float32
    assert explanation.values.isfinite().all()
    assert not explanation.values.requires_grad
    assert all(len(tensor) == 2 for tensor in explanation.diagnostics.values())
    assert explanation.score.dtype == explanation.base_score.dtype == explanation.gap.dtype == torch.float32
    assert explanation.method == name
    assert explanation.seconds > 0


@every_method
def test_only_methods_that_cut_the_picture_have_segments(name: str, score: xai.Score, images: Tensor) -> None:
    segments = quick(name, score).attribute(images).segments
    if xai.METHODS[name].granularity == "segment" and name != "occlusion":  # whose windows overlap
        assert segments is not None
        assert segments.shape == (2, 32, 32)
        assert not segments.is_floating_point()
    else:
        assert segments is None


@every_method
def test_the_score_is_that_of_the_picture(name: str, score: xai.Score, images: Tensor) -> None:
    assert torch.allclose(quick(name, score).attribute(images).score, score(images), atol=1e-6)


@every_method
def test_the_base_score_is_that_of_the_reference(name: str, score: xai.Score, images: Tensor) -> None:
    base_score = quick(name, score, reference=xai.reference("black")).attribute(images).base_score
    if xai.METHODS[name].needs_reference:
        assert torch.allclose(base_score, score(-torch.ones(2, 3, 32, 32)), atol=1e-6)
    else:
        assert base_score.isnan().all()


@every_method
def test_the_gap_is_what_the_shares_leave_unexplained(name: str, score: xai.Score, images: Tensor) -> None:
    explanation = quick(name, score).attribute(images)
    if xai.METHODS[name].complete:
        unexplained = explanation.score - explanation.base_score - explanation.values.sum((1, 2, 3))
        assert torch.allclose(explanation.gap, unexplained, atol=1e-6)
    else:
        assert explanation.gap.isnan().all()


@every_method
def test_the_config_alone_gives_the_same_answer_again(name: str, score: xai.Score, images: Tensor) -> None:
    explanation = quick(name, score, reference=xai.reference("black"), seed=3).attribute(images)
    settings = json.loads(json.dumps(explanation.config))
    again = xai.attribution(
        settings.pop("method"), score, reference=xai.reference(settings.pop("reference")), **settings
    )
    assert same(again.attribute(images), explanation)


@every_method
def test_progress_starts_above_nothing_never_falls_and_ends_at_one(name: str, score: xai.Score, images: Tensor) -> None:
    told: list[float] = []
    quick(name, score).attribute(images, told.append)
    assert told[0] > 0
    assert told[-1] == 1.0
    assert told == sorted(told)


def test_slow_methods_tell_their_progress_in_between(score: xai.Score, images: Tensor) -> None:
    slow: dict[str, dict[str, Any]] = {
        "lime": {"samples": 1100, "agreement": 2.0},
        "kernelshap": {"samples": 1100, "agreement": 2.0},
        "shapley": {"grid": 3},
        "occlusion": {"window": 4, "stride": 1},
        "integrated_gradients": {"steps": 2, "tolerance": 0.0},
        "expected_gradients": {"samples": 256},
        "smoothgrad": {"samples": 256},
    }
    for name, settings in slow.items():
        told: list[float] = []
        xai.attribution(name, score, **settings).attribute(images, told.append)
        assert len(set(told)) > 5
        assert told == sorted(told)
        assert told[-1] == 1.0


@every_method
def test_the_pictures_that_were_given_stay_as_they_are(name: str, score: xai.Score) -> None:
    images = pictures(2, 32)
    kept = images.clone()
    explanation = quick(name, score).attribute(images)
    explanation.values.add_(1.0)
    assert torch.equal(images, kept)
    assert not images.requires_grad
    assert images.grad is None


@every_method
def test_pictures_that_carry_gradients_are_explained_like_others(name: str, score: xai.Score, images: Tensor) -> None:
    method = quick(name, score)
    assert same(method.attribute(images.clone().requires_grad_()), method.attribute(images))


@every_method
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_a_picture_drawn_and_explained_without_gradients_has_the_same_explanation(
    name: str, mode: Any, score: xai.Score, images: Tensor
) -> None:
    method = quick(name, score)
    expected = method.attribute(images)
    with mode():
        drawn = images * 1.0
        inside = method.attribute(drawn)
    assert same(inside, expected)
    assert same(method.attribute(drawn), expected)


@every_method
def test_how_a_picture_lies_in_memory_does_not_matter(name: str, score: xai.Score, images: Tensor) -> None:
    method = quick(name, score)
    rows_last = images.contiguous(memory_format=torch.channels_last)
    assert torch.equal(method.attribute(rows_last).values, method.attribute(images.contiguous()).values)


@every_method
@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 1, 32, 32), (1, 4, 32, 32), (0, 3, 32, 32), (1, 1, 3, 32, 32)])
def test_what_is_no_picture_is_refused(name: str, shape: tuple[int, ...], score: xai.Score) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        quick(name, score).attribute(torch.zeros(shape))
    assert "(N, 3, H, W)" in one_sentence(caught.value)
    assert str(shape) in str(caught.value)


@every_method
@pytest.mark.parametrize("side", [4, 16, 33, 64])
def test_a_picture_of_a_size_that_the_discriminator_does_not_take_is_refused(
    name: str, side: int, score: xai.Score
) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        quick(name, score).attribute(noise(1, 3, side, side).clamp(-1, 1))
    assert "(N, 3, 32, 32)" in one_sentence(caught.value)


@every_method
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_picture_with_a_pixel_that_is_no_number_is_refused(name: str, value: float, score: xai.Score) -> None:
    images = pictures(2, 32)
    images[1, 2, 3, 4] = value
    with pytest.raises(xai.ExplanationError) as caught:
        quick(name, score).attribute(images)
    assert "finite" in one_sentence(caught.value)


@pytest.mark.parametrize("name", [name for name in METHODS if xai.METHODS[name].needs_reference])
def test_a_reference_of_another_size_is_refused(name: str, score: xai.Score, images: Tensor) -> None:
    reference = xai.reference("posters", images=noise(2, 3, 16, 16))
    with pytest.raises(xai.ExplanationError) as caught:
        quick(name, score, reference=reference).attribute(images)
    assert "(3, 16, 16)" in one_sentence(caught.value)


@every_method
def test_a_saved_explanation_is_complete(name: str, score: xai.Score, images: Tensor, tmp_path: Path) -> None:
    explanation = quick(name, score).attribute(images)
    explanation.save(tmp_path / "new" / "folder")
    assert sorted(f.name for f in (tmp_path / "new" / "folder").iterdir()) == ["explanation.json", "values.npz"]
    arrays = np.load(tmp_path / "new" / "folder" / "values.npz", allow_pickle=False)
    expected = {"values": explanation.values}
    expected |= {f"diagnostic_{key}": tensor for key, tensor in explanation.diagnostics.items()}
    expected |= {} if explanation.segments is None else {"segments": explanation.segments}
    assert set(arrays) == set(expected)
    assert all(np.array_equal(arrays[key], expected[key].numpy()) for key in expected)


@every_method
def test_a_saved_record_is_strict_json_and_says_what_was_explained(
    name: str, score: xai.Score, images: Tensor, tmp_path: Path
) -> None:
    explanation = quick(name, score).attribute(images)
    explanation.save(tmp_path / "folder")

    def refuse(constant: str) -> NoReturn:
        raise AssertionError(f"{constant} is no JSON")

    record = json.loads((tmp_path / "folder" / "explanation.json").read_text(), parse_constant=refuse)
    assert record["method"] == name
    assert record["config"] == explanation.config
    assert record["score"] == explanation.score.tolist()
    assert record["seconds"] == explanation.seconds
    for key in ("base_score", "gap"):
        numbers = [float("nan") if number is None else number for number in record[key]]
        assert np.array_equal(numbers, getattr(explanation, key).double().numpy(), equal_nan=True)


def test_a_heat_map_adds_up_the_channels(score: xai.Score, images: Tensor) -> None:
    explanation = quick("deeplift", score).attribute(images)
    assert np.array_equal(explanation.heat(), explanation.values[0].sum(0).numpy())
    assert np.array_equal(explanation.heat(1), explanation.values[1].sum(0).numpy())


@every_method
def test_an_explanation_carries_what_is_needed_to_colour_and_report_it(
    name: str, score: xai.Score, images: Tensor
) -> None:
    method = quick(name, score)
    explanation = method.attribute(images)
    carried = explanation.title, explanation.in_logits, explanation.claims
    assert carried == (method.title, method.in_logits, method.claims)


def an_explanation() -> xai.Explanation:
    return xai.attribution("deeplift", xai.Score(affine())).attribute(noise(1, 3, 8, 8))


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_nothing_that_exists_is_overwritten(kind: str, tmp_path: Path) -> None:
    target = tmp_path / "taken"
    if kind == "folder":
        target.mkdir()
        (target / "thesis.txt").write_text("mine")
    else:
        target.write_text("mine")
    with pytest.raises(xai.ExplanationError) as caught:
        an_explanation().save(target)
    assert "exists already" in one_sentence(caught.value)
    assert (target / "thesis.txt" if kind == "folder" else target).read_text() == "mine"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("fails", ["numpy.savez_compressed", "pathlib.Path.write_text", "os.fsync"])
def test_nothing_is_left_when_the_disk_is_full(fails: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> NoReturn:
        raise OSError(28, "No space left on device")

    explanation = an_explanation()
    monkeypatch.setattr(fails, full)
    with pytest.raises(OSError, match="No space"):
        explanation.save(tmp_path / "folder")
    assert list(tmp_path.iterdir()) == []
