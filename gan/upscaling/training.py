"""Train a network that enlarges posters, and measure one beside Lanczos.

    train(posters, Path("runs/upscaler"), UpscalerConfig(), UpscalerTraining())
    measure(load("checkpoints/upscaler"), held_out)      # both against the truth, where there is one

The network learns to undo what makes a poster small, and a little of what harms it on the way (:func:`degrade`).
docs/upscaling.md says what the figures mean.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from gan.data.images import from_uint8, scale, to_uint8
from gan.data.posters import PosterSet
from gan.errors import TrainingError
from gan.files import write_file
from gan.upscaling.network import Upscaler, UpscalerConfig, save
from gan.upscaling.quality import enlarge_all, psnr, shrink
from gan.upscaling.resampling import FACTOR, lanczos, resample

# ---- training ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class UpscalerTraining:
    """How an upscaler is trained.

    steps : updates of the whole run; the rate falls along a cosine from ``rate`` to 0.
    batch : crops a step.
    crop : side of the small crops in pixels.
    frequencies : weight of the loss on the Fourier coefficients, beside that on the pixels.
    seed : names the whole run.
    tick : log and save every so many steps.
    """

    steps: int = 4500
    batch: int = 8
    crop: int = 24
    rate: float = 1e-3
    frequencies: float = 0.05
    seed: int = 0
    tick: int = 250

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "crop", "tick"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}.")
        if not self.rate > 0:
            raise ValueError(f"rate must be above 0, not {self.rate}.")


VALIDATION = 64  # held-out posters that are looked at while training


def train(
    posters: PosterSet,
    run: Path,
    model: UpscalerConfig,
    config: UpscalerTraining,
    resume: bool = False,
    progress: bool = True,
    stop: Callable[[], bool] = lambda: False,
) -> Upscaler:
    """Train on crops of the posters that are not held out; ``run`` then holds ``state.pt``, ``log.jsonl``, ``latest``.

    All chance of step n is drawn from (seed, n): a resumed run ends with the weights of an uninterrupted one, bit
    for bit on one machine. ``stop`` is asked after every step; when it says yes the state is saved and the run left.

    Raises
    ------
    TrainingError
        If the folder is taken or unwritable, there is nothing to resume or it was made with other options or
        posters, the posters are smaller than a crop, or the loss is no longer finite.
    """
    training, held_out = posters.split()
    large = config.crop * model.factor
    if not len(training) or min(training.images.shape[1:3]) < large:
        raise TrainingError(f"There must be posters to train on, of at least {large} x {large} pixels.")
    options = {"model": asdict(model), "train": asdict(config), "posters": _fingerprint(training)}
    upscaler, optimiser = _new_state(model, config)
    steps, seconds = _begin(run, options, upscaler, optimiser, resume)
    total, counted, since = torch.zeros(()), 0, time.monotonic()
    with tqdm(total=config.steps, initial=steps, unit="step", disable=not progress) as bar:
        while steps < config.steps:
            total += step(upscaler, optimiser, training, config, steps)
            steps, counted = steps + 1, counted + 1
            bar.update()
            leave = stop()
            if steps % config.tick and steps < config.steps and not leave:
                continue

            loss = float(total) / counted
            if not math.isfinite(loss):
                raise TrainingError(f"Training diverged at step {steps}; begin again with a lower rate.")
            seconds += time.monotonic() - since
            row = {"step": steps, "seconds": round(seconds, 1), "loss": loss} | _validate(upscaler, held_out)
            bar.set_postfix({name: f"{value:.4g}" for name, value in row.items() if name not in ("step", "seconds")})
            _keep(run, options, upscaler, optimiser, row)
            total, counted, since = torch.zeros(()), 0, time.monotonic()
            if leave:
                break
    return upscaler.eval().requires_grad_(False)


def step(
    upscaler: Upscaler, optimiser: torch.optim.Optimizer, posters: PosterSet, config: UpscalerTraining, number: int
) -> Tensor:
    """Update ``number`` (from 0) of the run; its loss."""
    random = np.random.default_rng((config.seed, number))
    small, large = draw_batch(posters, upscaler.config.factor, config, random)
    for group in optimiser.param_groups:
        group["lr"] = config.rate * (1 + math.cos(math.pi * number / config.steps)) / 2 * min(1.0, (number + 1) / 100)
    with torch.enable_grad():
        loss = distance(upscaler.enlarge(small), large, config.frequencies)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves backward untyped
        optimiser.step()
    return loss.detach()


def distance(enlarged: Tensor, truth: Tensor, frequencies: float) -> Tensor:
    """Charbonnier's loss on pixels, and the mean distance of Fourier coefficients, which blurring does not lower."""
    pixels = ((enlarged - truth).square() + 1e-6).sqrt().mean()
    coefficients = torch.fft.rfft2(enlarged - truth, norm="ortho").abs().mean()
    total: Tensor = pixels + frequencies * coefficients
    return total


