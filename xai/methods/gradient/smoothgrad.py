"""SmoothGrad: the logit's gradient, averaged over noisy copies of the poster.

    SmoothGrad(Score(discriminator), samples=48, seed=0).attribute(images)

Smilkov, Thorat, Kim, Viegas, Wattenberg 2017.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from gan.progress import Progress
from gan.settings import setting
from xai.methods.base import Attribution, Result, register
from xai.networks.batches import at_once

BATCH = 32  # copies at once, fewer of large pictures


@register
@dataclass(frozen=True, eq=False)
class SmoothGrad(Attribution):
    """``samples`` copies with normal noise of ``noise`` times the poster's range; each also with the noise negated."""

    name = "smoothgrad"
    title = "SmoothGrad"
    stochastic = True
    in_logits = False
    claims = "gradient"
    budget: ClassVar = {"samples": 32}
    promise = "In which direction each pixel would have to change to raise {score}, near this poster."
    caveat = "It says what a change would do, not what the pixel does now: at an optimum the gradient is zero."

    samples: int = setting(64, "noisy copies", low=1)
    noise: float = setting(0.15, "standard deviation of the noise, as a proportion of the picture's range", low=0)

    def _attribute(self, image: Tensor, progress: Progress) -> Result:
        random = torch.Generator().manual_seed(self.seed)
        size = self.noise * float(image.max() - image.min())
        total, most = torch.zeros_like(image), max(2, at_once(BATCH, image.shape[2:]) // 2 * 2)  # in pairs
        for start in range(0, self.samples, most):
            rows = min(most, self.samples - start)
            drawn = torch.randn((rows + 1) // 2, *image.shape[1:], generator=random)
            pairs = torch.stack([drawn, -drawn], 1).flatten(0, 1)[:rows]
            total += self.score.gradient(image + size * pairs)[1].sum(0, keepdim=True)
            progress((start + rows) / self.samples)
        return Result(total / self.samples)
