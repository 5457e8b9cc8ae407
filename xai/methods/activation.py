"""Activation map: what a unit, or a layer on average, responds with at each place of the poster.

    Activation(Score(discriminator), layer="layers.7", unit=12).attribute(images)

Zeiler and Fergus 2014 look at features in this way. It shows where a filter responds, not what that does
to the logit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from gan.progress import Progress
from gan.settings import setting
from xai.errors import ExplanationError
from xai.methods.base import Attribution, Result, register
from xai.networks.hooks import capture


@register
@dataclass(frozen=True, eq=False)
class Activation(Attribution):
    """Output of ``layer`` for one ``unit``, enlarged without smoothing.

    Without a ``layer`` it is the second activation function, whose maps are a quarter of the poster's size. Without a
    ``unit`` the most variable is taken: the one whose response has the largest variance over the poster. Diagnostics:
    the ``unit`` that is shown, and its native ``map`` (h, w).
    """

    name = "activation"
    title = "Activation map"
    granularity = "layer"
    in_logits = False
    claims = "response"
    depth: ClassVar[int] = 1
    promise = "Where one filter of the discriminator responds positively ({above}) or negatively ({below})."
    caveat = "A strong response may raise {score}, lower it, or not matter to it at all."

    layer: str | None = setting(None, "the layer that is shown; by default the second activation function", kind=str)
    unit: int | None = setting(None, "which of its units; by default the most variable one", kind=int)

    def _defaults(self) -> Mapping[str, Any]:
        return {"layer": self.score.usual_layer(self.depth)}

    def _attribute(self, image: Tensor, progress: Progress) -> Result:
        assert self.layer is not None  # by _defaults
        network = self.score.module()
        with torch.no_grad(), capture(network, [self.layer]) as maps:
            network(image)
        outputs = maps[self.layer]
        if outputs.ndim != 4:
            raise ExplanationError(f"{self.layer} has no maps: its output has the shape {tuple(outputs.shape)}.")
        count = outputs.shape[1]
        if self.unit is not None and not 0 <= self.unit < count:
            raise ExplanationError(f"{self.layer} has units 0 to {count - 1}; {self.unit} is none of them.")
        unit = int(outputs.var((2, 3), correction=0).argmax()) if self.unit is None else self.unit
        native = outputs[:, [unit]]
        return Result(
            interpolate(native, image.shape[-2:], mode="nearest"),
            diagnostics={"map": native[:, 0], "unit": torch.tensor([unit])},
        )
