"""Exact Shapley values of the tiles of a coarse grid: nothing is sampled, every coalition is scored.

    Shapley(Score(discriminator), reference("grey"), grid=3).attribute(images)

Shapley 1953. 3 x 3 tiles are 512 pictures, 4 x 4 tiles 65,536. It is the standard that other maps are measured against.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gan.progress import Progress
from gan.settings import setting
from xai.methods.base import Attribution, Result, register
from xai.methods.perturbation import segments
from xai.methods.perturbation.coalitions import Game, shapley


@register
@dataclass(frozen=True, eq=False)
class Shapley(Attribution):
    """``grid`` x ``grid`` tiles; their values add up exactly."""

    name = "shapley"
    title = "Exact Shapley values"
    complete = True
    needs_reference = True
    granularity = "segment"
    promise = "Each tile's fair share of {score}, exact: its mean gain over every order of uncovering the tiles."
    caveat = "Exact for this grid and this reference only, and it cannot look inside a tile."

    grid: int = setting(3, "tiles a side; 4 takes 65,536 pictures", low=1, high=4)

    def _attribute(self, image: Tensor, progress: Progress) -> Result:
        height, width = image.shape[-2:]
        labels = segments.grid(height, width, self.grid)
        table = Game.of(self.score, image, self.reference.single(image), labels).table(progress)
        diagnostics = {"segment_count": torch.tensor([self.grid**2])}
        return Result(
            segments.spread(shapley(table), labels),
            table[0],
            torch.from_numpy(labels)[None],
            diagnostics,
            score=table[-1],
        )
