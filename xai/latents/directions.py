"""Directions in latent space that may mean something, found in four ways.

    pca(generator, z)              activations of a later layer, regressed back to latents (GANSpace,
                                   Harkonen et al. 2020)
    closed_form(generator)         eigenvectors of the first layer's weight with its BatchNorm (SeFa, Shen and
                                   Zhou 2021)
    jacobian_directions(gram)      eigenvectors of the mean of J'J, J = dG/dz
    measured(z, values, names)     ridge regression from latents to a statistic of the picture
    random_directions(latent)      nothing: the control

What they do to pictures, and whether they deserve a label, is measured by ``xai.latents.direction_study``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gan.errors import counted
from gan.networks.dcgan import Generator
from xai.errors import ExplanationError
from xai.latents.sweeps import AT_ONCE
from xai.networks.batches import at_once
from xai.networks.chain import Chain
from xai.networks.fast_generator import check_latents, fast_generator, size_of
from xai.networks.hooks import activations, check_given, private_copy
from xai.networks.steps import Convolution

FAMILIES = ("pca", "closed_form", "jacobian", "measured")
CONTROL = "random"
LEAST = 1.0  # standard deviations of a statistic that a label needs, for a move from -2 to +2
PENALTIES = tuple(float(10**power) for power in np.arange(-2, 4.5, 0.5))
HELD_OUT = 0.25  # of the sample, for R2


@dataclass(frozen=True)
class StatisticChange:
    """What a move from -2 to +2 along a direction does to one statistic, averaged over held-out latents.

    value : mean change, in standard deviations of the statistic over random posters.
    low, high : 95 % interval of the mean.
    """

    value: float
    low: float
    high: float

    @property
    def certain(self) -> float:
        """The size that is certain: the end of the interval of |value| that is nearer to 0, at least 0."""
        return max(0.0, self.low, -self.high)


@dataclass(frozen=True, eq=False)
class Direction:
    """A unit vector in the space of noise.

    name : unique within its family.
    family : one of ``FAMILIES``, or ``CONTROL``.
    vector : (latent,), of norm 1; with a label it points to where that statistic grows.
    strength : the family's own measure: fraction of the variance (pca, closed_form, jacobian), held-out R2
        (measured), 0 (random). DirectionStudy of a family come in its order.
    label : the statistic that it changes most, or None where the measurement does not support one.
    effects : for each statistic; empty until measured.
    r2 : held-out R2 of the ridge regression, or None outside the family "measured".
    """

    name: str
    family: str
    vector: NDArray[np.float64]
    strength: float
    label: str | None = None
    effects: Mapping[str, StatisticChange] | None = None
    r2: float | None = None

    def side_effects(self, least: float = LEAST) -> dict[str, StatisticChange]:
        """Other statistics that change by at least ``least`` standard deviations for certain, largest first."""
        rest = {name: one for name, one in (self.effects or {}).items() if name != self.label}
        strong = {name: one for name, one in rest.items() if one.certain >= least}
        return dict(sorted(strong.items(), key=lambda pair: -pair[1].certain))


def pca(generator: Generator, z: Tensor, layer: str | None = None, count: int = 10) -> list[Direction]:
    """GANSpace (Harkonen et al. 2020): principal components of a layer's activations, brought back to noise.

    The activations of the posters ``z`` (N, latent, 1, 1) are reduced to ``count`` coordinates; each coordinate's
    direction is the least-squares answer to "which noise goes with one unit of it". ``layer`` is by
    default the activation function in the middle: the first layer is affine in the noise, where a PCA finds the
    sample's own chance (section 4.1 of the paper).

    Takes 130 kB for a poster at ``layers.8`` of 64 x 64.

    Raises
    ------
    ExplanationError
        If there is no such layer, or there are too few posters for the regression.
    """
    check_latents(z)
    if len(z) <= z.shape[1] or not 1 <= count < len(z):
        raise ExplanationError(
            f"The regression from {count} coordinates needs more than {counted(z.shape[1], 'poster')}."
        )
    layer = layer or middle_layer(generator)
    maps = torch.empty(0)
    rows = at_once(AT_ONCE, size_of(generator, z))
    for row, part in zip(range(0, len(z), rows), torch.split(z, rows), strict=True):
        found = activations(generator, part, [layer])[layer].flatten(1)
        if not row:
            maps = found.new_empty(len(z), found.shape[1])  # filled in place: the maps are what takes the memory
        maps[row : row + len(part)] = found
    maps -= maps.mean(0)
    # The smaller of the two Gram matrices: its eigenvectors are the coordinates up to scale.
    energy, coordinates = torch.linalg.eigh((maps @ maps.T).double())
    coordinates = coordinates[:, -count:].flip(1)
    noise = z.double().flatten(1)
    vectors = (noise - noise.mean(0)).T @ coordinates  # coordinates are orthogonal: one regression for each
    fractions = energy.flip(0)[:count] / energy.sum().clamp_min(1e-30)
    return _family("pca", vectors, fractions)


def middle_layer(generator: Generator) -> str:
    """The activation function in the middle of the network, by its dotted name."""
    names: list[str] = [name for name, one in generator.named_modules() if isinstance(one, nn.ReLU | nn.LeakyReLU)]
    return names[len(names) // 2]


def closed_form(generator: Generator, count: int = 10) -> list[Direction]:
    """SeFa (Shen and Zhou 2021): the unit vectors that the first layer, with its BatchNorm, stretches most.

    Eigenvectors of W W', W (latent, outputs) being the kernel times the BatchNorm's scale: without the
    scale, channels that the BatchNorm shrinks would speak loudest. Genres that are built in are a constant, which no
    direction changes.

    Raises
    ------
    ExplanationError
        If the generator does not begin with a convolution, or waits for genres.
    """
    check_given(generator)
    chain = Chain.of(private_copy(generator).layers)
    first = None if chain is None else chain.steps[0]
    if not isinstance(first, Convolution) or not first.transposed or first.groups != 1:
        raise ExplanationError("The closed form needs a generator that begins with a transposed convolution.")
    weight = first.weight.double().flatten(1)
    return _largest("closed_form", weight @ weight.T, count)


def jacobian_directions(gram: Tensor, count: int = 10) -> list[Direction]:
    """Unit vectors along which pictures change most on average: eigenvectors of the mean of J'J (latent, latent)."""
    return _largest("jacobian", gram.double(), count)


