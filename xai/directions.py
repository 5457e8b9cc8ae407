"""Directions in the space of noise that mean something, found in four ways, and named only where it was measured.

    found = study(generator, score, seed=0)
    for direction in found.directions:
        direction.family, direction.name, direction.label      # "measured", "warmth", "warmth"
        direction.effects                                      # what +-2 along it does to every statistic
    found.agreement.overlap                                    # do the families find the same?

    pca(generator, z)              activations of a later layer, brought back to noise by regression (GANSpace,
                                   Harkonen et al. 2020)
    closed_form(generator)         eigenvectors of the first layer's weight with its BatchNorm (SeFa, Shen and
                                   Zhou 2021)
    jacobian_directions(gram)      eigenvectors of the mean of J'J, J = dG/dz
    measured(z, values, names)     ridge regression from noise to a statistic of the picture

Random directions go through the same measurement and are the control.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gan.models import Generator, latents
from xai import statistics
from xai.atlas import AT_ONCE, check_latents, painter, size_of
from xai.chain import Chain, Convolution
from xai.errors import ExplanationError
from xai.hooks import activations, check_given, private_copy
from xai.importance import local
from xai.memory import at_once
from xai.score import Score

Progress = Callable[[float], None]

FAMILIES = ("pca", "closed_form", "jacobian", "measured")
CONTROL = "random"
MOVE = 2.0  # units of noise to either side
LEAST = 1.0  # standard deviations of a statistic that a label needs, for a move from -2 to +2
CONTROL_QUANTILE = 0.95  # of the largest effects of random directions, which a label must exceed too
PENALTIES = tuple(float(10**power) for power in np.arange(-2, 4.5, 0.5))
HELD_OUT = 0.25  # of the sample, for R2
STUDY_SEED = 1_000_000  # seeds from here on: nobody's favourite posters


@dataclass(frozen=True)
class Effect:
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
    strength : the family's own measure: share of the variance (pca, closed_form, jacobian), held-out R2
        (measured), 0 (random). Directions of a family come in its order.
    label : the statistic that it changes most, or None where the measurement does not support one.
    effects : for each statistic; empty until measured.
    r2 : held-out R2 of the ridge regression, or None outside the family "measured".
    """

    name: str
    family: str
    vector: NDArray[np.float64]
    strength: float
    label: str | None = None
    effects: Mapping[str, Effect] | None = None
    r2: float | None = None

    def side_effects(self, least: float = LEAST) -> dict[str, Effect]:
        """Other statistics that change by at least ``least`` standard deviations for certain, largest first."""
        rest = {name: one for name, one in (self.effects or {}).items() if name != self.label}
        strong = {name: one for name, one in rest.items() if one.certain >= least}
        return dict(sorted(strong.items(), key=lambda pair: -pair[1].certain))


@dataclass(frozen=True, eq=False)
class Agreement:
    """Do the families find the same?

    families : in the order of the rows and columns.
    overlap : (F, F), mean squared cosine of the principal angles of two spans of ``top`` directions each: 1 the
        same span, ``chance`` on average for random spans.
    top : directions of each family that were compared.
    matches : for each direction of a family ("pca", 0) and each other family the direction most like it and
        the size of their cosine.
    """

    families: tuple[str, ...]
    overlap: NDArray[np.float64]
    chance: float
    top: int
    matches: Mapping[tuple[str, str], tuple[tuple[str, str, float], ...]]


@dataclass(frozen=True, eq=False)
class Directions:
    """All families, measured.

    directions : in the order of the families, the control last.
    threshold : certain effect that a label needs: the larger of ``LEAST`` and what random directions reach.
    spread : standard deviation of each statistic over random posters.
    seconds : wall time.
    """

    directions: tuple[Direction, ...]
    threshold: float
    spread: Mapping[str, float]
    agreement: Agreement
    seconds: float

    def of(self, family: str) -> tuple[Direction, ...]:
        """The directions of one family."""
        return tuple(one for one in self.directions if one.family == family)


