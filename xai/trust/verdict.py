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
from typing import Literal

from torch import Tensor

from gan.progress import Progress
from xai.methods.base import Attribution, Explanation
from xai.trust.checks import CHECKS, Check, CheckResult, Subject

Verdict = Literal["trust", "caution", "do not trust"]

RULE = (
    "Do not trust: an essential check (marked *) fails, or two others do. "
    "Trust: no check fails, and at most one is in doubt. Otherwise: caution."
)


@dataclass(frozen=True, eq=False)
class Trust:
    """All that was measured about one map, in the order of CHECKS."""

    checks: tuple[CheckResult, ...]
    seconds: float

    def __getitem__(self, key: str) -> CheckResult:
        """The result of the check with this key; KeyError where it did not apply."""
        return {result.check.key: result for result in self.checks}[key]

    @property
    def verdict(self) -> Verdict:
        """See RULE."""
        failed = [result.check for result in self.checks if result.level == "fail"]
        in_doubt = [result.check for result in self.checks if result.level == "doubt"]
        if any(check.essential for check in failed) or len(failed) > 1:
            return "do not trust"
        return "trust" if not failed and len(in_doubt) <= 1 else "caution"

    @property
    def reason(self) -> str:
        """What the verdict follows from, in a few words."""
        for level, words in (("fail", "failed"), ("doubt", "in doubt")):
            titles = [result.check.title for result in self.checks if result.level == level]
            if titles:
                return f"{words}: {'; '.join(title[0].lower() + title[1:] for title in titles)}"
        return "every check is passed"


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
    applicable = [check for check in checks if check.applies(subject)]
    total, done, results = sum(check.cost for check in applicable) or 1.0, 0.0, []
    for check in applicable:
        results.append(check(subject, lambda part, done=done, check=check: report((done + part * check.cost) / total)))  # type: ignore[misc]
        done += check.cost
        report(done / total)
    return Trust(tuple(results), time.perf_counter() - start)
