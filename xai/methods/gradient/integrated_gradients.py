"""Integrated gradients: integrate the gradient along the straight path from the reference to the picture.

    IntegratedGradients(Score(discriminator), reference("grey")).attribute(images)

Sundararajan, Taly, Yan 2017, equation 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from gan.progress import Progress
from gan.settings import setting
from xai.errors import ExplanationError
from xai.methods.base import ENGINE, Attribution, Result, register
from xai.networks.batches import at_once

BATCH = 32  # points at once, fewer of large pictures


@register
@dataclass(frozen=True, eq=False)
class IntegratedGradients(Attribution):
    """Trapezoids on ``steps`` points, both ends included; halved until the attributions add up.

    Every point is used again when the pieces are halved. It stops when the completeness gap is at most
    ``tolerance`` of the range of the scores on the path, or before there would be more than ``most_steps``
    points (diagnostics: ``steps``). ``engine`` "captum" uses captum for ``most_steps`` points of Gauss-Legendre
    quadrature, which is no better here: the gradient jumps wherever a LeakyReLU has its kink.
    """

    name = "integrated_gradients"
    title = "Integrated gradients"
    complete = True
    needs_reference = True
    engines = ("direct", "captum")
    budget: ClassVar = {"most_steps": 65}
    promise = "The gradient of {score} for each pixel, added up while the reference turns into the poster."
    caveat = "The pictures on the path are blends that no network was trained on."

    engine: str = setting(engines[0], ENGINE, choices=engines)
    steps: int = setting(33, "points on the path at first, both ends included", low=2)
    most_steps: int = setting(1025, "points on the path at most", label="maximum steps", low=2)
    tolerance: float = setting(0.02, "completeness gap to stop at, as a proportion of the range of the scores", low=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.steps > self.most_steps:
            raise ExplanationError(
                f"{self.title}: steps must be at most {self.most_steps} (most_steps), not {self.steps}."
            )

    def _attribute(self, image: Tensor, progress: Progress) -> Result:
        base = self.reference.single(image)
        if self.used_engine == "captum":
            return self._by_captum(image, base)
        between = torch.linspace(0, 1, self.steps)[1:-1]
        end_scores, ends = self._evaluate(torch.tensor([0.0, 1.0]), image, base)
        inner_scores, inner = self._evaluate(between, image, base)
        scores = torch.cat([end_scores[:1], inner_scores, end_scores[1:]])
        while True:
            values = ((ends / 2 + inner) / (len(scores) - 1)).to(image) * (image - base)
            missed = float(scores[-1] - scores[0] - values.sum()) / max(float(scores.max() - scores.min()), 1e-6)
            if abs(missed) <= self.tolerance or 2 * len(scores) - 1 > self.most_steps:
                steps = torch.tensor([len(scores)])
                return Result(values, float(scores[0]), score=float(scores[-1]), diagnostics={"steps": steps})
            at = torch.linspace(0, 1, len(scores))
            middle_scores, middles = self._evaluate((at[1:] + at[:-1]) / 2, image, base)
            scores, inner = _interleave(scores, middle_scores), inner + middles
            progress(len(scores) / self.most_steps)

    def _evaluate(self, points: Tensor, image: Tensor, base: Tensor) -> tuple[Tensor, Tensor]:
        """Scores (P,) at points of the path, and the sum of their gradients; 0 is the reference, 1 the picture."""
        scores, total = [torch.empty(0)], torch.zeros_like(image, dtype=torch.double)
        for part in torch.split(points, at_once(BATCH, image.shape[2:])) if len(points) else ():
            part_scores, gradients = self.score.gradient(base + part[:, None, None, None] * (image - base))
            scores.append(part_scores)
            total += gradients.double().sum(
                0, keepdim=True
            )  # a thousand gradients of a large picture would fill the memory
        return torch.cat(scores), total

    def _by_captum(self, image: Tensor, base: Tensor) -> Result:
        from captum.attr import IntegratedGradients as CaptumIntegratedGradients

        explainer = CaptumIntegratedGradients(self.score.module())
        values = explainer.attribute(
            image,
            base,
            n_steps=self.most_steps,
            method="gausslegendre",
            internal_batch_size=at_once(BATCH, image.shape[2:]),
        )
        return Result(values.float(), float(self.score(base)), diagnostics={"steps": torch.tensor([self.most_steps])})


def _interleave(ends: Tensor, middles: Tensor) -> Tensor:
    """end, middle, end, middle, ..., end."""
    pairs = torch.stack([ends[:-1], middles], 1).flatten(0, 1)
    return torch.cat([pairs, ends[-1:]])
