"""How much each latent dimension matters: over all posters, for a statistic, for a region.

    result = importance(generator, score, samples=256)
    result.picture.value                      # (latent,): fraction of the variance that involves dimension k
    result.cells.value[:, 7, 2]               # the same for one cell of the picture
    result.of("brightness").value             # the same for a statistic
    local_sensitivity(generator, z).rms       # to first order instead: root mean square of dG/dz

The Sobol total index of a dimension is the fraction of the variance that remains when all others are fixed: its
effect alone and in interactions. An interaction counts once for each dimension in it, so the sum is 1 or more.
The estimator is Jansen's (1999; best of those compared by Saltelli et al. 2010, table 2 f), with normal inputs;
indices of several outputs together are those of Gamboa et al. 2014: variances and squared changes are added up
before they are divided.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from gan.networks.dcgan import Generator
from gan.progress import Progress
from xai.errors import ExplanationError
from xai.latents import picture_statistics
from xai.networks.batches import at_once
from xai.networks.fast_generator import check_latents, fast_generator
from xai.networks.jacobian import jacobian
from xai.networks.score import Score

Outputs = Callable[[Tensor], Sequence[Tensor]]

POINTS = 5  # independent points a row; their variance is the row's estimate of the denominator
GROUPS = 64  # of rows that the bootstrap draws together, so that memory does not grow with the sample
RESAMPLES = 400
LEVEL = 0.95
AT_ONCE = 64  # points at once, or one row if it has more
GENERATED = 128  # pictures generated together, fewer of large ones
INDEX_PARTS = ("value", "low", "high", "variance")
COLUMNS = 2**14  # parts of an output whose variance is taken together


@dataclass(frozen=True, eq=False)
class Index:
    """Total indices, inputs first, and the bootstrap's 95 % intervals.

    value, low, high : (inputs, outputs ...), 0 and up; 0 for outputs that never change.
    variance : (outputs ...), of the output over all inputs.
    """

    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    variance: NDArray[np.float64]

    def shaped(self, *outputs: int) -> Index:
        """The same with the outputs in this shape."""
        value, low, high = (part.reshape(len(part), *outputs) for part in (self.value, self.low, self.high))
        return Index(value, low, high, self.variance.reshape(outputs))


@dataclass(frozen=True, eq=False)
class Importance:
    """Total indices of every latent dimension.

    names : of the statistics.
    statistics : (latent, S), for each picture statistic.
    cells : (latent, grid, grid), for the mean colour of each cell of the picture, which is as oblong as the picture.
    picture : (latent,), for all pixels together.
    samples : rows; ``samples * (latent + 5)`` pictures were generated.
    seconds : wall time.
    """

    names: tuple[str, ...]
    statistics: Index
    cells: Index
    picture: Index
    samples: int
    seconds: float

    def of(self, statistic: str | None = None) -> Index:
        """Indices (latent,) for one of ``names``; for the whole picture without a name."""
        if statistic is None:
            return self.picture
        column = self.names.index(statistic)
        value, low, high, variance = (getattr(self.statistics, part)[..., column] for part in INDEX_PARTS)
        return Index(value, low, high, variance)

    @property
    def largest(self) -> Index:
        """(1, grid, grid), the index of the dimension with the largest one in each cell."""
        value, low, high = (
            np.take_along_axis(part, self.most_influential[None], 0)
            for part in (self.cells.value, self.cells.low, self.cells.high)
        )
        return Index(value, low, high, self.cells.variance)

    @property
    def most_influential(self) -> NDArray[np.intp]:
        """(grid, grid), the dimension with the largest index in each cell."""
        return np.asarray(self.cells.value.argmax(0))

    @property
    def certain(self) -> NDArray[np.bool_]:
        """(grid, grid), whether the interval of ``most_influential`` lies above those of all others."""
        owned = np.arange(len(self.cells.value))[:, None, None] == self.most_influential
        others = np.where(owned, 0.0, self.cells.high).max(0)
        return np.asarray(np.where(owned, self.cells.low, 0.0).max(0) > others)


def importance(
    generator: Generator,
    score: Score | None = None,
    samples: int = 256,
    grid: int = 8,
    seed: int = 0,
    progress: Progress | None = None,
) -> Importance:
    """Sobol total indices of every latent dimension, for picture statistics, cells and the picture as a whole.

    Generates ``samples * (latent + 5)`` pictures, about 3 ms of one core each at 64 x 64, and keeps none.
    With ``score`` D's logit is one of the statistics. ``progress`` is called with the finished fraction; an
    exception in it ends the work.

    Raises
    ------
    ExplanationError
        If there are fewer than two samples, or the picture cannot be cut into ``grid`` x ``grid`` cells.
    """
    height, width = size = generator.config.size
    if grid < 1 or height % grid or width % grid:
        raise ExplanationError(
            f"A picture of {height} x {width} pixels cannot be cut into {grid} x {grid} equal cells."
        )
    generate, rows = fast_generator(generator), at_once(GENERATED, size)

    def outputs(points: Tensor) -> list[Tensor]:
        pictures = torch.cat([generate(part) for part in torch.split(points[:, :, None, None], rows)])
        cells = adaptive_avg_pool2d(pictures, grid).flatten(2).transpose(1, 2)  # a cell's colours are one output
        return [picture_statistics.measure_statistics(pictures, score)[:, :, None], cells, pictures.flatten(1)[:, None]]

    started = time.perf_counter()
    indices = total_indices(outputs, generator.config.latent, samples, seed, progress)
    return Importance(
        picture_statistics.names(score),
        indices[0],
        indices[1].shaped(grid, grid),
        indices[2].shaped(),
        samples,
        time.perf_counter() - started,
    )


@torch.no_grad()
def total_indices(
    outputs: Outputs, inputs: int, samples: int = 256, seed: int = 0, progress: Progress | None = None
) -> list[Index]:
    """Sobol total indices of ``inputs`` independent standard normal numbers, by Jansen's estimator.

    outputs : points (n, inputs) to tensors (n, Q, P); an index for each of the Q outputs, over its P parts together.

    A row of the sample is a point, the same point with one input after the other resampled, and other
    independent points for the variance. The same seed gives the same rows.

    Raises
    ------
    ExplanationError
        If there are fewer than two samples.
    """
    if samples < 2:
        raise ExplanationError(f"Total indices need at least 2 samples, not {samples}.")
    random, report = torch.Generator().manual_seed(seed), progress or (lambda done: None)
    groups = min(GROUPS, samples)
    changes: list[Tensor] = []
    variances: list[Tensor] = []
    report(0.0)
    for rows in torch.split(torch.arange(samples), max(1, AT_ONCE // (inputs + POINTS))):
        points = torch.stack([_row(inputs, random) for _ in rows])  # (rows, inputs + POINTS, inputs)
        group = rows * groups // samples
        for view, values in enumerate(outputs(points.flatten(0, 1))):
            change, variance = _moved(values.reshape(len(rows), -1, *values.shape[1:]), inputs)
            if view == len(changes):
                changes.append(torch.zeros(groups, *change.shape[1:], dtype=torch.double))
                variances.append(torch.zeros(groups, *variance.shape[1:], dtype=torch.double))
            changes[view].index_add_(0, group, change)
            variances[view].index_add_(0, group, variance)
        report(float(rows[-1] + 1) / samples)
    return [_index(c.numpy(), v.numpy(), samples, seed) for c, v in zip(changes, variances, strict=True)]


def _moved(values: Tensor, inputs: int) -> tuple[Tensor, Tensor]:
    """Of rows' outputs (rows, points, Q, P): half the squared changes (rows, inputs, Q), and the variance (rows, Q)."""
    changes, variances = [], []
    for part in torch.split(values, COLUMNS, 3):  # in double precision, all pixels of a large picture take a gigabyte
        exact = part.double()
        changes.append((exact[:, :inputs] - exact[:, inputs : inputs + 1]).square().sum(3) / 2)
        variances.append(exact[:, inputs:].var(1).sum(2))
    return torch.stack(changes).sum(0), torch.stack(variances).sum(0)


