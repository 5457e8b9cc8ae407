"""Train a network that enlarges posters.

    train(posters, Path("runs/upscaler"), UpscalerConfig(), UpscalerTraining())

The network learns to undo what makes a poster small, and some of what degrades it on the way (:func:`degrade`).
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from gan.data.images import from_uint8, scale, to_uint8
from gan.data.posters import PosterSet
from gan.errors import TrainingError
from gan.files import in_use, name_bytes, write_file
from gan.settings import Settings, setting
from gan.upscaling.network import Upscaler, UpscalerConfig, save
from gan.upscaling.quality import enlarge_all, psnr, shrink
from gan.upscaling.resampling import FACTOR, lanczos, resample

WARM_UP = 100  # steps over which the learning rate rises
STATE, LOG, LATEST = "state.pt", "log.jsonl", "latest"  # in the folder of a run
VALIDATION = 64  # held-out posters that are enlarged at each tick


@dataclass(frozen=True)
class UpscalerTraining(Settings):
    """How an upscaler is trained; validated when it is made (ValueError)."""

    steps: int = setting(4500, "updates of the whole run", low=1)
    batch: int = setting(8, "crops a step", low=1)
    crop: int = setting(24, "side of the small crops in pixels", low=1)
    lr: float = setting(1e-3, "initial learning rate, which falls along a cosine to 0", above=0)
    frequencies: float = setting(0.05, "weight of the loss on Fourier coefficients", low=0)
    seed: int = setting(0, "of weights, crops and degradations", low=0, high=2**32 - 1)
    tick: int = setting(250, "log and save every N steps", low=1)


def train(  # noqa: PLR0913 - data, place and settings of a run, and three options of how it runs
    posters: PosterSet,
    folder: Path,
    model: UpscalerConfig,
    config: UpscalerTraining,
    *,
    resume: bool = False,
    progress: bool = True,
    stop: Callable[[], bool] = lambda: False,
) -> Upscaler:
    """Train on crops of the training posters; ``folder`` then holds ``state.pt``, ``log.jsonl`` and ``latest``.

    The random numbers of step n come from (seed, n): a resumed run ends with the weights of an uninterrupted one, bit
    for bit on one machine. ``stop`` is called after every step; where it is true the state is saved and the run ends.

    A measurement that fails is left out of the log.

    Raises
    ------
    TrainingError
        If the folder is taken, another process is training there, or it is unwritable; if there is nothing to resume
        or it was made with other options or posters, the posters are smaller than a crop, or the loss is no longer
        finite.
    """
    training, held_out = posters.split()
    large = config.crop * model.factor
    if not len(training) or min(training.images.shape[1:3]) < large:
        raise TrainingError(f"There must be posters to train on, of at least {large} x {large} pixels.")
    check_folder(folder, resume)
    run = _Run.new(folder, model, config, training)
    with ExitStack() as stack:
        stack.enter_context(in_use(run.folder))
        check_folder(folder, resume)  # again: another run may have ended here meanwhile
        if resume:
            run.resume()
        losses: list[Tensor] = []
        since = time.monotonic()
        shown = None if progress else True  # where there is no terminal, log.jsonl alone
        bar = stack.enter_context(tqdm(total=config.steps, initial=run.steps, unit="step", disable=shown))
        while run.steps < config.steps:
            losses.append(step(run.upscaler, run.optimiser, training, config, run.steps))
            run.steps += 1
            bar.update()
            stopping = stop()
            if run.steps % config.tick and run.steps < config.steps and not stopping:
                continue

            run.seconds, since = run.seconds + time.monotonic() - since, time.monotonic()
            figures = {"loss": _mean_loss(losses, run.steps)}
            run.save()
            try:
                figures |= _validate(run.upscaler, held_out)
            except Exception as error:  # whatever a measurement raises: the state is safe
                bar.write(f"The validation at step {run.steps} failed ({str(error) or type(error).__name__}).")
            bar.set_postfix({name: f"{value:.4g}" for name, value in figures.items()})
            run.log(figures)
            losses = []
            if stopping:
                break
    return run.upscaler.eval().requires_grad_(False)


def check_folder(folder: Path, resume: bool) -> None:
    """TrainingError where there is no state to resume, or a new run would replace what is there."""
    there = [name for name in (STATE, LOG, LATEST) if os.path.lexists(folder / name)]
    if resume and STATE not in there:
        raise TrainingError(f"{folder} holds no state to resume.")
    if not resume and STATE in there:
        raise TrainingError(f"{folder} holds a run already; resume it, or choose another folder.")
    if not resume and there:
        raise TrainingError(f"{folder} holds {there[0]}, but no run; choose another folder.")


def step(
    upscaler: Upscaler, optimiser: torch.optim.Optimizer, posters: PosterSet, config: UpscalerTraining, number: int
) -> Tensor:
    """Update ``number`` (from 0) of the run; its loss, a scalar."""
    random = np.random.default_rng((config.seed, number))
    small, large = draw_batch(posters, upscaler.config.factor, config, random)
    for group in optimiser.param_groups:
        group["lr"] = learning_rate(config, number)
    with torch.enable_grad():
        loss = distance(upscaler.enlarge(small), large, config.frequencies)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves backward untyped
        optimiser.step()
    return loss.detach()


def learning_rate(config: UpscalerTraining, number: int) -> float:
    """Of update ``number``: a linear warm-up, and a cosine from ``lr`` to 0 (Loshchilov, Hutter 2017)."""
    return config.lr * (1 + math.cos(math.pi * number / config.steps)) / 2 * min(1.0, (number + 1) / WARM_UP)


def distance(enlarged: Tensor, truth: Tensor, frequencies: float) -> Tensor:
    """Charbonnier loss of the pixels plus the weighted mean distance of Fourier coefficients, which blur raises.

    Both images (N, 3, H, W); a scalar.
    """
    pixels = ((enlarged - truth).square() + 1e-6).sqrt().mean()
    coefficients = torch.fft.rfft2(enlarged - truth, norm="ortho").abs().mean()
    total: Tensor = pixels + frequencies * coefficients
    return total


def draw_batch(
    posters: PosterSet, factor: int, config: UpscalerTraining, random: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Small crops (batch, 3, crop, crop) and their originals (batch, 3, factor * crop, factor * crop), in [-1, 1]."""
    side = config.crop * factor
    larges = []
    for index in random.integers(len(posters), size=config.batch):
        poster = posters.images[index]
        # Half of the crops are reduced from a larger window: the same things at other sizes.
        window = int(random.integers(side, min(poster.shape[:2]) + 1)) if random.random() < 0.5 else side
        top, left = (int(random.integers(length - window + 1)) for length in poster.shape[:2])
        cut = torch.from_numpy(np.ascontiguousarray(poster[None, top : top + window, left : left + window]))
        larges.append(resample(scale(cut), (side, side)).clamp(-1, 1))
    return torch.cat([degrade(large, factor, random) for large in larges]), torch.cat(larges)


