"""Where generated posters lie among real ones, in a sentence: too narrow, out of place, both, or neither.

evaluation = read("checkpoints/projected-64")
support(evaluation.generated, evaluation.floor)
"""

from __future__ import annotations

from collections.abc import Mapping

from gan.evaluation.estimates import Estimate

NEEDED = ("precision", "recall", "feature_variance")
AS_REAL = "Neither too narrow nor out of place"
NARROW = "Too narrow, not out of place"
OUT_OF_PLACE = "Out of place, not too narrow"
BOTH = "Both out of place and too narrow"
MANY = (
    "In many dimensions nearly all of a support lies near its rim, so one that is a little too narrow reaches hardly "
    "any real poster: a recall near 0 does not say that kinds of posters are missing."
)


def support(generated: Mapping[str, Estimate], floor: Mapping[str, Estimate]) -> str:
    """What precision, recall and variance say together, against real training posters; "" where one is missing.

    Out of place: fewer lie among real posters than real ones do. Too narrow: fewer real posters lie among them, and
    they vary less. A difference counts where the two intervals do not meet.
    """
    if not all(name in each for name in NEEDED for each in (generated, floor)):
        return ""
    misplaced, uncovered, varied_less = (_below(generated[name], floor[name]) for name in NEEDED)
    narrow = uncovered and varied_less
    verdict = (BOTH if narrow else OUT_OF_PLACE) if misplaced else NARROW if narrow else AS_REAL
    figures = ", ".join(
        f"{name.replace('_', ' ')} {generated[name].value:.0%} (real posters {floor[name].value:.0%})"
        for name in NEEDED
    )
    return f"{verdict}: {figures}." + f" {MANY}" * narrow


def _below(one: Estimate, other: Estimate) -> bool:
    return one.high < other.low
