"""The training loop, read top to bottom: :func:`train`, then :func:`step`.

    train(load_posters("posters.zip"), Path("runs/first"), ModelConfig(), TrainConfig(kimg=50))

All randomness of step n is drawn from (seed, n), so nothing but weights, optimizers and the count of
steps has to be stored for a resumed run to be the uninterrupted one, bit for bit on the CPU.
"""

from __future__ import annotations

import hashlib
import json
import math
import platform
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from gan import checkpoint, metrics
from gan.augment import augment
from gan.config import ModelConfig, TrainConfig
from gan.data import PosterSet, name_bytes
from gan.errors import MetricsUnavailableError, TrainingError
from gan.images import image_grid, to_uint8
from gan.logger import RunLog, write_json
from gan.losses import accuracy, discriminator_loss, generator_loss
from gan.models import Generator, latents
from gan.state import (
    State,
    kimg,
    load_state,
    new_state,
    recalibrate,
    save_state,
    update_ema,
    weights_are_finite,
)

GRID_SEEDS = range(64)
EVAL_SEED = 1_000_000  # far from the seeds that people look at


def train(
    posters: PosterSet,
    run: Path,
    model: ModelConfig,
    config: TrainConfig,
    device: str | torch.device = "cpu",
    resume: bool = False,
    progress: bool = True,
) -> State:
    """Train on all posters that are not held out and write everything to the folder ``run``.

    The folder then holds ``state.pt``, ``options.json``, ``stats.jsonl``, ``grids/``, ``tensorboard/``, the
    checkpoint folders ``latest`` and, where the judge is installed, ``best`` (by held-out ``fd_lite1``).

    Raises
    ------
    TrainingError
        If the folder is taken or unwritable, there is no state to resume, there are fewer posters than
        a batch, or a loss is no longer finite. The last good state stays.
    """
    device = torch.device(device)
    training, held_out = posters.split()
    if len(training) < config.batch:
        raise TrainingError(f"A batch of {config.batch} needs more than {len(training)} training posters.")
    with _writing(run):
        run.mkdir(parents=True, exist_ok=True)
        for stale in run.glob(".state.pt.*"):  # left by a run that was killed while it wrote
            stale.unlink()
    options = describe(model, config, training)
    state = new_state(model, config, device)
    if resume:
        refuse_changes(run, options)
        load_state(state, run, device)
    elif (run / "state.pt").exists():
        raise TrainingError(f"{run} holds a run already; resume it, or choose another folder.")
    with _writing(run):
        log = RunLog(run, state.steps * config.batch / 1000)
        write_json(run / "options.json", options)

    stop = StopRequest()
    batches = batch_indices(len(training), config, state.steps)
    totals, steps, since = torch.zeros(5, device=device), 0, time.monotonic()
    last = kimg(state, config)
    end = math.ceil(round(config.kimg * 1000 / config.batch, 6))  # steps, rounded against float noise
    bar = tqdm(
        total=int(config.kimg * 1000), initial=int(last * 1000), unit="img", unit_scale=True, disable=not progress
    )
    with stop.on_signals(), log, bar:
        finished = False
        while not finished and state.steps < end:
            real = training.tensor(next(batches)).to(device, memory_format=torch.channels_last)
            totals += step(state, real, config)
            steps += 1
            bar.update(config.batch)
            now = kimg(state, config)
            done = state.steps >= end
            finished = done or stop.requested
            if not (finished or crossed(last, now, config.tick_kimg)):
                continue

            row = tick_row(state, config, (totals / steps).tolist(), steps, time.monotonic() - since)
            bar.set_postfix(D=f"{row['loss_d']:.3f}", G=f"{row['loss_g']:.3f}", acc=f"{row['accuracy_d']:.2f}")
            judge = config.eval_kimg and (done or crossed(last, now, config.eval_kimg))
            save = judge or finished or crossed(last, now, config.snapshot_kimg)
            draw = finished or crossed(last, now, config.grid_kimg)
            with _writing(run):
                shown = recalibrate(state.ema) if save or draw else state.ema
                if judge:
                    row |= judge_and_keep_best(state, shown, held_out, run, config)
                if save:
                    checkpoint.save(run / "latest", shown, state.discriminator, info(state, config))
                    save_state(state, run)
                if draw:
                    log.grid(draw_grid(shown), now)
                log.row(row)
            totals, steps, since, last = totals.zero_(), 0, time.monotonic(), now
    return state


