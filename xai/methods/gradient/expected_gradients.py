"""Expected gradients: integrated gradients, averaged over many references.

    ExpectedGradients(Score(discriminator), reference("posters", posters=training), seed=0).attribute(images)

Erion, Janizek, Sturmfels, Lundberg, Lee 2021, equation 3.
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

BATCH = 32  # points at once, fewer of large pictures


@register
@dataclass(frozen=True, eq=False)
class ExpectedGradients(Attribution):
    """``samples`` points, each on the path from a reference to the picture.

    All references come equally often (as near as may be), and the points on a reference's path are
    stratified. Diagnostics: ``sampling_gap``, what the attributions miss of the score's difference from the
    references by chance; ``steps``.
    """

    name = "expected_gradients"
    title = "Expected gradients"
    stochastic = True
    needs_reference = True
    averages_references = True
    budget: ClassVar = {"samples": 64}
    promise = "The gradient of {score} for each pixel, added up while each of many references turns into the poster."
    caveat = "Drawn at random: more samples, less noise; and the pictures on the path are blends."

    samples: int = setting(128, "points on the paths from the references to the picture", low=1)

    def _attribute(self, image: Tensor, progress: Progress) -> Result:
        references = self.reference.of(image)
        random = torch.Generator().manual_seed(self.seed)
        chosen = torch.arange(self.samples) % len(references)
        turn = torch.arange(self.samples) // len(references)
        turns = torch.bincount(chosen, minlength=len(references))[chosen]
        position = ((turn + torch.rand(self.samples, generator=random)) / turns)[:, None, None, None]
        total, count = torch.zeros_like(image), at_once(BATCH, image.shape[2:])
        for start in range(0, self.samples, count):
            rows = slice(start, start + count)
            base = references[chosen[rows]]
            _, gradients = self.score.gradient(base + position[rows] * (image - base))
            weight = 1 / (turns[rows] * min(self.samples, len(references)))
            total += (weight[:, None, None, None] * gradients * (image - base)).sum(0, keepdim=True)
            progress((start + len(base)) / self.samples)
        score, base_score = float(self.score(image)), float(self.score(references[: self.samples]).mean())
        gap = score - base_score - float(total.sum())
        return Result(
            total, base_score, score=score,
            diagnostics={"sampling_gap": torch.tensor([gap]), "steps": torch.tensor([self.samples])},
        )  # fmt: skip