def draw_batch(
    posters: PosterSet, factor: int, config: UpscalerTraining, random: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Small crops (batch, 3, crop, crop) and what they were made of (batch, 3, factor * crop, ...)."""
    side = config.crop * factor
    larges = []
    for index in random.integers(len(posters), size=config.batch):
        poster = posters.images[index]
        # Half of the crops show more of the poster, reduced: the same things at other sizes.
        window = int(random.integers(side, min(poster.shape[:2]) + 1)) if random.random() < 0.5 else side
        top, left = (int(random.integers(length - window + 1)) for length in poster.shape[:2])
        cut = torch.from_numpy(np.ascontiguousarray(poster[None, top : top + window, left : left + window]))
        larges.append(resample(scale(cut), (side, side)).clamp(-1, 1))
    return torch.cat([degrade(large, factor, random) for large in larges]), torch.cat(larges)


def degrade(large: Tensor, factor: int, random: np.random.Generator) -> Tensor:
    """A poster (1, 3, H, W) made ``factor`` times smaller, in a third of all cases cleanly.

    Otherwise softened, grainy, or coded as a small JPEG or WebP, each by chance and mildly. A generator's posters
    are a little softer than real ones of their size, and whatever is wrong with them must not be sharpened.
    """
    kernel = random.choice(["lanczos", "lanczos", "bicubic", "box"])
    small = resample(large, (large.shape[2] // factor, large.shape[3] // factor), str(kernel))
    if random.random() < 0.3:
        small = _soften(small, random.uniform(0.2, 0.6))
    if random.random() < 0.3:
        noise = random.normal(0, random.uniform(0, 0.04), small.shape)
        small = small + torch.from_numpy(noise.astype(np.float32))
    if random.random() < 0.3:
        small = _code(small, str(random.choice(["JPEG", "WEBP"])), int(random.integers(60, 96)))
    return small.clamp(-1, 1)


def _soften(images: Tensor, sigma: float) -> Tensor:
    """A Gaussian of this standard deviation in pixels, at most 0.6: two pixels of reach hold all of it."""
    line = torch.exp(-0.5 * (torch.arange(-2.0, 3.0) / sigma) ** 2)
    kernel = torch.outer(line, line) / line.sum() ** 2
    padded = F.pad(images, (2, 2, 2, 2), "replicate")
    softened: Tensor = F.conv2d(padded, kernel.expand(images.shape[1], 1, 5, 5), groups=images.shape[1])
    return softened


def _code(images: Tensor, kind: str, quality: int) -> Tensor:
    coded = io.BytesIO()
    Image.fromarray(to_uint8(images)[0]).save(coded, kind, quality=quality)
    with Image.open(coded) as image:
        return from_uint8(np.asarray(image.convert("RGB"))[None])


def _new_state(model: UpscalerConfig, config: UpscalerTraining) -> tuple[Upscaler, torch.optim.Optimizer]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        upscaler = Upscaler(model)
    return upscaler, torch.optim.Adam(upscaler.parameters(), config.rate)


def _begin(
    run: Path, options: dict[str, Any], upscaler: Upscaler, optimiser: torch.optim.Optimizer, resume: bool
) -> tuple[int, float]:
    """Fill network and optimiser from ``run/state.pt`` where the run goes on; steps and seconds so far."""
    path = run / "state.pt"
    if not resume:
        if path.exists():
            raise TrainingError(f"{run} holds a run already; resume it, or choose another folder.")
        try:
            run.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrainingError(f"{run} cannot be written: {error.strerror or error}.") from error
        return 0, 0.0
    if not path.exists():
        raise TrainingError(f"{run} holds no state to resume.")
    try:
        record = torch.load(path, weights_only=True)
        before = record["options"]
        upscaler_weights, optimiser_state = record["upscaler"], record["optimiser"]
        steps, seconds = int(record["steps"]), float(record["seconds"])
    except Exception as error:  # torch passes on whatever a damaged file makes its readers raise
        raise TrainingError(f"{path} is damaged.") from error
    changed = [part for part in options if options[part] != before.get(part)]
    if changed:
        raise TrainingError(f"{run} was begun with other options ({', '.join(changed)}); resume it with the same.")
    upscaler.load_state_dict(upscaler_weights)
    optimiser.load_state_dict(optimiser_state)
    return steps, seconds


def _keep(
    run: Path,
    options: dict[str, Any],
    upscaler: Upscaler,
    optimiser: torch.optim.Optimizer,
    row: dict[str, Any],
) -> None:
    """Write the checkpoint, the log up to this row, and the state last of all: it says what is valid."""
    buffer = io.BytesIO()  # torch.save to a full disk raises anything; to memory it does not fail
    torch.save(
        {
            "options": options,
            "upscaler": upscaler.state_dict(),
            "optimiser": optimiser.state_dict(),
            "steps": row["step"],
            "seconds": row["seconds"],
        },
        buffer,
    )
    log = run / "log.jsonl"
    try:
        rows = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        rows = [before for before in rows if before["step"] < row["step"]] + [row]
        write_file(log, "".join(json.dumps(line) + "\n" for line in rows).encode())
        save(run / "latest", upscaler, {"train": options["train"], **row})
        write_file(run / "state.pt", buffer.getvalue())
    except OSError as error:
        raise TrainingError(
            f"{run} cannot be written ({error.strerror or error}); an earlier state there is intact."
        ) from error


def _fingerprint(posters: PosterSet) -> str:
    """Changes with the posters' names, their size, or how they were cut."""
    digest = hashlib.sha256("\n".join(posters.names).encode("utf-8", "surrogatepass"))
    digest.update(np.ascontiguousarray(posters.images[:64]).tobytes())
    return digest.hexdigest()


def _validate(upscaler: Upscaler, held_out: PosterSet) -> dict[str, float]:
    """PSNR of 4 times on the first held-out posters, of the network and of Lanczos; {} where there are none."""
    truth = held_out.images[:VALIDATION]
    if not len(truth) or any(length % FACTOR for length in truth.shape[1:3]):
        return {}
    small = shrink(truth, FACTOR)
    return {
        "psnr": float(psnr(truth, enlarge_all(upscaler, small)).mean()),
        "psnr_lanczos": float(psnr(truth, enlarge_all(lanczos, small)).mean()),
    }


# ---- measuring -----------------------------------------------------------------------------------------
