"""What a check is: what it measures of a map, by which thresholds, and what came out.

    check = Check("largest", "axiomatic", "Largest value", "Nothing, in truth.", largest, passes=1.0, fails=0.1)
    check.measure(Subject(method, image, explanation), silent)

The checks that the program makes are in checks.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gan.progress import Progress
from xai.methods.base import Attribution, Claim, Explanation
from xai.methods.perturbation.coalitions import Game
from xai.methods.perturbation.segments import grid
from xai.trust.agreement import CELLS
from xai.trust.faithfulness import Halves, halves, spaced

Category = Literal["axiomatic", "estimation", "faithfulness", "robustness", "randomisation"]
Level = Literal["pass", "doubt", "fail", "silent"]

GRID = 3  # tiles a side of which Shapley values are computed
MOST_REFERENCES = 32  # that checks average over


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
        return not bool(np.isfinite(heat).all() and np.ptp(heat) > 1e-9 * np.abs(heat).max())

    @property
    def tiles(self) -> NDArray[np.float64]:
        """The map's sums (9,) over 3 x 3 tiles, row by row."""
        weights = self.explanation.heat().ravel().astype(np.float64)
        return np.asarray(np.bincount(grid(*self.size, GRID).ravel(), weights), np.float64)

    @cached_property
    def baseline(self) -> Tensor:
        """(K, 3, H, W), what the method compares with: its references where it averages over them, or their mean."""
        if not self.method.averages_references:
            return self.method.reference.single(self.image)
        return spaced(self.method.reference.of(self.image), MOST_REFERENCES)

    def game(self, labels: NDArray[np.int64]) -> Game:
        """The game that the method plays, with these segments (H, W) as players; its scores are remembered."""
        return Game.of(self.method.score, self.image, self.baseline, labels)

    @cached_property
    def halves(self) -> Halves:
        """Scores of halves: of the map's own segments where it has some, of 8 x 8 cells otherwise.

        The masks are not those that a method with this seed has seen.
        """
        segments = self.explanation.segments
        labels = grid(*self.size, CELLS) if segments is None else np.asarray(segments[0].numpy(), np.int64)
        return halves(self.game(labels), self.method.seed + 1)


@dataclass(frozen=True, eq=False)
class Reading:
    """A measured value, NaN where it could not be measured; where there are, its interval and what it follows from.

    cells : a side of the grid that it was measured on, where that is another than the check's.
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    evidence: Any = None
    cells: float | None = None


@dataclass(frozen=True)
class Check:
    """Something that can be measured about a map.

    key : its name in archives. category : as Quantus has them. title, meaning : a phrase and one sentence for people.
    measure : subject and progress to a value, or a Reading.
    passes, fails : thresholds, both on the good side: as good as ``passes`` it passes, worse than ``fails`` it fails.
    essential : whether failing it alone means that the map is not to be trusted.
    applies : whether the check says something of a subject. cost : its part of the time, relative to the others.
    judges : the kinds of claims that it judges. cells : a side of the grid on which it looks at a map, None where it
        looks at none. resolves : whether a verdict holds down to the places that this check tells apart.
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
    resolves: bool = False

    def __repr__(self) -> str:
        return f"Check({self.key!r})"  # as a default of ``examine`` all fields of all checks would be pages

    @property
    def is_evidence(self) -> bool:
        """Whether "trust" needs this check to be passed, for it alone shows that a map says what it claims."""
        return self.essential and self.category == "faithfulness"

    @property
    def higher(self) -> bool:
        """Whether higher values are better."""
        return self.passes > self.fails

    @property
    def starred(self) -> str:
        """The title, with a star where the check is essential, and two where it is one of faithfulness as well.

        See xai.trust.verdict.RULE.
        """
        return self.title + (" **" if self.is_evidence else " *" if self.essential else "")

    @property
    def limits(self) -> tuple[str, str]:
        """From which values on it passes, and fails: "≥ 0.9", "< 0.7"."""
        better, worse = ("≥", "<") if self.higher else ("≤", ">")
        return f"{better} {self.passes:g}", f"{worse} {self.fails:g}"

    def says_something_of(self, subject: Subject) -> bool:
        """Whether the check judges what the subject's map claims, and applies to it."""
        return subject.explanation.claims in self.judges and self.applies(subject)

    def __call__(self, subject: Subject, progress: Progress) -> CheckResult:
        """Measure a subject that it applies to."""
        reading = self.measure(subject, progress)
        if not isinstance(reading, Reading):
            reading = Reading(reading)
        cells = self.cells if reading.cells is None else reading.cells
        return CheckResult(self, reading.value, reading.low, reading.high, reading.evidence, cells)


@dataclass(frozen=True, eq=False)
class CheckResult:
    """What a check has measured of one map: see Reading. ``error`` says what kept it from measuring."""

    check: Check
    value: float
    low: float = math.nan
    high: float = math.nan
    evidence: Any = None
    cells: float | None = None
    error: str = ""

    def resolution(self, size: tuple[int, int]) -> tuple[int, int] | None:
        """(height, width) in pixels of the places that were told apart in a picture of this size; None where none."""
        if self.cells is None:
            return None
        height, width = (math.ceil(side / self.cells) for side in size)
        return height, width

    @property
    def text(self) -> str:
        """The value, with its interval where there is one: "0.91 (0.84 to 0.98)"."""
        if math.isnan(self.value):
            return "not measured"
        interval = "" if math.isnan(self.low) else f" ({self.low:.2g} to {self.high:.2g})"
        return f"{self.value:.2g}{interval}"

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
