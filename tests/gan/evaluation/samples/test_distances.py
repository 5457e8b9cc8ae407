from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from gan.evaluation.estimates import match_counts, subsample_evenly, with_intervals
from gan.evaluation.metrics import METRICS
from gan.evaluation.samples import distances as module
from gan.evaluation.samples import neighbourhoods as blocks
from gan.evaluation.samples.distances import Comparison, compare, compare_with_intervals, frechet_distance, kid
from gan.evaluation.samples.neighbourhoods import distance_blocks, distances


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


def slow_neighbourhoods(real: np.ndarray, made: np.ndarray) -> dict[str, float]:
    """The definitions of Kynkaanniemi et al. 2019 (eq. 1-2, k = 3) and Naeem et al. 2020 (eq. 4-5, k = 5), as loops."""

    def radius(points: np.ndarray, i: int, k: int) -> float:
        return sorted(np.linalg.norm(points[i] - points[j]) for j in range(len(points)) if j != i)[k - 1]

    def within(point: np.ndarray, points: np.ndarray, k: int) -> int:
        return sum(np.linalg.norm(point - points[i]) <= radius(points, i, k) for i in range(len(points)))

    return {
        "precision": float(np.mean([within(point, real, 3) > 0 for point in made])),
        "recall": float(np.mean([within(point, made, 3) > 0 for point in real])),
        "density": float(np.mean([within(point, real, 5) for point in made])) / 5,
        "coverage": float(
            np.mean([min(np.linalg.norm(x - y) for y in made) <= radius(real, i, 5) for i, x in enumerate(real)])
        ),
    }


def neighbourhoods(real: np.ndarray, made: np.ndarray) -> dict[str, float]:
    """The four metrics that look at neighbours, without the two distances."""
    pair = Comparison(real, made)
    return {name: METRICS[name].compute(pair) for name in ("precision", "recall", "density", "coverage")}


@pytest.mark.parametrize("shift", [0.0, 1.0, 3.0])
def test_neighbourhoods_are_the_loops_of_the_papers(shift: float) -> None:
    rng = np.random.default_rng(0)
    real, made = rng.normal(size=(2, 18, 4))
    made = 0.8 * made + shift
    assert neighbourhoods(real, made) == pytest.approx(slow_neighbourhoods(real, made), abs=1e-12)


def test_a_set_is_precise_to_itself_and_covers_itself() -> None:
    a = features(1, 30)
    found = neighbourhoods(a, a.copy())
    assert (found["precision"], found["recall"], found["coverage"]) == (1, 1, 1)
    assert found["density"] >= 1  # each point in its own ball, and in those of its neighbours


def test_posters_far_from_all_real_ones_have_neither_precision_nor_recall() -> None:
    a = features(1, 30)
    assert neighbourhoods(a, a + 1000) == {"precision": 0, "recall": 0, "density": 0, "coverage": 0}


def test_one_real_poster_again_and_again_is_precise_and_recalls_nothing() -> None:
    a = features(1, 30)
    found = neighbourhoods(a, np.repeat(a[:1], 30, 0))
    assert found["precision"] == 1
    assert found["recall"] == pytest.approx(1 / 30)  # the poster itself
    assert found["coverage"] < 0.5


def test_a_generator_of_one_of_two_modes_recalls_half() -> None:
    rng = np.random.default_rng(0)
    centres = np.repeat([[0.0] * 3, [100.0] * 3], 100, 0)
    real, made = rng.normal(size=(200, 3)) + centres, rng.normal(size=(200, 3))
    found = neighbourhoods(real, made)
    assert found["precision"] > 0.9
    assert 0.4 < found["recall"] <= 0.5
    assert 0.4 < found["coverage"] <= 0.5


