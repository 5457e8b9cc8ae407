"""Integrated gradients: add up the slopes on the straight way from the reference to the picture.

    IntegratedGradients(Score(discriminator), reference("grey")).attribute(images)

Sundararajan, Taly, Yan 2017, equation 1; computed by captum.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from xai.attribution import Attribution, Progress, Share
from xai.errors import ExplanationError

BATCH = 64


@dataclass(frozen=True, eq=False)
class IntegratedGradients(Attribution):
    """``steps`` points of Gauss-Legendre quadrature; doubled up to ``most_steps`` until the shares add up.

    ``tolerance`` is the accepted completeness gap as a share of |score| + |score of the reference|.
    """

    name = "integrated_gradients"
    title = "Integrated gradients"
    complete = True
    needs_reference = True
    promise = "The logit's slope for each pixel, added up while the reference turns into the poster."
    caveat = "The pictures on the way are blends that no network was trained on."

    steps: int = 64
    most_steps: int = 1024
    tolerance: float = 5e-4

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= self.most_steps:
            raise ExplanationError(f"steps run from 1 to most_steps ({self.most_steps}), not {self.steps}.")

    def _attribute(self, image: Tensor, progress: Progress) -> Share:
        from captum.attr import IntegratedGradients as CaptumIntegratedGradients

        base = self.reference.single(image)
        base_score = float(self.score(base))
        score = float(self.score(image))
        explainer = CaptumIntegratedGradients(self.score.module())
        steps = self.steps
        while True:
            values = explainer.attribute(
                image, base, n_steps=steps, method="gausslegendre", internal_batch_size=BATCH
            ).float()
            gap = abs(score - base_score - float(values.sum()))
            if gap <= self.tolerance * (abs(score) + abs(base_score)) or steps >= self.most_steps:
                return Share(values, base_score, diagnostics={"steps": torch.tensor([steps])})
            steps = min(2 * steps, self.most_steps)
            progress(steps / (2 * self.most_steps))
