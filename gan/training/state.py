"""Everything that changes while training: made, averaged, saved and loaded."""

from __future__ import annotations

import copy
import io
import math
import pickle
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gan.checkpoints.record import Checkpoint
from gan.errors import TrainingError
from gan.files import write_file
from gan.networks.config import ModelConfig
from gan.networks.dcgan import Discriminator, Generator, latents
from gan.networks.projected import BACKBONES, ProjectedCritic
from gan.networks.seeds import reserved
from gan.training.config import TrainConfig
from gan.training.growing import grown
from gan.training.moments import FeatureMoments, GenreMeans

RECALIBRATION_SEED = reserved("recalibration").start
RECALIBRATION_IMAGES = 2048
NUMBERS = (
    "steps", "seconds", "best", "lr_scale", "lr_scale_d", "overpowered", "diverse", "restores", "counts",
    "warm_start", "knows_genres", "noise_version", "tick",
)  # fmt: skip
PARTS = (
    "generator", "discriminator", "ema", "optimizer_g", "optimizer_d", "critic", "optimizer_critic", "moments",
    "genre_means",
)  # fmt: skip
TENSORS = ("averages", "sums")
NOISE_VERSION = 2  # 1: the noise of step n began as that of seed n (gan.training.schedule.noise_start)


@dataclass
class State:
    """Everything that changes while training.

    ema : moving average of the generator.
    critic, optimizer_critic : the projected critic and its optimizer, or None.
    moments, genre_means : running moments of the critic's features, and their means by genre (gan.training.moments),
        or None.
    averages : (2,), running means of D's logits of real and generated posters.
    sums, counts : of each of the steps' metrics since the last complete tick, and over how many steps.
    steps, seconds : done so far.
    best : smallest held-out ``fd_lite1`` so far.
    lr_scale, lr_scale_d : factors of both learning rates, and of D's alone, as the guard rails have set them.
    overpowered, diverse, restores : counters of the guard rails (gan.training.runs.guard_rails).
    warm_start, knows_genres : whether the run began with another checkpoint's average, and whether that had the genres.
    noise_version : how the seeds of noise are used; of older runs 1.
    tick : what is left to be measured and logged at the tick in which the state was saved (gan.training.runs.run.Tick).
    """

    generator: Generator
    discriminator: Discriminator
    ema: Generator
    optimizer_g: torch.optim.Optimizer
    optimizer_d: torch.optim.Optimizer
    critic: ProjectedCritic | None
    optimizer_critic: torch.optim.Optimizer | None
    averages: Tensor
    moments: FeatureMoments | None = None
    genre_means: GenreMeans | None = None
    sums: dict[str, Tensor] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    steps: int = 0
    seconds: float = 0.0
    best: float = math.inf
    lr_scale: float = 1.0
    lr_scale_d: float = 1.0
    overpowered: int = 0
    diverse: bool = False
    restores: int = 0
    warm_start: bool = False
    knows_genres: bool = False
    noise_version: int = NOISE_VERSION
    tick: dict[str, Any] | None = None

    def parts(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        """What has a state dict, by name."""
        return {name: part for name in PARTS if (part := getattr(self, name)) is not None}

    def optimizers(self) -> list[torch.optim.Optimizer]:
        """Those of G, of D and, where there is one, of the critic."""
        return [part for part in self.parts().values() if isinstance(part, torch.optim.Optimizer)]


def new_state(
    model: ModelConfig,
    config: TrainConfig,
    device: str | torch.device = "cpu",
    start: Checkpoint | None = None,
) -> State:
    """Networks with the seed's first weights, or grown from a checkpoint's, and their optimizers, on the device.

    Raises
    ------
    TrainingError
        If the checkpoint's networks cannot become these, or the critic's network is not installed.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        generator, discriminator = grown(start, model) if start else (Generator(model), Discriminator(model))
    critic = None
    if config.critic:
        backbone = BACKBONES[config.features]()
        critic = ProjectedCritic(
            model.size,
            config.seed,
            len(model.genres),
            side=config.critic_side or None,
            backbone=backbone,
            projections=config.projections,
        )
    for network in filter(None, (generator, discriminator, critic)):
        network.train().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch types no format for modules
    ema = copy.deepcopy(generator).eval().requires_grad_(False)

    def adam(network: nn.Module, lr: float) -> torch.optim.Optimizer:
        weights = [weight for weight in network.parameters() if weight.requires_grad]
        return torch.optim.Adam(weights, lr, (config.beta1, config.beta2), fused=True)

    return State(
        generator,
        discriminator,
        ema,
        adam(generator, config.lr_g),
        adam(discriminator, config.lr_d),
        critic,
        None if critic is None else adam(critic, config.lr_d),
        averages=torch.zeros(2, device=device),
        moments=FeatureMoments(critic.width).to(device) if critic is not None and config.frechet else None,
        genre_means=GenreMeans(critic.genres, critic.width).to(device)
        if critic is not None and critic.genres
        else None,
        warm_start=start is not None,
        knows_genres=start is not None and bool(model.genres) and start.config.genres == model.genres,
    )


def kimg(state: State, config: TrainConfig) -> float:
    """Thousands of real posters shown so far."""
    return state.steps * config.batch / 1000


@torch.no_grad()
def update_ema(state: State, weight: float | Tensor) -> None:
    """Move the average of G, BatchNorm's buffers included, towards G: average + weight * (G - average)."""
    averaged, current = state.ema.state_dict(), state.generator.state_dict()
    names = [name for name, value in averaged.items() if value.is_floating_point()]
    each = [weight] * len(names) if isinstance(weight, Tensor) else weight
    torch._foreach_lerp_([averaged[name] for name in names], [current[name] for name in names], each)


@torch.no_grad()
def recalibrate(generator: Generator, labels: Tensor | None = None, images: int = RECALIBRATION_IMAGES) -> Generator:
    """A copy in eval mode whose BatchNorm statistics are those of its own weights.

    Averaged statistics are not the statistics of averaged weights. They are computed anew as plain means over
    ``images`` pictures of fixed seeds, in batches of 64; for a generator with genres with ``labels`` (64, genres),
    the same in each batch.
    """
    copied = copy.deepcopy(generator).train()
    norms = [module for module in copied.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # cumulative mean
    device = next(copied.parameters()).device
    for first in range(RECALIBRATION_SEED, RECALIBRATION_SEED + images, 64):
        copied(latents(range(first, first + 64), copied.config, device), labels)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return copied.eval()


def weights_are_finite(state: State) -> bool:
    """Whether no weight of either network is NaN or infinite."""
    parameters = [*state.generator.parameters(), *state.discriminator.parameters()]
    return bool(torch.stack([weight.detach().sum() for weight in parameters]).isfinite().all())


def save_state(state: State, run: Path) -> None:
    """Write ``state.pt``, complete or not at all."""
    record = {name: part.state_dict() for name, part in state.parts().items()}
    record |= {name: getattr(state, name) for name in (*NUMBERS, *TENSORS)}
    buffer = io.BytesIO()  # torch.save to a full disk raises anything; to memory it does not fail
    torch.save(record, buffer)
    write_file(run / "state.pt", lambda file: file.write(buffer.getbuffer()))


def load_state(state: State, run: Path, device: torch.device) -> None:
    """Fill ``state`` from ``run/state.pt``; TrainingError if it cannot be read or does not fit."""
    path = run / "state.pt"
    try:
        with zipfile.ZipFile(path) as file:  # torch.load does not look at the checksums
            if file.testzip() is not None:
                raise zipfile.BadZipFile
        record = torch.load(path, map_location=device, weights_only=True)
        if not isinstance(record, dict):
            raise TypeError
        record = upgraded(record, state)
        for name, part in state.parts().items():
            part.load_state_dict(record[name])
        for name in (*NUMBERS, *TENSORS):
            setattr(state, name, record[name])
    except (
        RuntimeError, ValueError, LookupError, TypeError, AttributeError, EOFError, OSError, pickle.UnpicklingError,
        struct.error, zipfile.BadZipFile,
    ) as error:  # fmt: skip
        raise TrainingError(f"{path} does not fit these options, or is damaged.") from error


OLD_NAMES = {"rate": "lr_scale", "rate_d": "lr_scale_d"}  # of version 0.1
OLD_METRICS = ("loss_d", "loss_g", "accuracy_d", "skipped_d", "logit_gap")  # places in ``sums``, until version 0.2
OLD_VALUES = {"warm_start": False, "knows_genres": False, "noise_version": 1, "tick": None}  # before they were stored


def upgraded(record: Mapping[str, Any], state: State) -> dict[str, Any]:
    """The content of a ``state.pt`` of any version, as this version writes it: the run goes on bit for bit."""
    record = OLD_VALUES | {OLD_NAMES.get(name, name): value for name, value in record.items()}
    if "summed" in record:
        summed, sums = record.pop("summed"), record["sums"]
        record["sums"] = dict(zip(OLD_METRICS, sums.unbind(), strict=True)) if summed else {}
        record["counts"] = dict.fromkeys(record["sums"], summed)
    if state.optimizer_critic is not None and "optimizer_critic" not in record:
        record["optimizer_d"], record["optimizer_critic"] = _halves(record["optimizer_d"], state.optimizer_d)
    if state.genre_means is not None:  # before there were any
        record.setdefault("genre_means", state.genre_means.state_dict())
    return record


def _halves(both: Mapping[str, Any], first: torch.optim.Optimizer) -> tuple[dict[str, Any], dict[str, Any]]:
    """The state dict of one optimizer of two networks, D and its critic, as one for each."""
    count = sum(len(group["params"]) for group in first.param_groups)
    (group,) = both["param_groups"]
    halves = []
    for places in (range(count), range(count, len(group["params"]))):
        moments = {place - places.start: both["state"][place] for place in places if place in both["state"]}
        halves.append({"state": moments, "param_groups": [group | {"params": list(range(len(places)))}]})
    return halves[0], halves[1]
