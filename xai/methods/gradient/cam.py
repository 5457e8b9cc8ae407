"""Class activation maps at any layer of D: which places of a layer speak for real.

    GradCam(Score(discriminator), layer="layers.7").attribute(images)

Grad-CAM: Selvaraju et al. 2017. Layer-CAM: Jiang et al. 2021. Both show evidence for a class and cut off
what speaks against it; a discriminator has two classes, so here the evidence against stays, as negative.
"""

from __future__ import annotations

from abc import abstractmethod
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


@dataclass(frozen=True, eq=False)
class Cam(Attribution):
    """A map from ``layer``'s outputs and gradients, enlarged without smoothing; diagnostics: the native ``map``.

    Without a ``layer`` it is the third activation function, whose maps are an eighth of the poster's size.
    """

    granularity = "layer"
    in_logits = False
    claims = "gradient"
    depth: ClassVar[int] = 2

    layer: str | None = setting(
        None, "the layer whose units are weighted; by default the third activation function", kind=str
    )

    def _defaults(self) -> Mapping[str, Any]:
        return {"layer": self.score.usual_layer(self.depth)}

    def _attribute(self, image: Tensor, progress: Progress) -> Result:
        assert self.layer is not None  # by _defaults
        maps, gradients = self.score.layer_gradient(image, self.layer)
        if maps.ndim != 4:
            raise ExplanationError(f"{self.layer} has no maps: its output has the shape {tuple(maps.shape)}.")
        native = self._weighted(maps, gradients)
        return Result(interpolate(native, image.shape[-2:], mode="nearest"), diagnostics={"map": native[:, 0]})

    @abstractmethod
    def _weighted(self, maps: Tensor, gradients: Tensor) -> Tensor:
        """One map (1, 1, h, w) from those of all units (1, U, h, w) and their gradients."""


@register
@dataclass(frozen=True, eq=False)
class GradCam(Cam):
    """Each unit's map times its mean gradient, added up."""

    name = "gradcam"
    title = "Grad-CAM"
    promise = "Where the units that raise {score} on the whole ({above}), or lower it ({below}), respond."
    caveat = "A unit has one weight for all places, and the map is as coarse as its layer."

    def _weighted(self, maps: Tensor, gradients: Tensor) -> Tensor:
        return (gradients.mean((2, 3), keepdim=True) * maps).sum(1, keepdim=True)


@register
@dataclass(frozen=True, eq=False)
class LayerCam(Cam):
    """Each unit's map times its gradient at each place, where it is positive; for fake likewise, as negative."""

    name = "layercam"
    title = "Layer-CAM"
    promise = "Where units respond and would raise {score} ({above}), or lower it ({below}), by responding more."
    caveat = "The gradients hold near this poster only, and the map is as coarse as its layer."

    def _weighted(self, maps: Tensor, gradients: Tensor) -> Tensor:
        real = torch.relu((torch.relu(gradients) * maps).sum(1, keepdim=True))
        fake = torch.relu((torch.relu(-gradients) * maps).sum(1, keepdim=True))
        return real - fake
