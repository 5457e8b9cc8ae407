"""The fewest filters whose replacement turns a discriminator's verdict of a poster.

    replacement = by_mean(score, posters)               # xai.discriminator.counterfactuals.replacement; or by_reference
    found = turn_by_filters(replacement, poster, layer="layers.7")
    found.turned, [(step.unit, step.logit) for step in found.steps]
    found.text                                          # "Replacing 2 filters of layers.7 by ... turns the verdict ..."

A verdict is turned when the logit crosses 0. One filter after the other is chosen, each time the one with which the
logit, computed anew, comes furthest; then those are given back without which the verdict stays turned. So each filter
of the answer is needed, one or two are the fewest there are, and a larger set may not be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import torch
from torch import Tensor

from gan.errors import counted
from gan.progress import Progress
from xai.discriminator.counterfactuals.replacement import Replacement, filter_maps
from xai.errors import ExplanationError
from xai.networks.score import LOGIT, Meaning

MOST = 20  # filters, at which the search ends
Maps = tuple[Tensor, ...]


@dataclass(frozen=True)
class ReplacedFilter:
    """A filter that is replaced together with all before it; ``logit`` and ``change`` are those that it leads to."""

    layer: str
    unit: int
    logit: float
    change: float
    text: str


@dataclass(frozen=True)
class FilterCounterfactual:
    """The filters whose replacement turns a verdict, or as far as it could be moved.

    steps : in the order in which they are replaced. logit : before, and ``end`` after all of them.
    turned : whether the logit crosses 0. proved : whether no smaller set does.
    evaluated : how many sets of filters the logit was computed for.
    """

    steps: tuple[ReplacedFilter, ...]
    logit: float
    turned: bool
    proved: bool
    evaluated: int
    text: str

    @property
    def end(self) -> float:
        return self.steps[-1].logit if self.steps else self.logit


def turn_by_filters(
    replacement: Replacement,
    image: Tensor,
    layer: str | None = None,
    most: int = MOST,
    progress: Progress | None = None,
) -> FilterCounterfactual:
    """Search the fewest filters whose replacement turns the verdict of ``image`` (1, 3, H, W) in [-1, 1].

    Parameters
    ----------
    layer : whose filters may be replaced; None for those of all activation layers.
    most : filters at which the search gives up, at least 1.
    progress : called with the finished fraction; an exception in it ends the search.

    Raises
    ------
    ExplanationError
        If there is no such layer, ``most`` is below 1, or not one picture of the network's size is given.
    """
    names = [one.name for one in replacement.layers]
    if layer is not None and layer not in names:
        raise ExplanationError(f"{layer} is no activation layer; there are {', '.join(names)}.")
    if most < 1:
        raise ExplanationError(f"At least 1 filter has to be replaced to turn a verdict, not {most}.")
    scope = range(len(names)) if layer is None else [names.index(layer)]
    search = _Search(replacement, filter_maps(replacement.score, image), scope, float(replacement.score(image)))
    chosen, evaluated = search.greedy(most, progress or (lambda done: None))
    if search.turned(search.logits([chosen])[0]):
        chosen, more = search.without_needless(chosen)
        evaluated += more
    return _answer(search, chosen, evaluated, "all layers" if layer is None else layer)


@dataclass(frozen=True, eq=False)
class _Search:
    """One poster's maps and logit, and the layers, by index, whose filters may be replaced.

    A filter is its column among all.
    """

    replacement: Replacement
    maps: Maps
    scope: Sequence[int]
    logit: float

    def greedy(self, most: int, report: Progress) -> tuple[list[int], int]:
        """The filters, each the one with which the logit comes furthest, and how many sets were tried."""
        chosen: list[int] = []
        evaluated, maps = 0, self.maps
        logit = self.logit
        while len(chosen) < most and not self.turned(logit):
            report(max(len(chosen) / most, 1 - logit / self.logit if self.logit else 0.0))
            tried = list(self._with_one_more(chosen, maps))
            evaluated += len(tried)
            column, reached = min(tried, key=lambda one: self.side * one[1], default=(-1, logit))
            if not self.side * reached < self.side * logit:
                break
            chosen, logit = [*chosen, column], reached
            maps = self.replacement.maps(self.maps, self._mask(chosen))
        report(1.0)
        return chosen, evaluated

    def _with_one_more(self, chosen: Sequence[int], maps: Maps) -> Iterator[tuple[int, float]]:
        """Each other filter in scope with the logit when it is replaced too; in ``maps`` the chosen ones are."""
        for index in self.scope:
            first = self.starts[index]
            columns = [one for one in range(first, self.starts[index + 1]) if one not in chosen]
            later = [one for one in chosen if one >= first]  # which would see the new one's effect
            logits = self.logits([[*later, one] for one in columns], maps)
            yield from zip(columns, logits, strict=True)

    def without_needless(self, chosen: list[int]) -> tuple[list[int], int]:
        """``chosen`` without those whose own maps may come back and the verdict stays turned; and the sets tried."""
        evaluated = 0
        while len(chosen) > 1:
            fewer = [[one for one in chosen if one != left_out] for left_out in chosen]
            logits = self.logits(fewer)
            evaluated += len(fewer)
            best = int(np.argmin([self.side * one for one in logits]))
            if not self.turned(logits[best]):
                break
            chosen = fewer[best]
        return chosen, evaluated

    def logits(self, sets: Sequence[Sequence[int]], maps: Maps | None = None) -> list[float]:
        """The logit for each set of replaced filters."""
        if not sets:
            return []
        masks = torch.stack([self._mask(one) for one in sets])
        found: list[float] = self.replacement.logits(maps or self.maps, masks).tolist()
        return found

    def _mask(self, columns: Sequence[int]) -> Tensor:
        mask = torch.zeros(self.replacement.filters, dtype=torch.bool)
        mask[list(columns)] = True
        return mask

    @property
    def starts(self) -> list[int]:
        """The first column of each layer, and the number of all."""
        return [0, *accumulate(layer.units for layer in self.replacement.layers)]

    @property
    def side(self) -> int:
        """1 where the poster's verdict is "real"."""
        return 1 if self.logit > 0 else -1

    def turned(self, logit: float) -> bool:
        """Whether the logit is on the other side of 0; 0 itself is fake."""
        return (logit > 0) != (self.side > 0)

    def named(self, column: int) -> tuple[str, int]:
        """(layer, unit)."""
        index = int(np.searchsorted(self.starts, column, "right")) - 1
        return self.replacement.layers[index].name, column - self.starts[index]


