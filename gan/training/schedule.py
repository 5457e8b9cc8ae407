"""What the number of a step decides: its noise, its learning rates, how loud labels are, whether slopes are punished.

    now = schedule(state, config)
    now.rate_g                               # after decay and guard rails
    noise_seed(config, state)                # names all random numbers of this step

All of it follows from the number of steps and what the guard rails have left, so none of it has to be stored.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from gan.training.config import TrainConfig
from gan.training.state import State, kimg

Number = float | Tensor


@dataclass(frozen=True)
class Schedule:
    """The numbers of one step, or tensors of no dimension that a graph reads anew at every replay (gan.training.cuda_graph).

    rate_g, rate_d : learning rates. ramp : size of the labels, 0 to 1. follow : how far the average goes towards G, 0
    to 1.
    """

    rate_g: Number
    rate_d: Number
    ramp: Number
    follow: Number


def schedule(state: State, config: TrainConfig) -> Schedule:
    """The numbers of the step that comes next."""
    left = rate_left(state, config)
    rate_g, rate_d = config.lr_g * state.rate * left, config.lr_d * state.rate_d * state.rate * left
    ramp = min(1.0, kimg(state, config) / config.label_ramp_kimg) if config.label_ramp_kimg else 1.0
    return Schedule(rate_g, rate_d, ramp, follow(state.steps + 1, config))


def rate_left(state: State, config: TrainConfig) -> float:
    """What the decay leaves of both rates: all, then less and less down to a tenth."""
    done = kimg(state, config) / config.kimg
    left = (1 - done) / (1 - config.decay_from) if config.decay_from < min(done, 1) else 1.0
    return max(left, 0.1)


def follow(steps: int, config: TrainConfig) -> float:
    """How far the average goes towards G after so many steps, 0 to 1.

    The half-life grows with the run up to ``ema_kimg``, so that early noise is soon forgotten
    (Karras et al. 2020).
    """
    half_life = min(config.ema_kimg, 0.05 * (steps * config.batch / 1000)) * 1000
    return 1 - 0.5 ** (config.batch / half_life) if half_life > 0 else 1.0


def punished(state: State, config: TrainConfig) -> bool:
    """Whether D pays for steep slopes in the step that comes next."""
    return config.penalty > 0 and state.steps % config.penalty_every == 0


def noise_seed(config: TrainConfig, state: State) -> int:
    """The CPU's generator looks at 32 bits only; the golden ratio keeps the runs' streams far apart.

    A run that was restored draws other numbers than those that led it astray.
    """
    return (config.seed * 0x9E3779B1 + state.restores * 0x85EBCA6B + state.steps) % 2**32


def crossed(before: float, now: float, every: float) -> bool:
    """Whether a multiple of ``every`` lies in (before, now]; rounded against float noise."""
    return math.floor(round(now / every, 6)) > math.floor(round(before / every, 6))
