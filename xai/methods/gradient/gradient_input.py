"""Gradient x input: the logit's slope at the poster, times how far each pixel is from the reference.

    GradientInput(Score(discriminator), reference("grey")).attribute(images)

Shrikumar, Greenside, Shcherbina, Kundaje 2016. Against the grey reference it is the slope times the pixel itself.
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
    promise = "What the logit would lose if each pixel went to the reference and the logit were a straight line."
    caveat = "The logit is no straight line: the slope at the poster says little about the way to the reference."

    def _attribute(self, image: Tensor, progress: Progress) -> Result:
        base = self.reference.single(image)
        score, slopes = self.score.gradient(image)
        return Result(slopes * (image - base), float(self.score(base)), score=float(score))
