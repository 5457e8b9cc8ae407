"""Paths through latent space: between two posters, and towards its centre.

    walk = path(generator, a, b, frames=16)        # pictures of an even walk from one latent to the other
    shorter = scaled(z, 0.7)                       # truncation: nearer to what the generator has seen most
    norm_of(z).quantile                            # fraction of random latents that are shorter

A normal latent of 100 values is about 10 long, nearly always between 8.6 and 11.4: straight lines between two of
them pass through lengths of 7 that the generator has never seen, great circles do not (Shoemake 1985; White
2016).
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan.data.images import to_uint8
from gan.errors import counted
from gan.networks.dcgan import Generator
from gan.progress import Progress
from xai.errors import ExplanationError
from xai.latents.sweeps import AT_ONCE
from xai.networks.batches import at_once
from xai.networks.fast_generator import check_latents, fast_generator, size_of

PARALLEL = 1e-6  # radians; below, a great circle is a straight line
OPPOSITE = 1e-3  # radians from the opposite; every great circle leads there, so none is chosen


@dataclass(frozen=True, eq=False)
class Norm:
    """A latent's length beside what is to be expected.

    value : its norm.
    expected : root of the number of dimensions, 10 for 100 of them.
    low, high : 95 % of random latents lie between.
    quantile : fraction of random latents that are shorter, 0 to 1.
    """

    value: float
    expected: float
    low: float
    high: float
    quantile: float


@dataclass(frozen=True, eq=False)
class Path:
    """An even walk between two latents.

    latents : (frames, latent, 1, 1); the first and the last are the given ones.
    pixels : uint8 (frames, H, W, 3).
    norms : (frames,).
    steps : (frames - 1,), root mean square change of the picture from frame to frame, 0 to 1 (black to white):
        even steps of the latent need not look even.
    angle : between the two latents, in radians.
    """

    latents: Tensor
    pixels: NDArray[np.uint8]
    norms: Tensor
    steps: NDArray[np.float64]
    angle: float

    @property
    def angle_degrees(self) -> float:
        return math.degrees(self.angle)

    @property
    def unevenness(self) -> float:
        """The largest step of the picture over the mean one: 1 where all are equal."""
        return float(self.steps.max() / max(self.steps.mean(), 1e-9))


def slerp(start: Tensor, end: Tensor, positions: Tensor) -> Tensor:
    """Latents (T, latent, 1, 1) on the great circle from ``start`` to ``end`` (1, latent, 1, 1).

    The direction turns at constant speed (Shoemake 1985), the norm goes evenly from one to the other. The
    positions 0 and 1 give the two ends bit for bit.

    Raises
    ------
    ExplanationError
        If the two differ in shape, one is zero, or they are opposite to each other.
    """
    check_latents(start, 1)
    check_latents(end, 1)
    if start.shape != end.shape:
        raise ExplanationError(
            f"There is no path from {counted(start.shape[1], 'latent dimension')} to {end.shape[1]}."
        )
    # Double precision: the angle of nearly parallel vectors would be lost in single precision.
    a, b, t = start.double().flatten(), end.double().flatten(), positions.double().reshape(-1, 1)
    long_a, long_b = a.norm(), b.norm()
    if not (long_a > 0 and long_b > 0):
        raise ExplanationError("A latent of zeros has no direction, so no great circle leads to it.")
    a, b = a / long_a, b / long_b
    angle = angle_between(a, b)
    if math.pi - angle < OPPOSITE:
        raise ExplanationError("The two latents are opposite to each other: every great circle leads there.")
    if angle < PARALLEL:
        turned = a + t * (b - a)
    else:
        turned = (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / math.sin(angle)
    between = (turned * (long_a + t * (long_b - long_a))).to(start.dtype)
    between = torch.where(t == 0, start.flatten(), torch.where(t == 1, end.flatten(), between))
    return between[:, :, None, None]


def angle_between(a: Tensor, b: Tensor) -> float:
    """Angle of two unit vectors in radians, 0 to pi, exact also where they are nearly parallel (Kahan 2006)."""
    return float(2 * torch.atan2(torch.linalg.vector_norm(a - b), torch.linalg.vector_norm(a + b)))


@torch.no_grad()
def path(generator: Generator, start: Tensor, end: Tensor, frames: int = 16, progress: Progress | None = None) -> Path:
    """Generate ``frames`` pictures of an even walk on the sphere from ``start`` to ``end`` (1, latent, 1, 1).

    Raises
    ------
    ExplanationError
        As for :func:`slerp`, and for fewer than two frames.
    """
    if frames < 2:
        raise ExplanationError(f"A path has at least 2 frames, not {frames}.")
    latents = slerp(start, end, torch.linspace(0, 1, frames, dtype=torch.double))
    generate, report = fast_generator(generator), progress or (lambda done: None)
    report(0.0)
    pictures = []
    for part in torch.split(latents, at_once(AT_ONCE, size_of(generator, start))):
        pictures.append(to_uint8(generate(part)))
        report(sum(map(len, pictures)) / frames)
    pixels = np.concatenate(pictures)
    steps = np.sqrt(np.square(np.diff(pixels.astype(np.float64) / 255, axis=0)).mean((1, 2, 3)))
    a, b = (one.double().flatten() / one.double().norm() for one in (start, end))
    return Path(latents, pixels, torch.linalg.vector_norm(latents.flatten(1), dim=1), steps, angle_between(a, b))


def scaled(z: Tensor, factor: float) -> Tensor:
    """The latents ``z`` (N, latent, 1, 1) with their norms times ``factor``; their direction stays.

    Below 1 this is truncation: pictures become more typical and less various.

    Raises
    ------
    ExplanationError
        If the factor is negative or not finite.
    """
    check_latents(z)
    if not 0 <= factor < math.inf:
        raise ExplanationError(f"A latent is scaled by a number from 0 up, not by {factor}.")
    return factor * z


def norm_of(z: Tensor) -> Norm:
    """The norm of one latent (1, latent, 1, 1) beside those of random ones (a chi distribution)."""
    from scipy.stats import chi  # slow to import, and most pages do without

    check_latents(z, 1)
    count, value = z.shape[1], float(torch.linalg.vector_norm(z))
    low, high = _usual_norms(count)
    return Norm(value, math.sqrt(count), low, high, float(chi.cdf(value, count)))


@functools.cache
def _usual_norms(count: int) -> tuple[float, float]:
    """Between which 95 % of the norms of ``count`` standard normal numbers lie."""
    from scipy.stats import chi

    low, high = chi.ppf([0.025, 0.975], count)
    return float(low), float(high)
