"""The checks that a verdict is made of.

check.title, check.value, check.level, check.meaning
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from xai.methods.base import Attribution, Explanation
from xai.methods.perturbation.coalitions import Blocks, Game
from xai.methods.perturbation.segments import segment
from xai.methods.references import Reference
from xai.trust.faithfulness import Curves, Heat, unexplained
from xai.trust.robustness import Stability

Level = Literal["pass", "doubt", "fail", "silent"]


MASKS = 256  # for infidelity: LIME's first two blocks where it cuts 33 to 64 segments


@dataclass(frozen=True)
class Check:
    """One measurement. ``passes`` and ``fails`` are the thresholds: beyond them it passes or fails.

    value : NaN where it could not be measured; the level is then "silent".
    higher : whether higher values are better.
    essential : whether failing it alone means that the map is not to be trusted.
    meaning : one sentence for people.
    low, high : interval, where there is one.
    """

    key: str
    title: str
    value: float
    passes: float
    fails: float
    higher: bool
    essential: bool
    meaning: str
    low: float = math.nan
    high: float = math.nan

    @property
    def level(self) -> Level:
        """pass, doubt (between the thresholds), fail, or silent."""
        if math.isnan(self.value):
            return "silent"
        sign = 1 if self.higher else -1
        if sign * self.value >= sign * self.passes:
            return "pass"
        return "fail" if sign * self.value < sign * self.fails else "doubt"


def _about_the_sum(explanation: Explanation) -> Iterator[Check]:
    gap, score, base = (float(values[0]) for values in (explanation.gap, explanation.score, explanation.base_score))
    if math.isnan(gap):
        return
    size = max(abs(score), abs(base), abs(score - base), 1e-6)
    yield Check(
        "completeness", "Completeness gap", abs(gap) / size, 0.02, 0.1, False, False,
        "What the shares miss of the difference that they promise to explain, relative to the logits: lower is better.",
    )  # fmt: skip


def _about_chance(explanation: Explanation, seeds: Stability | None) -> Iterator[Check]:
    if seeds is not None:
        yield Check(
            "seeds", "Seed-to-seed correlation", seeds.mean, 0.9, 0.7, True, True,
            "How alike the maps of other random seeds are: 1 is the same order of places each time.",
            seeds.low, seeds.high,
        )  # fmt: skip
    if "r2" in explanation.diagnostics:
        yield Check(
            "r2", "Fit of the linear model (R²)", float(explanation.diagnostics["r2"][0]), 0.6, 0.3, True, False,
            "How much of what hiding segments does a sum of their shares can say: 1 is everything.",
        )  # fmt: skip
        segments = float(explanation.diagnostics["segment_count"][0])
        yield Check(
            "segments", "Segments", segments, 20, 8, True, False,
            "With few segments a linear model always fits, and says little.",
        )  # fmt: skip
    if "split_half" in explanation.diagnostics:
        yield Check(
            "split_half", "Split-half agreement", float(explanation.diagnostics["split_half"][0]),
            0.9, 0.7, True, False,
            "The rank correlation to be expected of a repetition, from the samples' two halves: higher is better.",
        )  # fmt: skip


def _about_the_network(found: dict[str, Curves], best: float, correlation: float) -> Iterator[Check]:
    for fill, one in found.items():
        z = one.gain / one.random_spread if one.random_spread > 1e-9 else math.nan
        behind = "the reference" if fill == "reference" else "a blurred (or grey) poster"
        yield Check(
            f"curves_{fill}", f"Insertion and deletion, {fill}", z, 2.0, 0.0, True, fill == "reference",
            f"How far the map's order of places, shown or hidden behind {behind}, beats random orders, in their "
            "standard deviations: 0 is chance, 2 is hardly chance.",
        )  # fmt: skip
    yield Check(
        "best_order", "Share of the best order", best, 0.5, 0.0, True, False,
        "Gain of the map's order of 3 x 3 tiles over chance, as a part of what the best of all orders gains.",
    )  # fmt: skip
    yield Check(
        "shapley", "Correlation with exact Shapley values", correlation, 0.6, 0.0, True, True,
        "Whether 3 x 3 tiles have the shares that the exact values give them: 1 is the same, 0 unrelated.",
    )  # fmt: skip


def _infidelity(heat: Heat, method: Attribution, image: Tensor) -> Check:
    game = _game(method, image, segment(image[0].permute(1, 2, 0).double().numpy()), method.reference)
    blocks = Blocks(game, 0, MASKS)
    for _ in range(2):
        blocks.take(lambda part: None)
    masks, scores = blocks.all()
    return Check(
        "infidelity", "Infidelity", unexplained(heat, game, masks, scores), 0.5, 1.0, False, False,
        "What the map does not foretell of the loss when half of the poster is hidden: 0 is nothing, 1 everything.",
    )  # fmt: skip


def _robustness(moved: float) -> Check:
    return Check(
        "sensitivity", "Maximum sensitivity", moved, 0.5, 1.0, False, False,
        "How much the map changes when every pixel moves by at most 2 %, relative to the map: lower is better.",
    )  # fmt: skip


def _sanity(left: list[float]) -> Check:
    return Check(
        "randomisation", "Left after forgetting", abs(left[-1]), 0.5, 0.8, False, True,
        "Rank correlation with the map of a network whose weights were shuffled: a map that stays explains nothing.",
    )  # fmt: skip


def _game(method: Attribution, image: Tensor, labels: NDArray[np.int64], behind: Reference) -> Game:
    return Game.of(method.score, image, behind.single(image), labels)


def _size(image: Tensor) -> tuple[int, int]:
    return image.shape[-2], image.shape[-1]
