"""Where generated posters lie among real ones, in a sentence: too narrow, too wide, out of place or as real ones.

    evaluation = read("checkpoints/projected-64")
    support(evaluation.generated, evaluation.floor)      # "Both out of place and too narrow: clipped density 75% ..."

docs/evaluation.md says what the sentence cannot say.
"""

from __future__ import annotations

from math import hypot

from gan.evaluation.estimates import Estimates

NEEDED = ("clipped_density", "recall", "feature_variance")
AS_REAL = "As real posters"
NARROW = "Too narrow, not out of place"
INCOMPLETE = "In place and as varied as real posters, but not everywhere where these are"
WIDE = "Too wide"
OUT_OF_PLACE = "Out of place, not too narrow"
BOTH = "Both out of place and too narrow"
MANY = (
    "Posters vary in very many ways at once, so that nearly each is unusual in some of them. A generator that varies a "
    "little too little in all comes near to far fewer real posters: a low recall does not by itself say that kinds of "
    "posters are missing."
)


def support(generated: Estimates, floor: Estimates) -> str:
    """What clipped density, recall and variance say together, against real posters; "" where one is missing.

    Out of place: fewer lie among real posters than real ones do. Too narrow: they vary less. Too wide: they vary more,
    fewer lie among real posters, and as many real ones as ever among them. A difference counts where its interval,
    made from the two, is below 0.

    Clipped density and not precision: a support that is too narrow has a high precision, and so may one that is out of
    place as well; clipped density has its most, 1, wherever posters are in place.
    """
    if not all(name in each for name in NEEDED for each in (generated, floor)):
        return ""
    figures = ", ".join(
        f"{name.replace('_', ' ')} {generated[name].value:.0%} (real posters {floor[name].value:.0%})"
        for name in NEEDED
    )
    said = verdict(generated, floor)
    return f"{said}: {figures}." + f" {MANY}" * (said in (NARROW, BOTH) and _below(generated, floor, "recall"))


def verdict(generated: Estimates, floor: Estimates) -> str:
    """One of the six verdicts above; both sides have what is needed."""
    misplaced, uncovered, narrow = (_below(generated, floor, name) for name in NEEDED)
    if narrow:
        return BOTH if misplaced else NARROW
    if misplaced:
        wide = _below(floor, generated, "feature_variance") and not uncovered
        return WIDE if wide else OUT_OF_PLACE
    return INCOMPLETE if uncovered else AS_REAL


def _below(some: Estimates, others: Estimates, name: str) -> bool:
    """Whether the difference's interval is below 0: the half widths towards each other, added as errors are.

    Zou and Donner 2008 (MOVER); for two proportions Newcombe's, see :func:`gan.evaluation.estimates.mean_proportion`.
    """
    one, other = some[name], others[name]
    return other.value - one.value > hypot(one.high - one.value, other.value - other.low)