def tick_row(state: State, config: TrainConfig, means: Sequence[float], steps: int, seconds: float) -> dict[str, Any]:
    """One line of the log from the means of :func:`step` over a tick; TrainingError if they are not finite."""
    loss_d, loss_g, correct, skipped, logit_gap = means
    if not (math.isfinite(loss_d + loss_g) and weights_are_finite(state)):
        raise TrainingError(
            f"Training diverged at {kimg(state, config):.2f} kimg (loss of D {loss_d}, of G {loss_g}). The last "
            "state that was saved is good: resume it with a lower --lr, or begin again with a larger --batch or "
            "another --seed."
        )
    state.seconds += seconds
    return {
        "kimg": round(kimg(state, config), 3),
        "step": state.steps,
        "seconds": round(state.seconds, 1),
        "images_per_second": round(steps * config.batch / seconds, 1),
        "loss_d": loss_d,
        "loss_g": loss_g,
        "accuracy_d": correct,
        "skipped_d": skipped,
        "logit_gap": logit_gap,
    }


def step(state: State, real: Tensor, config: TrainConfig) -> Tensor:
    """One update of D and one of G; returns (loss D, loss G, accuracy of D, D skipped, logit gap)."""
    generator, discriminator = state.generator, state.discriminator
    random = torch.Generator(real.device).manual_seed(_noise_seed(config, state.steps))
    _set_rates(state, config)
    autocast = torch.autocast(real.device.type, torch.bfloat16, enabled=real.device.type == "cuda")

    z = torch.randn(len(real), generator.config.latent, 1, 1, generator=random, device=real.device)
    with autocast:
        fake = generator(z)
        # Real and generated posters go through D apart: each batch has its own BatchNorm statistics.
        logit_real = discriminator.logit(augment(real, config.augment, random))
        logit_fake = discriminator.logit(augment(fake.detach(), config.augment, random))
    loss_d = discriminator_loss(logit_real.float(), logit_fake.float(), config.real_label)
    correct = accuracy(logit_real, logit_fake)
    skip = config.skip_d_above < 1 and correct.item() > config.skip_d_above
    if not skip:
        state.optimizer_d.zero_grad()
        loss_d.backward()  # type: ignore[no-untyped-call]  # torch leaves backward untyped
        state.optimizer_d.step()

    discriminator.requires_grad_(False)  # G's step needs D's slope, not the slopes of D's weights
    with autocast:
        loss_g = generator_loss(discriminator.logit(augment(fake, config.augment, random)).float())
    state.optimizer_g.zero_grad()
    loss_g.backward()  # type: ignore[no-untyped-call]  # as above
    state.optimizer_g.step()
    discriminator.requires_grad_(True)

    state.steps += 1
    update_ema(state, config)
    gap = logit_real.mean() - logit_fake.mean()
    return torch.stack([loss_d, loss_g, correct, loss_d.new_tensor(float(skip)), gap]).detach()


def _noise_seed(config: TrainConfig, steps: int) -> int:
    """The CPU's generator looks at 32 bits only; the golden ratio keeps the runs' streams far apart."""
    return (config.seed * 0x9E3779B1 + steps) % 2**32