def _row(inputs: int, random: torch.Generator) -> Tensor:
    """(inputs + POINTS, inputs): a point with input k resampled for each k, and the independent points."""
    points = torch.randn(POINTS, inputs, generator=random)  # row by row: the bits must not depend on the batch
    point, other = points[0], points[1]
    changed = point.repeat(inputs, 1)
    changed.diagonal().copy_(other)
    return torch.cat([changed, points])


def _index(changes: NDArray[np.float64], variances: NDArray[np.float64], samples: int, seed: int) -> Index:
    """Indices from sums over groups of rows: ``changes`` (groups, inputs, Q), ``variances`` (groups, Q)."""
    groups = len(changes)
    weights = np.random.default_rng(seed).multinomial(groups, [1 / groups] * groups, RESAMPLES).astype(float)
    totals = weights @ variances  # (resamples, Q)
    ends = np.array([(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    limits = [np.quantile(_ratio(weights @ changes[:, k], totals), ends, axis=0) for k in range(changes.shape[1])]
    low, high = np.stack(limits, 1)
    return Index(_ratio(changes.sum(0), variances.sum(0)), low, high, variances.sum(0) / samples)


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(above, below, out=np.zeros(np.broadcast_shapes(above.shape, below.shape)), where=below > 0)


# ---- local --------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class LocalSensitivity:
    """Gradients averaged over posters: what a small step does, where an index says what any step does.

    rms : (latent,), root mean square of dG/dz over posters, pixels and colours; the picture's own range is 2.
    error : (latent,), standard error of ``rms`` from the number of posters; NaN for one poster.
    gram : (latent, latent), mean over posters of J'J with J = dG/dz; its diagonal is rms^2 times the number
        of pixels and colours.
    """

    rms: Tensor
    error: Tensor
    gram: Tensor


def local_sensitivity(generator: Generator, z: Tensor, progress: Progress | None = None) -> LocalSensitivity:
    """Local sensitivity of every latent dimension, averaged over the posters of ``z`` (N, latent, 1, 1).

    About 1 s of one core for each poster at 64 x 64, by exact Jacobians.

    Raises
    ------
    ExplanationError
        If ``z`` has another shape.
    """
    check_latents(z)
    report = progress or (lambda done: None)
    grams, size = [], 1
    report(0.0)
    for number, one in enumerate(torch.split(z, 1), 1):
        gradients = jacobian(generator, one).flatten(1)
        size = gradients.shape[1]
        grams.append(gradients @ gradients.T)
        report(number / len(z))
    squares = torch.stack([gram.diagonal() for gram in grams]) / size  # (N, latent)
    rms = squares.mean(0).sqrt()
    spread = squares.std(0) if len(z) > 1 else torch.full_like(rms, torch.nan)
    error = spread / len(z) ** 0.5 / (2 * rms).clamp_min(1e-20)  # d sqrt(x) = dx / (2 sqrt(x))
    return LocalSensitivity(rms, error, torch.stack(grams).mean(0))
