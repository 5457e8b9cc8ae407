"""What each filter of a discriminator tells: how it tells real from generated, what it says when it fires, its part.

    found = evidence(held_out, generated)               # Responses of real and of generated posters
    column = held_out.column("layers.7", 12)
    found.auc.value[column], found.auc.low[column]      # how well its largest response alone tells the two apart
    found.says[column], found.logit_effect.value[column]      # "for real", 0.021: logits more where it fires
    found.proportion.value[column]                      # its part of what the filters of its layer contribute
    found.largest.counts[0][column]                     # histogram over real posters; [1] over generated ones

Everything is computed for all filters at once. Held-out posters, for D may know those of its training by heart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gan.errors import counted
from gan.evaluation.column_estimates import (
    ColumnEstimates,
    adjusted_p,
    mean_differences,
    proportions_of_total,
    roc_aucs,
)
from gan.evaluation.estimates import Floats, by_chance
from xai.discriminator.responses import FilterLayer, Responses
from xai.errors import ExplanationError

FOR_REAL, FOR_FAKE, DEPENDS, SILENT = "for real", "for fake", "it depends", "silent"
SAYS = (FOR_REAL, FOR_FAKE, DEPENDS, SILENT)
LEVEL = 0.05  # false discovery rate over all filters
AGREEING = 2 / 3  # of the posters on which it fires
UNUSED = 0.1  # of the part of its layer's contributions that it would have if all were alike
SAYS_RULE = (
    "A filter fires on the posters, real and generated ones together, on which its largest response is above its "
    "median. It speaks for real where its mean contribution there is above that on the others, at a false discovery "
    f"rate of {LEVEL:.0%} over all filters (Welch's test, Benjamini and Hochberg), and its contribution is above that "
    "mean of the others in at least 2 of 3 posters on which it fires; for fake the other way round; else it depends. "
    "A filter whose responses are the same on all posters is silent."
)
UNUSED_RULE = (
    "A filter fires without being used where its largest response, averaged over the posters, is not below the median "
    "of its layer's filters, and the interval of its part of the layer's absolute contributions ends below "
    f"{UNUSED:.0%} of an equal part."
)
BINS = 20
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, eq=False)
class Distributions:
    """Of each filter's response, over real [0] and generated [1] posters.

    low, high : (U,), the least and the greatest of both; the BINS bins between them are equally wide.
    counts : (2, U, BINS) posters. quantiles : (2, U, 5), those of QUANTILES.
    """

    low: Floats
    high: Floats
    counts: NDArray[np.int32]
    quantiles: Floats


@dataclass(frozen=True, eq=False)
class FilterEvidence:
    """Of all U filters, in the order of :class:`Responses`.

    real, generated : numbers of posters.
    auc, auc_of_mean, auc_of_contribution : how often a real poster has the higher largest response (mean response,
        contribution) than a generated one.
    logit_effect : mean contribution where it fires minus mean contribution elsewhere. p : of no such difference,
        adjusted for the number of filters. agreeing : proportion of the posters on which it fires in which the
        contribution is off the others' mean the same way as ``logit_effect``. says : one of SAYS, by SAYS_RULE.
    proportion : of the sum of the absolute contributions of its layer.
    strength : mean over posters of the largest response. highest : its maximum over real [0] and generated [1] posters.
    active : proportion of posters with a largest response above 0.
    activation_rank, contribution_rank : from 1 in its layer, by ``strength`` and by ``proportion``.
    silent, unused : by SAYS_RULE and UNUSED_RULE.
    largest, mean : distributions of the responses.
    """

    layers: tuple[FilterLayer, ...]
    real: int
    generated: int
    auc: ColumnEstimates
    auc_of_mean: ColumnEstimates
    auc_of_contribution: ColumnEstimates
    logit_effect: ColumnEstimates
    p: Floats
    agreeing: Floats
    says: NDArray[np.str_]
    proportion: ColumnEstimates
    strength: Floats
    highest: Floats
    active: Floats
    activation_rank: NDArray[np.int32]
    contribution_rank: NDArray[np.int32]
    silent: NDArray[np.bool_]
    unused: NDArray[np.bool_]
    largest: Distributions
    mean: Distributions

    @property
    def multiplicity(self) -> str:
        """How many filters alone tell real from generated, beside how many would by chance."""
        found = int(((self.auc.low > 0.5) | (self.auc.high < 0.5)).sum())
        count = len(self.says)
        return (
            f"Of {counted(count, 'filter')} {found} have an interval of the AUC without 50%; by chance alone, about "
            f"{by_chance(count):.2g} would."
        )


def evidence(real: Responses, generated: Responses) -> FilterEvidence:
    """What each filter tells, from its responses to real posters, best held-out ones, and to generated ones.

    Raises
    ------
    ExplanationError
        If they are responses of different networks, or to fewer than 2 posters of a kind.
    """
    if real.layers != generated.layers:
        raise ExplanationError("The responses to real and to generated posters are those of different networks.")
    if min(len(real), len(generated)) < 2:
        raise ExplanationError(
            f"Evidence needs at least 2 real and 2 generated posters, not {len(real)} and {len(generated)}."
        )
    largest, mean, contribution = (_both(real, generated, name) for name in ("largest", "mean", "contribution"))
    silent = (np.ptp(largest, 0) == 0) & (np.ptp(mean, 0) == 0)
    strength, columns = largest.mean(0), [real.columns(layer.name) for layer in real.layers]
    proportion = _proportions(contribution, columns)
    effect, p, agreeing = _effects(largest, contribution)
    auc, auc_of_mean, auc_of_contribution = (
        roc_aucs(values[: len(real)], values[len(real) :]) for values in (largest, mean, contribution)
    )
    return FilterEvidence(
        layers=real.layers, real=len(real), generated=len(generated),
        auc=auc, auc_of_mean=auc_of_mean, auc_of_contribution=auc_of_contribution,
        logit_effect=effect, p=p, agreeing=agreeing, says=_says(effect.value, p, agreeing, silent),
        proportion=proportion, strength=strength,
        highest=np.stack([largest[: len(real)].max(0), largest[len(real) :].max(0)]), active=(largest > 0).mean(0),
        activation_rank=_ranks(strength, columns), contribution_rank=_ranks(proportion.value, columns),
        silent=silent, unused=_unused(strength, proportion, columns) & ~silent,
        largest=_distributions(largest, len(real)), mean=_distributions(mean, len(real)),
    )  # fmt: skip


def _both(real: Responses, generated: Responses, name: str) -> Floats:
    return np.concatenate([getattr(real, name), getattr(generated, name)]).astype(np.float64)


def _effects(largest: Floats, contribution: Floats) -> tuple[ColumnEstimates, Floats, Floats]:
    """Effect, adjusted p and proportion of agreeing posters of each filter."""
    fires = largest > np.median(largest, 0)
    fires |= ~fires.any(0) & (largest == largest.max(0))  # where the median is the largest of all: those that reach it
    effect, p = mean_differences(contribution, fires)
    elsewhere = np.where(fires, 0, contribution).sum(0) / np.maximum((~fires).sum(0), 1)
    same = np.sign(contribution - elsewhere) == np.sign(effect.value)
    return effect, adjusted_p(p), (same & fires).sum(0) / np.maximum(fires.sum(0), 1)


def _says(effect: Floats, p: Floats, agreeing: Floats, silent: NDArray[np.bool_]) -> NDArray[np.str_]:
    sure = (p <= LEVEL) & (agreeing >= AGREEING) & ~silent
    return np.select([silent, sure & (effect > 0), sure & (effect < 0)], [SILENT, FOR_REAL, FOR_FAKE], DEPENDS)


def _proportions(contribution: Floats, columns: list[slice]) -> ColumnEstimates:
    parts = [proportions_of_total(np.abs(contribution[:, layer])) for layer in columns]
    value, low, high = (np.concatenate([getattr(part, name) for part in parts]) for name in ("value", "low", "high"))
    return ColumnEstimates(value, low, high)


def _ranks(values: Floats, columns: list[slice]) -> NDArray[np.int32]:
    """Ranks from 1, the highest first, of the filters of each layer; of equal ones the first comes first."""
    orders = [np.argsort(-values[layer], kind="stable") for layer in columns]
    return np.concatenate([np.argsort(order) + 1 for order in orders]).astype(np.int32)


def _unused(strength: Floats, proportion: ColumnEstimates, columns: list[slice]) -> NDArray[np.bool_]:
    parts = [
        (strength[layer] >= np.median(strength[layer])) & (proportion.high[layer] < UNUSED / len(strength[layer]))
        for layer in columns
    ]
    return np.concatenate(parts)


def _distributions(values: Floats, real: int) -> Distributions:
    low, high = values.min(0), values.max(0)
    width = np.where(high > low, high - low, 1)
    bins = np.minimum((values - low) / width * BINS, BINS - 1).astype(np.intp)
    units = values.shape[1]
    places = bins + BINS * np.arange(units)
    halves = (slice(real), slice(real, None))
    counts = [np.bincount(places[half].ravel(), minlength=BINS * units).reshape(units, BINS) for half in halves]
    quantiles = [np.quantile(values[half], QUANTILES, axis=0).T for half in halves]
    return Distributions(low, high, np.stack(counts).astype(np.int32), np.stack(quantiles))
