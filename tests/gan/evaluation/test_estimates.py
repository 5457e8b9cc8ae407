"""Every 95 % interval holds the truth in 93 % of simulated cases at least: what it promises, and chance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.stats import rankdata
from scipy.stats.contingency import relative_risk

from gan.evaluation.estimates import (
    Z95,
    Estimate,
    average_ranks,
    bootstrap,
    by_chance,
    correlation,
    fieller,
    jackknife_pairs,
    mean_proportion,
    mean_t,
    median,
    proportion,
    proportion_ratio,
    t_quantile,
    weighted_t,
    with_interval,
    with_quotient,
)

Draw = Callable[[np.random.Generator], Estimate]
TRIALS, LEAST = 1500, 0.93


def maps_of_seeds(count: int, signal: float) -> Draw:
    """Mean correlation between maps of one picture's 64 cells, with ``signal`` of their variance in common."""
    common = np.sqrt(signal) * np.random.default_rng(1).normal(size=64)

    def draw(random: np.random.Generator) -> Estimate:
        maps = common + np.sqrt(1 - signal) * random.normal(size=(count, 64))
        return jackknife_pairs(np.corrcoef(maps))

    return draw


def with_correlation(count: int, truth: float, centred: bool = True) -> Draw:
    def draw(random: np.random.Generator) -> Estimate:
        one, noise = random.normal(size=(2, count))
        return correlation(one, truth * one + np.sqrt(1 - truth**2) * noise, centred)

    return draw


def any_proportion(random: np.random.Generator) -> Estimate:
    """The error of a proportion: of a single one, coverage jumps with its value, for cases are whole."""
    truth = random.uniform(0.05, 0.95)
    found = proportion(random.random(40) < truth)
    return Estimate(found.value - truth, found.low - truth, found.high - truth)


def weighted(random: np.random.Generator) -> Estimate:
    changes = torch.from_numpy(random.normal(0.3, 1, (12, 1)))
    mean, half = weighted_t(torch.ones(1, 12, dtype=torch.double), changes, 0.95)
    return Estimate(float(mean), float(mean - half), float(mean + half))


def with_divisor(mean: float) -> Draw:
    """A quotient of means of 200 rows, 0.6; the divisor's standard error is 1 / sqrt(200)."""

    def draw(random: np.random.Generator) -> Estimate:
        rows = random.normal((0.6 * mean, mean), (0.3, 1), (200, 2))
        rows[:, 0] += 0.2 * (rows[:, 1] - mean)
        return with_quotient(lambda part: tuple(part.mean(0).tolist()), rows)

    return draw


INTERVALS: dict[str, tuple[Draw, float]] = {
    "quotient by halves": (with_divisor(1.0), 0.6),
    "quotient by halves, uncertain divisor": (with_divisor(0.18), 0.6),
    "mean of 4": (lambda random: mean_t(random.normal(0.3, 1, 4)), 0.3),
    "mean of 30": (lambda random: mean_t(random.normal(0.3, 1, 30)), 0.3),
    "median of 6": (lambda random: median(random.exponential(1, 6)), float(np.log(2))),
    "median of 15": (lambda random: median(random.exponential(1, 15)), float(np.log(2))),
    "weighted mean of 12": (weighted, 0.3),
    "correlation of 9 tiles, none": (with_correlation(9, 0.0), 0.0),
    "correlation of 9 tiles, 0.8": (with_correlation(9, 0.8), 0.8),
    "correlation of 128 halves": (with_correlation(128, 0.5, centred=False), 0.5),
    "proportion of 40": (any_proportion, 0.0),
    "rare proportion": (lambda random: proportion(random.random(500) < 0.01), 0.01),
    "mean of proportions": (
        lambda random: mean_proportion(random.random(60) < 0.3, random.random(50) < 0.6),
        0.45,
    ),
    "bootstrap of 60": (lambda random: bootstrap(random.normal(0.3, 1, 60), int(random.integers(1 << 30))), 0.3),
    "halves of 200": (lambda random: with_interval(lambda rows: float(rows.mean()), random.normal(0.3, 1, 200)), 0.3),
    "proportion near 1, by halves": (
        lambda random: with_interval(
            lambda cases: float(cases.mean()), random.random(30) < 0.98, limits=(0, 1), is_proportion=True
        ),
        0.98,
    ),
}


@pytest.mark.parametrize("name", INTERVALS)
def test_an_interval_holds_the_truth_as_often_as_it_promises(name: str) -> None:
    draw, truth = INTERVALS[name]
    random, trials = np.random.default_rng(0), 1000 if "bootstrap" in name or "halves" in name else TRIALS
    found = [draw(random) for _ in range(trials)]
    assert np.mean([one.low <= truth <= one.high for one in found]) >= LEAST


