"""What the number of a step decides: noise, learning rates, the scale of labels, whether a penalty is due.

    now = schedule(state, config)
    now.lr_g                                 # after decay and guard rails
    noise_seed(config, state)                # names all random numbers of this step

All of it follows from the number of steps and what the guard rails have left, so none of it has to be stored.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from gan.training.config import TrainConfig
from gan.training.randomness import LATENTS
from gan.training.state import State, kimg

Number = float | Tensor
REFRESH_KIMG = 0.5  # from one transport map of the Frechet term to the next


@dataclass(frozen=True)
class Schedule:
    """The numbers of one step, or 0-d tensors that a graph reads anew at every replay (gan.training.cuda_graph).

    lr_g, lr_d, lr_critic : learning rates. D's alone is lowered where D overpowers G.
    label_scale : factor of the labels, 0 to 1.
    ema_weight : weight of G in its moving average, 0 to 1.
    """

    lr_g: Number
    lr_d: Number
    lr_critic: Number
    label_scale: Number
    ema_weight: Number


def schedule(state: State, config: TrainConfig) -> Schedule:
    """The numbers of the step that comes next."""
    decay = lr_decay(state, config)
    lr_g, lr_d = config.lr_g * state.lr_scale * decay, config.lr_d * state.lr_scale_d * state.lr_scale * decay
    lr_critic = config.lr_d * state.lr_scale * decay
    ramp = 0.0 if state.knows_genres else config.label_ramp_kimg
    label_scale = min(1.0, kimg(state, config) / ramp) if ramp else 1.0
    weight = ema_weight(state.steps + 1, config, ramp=not state.warm_start)
    return Schedule(lr_g, lr_d, lr_critic, label_scale, weight)


def lr_decay(state: State, config: TrainConfig) -> float:
    """Factor of both learning rates: 1, then falling linearly down to a tenth."""
    done = kimg(state, config) / config.kimg
    left = (1 - done) / (1 - config.decay_from) if config.decay_from < min(done, 1) else 1.0
    return max(left, 0.1)


def ema_weight(steps: int, config: TrainConfig, ramp: bool = True) -> float:
    """Weight of G in its moving average after ``steps`` steps, 0 to 1.

    The half-life grows with the run up to ``ema_kimg``, so that the first weights soon lose their influence
    (Karras et al. 2020); not where the first weights are an average worth keeping, as edm's for transfer.
    """
    longest = 0.05 * (steps * config.batch / 1000) if ramp else math.inf
    half_life = min(config.ema_kimg, longest) * 1000
    return 1 - 0.5 ** (config.batch / half_life) if half_life > 0 else 1.0


def penalty_due(state: State, config: TrainConfig) -> bool:
    """Whether the gradient penalty is computed in the step that comes next."""
    return config.penalty > 0 and state.steps % config.penalty_every == 0


def frechet_due(state: State, config: TrainConfig) -> bool:
    """Whether the Frechet term is in the loss of the step that comes next: not before enough posters were counted."""
    return state.moments is not None and state.steps * config.batch >= state.moments.fewest


def refresh_due(state: State, config: TrainConfig) -> bool:
    """Whether the Frechet term's transport map is computed anew before the step that comes next, and the first time."""
    if state.moments is None or not frechet_due(state, config):
        return False
    before = (state.steps - 1) * config.batch
    return before < state.moments.fewest or crossed(before / 1000, kimg(state, config), REFRESH_KIMG)


def noise_seed(config: TrainConfig, state: State) -> int:
    """Seed of all random numbers of the step that comes next, below 2**32.

    The CPU's generator uses 32 bits only; the golden ratio keeps the streams of different runs far apart. A run that
    was restored draws other numbers than those with which it diverged.
    """
    return (config.seed * 0x9E3779B1 + state.restores * 0x85EBCA6B + state.steps) % 2**32


def noise_start(state: State) -> int:
    """How many numbers of its stream a step leaves out: those that are the latent of the same seed.

    Without that G would be trained on the very latents that people look at, for a run's steps are small seeds, too.
    """
    return 0 if state.noise_version == 1 else LATENTS


def crossed(before: float, now: float, every: float) -> bool:
    """Whether a multiple of ``every`` lies in (before, now]; rounded against float noise."""
    return math.floor(round(now / every, 6)) > math.floor(round(before / every, 6))
