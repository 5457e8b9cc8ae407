"""Everything that changes while training: made, averaged, saved and loaded."""

from __future__ import annotations

import copy
import io
import math
import pickle
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from gan.config import ModelConfig, TrainConfig
from gan.errors import TrainingError
from gan.files import write_file
from gan.models import Discriminator, Generator, latents

RECALIBRATION_SEED = 3_000_000
RECALIBRATION_IMAGES = 2048
STATEFUL = ("generator", "discriminator", "ema", "optimizer_g", "optimizer_d")


@dataclass
class State:
    """Everything that changes while training."""

    generator: Generator
    discriminator: Discriminator
    ema: Generator
    optimizer_g: torch.optim.Optimizer
    optimizer_d: torch.optim.Optimizer
    steps: int = 0
    seconds: float = 0.0
    best: float = math.inf


def new_state(model: ModelConfig, config: TrainConfig, device: str | torch.device = "cpu") -> State:
    """Networks with the seed's first weights, and their optimizers, on the device."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        generator, discriminator = Generator(model), Discriminator(model)
    for network in (generator, discriminator):
        network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch types no format for modules
    ema = copy.deepcopy(generator).eval().requires_grad_(False)
    betas = (config.beta1, config.beta2)
    return State(
        generator,
        discriminator,
        ema,
        torch.optim.Adam(generator.parameters(), config.lr_g, betas, fused=True),
        torch.optim.Adam(discriminator.parameters(), config.lr_d, betas, fused=True),
    )


def kimg(state: State, config: TrainConfig) -> float:
    """Thousands of real posters shown so far."""
    return state.steps * config.batch / 1000


@torch.no_grad()
def update_ema(state: State, config: TrainConfig) -> None:
    """Move the average of G, BatchNorm's buffers included, towards G.

    The half-life grows with the run up to ``ema_kimg``, so that early noise is soon forgotten
    (Karras et al. 2020).
    """
    half_life = min(config.ema_kimg, 0.05 * kimg(state, config)) * 1000
    weight = 1 - 0.5 ** (config.batch / half_life) if half_life > 0 else 1.0
    averaged, current = state.ema.state_dict(), state.generator.state_dict()
    floating = [name for name, value in averaged.items() if value.is_floating_point()]
    torch._foreach_lerp_([averaged[n] for n in floating], [current[n] for n in floating], weight)


@torch.no_grad()
def recalibrate(generator: Generator, images: int = RECALIBRATION_IMAGES) -> Generator:
    """A copy in eval mode whose BatchNorm statistics are those of its own weights.

    Averaged weights have other statistics than averaged statistics say. They are measured anew as plain
    means over ``images`` pictures of fixed seeds, in batches of 64.
    """
    copied = copy.deepcopy(generator).train()
    norms = [module for module in copied.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # cumulative mean
    device = next(copied.parameters()).device
    for first in range(RECALIBRATION_SEED, RECALIBRATION_SEED + images, 64):
        copied(latents(range(first, first + 64), copied.config, device))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return copied.eval()


def weights_are_finite(state: State) -> bool:
    """Whether no weight of either network is NaN or infinite."""
    parameters = [*state.generator.parameters(), *state.discriminator.parameters()]
    return bool(torch.stack([weight.detach().sum() for weight in parameters]).isfinite().all())


def save_state(state: State, run: Path) -> None:
    """Write ``state.pt``, complete or not at all."""
    record = {name: getattr(state, name).state_dict() for name in STATEFUL} | {
        "steps": state.steps,
        "seconds": state.seconds,
        "best": state.best,
    }
    buffer = io.BytesIO()  # torch.save to a full disk raises anything; to memory it does not fail
    torch.save(record, buffer)
    write_file(run / "state.pt", lambda file: file.write(buffer.getbuffer()))


def load_state(state: State, run: Path, device: torch.device) -> None:
    """Fill ``state`` from ``run/state.pt``; TrainingError if there is none or it does not fit."""
    path = run / "state.pt"
    if not path.exists():
        raise TrainingError(f"{run} holds no state to resume.")
    try:
        record = torch.load(path, map_location=device, weights_only=True)
        for name in STATEFUL:
            getattr(state, name).load_state_dict(record[name])
        state.steps, state.seconds, state.best = record["steps"], record["seconds"], record["best"]
    except (
        RuntimeError, ValueError, KeyError, TypeError, EOFError, OSError, pickle.UnpicklingError
    ) as error:  # fmt: skip
        raise TrainingError(f"{path} does not fit these options, or is damaged.") from error
