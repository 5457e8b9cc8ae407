"""What a run will do, before it does anything: ``train.py --dry-run``.

    print(json.dumps(preview(plan, training, held_out, posters.broken), indent=2))

Nothing is written. Three steps are taken in memory, to say how long the run will last.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import nn

from gan.data.posters import PosterSet
from gan.errors import TrainingError
from gan.networks.config import ModelConfig
from gan.networks.dcgan import Discriminator, Generator
from gan.training.batches import BatchLoader
from gan.training.devices import own_device
from gan.training.runs.options import start_name
from gan.training.runs.output import duration
from gan.training.runs.plan import Plan
from gan.training.runs.run import last_step
from gan.training.state import new_state
from gan.training.step import step

NAMED = 10  # of the files that are left out
TIMED = 2  # steps, after a first one


def preview(
    plan: Plan, training: PosterSet, held_out: PosterSet, left_out: Sequence[tuple[str, str]] = ()
) -> dict[str, Any]:
    """Posters, networks and their layers, settings, what will be written, and how long it will take."""
    config, steps = plan.config, last_step(plan.config)
    networks = (Generator(plan.model), Discriminator(plan.model))
    return {
        "posters": {
            "training": len(training),
            "held_out": len(held_out),
            "left_out": len(left_out),
            "reasons": dict(left_out[:NAMED]),
        },
        "start": None if plan.start is None else start_name(plan.start),
        "model": asdict(plan.model),
        "train": asdict(config),
        "parameters": {type(net).__name__: sum(weight.numel() for weight in net.parameters()) for net in networks},
        "layers": {type(net).__name__: layers(net, plan.model) for net in networks},
        "steps": steps,
        "epochs": round(steps / (len(training) // config.batch), 2),
        "validations": math.ceil(config.kimg / config.eval_kimg) if config.eval_kimg and len(held_out) > 1 else 0,
        "time": estimate(plan, training, steps),
    }


@torch.no_grad()
def layers(network: Generator | Discriminator, model: ModelConfig) -> list[str]:
    """Each layer with its kind and the shape of what it gives: "layers.0 ConvTranspose2d 512 x 4 x 4"."""
    if isinstance(network, Generator):
        first: nn.ConvTranspose2d = network.layers[0]  # type: ignore[assignment]  # as built
        maps = torch.zeros(1, first.in_channels, 1, 1)
    else:
        maps = torch.zeros(1, 3, *model.size)
    lines = []
    for name, layer in network.eval().layers.named_children():
        maps = layer(maps)
        lines.append(f"layers.{name} {type(layer).__name__} {' x '.join(map(str, maps.shape[1:]))}")
    return lines


def estimate(plan: Plan, training: PosterSet, steps: int) -> str:
    """How long all steps will take on this machine, without validations; or why that is unknown."""
    device = own_device(plan.device)
    try:
        state = new_state(plan.model, plan.config, device, plan.start)
    except TrainingError as error:
        return f"unknown: {error}"
    batch = BatchLoader(training.evenly(plan.config.batch), plan.model.genres, device)(range(plan.config.batch))
    step(state, *batch, plan.config)
    since = time.monotonic()
    for _ in range(TIMED):
        metrics = step(state, *batch, plan.config)
    float(metrics["loss_d"])  # waits for the device
    each = (time.monotonic() - since) / TIMED
    return f"about {duration(steps * each)} on {device}, {each:.3g} s a step, without validations"
