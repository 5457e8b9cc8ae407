"""Gradient x input: the logit's gradient at the poster, times how far each pixel is from the reference.

    GradientInput(Score(discriminator), reference("grey")).attribute(images)

Shrikumar, Greenside, Shcherbina, Kundaje 2016. Against the grey reference it is the gradient times the pixel itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from gan.progress import Progress
from xai.methods.base import Attribution, Result, register


@register
@dataclass(frozen=True, eq=False)
class GradientInput(Attribution):
    """First-order guess of what each pixel's difference from the reference (several are averaged) does."""

    name = "gradient_input"
    title = "Gradient × input"
    needs_reference = True
    promise = "What {score} would lose if each pixel went to the reference and the network were linear."
    caveat = "The network is not linear: the gradient at the poster says little about the path to the reference."

    def _attribute(self, image: Tensor, progress: Progress) -> Result:
        base = self.reference.single(image)
        score, gradients = self.score.gradient(image)
        return Result(gradients * (image - base), float(self.score(base)), score=float(score))
