"""Estimates of many columns: they agree with the textbook's, and their intervals hold what they promise."""

import numpy as np
import pytest
from scipy import stats

from gan.evaluation.column_estimates import adjusted_p, mean_differences, proportions_of_total, roc_aucs
from gan.evaluation.estimates import roc_auc

RANDOM = np.random.default_rng(0)


def test_each_column_has_the_area_under_its_own_roc_curve() -> None:
    real, generated = RANDOM.integers(0, 5, (30, 8)).astype(float), RANDOM.integers(0, 4, (20, 8)).astype(float)
    found = roc_aucs(real, generated)
    assert found.value == pytest.approx([roc_auc(real[:, i], generated[:, i]) for i in range(8)])
    assert ((found.low < found.value) & (found.value < found.high)).all()


def test_the_variance_is_delongs_by_its_definition() -> None:
    real, generated = RANDOM.normal(0.3, 1, 25), RANDOM.normal(0, 1, 35)
    pairs = (real[:, None] > generated).astype(float)
    error = (pairs.mean(1).var(ddof=1) / 25 + pairs.mean(0).var(ddof=1) / 35) ** 0.5
    found = roc_aucs(real[:, None], generated[:, None])
    centre = np.log(found.value / (1 - found.value))
    half = 1.96 * error / (found.value * (1 - found.value))
    assert np.log(found.high / (1 - found.high)) == pytest.approx(centre + half)
    assert np.log(found.low / (1 - found.low)) == pytest.approx(centre - half)


@pytest.mark.parametrize(
    ("shift", "area"), [(0.0, 0.5), (1.0, stats.norm.cdf(0.5**0.5)), (3.0, stats.norm.cdf(3 / 2**0.5))]
)
def test_intervals_of_the_area_hold_the_truth_in_95_of_100_cases(shift: float, area: float) -> None:
    random = np.random.default_rng(1)
    found = roc_aucs(random.normal(shift, 1, (60, 2000)), random.normal(0, 1, (80, 2000)))
    assert ((found.low <= area) & (area <= found.high)).mean() == pytest.approx(0.95, abs=0.015)


def test_columns_without_any_difference_have_areas_of_a_half_and_perfect_ones_of_one_and_an_interval() -> None:
    found = roc_aucs(np.array([[1.0, 2.0]] * 10), np.array([[1.0, 1.0]] * 12))
    assert found.value.tolist() == [0.5, 1.0]
    assert found.low[1] < 1
    assert found.low[0] < 0.5 < found.high[0]


def test_differences_of_means_are_welchs() -> None:
    values, group = RANDOM.normal(0, 1, (40, 5)), RANDOM.random((40, 5)) < 0.3
    values[group] *= 3
    found, p = mean_differences(values, group)
    for column in range(5):
        chosen = group[:, column]
        welch = stats.ttest_ind(values[chosen, column], values[~chosen, column], equal_var=False)
        assert p[column] == pytest.approx(welch.pvalue)
        interval = welch.confidence_interval(0.95)
        assert (found.low[column], found.high[column]) == pytest.approx((interval.low, interval.high))


def test_groups_that_are_empty_or_hold_one_case_have_differences_all_the_same() -> None:
    values = np.array([[1.0, 5.0, 2.0], [2.0, 1.0, 2.0], [3.0, 1.5, 2.0], [4.0, 2.0, 2.0]])
    group = np.array([[False, True, True], [False, False, True], [False, False, False], [False, False, False]])
    found, p = mean_differences(values, group)
    assert found.value.tolist() == [0.0, 3.5, 0.0]
    assert p.tolist() == [1.0, pytest.approx(stats.ttest_ind([5], [1, 1.5, 2]).pvalue, abs=0.05), 1.0]
    assert np.isfinite([found.low, found.high]).all()


def test_proportions_add_up_to_one_and_their_intervals_hold_the_truth() -> None:
    means = np.array([1.0, 2.0, 5.0])
    random = np.random.default_rng(2)
    held = []
    for _ in range(400):
        common = random.gamma(2, 1, (100, 1))  # the parts of a case rise and fall together
        found = proportions_of_total(common * random.gamma(means, 1, (100, 3)))
        held.append((found.low <= means / 8) & (means / 8 <= found.high))
    assert found.value.sum() == pytest.approx(1)
    assert np.mean(held) == pytest.approx(0.95, abs=0.025)
    assert proportions_of_total(np.zeros((4, 2))).value.tolist() == [0, 0]


def test_adjusted_p_values_are_benjamini_and_hochbergs() -> None:
    p = RANDOM.random(50) ** 3
    assert adjusted_p(p) == pytest.approx(stats.false_discovery_control(p))
    found = [(adjusted_p(RANDOM.random(100)) <= 0.05).any() for _ in range(400)]
    assert np.mean(found) < 0.09  # with nothing to be found, any discovery at all is a false one
