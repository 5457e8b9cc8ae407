"""The checks that a verdict is made of: each is an entry of CHECKS, with thresholds and the function that measures.

    def largest(subject: Subject, progress: Progress) -> float:
        return float(abs(subject.explanation.heat()).max())

    mine = Check("largest", "axiomatic", "Largest value", "Nothing, in truth.", largest, passes=1.0, fails=0.1)
    examine(method, image, explanation, checks=[*CHECKS, mine])          # xai.trust.verdict

A check that the program should always make is a function here and an entry below.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from gan.progress import Progress
from xai.methods.base import Claim
from xai.methods.perturbation.coalitions import shapley
from xai.methods.perturbation.segments import grid
from xai.methods.references import reference
from xai.trust import robustness
from xai.trust.agreement import CELLS
from xai.trust.check import GRID, Check, Reading, Subject
from xai.trust.faithfulness import Halves, curves, grid_correlation, misplaced, prediction
from xai.trust.robustness import cascading_randomisation, sensitivity_max, stability

ALL_CLAIMS: tuple[Claim, ...] = ("score", "gradient", "response")
PAIRS = 16  # of orders, at least, from which Shapley values of several references are estimated
FEWEST_SEGMENTS = 5  # of which halves can be told apart


def completeness(subject: Subject, progress: Progress) -> float:
    """The gap, relative to the largest of the score, its reference's and their difference."""
    explanation = subject.explanation
    gap, score, base = (float(one[0]) for one in (explanation.gap, explanation.score, explanation.base_score))
    return abs(gap) / max(abs(score), abs(base), abs(score - base), 1e-6)


def promises_completeness(subject: Subject) -> bool:
    """Whether there is a gap at all."""
    return not bool(subject.explanation.gap[0].isnan())


def seeds(subject: Subject, progress: Progress) -> Reading:
    """Mean rank correlation between seeds."""
    between = stability(subject.method, subject.image, subject.explanation, progress=progress)
    return Reading(between.value, between.low, between.high)


def diagnostic(name: str) -> Callable[[Subject, Progress], float]:
    """A number that the method itself reports."""
    return lambda subject, progress: float(subject.explanation.diagnostics[name][0])


def reports(name: str) -> Callable[[Subject], bool]:
    """Whether the method reports this number."""
    return lambda subject: name in subject.explanation.diagnostics


def insertion_deletion(kind: str = "") -> Callable[[Subject, Progress], Reading]:
    """Gain of the map's order in standard deviations of random orders, and the curves.

    Masked with the method's own reference, or one of this ``kind``.
    """

    def measure(subject: Subject, progress: Progress) -> Reading:
        baseline = reference(kind).single(subject.image) if kind else subject.baseline
        shown = curves(subject.method.score, subject.image, subject.explanation.heat(), baseline, progress=progress)
        return Reading(shown.gain / shown.random_spread if shown.random_spread > 1e-9 else math.nan, evidence=shown)

    return measure


def compares_with(*kinds: str) -> Callable[[Subject], bool]:
    """Whether the method's own reference is one of these kinds."""
    return lambda subject: subject.method.reference.name in kinds


@dataclass(frozen=True, eq=False)
class TileValues:
    """Shapley values (9,) of 3 x 3 tiles, and the ``tiles``' sums (9,) of the map.

    references : how many they average over. total : what the values add up to. errors : (9,) standard errors, 0 where
    the values are exact.
    """

    exact: NDArray[np.float64]
    tiles: NDArray[np.float64]
    errors: NDArray[np.float64]
    references: int
    total: float


def tile_values(subject: Subject, progress: Progress) -> Reading:
    """Correlation with the tiles' Shapley values in the method's own game.

    With one reference they are exact, from all 512 coalitions; with several they are estimated from orders, the same
    number for each reference, so that they add up to the score less the references' mean score.
    """
    game, count = subject.game(grid(*subject.size, GRID)), len(subject.baseline)
    if count == 1:
        values, errors = shapley(game.table(progress)), np.zeros(GRID**2)
    else:
        each = game.marginals(count * math.ceil(PAIRS / count), progress)
        pairs = each.reshape(-1, 2, GRID**2).mean(1)
        values, errors = pairs.mean(0), pairs.std(0, ddof=1) / len(pairs) ** 0.5
    found = grid_correlation(subject.explanation.heat(), values)
    evidence = TileValues(values, subject.tiles, errors, count, float(values.sum()))
    return Reading(found.value, found.low, found.high, evidence)


def infidelity(subject: Subject, progress: Progress) -> Reading:
    """What the map does not predict of the difference between two halves of the poster."""
    found, side = _on_halves(subject, lambda known: prediction(subject.explanation.heat(), known))
    if found is None or math.isnan(found.value):
        return Reading(math.nan, cells=side)
    low, value, high = (1 - max(0.0, one) ** 2 for one in (found.high, found.value, found.low))
    return Reading(value, low, high, cells=side)


def placement(subject: Subject, progress: Progress) -> Reading:
    """Proportion of the map's shifted and mirrored copies that predict as well as it does."""
    value, side = _on_halves(subject, lambda known: misplaced(subject.explanation.heat(), known))
    return Reading(math.nan if value is None else value, cells=side)


