"""The training loop, read top to bottom; one update of both networks is :mod:`gan.training.step`.

    train(load_posters("posters.zip"), Path("runs/first"), ModelConfig(), TrainConfig(kimg=50))

All randomness of step n is drawn from (seed, n), so nothing but weights, optimizers and a few counts
have to be stored for a resumed run to be the uninterrupted one, bit for bit on the CPU.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from gan.checkpoints import folder as checkpoint
from gan.checkpoints.record import Checkpoint
from gan.cli import StopRequest
from gan.data.images import image_grid, to_uint8
from gan.data.posters import PosterSet
from gan.errors import MetricsUnavailableError, TrainingError
from gan.evaluation import validation
from gan.evaluation.calibration import calibrated
from gan.files import json_bytes, write_json
from gan.networks.config import ModelConfig
from gan.networks.dcgan import Discriminator, Generator, latents
from gan.training import guard_rails
from gan.training.batches import BatchLoader, batch_indices
from gan.training.config import TrainConfig
from gan.training.cuda_graph import graphed_step
from gan.training.distributed import SMALL_BATCH, World, joined, synchronised
from gan.training.losses import class_weights
from gan.training.run_folder import BEST, LATEST, RunLog, check_unchanged, describe, writing
from gan.training.schedule import crossed
from gan.training.state import State, kimg, load_state, new_state, recalibrate, save_state
from gan.training.step import STEP_METRICS, step

GRID_SEEDS = range(64)
BEGIN = "Begin again with a lower --lr,"
RESUME = "The last state that was saved is good: resume it with a lower --lr, or begin again with"
EVAL_SEED = 1_000_000  # far from the seeds that people look at


def train(
    posters: PosterSet,
    run: Path,
    model: ModelConfig,
    config: TrainConfig,
    device: str | torch.device = "cpu",
    resume: bool = False,
    progress: bool = True,
    start: Checkpoint | None = None,
    graph: bool = False,
) -> State:
    """Train on all posters that are not held out and write everything to the folder ``run``.

    The folder then holds ``state.pt``, ``options.json``, ``stats.jsonl``, ``grids/``, ``tensorboard/``, the
    checkpoint folders ``latest`` and, where the judge is installed, ``best`` (by held-out ``fd_lite1``). ``start`` is
    a checkpoint whose networks the run begins with (gan.training.growing). Under torchrun the processes share each
    batch. With ``graph`` the step is recorded as a CUDA graph (gan.training.cuda_graph).

    Raises
    ------
    TrainingError
        If the folder is taken or unwritable, there is no state to resume, there are fewer posters than
        a batch or of another size, the options or the start do not fit, the step cannot be a graph, a process is
        lost, or the guard rails have no answer left. The last good state stays.
    """
    device = torch.device(device)
    training, held_out = posters.split()
    if len(training) < config.batch:
        raise TrainingError(f"A batch of {config.batch} needs more than {len(training)} training posters.")
    (height, width), (high, wide) = model.size, training.images.shape[1:3]
    if (height, width) != (high, wide):
        raise TrainingError(
            f"The networks are for posters of {width} x {height} pixels, and these have {wide} x {high}."
        )
    if config.penalty and model.norm_d:
        raise TrainingError("R1 and R2 need a D without BatchNorm; leave --penalty at 0, or take another --preset.")
    with joined(device) as world:
        step_fn = graphed_step(config, device, world) if graph else step
        state = _begin(training, run, model, config, device, resume, start, world)
        with writing(run):
            log = RunLog(run, kimg(state, config)) if world.first else None
        with log or nullcontext():
            return _loop(state, training, held_out, run, config, world, log, progress and world.first, step_fn)


def _begin(
    training: PosterSet,
    run: Path,
    model: ModelConfig,
    config: TrainConfig,
    device: torch.device,
    resume: bool,
    start: Checkpoint | None,
    world: World,
) -> State:
    """The first state, or the last one saved, and a folder that is ready for it."""
    part = config.batch // world.size
    if part * world.size < config.batch or part < 2:
        raise TrainingError(f"A batch of {config.batch} cannot be shared by {world.size} processes.")
    options = describe(model, config, training, start)
    state = new_state(model, config, device, start)
    if state.critic is not None and model.genres:
        state.critic.balance.copy_(class_weights(torch.from_numpy(training.genre_labels(model.genres))))
    if resume:
        options["start"] = check_unchanged(run, options).get("start")
        load_state(state, run, device)
    elif (run / "state.pt").exists():
        raise TrainingError(f"{run} holds a run already; resume it, or choose another folder.")
    if world.size > 1 and part < SMALL_BATCH:
        for network in (state.generator, state.discriminator):
            synchronised(network)
    if world.first:
        with writing(run):
            run.mkdir(parents=True, exist_ok=True)
            for stale in run.glob(".state.pt.*"):  # left by a run that was killed while it wrote
                stale.unlink()
            write_json(run / "options.json", options)
    return state


def _loop(
    state: State,
    training: PosterSet,
    held_out: PosterSet,
    run: Path,
    config: TrainConfig,
    world: World,
    log: RunLog | None,
    progress: bool,
    step_fn: Callable[[State, Tensor, Tensor | None, TrainConfig, World], Tensor],
) -> State:
    """Steps, and at every tick: look what is wrong, then write, draw and judge. Only the first process has a log."""
    device = state.averages.device
    feed = BatchLoader(training, state.generator.config.genres, device)
    real_distance, rows = guard_rails.real_distance(training), world.rows(config.batch)
    batches = batch_indices(len(training), config, state.steps)
    last, before, since = kimg(state, config), state.steps, time.monotonic()
    end = math.ceil(round(config.kimg * 1000 / config.batch, 6))  # steps, rounded against float noise
    stop, finished, note = StopRequest(), False, ""
    bar = tqdm(
        total=int(config.kimg * 1000), initial=int(last * 1000), unit="img", unit_scale=True, disable=not progress
    )
    with stop.on_signals(), bar:
        while not finished and state.steps < end:
            real, labels = feed(next(batches)[rows])
            state.sums = state.sums + step_fn(state, real, labels, config, world)
            state.summed += 1
            bar.update(config.batch)
            whole = crossed(last, kimg(state, config), config.tick_kimg)
            done = state.steps >= end
            asked = stop.requested and world.size == 1  # several processes agree at ticks only
            if not (done or asked or whole):
                continue

            means = world.mean(state.sums / state.summed)
            finished = done or bool(world.mean(means.new_tensor(float(stop.requested))) > 0)
            row = tick_row(state, config, means.tolist(), state.steps - before, time.monotonic() - since)
            # Processes with statistics of their own see other pictures, and must come to one verdict.
            row["diversity"] = world.mean(
                means.new_tensor(guard_rails.diversity(state.generator, real_distance))
            ).item()
            loss = row["loss_d"] + row["loss_g"]
            found = guard_rails.check(
                state, guard_rails.TickMetrics(loss, row["accuracy_d"], row["diversity"], whole), config
            )
            if whole:
                state.sums, state.summed = torch.zeros_like(means), 0
            if found.text:
                bar.write(found.text)
                note = f"{note} {found.text}".strip()
            if found.restore:
                try:
                    restore(state, run, config, device, found.text, world)
                except TrainingError:  # the end of the run, which its log tells, too
                    if log is not None:
                        with writing(run):
                            log.row({name: value for name, value in row.items() if math.isfinite(value)}, note)
                    raise
                batches, finished = batch_indices(len(training), config, state.steps), finished and not done
                bar.update(int(1000 * kimg(state, config)) - bar.n)
            if log is not None and found.restore:
                with writing(run):
                    log.rewind(kimg(state, config))
            elif log is not None:
                bar.set_postfix(D=f"{row['loss_d']:.3f}", G=f"{row['loss_g']:.3f}", acc=f"{row['accuracy_d']:.2f}")
                with writing(run):
                    log.row(row | write_tick(state, feed, held_out, run, config, log, last, finished, done), note)
                note = ""
            last, before, since = kimg(state, config), state.steps, time.monotonic()
    return state


def write_tick(
    state: State,
    feed: BatchLoader,
    held_out: PosterSet,
    run: Path,
    config: TrainConfig,
    log: RunLog,
    last: float,
    finished: bool,
    done: bool,
) -> dict[str, float]:
    """What is due since ``last`` kimg: a judgement, whose figures are returned, the state, the grid."""
    now = kimg(state, config)
    judge = bool(config.eval_kimg) and (done or crossed(last, now, config.eval_kimg))
    save = judge or finished or crossed(last, now, config.snapshot_kimg)
    draw = finished or crossed(last, now, config.grid_kimg)
    if not (save or draw):
        return {}
    shown = recalibrate(state.ema, feed.sample_labels(config.label_dropout))
    figures: dict[str, float] = {}
    if save:
        networks = shown, calibrated(state.discriminator, shown, feed.posters)
        figures = validate_and_keep_best(state, *networks, feed.posters, held_out, run, config) if judge else {}
        checkpoint.save(run / LATEST, *networks, info(state, feed.posters, run, config))
        save_state(state, run)
    if draw:
        log.grid(draw_grid(shown), now)
    return figures


def tick_row(state: State, config: TrainConfig, means: Sequence[float], steps: int, seconds: float) -> dict[str, Any]:
    """One line of the log: the means of :func:`step` over a tick, and ``steps`` in these ``seconds``."""
    state.seconds += seconds
    return {
        "kimg": round(kimg(state, config), 3),
        "step": state.steps,
        "seconds": round(state.seconds, 1),
        "images_per_second": round(steps * config.batch / seconds, 1),
    } | dict(zip(STEP_METRICS, means, strict=True))


def restore(state: State, run: Path, config: TrainConfig, device: torch.device, why: str, world: World) -> None:
    """Go back to the last saved state with half the rates and other noise; TrainingError where that is no answer."""
    restores, lr_scale = state.restores + 1, state.lr_scale / 2
    saved = (run / "state.pt").exists()
    if config.guard != "answer" or restores > guard_rails.RESTORES or not saved:
        advice = RESUME if saved else BEGIN
        raise TrainingError(f"Training diverged. {why} {advice} a larger --batch or another --seed.")
    load_state(state, run, device)
    state.restores, state.lr_scale = restores, lr_scale
    if world.first:
        with writing(run):
            save_state(state, run)


def info(state: State, training: PosterSet, run: Path, config: TrainConfig) -> dict[str, Any]:
    """What a checkpoint tells of its training."""
    return {
        "run": run.resolve().name,
        "fit": training.fit,
        "only_genres": ",".join(training.only_genres),
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


def validate_and_keep_best(
    state: State,
    shown: Generator,
    judging: Discriminator,
    training: PosterSet,
    held_out: PosterSet,
    run: Path,
    config: TrainConfig,
) -> dict[str, float]:
    """Figures of this moment; the checkpoint folder ``best`` is replaced when they are better.

    Where there is no judge, a warning says so, once.
    """
    try:
        found = validation.validate(shown, training, held_out, config.eval_samples, EVAL_SEED)
    except MetricsUnavailableError as error:
        warnings.warn(f"The run is not judged, and has no best state: {error}", RuntimeWarning, stacklevel=2)
        return {}
    figures = dict(found.metrics)
    if figures["fd_lite1"] < state.best:
        state.best = figures["fd_lite1"]
        extra = {validation.FILE: json_bytes(found.to_json())}
        checkpoint.save(run / BEST, shown, judging, info(state, training, run, config) | figures, extra=extra)
    return figures