def _answer(search: _Search, chosen: list[int], evaluated: int, where: str) -> FilterCounterfactual:
    steps, before = [], search.logit
    for column, reached in zip(chosen, search.logits([chosen[: n + 1] for n in range(len(chosen))]), strict=True):
        layer, unit = search.named(column)
        change = reached - before
        text = f"Filter {unit} of {layer} replaced: {reached:+z.3f} ({change:+z.3f})"
        steps.append(ReplacedFilter(layer, unit, reached, change, text))
        before = reached
    turned = search.turned(before)
    proved = turned and len(steps) <= 2  # the first step tried each filter alone
    replaced = f"{counted(len(steps), 'filter')} of {where} by {search.replacement.words}"
    verdict = _from_to(search.replacement.score.meaning, search.logit, before, turned)
    if not steps:
        by = search.replacement.words
        text = f"No filter of {where}, replaced by {by}, moves it towards 0 from {search.logit:+z.3f}."
    elif turned:
        fewest = "No fewer do." if proved else "None of them can be left out, but another set may be smaller."
        text = f"Replacing {replaced} turns the verdict: {verdict}. {fewest}"
    else:
        text = f"Replacing {replaced} does not turn the verdict: {verdict}."
    return FilterCounterfactual(tuple(steps), search.logit, turned, proved, evaluated, text)


def _from_to(meaning: Meaning, before: float, after: float, turned: bool) -> str:
    """What became of the logit, such as: D's logit goes from +1.200 (real) to -0.050 (fake).

    A score that is no verdict of D has none in brackets.
    """
    words = [f" ({meaning.high if one > 0 else meaning.low})" if meaning == LOGIT else "" for one in (before, after)]
    return f"{meaning.name} goes {'' if turned else 'only '}from {before:+z.3f}{words[0]} to {after:+z.3f}{words[1]}"
