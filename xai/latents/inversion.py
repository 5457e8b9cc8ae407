"""Find the latent of a given poster: what of it can this generator draw, and what not?

    found = invert(checkpoint.generator, poster, score, encoder)      # an encoder is optional
    found.z                                    # (1, latent, 1, 1), for all other pages
    found.picture, found.residual              # what it draws, and what it cannot

    encoder = train_encoder(checkpoint.generator)
    save_encoder(encoder, path, checkpoint.digest)

A start by an encoder trained on pairs (G(z), z), then gradient descent on the noise with several starts side by
side: Zhu, Kraehenbuehl, Shechtman, Efros 2016; features of the discriminator as a second distance: Yeh et al. 2017.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from gan.files import write_file
from gan.networks.config import ModelConfig
from gan.networks.dcgan import Generator, latents
from gan.progress import Progress
from xai.errors import ExplanationError
from xai.latents.sweeps import AT_ONCE
from xai.networks.batches import at_once
from xai.networks.fast_generator import Generate, fast_generator
from xai.networks.score import Score
from xai.render import LUMINANCE_WEIGHTS

WIDTHS = (32, 64, 96, 128)  # channels of the encoder, the last three for small pictures
BATCH, LEAST_BATCH = 64, 8
RATE = 2e-3
ENCODER_STEPS = 1200  # about four minutes on two cores at 64 x 64
CANDIDATES = 256  # seeds that are looked through for starts
FIRST_CANDIDATE = 2_000_000
STARTS = 4
STEPS = 120
EARLY = 0.4  # of the steps, after which the better half of the starts goes on alone
STEP_SIZE = 0.12  # Adam's, in units of noise
PRIOR = 0.02  # weight of the squared distance of |z| from the root of the number of values, a value
FEATURES = 0.05  # weight of the discriminator's features beside that of the pixels


@dataclass(frozen=True, eq=False)
class Inversion:
    """The latent whose picture is nearest to a poster.

    z : (1, latent, 1, 1).
    picture : (1, 3, H, W) in [-1, 1], what the generator draws from it.
    residual : float32 (H, W, 3), the poster minus the picture, -1 to 1 (white to black): what it cannot draw.
    error_before, error : root mean square of the residual for the best start and for ``z``, 0 to 1.
    explained : share of the poster's variance that the picture has: 1 all, 0 or less none.
    norm : of z; the root of the number of values is to be expected.
    start : "encoder" or "seed N", where the best way began.
    losses : (steps,), of the way that won; those of the first part are of the start that won.
    seconds : wall time.
    """

    z: Tensor
    picture: Tensor
    residual: NDArray[np.float32]
    error_before: float
    error: float
    explained: float
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


# ---- the encoder ---------------------------------------------------------------------------------------


class Encoder(nn.Module):
    """Pictures (N, 3, H, W) to a guess of their noise (N, latent); 0.53 million weights at 64 x 64.

    ``size`` is (height, width) of the pictures.
    """

    def __init__(self, resolution: int, latent: int, aspect: str = "1:1") -> None:
        super().__init__()
        config = ModelConfig(resolution, latent, aspect=aspect)
        self.resolution, self.latent, self.aspect, self.size = resolution, latent, aspect, config.size
        height, width = config.base
        octaves = len(config.channels)  # 64 -> 4 strided layers, down to 4 x 4, or 6 x 4 of 2:3
        widths = [WIDTHS[min(depth, len(WIDTHS) - 1)] for depth in range(octaves)]
        layers: list[nn.Module] = []
        for before, after in zip([3, *widths], widths, strict=False):
            layers += [nn.Conv2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(widths[-1] * height * width, latent))

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)  # type: ignore[no-any-return]  # nn.Module.__call__ returns Any


def train_encoder(
    generator: Generator, steps: int = ENCODER_STEPS, seed: int = 0, progress: Progress | None = None
) -> Encoder:
    """Train an encoder on fresh pairs (G(z), z), ``steps`` batches of 64, to the least squared error.

    Of pictures above 64 x 64 a batch holds fewer, so that it takes the same memory, but at least 8: BatchNorm needs
    them. The same seed gives the same encoder on the same machine and number of threads; the global random state stays.

    Raises
    ------
    ExplanationError
        If there is no step, or the generator waits for genres.
    """
    if steps < 1:
        raise ExplanationError(f"An encoder is trained for at least 1 step, not {steps}.")
    generate, report = fast_generator(generator), progress or (lambda share: None)
    config = generator.config
    random = torch.Generator().manual_seed(seed)
    encoder = _fresh(config.resolution, config.latent, config.aspect, random).to(memory_format=torch.channels_last)
    batch = max(LEAST_BATCH, at_once(BATCH, config.size))
    optimiser = torch.optim.Adam(encoder.parameters(), RATE)
    with torch.enable_grad():
        for step in range(steps):
            for group in optimiser.param_groups:
                group["lr"] = RATE * min(1.0, 2 * (1 - step / steps))  # falls over the second half
            z = torch.randn(batch, config.latent, 1, 1, generator=random)
            loss = mse_loss(encoder(generate(z)), z.flatten(1))
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            report((step + 1) / steps)
    # The format that a stored encoder has, too: the bits of an answer depend on it.
    return encoder.to(memory_format=torch.contiguous_format).eval().requires_grad_(False)


@torch.no_grad()
def encoder_r2(encoder: Encoder, generator: Generator, samples: int = 256) -> float:
    """Share of the noise's variance that the encoder finds back, on seeds that it has not seen."""
    z = latents(range(FIRST_CANDIDATE, FIRST_CANDIDATE + samples), generator.config)
    generate = fast_generator(generator)
    guess = torch.cat([encoder(generate(part)) for part in torch.split(z, at_once(AT_ONCE, encoder.size))])
    return 1 - float(mse_loss(guess, z.flatten(1)) / z.square().mean())


