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
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gan.progress import Progress
from xai.methods.base import Attribution, Claim, Explanation
from xai.methods.perturbation.coalitions import Blocks, Game, shapley
from xai.methods.perturbation.segments import grid, segment
from xai.methods.references import Reference, reference
from xai.trust import robustness
from xai.trust.agreement import coarse
from xai.trust.faithfulness import CELLS, curves, grid_correlation, normalised_infidelity, order_gain
from xai.trust.robustness import cascading_randomisation, sensitivity_max, stability

Category = Literal["axiomatic", "estimation", "faithfulness", "robustness", "randomisation"]
Level = Literal["pass", "doubt", "fail", "silent"]

ALL_CLAIMS: tuple[Claim, ...] = ("score", "gradient", "response")
GRID = 3  # tiles a side of which exact Shapley values are computed
MASKS = 256  # for infidelity: LIME's first two blocks where it cuts 33 to 64 segments


@dataclass(frozen=True, eq=False)
class Subject:
    """What is checked: the map that ``method`` gave for ``image`` (1, 3, H, W)."""

    method: Attribution
    image: Tensor
    explanation: Explanation

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the picture."""
        return self.image.shape[-2], self.image.shape[-1]

    @property
    def empty(self) -> bool:
        """Whether the map is the same everywhere, or not finite: there is nothing to judge."""
        heat = self.explanation.heat()
        return not bool(np.isfinite(heat).all() and np.ptp(heat))

    @property
    def tiles(self) -> NDArray[np.float64]:
        """The map's sums (9,) over 3 x 3 tiles, row by row."""
        return coarse(self.explanation.heat(), GRID).ravel()

    def game(self, labels: NDArray[np.int64]) -> Game:
        """The picture's segments as players, masked with the method's reference; its scores are remembered."""
        return Game.of(self.method.score, self.image, self.method.reference.single(self.image), labels)

    def table(self, progress: Progress | None = None) -> NDArray[np.float64]:
        """Scores of all 512 coalitions of the 3 x 3 tiles."""
        return self.game(grid(*self.size, GRID)).table(progress)


@dataclass(frozen=True, eq=False)
class Reading:
    """A measured value, NaN where it could not be measured; where there are, its interval and what it follows from."""

    value: float
    low: float = math.nan
    high: float = math.nan
    evidence: Any = None


