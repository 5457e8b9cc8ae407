"""The training loop, read top to bottom: step, tick, guard, validate, save, grid, log.

    train(load_posters("posters.zip"), Plan(Path("runs/first"), ModelConfig(), TrainConfig(kimg=50)))

One update of both networks is :mod:`gan.training.step`; the parts of a tick are methods of
:class:`gan.training.runs.run.Run`. All randomness of step n is drawn from (seed, n), so that only weights, optimizers
and a few counts have to be stored for a resumed run to be the uninterrupted one, bit for bit on the CPU.
"""

from __future__ import annotations

import torch

from gan.data.posters import PosterSet
from gan.training.cuda_graph import graphed_step
from gan.training.distributed import joined
from gan.training.runs.folder import writing
from gan.training.runs.plan import Plan
from gan.training.runs.run import Run, Snapshot, StepFunction, draw_grid, started
from gan.training.state import State
from gan.training.step import step


def train(posters: PosterSet, plan: Plan) -> State:
    """Train on all posters that are not held out and write everything to the plan's folder.

    The folder then holds ``state.pt``, ``options.json``, ``stats.jsonl``, ``grids/``, ``tensorboard/``, the checkpoint
    folders ``latest`` and, where the feature extractor is installed, ``best`` (by held-out ``fd_lite1``). Under
    torchrun the processes share each batch.

    Raises
    ------
    TrainingError
        If the plan cannot be carried out (:mod:`gan.training.runs.plan`), a process is lost, a file cannot be written,
        or the guard rails have no answer left. The last good state stays.
    """
    training, held_out = posters.split()
    plan.check()
    plan.check_posters(training)
    device = torch.device(plan.device)
    with joined(device) as world:
        step_fn = graphed_step(plan.config, device, world) if plan.graph else step
        with started(plan, (training, held_out), world) as run:
            loop(run, step_fn)
            return run.state


def loop(run: Run, step_fn: StepFunction) -> None:
    """All steps of a run that are left. Of several processes the first one alone has a log, and writes."""
    with run.stop.on_signals(), run.bar:
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
            elif run.log is not None:
                with writing(run.folder):
                    # Validate, save, grid: whatever is due.
                    due, snapshot, metrics = run.due(tick), Snapshot(run), {}
                    if due.validate:
                        metrics = run.validate(snapshot)
                    if due.save:
                        run.save(snapshot)
                    if due.grid:
                        run.log.grid(draw_grid(snapshot.generator), run.kimg)

                    # Log: one line.
                    run.write_row(tick.row | metrics)
            run.begin_tick()
