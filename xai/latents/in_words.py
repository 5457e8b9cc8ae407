"""What one latent dimension does, in two sentences: in one poster, and over all of them.

    in_this_poster(latent_sensitivity(generator, z, score), 6)
    # "In this poster dimension 6 has place 27 of 100 by influence. One step up ..."
    over_all_posters(importance(generator, score), 6)
    # "Over all posters it has place 57 of 100 for the whole picture: ..."

The first is a gradient, true near the poster; the second is Sobol's total index, with its interval.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from xai.latents.picture_statistics import LOGIT
from xai.networks.fast_generator import check_dimension

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from xai.latents.sensitivity import LatentSensitivity
    from xai.latents.sobol import Importance, Index

GREY_LEVELS = 255 / 2  # in 1 of a picture, whose range is 2


def place_of(values: NDArray[np.floating[Any]], index: int) -> int:
    """The place of one entry, 1 for the largest."""
    return 1 + int((values > values[index]).sum())


def in_this_poster(sensitivity: LatentSensitivity, index: int) -> str:
    """Its place among all, what one unit up does to D's logit and to the brightness, and the third it changes most.

    Raises
    ------
    ExplanationError
        If there is no such dimension.
    """
    count = len(sensitivity.rms)
    check_dimension(index, count)
    thirds = {name: float(getattr(sensitivity, name)[index]) for name in ("top", "middle", "bottom")}
    third = max(thirds, key=thirds.__getitem__)
    effects = [f"the mean brightness by {_signed(GREY_LEVELS * float(sensitivity.brightness[index]), 1)} grey levels"]
    if sensitivity.score is not None:
        effects.insert(0, f"D's logit by {_signed(float(sensitivity.score[index]), 2)}")
    return (
        f"In this poster dimension {index} has place {place_of(sensitivity.rms.cpu().numpy(), index)} of {count} by "
        f"influence. For small steps, a unit up changes {' and '.join(effects)}; {thirds[third]:.0%} of what it "
        f"changes is in the {third} third."
    )


def over_all_posters(importance: Importance, index: int) -> str:
    """Its place and index for the whole picture, and for the statistic among all in which its place is best.

    Raises
    ------
    ExplanationError
        If there is no such dimension.
    """
    picture, count = importance.picture, len(importance.picture.value)
    check_dimension(index, count)
    places = {name: place_of(importance.of(name).value, index) for name in importance.names}
    best = min(places, key=places.__getitem__)
    statistic = "D's logit" if best == LOGIT else best.replace("_", " ")
    return (
        f"Over all posters it has place {place_of(picture.value, index)} of {count} for the whole picture: it has a "
        f"part in {_interval(picture, index)} of the variance, the average dimension in {np.mean(picture.value):.1%}. "
        f"Of {len(places)} statistics its best place is {places[best]}, for {statistic}: "
        f"{_interval(importance.of(best), index)}."
    )


def _interval(of: Index, index: int) -> str:
    return f"{of.value[index]:.1%} ({of.low[index]:.1%} to {of.high[index]:.1%})"


def _signed(value: float, digits: int) -> str:
    return f"{round(value, digits) + 0.0:+.{digits}f}"  # no -0.00
