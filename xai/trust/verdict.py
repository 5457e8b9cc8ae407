"""Whether to believe a map: everything that can be measured about it, and a verdict by stated thresholds.

    trust = examine(method, image, explanation)
    trust.verdict                   # "trust", "caution" or "do not trust"
    for result in trust.checks:
        result.check.title, result.value, result.level, result.check.meaning

The verdict follows from RULE; nothing in it is a matter of taste but the thresholds, which are shown.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from torch import Tensor

from gan.progress import Progress
from xai.methods.base import Attribution, Claim, Explanation
from xai.trust.checks import CHECKS, Check, CheckResult, Level, Subject

Verdict = Literal["trust", "caution", "no claim", "do not trust", "nothing to judge"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)  # the best first

RULE = (
    "Do not trust: an essential check (marked *) fails, or two others do. "
    "Trust: no check fails, at most one is in doubt, and no essential one is silent. Otherwise: caution. "
    "A map that is the same everywhere is not judged, and one that claims nothing about the score gets no verdict."
)
SHOWS = {"gradient": "shows a gradient, not a reason", "response": "shows a response, not a reason"}


@dataclass(frozen=True, eq=False)
class Trust:
    """All that was measured about one map, in the order of CHECKS.

    claims : what the map says (see xai.Attribution). size : (height, width) of the picture.
    empty : whether the map is the same everywhere, or not finite.
    """

    checks: tuple[CheckResult, ...]
    seconds: float
    claims: Claim = "score"
    size: tuple[int, int] = (64, 64)
    empty: bool = False

    def __getitem__(self, key: str) -> CheckResult:
        """The result of the check with this key; KeyError where it did not apply."""
        return {result.check.key: result for result in self.checks}[key]

    def __contains__(self, key: object) -> bool:
        """Whether the check with this key applied."""
        return any(result.check.key == key for result in self.checks)

    @property
    def verdict(self) -> Verdict:
        """See RULE."""
        if self.empty:
            return "nothing to judge"
        if self.claims != "score":
            return "no claim"
        failed, silent, doubtful = (self._at(level) for level in ("fail", "silent", "doubt"))
        if any(check.essential for check in failed) or len(failed) > 1:
            return "do not trust"
        unmeasured = any(check.essential for check in silent)
        return "trust" if not failed and not unmeasured and len(doubtful) <= 1 else "caution"

    @property
    def resolution(self) -> tuple[int, int] | None:
        """(height, width) in pixels of the smallest places that the checks tell apart; None where there is none.

        Of a map that divides up the score only checks of faithfulness count.
        """
        categories = ("faithfulness",) if self.claims == "score" else ("randomisation",)
        found = [
            result.check.resolution(self.size)
            for result in self.checks
            if result.check.category in categories and result.level != "silent"
        ]
        return min((one for one in found if one is not None), default=None)

    def examined_at(self, detail: int | tuple[int, int]) -> bool:
        """Whether places of ``detail`` pixels a side were told apart; what is finer was not examined."""
        sides = (detail, detail) if isinstance(detail, int) else detail
        resolution = self.resolution
        return resolution is not None and all(side >= least for side, least in zip(sides, resolution, strict=True))

    @property
    def badge(self) -> str:
        """The verdict in a few words, such as "trust, at 8 x 8 pixels"."""
        if self.verdict == "no claim":
            return SHOWS[self.claims]
        if self.verdict not in ("trust", "caution") or self.resolution is None:
            return self.verdict
        return f"{self.verdict}, at {self.resolution[0]} x {self.resolution[1]} pixels"

    @property
    def reason(self) -> str:
        """What the verdict follows from, in a few words."""
        if self.empty:
            return "the map is the same everywhere"
        parts = [("failed", self._at("fail")), ("in doubt", self._at("doubt")), ("not measurable", self._at("silent"))]
        if self.verdict == "trust":
            return (
                "every check is passed" if not any(found for _, found in parts) else "every essential check is passed"
            )
        said = [f"{words}: {'; '.join(_lower(check.title) for check in found)}" for words, found in parts if found]
        return ". ".join(said) or "every check is passed"

    def _at(self, level: Level) -> list[Check]:
        return [result.check for result in self.checks if result.level == level]


def _lower(title: str) -> str:
    return title[0].lower() + title[1:]


def examine(
    method: Attribution,
    image: Tensor,
    explanation: Explanation,
    progress: Progress | None = None,
    checks: Sequence[Check] = CHECKS,
) -> Trust:
    """Make all checks that apply to the map that ``method`` gave for the picture (1, 3, H, W).

    What does not depend on the map (exact Shapley values, scores of masked pictures and of random orders) is computed
    once for each picture and reference, and remembered by the method's score.
    """
    report = progress or (lambda part: None)
    start = time.perf_counter()
    subject = Subject(method, image, explanation)
    applicable = [check for check in checks if check.says_something_of(subject)]
    total, done, results = sum(check.cost for check in applicable) or 1.0, 0.0, []
    for check in applicable:
        results.append(check(subject, lambda part, done=done, check=check: report((done + part * check.cost) / total)))  # type: ignore[misc]
        done += check.cost
        report(done / total)
    return Trust(tuple(results), time.perf_counter() - start, explanation.claims, subject.size, subject.empty)