def measured(z: Tensor, values: Tensor, names: Sequence[str]) -> list[Direction]:
    """Ridge regression from noise (N, latent, 1, 1) to each statistic, ``values`` (N, S).

    The penalty is the best of ``PENALTIES`` by leaving out one poster at a time (Allen 1974, PRESS); R2 is
    that of the last quarter of the posters, which neither has seen. A statistic that never changes has no
    direction.

    Raises
    ------
    ExplanationError
        If there are fewer than 8 posters.
    """
    check_latents(z)
    if len(z) < 8 or len(values) != len(z):
        raise ExplanationError("The regression needs 8 posters or more, with a row of statistics each.")
    noise, values = z.double().flatten(1), values.double()
    cut = len(z) - round(HELD_OUT * len(z))
    found = []
    for name, column in zip(names, values.T, strict=True):
        weights = ridge(noise[:cut], column[:cut])
        rest = column[cut:]
        spread = (rest - rest.mean()).square().sum()
        if not float(column.std()) > 1e-9 or not float(weights.norm()) > 0:
            continue
        guess = (noise[cut:] - noise[:cut].mean(0)) @ weights + column[:cut].mean()
        r2 = float(1 - (rest - guess).square().sum() / spread.clamp_min(1e-30))
        vector = (weights / weights.norm()).numpy()
        found.append(Direction(name, "measured", vector, r2, r2=r2))
    return found


def random_directions(latent: int, count: int = 20, seed: int = 0) -> list[Direction]:
    """Unit vectors that mean nothing: the control."""
    drawn = torch.randn(count, latent, generator=torch.Generator().manual_seed(seed), dtype=torch.double)
    return [
        Direction(f"{CONTROL} {number}", CONTROL, (one / one.norm()).numpy(), 0.0)
        for number, one in enumerate(drawn, 1)
    ]


def ridge(x: Tensor, y: Tensor) -> Tensor:
    """Ridge weights (D,) of y (N,) on x (N, D), both centred; the penalty by the leave-one-out error."""
    x, y = x - x.mean(0), y - y.mean()
    left, sizes, right = torch.linalg.svd(x, full_matrices=False)
    along = left.T @ y
    best, answer = float("inf"), torch.zeros(x.shape[1], dtype=x.dtype)
    for penalty in PENALTIES:
        kept = sizes.square() / (sizes.square() + penalty)
        lever = (left.square() * kept).sum(1) + 1 / len(y)  # the mean is fitted too
        error = float(((y - left @ (kept * along)) / (1 - lever).clamp_min(1e-9)).square().mean())
        if error < best:
            best, answer = error, right.T @ (along * sizes / (sizes.square() + penalty))
    return answer


@torch.no_grad()
def along(generator: Generator, z: Tensor, direction: Direction, distances: Sequence[float]) -> Tensor:
    """Pictures (N, 3, H, W) at these ``distances`` along a direction from ``z`` (1, latent, 1, 1)."""
    check_latents(z, 1)
    vector = torch.as_tensor(direction.vector, dtype=torch.float32)[None, :, None, None]
    steps = torch.tensor(distances)[:, None, None, None]
    return fast_generator(generator)(z + steps * vector)


def _largest(family: str, gram: Tensor, count: int) -> list[Direction]:
    energy, vectors = torch.linalg.eigh(gram)
    fractions = energy.flip(0)[:count] / energy.sum().clamp_min(1e-30)
    return _family(family, vectors.flip(1)[:, :count], fractions)


def _family(family: str, vectors: Tensor, fractions: Tensor) -> list[Direction]:
    """Columns of ``vectors`` as directions; the sign, which is arbitrary, makes the largest entry positive."""
    found = []
    for number, (column, fraction) in enumerate(zip(vectors.T, fractions.tolist(), strict=True), 1):
        size = float(column.norm())
        if size > 0 and fraction > 1e-12:
            sign = 1.0 if float(column[column.abs().argmax()]) > 0 else -1.0
            found.append(Direction(f"{family} {number}", family, (sign * column / size).numpy(), float(fraction)))
    return found
