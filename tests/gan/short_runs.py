"""What the tests of training share: short runs, and whether two of them ended in the same place."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gan import ModelConfig, TrainConfig
from gan.training.randomness import LATENTS, seeded
from gan.training.state import State
from gan.training.step import StepMetrics

PARTS = ("generator", "discriminator", "ema", "optimizer_g", "optimizer_d")


def config_of(steps: int, **changes: Any) -> TrainConfig:
    """Batches of 4, so a step is 0.004 kimg; a line every step, everything else at the end only."""
    settings = {"augment": "", "tick_kimg": 0.004, "grid_kimg": 100, "snapshot_kimg": 100, "eval_kimg": 0}
    return TrainConfig(**({"kimg": steps * 0.004, "batch": 4, **settings} | changes))


def flat(content: Any) -> Iterator[Any]:
    """Every leaf of nested dicts and lists."""
    if isinstance(content, dict | list | tuple):
        for value in content.values() if isinstance(content, dict) else content:
            yield from flat(value)
    else:
        yield content


def equal(first: Any, second: Any) -> bool:
    pairs = list(zip(flat(first), flat(second), strict=True))
    return all(torch.equal(a, b) if isinstance(a, Tensor) else a == b for a, b in pairs)


def weights(state: State) -> dict[str, Any]:
    return {part: copy.deepcopy(getattr(state, part).state_dict()) for part in PARTS}


def noise_of_step(count: int, model: ModelConfig, number: int) -> Tensor:
    """What a run of seed 0 feeds to G in its step ``number``."""
    return torch.randn(count, model.latent, 1, 1, generator=seeded(torch.Generator(), number, LATENTS))


def numbers(metrics: StepMetrics) -> dict[str, float]:
    return {name: value.item() for name, value in metrics.items()}


def state_of(run: Path) -> dict[str, Any]:
    """All that a run's ``state.pt`` holds, but for the time that it took."""
    record = torch.load(run / "state.pt", weights_only=True)
    del record["seconds"]
    if record["tick"] is not None:
        del record["tick"]["row"]["seconds"], record["tick"]["row"]["images_per_second"]
    return record


class Pyramid(nn.Module):
    """A backbone for the projected critic that is small and the same each time it is made."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(1)
            self.convolutions = nn.ModuleList([nn.Conv2d(3, 4, 3, 4, 1), nn.Conv2d(4, 6, 3, 2, 1)])

    def forward(self, images: Tensor) -> list[Tensor]:
        maps = [images]
        for convolution in self.convolutions:
            maps.append(torch.tanh(convolution(maps[-1])))
        return maps[1:]
