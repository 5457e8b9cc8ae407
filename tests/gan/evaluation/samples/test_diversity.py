from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from gan.evaluation.estimates import with_intervals
from gan.evaluation.samples import neighbourhoods as module
from gan.evaluation.samples.diversity import RARE, diversity, summarise_pairs, thumbnails
from gan.evaluation.samples.neighbourhoods import distances
from tests.gan.small_judge import normal


def test_a_generator_of_one_poster_is_caught() -> None:
    real = normal(1, 40)
    one = np.repeat(normal(2, 1), 60, 0)
    found = diversity(real, one, real, one)
    assert found["diversity_features"].value == found["diversity_pixels"].value == 0
    assert found["near_identical"].value == 1


def test_posters_as_different_as_real_ones_are_no_collapse() -> None:
    found = diversity(normal(1, 150), normal(2, 150), normal(3, 150), 2 * normal(4, 150))
    assert found["diversity_features"].low < 1 < found["diversity_features"].high
    assert found["diversity_pixels"].value == pytest.approx(2, rel=0.1)
    assert found["near_identical"].value < 0.01


def test_ten_posters_again_and_again_are_caught_by_their_pairs() -> None:
    few = np.repeat(normal(2, 10), 15, 0) + 1e-4 * normal(5, 150)
    found = diversity(normal(1, 150), few, normal(1, 150), few)
    assert found["near_identical"].value == pytest.approx(10 * 15 * 14 / (150 * 149), abs=0.02)
    assert found["diversity_features"].value > 0.7  # the mean alone would not have told


def test_thumbnails_are_means_over_blocks_and_never_larger_than_the_picture() -> None:
    images = torch.rand(2, 3, 96, 64)
    [first, _] = thumbnails([images]).reshape(2, 3, 32, 32)
    assert first[1, 4, 7] == pytest.approx(float(images[0, 1, 12:15, 14:16].mean()), abs=1e-6)
    assert thumbnails([torch.rand(5, 3, 12, 8)]).shape == (5, 3 * 12 * 8)


@pytest.mark.parametrize("block", [1, 500, 2**22])
def test_pairs_of_subsets_are_summarised_as_if_all_distances_were_in_memory(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = normal(1, 90)
    matrix = np.linalg.norm(rows[:, None].astype(float) - rows, axis=2)
    random = np.random.default_rng(0)
    subsets = [np.arange(90), np.arange(2), *(np.sort(random.permutation(90)[:45]) for _ in range(3))]
    monkeypatch.setattr(module, "BLOCK", block)
    limits = [float(np.quantile(matrix, part)) for part in (0.5, 0.0, 0.1, 0.2, 0.9)]
    for subset, limit, found in zip(subsets, limits, summarise_pairs(rows, subsets, limits), strict=True):
        pairs = matrix[np.ix_(subset, subset)][np.triu_indices(len(subset), 1)]
        assert found.mean == pytest.approx(pairs.mean(), rel=1e-9)
        assert found.rare == pytest.approx(np.quantile(pairs, RARE), rel=1e-9)
        assert found.near == (pairs <= limit).mean()


def test_diversity_is_what_the_definitions_say_of_the_whole_and_of_the_same_halves() -> None:
    real, made, other, another = normal(1, 80), 0.5 * normal(2, 60), normal(3, 80), 3 * normal(4, 60)
    chosen = np.linspace(0, 79, 60).round().astype(int)
    matrices = [
        np.linalg.norm(rows[:, None].astype(float) - rows, axis=2)
        for rows in (real[chosen], made, other[chosen], another)
    ]

    def slow(of_real: np.ndarray, of_made: np.ndarray) -> dict[str, float]:
        a, b, c, d = (
            matrix[np.ix_(rows, rows)][np.triu_indices(len(rows), 1)]
            for matrix, rows in zip(matrices, (of_real, of_made) * 2, strict=True)
        )
        near = float((b <= np.quantile(a, RARE)).mean())
        return {
            "diversity_features": b.mean() / a.mean(),
            "diversity_pixels": d.mean() / c.mean(),
            "near_identical": near,
        }

    found = diversity(real, made, other, another)
    expected = with_intervals(slow, np.arange(60), np.arange(60))
    for name, one in expected.items():
        assert found[name].value == pytest.approx(one.value, rel=1e-6), name
        assert (found[name].low, found[name].high) == pytest.approx((max(one.low, 0), one.high), rel=1e-5), name


def test_no_more_distances_are_in_memory_than_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    sets = normal(1, 150), normal(2, 150), normal(3, 150), normal(4, 150)
    whole, sizes = diversity(*sets), []

    def counted(a: Tensor, b: Tensor) -> Tensor:
        sizes.append(len(a) * len(b))
        return distances(a, b)

    monkeypatch.setattr(module, "BLOCK", 3000)
    monkeypatch.setattr(module, "distances", counted)
    blockwise = diversity(*sets)
    assert sum(sizes) == 4 * 150 * 150  # each once, for the whole and all halves
    assert max(sizes) <= 3000
    for name, one in whole.items():
        assert (blockwise[name].value, blockwise[name].low) == pytest.approx((one.value, one.low), rel=1e-9), name
