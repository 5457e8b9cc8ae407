"""Estimates: a measured value and its 95 % interval; all interval formulas of the project.

    with_intervals(compare, real, generated)["precision"].low     # random halves, for anything computed from samples
    with_quotient(moved_and_apart, features)                      # Fieller, for a quotient whose divisor is uncertain
    proportion(logits > 0)                                        # Wilson, for a proportion of independent cases
    bootstrap(differences)                                        # percentiles of resampled means

Each function names the paper that its interval comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gan.data.posters import evenly_spaced
from gan.evaluation.features import Features

Array = NDArray[Any]
Floats = NDArray[np.float64]
Range = tuple[float, float]

HALVES = 40
RESAMPLES = 2000
Z95 = 1.96  # standard errors to either side, of a normal distribution
ROUNDING = 1e-9  # of a quantity's scale: values that differ by less are the same
UNBOUNDED = (-np.inf, np.inf)


@dataclass(frozen=True)
class Estimate:
    """A measured value and the 95 % interval, ``low`` to ``high``, in which other draws would put it."""

    value: float
    low: float
    high: float

    @classmethod
    def normal(cls, value: float, error: float, limits: Range = UNBOUNDED) -> Estimate:
        """``value`` plus and minus 1.96 standard errors, clipped to the limits that the quantity has."""
        half = Z95 * error
        return cls(value, max(value - half, limits[0]), min(value + half, limits[1]))

    @classmethod
    def student(cls, value: float, error: float, freedom: int, limits: Range = UNBOUNDED) -> Estimate:
        """``value`` plus and minus Student's t quantile times a standard error that was itself estimated.

        ``freedom`` is the number of degrees of freedom of that error, at least 1: one less than the cases.
        """
        half = t_quantile(freedom) * error
        return cls(value, max(value - half, limits[0]), min(value + half, limits[1]))

    @property
    def half(self) -> float:
        """Half the interval's width."""
        return (self.high - self.low) / 2


Estimates = Mapping[str, Estimate]


# ---- from random halves --------------------------------------------------------------------------------


def with_intervals(
    metrics: Callable[..., Mapping[str, float]],
    *samples: Array,
    ranges: Mapping[str, Range] | None = None,
    proportions: Collection[str] = (),
    draws: int = HALVES,
    seed: int = 0,
) -> dict[str, Estimate]:
    """``metrics(*samples)``, each value with its 95 % interval from random halves of the samples.

    Drawing rows with replacement would make duplicates: each is its own nearest neighbour, and the fewer distinct rows
    alone raise a Frechet distance. Halves without replacement have no duplicates, and the variance of a metric from
    half to half, (2/n - 1/n) of a row's variance, is that of the whole sample from draw to draw (Shao, Wu 1989;
    Politis, Romano 1994). Only the standard deviation is taken from the halves: their level is that of smaller samples.
    The interval holds for these counts; where the metric depends on the count, it says nothing about larger ones.
    Where both samples are of one distribution, those of the two distances are too wide, not too narrow.

    No interval has a width of zero: halves that agree leave what so few cases cannot exclude (:func:`widened`), and a
    proportion's interval is never narrower than Wilson's for the smaller sample.

    ranges : by metric, the limits that its interval is clipped to; unbounded where there are none.
    proportions : the metrics that are proportions of independent cases.
    """
    halves = [metrics(*half) for half in random_halves(*samples, draws=draws, seed=seed)]
    return from_halves(metrics(*samples), halves, min(map(len, samples)), ranges, proportions)


def random_halves(*samples: Array, draws: int = HALVES, seed: int = 0) -> Iterator[tuple[Array, ...]]:
    """``draws`` times a random half of each sample, without replacement, in order."""
    random = np.random.default_rng(seed)
    for _ in range(draws):
        yield tuple(sample[_half(len(sample), random)] for sample in samples)


