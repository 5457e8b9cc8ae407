"""DeepLIFT: share the logit's difference from a reference among the pixels.

    DeepLift(Score(discriminator), reference("grey")).attribute(images)

Shrikumar, Greenside, Kundaje 2017, rescale rule; computed by captum.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from xai.attribution import Attribution, Progress, Share
from xai.methods._quiet import quiet


@dataclass(frozen=True, eq=False)
class DeepLift(Attribution):
    """Multipliers along the network between the picture and one reference (several are averaged)."""

    name = "deeplift"
    title = "DeepLIFT"
    complete = True
    needs_reference = True
    promise = "How much each pixel adds to or takes from the logit, compared with the reference picture."
    caveat = "Another reference gives another map, and neighbouring pixels may cancel each other out."

    def _attribute(self, image: Tensor, progress: Progress) -> Share:
        quiet()
        from captum.attr import DeepLift as CaptumDeepLift

        base = self.reference.single(image)
        values = CaptumDeepLift(self.score.module()).attribute(image, base)
        return Share(values, float(self.score(base)))