def study(
    generator: Generator,
    score: Score | None = None,
    count: int = 10,
    samples: int = 2000,
    held_out: int = 48,
    posters: int = 16,
    controls: int = 20,
    seed: int = 0,
    gram: Tensor | None = None,
    progress: Progress | None = None,
) -> Directions:
    """Find ``count`` directions in each of four ways, measure what each does, and name those that deserve it.

    samples : posters for the regression and, half of them, for the PCA.
    held_out : latents from which each direction is walked; no family has seen them.
    posters : for the averaged Jacobian, unless ``gram`` (of :class:`xai.importance.Local`) is given.
    controls : random directions.

    Raises
    ------
    ExplanationError
        If a count is too small to measure anything.
    """
    started, report = time.perf_counter(), progress or (lambda share: None)
    width = generator.config.latent
    if count < 1 or held_out < 3 or controls < 5 or samples < width + 20:
        raise ExplanationError(
            f"A study needs at least 1 direction, 3 held-out latents, 5 controls and {width + 20} samples."
        )
    count = min(count, width)
    first = STUDY_SEED * (seed + 1)
    z = latents(range(first, first + samples), generator.config)
    away = latents(range(first + samples, first + samples + held_out), generator.config)
    values = sample_statistics(generator, z, score, _part(report, 0.0, 0.3))
    if gram is None:
        gram = local(generator, z[:posters], _part(report, 0.3, 0.5)).gram
    found = [
        *pca(generator, z[: max(samples // 2, width + 10)], count=count),
        *closed_form(generator, count),
        *jacobian_directions(gram, count),
        *measured(z, values, statistics.names(score)),
    ]
    report(0.6)
    control = random_directions(width, controls, seed)
    spread = values.std(0, correction=1)
    effects = walk(generator, [*found, *control], away, spread, score, _part(report, 0.6, 1.0))
    threshold = max(LEAST, _of_chance(effects[len(found) :]))
    directions = tuple(
        named(direction, effect, threshold) for direction, effect in zip([*found, *control], effects, strict=True)
    )
    return Directions(
        directions,
        threshold,
        dict(zip(statistics.names(score), spread.tolist(), strict=True)),
        agreement([one for one in directions if one.family != CONTROL], min(count, len(values[0]))),
        time.perf_counter() - started,
    )


# ---- four families -------------------------------------------------------------------------------------


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
        raise ExplanationError(f"The regression from {count} coordinates needs more than {z.shape[1]} posters.")
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
    shares = energy.flip(0)[:count] / energy.sum().clamp_min(1e-30)
    return _family("pca", vectors, shares)


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


# ---- measuring -----------------------------------------------------------------------------------------


@torch.no_grad()
def sample_statistics(
    generator: Generator, z: Tensor, score: Score | None = None, progress: Progress | None = None
) -> Tensor:
    """Statistics (N, S) of the posters of ``z`` (N, latent, 1, 1); no picture is kept."""
    check_latents(z)
    paint, report = painter(generator), progress or (lambda share: None)
    found: list[Tensor] = []
    rows = at_once(AT_ONCE, size_of(generator, z))
    for number, part in enumerate(torch.split(z, rows), 1):
        found.append(statistics.measure(paint(part), score))
        report(min(1.0, number * rows / len(z)))
    return torch.cat(found)


def walk(
    generator: Generator,
    directions: Sequence[Direction],
    z: Tensor,
    spread: Tensor,
    score: Score | None = None,
    progress: Progress | None = None,
) -> list[dict[str, Effect]]:
    """For each direction what the statistics gain on the way from z - 2 v to z + 2 v, over z (N, latent, 1, 1).

    spread : (S,), the unit of each statistic: its standard deviation over random posters. A statistic
        without any has the effect 0.
    """
    check_latents(z)
    report = progress or (lambda share: None)
    unit = torch.where(spread > 1e-9, spread, torch.inf).double()
    found = []
    for number, direction in enumerate(directions, 1):
        way = MOVE * torch.from_numpy(direction.vector).to(z)[None, :, None, None]
        ends = sample_statistics(generator, torch.cat([z + way, z - way]), score).double()
        change = (ends[: len(z)] - ends[len(z) :]) / unit
        mean, error = change.mean(0), change.std(0) / len(z) ** 0.5
        found.append(
            {
                name: Effect(float(m), float(m - 1.96 * e), float(m + 1.96 * e))
                for name, m, e in zip(statistics.names(score), mean, error, strict=True)
            }
        )
        report(number / len(directions))
    return found


def named(direction: Direction, effects: Mapping[str, Effect], threshold: float) -> Direction:
    """The direction with its effects and, if the largest is certainly above the threshold, its label.

    A direction with a label is turned so that the statistic grows along it. A control never has one.
    """
    largest = max(effects, key=lambda name: abs(effects[name].value))
    if direction.family == CONTROL or effects[largest].certain < threshold:
        return replace(direction, effects=dict(effects))
    if effects[largest].value < 0:
        turned = {name: Effect(-one.value, -one.high, -one.low) for name, one in effects.items()}
        return replace(direction, vector=-direction.vector, label=largest, effects=turned)
    return replace(direction, label=largest, effects=dict(effects))


def agreement(directions: Sequence[Direction], top: int) -> Agreement:
    """Compare the spans of the first ``top`` directions of each family, and their directions one by one."""
    families = tuple(dict.fromkeys(one.family for one in directions))
    groups = {name: [one for one in directions if one.family == name] for name in families}
    top = min(top, *(len(group) for group in groups.values()))
    spans = [np.linalg.qr(np.stack([one.vector for one in groups[name][:top]], 1))[0] for name in families]
    overlap = np.array([[np.square(a.T @ b).sum() / top for b in spans] for a in spans])
    matches = {(a, b): tuple(_match(one, groups[b]) for one in groups[a]) for a in families for b in families if a != b}
    return Agreement(families, overlap, top / len(directions[0].vector), top, matches)


def _match(direction: Direction, others: Sequence[Direction]) -> tuple[str, str, float]:
    cosines = [abs(float(direction.vector @ other.vector)) for other in others]
    best = int(np.argmax(cosines))
    return direction.name, others[best].name, cosines[best]


def _of_chance(effects: Sequence[Mapping[str, Effect]]) -> float:
    """What the largest effect of a random direction exceeds only once in twenty."""
    largest = [max(abs(one.value) for one in of_direction.values()) for of_direction in effects]
    return float(np.quantile(largest, CONTROL_QUANTILE))


def _largest(family: str, gram: Tensor, count: int) -> list[Direction]:
    energy, vectors = torch.linalg.eigh(gram)
    shares = energy.flip(0)[:count] / energy.sum().clamp_min(1e-30)
    return _family(family, vectors.flip(1)[:, :count], shares)


def _family(family: str, vectors: Tensor, shares: Tensor) -> list[Direction]:
    """Columns of ``vectors`` as directions; the sign, which is arbitrary, makes the largest entry positive."""
    found = []
    for number, (column, share) in enumerate(zip(vectors.T, shares.tolist(), strict=True), 1):
        size = float(column.norm())
        if size > 0 and share > 1e-12:
            sign = 1.0 if float(column[column.abs().argmax()]) > 0 else -1.0
            found.append(Direction(f"{family} {number}", family, (sign * column / size).numpy(), float(share)))
    return found


def _part(report: Progress, start: float, end: float) -> Progress:
    return lambda share: report(start + (end - start) * share)