def save_encoder(encoder: Encoder, path: str | Path, digest: str) -> None:
    """Write the encoder, complete or not at all; ``digest`` is that of the checkpoint that it inverts."""
    note = {
        "resolution": str(encoder.resolution),
        "latent": str(encoder.latent),
        "aspect": encoder.aspect,
        "checkpoint": digest,
    }
    weights = {key: value.contiguous() for key, value in encoder.state_dict().items()}
    write_file(Path(path), to_bytes(weights, {"encoder": json.dumps(note)}))


def load_encoder(path: str | Path, digest: str) -> Encoder:
    """Read an encoder of the checkpoint with this digest.

    Raises
    ------
    ExplanationError
        If the file is not there, is no encoder, or is that of another checkpoint.
    """
    path = Path(path)
    if not path.is_file():
        raise ExplanationError(f"{path} does not exist.")
    try:
        with safe_open(path, "pt") as file:
            note = json.loads((file.metadata() or {})["encoder"])
            weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  # no dict
        if note["checkpoint"] != digest:
            raise ExplanationError(f"{path} belongs to another checkpoint; train an encoder for this one.")
        aspect = note.get("aspect", "1:1")  # the first encoders knew squares only
        encoder = _fresh(int(note["resolution"]), int(note["latent"]), aspect, torch.Generator())
        encoder.load_state_dict(weights)
    except ExplanationError:
        raise
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ExplanationError(f"{path} is damaged or holds no encoder.") from error
    return encoder.eval().requires_grad_(False)


def _fresh(resolution: int, latent: int, aspect: str, random: torch.Generator) -> Encoder:
    """An encoder with weights from ``random`` (He et al. 2015); the global random state is not touched."""
    with torch.device("meta"):  # the constructors would draw from the global state
        encoder = Encoder(resolution, latent, aspect)
    encoder = encoder.to_empty(device="cpu")
    for module in encoder.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            bound = (2 / module.weight[0].numel()) ** 0.5
            nn.init.normal_(module.weight, 0.0, bound, generator=random)
        if isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)
        if isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
    return encoder


# ---- inversion -----------------------------------------------------------------------------------------


