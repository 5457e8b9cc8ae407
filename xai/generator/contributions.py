"""From latent to filters to pixels, for one poster: exact gradients, confirmed by ablation.

    folded = FoldedGenerator.of(generator)                 # once a checkpoint
    gradients = latent_gradients(folded, z)
    gradients.units["layers.5"][17]                        # (256,) which filters the latent dimension 17 drives
    gradients.pixel_map(17)                                # (H, W) which pixels it changes
    gradients.units["layers.5"][:, 7]                      # (100,) which latent dimensions drive filter 7

    filters = contributions(folded, z, "layers.5")         # what each filter adds to the picture, to first order
    filters.pixel_map(7)                                   # (H, W) which pixels it contributes to
    filters.proportions((0.0, 0.0, 1.0, 0.3))              # (256,) what contributes to the title band; they sum to 1
    values = contributions(folded, z, LATENT)              # the same for the latent dimensions

    ablated = contributions(folded, z, "layers.5", "ablation")  # the same by ablating each
    correlation(filters, ablated)                          # 1: gradients predict the ablations

Forward mode, one batch of tangents through the chain: no hook, no graph, no lock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from gan.progress import Progress
from xai.errors import ExplanationError
from xai.generator.ablation import MEAN, Ablation, one_trace
from xai.generator.folded import FoldedGenerator
from xai.generator.regions import Box, cells
from xai.networks.chain import Trace
from xai.networks.jacobian import derivative, in_parts, unit_vectors

LATENT = "latent"  # in the place of a layer: the latent dimensions
TINY = 1e-12  # below this, squared changes count as none

By = Literal["jacobian", "ablation"]


@dataclass(frozen=True, eq=False)
class LatentGradients:
    """Gradients of one poster with respect to its latent.

    picture : (1, 3, H, W).
    units : by activation layer, (latent, U): change of each unit's mean map, per unit of each latent dimension.
    pixels : (latent, 3, H, W), dG/dz.
    """

    picture: Tensor
    units: Mapping[str, Tensor]
    pixels: Tensor

    def pixel_map(self, dimension: int) -> Tensor:
        """Which pixels a latent dimension changes: (H, W), RMS over colours, per unit of it."""
        return self.pixels[_within(dimension, len(self.pixels), "latent dimensions")].square().mean(0).sqrt()


@dataclass(frozen=True, eq=False)
class Contributions:
    """What each unit of a layer, or each latent dimension, adds to one picture, compared with its absence.

    layer : an activation layer, or LATENT. by : "jacobian", to first order, or "ablation", by removing it.
    values : (U, 3, H, W), signed, in the units of the picture. Contributions of units that interact do not add up.
    """

    layer: str
    by: By
    values: Tensor

    @property
    def rms(self) -> Tensor:
        """(U,), RMS over the picture, whose range is 2."""
        return self.values.square().mean((1, 2, 3)).sqrt()

    def pixel_map(self, unit: int) -> Tensor:
        """Which pixels a unit contributes to: (H, W), RMS over colours."""
        return self.values[_within(unit, len(self.values), "units")].square().mean(0).sqrt()

    def rms_inside(self, box: Box) -> Tensor:
        """(U,), RMS inside a box (left, top, right, bottom; 0 to 1), every pixel that it touches."""
        rows, columns = cells(box, *self.values.shape[2:])
        return self.values[:, :, rows, columns].square().mean((1, 2, 3)).sqrt()

    def proportions(self, box: Box) -> Tensor:
        """(U,), each one's proportion of the squared changes inside a box: sum 1, or all 0 where nothing changes."""
        energy = self.rms_inside(box).square()
        return energy / energy.sum() if energy.sum() > TINY else torch.zeros_like(energy)


