"""Estimates of many columns at once, such as those of all filters of a network, and p-values adjusted for their number.

    auc = roc_aucs(real, generated)                     # (N, U), (M, U): each column tells the two apart so well
    auc.value, auc.low, auc.high                        # (U,)
    difference, p = mean_differences(values, group)     # (N, U), bool (N, U)
    adjusted_p(p) <= 0.05                               # false discovery rate of 5 %

As in gan/evaluation/estimates.py, intervals are of 95 %, one column at a time, and each function names its paper.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gan.evaluation.estimates import Z95, Estimate, Floats, average_ranks, widened


@dataclass(frozen=True, eq=False)
class ColumnEstimates:
    """Measured values (U,), each with its 95 % interval, ``low`` to ``high``."""

    value: Floats
    low: Floats
    high: Floats


def roc_aucs(higher: Floats, lower: Floats) -> ColumnEstimates:
    """Area under the ROC curve of each column of (N, U) against (M, U), N and M at least 2.

    Variance: DeLong, DeLong, Clarke-Pearson 1988. The interval is made on the logit scale (Pepe 2003), so that it
    stays within 0 and 1; where no pair is in another order, it is that of :func:`gan.evaluation.estimates.widened`.
    """
    found = [_roc_auc(one, other) for one, other in zip(higher.T, lower.T, strict=True)]
    value, low, high = np.array([(one.value, one.low, one.high) for one in found]).reshape(-1, 3).T
    return ColumnEstimates(value, low, high)


def _roc_auc(higher: Floats, lower: Floats) -> Estimate:
    ranks = average_ranks(np.concatenate([higher, lower]))
    below = (ranks[: len(higher)] - average_ranks(higher)) / len(lower)  # of the lower ones, by each higher one
    above = 1 - (ranks[len(higher) :] - average_ranks(lower)) / len(higher)
    value = float(below.mean())
    error = float(below.var(ddof=1) / len(higher) + above.var(ddof=1) / len(lower)) ** 0.5
    if error == 0 or not 0 < value < 1:
        return widened(Estimate(value, value, value), min(len(higher), len(lower)), (0.0, 1.0))
    centre, half = np.log(value / (1 - value)), Z95 * error / (value * (1 - value))
    low, high = 1 / (1 + np.exp(-np.array([centre - half, centre + half])))
    return Estimate(value, float(low), float(high))


def mean_differences(values: Floats, group: NDArray[np.bool_]) -> tuple[ColumnEstimates, Floats]:
    """Mean of the cases of a column that are in its group minus mean of the others, and the p of no difference.

    values, group : (N, U), N at least 3. Welch 1947: the two may vary differently; a group of one case is taken to
    vary as the others do. Where one of the two is empty, the difference is 0 and p is 1.
    """
    from scipy.special import stdtr, stdtrit  # scipy.stats takes a second to import

    counts = [group.sum(0), (~group).sum(0)]
    means = [_mean(values, chosen, count) for chosen, count in zip((group, ~group), counts, strict=True)]
    variances = [
        np.where(chosen, (values - mean) ** 2, 0).sum(0) / np.maximum(count - 1, 1)
        for chosen, mean, count in zip((group, ~group), means, counts, strict=True)
    ]
    inside, outside = (
        np.where(counts[i] > 1, variances[i], variances[1 - i]) / np.maximum(counts[i], 1) for i in (0, 1)
    )
    error = np.sqrt(inside + outside)
    empty = (counts[0] == 0) | (counts[1] == 0)
    difference = np.where(empty, 0.0, means[0] - means[1])
    parts = inside**2 / np.maximum(counts[0] - 1, 1) + outside**2 / np.maximum(counts[1] - 1, 1)
    freedom = np.divide(error**4, parts, out=np.ones_like(error), where=parts > 0)
    half = np.where(empty, 0.0, stdtrit(freedom, 0.975) * error)
    standardised = np.divide(np.abs(difference), error, out=np.where(difference == 0, 0, np.inf), where=error > 0)
    return ColumnEstimates(difference, difference - half, difference + half), 2 * stdtr(freedom, -standardised)


def _mean(values: Floats, chosen: NDArray[np.bool_], count: NDArray[np.int_]) -> Floats:
    mean: Floats = np.where(chosen, values, 0).sum(0) / np.maximum(count, 1)
    return mean


def proportions_of_total(parts: Floats) -> ColumnEstimates:
    """Each column's proportion of the sum over all cases and columns (N, U), which are not negative.

    Ratio of two means over cases, with its standard error by linearisation (Cochran 1977, 6.4). 0 where all are 0.
    """
    total = parts.sum(1)
    value = parts.sum(0) / max(total.sum(), np.finfo(np.float64).tiny)
    off = parts - value * total[:, None]
    error = np.sqrt((off**2).sum(0) / max(len(parts) - 1, 1) / len(parts)) / max(
        total.mean(), np.finfo(np.float64).tiny
    )
    return ColumnEstimates(value, np.maximum(value - Z95 * error, 0), np.minimum(value + Z95 * error, 1))


def adjusted_p(p: Floats) -> Floats:
    """Least false discovery rate at which each of these (U,) is a discovery (Benjamini, Hochberg 1995)."""
    order = np.argsort(p)[::-1]  # the largest first
    rates = p[order] * len(p) / np.arange(len(p), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.minimum.accumulate(rates), 1)
    return adjusted
