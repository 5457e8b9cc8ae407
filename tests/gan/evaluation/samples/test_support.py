"""Metrics that say whether a generator is too narrow or out of place, and the sentence made from them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import betabinom

from gan.evaluation.estimates import Estimate, with_intervals
from gan.evaluation.metrics import proportions, ranges
from gan.evaluation.samples.distances import compare
from gan.evaluation.samples.neighbourhoods import calibrated_coverage
from gan.evaluation.samples.support import AS_REAL, BOTH, INCOMPLETE, NARROW, OUT_OF_PLACE, WIDE, support


def cloud(seed: int, count: int = 400, dimensions: int = 16, spread: float = 1.0) -> np.ndarray:
    return (spread * np.random.default_rng(seed).standard_normal((count, dimensions))).astype(np.float32)


def slow(real: np.ndarray, made: np.ndarray) -> dict[str, float]:
    """The definitions as loops: Khayatkhoei and AbdAlmageed 2023 with k = 3, Salvy et al. 2026 with k = 5."""

    def distance(x: np.ndarray, y: np.ndarray) -> float:
        return float(np.linalg.norm(x.astype(float) - y))

    def reaches(points: np.ndarray, k: int) -> list[float]:
        return [sorted(distance(x, y) for j, y in enumerate(points) if j != i)[k - 1] for i, x in enumerate(points)]

    of_real, of_made, wide = reaches(real, 3), reaches(made, 3), reaches(real, 5)
    precision = np.mean([any(distance(x, y) <= r for x, r in zip(real, of_real, strict=True)) for y in made])
    reached = np.mean([any(distance(x, y) <= r for x in real) for y, r in zip(made, of_made, strict=True)])
    recall = np.mean([any(distance(x, y) <= r for y, r in zip(made, of_made, strict=True)) for x in real])
    touched = np.mean([any(distance(x, y) <= r for y in made) for x, r in zip(real, of_real, strict=True)])
    cut = [min(r, float(np.median(wide))) for r in wide]
    inside = [min(sum(distance(x, y) <= r for x, r in zip(real, cut, strict=True)), 5) for y in made]
    ideal = [
        min(sum(distance(x, y) <= r for i, (x, r) in enumerate(zip(real, cut, strict=True)) if i != j), 5)
        for j, y in enumerate(real)
    ]
    around = [min(sum(distance(x, y) <= r for y in made), 5) for x, r in zip(real, wide, strict=True)]
    return {
        "symmetric_precision": min(precision, reached),
        "symmetric_recall": min(recall, touched),
        "clipped_density": min(float(np.mean(inside) / np.mean(ideal)), 1.0),
        "clipped_coverage": good_enough(float(np.mean(around)) / 5, len(real), len(made)),
    }


def good_enough(filled: float, real: int, made: int) -> float:
    """The proportion of good posters that fills as much, from the beta-binomial of each number of them."""
    counts = [np.arange(good + 1) for good in range(made + 1)]
    means = [0.0] + [float(np.minimum(n, 5) @ betabinom(len(n) - 1, 5, real - 5).pmf(n)) / 5 for n in counts[1:]]
    return float(np.interp(filled, means, np.arange(made + 1) / made))


@pytest.mark.parametrize(("spread", "shift"), [(1.0, 0.0), (0.7, 0.0), (1.0, 1.0), (1.4, 0.0)])
def test_the_metrics_are_the_loops_of_the_papers(spread: float, shift: float) -> None:
    real, made = cloud(1, 24, 4), cloud(2, 24, 4, spread) + np.float32(shift)
    found = compare(real, made)
    for name, value in slow(real, made).items():
        assert found[name] == pytest.approx(value, abs=1e-9), name


def test_posters_of_the_same_distribution_are_good_and_cover_it() -> None:
    found = compare(cloud(1), cloud(2))
    assert found["clipped_density"] > 0.9
    assert found["clipped_coverage"] > 0.85
    assert found["feature_variance"] == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("bad", [0.25, 0.5, 0.75])
def test_clipped_density_and_coverage_fall_with_the_proportion_of_bad_posters(bad: float) -> None:
    made = cloud(2)
    made[: int(bad * len(made))] += 100
    found, good = compare(cloud(1), made), compare(cloud(1), cloud(2))
    assert found["clipped_density"] == pytest.approx((1 - bad) * good["clipped_density"], abs=0.08)
    assert found["clipped_coverage"] == pytest.approx((1 - bad) * good["clipped_coverage"], abs=0.05)


def test_one_real_outlier_makes_no_poster_good() -> None:
    real = cloud(1)
    real[:6] = 50 * np.eye(16, dtype=np.float32)[:6]  # each one's reach holds everything
    far = cloud(2) + np.float32(4)
    found = compare(real, far)
    assert found["precision"] > 0.5
    assert found["clipped_density"] < 0.01


def test_a_support_a_little_too_narrow_or_too_wide_in_many_dimensions_is_told_by_the_smaller_of_both() -> None:
    real = cloud(1, 300, 256)
    narrow, wide = compare(real, cloud(2, 300, 256, 0.9)), compare(real, cloud(2, 300, 256, 1.1))
    assert narrow["precision"] > 0.95
    assert narrow["recall"] < 0.1
    assert wide["precision"] < 0.1
    assert wide["recall"] > 0.95
    for found in (narrow, wide):
        assert found["symmetric_precision"] < 0.3
        assert found["symmetric_recall"] < 0.3
    assert narrow["feature_variance"] == pytest.approx(0.81, abs=0.03)
    assert wide["feature_variance"] == pytest.approx(1.21, abs=0.03)


@pytest.mark.parametrize(("real", "made", "neighbours"), [(60, 60, 5), (40, 80, 3), (30, 10, 5)])
def test_the_calibration_of_coverage_is_the_mean_of_a_beta_binomial(real: int, made: int, neighbours: int) -> None:
    for good in (0, made // 3, made):
        counts = np.arange(good + 1)
        chances = betabinom(good, neighbours, real - neighbours).pmf(counts) if good else np.ones(1)
        expected = float((np.minimum(counts, neighbours) * chances).sum()) / neighbours
        assert calibrated_coverage(expected, real, made, neighbours) == pytest.approx(good / made, abs=1e-6)


def estimates(density: float, recall: float, variance: float) -> dict[str, Estimate]:
    values = {"clipped_density": density, "recall": recall, "feature_variance": variance}
    return {name: Estimate(value, value - 0.02, value + 0.02) for name, value in values.items()}


FLOOR = estimates(0.70, 0.73, 1.0)


@pytest.mark.parametrize(
    ("made", "verdict"),
    [
        (estimates(0.79, 0.08, 0.84), NARROW),
        (estimates(0.79, 0.72, 0.84), NARROW),
        (estimates(0.40, 0.72, 1.02), OUT_OF_PLACE),
        (estimates(0.40, 0.30, 1.02), OUT_OF_PLACE),
        (estimates(0.40, 0.30, 1.25), OUT_OF_PLACE),
        (estimates(0.40, 0.95, 1.25), WIDE),
        (estimates(0.70, 0.30, 1.02), INCOMPLETE),
        (estimates(0.80, 0.80, 1.25), AS_REAL),
        (estimates(0.40, 0.08, 0.84), BOTH),
        (estimates(0.69, 0.71, 0.99), AS_REAL),
    ],
)
def test_the_sentence_says_narrow_out_of_place_both_or_neither(made: dict[str, Estimate], verdict: str) -> None:
    said = support(made, FLOOR)
    assert said.startswith(f"{verdict}: clipped density")
    low = made["recall"].value < 0.1
    assert ("comes near to far fewer real posters" in said) == (verdict in (NARROW, BOTH) and low)


@pytest.mark.parametrize(("half", "verdict"), [(0.10, BOTH), (0.13, BOTH), (0.15, NARROW)])
def test_a_difference_counts_where_its_interval_excludes_0_though_the_two_intervals_meet(
    half: float, verdict: str
) -> None:
    made, floor = estimates(0.70, 0.08, 0.84), dict(estimates(0.90, 0.73, 1.0))
    made["clipped_density"] = Estimate(0.70, 0.70 - half, 0.70 + half)
    floor["clipped_density"] = Estimate(0.90, 0.90 - half, 1.0)
    assert support(made, floor).startswith(f"{verdict}: ")


def test_an_evaluation_from_before_these_metrics_says_nothing() -> None:
    old = {name: one for name, one in FLOOR.items() if name != "feature_variance"}
    assert support(old, FLOOR) == support(FLOOR, old) == ""


@pytest.mark.parametrize(
    ("made", "verdict"),
    [
        (cloud(2, 300, 256, 0.9), NARROW),
        (cloud(2, 300, 256, 1.1), WIDE),
        (cloud(2, 300, 256) + np.float32(0.5), OUT_OF_PLACE),
        (cloud(2, 300, 256), AS_REAL),
        (cloud(2, 300, 256, 0.8) + np.float32(0.8), BOTH),
    ],
)
def test_the_sentence_names_what_was_done_to_a_distribution(made: np.ndarray, verdict: str) -> None:
    real, floor = cloud(1, 300, 256), cloud(3, 300, 256)
    draw = {"draws": 8, "ranges": ranges("quality"), "proportions": proportions("quality")}
    said = support(with_intervals(compare, real, made, **draw), with_intervals(compare, real, floor, **draw))
    assert said.startswith(f"{verdict}: ")
