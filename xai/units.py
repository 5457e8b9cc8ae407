"""Units (filters) of a network: their maps, their shapes, and what happens without one.

layers(generator)[1].label                         # "layers.1 - 512 x 4 x 4 - BatchNorm2d"
effect = ablate(generator, z, "layers.5", 7, score=Score(discriminator))
effect.score_change                                # D's logit without the unit, minus with it
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from gan.networks.dcgan import Generator, latents
from xai.errors import ExplanationError
from xai.hooks import activations, check_given, edit, private_copy
from xai.memory import at_once
from xai.score import Score

MEAN_SEEDS = range(2_000_000, 2_000_064)
DONOR_SEED = 4_000_000
Removal = Literal["mean", "zero", "another's"]


@dataclass(frozen=True)
class Layer:
    """One entry of a network's ``layers``: dotted name, kind, and output shape for one input."""

    name: str
    kind: str
    units: int
    height: int
    width: int

    @property
    def label(self) -> str:
        return f"{self.name} - {self.units} x {self.height} x {self.width} - {self.kind}"


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


def layers(network: nn.Module, example: Tensor) -> list[Layer]:
    """All entries of ``network.layers`` with their output shapes for ``example`` (1, ...)."""
    check_given(network)
    sequence = network.layers
    if not isinstance(sequence, nn.Sequential):
        raise ExplanationError("The network has no Sequential named layers.")
    names = [f"layers.{index}" for index in range(len(sequence))]
    private = private_copy(sequence)
    found, h = [], example
    with torch.no_grad():
        for name, module in zip(names, private, strict=True):
            h = module(h)
            found.append(Layer(name, type(module).__name__, h.shape[1], h.shape[2], h.shape[3]))
    return found


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


def unit_means(generator: Generator, layer: str) -> Tensor:
    """Mean activation (U,) of every unit of a layer over 64 fixed seeds."""
    return usual_maps(generator, [layer])[layer].mean((0, 2, 3))


def usual_maps(generator: Generator, layers: Sequence[str]) -> dict[str, Tensor]:
    """Outputs (64, U, h, w) of these layers for 64 fixed seeds."""
    z = latents(MEAN_SEEDS, generator.config)
    batches = [activations(generator, part, layers) for part in torch.split(z, at_once(64, generator.config.size))]
    return {layer: torch.cat([found[layer] for found in batches]) for layer in layers}
