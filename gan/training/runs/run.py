"""A run that is going on: its state, posters, folder and log, and what is done with them at every tick.

    with started(plan, (training, held_out), world) as run:
        for real, labels in run.batches():
            run.add(step(run.state, real, labels, run.config, run.world))

gan/training/loop.py puts the parts in their order.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from PIL.Image import Image
from torch import Tensor
from tqdm import tqdm

from gan.checkpoints import folder as checkpoint
from gan.checkpoints.dataset import fingerprint
from gan.cli import StopRequest
from gan.data.images import image_grid, to_uint8
from gan.data.posters import PosterSet
from gan.errors import MetricsUnavailableError, TrainingError
from gan.evaluation import validation
from gan.evaluation.calibration import calibrated
from gan.files import json_bytes, write_json
from gan.networks.dcgan import Discriminator, Generator, latents
from gan.training.batches import BatchLoader, batch_indices
from gan.training.config import TrainConfig
from gan.training.distributed import SMALL_BATCH, World, synchronised
from gan.training.losses import class_weights
from gan.training.runs import guard_rails
from gan.training.runs.folder import BEST, LATEST, RunLog, check_unchanged, describe, writing
from gan.training.runs.guard_rails import Finding, TickMetrics
from gan.training.runs.plan import Plan
from gan.training.schedule import crossed
from gan.training.state import State, kimg, load_state, new_state, recalibrate, save_state
from gan.training.step import STEP_METRICS

GRID_SEEDS = range(64)
EVAL_SEED = 1_000_000  # far from the seeds that people look at
BEGIN = "Begin again with a lower --lr,"
RESUME = "The last state that was saved is good: resume it with a lower --lr, or begin again with"

StepFunction = Callable[[State, Tensor, Tensor | None, TrainConfig, World], Tensor]


@dataclass(frozen=True)
class Tick:
    """What a tick came to.

    row : of the log: kimg, step, seconds, means of the steps' metrics, diversity.
    complete : whether its end was reached; not where the run is stopped within it.
    last_step : whether the run has reached its length.
    """

    row: dict[str, Any]
    complete: bool
    last_step: bool


@dataclass(frozen=True)
class Due:
    """What is to be done at a tick."""

    validate: bool
    save: bool
    grid: bool


class Snapshot:
    """The networks that a tick saves, validates and draws with; each is made when it is first needed."""

    def __init__(self, run: Run) -> None:
        self.run = run

    @cached_property
    def generator(self) -> Generator:
        """The moving average with BatchNorm statistics of its own."""
        labels = self.run.loader.sample_labels(self.run.config.label_dropout)
        return recalibrate(self.run.state.ema, labels)

    @cached_property
    def discriminator(self) -> Discriminator:
        """D with its decision threshold at logit 0."""
        return calibrated(self.run.state.discriminator, self.generator, self.run.training)


class Run:
    """A run in one of its processes. Only the first process has a ``log``, and writes files."""

    def __init__(
        self, plan: Plan, state: State, posters: tuple[PosterSet, PosterSet], world: World, log: RunLog | None
    ) -> None:
        self.folder, self.config, self.state, self.world, self.log = plan.folder, plan.config, state, world, log
        self.training, self.held_out = posters
        self.device = torch.device(plan.device)
        self.loader = BatchLoader(self.training, plan.model.genres, state.averages.device)
        self.real_distance = guard_rails.real_distance(self.training)
        self.end = math.ceil(round(self.config.kimg * 1000 / self.config.batch, 6))  # steps, despite float noise
        self.indices = batch_indices(len(self.training), self.config, state.steps)
        self.stop, self.finished, self.note = StopRequest(), False, ""
        self.bar = tqdm(
            total=int(self.config.kimg * 1000), initial=int(self.kimg * 1000), unit="img", unit_scale=True,
            disable=not (plan.progress and world.first),
        )  # fmt: skip
        self.begin_tick()

    @property
    def kimg(self) -> float:
        """Thousands of posters shown so far."""
        return kimg(self.state, self.config)

    # ---- Steps ---------------------------------------------------------------------------------------------

    def batches(self) -> Iterator[tuple[Tensor, Tensor | None]]:
        """The process's posters and labels of each step, until the run is finished."""
        rows = self.world.rows(self.config.batch)
        while not self.finished and self.state.steps < self.end:
            yield self.loader(next(self.indices)[rows])

    def add(self, metrics: Tensor) -> None:
        """Count a step with these metrics (gan.training.step.STEP_METRICS)."""
        self.state.sums = self.state.sums + metrics
        self.state.summed += 1
        self.bar.update(self.config.batch)

    # ---- Ticks ---------------------------------------------------------------------------------------------

    def begin_tick(self) -> None:
        """Remember where the tick begins."""
        self.tick_kimg, self.tick_step, self.tick_time = self.kimg, self.state.steps, time.monotonic()

    def tick_due(self) -> bool:
        """Whether a tick ends with this step: at its length, at the end of the run, or where it is stopped."""
        stopped = self.stop.requested and self.world.size == 1  # several processes agree at ticks only
        return self.state.steps >= self.end or stopped or self._tick_complete()

    def _tick_complete(self) -> bool:
        return crossed(self.tick_kimg, self.kimg, self.config.tick_kimg)

    def end_tick(self) -> Tick:
        """Means over the steps since the last complete tick, and over all processes."""
        state, world = self.state, self.world
        means = world.mean(state.sums / state.summed)
        last_step = state.steps >= self.end
        self.finished = last_step or bool(world.mean(means.new_tensor(float(self.stop.requested))) > 0)
        seconds = time.monotonic() - self.tick_time
        state.seconds += seconds
        row = {
            "kimg": round(self.kimg, 3),
            "step": state.steps,
            "seconds": round(state.seconds, 1),
            "images_per_second": round((state.steps - self.tick_step) * self.config.batch / seconds, 1),
        } | dict(zip(STEP_METRICS, means.tolist(), strict=True))
        # Processes with statistics of their own see other pictures, and must come to one verdict.
        diversity = guard_rails.diversity(state.generator, self.real_distance)
        row["diversity"] = world.mean(means.new_tensor(diversity)).item()
        complete = self._tick_complete()
        if complete:
            state.sums, state.summed = torch.zeros_like(means), 0
        return Tick(row, complete, last_step)

    def guard(self, tick: Tick) -> Finding:
        """What the guard rails say to a tick; it is printed and noted in the log."""
        row = tick.row
        metrics = TickMetrics(row["loss_d"] + row["loss_g"], row["accuracy_d"], row["diversity"], tick.complete)
        finding = guard_rails.check(self.state, metrics, self.config)
        if finding.text:
            self.bar.write(finding.text)
            self.note = f"{self.note} {finding.text}".strip()
        return finding

    def roll_back(self, tick: Tick, reason: str) -> None:
        """Go on from the last saved state; TrainingError, which is logged as well, where that is not possible."""
        try:
            self._restore(reason)
        except TrainingError:
            if self.log is not None:
                with writing(self.folder):
                    self.log.row({name: value for name, value in tick.row.items() if math.isfinite(value)}, self.note)
            raise
        self.indices = batch_indices(len(self.training), self.config, self.state.steps)
        self.finished = self.finished and not tick.last_step
        self.bar.update(int(1000 * self.kimg) - self.bar.n)
        if self.log is not None:
            with writing(self.folder):
                self.log.rewind(self.kimg)

    def _restore(self, reason: str) -> None:
        """The last saved state, with half the learning rates and other noise."""
        restores, lr_scale = self.state.restores + 1, self.state.lr_scale / 2
        saved = (self.folder / "state.pt").exists()
        if self.config.guard != "answer" or restores > guard_rails.RESTORES or not saved:
            advice = RESUME if saved else BEGIN
            raise TrainingError(f"Training diverged. {reason} {advice} a larger --batch or another --seed.")
        load_state(self.state, self.folder, self.device)
        self.state.restores, self.state.lr_scale = restores, lr_scale
        if self.world.first:
            with writing(self.folder):
                save_state(self.state, self.folder)

    # ---- What a tick leaves behind: only in the first process ------------------------------------------------

    def due(self, tick: Tick) -> Due:
        """What is to be done at this tick. A validation and the end of the run save as well."""
        config = self.config
        validate = bool(config.eval_kimg) and (tick.last_step or self._passed(config.eval_kimg))
        save = validate or self.finished or self._passed(config.snapshot_kimg)
        return Due(validate, save, grid=self.finished or self._passed(config.grid_kimg))

    def _passed(self, interval: float) -> bool:
        return crossed(self.tick_kimg, self.kimg, interval)

    def validate(self, snapshot: Snapshot) -> dict[str, float]:
        """Validation metrics; the checkpoint folder ``best`` is replaced when they are better than before.

        Without the feature extractor there are none, and a warning says so, once.
        """
        try:
            result = validation.validate(
                snapshot.generator, self.training, self.held_out, self.config.eval_samples, EVAL_SEED
            )
        except MetricsUnavailableError as error:
            warnings.warn(f"The run is not validated, and has no best state: {error}", RuntimeWarning, stacklevel=2)
            return {}
        metrics = dict(result.metrics)
        if metrics["fd_lite1"] < self.state.best:
            self.state.best = metrics["fd_lite1"]
            extra = {validation.FILE: json_bytes(result.to_json())}
            networks = snapshot.generator, snapshot.discriminator
            checkpoint.save(self.folder / BEST, *networks, self.info() | metrics, extra=extra)
        return metrics

    @cached_property
    def fingerprint(self) -> dict[str, Any]:
        """Of the training posters, by which a checkpoint knows them again."""
        return fingerprint(self.training, self.state.generator.config.genres)

    def save(self, snapshot: Snapshot) -> None:
        """Write the checkpoint folder ``latest`` and ``state.pt``."""
        checkpoint.save(self.folder / LATEST, snapshot.generator, snapshot.discriminator, self.info())
        save_state(self.state, self.folder)

    def info(self) -> dict[str, Any]:
        """What a checkpoint records of its training."""
        return {
            "run": self.folder.resolve().name,
            "fit": self.training.fit,
            "only_genres": ",".join(self.training.only_genres),
            "data": self.fingerprint,
            "kimg": round(self.kimg, 3),
            "updates": self.state.steps,
            "hours": round(self.state.seconds / 3600, 3),
            "train": asdict(self.config),
        }

    def write_row(self, row: dict[str, Any]) -> None:
        """Log a tick, with what the guard rails had to say since the last one."""
        assert self.log is not None  # the first process has one
        self.bar.set_postfix(D=f"{row['loss_d']:.3f}", G=f"{row['loss_g']:.3f}", acc=f"{row['accuracy_d']:.2f}")
        self.log.row(row, self.note)
        self.note = ""