def from_halves(
    whole: Mapping[str, float],
    halves: Sequence[Mapping[str, float]],
    fewest: int,
    ranges: Mapping[str, Range] | None = None,
    proportions: Collection[str] = (),
) -> dict[str, Estimate]:
    """:func:`with_intervals`, from metrics of the whole samples and of random halves; ``fewest`` cases in a sample."""
    found = {}
    for name, value in whole.items():
        limits = (ranges or {}).get(name, UNBOUNDED)
        error = float(np.std([half[name] for half in halves], ddof=1))
        found[name] = widened(Estimate.normal(value, error, limits), fewest, limits)
        if name in proportions:
            least = wilson(value, fewest)
            found[name] = Estimate(value, min(found[name].low, least.low), max(found[name].high, least.high))
    return found


def with_interval(
    metric: Callable[..., float], *samples: Array, limits: Range = UNBOUNDED, is_proportion: bool = False
) -> Estimate:
    """:func:`with_intervals` for one metric."""
    proportions = ("",) if is_proportion else ()
    return with_intervals(
        lambda *halves: {"": metric(*halves)}, *samples, ranges={"": limits}, proportions=proportions
    )[""]


def with_quotient(parts: Callable[..., tuple[float, float]], *samples: Array, draws: int = HALVES) -> Estimate:
    """The quotient of two metrics of the same samples, with Fieller's interval; covariances from random halves.

    The spread of the halves' own quotients would not do: where the divisor is uncertain it has heavy tails, and makes
    a quotient look uncertain whose sign is not.
    """
    halves = np.array([parts(*half) for half in random_halves(*samples, draws=draws)], np.float64)
    return widened(fieller(*parts(*samples), np.cov(halves.T)), min(map(len, samples)))


def fieller(dividend: float, divisor: float, covariance: Floats) -> Estimate:
    """The quotient of two normal estimates with this covariance (2, 2) of their errors (Fieller 1954).

    It holds every quotient r for which dividend - r divisor is not measurably different from 0; so it holds 0 exactly
    where the dividend's own interval does. Where the divisor's own interval holds 0, no quotient is excluded for good,
    and the interval is unbounded.
    """
    (above, both), (_, below) = Z95**2 * covariance
    square, middle, constant = divisor**2 - below, dividend * divisor - both, dividend**2 - above
    value = dividend / divisor if divisor else np.nan
    if square <= 0:
        return Estimate(value, *UNBOUNDED)
    root = max(middle**2 - square * constant, 0.0) ** 0.5
    return Estimate(value, min((middle - root) / square, value), max((middle + root) / square, value))


def widened(estimate: Estimate, count: int, limits: Range = UNBOUNDED) -> Estimate:
    """The estimate, with an interval also where ``count`` cases do not differ, and so show no spread.

    That no case of ``count`` differs does not exclude that others would: up to z^2 / (count + z^2) of them, the end of
    Wilson's interval for none. The width is this part of a bounded quantity's range, and else of its value (of 1 where
    that is 0).
    """
    low, high = limits
    scale = high - low if np.isfinite(high - low) else abs(estimate.value) or 1.0
    if estimate.high - estimate.low > ROUNDING * scale:
        return estimate
    half = scale * Z95**2 / (count + Z95**2)
    return Estimate(estimate.value, max(estimate.value - half, low), min(estimate.value + half, high))


