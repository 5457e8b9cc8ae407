"""From noise values to filters to pixels, for one poster: exact slopes, confirmed by taking things away.

    anatomy = Anatomy.of(generator)                        # once a checkpoint
    found = wiring(anatomy, z)
    found.drives["layers.5"][17]                           # (256,) which filters the noise value 17 drives
    found.moves(17)                                        # (H, W) which pixels it moves
    found.drives["layers.5"][:, 7]                         # (100,) which noise values feed filter 7

    filters = parts(anatomy, z, "layers.5")                # what each filter adds to the picture, to first order
    filters.map(7)                                         # (H, W) which pixels it owns
    filters.shares((0.0, 0.0, 1.0, 0.3))                   # (256,) who made the title band; they sum to 1
    values = parts(anatomy, z, LATENT)                     # the same for the noise values

    removed = parts(anatomy, z, "layers.5", by="ablation") # the same by really taking each away
    agreement(filters, removed)                            # 1: the slopes foretell the removals

Forward-mode differentiation by hand, one batch of tangents through the chain: no hook, no graph, no lock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from gan.progress import Progress
from xai.errors import ExplanationError
from xai.generator.ablation import DONOR_SEED, Removal, donated, one_trace, without
from xai.generator.folded import Anatomy
from xai.generator.regions import Box, cells
from xai.networks.chain import Trace
from xai.networks.jacobian import derivative, in_parts, unit_vectors

LATENT = "latent"  # in the place of a layer: the noise values
ENOUGH = 1e-12  # below this, squared changes are nothing to share out

By = Literal["jacobian", "ablation"]


@dataclass(frozen=True, eq=False)
class Wiring:
    """Slopes of one poster with respect to its noise values.

    picture : (1, 3, H, W).
    drives : by activation layer, (latent, U): change of each unit's mean over places, per unit of noise.
    slopes : (latent, 3, H, W), dG/dz.
    """

    picture: Tensor
    drives: Mapping[str, Tensor]
    slopes: Tensor

    def moves(self, value: int) -> Tensor:
        """Which pixels a noise value moves: (H, W), RMS over colours per unit of noise."""
        return self.slopes[_within(value, len(self.slopes), "noise values")].square().mean(0).sqrt()


@dataclass(frozen=True, eq=False)
class Parts:
    """What each unit of a layer, or each noise value, adds to one picture, compared with its absence.

    layer : an activation layer, or LATENT. by : "jacobian", to first order, or "ablation", by taking it away.
    values : (U, 3, H, W), signed, in the units of the picture. Parts of units that work together do not add up.
    """

    layer: str
    by: By
    values: Tensor

    @property
    def sizes(self) -> Tensor:
        """(U,), RMS over the picture, whose range is 2."""
        return self.values.square().mean((1, 2, 3)).sqrt()

    def map(self, unit: int) -> Tensor:
        """Which pixels a unit owns: (H, W), RMS over colours."""
        return self.values[_within(unit, len(self.values), "units")].square().mean(0).sqrt()

    def inside(self, box: Box) -> Tensor:
        """(U,), RMS inside a box (left, top, right, bottom; 0 to 1), every pixel that it touches."""
        rows, columns = cells(box, *self.values.shape[2:])
        return self.values[:, :, rows, columns].square().mean((1, 2, 3)).sqrt()

    def shares(self, box: Box) -> Tensor:
        """(U,), each one's share of the squared changes inside a box: sum 1, or all 0 where nothing changes."""
        energy = self.inside(box).square()
        return energy / energy.sum() if energy.sum() > ENOUGH else torch.zeros_like(energy)


