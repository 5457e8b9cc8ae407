"""In which few ways does D say "fake": clusters of the maps of all posters that it calls so.

    attributions(checkpoint, real_posters(posters), reference)      # once, beside each index
    found = strategies((real, generated))                           # or one of the two alone; or verdict="real"
    found.text                                                      # how many, and whether they come back
    found.strategies[0].map, found.strategies[0].text               # where, in logits; in words
    found.of_generated                                              # each seed's strategy, -1 for none

A map is a poster's signed DeepLIFT map on a coarse grid, brought to length 1: what counts is where D finds its reasons
and not how many. Clusters and their stability: xai/collection/clusters.py; one that does not come back is not shown.
A control stands beside it: the same maps, in each place shuffled among the posters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gan.errors import counted
from gan.evaluation.column_estimates import adjusted_p, mean_differences
from gan.evaluation.estimates import Estimate, mean_t, proportion, proportion_difference
from gan.progress import Progress
from xai.collection.clusters import GAPS, GOOD_RAND, Stability, clusters
from xai.collection.index import Index
from xai.collection.similarity.appearance import mean_colours, open_appearance
from xai.collection.similarity.spaces import unit_rows
from xai.collection.strategies.attributions import open_attributions
from xai.collection.strategies.places import where
from xai.errors import ExplanationError

SIGNS = {"fake": -1, "real": 1}
EXEMPLARS = 8  # of each kind
FILTERS = 8  # of each strategy
COLUMNS = 128  # filters that are compared at once
MEDIUM = 0.5  # standard deviations: from here on a difference of colours is named (Cohen 1988)
SAME = 0.9  # correlation from which two strategies are the same
SMALLEST = 1e-9  # of a standard deviation
RATE = 0.05  # false discovery rate of the filters
NONE = Estimate(np.nan, np.nan, np.nan)

Floats = NDArray[np.float32]
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class FilterBehind:
    """A filter that adds another amount to the logit in a strategy than in the other posters of the verdict.

    difference : of the mean contributions, in logits. p : adjusted for all filters of all strategies.
    """

    layer: str
    unit: int
    difference: Estimate
    p: float


@dataclass(frozen=True, eq=False)
class Strategy:
    """One way of saying "fake" (or "real").

    map : (h, w), the mean map in logits; it adds up to the mean logit less the reference's.
    against : (h, w), the mean map less that of the verdict's other posters. size : number of posters.
    of_real, of_generated : its proportion of the real and of the generated posters with the verdict; NaN without any.
    difference : of_generated less of_real. logit : their mean. jaccard : how well it comes back (Hennig 2007).
    lightness, warmth : mean L* and b* of its posters less that of the others, in standard deviations of all of them;
    NaN where their colours are not known.
    real, generated : numbers and seeds of the posters nearest to its centre, nearest first.
    filters : those that contribute another amount than in the others, the largest difference first.
    """

    verdict: str
    map: Floats
    against: Floats
    size: int
    of_real: Estimate
    of_generated: Estimate
    difference: Estimate
    logit: Estimate
    jaccard: Estimate
    lightness: Estimate
    warmth: Estimate
    real: Numbers
    generated: Numbers
    filters: tuple[FilterBehind, ...]

    @property
    def text(self) -> str:
        """In words: where it finds its reasons, and what sets it apart."""
        sign = SIGNS[self.verdict]
        place, apart = where(self.map, sign), where(self.against, sign)
        if place is None:
            return f"No place speaks for {self.verdict} more than in the reference."
        weight = f" ({place.proportion:.0%} of it, on {place.area:.0%} of the picture)" * (place.area < 1)
        first = f"What speaks for {self.verdict} is in {place.name}{weight}."
        if apart is None or apart.name == place.name:
            return first
        return f"{first} More than in the other strategies it comes from {apart.name}."

    @property
    def colours(self) -> str:
        """By which colours its posters differ from the others; "" where they are not known."""
        axes = ((self.lightness, "lighter", "darker"), (self.warmth, "warmer", "cooler"))
        if not np.isfinite(self.lightness.value):
            return ""
        differing = [
            (more if one.value > 0 else less, f"{abs(one.value):.1f}")
            for one, more, less in axes
            if abs(one.value) >= MEDIUM and one.low * one.high > 0
        ]
        if not differing:
            return "Colours do not set it apart."
        words, sizes = (" and ".join(each) for each in zip(*differing, strict=True))
        return f"Its posters are {words} than the others (by {sizes} standard deviations)."

    @property
    def where_from(self) -> str:
        """Whether it is met among generated posters more often than among real ones; "" where one kind is missing."""
        if not np.isfinite(self.difference.value):
            return ""
        shares = f"{self.of_generated.value:.0%} of the generated posters and {self.of_real.value:.0%} of the real ones"
        if self.difference.low > 0:
            verdict = "More common among generated posters"
        elif self.difference.high < 0:
            verdict = "More common among real posters"
        else:
            verdict = "As common among real as among generated posters"
        return f"{verdict}: {shares} that D calls {self.verdict}."


@dataclass(frozen=True, eq=False)
class Strategies:
    """All stable ones of a verdict, the largest first.

    posters : with the verdict. found : number of clusters, of which those that do not come back are not shown.
    of_real, of_generated : int8, each row's strategy in the index; -1 for none. chosen : the number's stability, and
    the control's; tried : of each number. separation : as of :class:`xai.collection.clusters.Clusters`.
    base_logit : of the reference that the maps compare with.
    """

    verdict: str
    posters: int
    found: int
    strategies: tuple[Strategy, ...]
    of_real: NDArray[np.int8]
    of_generated: NDArray[np.int8]
    chosen: Stability
    tried: tuple[Stability, ...]
    separation: Estimate
    base_logit: float

    @property
    def text(self) -> str:
        """In words: how many, how well they come back, what the control says, and whether there are gaps."""
        about = f"{counted(self.posters, 'poster')} that D calls {self.verdict}"
        if not self.strategies:
            return (
                f"No stable strategies among {about}. Of {self.tried[0].clusters} to {self.tried[-1].clusters} "
                f"clusters of their maps, {self.chosen.clusters} come back best, with {_figures(self.chosen)}; too "
                "little to be shown."
            )
        left = self.found - len(self.strategies)
        hidden = f" ({counted(left, 'more cluster')} left out, which {'does' if left == 1 else 'do'} not come back)"
        ways = counted(len(self.strategies), "way") + hidden * bool(left)
        return (
            f"{ways} of calling a poster {self.verdict}, found in {about}: other halves of the posters lead to the "
            f"same, with {_figures(self.chosen)}. {self._structure}"
        )

    @property
    def _structure(self) -> str:
        single = self.chosen.control.low >= GOOD_RAND
        first = "Shuffled maps do as well: single places make the strategies, not what goes together. " * single
        if self.separation.low > GAPS:
            return f"{first}There are gaps between them."
        return f"{first}There are no gaps between them: the maps are one cloud, and one way shades into the next."


def comparison(one: Strategies, other: Strategies) -> str:
    """In words, whether the strategies of two verdicts differ from one another in the same way; "" without two each.

    If they do, they are kinds of posters, on which D then says either, rather than ways of saying one thing.
    """
    if min(len(one.strategies), len(other.strategies)) < 2:
        return ""
    first, second = (np.stack([strategy.against.ravel() for strategy in each.strategies]) for each in (one, other))
    alike = np.corrcoef(first, second)[: len(first), len(first) :].max(1)
    figure = f"correlation of what sets them apart, {alike.min():.2f} to {alike.max():.2f}"
    if alike.min() >= SAME:
        return (
            f"The ways of saying {other.verdict} differ from one another in the same places ({figure}): these are "
            f"kinds of posters that D reads differently, and in each it then says {one.verdict} or {other.verdict}."
        )
    return f"Not every way of saying {one.verdict} has its like among the ways of saying {other.verdict} ({figure})."


def _figures(stability: Stability) -> str:
    agreement, control = stability.agreement, stability.control
    return (
        f"an adjusted Rand index of {agreement.value:.2f} ({agreement.low:.2f} to {agreement.high:.2f}; shuffled maps "
        f"{control.value:.2f})"
    )


@dataclass(frozen=True, eq=False)
class _Posters:
    """Those with the verdict, real ones before generated ones. maps : (n, h, w). rows : of each one's index."""

    indexes: tuple[Index, ...]
    rows: tuple[NDArray[np.intp], ...]
    maps: Floats
    logit: NDArray[np.float64]
    is_real: NDArray[np.bool_]
    numbers: Numbers

    @classmethod
    def of(cls, indexes: Sequence[Index], sign: int) -> _Posters:
        ordered = tuple(sorted(indexes, key=lambda index: not index.real))
        rows = tuple(np.flatnonzero(sign * index.responses.logit > 0) for index in ordered)
        parts = list(zip(ordered, rows, strict=True))
        return cls(
            ordered,
            rows,
            np.concatenate([_maps(index)[own].astype(np.float32) for index, own in parts]),
            np.concatenate([index.responses.logit[own] for index, own in parts]).astype(float),
            np.repeat([index.real for index in ordered], [len(own) for own in rows]),
            np.concatenate([index.numbers[own] for index, own in parts]),
        )

    @cached_property
    def lightness_and_warmth(self) -> NDArray[np.float64] | None:
        """(n, 2), L* and b* in standard deviations; None where the appearance of a poster is not kept."""
        looks = [open_appearance(index) for index in self.indexes]
        known = [look["colour"][own] for look, own in zip(looks, self.rows, strict=True) if look is not None]
        if len(known) < len(looks):
            return None
        colours = np.concatenate([mean_colours(one) for one in known]).astype(float)[:, [0, 2]]
        return np.asarray((colours - colours.mean(0)) / np.maximum(colours.std(0), SMALLEST))

    def contributions(self, columns: slice) -> NDArray[np.float64]:
        parts = zip(self.indexes, self.rows, strict=True)
        return np.concatenate([index.responses.contribution[:, columns][own] for index, own in parts]).astype(float)


