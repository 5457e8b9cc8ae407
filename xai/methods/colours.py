"""One poster's maps by several methods, in colours that can be compared.

maps = heats({"lime": found, "deeplift": other}, block=4)
ends = full_colours(maps)             # where each map's colours end; one scale for all that are in logits
overlay(pixels, maps["lime"], ends["lime"])                                             # xai.render
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from xai.methods import METHODS
from xai.methods.base import Explanation
from xai.render import limit, pool

Heat = NDArray[np.float32]


def heats(explanations: Mapping[str, Explanation], block: int) -> dict[str, Heat]:
    """Each method's map (H, W) of one picture: channels added up, averaged over blocks of pixels."""
    return {name: pool(found.values[0].sum(0).numpy(), block) for name, found in explanations.items()}


def full_colours(maps: Mapping[str, Heat], shared: bool = True) -> dict[str, float]:
    """Where each map's colours end; ``shared``: one end for all maps that are in logits."""
    in_logits = [values.ravel() for name, values in maps.items() if METHODS[name].in_logits]
    common = limit(np.concatenate(in_logits)) if shared and in_logits else None
    return {
        name: limit(values) if common is None or not METHODS[name].in_logits else common
        for name, values in maps.items()
    }
