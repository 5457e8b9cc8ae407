"""What a tick leaves behind: the checkpoint folders ``latest`` and ``best``, and a grid.

    snapshot = Snapshot(run)
    save_latest(run, snapshot)
    metrics = validate(run, snapshot)           # replaces ``best`` where they are better than before
    run.log.grid(draw_grid(snapshot.generator, run.labels), run.kimg)

gan/training/loop.py calls them when the state is on the disk, and a failure of any is a note in the log.
"""

from __future__ import annotations

import json
import math
from functools import cached_property
from pathlib import Path

import torch
from PIL.Image import Image
from torch import Tensor

from gan.checkpoints import folder as checkpoint
from gan.checkpoints.listing import RECORD
from gan.data.images import image_grid, to_uint8
from gan.evaluation import validation
from gan.evaluation.calibration import calibrated
from gan.files import json_bytes
from gan.networks.dcgan import Discriminator, Generator, latents
from gan.networks.seeds import reserved
from gan.training.runs.folder import BEST, LATEST
from gan.training.runs.run import Run
from gan.training.state import recalibrate

GRID_SEEDS = reserved("grid")
EVAL_SEED = reserved("validation").start  # far from the seeds that people look at


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


def save_latest(run: Run, snapshot: Snapshot) -> None:
    """Write the checkpoint folder ``latest``."""
    checkpoint.save(run.folder / LATEST, snapshot.generator, snapshot.discriminator, run.info())


def validate(run: Run, snapshot: Snapshot) -> dict[str, float]:
    """Validation metrics; the checkpoint folder ``best`` is replaced when they are better than before.

    Raises
    ------
    MetricsUnavailableError
        If the feature extractor is not installed, or there are too few posters.
    ValueError
        If the distance is not a finite number.
    """
    result = validation.validate(snapshot.generator, run.training, run.held_out, run.config.eval_samples, EVAL_SEED)
    metrics = dict(result.metrics)
    if not math.isfinite(metrics["fd_lite1"]):
        raise ValueError(f"fd_lite1 is {metrics['fd_lite1']}")
    run.state.best = best_so_far(run)
    if metrics["fd_lite1"] < run.state.best:
        extra = {validation.FILE: json_bytes(result.to_json())}
        networks = snapshot.generator, snapshot.discriminator
        checkpoint.save(run.folder / BEST, *networks, run.info() | metrics, extra=extra)
        run.state.best = metrics["fd_lite1"]
    return metrics


def best_so_far(run: Run) -> float:
    """The smallest distance: of ``best``, which is newer than the state if a run was killed; else of the state."""
    try:
        return min(run.state.best, float(_info(run.folder / BEST)["fd_lite1"]))
    except (OSError, ValueError, LookupError, TypeError):
        return run.state.best


def _info(path: Path) -> dict[str, float]:
    return dict(json.loads((path / RECORD).read_text(encoding="utf-8"))["info"])


def draw_grid(generator: Generator, labels: Tensor | None = None) -> Image:
    """The same 64 seeds, always, as an RGB picture; with labels (64, genres) for a generator with genres."""
    device = next(generator.parameters()).device
    with torch.no_grad():
        return image_grid(to_uint8(generator(latents(GRID_SEEDS, generator.config, device), labels)), 8)