def invert(
    generator: Generator,
    poster: Tensor,
    score: Score | None = None,
    encoder: Encoder | None = None,
    starts: int = STARTS,
    steps: int = STEPS,
    progress: Progress | None = None,
) -> Inversion:
    """The latent from which ``generator`` draws what is nearest to ``poster`` (1, 3, H, W) in [-1, 1].

    The nearest of 256 fixed seeds, and the encoder's guess if there is an encoder, are improved side by side
    by Adam; after two fifths of the steps the worse half is dropped. The loss is the mean squared error of the
    pixels, with ``score`` also that of the discriminator's activations in the middle, and a prior that keeps
    |z| near the root of the number of values. There is no chance in it: the same poster gives the same latent.

    ``progress`` is told the share that is done; an exception in it ends the work.

    Raises
    ------
    ExplanationError
        If the poster is not one picture of the generator's size, the encoder is that of another generator, or the
        generator waits for genres.
    """
    started, report = time.perf_counter(), progress or (lambda share: None)
    _check(generator, poster, encoder, starts, steps)
    if score is not None:
        score.check(poster)
    report(0.0)
    begin, names = _starts(generator, poster, encoder, starts)
    before = _root_mean_square(fast_generator(generator)(begin[:1]), poster)
    report(0.1)
    loss = _Loss(fast_generator(generator, gradients=True), poster, score)
    early = max(1, round(EARLY * steps)) if starts > 1 else 0
    first = _descend(loss, begin, range(early), steps, lambda share: report(0.1 + 0.4 * share))
    kept = first.losses[-1].argsort(stable=True)[: (starts + 1) // 2] if early else torch.arange(len(begin))
    second = _descend(loss, first.z[kept], range(early, steps), steps, lambda share: report(0.5 + 0.5 * share))
    best = int(second.best.argmin())
    way = [float(row[kept[best]]) for row in first.losses] + [float(row[best]) for row in second.losses]
    return _result(generator, poster, second.z[best : best + 1], before, names[int(kept[best])], way, started)


@dataclass(frozen=True, eq=False)
class _Way:
    """The best ``z`` of each way with its loss, and all losses (steps, ways)."""

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
            self.features = self._judged(poster)
        self.scale = float(self.features.square().mean().clamp_min(1e-12))

    def __call__(self, z: Tensor) -> Tensor:
        pictures = self.generate(z)
        loss = (pictures - self.poster).square().mean((1, 2, 3))
        if self.steps:
            loss = loss + FEATURES * (self._judged(pictures) - self.features).square().flatten(1).mean(1) / self.scale
        excess = torch.linalg.vector_norm(z.flatten(1), dim=1) - math.sqrt(z.shape[1])
        total: Tensor = loss + PRIOR * excess.square() / z.shape[1]
        return total

    def _judged(self, pictures: Tensor) -> Tensor:
        for step in self.steps:
            pictures = step.forward(pictures, many=True)
        return pictures


def _descend(loss: _Loss, z: Tensor, span: range, steps: int, report: Progress) -> _Way:
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
    return _Way(kept, best, torch.stack(losses) if losses else torch.empty(0, len(z)))


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


@torch.no_grad()
def _result(
    generator: Generator, poster: Tensor, z: Tensor, before: float, start: str, way: list[float], started: float
) -> Inversion:
    picture = fast_generator(generator)(z)
    residual = (poster - picture) / 2
    left = residual.square().mean() / (poster / 2).var(correction=0).clamp_min(1e-12)
    return Inversion(
        z=z,
        picture=picture,
        residual=residual[0].permute(1, 2, 0).numpy(),
        error_before=before,
        error=_root_mean_square(picture, poster),
        explained=1 - float(left),
        norm=float(torch.linalg.vector_norm(z)),
        start=start,
        losses=tuple(way),
        seconds=time.perf_counter() - started,
    )


def _root_mean_square(picture: Tensor, poster: Tensor) -> float:
    return float(((picture - poster) / 2).square().mean().sqrt())


def _check(generator: Generator, poster: Tensor, encoder: Encoder | None, starts: int, steps: int) -> None:
    config = generator.config
    height, width = config.size
    if poster.shape != (1, 3, height, width) or not bool(torch.isfinite(poster).all()):
        raise ExplanationError(
            f"A poster to invert is one picture of the shape (1, 3, {height}, {width}), not {tuple(poster.shape)}."
        )
    if encoder is not None and (encoder.size, encoder.latent) != (config.size, config.latent):
        raise ExplanationError(
            f"The encoder is for {encoder.size[0]} x {encoder.size[1]} pixels and {encoder.latent} noise values, the "
            f"generator for {height} x {width} and {config.latent}."
        )
    if not 1 <= starts <= CANDIDATES or steps < 1:
        raise ExplanationError(f"An inversion has 1 to {CANDIDATES} starts and at least 1 step.")
