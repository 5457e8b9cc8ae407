"""Whether to believe a map: everything that can be measured about it, and a verdict by stated thresholds.

    found = examine(method, image, explanation)
    found.verdict                   # "trust", "caution" or "do not trust"
    for check in found.checks:
        check.title, check.value, check.level, check.meaning

The verdict follows from RULE; nothing in it is a matter of taste but the thresholds, which are shown.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gan.progress import Progress
from xai.methods.base import Attribution, Explanation
from xai.methods.perturbation.coalitions import shapley
from xai.methods.perturbation.segments import grid
from xai.methods.references import reference
from xai.trust.agreement import coarse
from xai.trust.checks import (
    Check,
    _about_chance,
    _about_the_network,
    _about_the_sum,
    _game,
    _infidelity,
    _robustness,
    _sanity,
    _size,
)
from xai.trust.faithfulness import GRID, Curves, curves, grid_correlation, share_of_best
from xai.trust.robustness import cascade, sensitivity, stability

Verdict = Literal["trust", "caution", "do not trust"]

RULE = (
    "Do not trust: an essential check (marked *) fails, or two others do. "
    "Trust: no check fails, and at most one is in doubt. Otherwise: caution."
)


@dataclass(frozen=True, eq=False)
class Trust:
    """All checks of one map, and what they were computed from.

    curves : by fill ("reference", "blur"). cascade : rank correlations after shuffling the last 1, 2, ...
    layers. shares : (9,) exact Shapley values of 3 x 3 tiles, row by row; ``tiles`` : the map's sums over them.
    """

    checks: tuple[Check, ...]
    curves: dict[str, Curves]
    cascade: tuple[float, ...]
    shares: NDArray[np.float64]
    tiles: NDArray[np.float64]
    seconds: float

    @property
    def verdict(self) -> Verdict:
        """See RULE."""
        failed = [check for check in self.checks if check.level == "fail"]
        doubted = [check for check in self.checks if check.level == "doubt"]
        if any(check.essential for check in failed) or len(failed) > 1:
            return "do not trust"
        return "trust" if not failed and len(doubted) <= 1 else "caution"

    @property
    def reason(self) -> str:
        """What the verdict hangs on, in a few words."""
        for level, words in (("fail", "failed"), ("doubt", "in doubt")):
            weak = [check.title[0].lower() + check.title[1:] for check in self.checks if check.level == level]
            if weak:
                return f"{words}: {'; '.join(weak)}"
        return "every check is passed"


def examine(method: Attribution, image: Tensor, explanation: Explanation, progress: Progress | None = None) -> Trust:
    """Measure the map that ``method`` gave for the picture (1, 3, H, W).

    What does not depend on the map (exact Shapley values, masked pictures, random orders) is asked about
    once for each picture and reference, and remembered by the score.
    """
    tell = progress or (lambda part: None)
    start = time.perf_counter()
    heat = explanation.heat()
    fills = {"reference": method.reference, "blur": reference("blur")}
    if method.reference.name == "blur":
        fills["blur"] = reference("grey")
    table = _game(method, image, grid(*_size(image), GRID), method.reference).table(lambda part: tell(0.15 * part))
    shares = shapley(table)
    found = {}
    for index, (name, fill) in enumerate(fills.items()):
        found[name] = curves(method.score, image, heat, fill.single(image))
        tell(0.25 + 0.1 * index)
    left = cascade(method, image, explanation, lambda part: tell(0.35 + 0.25 * part))
    moved = sensitivity(method, image, explanation, progress=lambda part: tell(0.6 + 0.2 * part))
    seeds = None
    if method.stochastic:
        seeds = stability(method, image, explanation, progress=lambda part: tell(0.8 + 0.2 * part))
    checks = (
        *_about_the_sum(explanation),
        *_about_chance(explanation, seeds),
        *_about_the_network(found, share_of_best(table, heat), grid_correlation(heat, shares)),
        _infidelity(heat, method, image),
        _robustness(moved),
        _sanity(left),
    )
    return Trust(checks, found, tuple(left), shares, coarse(heat, GRID).ravel(), time.perf_counter() - start)
