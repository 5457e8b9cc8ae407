"""Whether to believe a map: everything that can be measured about it, and a verdict by stated thresholds.

    trust = examine(method, image, explanation)
    trust.verdict                   # "trust", "caution" or "do not trust"
    for result in trust.checks:
        result.check.title, result.value, result.level, result.check.meaning

The verdict follows from RULE; nothing in it is a matter of taste but the thresholds, which are shown.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from torch import Tensor

from gan.display import paragraph, table
from gan.errors import counted
from gan.progress import Progress
from xai.errors import ExplanationError
from xai.methods.base import Attribution, Claim, Explanation
from xai.trust.agreement import CELLS
from xai.trust.check import Check, CheckResult, Level, Subject
from xai.trust.checks import CHECKS

Verdict = Literal["trust", "caution", "no claim", "do not trust", "nothing to judge"]
SAME_SCORE = 1e-3  # relative: another batch or machine changes the last bits only

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)  # the best first

VERSION = 1  # of what the checks measure: raise it when a value changes, and kept verdicts are not shown any more
RULE = (
    "Do not trust: an essential check (marked * or **) fails, or two others do. "
    "Trust: no check fails, every essential check of faithfulness (marked **) is passed, every essential one was "
    "measured, and at most one other is in doubt. Otherwise: caution. "
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
        unmeasured, unproven = any(check.essential for check in silent), any(check.is_evidence for check in doubtful)
        return "caution" if failed or unmeasured or unproven or len(doubtful) > 1 else "trust"

    @property
    def resolution(self) -> tuple[int, int] | None:
        """(height, width) in pixels of the smallest places that the checks tell apart; None where there is none.

        Of a map that divides up the score, those of the checks that a verdict's resolution is: 8 x 8 cells of the
        picture, or the map's own segments where these are larger.
        """
        measured = [result for result in self.checks if result.level != "silent" and result.cells is not None]
        deciding = [result for result in measured if result.check.resolves] or measured
        return min((one for result in deciding if (one := result.resolution(self.size))), default=None)

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
        said = [f"{words}: {'; '.join(_lower(check.title) for check in found)}" for words, found in parts if found]
        if self.verdict == "trust" and said:
            return f"every essential check of faithfulness is passed; {'; '.join(said)}"
        return ". ".join(said) or "every check is passed"

    def _repr_html_(self) -> str:
        """The verdict in a notebook, and every check with its thresholds."""
        rows = [(one.check.starred, one.text, one.level, *one.check.limits, one.check.meaning) for one in self.checks]
        head = ("check", "value", "", "passes", "fails", "what it says")
        words = f"{self.badge}: {self.reason}." if self.claims == "score" else f"{self.badge}."
        return f"<div>{paragraph(words)}{table(head, rows)}{paragraph(RULE)}</div>"

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

    What does not depend on the map (Shapley values, scores of masked pictures and of random orders) is computed
    once for each picture and reference, and remembered by the method's score. A check that cannot be made is silent.

    Raises
    ------
    ExplanationError
        If there is more than one picture, one of less than 8 pixels a side, or one that the explanation is not of.
    """
    image = image.detach().cpu()
    _check_given(method, image, explanation)
    report = progress or (lambda part: None)
    start = time.perf_counter()
    subject = Subject(method, image, explanation)
    applicable = [] if subject.empty else [check for check in checks if check.says_something_of(subject)]
    total, done, results = sum(check.cost for check in applicable) or 1.0, 0.0, []
    for check in applicable:
        results.append(
            _measured(check, subject, lambda part, done=done, check=check: report((done + part * check.cost) / total))  # type: ignore[misc]
        )
        done += check.cost
        report(done / total)
    return Trust(tuple(results), time.perf_counter() - start, explanation.claims, subject.size, subject.empty)


def _measured(check: Check, subject: Subject, progress: Progress) -> CheckResult:
    """The check's result, silent where it raises an error."""
    try:
        return check(subject, progress)
    except Exception as error:  # whatever somebody's own check raises: the others are still worth having
        return CheckResult(check, math.nan, error=f"{type(error).__name__}: {error}")


def _check_given(method: Attribution, image: Tensor, explanation: Explanation) -> None:
    if image.ndim != 4 or len(image) != 1 or len(explanation.values) != 1:
        raise ExplanationError(
            f"A verdict is on one picture and its map, not {counted(len(image), 'picture')} and "
            f"{counted(len(explanation.values), 'map')}: "
            "explain and examine them one by one."
        )
    if not method.score.of_pictures or min(image.shape[2:]) < CELLS:
        raise ExplanationError(
            f"A verdict needs a picture of at least {CELLS} x {CELLS} pixels, not {tuple(image.shape[1:])}."
        )
    if explanation.values.shape[2:] != image.shape[2:]:
        found, expected = (f"{size[0]} x {size[1]}" for size in (explanation.values.shape[2:], image.shape[2:]))
        raise ExplanationError(f"The map has {found} pixels and the picture {expected}: the map is of another picture.")
    score, explained = float(method.score(image)), float(explanation.score[0])
    if abs(score - explained) > SAME_SCORE * max(1.0, abs(score)):
        raise ExplanationError(
            f"The explanation is of a picture with the score {explained:.4g}, this one has {score:.4g}: "
            "examine the picture that was explained, with the method that explained it."
        )