def _maps(index: Index) -> NDArray[np.float16]:
    found = open_attributions(index)
    if found is None:
        raise ExplanationError(
            f"The maps of the {counted(len(index), 'poster')} of an index are not computed yet; compute them first."
        )
    return found


def strategies(
    indexes: Sequence[Index], verdict: str = "fake", seed: int = 0, progress: Progress = lambda done: None
) -> Strategies:
    """The strategies behind a verdict, "fake" or "real", of the posters of one index or of a real and a generated one.

    Raises
    ------
    ExplanationError
        If maps are missing (:func:`xai.collection.strategies.attributions.attributions`), or too few posters have the
        verdict.
    """
    posters = _Posters.of(indexes, SIGNS[verdict])
    if len(posters.maps) < 20:
        raise ExplanationError(
            f"D calls {counted(len(posters.maps), 'poster')} {verdict}; strategies need at least 20 of them."
        )
    lines = unit_rows(posters.maps.reshape(len(posters.maps), -1))
    found = clusters(lines, seed=seed, progress=lambda done: progress(0.8 * done))
    shown = np.flatnonzero(found.valid)
    own = np.full(len(lines), -1, np.int8)
    for place, cluster in enumerate(shown):
        own[found.labels == cluster] = place
    filters = _filters(posters, own, len(shown), lambda done: progress(0.8 + 0.2 * done))
    made = []
    for place, cluster in enumerate(shown):
        distance = np.linalg.norm(lines - found.centres[cluster], axis=1)
        made.append(_strategy(posters, verdict, own == place, distance, found.jaccard[cluster], filters[place]))
    progress(1.0)
    return Strategies(
        verdict,
        len(lines),
        len(found),
        tuple(made),
        _of_rows(posters, own, True),
        _of_rows(posters, own, False),
        found.chosen,
        found.tried,
        found.separation,
        indexes[0].responses.base_logit,
    )