@pytest.mark.parametrize("count", [3, 4])
@pytest.mark.parametrize("signal", [0.5, 0.9])
def test_the_interval_over_few_seeds_holds_the_mean_correlation_of_many(signal: float, count: int) -> None:
    draw, random = maps_of_seeds(count, signal), np.random.default_rng(0)
    found = [draw(random) for _ in range(TRIALS)]
    truth = np.mean([one.value for one in found])
    assert np.mean([one.low <= truth <= one.high for one in found]) >= LEAST


def test_fiellers_interval_ends_where_the_difference_is_at_the_edge_of_what_can_be_measured() -> None:
    covariance = np.array([[0.04, 0.01], [0.01, 0.09]])
    found = fieller(0.6, 1.0, covariance)
    for end in (found.low, found.high):
        weights = np.array([1, -end])
        assert abs(0.6 - end) == pytest.approx(Z95 * (weights @ covariance @ weights) ** 0.5)
    assert found.low < found.value == 0.6 < found.high


@pytest.mark.parametrize(("dividend", "sure"), [(0.7, True), (0.5, False), (-0.7, True)])
def test_a_quotient_differs_from_zero_exactly_where_its_dividend_does(dividend: float, sure: bool) -> None:
    """However uncertain the divisor is, of which alone the interval's length tells: here it is 2.2 errors from 0."""
    found = fieller(dividend, 2.2, np.diag([0.3**2, 1.0]))
    assert (found.low > 0 or found.high < 0) == sure
    assert found.high - found.low > 1


def test_a_quotient_by_what_may_be_zero_is_unbounded() -> None:
    found = fieller(5.0, 1.9, np.diag([0.01, 1.0]))
    assert (found.low, found.high) == (-np.inf, np.inf)


def test_students_quantile_is_wider_for_few_cases_and_normal_for_many() -> None:
    assert t_quantile(3) == pytest.approx(3.182, abs=1e-3)
    assert t_quantile(10**6) == pytest.approx(1.96, abs=1e-3)


def test_equal_values_share_a_rank() -> None:
    values = np.random.default_rng(0).integers(0, 9, 50).astype(float)
    assert np.array_equal(average_ranks(values), rankdata(values))


def test_one_case_has_no_interval_and_equal_values_no_correlation() -> None:
    assert np.isnan(mean_t(np.array([2.0])).low)
    assert np.isnan(correlation(np.full(9, 0.3), np.arange(9.0)).value)
    assert np.isnan(correlation(np.arange(4.0), np.arange(4.0) ** 2).low)


def test_the_interval_of_a_median_lies_between_the_ranks_of_tables() -> None:
    cases = np.random.default_rng(0).permutation(20).astype(float)
    assert median(cases) == Estimate(9.5, 5.0, 14.0)  # the sixth from either end (Conover 1999, table A3)
    assert median(np.array([3.0, 1, 2, 5, 4, 9])) == Estimate(3.5, 1, 9)
    assert np.isnan(median(np.arange(5.0)).low)


def test_as_many_intervals_miss_zero_as_chance_is_said_to_give() -> None:
    """Of 4000 means of nothing: on both sides, and on the upper one alone."""
    random = np.random.default_rng(0)
    found = [mean_t(random.normal(size=20)) for _ in range(4000)]
    above, below = (sum(one.low > 0 for one in found), sum(one.high < 0 for one in found))
    assert above + below == pytest.approx(by_chance(4000), rel=0.15) == pytest.approx(200, rel=0.15)
    assert above == pytest.approx(by_chance(4000, one_sided=True), rel=0.25)


def test_a_ratio_of_proportions_is_that_of_scipy_where_cases_are_many() -> None:
    one, other = np.arange(20_000) < 3000, np.arange(10_000) < 1000
    found, oracle = proportion_ratio(one, other), relative_risk(3000, 20_000, 1000, 10_000)
    interval = oracle.confidence_interval()
    assert [found.value, found.low, found.high] == pytest.approx([oracle.relative_risk, *interval], rel=2e-3)


def test_a_ratio_of_proportions_has_an_interval_where_no_case_is_true() -> None:
    never, often = np.zeros(1000, bool), np.arange(1000) < 100
    rare, never_both = proportion_ratio(never, often), proportion_ratio(never, never)
    assert 0 < rare.low < rare.high < 1
    assert never_both.low < 1 < never_both.high
    together = proportion_ratio(never, often, comparisons=20)
    assert together.low < rare.low < rare.high < together.high
