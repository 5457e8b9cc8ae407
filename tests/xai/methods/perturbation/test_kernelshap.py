"""KernelSHAP against exact Shapley values."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import spearmanr
from torch import Tensor, nn

import xai
from tests.xai.nets import affine, discriminator, noise, pictures, scramble, weights
from xai.methods.perturbation import segments as cutting
from xai.methods.perturbation.coalitions import Game, every_mask, shapley
from xai.methods.perturbation.kernelshap import kernel_density, solve

EVERY = {"agreement": 2.0}  # which no two halves reach: every sample is taken


class CountingScore(xai.Score):
    """A score that knows how many pictures it was asked about."""

    asked = 0

    def __call__(self, images: Tensor) -> Tensor:
        self.asked += len(images)
        return super().__call__(images)


def tiles(side: int, rows: int, columns: int) -> NDArray[np.int64]:
    """Labels (side, side) of rows x columns tiles."""
    down, across = (np.arange(side) * count // side for count in (rows, columns))
    return np.asarray(down[:, None] * columns + across, np.int64)


def shares(found: xai.Explanation) -> NDArray[np.float64]:
    """The share of each segment of one picture."""
    values, segments = found.values[0, 0].double().flatten(), found.segments[0].flatten()
    return torch.zeros(int(segments.max()) + 1).double().index_add_(0, segments, values).numpy()


def cut(monkeypatch: pytest.MonkeyPatch, labels: NDArray[np.int64]) -> None:
    monkeypatch.setattr(cutting, "segment", lambda picture, count: labels)


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 2), (2, 2), (3, 3), (2, 5)])
def test_few_segments_have_their_exact_shapley_values(rows: int, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    labels, score, image = tiles(32, rows, columns), xai.Score(discriminator()), pictures(1, 32)
    reference = pictures(1, 32, first=3)
    cut(monkeypatch, labels)
    found = xai.attribution("kernelshap", score, reference=xai.reference("posters", images=reference)).attribute(image)
    exact = shapley(Game.of(score, image, reference, labels).table())
    assert np.allclose(shares(found), exact, atol=1e-5)
    assert found.diagnostics["split_half"].item() == 1
    assert found.gap.abs().max() < 1e-5
    assert found.diagnostics["segment_count"].item() == rows * columns


def test_twelve_segments_come_near_to_their_exact_values_and_nearer_with_more_masks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labels, score, image = tiles(32, 3, 4), xai.Score(discriminator()), pictures(1, 32)
    cut(monkeypatch, labels)
    exact = shapley(Game.of(score, image, torch.zeros_like(image), labels).table())
    errors = []
    for samples in (128, 2048):
        settings = EVERY | {"samples": samples}
        found = [xai.attribution("kernelshap", score, seed=seed, **settings).attribute(image) for seed in range(3)]
        assert all(one.diagnostics["samples"].item() <= samples for one in found)
        errors.append(np.mean([np.abs(shares(one) - exact).max() for one in found]) / np.ptp(exact))
    assert errors[1] < 0.02
    assert errors[1] < errors[0] / 2


def test_sixteen_segments_come_near_to_the_table_of_all_coalitions(monkeypatch: pytest.MonkeyPatch) -> None:
    network = scramble(lambda: nn.Sequential(nn.Flatten(), nn.Linear(192, 6), nn.Tanh(), nn.Linear(6, 1)))
    labels, score, image = tiles(8, 4, 4), xai.Score(network), noise(1, 3, 8, 8)
    cut(monkeypatch, labels)
    exact = shapley(Game.of(score, image, torch.zeros_like(image), labels).table())
    found = shares(xai.attribution("kernelshap", score).attribute(image))
    assert spearmanr(found, exact).statistic > 0.95
    assert np.abs(found - exact).max() < 0.1 * np.ptp(exact)
    assert found.sum() == pytest.approx(exact.sum(), abs=1e-5)


@pytest.mark.parametrize("samples", [8, 9, 30, 100, 2048])
@pytest.mark.parametrize("side", [32, 64])
def test_shares_add_up_exactly_however_few_the_masks(samples: int, side: int) -> None:
    found = xai.attribution("kernelshap", xai.Score(discriminator(side)), samples=samples).attribute(pictures(2, side))
    assert found.gap.abs().max() < 1e-5
    assert (found.diagnostics["samples"] <= samples).all()


def test_shares_of_an_affine_score_are_exact_as_soon_as_there_are_more_masks_than_segments() -> None:
    network, image = affine(32), pictures(1, 32)
    found = xai.attribution("kernelshap", xai.Score(network), samples=200, **EVERY).attribute(image)
    exact = (weights(network, 32) * image).sum(1)[0].double()
    expected = [float(exact[found.segments[0] == label].sum()) for label in range(len(shares(found)))]
    assert np.allclose(shares(found), expected, atol=1e-3)


@pytest.mark.parametrize("order", [("lime", "kernelshap"), ("kernelshap", "lime")])
def test_masks_that_lime_has_asked_about_are_not_asked_about_again(order: tuple[str, str]) -> None:
    alone = {}
    for name in order:
        score = CountingScore(discriminator())
        alone[name] = xai.attribution(name, score).attribute(pictures(1, 32))
        assert score.asked == alone[name].diagnostics["samples"].item() + 2  # the picture and its reference
    score = CountingScore(discriminator())
    together = {name: xai.attribution(name, score).attribute(pictures(1, 32)) for name in order}
    samples = {name: int(found.diagnostics["samples"]) for name, found in together.items()}
    players = int(together["lime"].diagnostics["segment_count"])
    shared = 2 * 2 * 2 ** int(np.ceil(np.log2(players)))  # two blocks
    assert score.asked == sum(samples.values()) + 2 - shared
    assert all(torch.equal(together[name].values, alone[name].values) for name in order)


def test_the_same_explanation_again_asks_nothing() -> None:
    for name in ("lime", "kernelshap", "shapley"):
        score = CountingScore(discriminator())
        method = xai.attribution(name, score)
        method.attribute(pictures(1, 32))
        asked = score.asked
        method.attribute(pictures(1, 32))
        assert score.asked == asked


@given(st.integers(2, 7), st.integers(0, 99), st.floats(-2, 2), st.floats(-2, 2))
@settings(deadline=None, max_examples=30, derandomize=True)
def test_the_condition_on_the_sum_holds_for_any_weights(players: int, seed: int, whole: float, empty: float) -> None:
    random = np.random.default_rng(seed)
    masks = random.random((5 * players, players)) < 0.5
    found = solve(masks, random.normal(size=len(masks)), random.random(len(masks)), whole, empty)
    assert found.sum() == pytest.approx(whole - empty, abs=1e-6)


def test_the_model_is_the_best_of_all_whose_shares_add_up() -> None:
    random = np.random.default_rng(0)
    masks = every_mask(5)[1:-1]
    scores, weight = random.normal(size=len(masks)), kernel_density(masks)
    found = solve(masks, scores, weight, 1.0, 0.2)

    def missed(candidate: NDArray[np.float64]) -> float:
        return float(weight @ (scores - 0.2 - masks @ candidate) ** 2)

    for _ in range(200):
        step = random.normal(size=5) * 0.01
        assert missed(found) <= missed(found + step - step.mean())