@dataclass(frozen=True)
class Check:
    """Something that can be measured about a map.

    key : its name in archives. category : as Quantus has them. title, meaning : a phrase and one sentence for people.
    measure : subject and progress to a value, or a Reading.
    passes, fails : thresholds, both on the good side: as good as ``passes`` it passes, worse than ``fails`` it fails.
    essential : whether failing it alone means that the map is not to be trusted.
    applies : whether the check says something of a subject. cost : its part of the time, relative to the others.
    judges : the kinds of claims that it judges. cells : a side of the grid on which it looks at a map, None where it
        looks at single pixels or at none.
    """

    key: str
    category: Category
    title: str
    meaning: str
    measure: Callable[[Subject, Progress], float | Reading]
    passes: float
    fails: float
    essential: bool = False
    applies: Callable[[Subject], bool] = lambda subject: True
    cost: float = 1.0
    judges: tuple[Claim, ...] = ("score",)
    cells: int | None = None

    def resolution(self, size: tuple[int, int]) -> tuple[int, int] | None:
        """(height, width) in pixels of the places that it tells apart in a picture of this size; None where none."""
        if self.cells is None:
            return None
        height, width = (-(-side // self.cells) for side in size)
        return height, width

    @property
    def higher(self) -> bool:
        """Whether higher values are better."""
        return self.passes > self.fails

    def says_something_of(self, subject: Subject) -> bool:
        """Whether the check judges what the subject's map claims, and applies to it."""
        return subject.explanation.claims in self.judges and self.applies(subject)

    def __call__(self, subject: Subject, progress: Progress) -> CheckResult:
        """Measure a subject that it applies to."""
        reading = self.measure(subject, progress)
        if not isinstance(reading, Reading):
            reading = Reading(reading)
        return CheckResult(self, reading.value, reading.low, reading.high, reading.evidence)


@dataclass(frozen=True, eq=False)
class CheckResult:
    """What a check has measured of one map: see Reading."""

    check: Check
    value: float
    low: float = math.nan
    high: float = math.nan
    evidence: Any = None

    @property
    def level(self) -> Level:
        """pass, doubt (between the thresholds), fail, or silent (not measured)."""
        if math.isnan(self.value):
            return "silent"
        sign = 1 if self.check.higher else -1
        if sign * self.value >= sign * self.check.passes:
            return "pass"
        return "fail" if sign * self.value < sign * self.check.fails else "doubt"


# ---- what is measured ----------------------------------------------------------------------------------


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


def insertion_deletion(mask: Callable[[Subject], Reference]) -> Callable[[Subject, Progress], Reading]:
    """Gain of the map's order in standard deviations of random orders, masked with this reference; shows the curves."""

    def measure(subject: Subject, progress: Progress) -> Reading:
        baseline = mask(subject).single(subject.image)
        shown = curves(subject.method.score, subject.image, subject.explanation.heat(), baseline)
        return Reading(shown.gain / shown.random_spread if shown.random_spread > 1e-9 else math.nan, evidence=shown)

    return measure


def blurred(subject: Subject) -> Reference:
    """A blurred poster, grey where the method itself compares with that."""
    return reference("grey" if subject.method.reference.name == "blur" else "blur")


def best_order(subject: Subject, progress: Progress) -> float:
    """The order of 3 x 3 tiles against the best of all."""
    return order_gain(subject.table(progress), subject.explanation.heat())


def exact_values(subject: Subject, progress: Progress) -> Reading:
    """Correlation with exact Shapley values; shows them (9,) and the map's sums (9,)."""
    exact = shapley(subject.table(progress))
    return Reading(grid_correlation(subject.explanation.heat(), exact), evidence=(exact, subject.tiles))


def infidelity(subject: Subject, progress: Progress) -> float:
    """Over two balanced blocks of masks of SLIC segments."""
    game = subject.game(segment(subject.image[0].permute(1, 2, 0).double().numpy()))
    blocks = Blocks(game, 0, MASKS)
    for _ in range(2):
        blocks.take(lambda part: None)
    return normalised_infidelity(subject.explanation.heat(), game, *blocks.all())


def sensitivity(subject: Subject, progress: Progress) -> float:
    """Largest relative change near the picture."""
    return sensitivity_max(subject.method, subject.image, subject.explanation, progress=progress)


def randomisation(subject: Subject, progress: Progress) -> Reading:
    """Similarity with all weights randomised; shows those with the last 1, 2, ... layers randomised."""
    similarities = cascading_randomisation(subject.method, subject.image, subject.explanation, progress)
    return Reading(abs(similarities[-1]), evidence=similarities)


CHECKS: tuple[Check, ...] = (
    Check(
        "completeness", "axiomatic", "Completeness gap",
        "What the attributions miss of the difference that they promise to explain, relative to the logits: "
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
        insertion_deletion(lambda subject: subject.method.reference), passes=2.0, fails=0.0, essential=True,
        cells=CELLS,
    ),
    Check(
        "curves_blur", "faithfulness", "Insertion and deletion, blur",
        "Gain of the map's order of places, masked with a blurred (or grey) poster, in standard deviations of random "
        "orders: 0: no better than random orders; above 2: unlikely by chance.",
        insertion_deletion(blurred), passes=2.0, fails=0.0, cells=CELLS,
    ),
    Check(
        "best_order", "faithfulness", "Gain relative to the best order",
        "Gain of the map's order of 3 x 3 tiles over random orders, as a proportion of the best order's gain.",
        best_order, passes=0.5, fails=0.0, cost=2, cells=GRID,
    ),
    Check(
        "shapley", "faithfulness", "Correlation with exact Shapley values",
        "Whether the map's sums over 3 x 3 tiles follow their exact values: 1 is the same, 0 unrelated.",
        exact_values, passes=0.6, fails=0.0, essential=True, cost=0, cells=GRID,
    ),
    Check(
        "infidelity", "faithfulness", "Infidelity",
        "Share of the score change, when segments are masked, that the map fails to predict: 0 is none, 1 all of it.",
        infidelity, passes=0.5, fails=1.0,
    ),
    Check(
        "sensitivity", "robustness", "Maximum sensitivity",
        "How much the map changes when every pixel changes by at most 2 %, relative to the map: lower is better.",
        sensitivity, passes=0.5, fails=1.0, cost=3, judges=ALL_CLAIMS,
    ),
    Check(
        "randomisation", "randomisation", "Similarity after weight randomisation",
        "Rank correlation with the map of a network whose weights were shuffled: a map that stays explains nothing.",
        randomisation, passes=0.5, fails=0.8, essential=True, cost=4,
        judges=ALL_CLAIMS, cells=robustness.CELLS,
    ),
)  # fmt: skip