T = TypeVar("T")


def _on_halves(subject: Subject, measure: Callable[[Halves], T]) -> tuple[T | None, float]:
    """A measure, None where there are too few segments, and how many of them there are a side."""
    count = subject.halves.present.shape[1]
    return (measure(subject.halves) if count >= FEWEST_SEGMENTS else None), count**0.5


def sensitivity(subject: Subject, progress: Progress) -> float:
    """Largest relative change near the picture."""
    return sensitivity_max(subject.method, subject.image, subject.explanation, progress=progress)


def randomisation(subject: Subject, progress: Progress) -> Reading:
    """Similarity with all weights randomised, the mean over shuffles; shows those with some layers randomised."""
    found = cascading_randomisation(subject.method, subject.image, subject.explanation, progress)
    return Reading(float(np.mean(np.abs(found.shuffles))), evidence=found)


CHECKS: tuple[Check, ...] = (
    Check(
        "completeness", "axiomatic", "Completeness gap",
        "What the attributions miss of the difference that they promise to explain, relative to the scores: "
        "lower is better.",
        completeness, passes=0.02, fails=0.1, applies=promises_completeness, cost=0,
    ),
    Check(
        "seeds", "estimation", "Seed-to-seed correlation",
        "How alike the maps of other random seeds are: 1 is the same order of places each time.",
        seeds, passes=0.9, fails=0.7, essential=True, applies=lambda subject: subject.method.stochastic, cost=4,
        judges=ALL_CLAIMS,
    ),
    Check(
        "r2", "estimation", "Fit of the linear model (R²)",
        "How much of the effect of masking segments a sum of their attributions explains: 1 is everything.",
        diagnostic("r2"), passes=0.6, fails=0.3, applies=reports("r2"), cost=0,
    ),
    Check(
        "segments", "estimation", "Segments",
        "With few segments a linear model always fits, and says little.",
        diagnostic("segment_count"), passes=20, fails=8, applies=reports("r2"), cost=0,
    ),
    Check(
        "split_half", "estimation", "Split-half agreement",
        "The rank correlation to be expected of a repetition, from the samples' two halves: higher is better.",
        diagnostic("split_half"), passes=0.9, fails=0.7, applies=reports("split_half"), cost=0,
    ),
    Check(
        "curves_reference", "faithfulness", "Insertion and deletion, reference",
        "Gain of the map's order of places, masked with the reference, in standard deviations of random orders: "
        "0: no better than random orders; above 2: unlikely by chance.",
        insertion_deletion(), passes=2.0, fails=0.0, essential=True, cells=CELLS, cost=2,
    ),
    Check(
        "curves_blur", "faithfulness", "Insertion and deletion, blur",
        "Gain of the map's order of places, masked with a blurred poster, in standard deviations of random "
        "orders: 0: no better than random orders; above 2: unlikely by chance.",
        insertion_deletion("blur"), passes=2.0, fails=0.0, cells=CELLS, cost=2,
        applies=lambda subject: not compares_with("blur")(subject),
    ),
    Check(
        "curves_grey", "faithfulness", "Insertion and deletion, grey",
        "Gain of the map's order of places, masked with grey, in standard deviations of random "
        "orders: 0: no better than random orders; above 2: unlikely by chance.",
        insertion_deletion("grey"), passes=2.0, fails=0.0, cells=CELLS, cost=2, applies=compares_with("blur"),
    ),
    Check(
        "shapley", "faithfulness", "Correlation with Shapley values",
        "Whether the map follows the Shapley values of 3 x 3 tiles: 1 is the same, 0 unrelated. It passes where "
        "chance alone would be that high less than once in 20 times.",
        tile_values, passes=0.59, fails=0.0, essential=True, cost=4, cells=GRID,
    ),
    Check(
        "infidelity", "faithfulness", "Infidelity",
        "What the map fails to predict of the difference between the scores of two halves of the poster, halved at "
        "random: 0 is none, 1 all of it.",
        infidelity, passes=0.88, fails=0.98, cost=2, cells=CELLS, resolves=True, essential=True,
    ),
    Check(
        "placement", "faithfulness", "Shifted copies that predict as well",
        "Of copies of the map that were shifted and mirrored, how many predict the scores of halves of the poster as "
        "well as the map itself: a map that says nothing of this poster is no better than half of them.",
        placement, passes=0.01, fails=0.05, cost=0, cells=CELLS, resolves=True, essential=True,
    ),
    Check(
        "sensitivity", "robustness", "Maximum sensitivity",
        "How much the map changes when every pixel changes by at most 2 %, relative to the map: lower is better.",
        sensitivity, passes=0.5, fails=1.0, cost=3, judges=ALL_CLAIMS,
    ),
    Check(
        "randomisation", "randomisation", "Similarity after weight randomisation",
        "Rank correlation with the maps of networks whose weights were shuffled: a map that stays explains nothing.",
        randomisation, passes=0.5, fails=0.8, essential=True, cost=4,
        judges=ALL_CLAIMS, cells=robustness.CELLS,
    ),
)  # fmt: skip