def test_coverage_of_one_distribution_is_what_the_paper_derives() -> None:
    """Naeem et al. 2020, eq. 9: the expectation is 1 - (N-1)...(N-k) / ((2N-1)...(2N-k)); density is 1."""
    rng = np.random.default_rng(0)
    found = [neighbourhoods(*rng.normal(size=(2, 60, 3))) for _ in range(200)]
    k, n = 5, 60
    expected = 1 - np.prod([(n - 1 - i) / (2 * n - 1 - i) for i in range(k)])
    coverage, density = (np.array([one[key] for one in found]) for key in ("coverage", "density"))
    assert abs(coverage.mean() - expected) < 4 * coverage.std() / 200**0.5
    assert coverage.std() / 200**0.5 < 0.005
    assert abs(density.mean() - 1) < 4 * density.std() / 200**0.5


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 10))
@settings(max_examples=20, deadline=None)
def test_neighbourhoods_do_not_depend_on_order_position_turn_or_scale(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    real, made = rng.normal(size=(2, 20, 3))
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    moved = [(scale * rng.permutation(rows) @ turn + 5) for rows in (real, made)]
    assert neighbourhoods(*moved) == pytest.approx(neighbourhoods(real, made), abs=1e-9)


def test_precision_and_recall_change_places_with_the_sets() -> None:
    a, b = features(1, 25), features(2, 25)
    one, other = neighbourhoods(a, b), neighbourhoods(b, a)
    assert (one["precision"], one["recall"]) == (other["recall"], other["precision"])


def test_neighbourhoods_are_of_equally_many() -> None:
    a, b = match_counts(features(1, 10), features(2, 25))
    assert neighbourhoods(features(1, 10), features(2, 25)) == neighbourhoods(a, b)
    assert (len(a), len(b)) == (10, 10)
    assert np.array_equal(a, features(1, 10))


def test_rows_are_chosen_evenly() -> None:
    assert subsample_evenly(np.arange(9), 3).tolist() == [0, 4, 8]
    assert subsample_evenly(np.arange(3), 9).tolist() == [0, 1, 2]


def test_few_posters_have_as_many_neighbours_as_there_are() -> None:
    a = features(1, 3)
    assert neighbourhoods(a, a)["precision"] == 1


def test_distances_are_the_textbooks_and_0_to_oneself() -> None:
    a, b = torch.randn(7, 5, dtype=torch.float64), torch.randn(4, 5, dtype=torch.float64)
    assert torch.allclose(distances(a, b), (a[:, None] - b).square().sum(2).sqrt())
    [(_, own)] = distance_blocks(a, a)
    assert torch.equal(own.diagonal(), torch.zeros(7, dtype=torch.float64))


@pytest.mark.parametrize("block", [1, 100, 1000])
def test_neighbourhoods_hold_no_more_distances_in_memory_than_a_block(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, made = features(1, 60), features(2, 75)
    whole, sizes = neighbourhoods(real, made), []

    def counted(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        sizes.append(len(a) * len(b))
        return distances(a, b)

    monkeypatch.setattr(blocks, "BLOCK", block)
    monkeypatch.setattr(blocks, "distances", counted)
    assert neighbourhoods(real, made) == pytest.approx(whole, rel=1e-12)
    assert neighbourhoods(real, real.copy())["precision"] == 1
    assert max(sizes) <= max(block, 60)  # a row at least, of 3,600


def test_a_point_is_0_from_itself_in_every_block(monkeypatch: pytest.MonkeyPatch) -> None:
    a = torch.randn(23, 5, dtype=torch.float64)
    monkeypatch.setattr(blocks, "BLOCK", 23 * 4)
    found = torch.cat([block for _, block in distance_blocks(a, a)])
    assert torch.allclose(found, (a[:, None] - a).square().sum(2).sqrt())
    assert torch.equal(found.diagonal(), torch.zeros(23, dtype=torch.float64))


def test_the_frechet_distance_is_the_same_where_there_are_more_posters_than_features() -> None:
    a, b = features(1, 300), features(2, 200)
    assert frechet_distance(a, b) == pytest.approx(textbook_frechet_distance(a, b), rel=1e-5)


def test_kid_in_slices_is_kid_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = features(1, 30), features(2, 23)
    whole = kid(a, b)
    monkeypatch.setattr(module, "ROWS", 7)
    assert kid(a, b) == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize("shift", [0.0, 0.7])
def test_intervals_hold_what_other_draws_give(shift: float) -> None:
    """Of 60 experiments about 57 intervals should hold the mean figure; fewer than 51 happens once in 300."""
    rng = np.random.default_rng(1)
    found = []
    for _ in range(60):
        real, made = rng.normal(size=(2, 60, 3))
        found.append(with_intervals(compare, real, made + shift, draws=20))
    for key in found[0]:
        mean = np.mean([one[key].value for one in found])
        held = sum(one[key].low <= mean <= one[key].high for one in found)
        assert held >= 51, key


def test_the_intervals_of_a_mean_are_as_wide_as_the_textbooks() -> None:
    values = np.random.default_rng(0).normal(size=1000)
    found = with_intervals(lambda rows: {"mean": float(rows.mean())}, values, draws=400)["mean"]
    assert found.value == values.mean()
    assert found.high - found.value == pytest.approx(1.96 * values.std() / 1000**0.5, rel=0.15)
    assert found.value - found.low == pytest.approx(found.high - found.value)


def test_intervals_are_the_same_on_every_run_and_stay_within_the_range_of_their_metric() -> None:
    real, made = features(1, 24), features(1, 24) + 0.1
    one = compare_with_intervals(real, made)
    assert one == compare_with_intervals(real, made)
    assert all(one[key].low >= 0 and one[key].high <= 1 for key in ("precision", "recall", "coverage"))
    assert one["fd_lite1"].low >= 0