def degrade(large: Tensor, factor: int, random: np.random.Generator) -> Tensor:
    """A poster (1, 3, H, W) made ``factor`` times smaller, in a third of all cases without further degradation.

    Otherwise it is mildly blurred, made noisy, or compressed as JPEG or WebP, at random. A generator's posters are a
    little softer than real ones of their size, and their artefacts must not be sharpened.
    """
    kernel = random.choice(["lanczos", "lanczos", "bicubic", "box"])
    small = resample(large, (large.shape[2] // factor, large.shape[3] // factor), str(kernel))
    if random.random() < 0.3:
        small = _blur(small, random.uniform(0.2, 0.6))
    if random.random() < 0.3:
        noise = random.normal(0, random.uniform(0, 0.04), small.shape)
        small = small + torch.from_numpy(noise.astype(np.float32))
    if random.random() < 0.3:
        small = _compress(small, str(random.choice(["JPEG", "WEBP"])), int(random.integers(60, 96)))
    return small.clamp(-1, 1)


def _blur(images: Tensor, sigma: float) -> Tensor:
    """Gaussian blur with a standard deviation of at most 0.6 pixels, for which a 5 x 5 kernel suffices."""
    line = torch.exp(-0.5 * (torch.arange(-2.0, 3.0) / sigma) ** 2)
    kernel = torch.outer(line, line) / line.sum() ** 2
    padded = F.pad(images, (2, 2, 2, 2), "replicate")
    blurred: Tensor = F.conv2d(padded, kernel.expand(images.shape[1], 1, 5, 5), groups=images.shape[1])
    return blurred


def _compress(images: Tensor, kind: str, quality: int) -> Tensor:
    file = io.BytesIO()
    Image.fromarray(to_uint8(images)[0]).save(file, kind, quality=quality)
    with Image.open(file) as image:
        return from_uint8(np.asarray(image.convert("RGB"))[None])


def _mean_loss(losses: list[Tensor], steps: int) -> float:
    """Mean of the losses since the last tick; TrainingError if it is not finite."""
    total = torch.zeros(())
    for loss in losses:
        total += loss
    mean = float(total) / len(losses)
    if not math.isfinite(mean):
        raise TrainingError(f"Training diverged at step {steps}; start again with a lower --lr.")
    return mean


def _validate(upscaler: Upscaler, held_out: PosterSet) -> dict[str, float]:
    """PSNR of enlarging the first held-out posters 4 times, by the network and by Lanczos; {} if there are none."""
    truth = held_out.images[:VALIDATION]
    if not len(truth) or any(length % FACTOR for length in truth.shape[1:3]):
        return {}
    small = shrink(truth, FACTOR)
    return {
        "psnr": float(psnr(truth, enlarge_all(upscaler, small)).mean()),
        "psnr_lanczos": float(psnr(truth, enlarge_all(lanczos, small)).mean()),
    }


@dataclass
class _Run:
    """A run's networks, its counters, and the folder that it resumes from.

    options : model, training settings and fingerprint of the posters, which a resumed run must share.
    steps, seconds : of training so far.
    """

    folder: Path
    options: dict[str, Any]
    upscaler: Upscaler
    optimiser: torch.optim.Optimizer
    steps: int = 0
    seconds: float = 0.0

    @classmethod
    def new(cls, folder: Path, model: UpscalerConfig, config: UpscalerTraining, training: PosterSet) -> Self:
        options = {"model": asdict(model), "train": asdict(config), "posters": _fingerprint(training)}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            upscaler = Upscaler(model)
        return cls(folder, options, upscaler, torch.optim.Adam(upscaler.parameters(), config.lr))

    @property
    def state_file(self) -> Path:
        return self.folder / STATE

    def resume(self) -> None:
        """Load the state; TrainingError if it is damaged or of other options."""
        try:
            record = torch.load(self.state_file, weights_only=True)
            before = record["options"]
            weights, optimiser = record["upscaler"], record["optimiser"]
            steps, seconds = int(record["steps"]), float(record["seconds"])
        except Exception as error:  # torch passes on whatever a damaged file makes its readers raise
            raise TrainingError(f"{self.state_file} is damaged.") from error
        changed = [part for part in self.options if self.options[part] != before.get(part)]
        if changed:
            raise TrainingError(
                f"{self.folder} was begun with other options ({', '.join(changed)}); resume it with the same."
            )
        self.upscaler.load_state_dict(weights)
        self.optimiser.load_state_dict(optimiser)
        self.steps, self.seconds = steps, seconds

    def save(self) -> None:
        """Write the state, before anything is measured."""
        buffer = io.BytesIO()  # torch.save to a full disk raises anything; to memory it does not fail
        torch.save(
            {
                "options": self.options,
                "upscaler": self.upscaler.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "steps": self.steps,
                "seconds": round(self.seconds, 1),
            },
            buffer,
        )
        with self._writing():
            write_file(self.state_file, buffer.getvalue())

    def log(self, figures: dict[str, float]) -> None:
        """Write the log up to this step, and the checkpoint."""
        row: dict[str, Any] = {"step": self.steps, "seconds": round(self.seconds, 1)} | figures
        log = self.folder / LOG
        with self._writing():
            rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()] if log.exists() else []
            rows = [before for before in rows if before["step"] < self.steps] + [row]
            write_file(log, "".join(json.dumps(line) + "\n" for line in rows).encode())
            save(self.folder / LATEST, self.upscaler, {"train": self.options["train"], **row})

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise TrainingError(
                f"{self.folder} cannot be written ({error.strerror or error}); an earlier state there is intact."
            ) from error


def _fingerprint(posters: PosterSet) -> str:
    """Changes with the posters' names, their size, or how they were cut."""
    digest = hashlib.sha256(name_bytes("\n".join(posters.names)))
    digest.update(np.ascontiguousarray(posters.images[:64]).tobytes())
    return digest.hexdigest()
