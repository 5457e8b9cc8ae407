"""One filter ablated in one picture.

effect = ablate(generator, z, "layers.5", 7, score=Score(discriminator))
effect.score_change                                # D's logit without the unit, minus with it
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from gan.networks.dcgan import Generator, latents
from xai.errors import ExplanationError
from xai.networks.hooks import activations, edit, private_copy
from xai.networks.layers import unit_means
from xai.networks.score import Score

DONOR_SEED = 4_000_000


Removal = Literal["mean", "zero", "another's"]


@dataclass(frozen=True, eq=False)
class Effect:
    """One picture with and without one unit.

    before, after : (1, 3, H, W) in [-1, 1].
    unit_map : (h, w), what the unit does for this picture.
    removed : what took its place, its mean over 64 seeds, 0, or the mean of another poster's map.
    score_before, score_after : D's logits, or None without a score.
    """

    before: Tensor
    after: Tensor
    unit_map: Tensor
    removed: float
    score_before: float | None
    score_after: float | None

    @property
    def difference(self) -> Tensor:
        """What the unit adds: (1, 3, H, W), before - after."""
        return self.before - self.after

    @property
    def score_change(self) -> float | None:
        """Logit without the unit minus logit with it: above 0, the picture looks more real without."""
        if self.score_before is None or self.score_after is None:
            return None
        return self.score_after - self.score_before


@torch.no_grad()
def ablate(
    generator: Generator,
    z: Tensor,
    layer: str,
    unit: int,
    removal: Removal = "mean",
    score: Score | None = None,
    means: Tensor | None = None,
) -> Effect:
    """Draw the picture of ``z`` (1, latent, 1, 1) without one unit.

    The unit is held at its mean over many pictures, or at 0, which is off-distribution for a unit that
    is always on (Bau et al. 2019, "GAN Dissection", 3.2), or has the map that it has in another poster.
    ``means`` are the layer's :func:`unit_means`, where they have been measured already.

    Raises
    ------
    ExplanationError
        If the layer or the unit does not exist.
    """
    private = private_copy(generator)
    before = private(z)
    unit_map = activations(generator, z, [layer])[layer]
    if not 0 <= unit < unit_map.shape[1]:
        raise ExplanationError(f"{layer} has units 0 to {unit_map.shape[1] - 1}; {unit} is none of them.")
    value = _in_its_place(generator, layer, unit, removal, means)
    with edit(private, layer, [unit], value):
        after = private(z)
    scores = (None, None) if score is None else (float(score(before)), float(score(after)))
    return Effect(before, after, unit_map[0, unit], float(value.mean()), *scores)


def _in_its_place(generator: Generator, layer: str, unit: int, removal: Removal, means: Tensor | None) -> Tensor:
    """A number, or a map (1, h, w)."""
    if removal == "mean":
        return (unit_means(generator, layer) if means is None else means)[unit]
    if removal == "another's":
        donor = latents([DONOR_SEED], generator.config)
        return activations(generator, donor, [layer])[layer][0, [unit]]
    return torch.zeros(())