def batch_indices(count: int, config: TrainConfig, first_step: int) -> Iterator[np.ndarray]:
    """Endless batches of indices, each epoch in an order of its own, from step ``first_step`` on.

    The last, incomplete batch of an epoch is dropped.
    """
    per_epoch = count // config.batch
    epoch, position = divmod(first_step, per_epoch)
    while True:
        order = np.random.default_rng((config.seed, epoch)).permutation(count)
        for index in range(position, per_epoch):
            yield order[index * config.batch : (index + 1) * config.batch]
        epoch, position = epoch + 1, 0


def crossed(before: float, now: float, every: float) -> bool:
    """Whether a multiple of ``every`` lies in (before, now]; rounded against float noise."""
    return math.floor(round(now / every, 6)) > math.floor(round(before / every, 6))


def describe(model: ModelConfig, config: TrainConfig, training: PosterSet) -> dict[str, Any]:
    """What ``options.json`` holds: all settings, which posters, and with which versions."""
    names = hashlib.sha256(name_bytes("\n".join(training.names)))
    pictures = hashlib.sha256(training.images[:64].tobytes())  # another --fit gives other pixels
    return {
        "model": asdict(model),
        "train": asdict(config),
        "data": {
            "posters": len(training),
            "sha256_of_names": names.hexdigest(),
            "sha256_of_first_64": pictures.hexdigest(),
        },
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }


def refuse_changes(run: Path, options: dict[str, Any]) -> None:
    """TrainingError if a resumed run would see other posters or batches than it began with."""
    try:
        before = json.loads((run / "options.json").read_text())
    except (OSError, ValueError):
        return  # nothing to compare with; load_state says if there is no run at all
    if any(options["data"].get(key) != value for key, value in before.get("data", {}).items()):
        raise TrainingError(f"{run} was trained on other posters; resume it with the same --data, --genres and --fit.")
    for key in ("batch", "seed"):
        if before["train"][key] != options["train"][key]:
            raise TrainingError(f"{run} was trained with {key} {before['train'][key]}; keep it to resume.")


def info(state: State, config: TrainConfig) -> dict[str, Any]:
    """What a checkpoint tells of its training."""
    return {
        "kimg": round(kimg(state, config), 3),
        "updates": state.steps,
        "hours": round(state.seconds / 3600, 3),
        "train": asdict(config),
    }


def draw_grid(generator: Generator) -> Any:
    """The same 64 seeds, always, as an RGB picture."""
    device = next(generator.parameters()).device
    with torch.no_grad():
        return image_grid(to_uint8(generator(latents(GRID_SEEDS, generator.config, device))), 8)


def judge_and_keep_best(
    state: State, shown: Generator, held_out: PosterSet, run: Path, config: TrainConfig
) -> dict[str, float]:
    """Figures of this moment; the checkpoint folder ``best`` is replaced when they are better."""
    try:
        figures = metrics.judge(shown, held_out, config.eval_samples, EVAL_SEED)
    except MetricsUnavailableError:
        return {}
    if figures["fd_lite1"] < state.best:
        state.best = figures["fd_lite1"]
        checkpoint.save(run / "best", shown, state.discriminator, info(state, config) | figures)
    return figures


class StopRequest:
    """Ctrl-C and SIGTERM ask the loop to save and leave; a second Ctrl-C leaves at once."""

    requested = False

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        def ask(number: int, frame: Any) -> None:
            if self.requested:
                raise KeyboardInterrupt
            self.requested = True

        try:
            before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
        except ValueError:  # not in the main thread: the caller has the signals
            before = {}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _set_rates(state: State, config: TrainConfig) -> None:
    done = kimg(state, config) / config.kimg
    left = (1 - done) / (1 - config.decay_from) if done > config.decay_from else 1.0
    for optimizer, rate in ((state.optimizer_g, config.lr_g), (state.optimizer_d, config.lr_d)):
        for group in optimizer.param_groups:
            group["lr"] = rate * max(left, 0.1)


@contextmanager
def _writing(run: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TrainingError(
            f"{run} cannot be written ({error.strerror or error}); an earlier state there is intact."
        ) from error