@torch.no_grad()
def latent_gradients(folded: FoldedGenerator, z: Tensor) -> LatentGradients:
    """All gradients of the poster of ``z`` (1, latent, 1, 1) in one forward pass.

    Raises
    ------
    ExplanationError
        If ``z`` is not one latent.
    """
    trace = one_trace(folded, z)
    names = {place: name for name, place in folded.places.items()}
    units: dict[str, list[Tensor]] = {name: [] for name in folded.layers}
    pixels = []
    for part in in_parts(unit_vectors(z), folded.size):
        for place, tangents in enumerate(folded.chain.push(trace, 0, part), 1):
            if place in names:
                units[names[place]].append(tangents.mean((2, 3)))
        pixels.append(tangents)
    by_layer = {name: torch.cat(gradients) for name, gradients in units.items()}
    return LatentGradients(trace.output, by_layer, torch.cat(pixels))


@torch.no_grad()
def contributions(
    folded: FoldedGenerator,
    z: Tensor,
    layer: str,
    by: By = "jacobian",
    ablation: Ablation = MEAN,
    progress: Progress | None = None,
) -> Contributions:
    """What each unit of a layer, or each latent dimension (LATENT), adds to the poster of ``z`` (1, latent, 1, 1).

    ``ablation`` is what it is compared with: the unit at its mean over many posters, at zero (by Jacobian, that is the
    picture's gradient with respect to the unit's gain), or as in another poster. The mean of a latent value is 0.

    Raises
    ------
    ExplanationError
        If there is no such layer or way, or ``z`` is not one latent.
    """
    trace = one_trace(folded, z)
    if by not in get_args(By):
        raise ExplanationError(f"Contributions are computed by jacobian or ablation, not by {by!r}.")
    compute = _of_latent if layer == LATENT else _of_units
    values = []
    for done, block in compute(folded, trace, layer, by, ablation):
        values.append(block)
        if progress:
            progress(done)
    return Contributions(layer, by, torch.cat(values))


def correlation(one: Contributions, other: Contributions, box: Box = (0.0, 0.0, 1.0, 1.0)) -> float:
    """Pearson correlation over units of the RMS that each adds inside a box, in two Contributions of the same layer.

    NaN where one of them does not vary, as in a layer of one unit.

    Raises
    ------
    ExplanationError
        If the two are of different layers.
    """
    if (one.layer, one.values.shape) != (other.layer, other.values.shape):
        raise ExplanationError(f"Contributions of {one.layer} and of {other.layer} cannot be compared.")
    sizes = torch.stack([one.rms_inside(box), other.rms_inside(box)]).double()
    centred = sizes - sizes.mean(1, keepdim=True)
    lengths = centred.norm(dim=1)
    if lengths.min() <= TINY:
        return float("nan")
    return float((centred[0] * centred[1]).sum() / lengths.prod())


def _of_units(
    folded: FoldedGenerator, trace: Trace, layer: str, by: By, ablation: Ablation
) -> Iterator[tuple[float, Tensor]]:
    """(finished fraction, what a block of units adds)."""
    changes = ablation.changes(folded, trace, layer)
    if by == "jacobian":
        for units, gradients in folded.derivatives(trace, layer, -changes):
            yield units.stop / len(changes), gradients
    else:
        for units, pictures in folded.redraw(trace, layer, changes):
            yield units.stop / len(changes), trace.output - pictures


def _of_latent(
    folded: FoldedGenerator, trace: Trace, layer: str, by: By, ablation: Ablation
) -> Iterator[tuple[float, Tensor]]:
    z = trace.before[0]
    absent = ablation.donor_latent(folded.latent) if ablation.by == "resample" else torch.zeros_like(z)
    done = 0
    for changes in in_parts(unit_vectors(z) * (absent - z), folded.size):
        done += len(changes)
        if by == "jacobian":
            yield done / folded.latent, derivative(folded.chain, trace, 0, -changes)
        else:
            yield done / folded.latent, trace.output - folded.chain(z + changes)


def _within(index: int, count: int, what: str) -> int:
    if not 0 <= index < count:
        raise ExplanationError(f"The {what} run from 0 to {count - 1}; {index} is none of them.")
    return index
