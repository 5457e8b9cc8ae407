"""A run that is going on: its state, posters, folder and log, and what is done with them at every tick.

    with started(plan, (training, held_out), world) as run:
        for real, labels in run.batches():
            run.add(step(run.state, real, labels, run.config, run.world))

gan/training/loop.py puts the parts in their order; what a tick leaves behind is gan/training/runs/results.py.
"""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan.checkpoints.dataset import fingerprint
from gan.cli import StopRequest
from gan.data.posters import PosterSet
from gan.errors import MetricsUnavailableError, PosterLensError, TrainingError, counted
from gan.files import in_use, write_json
from gan.training.batches import BatchLoader
from gan.training.config import TrainConfig
from gan.training.devices import own_device
from gan.training.distributed import SMALL_BATCH, World, synchronised
from gan.training.losses import class_weights
from gan.training.runs import guard_rails
from gan.training.runs.folder import RunLog, read_stats, writing
from gan.training.runs.guard_rails import Finding, TickMetrics
from gan.training.runs.options import FILE, PROVENANCE, changes, check_unchanged, describe, hardware
from gan.training.runs.output import Output
from gan.training.runs.plan import Plan
from gan.training.sampling import sampling_weights
from gan.training.schedule import crossed
from gan.training.state import State, kimg, load_state, new_state, save_state
from gan.training.step import STEP_METRICS, StepMetrics

SAVE_SECONDS = 30.0  # after which a tick saves the state, whatever the interval in images: a kill costs no more
BEGIN = "Begin again with a lower --lr,"
RESUME = "The last state that was saved is good: resume it with a lower --lr, or begin again with"

StepFunction = Callable[[State, Tensor, Tensor | None, TrainConfig, World], StepMetrics]


@dataclass(frozen=True)
class Tick:
    """What a tick came to, and what is to be done at its end.

    row : of the log: kimg, step, seconds, means of the steps' metrics, diversity.
    complete : whether its end was reached; not where the run is stopped within it.
    last_step : whether the run has reached its length.
    validate, save, grid : whether these are due. A validation and the end of the run save as well.
    """

    row: dict[str, Any]
    complete: bool
    last_step: bool
    validate: bool
    save: bool
    grid: bool

    @property
    def due(self) -> bool:
        """Whether anything takes the first process longer than a moment."""
        return self.validate or self.save or self.grid