def _half(count: int, random: np.random.Generator) -> NDArray[np.intp]:
    return np.sort(random.permutation(count)[: count // 2])


# ---- in closed form ------------------------------------------------------------------------------------


def proportion(cases: NDArray[np.bool_]) -> Estimate:
    """The proportion of true cases (N,), with Wilson's interval (Wilson 1927)."""
    return wilson(float(cases.mean()), len(cases))


def wilson(part: float, count: int, z: float = Z95) -> Estimate:
    """The proportion ``part`` of ``count`` cases, with Wilson's interval (Wilson 1927) of ``z`` standard errors."""
    middle = (part + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * (part * (1 - part) / count + z**2 / (4 * count**2)) ** 0.5
    low, high = max(middle - half, 0.0), min(middle + half, 1.0)
    return Estimate(part, min(low, part), max(high, part))  # at 0 and 1 they are the part, but for rounding


def mean_proportion(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> Estimate:
    """Mean of two proportions; Newcombe 1998, method 10, for their sum."""
    a, b = proportion(one), proportion(other)
    value = (a.value + b.value) / 2
    down = ((a.value - a.low) ** 2 + (b.value - b.low) ** 2) ** 0.5 / 2
    up = ((a.high - a.value) ** 2 + (b.high - b.value) ** 2) ** 0.5 / 2
    return Estimate(value, value - down, value + up)


def proportion_difference(one: NDArray[np.bool_], other: NDArray[np.bool_], comparisons: int = 1) -> Estimate:
    """How much larger the proportion of true cases is in ``one`` (N,) than in ``other`` (M,).

    Newcombe 1998, method 10. ``comparisons`` intervals together hold at 95 % (Bonferroni).
    """
    from scipy.special import ndtri

    z = float(ndtri(1 - 0.025 / comparisons))
    a, b = (wilson(float(cases.mean()), len(cases), z) for cases in (one, other))
    down = ((a.value - a.low) ** 2 + (b.high - b.value) ** 2) ** 0.5
    up = ((a.high - a.value) ** 2 + (b.value - b.low) ** 2) ** 0.5
    return Estimate(a.value - b.value, a.value - b.value - down, a.value - b.value + up)


def proportion_ratio(one: NDArray[np.bool_], other: NDArray[np.bool_], comparisons: int = 1) -> Estimate:
    """How many times as large the proportion of true cases is in ``one`` (N,) as in ``other`` (M,).

    Katz, Baptista, Azen, Pike 1978, with half a case added everywhere, so that none is no trouble (Walter 1975).
    ``comparisons`` intervals together hold at 95 % (Bonferroni).
    """
    hits, cases = np.array([one.sum(), other.sum()]) + 0.5, np.array([len(one), len(other)]) + 0.5
    error = float((1 / hits - 1 / cases).sum() ** 0.5)
    return ratio_of_logs(float(np.log(hits[0] / cases[0] * cases[1] / hits[1])), error, comparisons)


def ratio_of_logs(difference: float, error: float, comparisons: int = 1) -> Estimate:
    """A ratio from the difference of two logarithms and its standard error; Bonferroni for ``comparisons``."""
    from scipy.special import ndtri

    half = float(ndtri(1 - 0.025 / comparisons)) * error
    return Estimate(*(float(np.exp(difference + off)) for off in (0.0, -half, half)))


def t_quantile(freedom: int) -> float:
    """Standard errors to either side that hold 95 % where the error was estimated (Student 1908); 1.96 in the limit."""
    from scipy.special import stdtrit  # scipy.stats takes a second to import

    return float(stdtrit(freedom, 0.975))


def mean_t(cases: Floats) -> Estimate:
    """Mean of cases (N,), with Student's t interval (Student 1908); without one of a single case."""
    count, mean = len(cases), float(cases.mean())
    if count < 2:
        return Estimate(mean, np.nan, np.nan)
    return Estimate.student(mean, float(cases.std(ddof=1)) / count**0.5, count - 1)


def median(cases: Floats) -> Estimate:
    """Median of cases (N,), and the interval between two of them by the sign test (Thompson 1936).

    It holds for any distribution, at 95 % or a little more. Of fewer than 6 cases the whole range holds less: NaN.
    """
    from scipy.special import bdtr

    ordered = np.sort(cases)
    beyond = sum(bool(bdtr(rank, len(cases), 0.5) <= 0.025) for rank in range(len(cases)))  # cases on either side
    low, high = (ordered[beyond - 1], ordered[-beyond]) if beyond else (np.nan, np.nan)
    return Estimate(float(np.median(cases)), float(low), float(high))


def correlation(one: Floats, other: Floats, centred: bool = True) -> Estimate:
    """Pearson's correlation of N pairs, with Fisher's interval (Fisher 1921); of the raw values if not ``centred``.

    NaN where either is the same everywhere, or always 0 where values are not centred; no interval for fewer than 5
    pairs.
    """
    a, b = (values - values.mean() if centred else values for values in (one, other))
    size, least = float(np.sqrt((a @ a) * (b @ b))), 1e-9 * float(np.abs(one).max() * np.abs(other).max())
    if not size > least * len(one):
        return Estimate(np.nan, np.nan, np.nan)
    value = float(np.clip(a @ b / size, -1, 1))
    freedom = len(one) - (3 if centred else 2)
    if freedom < 2:
        return Estimate(value, np.nan, np.nan)
    if abs(value) == 1:
        return Estimate(value, value, value)
    low, high = np.tanh(np.arctanh(value) + np.array([-Z95, Z95]) / freedom**0.5)
    return Estimate(value, float(low), float(high))


def weighted_t(weights: Tensor, changes: Tensor, level: float) -> tuple[Tensor, Tensor]:
    """Weighted means (B, U) of paired changes (N, U) by ``weights`` (B, N), and half the width of their t intervals."""
    from scipy.stats import t

    count = len(changes)
    mean = weights @ changes / count
    variance = (weights @ changes.square() / count - mean.square()).clamp_min(0) * count / (count - 1)
    return mean, (variance / count).sqrt() * float(t.ppf((1 + level) / 2, count - 1))


def by_chance(comparisons: int, level: float = 0.95, one_sided: bool = False) -> float:
    """How many intervals of this level are expected to miss 0 where nothing differs from it; ``one_sided``: above 0."""
    return comparisons * (1 - level) / (2 if one_sided else 1)


# ---- from resamples ------------------------------------------------------------------------------------


def bootstrap(values: Floats, seed: int = 0) -> Estimate:
    """Mean of cases (N,), and its percentile interval over 2,000 resamples with replacement (Efron 1979).

    Resamples spread too little, and percentiles are of a normal distribution: both are made up for by percentiles
    further out (expanded percentile interval, Hesterberg 2015).
    """
    from scipy.special import ndtr

    count = len(values)
    tail = 100 * float(ndtr(-((count / (count - 1)) ** 0.5) * t_quantile(count - 1))) if count > 1 else 2.5
    chosen = np.random.default_rng(seed).integers(len(values), size=(RESAMPLES, len(values)))
    low, high = np.percentile(values[chosen].mean(1), (tail, 100 - tail))
    return Estimate(float(values.mean()), float(low), float(high))


def jackknife_pairs(matrix: Floats, limits: Range = (-1.0, 1.0)) -> Estimate:
    """Mean over the pairs of a symmetric matrix (S, S), S at least 3, and its jackknife interval over rows, by t."""
    count = len(matrix)

    def mean(rows: NDArray[np.int64]) -> float:
        part = matrix[np.ix_(rows, rows)]
        return float(part[np.triu_indices(len(rows), 1)].mean())

    everyone = np.arange(count)
    left_out = np.array([mean(np.delete(everyone, row)) for row in everyone])
    error = float(np.sqrt((count - 1) / count * ((left_out - left_out.mean()) ** 2).sum()))
    return Estimate.student(mean(everyone), error, count - 1, limits)


# ---- of samples ----------------------------------------------------------------------------------------


def average_ranks(values: Floats) -> Floats:
    """Ranks (N,) from 1, equal values sharing the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[place])


def roc_auc(higher: Floats, lower: Floats) -> float:
    """Area under the ROC curve: the proportion of pairs in which the first is the larger, ties as a half."""
    ordered = np.sort(lower)
    below = np.searchsorted(ordered, higher, "left") + np.searchsorted(ordered, higher, "right")
    return float(below.mean() / (2 * len(lower)))


def match_counts(a: Features, b: Features) -> tuple[Features, Features]:
    """Both cut to the number of rows of the shorter, evenly spaced."""
    count = min(len(a), len(b))
    return subsample_evenly(a, count), subsample_evenly(b, count)


def subsample_evenly(rows: Array, count: int) -> Array:
    """``count`` of the rows, at most all of them, evenly spaced: no more of the first films than of the last."""
    chosen: Array = rows[evenly_spaced(len(rows), count)]
    return chosen
