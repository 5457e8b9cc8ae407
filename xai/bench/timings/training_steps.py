"""Steps of training to be timed: the PyTorch tutorial's loop, and the project's own on the same posters.

    step = ours(drawn_posters(), torch.device("cpu"), batch=128)
    step()                                                          # one update of D and of G

It needs nothing but torch, so that it runs on a machine for training.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count

import numpy as np
import torch

import gan
from gan.data.synthetic import draw_poster
from gan.training.batches import BatchLoader
from gan.training.distributed import ALONE
from gan.training.runs.run import StepFunction
from gan.training.state import new_state
from gan.training.step import step
from gan.training.tutorial import train

POSTERS = 256
Job = Callable[[], None]  # one step


def drawn_posters() -> gan.PosterSet:
    """What all rungs train on."""
    pixels = np.stack([np.asarray(draw_poster(seed, 64).image) for seed in range(POSTERS)])
    return gan.PosterSet(pixels, tuple(map(str, range(POSTERS))), ((),) * POSTERS, (), (False,) * POSTERS)


def tutorial(
    posters: gan.PosterSet,
    device: torch.device,
    batch: int,
    channels_last: bool = False,
    resident: bool = False,
    bfloat16: bool = False,
) -> Job:
    """The loop of the PyTorch DCGAN tutorial (gan.training.tutorial), which reads its losses after every step."""
    config = gan.ModelConfig()
    layout = torch.channels_last if channels_last else torch.contiguous_format
    net_g, net_d = gan.Generator(config).to(device), gan.Discriminator(config).to(device)
    pixels = posters.tensor(range(len(posters))).to(device if resident else "cpu")
    numbers = np.random.default_rng(0)
    indices = (torch.from_numpy(numbers.integers(0, len(pixels), batch)) for _ in count())
    batches = (pixels[rows].to(device, memory_format=layout) for rows in indices)
    steps = train(net_g.to(memory_format=layout), net_d.to(memory_format=layout), batches)

    def one_step() -> None:
        # Without the cache: it would hold the weights of D from before their update until the end of the step.
        with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16, cache_enabled=False):
            next(steps)

    return one_step


def preset(batch: int) -> gan.TrainConfig:
    """What the project's own rungs train."""
    return replace(gan.PRESETS["dcgan"].train, batch=batch)


def ours(posters: gan.PosterSet, device: torch.device, batch: int, step_fn: StepFunction = step) -> Job:
    """The project's own step, eager or as a graph, with batches as in training."""
    config = preset(batch)
    state = new_state(gan.ModelConfig(), config, device)
    feed, numbers = BatchLoader(posters, (), device), np.random.default_rng(0)

    def one_step() -> None:
        real, labels = feed(numbers.integers(0, len(posters), batch))
        step_fn(state, real, labels, config, ALONE)

    return one_step