class Run:
    """A run in one of its processes. Only the first process has a ``log``, and writes files."""

    def __init__(
        self, plan: Plan, state: State, posters: tuple[PosterSet, PosterSet], world: World, log: RunLog | None
    ) -> None:
        self.folder, self.config, self.state, self.world, self.log = plan.folder, plan.config, state, world, log
        self.training, self.held_out = posters
        self.device = own_device(plan.device)
        self.loader = BatchLoader(self.training, plan.model.genres, state.averages.device)
        self.labels = guard_rails.labels_of_each_genre(len(plan.model.genres), guard_rails.PICTURES, self.loader.device)
        self.real_distance = guard_rails.real_distance(self.training)
        self.end = last_step(self.config)
        self.indices = self.loader.indices(self.config, state.steps)
        self.stop, self.finished, self.notes = StopRequest(), False, list[str]()
        self.said: set[str] = set()
        self.provenance: dict[str, str] = {}
        shown = plan.progress and world.first
        self.output = Output(
            plan.folder if world.first else None, int(self.config.kimg * 1000), int(self.kimg * 1000), shown
        )
        self.saved_at = time.monotonic()
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

    def add(self, metrics: StepMetrics) -> None:
        """Count a step with these metrics, whatever they are (gan.training.step.STEP_METRICS)."""
        sums, counts = self.state.sums, self.state.counts
        known = [name for name in metrics if name in sums]
        totals = torch._foreach_add([sums[name] for name in known], [metrics[name] for name in known]) if known else ()
        sums.update(metrics)
        sums.update(zip(known, totals, strict=True))
        counts.update({name: counts.get(name, 0) + 1 for name in metrics})
        self.output.advance(self.config.batch)

    # ---- Ticks ---------------------------------------------------------------------------------------------

    def begin_tick(self) -> None:
        """Remember where the tick begins."""
        self.tick_kimg, self.tick_step, self.tick_time = self.kimg, self.state.steps, time.monotonic()

    def tick_due(self) -> bool:
        """Whether a tick ends with this step: at its length, at the end of the run, or where it is stopped."""
        stopped = self.stop.requested and self.world.size == 1  # several processes agree at ticks only
        return self.state.steps >= self.end or stopped or self._passed(self.config.tick_kimg)

    def end_tick(self) -> Tick:
        """Means over the steps since the last complete tick, and over all processes."""
        state, world, config = self.state, self.world, self.config
        means = world.mean(torch.stack([state.sums[name] / state.counts[name] for name in state.sums]))
        last_step = state.steps >= self.end
        self.finished = last_step or bool(world.mean(means.new_tensor(float(self.stop.requested))) > 0)
        seconds = time.monotonic() - self.tick_time
        state.seconds += seconds
        row = {
            "kimg": round(self.kimg, 3),
            "step": state.steps,
            "seconds": round(state.seconds, 1),
            "images_per_second": round((state.steps - self.tick_step) * config.batch / seconds, 1),
        } | dict(zip(state.sums, means.tolist(), strict=True))
        # Processes with statistics of their own see other pictures, and must come to one verdict.
        diversity = guard_rails.diversity(state.generator, self.real_distance, self.labels)
        row["diversity"] = world.mean(means.new_tensor(diversity)).item()
        complete = self._passed(config.tick_kimg)
        if complete:
            state.sums, state.counts = {}, {}
        validate = bool(config.eval_kimg) and (last_step or self._passed(config.eval_kimg))
        save = validate or self.finished or self._passed(config.snapshot_kimg)
        grid = self.finished or self._passed(config.grid_kimg)
        return Tick(row, complete, last_step, validate, save, grid)

    def _passed(self, interval: float) -> bool:
        return crossed(self.tick_kimg, self.kimg, interval)

    def guard(self, tick: Tick) -> Finding:
        """What the guard rails say to a tick; it is printed and noted in the log."""
        row = tick.row
        loss = sum(row[name] for name in STEP_METRICS if name in row)
        metrics = TickMetrics(loss, row["accuracy_d"], row["diversity"], tick.complete)
        finding = guard_rails.check(self.state, metrics, self.config)
        if finding.text:
            self.note(finding.text)
        return finding

    def roll_back(self, tick: Tick, reason: str) -> None:
        """Go on from the last saved state; TrainingError, which is logged as well, where that is not possible."""
        try:
            self._restore(reason)
        except TrainingError:
            self.write_row(tick.row)
            raise
        self.indices = self.loader.indices(self.config, self.state.steps)
        self.finished = self.finished and not tick.last_step
        self.output.rewind(int(1000 * self.kimg))
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

    def save(self, tick: Tick) -> None:
        """Write ``state.pt``, with what is still to be done at this tick: a killed run does it when it is resumed."""
        self.state.tick = asdict(tick) | {"notes": list(self.notes)}
        with writing(self.folder):
            save_state(self.state, self.folder)
        self.saved_at = time.monotonic()

    def long_unsaved(self) -> bool:
        """Whether a kill now would cost more than some seconds."""
        return time.monotonic() - self.saved_at > SAVE_SECONDS

    def unfinished(self) -> Tick | None:
        """The tick that was saved and never logged, because the process before was killed meanwhile."""
        if self.log is None or self.state.tick is None:
            return None
        record = dict(self.state.tick)
        notes = record.pop("notes")
        if any(row.get("step") == record["row"]["step"] for row in read_stats(self.folder)[-1:]):
            return None
        self.notes = notes
        return Tick(**record)

    @contextmanager
    def noting(self, what: str) -> Iterator[None]:
        """A failure in the block is a note in the log, and not the end of the run: the state is safe."""
        try:
            yield
        except MetricsUnavailableError as error:
            text = f"The run is not validated, and has no best state: {error}"
            if text not in self.said:  # once: it stays as it is
                self.note(text)
            self.said.add(text)
        except Exception as error:  # whatever a measurement raises: a full disk, no memory, a number that is none
            self.note(f"{what} at {self.kimg:.2f} kimg failed ({_reason(error)}); training goes on.")
            self.output.write(traceback.format_exc().rstrip())
            if self.device.type == "cuda":
                torch.cuda.empty_cache()

    @cached_property
    def fingerprint(self) -> dict[str, Any]:
        """Of the training posters, by which a checkpoint knows them again."""
        return fingerprint(self.training, self.state.generator.config.genres)

    def note(self, text: str) -> None:
        """Print a sentence, and log it with the tick's row."""
        self.notes.append(text)
        self.output.say(text)

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
        } | self.provenance

    def write_row(self, row: dict[str, Any]) -> None:
        """Log a tick, with what was noted since the last one; of numbers only those that are finite."""
        if self.log is None:
            return
        finite = {name: value for name, value in row.items() if math.isfinite(value)}
        with writing(self.folder):
            self.log.row(finite, " ".join(self.notes))
        self.output.status(finite)
        self.notes = []