def of_both_verdicts(
    indexes: Sequence[Index], seed: int = 0, progress: Progress = lambda done: None
) -> tuple[Strategies, ...]:
    """Those of "fake" and of "real", each where enough posters have the verdict; ExplanationError where neither has."""
    found, errors = [], []
    for done, verdict in enumerate(SIGNS):
        try:
            found.append(strategies(indexes, verdict, seed, lambda part, done=done: progress((done + part) / 2)))  # type: ignore[misc]
        except ExplanationError as error:
            errors.append(error)
    if not found:
        raise errors[0]
    progress(1.0)
    return tuple(found)


def _strategy(
    posters: _Posters,
    verdict: str,
    inside: NDArray[np.bool_],
    distance: Floats,
    jaccard: Estimate,
    filters: tuple[FilterBehind, ...],
) -> Strategy:
    real, generated = inside[posters.is_real], inside[~posters.is_real]
    both = len(real) > 0 < len(generated)
    mean = posters.maps[inside].mean(0)
    nearest = np.argsort(np.where(inside, distance, np.inf), kind="stable")[: inside.sum()]
    return Strategy(
        verdict,
        mean,
        mean - (posters.maps[~inside].mean(0) if not inside.all() else mean),
        int(inside.sum()),
        proportion(real) if len(real) else NONE,
        proportion(generated) if len(generated) else NONE,
        proportion_difference(generated, real) if both else NONE,
        mean_t(posters.logit[inside]),
        jaccard,
        *_colours(posters, inside),
        posters.numbers[nearest[posters.is_real[nearest]][:EXEMPLARS]],
        posters.numbers[nearest[~posters.is_real[nearest]][:EXEMPLARS]],
        filters,
    )


