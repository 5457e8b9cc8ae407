"""The shortest move in latent space that turns a discriminator's verdict of a generated poster.

    found = turn_by_latent(generator, discriminator, gan.latents([7], config))
    found.turned, found.distance                # True, 0.42: how far the latent has moved, its norm is about 10
    found.pixels, found.logits                  # the strip: seven posters from z to z', and the logit of each
    found.statistics[0].text                    # what changed most: "contrast 0.182 -> 0.208 (+0.52 ...)"

Minimised is |z' - z| subject to the logit's crossing 0, with exact gradients of G and D. The way across is found by
Newton steps on the logit (Moosavi-Dezfooli et al. 2016) and by those that fall back to z (Hasofer and Lind 1974); then
the direction is turned towards the gradient for as long as the logit crosses nearer to z. Where G and D are affine this
is the orthogonal projection; else it is the shortest move found, and a shorter one may exist.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan.data.images import to_uint8
from gan.networks.dcgan import Discriminator, Generator, latents
from gan.networks.seeds import reserved
from gan.progress import Progress
from xai.errors import ExplanationError
from xai.latents.paths import Norm, norm_of
from xai.latents.picture_statistics import STATISTICS, measure_statistics
from xai.networks.fast_generator import check_latents, fast_generator
from xai.networks.score import LOGIT, Score

FRAMES = 7
MARGIN = 1e-3  # logits beyond 0, so that rounding does not turn the verdict back
OVERSHOOT = 0.05  # of the logit, beyond 0, that a Newton step aims at
MOST_STEPS = 20  # to get across; by those that fall back, which may go to and fro, half as many
MOST_TURNS = 16  # of the direction
NEARER = (0.85, 0.93, 0.97, 0.99)  # of the distance, at which a turned direction is tried
LEAST_TURN = 0.02  # of the gradient's direction
RANDOM_MOVES = 16
USUAL = 32  # generated posters over which a statistic's standard deviation is


@dataclass(frozen=True)
class StatisticChange:
    """A measured statistic of the first and the last picture; ``deviations`` : the change in standard deviations."""

    name: str
    before: float
    after: float
    deviations: float

    @property
    def text(self) -> str:
        name = self.name.replace("_", " ")
        return f"{name} {self.before:.3f} -> {self.after:.3f} ({self.deviations:+z.2f} standard deviations)"


@dataclass(frozen=True, eq=False)
class LatentCounterfactual:
    """A move from a latent to one whose poster has the other verdict, or as near to 0 as the search came.

    latents : (frames, latent, 1, 1), evenly from z to z'. pixels : uint8 (frames, H, W, 3). logits : (frames,).
    turned : whether the last logit is on the other side of 0. distance : |z' - z|. norm : of z', beside what is usual.
    picture_change : root mean square change of the picture, 0 to 1 (black to white).
    statistics : most changed first. random_change : mean size of the logit's change by ``RANDOM_MOVES`` moves of the
        same length in random directions; random_turned : how many of them turn the verdict.
    """

    latents: Tensor
    pixels: NDArray[np.uint8]
    logits: NDArray[np.float64]
    turned: bool
    distance: float
    norm: Norm
    picture_change: float
    statistics: tuple[StatisticChange, ...]
    random_change: float
    random_turned: int

    @property
    def labels(self) -> tuple[str, ...]:
        """Of the pictures: the logit, and what it says."""
        return tuple(f"{logit:+z.2f} {LOGIT.high if logit > 0 else LOGIT.low}" for logit in self.logits)

    @property
    def text(self) -> str:
        first, last = self.logits[0], self.logits[-1]
        words = f"from {first:+z.3f} ({_word(first)}) to {last:+z.3f} ({_word(last)})"
        random = (
            f"{self.random_turned} of {RANDOM_MOVES} random moves of this length turn it; on average they change the "
            f"logit by {self.random_change:.3f}."
        )
        if not self.turned:
            return f"No move was found that turns the verdict; the logit goes only {words}."
        return (
            f"A move of {self.distance:.2f} of the latent, whose norm is {self.norm.value:.1f}, turns the verdict: the "
            f"logit goes {words}, and the picture changes by {100 * self.picture_change:.1f} % of black to white (root "
            f"mean square). {random}"
        )


def turn_by_latent(
    generator: Generator,
    discriminator: Discriminator,
    z: Tensor,
    frames: int = FRAMES,
    progress: Progress | None = None,
) -> LatentCounterfactual:
    """Search the latent nearest to ``z`` (1, latent, 1, 1) whose poster has the other verdict.

    Its norm stays where 95 % of random latents have theirs, or within that of ``z`` where this is outside. The search
    is deterministic. ``progress`` is called with the finished fraction; an exception in it ends the work.

    Raises
    ------
    ExplanationError
        If shapes do not fit, the networks hold modules that a chain does not know, or there are fewer than 2 frames.
    """
    if frames < 2:
        raise ExplanationError(f"A strip has at least 2 pictures, not {frames}.")
    report = progress or (lambda done: None)
    report(0.0)
    score = Score.of_latents(generator, discriminator)
    check_latents(z, 1, generator)
    if score.chain is None:
        raise ExplanationError("These networks hold modules that gradients cannot be traced through.")
    boundary = _Boundary.of(score, z)
    end = boundary.nearest(lambda done: report(0.8 * done))
    found = _strip(generator, boundary, end, frames)
    report(1.0)
    return found


@dataclass(frozen=True, eq=False)
class _Boundary:
    """Where the verdict of ``z`` turns. side : 1 where it is "real". low, high : between which norms stay."""

    score: Score
    z: Tensor
    logit: float
    side: int
    low: float
    high: float

    @classmethod
    def of(cls, score: Score, z: Tensor) -> _Boundary:
        norm, logit = norm_of(z), float(score(z))
        side = 1 if logit > 0 else -1
        return cls(score, z, logit, side, min(norm.low, norm.value), max(norm.high, norm.value))

    def nearest(self, report: Progress) -> Tensor:
        """The nearest latent across that is found; where none is, the one that came nearest to the other side."""
        ways = [self._across(falls_back) for falls_back in (False, True)]
        report(0.4)
        crossing = [way for way in ways if self._is_across(float(self.score(way)))]
        if not crossing:
            return min(ways, key=lambda way: self.side * float(self.score(way)))
        end = min(crossing, key=lambda way: float((way - self.z).norm()))
        return self._shortened(self._turned(end, report))

    def _across(self, falls_back: bool) -> Tensor:
        """Newton steps on the logit until it is across; those that fall back start from ``self.z`` each time."""
        aim = -self.side * (MARGIN + OVERSHOOT * abs(self.logit))
        at = best = self.z
        least = self.side * self.logit
        for _ in range(MOST_STEPS // (1 + falls_back)):
            logits, gradient = self.score.gradient(at)
            logit, squared = float(logits), float(gradient.square().sum())
            if self.side * logit < least:
                best, least = at, self.side * logit
            if self._is_across(logit) or squared == 0:
                break
            if falls_back:
                along = float((gradient * (at - self.z)).sum())
                at = self._usual(self.z + (along - (logit - aim)) / squared * gradient)
            else:  # half a step, for the gradient soon is another
                at = self._usual(at - (logit - aim) / squared / 2 * gradient)
        return best

    def _turned(self, end: Tensor, report: Progress) -> Tensor:
        """A nearer end, in a direction that was turned towards the gradient step by step."""
        turn = 0.5
        for step in range(MOST_TURNS):
            away = end - self.z
            distance = float(away.norm())
            gradient = self.score.gradient(end)[1]
            size = float(gradient.norm())
            if turn < LEAST_TURN or not size > 0 or not distance > 0:
                break
            direction = (1 - turn) * away / distance - turn * self.side * gradient / size
            nearer = self._first_across(direction / direction.norm(), [distance * part for part in NEARER])
            if nearer is None:
                turn /= 2
            else:
                end = nearer
            report(0.4 + 0.6 * (step + 1) / MOST_TURNS)
        return end

    def _shortened(self, end: Tensor) -> Tensor:
        """The first point across on the way from ``self.z`` to ``end``, where the last part of it is not across."""
        away, low, high = end - self.z, 0.0, 1.0
        for _ in range(4):  # to a part in 5^4
            parts = np.linspace(low, high, 6)[1:].tolist()
            nearer = self._first_across(away, parts[:-1])
            if nearer is None:
                low = parts[-2]
            else:
                end = nearer
                high = float((end - self.z).norm() / away.norm())
                low = high - (parts[1] - parts[0])
        return end

    def _first_across(self, direction: Tensor, distances: list[float]) -> Tensor | None:
        points = torch.cat([self._usual(self.z + distance * direction) for distance in distances])
        across = [row for row, logit in enumerate(self.score(points).tolist()) if self._is_across(logit)]
        return points[across[0] : across[0] + 1] if across else None

    def _is_across(self, logit: float) -> bool:
        return self.side * logit <= -MARGIN

    def _usual(self, z: Tensor) -> Tensor:
        """The latent, no longer and no shorter than allowed."""
        norm = float(z.norm())
        allowed = min(max(norm, self.low), self.high)
        return z if norm in (allowed, 0.0) else z * (allowed / norm)


@torch.no_grad()
def _strip(generator: Generator, boundary: _Boundary, end: Tensor, frames: int) -> LatentCounterfactual:
    generate, z, score = fast_generator(generator), boundary.z, boundary.score
    parts = torch.linspace(0, 1, frames)[:, None, None, None]
    between = z + parts * (end - z)
    between[-1:] = end
    pictures, logits = generate(between), score(between).double().numpy()
    distance = float((end - z).norm())
    random = torch.randn(RANDOM_MOVES, *z.shape[1:], generator=torch.Generator().manual_seed(0))
    moves = score(z + distance * random / random.flatten(1).norm(dim=1)[:, None, None, None]).double().numpy()
    usual = measure_statistics(generate(latents(reserved("grid")[:USUAL], generator.config)))
    return LatentCounterfactual(
        between,
        to_uint8(pictures),
        logits,
        (logits[-1] > 0) != (logits[0] > 0),
        distance,
        norm_of(end),
        float(((pictures[-1] - pictures[0]) / 2).square().mean().sqrt()),
        _statistics(pictures, usual),
        float(np.abs(moves - logits[0]).mean()),
        int(((moves > 0) != (logits[0] > 0)).sum()),
    )


def _statistics(pictures: Tensor, usual: Tensor) -> tuple[StatisticChange, ...]:
    before, after = measure_statistics(pictures[:1])[0].tolist(), measure_statistics(pictures[-1:])[0].tolist()
    spread = usual.std(0).tolist()
    changes = [
        StatisticChange(name, old, new, (new - old) / size if size > 0 else 0.0)
        for name, old, new, size in zip(STATISTICS, before, after, spread, strict=True)
    ]
    return tuple(sorted(changes, key=lambda one: -abs(one.deviations)))


def _word(logit: float) -> str:
    return LOGIT.high if logit > 0 else LOGIT.low
