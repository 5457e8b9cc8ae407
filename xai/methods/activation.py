"""Activation map: what a unit, or a layer on average, answers at each place of the poster.

    Activation(Score(discriminator), layer="layers.7", unit=12).attribute(images)

Zeiler and Fergus 2014 look at features in this way. It shows where a filter responds, not what that does
to the logit.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from gan.progress import Progress
from xai.errors import ExplanationError
from xai.methods.base import Attribution, Result
from xai.networks.hooks import capture


@dataclass(frozen=True, eq=False)
class Activation(Attribution):
    """Output of ``layer`` for one ``unit``, enlarged without smoothing.

    Without a ``layer`` it is the second activation function, whose maps are a quarter of the poster's size. Without a
    ``unit`` the liveliest is taken: the one whose response varies most over the poster. Diagnostics:
    the ``unit`` that is shown, and its native ``map`` (h, w).
    """

    name = "activation"
    title = "Activation map"
    granularity = "layer"
    in_logits = False
    claims = "response"
    promise = "Where one filter of the discriminator responds (red) or is held back (blue)."
    caveat = "A strong response may speak for real, for fake, or not matter to the verdict at all."

    layer: str | None = None
    unit: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "layer", self.layer if self.layer is not None else self.score.usual_layer(1))

    def _attribute(self, image: Tensor, progress: Progress) -> Result:
        assert self.layer is not None  # by __post_init__
        network = self.score.module()
        with torch.no_grad(), capture(network, [self.layer]) as maps:
            network(image)
        found = maps[self.layer]
        if found.ndim != 4:
            raise ExplanationError(f"{self.layer} answers with numbers, not with maps.")
        count = found.shape[1]
        if self.unit is not None and not 0 <= self.unit < count:
            raise ExplanationError(f"{self.layer} has units 0 to {count - 1}; {self.unit} is none of them.")
        unit = int(found.var((2, 3), correction=0).argmax()) if self.unit is None else self.unit
        native = found[:, [unit]]
        return Result(
            interpolate(native, image.shape[-2:], mode="nearest"),
            diagnostics={"map": native[:, 0], "unit": torch.tensor([unit])},
        )
