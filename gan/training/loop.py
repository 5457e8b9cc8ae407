"""The training loop, read top to bottom: step, tick, guard, save, validate, grid, log.

    train(load_posters("posters.zip"), Plan(Path("runs/first"), ModelConfig(), TrainConfig(kimg=50)))

One update of both networks is :mod:`gan.training.step`; the parts of a tick are methods of
:class:`gan.training.runs.run.Run`. All randomness of step n is drawn from (seed, n), so that only weights, optimizers
and a few counts have to be stored for a resumed run to be the uninterrupted one, bit for bit on the CPU.
"""

from __future__ import annotations

from contextlib import nullcontext

from gan.data.posters import PosterSet
from gan.training.cuda_graph import graphed_step
from gan.training.devices import exact_and_fast, own_device
from gan.training.distributed import joined
from gan.training.runs.plan import Plan
from gan.training.runs.results import Snapshot, draw_grid, save_latest, validate
from gan.training.runs.run import Run, StepFunction, Tick, started
from gan.training.state import State
from gan.training.step import step


def train(posters: PosterSet, plan: Plan) -> State:
    """Train on all posters that are not held out and write everything to the plan's folder.

    The folder then holds ``state.pt``, ``options.json``, ``stats.jsonl``, ``log.txt``, ``grids/``, ``tensorboard/``,
    the checkpoint folders ``latest`` and, where the feature extractor is installed, ``best`` (by held-out
    ``fd_lite1``). Under torchrun the processes share each batch.

    Raises
    ------
    TrainingError
        If the plan cannot be carried out (:mod:`gan.training.runs.plan`), another run is going on in the folder, a
        process is lost, the state cannot be written, or the guard rails have no answer left. The last good state stays.
    """
    training, held_out = posters.split()
    plan.check()
    plan.check_posters(training)
    device = own_device(plan.device)
    with exact_and_fast(device), joined(device) as world:
        step_fn = graphed_step(plan.config, device, world) if plan.graph else step
        with started(plan, (training, held_out), world) as run:
            loop(run, step_fn)
            return run.state


def loop(run: Run, step_fn: StepFunction) -> None:
    """All steps of a run that are left. Of several processes the first one alone has a log, and writes."""
    with run.stop.on_signals():
        unfinished = run.unfinished()
        if unfinished is not None:
            measure(run, unfinished)
        for real, labels in run.batches():
            # Step: one update of both networks.
            run.add(step_fn(run.state, real, labels, run.config, run.world))
            if not run.tick_due():
                continue

            # Tick: means over its steps. Guard: does training still work?
            tick = run.end_tick()
            finding = run.guard(tick)
            if finding.restore:
                run.roll_back(tick, finding.text)
            else:
                leave(run, tick)
            run.begin_tick()


def leave(run: Run, tick: Tick) -> None:
    """Save the state, then measure: whatever happens from then on, nothing is lost. Other processes wait meanwhile."""
    with run.world.first_alone() if tick.due else nullcontext(run.world.first) as first:
        if first:
            if tick.save or run.long_unsaved():
                run.save(tick)
            measure(run, tick)


def measure(run: Run, tick: Tick) -> None:
    """Save a checkpoint, validate, draw a grid, as far as they are due, and log one line: a failure is a note there."""
    snapshot, row = Snapshot(run), dict(tick.row)
    if tick.save:
        with run.noting("Writing the checkpoint"):
            save_latest(run, snapshot)
    if tick.validate:
        with run.noting("The validation"):
            row |= validate(run, snapshot)
    if tick.grid and run.log is not None:
        with run.noting("Drawing the grid"):
            run.log.grid(draw_grid(snapshot.generator, run.labels), run.kimg)
    run.write_row(row)