def _colours(posters: _Posters, inside: NDArray[np.bool_]) -> tuple[Estimate, Estimate]:
    colours = posters.lightness_and_warmth
    if colours is None:
        return NONE, NONE
    found, _ = mean_differences(colours, np.repeat(inside[:, None], 2, 1))
    lightness, warmth = (Estimate(*map(float, ends)) for ends in zip(found.value, found.low, found.high, strict=True))
    return lightness, warmth


def _filters(
    posters: _Posters, own: NDArray[np.int8], count: int, progress: Progress
) -> list[tuple[FilterBehind, ...]]:
    """Of each strategy, by Welch's test of the contributions inside against outside."""
    names = [(layer.name, unit) for layer in posters.indexes[0].responses.layers for unit in range(layer.units)]
    found = np.empty((4, count, len(names)))  # difference, low, high, p
    for start in range(0, len(names), COLUMNS):
        columns = slice(start, start + COLUMNS)
        values = posters.contributions(columns)
        for place in range(count):
            difference, p = mean_differences(values, (own == place)[:, None])
            found[:, place, columns] = difference.value, difference.low, difference.high, p
        progress(min(start + COLUMNS, len(names)) / len(names))
    difference, p = found[0], adjusted_p(found[3].ravel()).reshape(found[3].shape)

    def behind(place: int, column: int) -> FilterBehind:
        value, low, high = map(float, found[:3, place, column])
        return FilterBehind(*names[column], Estimate(value, low, high), float(p[place, column]))

    ranked = [np.argsort(-np.abs(own), kind="stable").tolist() for own in difference]
    best = [[column for column in ranked[place] if p[place, column] <= RATE][:FILTERS] for place in range(count)]
    return [tuple(behind(place, column) for column in best[place]) for place in range(count)]


def _of_rows(posters: _Posters, own: NDArray[np.int8], real: bool) -> NDArray[np.int8]:
    """Each row's strategy, of the index of one kind; empty without it."""
    for index, rows in zip(posters.indexes, posters.rows, strict=True):
        if index.real == real:
            found = np.full(len(index), -1, np.int8)
            found[rows] = own[posters.is_real == real]
            return found
    return np.zeros(0, np.int8)
