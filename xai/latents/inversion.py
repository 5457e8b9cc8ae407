"""GAN inversion: the latent nearest to a given poster, and what of the poster this generator can make.

    inversion = invert(checkpoint.generator, poster, score, encoder)      # the score and the encoder are optional
    inversion.z                                    # (1, latent, 1, 1), for all other pages
    inversion.picture, inversion.residual          # what it makes of it, and what it cannot

A start by an encoder (``xai.latents.encoder``), then gradient descent on the latent with several starts side by
side: Zhu, Kraehenbuehl, Shechtman, Efros 2016; features of the discriminator as a second distance: Yeh et al. 2017.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan.errors import counted
from gan.networks.dcgan import Generator, latents
from gan.networks.seeds import reserved
from gan.progress import Progress
from xai.errors import ExplanationError
from xai.latents.encoder import Encoder
from xai.latents.sweeps import AT_ONCE
from xai.networks.batches import at_once
from xai.networks.fast_generator import Generate, fast_generator
from xai.networks.score import Score
from xai.render import LUMINANCE_WEIGHTS

CANDIDATES = 256  # seeds that are looked through for starts
FIRST_CANDIDATE = reserved("inversion").start
EARLY = 0.4  # of the steps, after which the better half of the starts goes on alone
STEP_SIZE = 0.12  # Adam's, in units of noise
PRIOR = 0.02  # weight of the squared distance of |z| from the root of the number of values, a value
FEATURES = 0.05  # weight of the discriminator's features beside that of the pixels


@dataclass(frozen=True, eq=False)
class Inversion:
    """The latent whose picture is nearest to a poster.

    z : (1, latent, 1, 1).
    picture : (1, 3, H, W) in [-1, 1], what the generator makes of it.
    residual : float32 (H, W, 3), the poster minus the picture, -1 to 1 (white to black): what it cannot generate.
    error : root mean square of the residual, 0 to 1.
    explained : fraction of the poster's variance that the picture has: 1 all, 0 or less none.
    error_before : the error of the best start.
    norm : of z; the root of the number of dimensions is to be expected.
    start : "encoder" or "seed N", where the best descent began.
    losses : (steps,), of the best descent.
    seconds : wall time.
    """

    z: Tensor
    picture: Tensor
    residual: NDArray[np.float32]
    error: float
    explained: float
    error_before: float
    norm: float
    start: str
    losses: tuple[float, ...]
    seconds: float

    @property
    def psnr(self) -> float:
        """Peak signal-to-noise ratio in dB; the peak is the step from black to white."""
        return -20 * math.log10(max(self.error, 1e-10))

    @property
    def residual_map(self) -> NDArray[np.float32]:
        """(H, W), signed: luminance of the residual; above 0 where the poster is lighter than the picture."""
        return np.asarray(self.residual @ LUMINANCE_WEIGHTS, np.float32)


@dataclass(frozen=True)
class Search:
    """How long is searched: ``starts`` descents side by side (1 to 256), of ``steps`` steps in all (at least 1)."""

    starts: int = 4
    steps: int = 120

    def __post_init__(self) -> None:
        if not 1 <= self.starts <= CANDIDATES or self.steps < 1:
            raise ExplanationError(f"An inversion has 1 to {CANDIDATES} starts and at least 1 step.")


USUAL = Search()


def invert(
    generator: Generator,
    poster: Tensor,
    score: Score | None = None,
    encoder: Encoder | None = None,
    search: Search = USUAL,
    progress: Progress | None = None,
) -> Inversion:
    """The latent from which ``generator`` makes what is nearest to ``poster`` (1, 3, H, W) in [-1, 1].

    The nearest of 256 fixed seeds, and the encoder's estimate if there is an encoder, are improved side by side
    by Adam; after two fifths of the steps the worse half is dropped. The loss is the mean squared error of the
    pixels, with ``score`` also that of the discriminator's activations in the middle, and a prior that keeps
    |z| near the root of the number of dimensions. It is deterministic: the same poster gives the same latent.

    ``progress`` is called with the finished fraction; an exception in it ends the work.

    Raises
    ------
    ExplanationError
        If the poster is not one picture of the generator's size, the encoder is that of another generator, or the
        generator waits for genres.
    """
    started, report = time.perf_counter(), progress or (lambda done: None)
    _check(generator, poster, encoder)
    if score is not None:
        score.check(poster)
    report(0.0)
    generate, steps = fast_generator(generator), search.steps
    begin, names = _starts(generator, poster, encoder, search.starts)
    before = _root_mean_square(generate(begin[:1]), poster)
    report(0.1)
    loss = _Loss(fast_generator(generator, gradients=True), poster, score)
    early = max(1, round(EARLY * steps)) if search.starts > 1 else 0
    first = _descend(loss, begin, range(early), steps, lambda done: report(0.1 + 0.4 * done))
    better = first.losses[-1].argsort(stable=True)[: (search.starts + 1) // 2] if early else torch.arange(len(begin))
    second = _descend(loss, first.z[better], range(early, steps), steps, lambda done: report(0.5 + 0.5 * done))
    best = int(second.best.argmin())
    z, start = second.z[best : best + 1], int(better[best])
    losses = [float(row[start]) for row in first.losses] + [float(row[best]) for row in second.losses]
    with torch.no_grad():
        picture = generate(z)
    return Inversion(
        z, picture, *_residual(picture, poster), before, float(torch.linalg.vector_norm(z)), names[start],
        tuple(losses), time.perf_counter() - started,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Descent:
    """The best ``z`` of each descent with its loss, and all losses (steps, descents)."""

    z: Tensor
    best: Tensor
    losses: Tensor


class _Loss:
    """Pictures' distance from the poster plus the prior on the noise, one number a row."""

    def __init__(self, generate: Generate, poster: Tensor, score: Score | None) -> None:
        self.generate, self.poster = generate, poster
        chain = None if score is None else score.chain
        self.steps = () if chain is None else chain.steps[: len(chain.steps) // 2]
        with torch.no_grad():
            self.features = self._features(poster)
        self.scale = float(self.features.square().mean().clamp_min(1e-12))

    def __call__(self, z: Tensor) -> Tensor:
        pictures = self.generate(z)
        loss = (pictures - self.poster).square().mean((1, 2, 3))
        if self.steps:
            loss = loss + FEATURES * (self._features(pictures) - self.features).square().flatten(1).mean(1) / self.scale
        excess = torch.linalg.vector_norm(z.flatten(1), dim=1) - math.sqrt(z.shape[1])
        total: Tensor = loss + PRIOR * excess.square() / z.shape[1]
        return total

    def _features(self, pictures: Tensor) -> Tensor:
        for step in self.steps:
            pictures = step.forward(pictures, many=True)
        return pictures


def _descend(loss: _Loss, z: Tensor, span: range, steps: int, report: Progress) -> _Descent:
    """Adam (Kingma and Ba 2015) on each row of ``z`` for the steps in ``span``, the rate falling along a cosine."""
    z = z.detach().clone().requires_grad_()
    optimiser = torch.optim.Adam([z], STEP_SIZE, betas=(0.9, 0.99))
    best, kept, losses = torch.full((len(z),), torch.inf), z.detach().clone(), []
    with torch.enable_grad():
        for step in [*span, None]:  # the last round only looks where the last step has led
            values = loss(z)
            better = values.detach() < best
            best = torch.where(better, values.detach(), best)
            kept = torch.where(better[:, None, None, None], z.detach(), kept)
            if step is None:
                break
            losses.append(values.detach())
            (z.grad,) = torch.autograd.grad(values.sum(), z)
            for group in optimiser.param_groups:
                group["lr"] = STEP_SIZE * (0.1 + 0.9 * (1 + math.cos(math.pi * step / steps)) / 2)
            optimiser.step()
            report((step + 1 - span.start) / len(span))
    return _Descent(kept, best, torch.stack(losses) if losses else torch.empty(0, len(z)))


@torch.no_grad()
def _starts(generator: Generator, poster: Tensor, encoder: Encoder | None, count: int) -> tuple[Tensor, list[str]]:
    """Latents (count, latent, 1, 1), the nearest first, and where they are from."""
    generate, config = fast_generator(generator), generator.config
    seeds = list(range(FIRST_CANDIDATE, FIRST_CANDIDATE + CANDIDATES))
    z, names = latents(seeds, config), [f"seed {seed}" for seed in seeds]
    if encoder is not None:
        guess = encoder(poster)[:, :, None, None]
        length = torch.linalg.vector_norm(guess, dim=1, keepdim=True).clamp_min(1e-6)
        longer = guess * (math.sqrt(config.latent) / length)  # the mean of what is possible is too short
        z, names = torch.cat([guess, longer, z]), ["encoder", "encoder", *names]
    parts = torch.split(z, at_once(AT_ONCE, config.size))
    distance = torch.cat([(generate(part) - poster).square().mean((1, 2, 3)) for part in parts])
    nearest = distance.argsort(stable=True)[:count]
    return z[nearest], [names[i] for i in nearest.tolist()]


def _residual(picture: Tensor, poster: Tensor) -> tuple[NDArray[np.float32], float, float]:
    """Of ``Inversion``: residual, error and explained."""
    residual = (poster - picture) / 2
    left = residual.square().mean() / (poster / 2).var(correction=0).clamp_min(1e-12)
    return residual[0].permute(1, 2, 0).numpy(), _root_mean_square(picture, poster), 1 - float(left)


def _root_mean_square(picture: Tensor, poster: Tensor) -> float:
    return float(((picture - poster) / 2).square().mean().sqrt())


def _check(generator: Generator, poster: Tensor, encoder: Encoder | None) -> None:
    config = generator.config
    height, width = config.size
    if poster.shape != (1, 3, height, width) or not bool(torch.isfinite(poster).all()):
        raise ExplanationError(
            f"A poster to invert is one picture of the shape (1, 3, {height}, {width}), not {tuple(poster.shape)}."
        )
    if encoder is not None and (encoder.size, encoder.latent) != (config.size, config.latent):
        raise ExplanationError(
            f"The encoder is for {encoder.size[0]} x {encoder.size[1]} pixels and "
            f"{counted(encoder.latent, 'latent dimension')}, "
            f"the generator for {height} x {width} and {config.latent}."
        )