@torch.no_grad()
def wiring(anatomy: Anatomy, z: Tensor) -> Wiring:
    """All slopes of the poster of ``z`` (1, latent, 1, 1) in one pass forwards.

    Raises
    ------
    ExplanationError
        If ``z`` is not one latent.
    """
    trace = one_trace(anatomy, z)
    names = {place: name for name, place in anatomy.places.items()}
    drives: dict[str, list[Tensor]] = {name: [] for name in anatomy.layers}
    slopes = []
    for part in in_parts(unit_vectors(z), anatomy.size):
        for place, tangents in enumerate(anatomy.chain.push(trace, 0, part), 1):
            if place in names:
                drives[names[place]].append(tangents.mean((2, 3)))
        slopes.append(tangents)
    return Wiring(trace.output, {name: torch.cat(found) for name, found in drives.items()}, torch.cat(slopes))


@torch.no_grad()
def parts(
    anatomy: Anatomy,
    z: Tensor,
    layer: str,
    by: By = "jacobian",
    removal: Removal = "mean",
    donor: int = DONOR_SEED,
    progress: Progress | None = None,
) -> Parts:
    """What each unit of a layer, or each noise value (LATENT), adds to the poster of ``z`` (1, latent, 1, 1).

    ``removal`` says compared with what: the unit at its mean over many posters, at zero (by Jacobian, that is the
    picture's slope along the unit's gain), or as in the poster of the seed ``donor``. A noise value's mean is 0.

    Raises
    ------
    ExplanationError
        If there is no such layer, removal or way, or ``z`` is not one latent.
    """
    trace = one_trace(anatomy, z)
    if by not in ("jacobian", "ablation"):
        raise ExplanationError(f"Parts are found by jacobian or ablation, not by {by!r}.")
    found = _of_noise if layer == LATENT else _of_units
    values = []
    for done, block in found(anatomy, trace, layer, by, removal, donor):
        values.append(block)
        if progress:
            progress(done)
    return Parts(layer, by, torch.cat(values))


def agreement(one: Parts, other: Parts, box: Box = (0.0, 0.0, 1.0, 1.0)) -> float:
    """Correlation over units (Pearson) of how much each adds inside a box, in two Parts of the same layer.

    NaN where one of them does not vary, as in a layer of one unit.

    Raises
    ------
    ExplanationError
        If the two are of different layers.
    """
    if (one.layer, one.values.shape) != (other.layer, other.values.shape):
        raise ExplanationError(f"Parts of {one.layer} and of {other.layer} cannot be compared.")
    sizes = torch.stack([one.inside(box), other.inside(box)]).double()
    centred = sizes - sizes.mean(1, keepdim=True)
    lengths = centred.norm(dim=1)
    if lengths.min() <= ENOUGH:
        return float("nan")
    return float((centred[0] * centred[1]).sum() / lengths.prod())


def _of_units(
    anatomy: Anatomy, trace: Trace, layer: str, by: By, removal: Removal, donor: int
) -> Iterator[tuple[float, Tensor]]:
    """(share done, what a block of units adds)."""
    changes = without(anatomy, trace, layer, removal, donor)
    if by == "jacobian":
        for units, slopes in anatomy.gains(trace, layer, -changes):
            yield units.stop / len(changes), slopes
    else:
        for units, pictures in anatomy.redraw(trace, layer, changes):
            yield units.stop / len(changes), trace.output - pictures


def _of_noise(
    anatomy: Anatomy, trace: Trace, layer: str, by: By, removal: Removal, donor: int
) -> Iterator[tuple[float, Tensor]]:
    z = trace.before[0]
    if removal not in ("mean", "zero", "resample"):
        raise ExplanationError(f"A noise value is removed by its mean, zero or resample, not by {removal!r}.")
    absent = donated(anatomy, donor) if removal == "resample" else torch.zeros_like(z)
    done = 0
    for moved in in_parts(unit_vectors(z) * (absent - z), anatomy.size):
        done += len(moved)
        if by == "jacobian":
            yield done / anatomy.latent, derivative(anatomy.chain, trace, 0, -moved)
        else:
            yield done / anatomy.latent, trace.output - anatomy.chain(z + moved)


def _within(index: int, count: int, what: str) -> int:
    if not 0 <= index < count:
        raise ExplanationError(f"The {what} run from 0 to {count - 1}; {index} is none of them.")
    return index