def draw_grid(generator: Generator) -> Image:
    """The same 64 seeds, always, as an RGB picture."""
    device = next(generator.parameters()).device
    with torch.no_grad():
        return image_grid(to_uint8(generator(latents(GRID_SEEDS, generator.config, device))), 8)


@contextmanager
def started(plan: Plan, posters: tuple[PosterSet, PosterSet], world: World) -> Iterator[Run]:
    """A run from its first or its last saved state on; ``posters`` are those to train on and those held out."""
    plan.check_world(world)
    state = _prepare(plan, posters[0], world)
    with writing(plan.folder):
        log = RunLog(plan.folder, kimg(state, plan.config)) if world.first else None
    with log or nullcontext():
        yield Run(plan, state, posters, world, log)


def _prepare(plan: Plan, training: PosterSet, world: World) -> State:
    """The first state, or the last one saved, and a folder that is ready for it."""
    model, config, device = plan.model, plan.config, torch.device(plan.device)
    options = describe(model, config, training, plan.start)
    state = new_state(model, config, device, plan.start)
    if state.critic is not None and model.genres:
        state.critic.balance.copy_(class_weights(torch.from_numpy(training.genre_labels(model.genres))))
    if plan.resume:
        options["start"] = check_unchanged(plan.folder, options).get("start")
        load_state(state, plan.folder, device)
    if world.size > 1 and config.batch // world.size < SMALL_BATCH:
        for network in (state.generator, state.discriminator):
            synchronised(network)
    if world.first:
        with writing(plan.folder):
            _write_options(plan.folder, options)
    return state


def _write_options(folder: Path, options: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob(".state.pt.*"):  # left by a run that was killed while it wrote
        stale.unlink()
    write_json(folder / "options.json", options)