def last_step(config: TrainConfig) -> int:
    """Number of the step with which a run ends, despite float noise."""
    return math.ceil(round(config.kimg * 1000 / config.batch, 6))


def _reason(error: Exception) -> str:
    """What went wrong, on one line."""
    text = str(error).strip().partition("\n")[0].rstrip(".")
    if isinstance(error, PosterLensError):
        return text
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


@contextmanager
def started(plan: Plan, posters: tuple[PosterSet, PosterSet], world: World) -> Iterator[Run]:
    """A run from its first or its last saved state on; ``posters`` are those to train on and those held out.

    No other process writes to its folder meanwhile.
    """
    plan.check_world(world)
    with ExitStack() as stack:
        with world.first_alone() as first:
            if first:
                stack.enter_context(in_use(plan.folder))
                plan.check()  # again: another run may have ended here meanwhile
        state, options, before = _prepare(plan, posters[0], world)
        log = None
        if world.first:
            with writing(plan.folder):
                log = RunLog(plan.folder, kimg(state, plan.config))
        stack.enter_context(log or nullcontext())
        run = Run(plan, state, posters, world, log)
        stack.enter_context(run.output)
        run.provenance = {key: options[key] for key in PROVENANCE}
        run.output.say(_opening(run, options, before))
        try:
            yield run
        except TrainingError as error:
            run.output.write(str(error))
            raise


def _opening(run: Run, options: dict[str, Any], before: dict[str, Any]) -> str:
    """What is begun, or gone on with and what is otherwise than before."""
    verb = f"Resumed at {run.kimg:.2f} kimg" if before else "Begun"
    other = f" with {', '.join(changes(before, options))}" if before and changes(before, options) else ""
    posters = f"{counted(len(run.training), 'poster')} to train on, {len(run.held_out)} held out"
    return f"{verb}{other}: {posters}; {options['hardware']}."


def _balance(labels: NDArray[np.int8], config: TrainConfig) -> Tensor:
    """Class weights (2, G) of the critic's classifier, for posters with labels (N, G) shown as often as they are."""
    return class_weights(torch.from_numpy(labels), torch.from_numpy(sampling_weights(labels, config.sampling)))


def _prepare(plan: Plan, training: PosterSet, world: World) -> tuple[State, dict[str, Any], dict[str, Any]]:
    """The first state, or the last one saved, and a folder that is ready for it; its options now, and before."""
    model, config, device = plan.model, plan.config, own_device(plan.device)
    options = describe(model, config, training, plan.start, plan.origin)
    options["hardware"] = hardware(device, world.size)
    before: dict[str, Any] = {}
    state = new_state(model, config, device, plan.start)
    if state.critic is not None and model.genres:
        state.critic.balance.copy_(_balance(training.genre_labels(model.genres), config))
    if plan.resume:
        before = check_unchanged(plan.folder, options)
        kept = {key: before[key] for key in ("start", "preset", "command") if key in before}
        options |= {"start": None} | kept
        source = before.get("source", options["source"])
        options["source"] = source | {"path": options["source"]["path"] or source["path"]}
        load_state(state, plan.folder, device)
        if state.steps > last_step(config):
            shown = f"{plan.folder} has shown {kimg(state, config):g} thousand posters already"
            raise TrainingError(f"{shown}; --kimg {config.kimg:g} is less, name a larger one.")
    if world.size > 1 and config.batch // world.size < SMALL_BATCH:
        for network in (state.generator, state.discriminator):
            synchronised(network)
    if world.first:
        with writing(plan.folder):
            _write_options(plan.folder, options)
    return state, options, before


def _write_options(folder: Path, options: dict[str, Any]) -> None:
    for stale in folder.glob(".state.pt.*"):  # left by a run that was killed while it wrote
        stale.unlink()
    write_json(folder / FILE, options)
