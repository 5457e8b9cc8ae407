"""Guard rails: what goes wrong in the training of GANs, noticed at every tick.

    found = look(state, row, config)          # "D overpowers G ...", or ""
    if found.restore: ...

Three things are watched. *NaN*: a loss or a weight is no finite number. *Collapse*: the mean distance of two generated
posters falls below a share of that of two real ones, after it was above it. *Overpowering*: D is right nearly always
for some ticks, and G has no slope left to follow. The answers: restore the last saved state with half the rates and
other noise; lower D's rate, and raise it again when G has recovered.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from gan.data.posters import PosterSet
from gan.networks.dcgan import Generator, latents
from gan.training.config import TrainConfig
from gan.training.state import State, kimg, weights_are_finite

OVERPOWERED, RECOVERED = 0.97, 0.85  # D's accuracy over a tick
PATIENCE = 5  # ticks in a row
LOWER = 0.7  # what an answer leaves of D's rate
LEAST = 0.1  # D's rate never falls below this share of what was asked for
COLLAPSED, DIVERSE = 0.35, 0.6  # distance of generated posters as a share of that of real ones
RESTORES = 3
PICTURES, SIDE = 64, 16  # posters that are compared, and the side at which they are


@dataclass(frozen=True)
class Finding:
    """text : one sentence, or "". restore : whether the state is to be thrown away."""

    text: str = ""
    restore: bool = False


def look(
    state: State, loss: float, accuracy: float, diversity: float, config: TrainConfig, whole: bool = True
) -> Finding:
    """What is wrong after a tick with these means and this diversity; may change D's rate in ``state``.

    Of a tick that is not ``whole``, because the run was stopped, only NaN counts: the resumed run will see all of it.
    """
    if not (math.isfinite(loss) and weights_are_finite(state)):
        return Finding(f"A loss or a weight is not a finite number at {kimg(state, config):.2f} kimg.", True)
    if config.guard == "off" or not whole:
        return Finding()
    if diversity > DIVERSE:
        state.diverse = True
    if state.diverse and diversity < COLLAPSED:
        state.diverse = False  # named once, and again only after G has recovered
        share = f"generated posters differ {diversity:.0%} as much as real ones"
        return Finding(f"G collapsed at {kimg(state, config):.2f} kimg: {share}.", config.guard == "answer")
    return Finding(_balance(state, accuracy, config))


def _balance(state: State, accuracy: float, config: TrainConfig) -> str:
    """Lower or raise D's rate when it was too strong or weak enough for some ticks; one sentence, or ""."""
    towards = 1 if accuracy > OVERPOWERED else -1 if accuracy < RECOVERED and state.rate_d < 1 else 0
    same_way = towards * state.overpowered > 0
    state.overpowered = state.overpowered + towards if same_way else towards
    if abs(state.overpowered) < PATIENCE:
        return ""
    state.overpowered = 0
    if config.guard == "answer":
        state.rate_d = max(LEAST, state.rate_d * LOWER) if towards > 0 else min(1.0, state.rate_d / LOWER)
    what = f"D overpowers G (accuracy {accuracy:.2f})" if towards > 0 else f"G has recovered (accuracy {accuracy:.2f})"
    return f"{what} at {kimg(state, config):.2f} kimg; D's rate is {state.rate_d:.2f} of what was asked for."


@torch.no_grad()
def diversity(generator: Generator, spread_of_real: float, labels: Tensor | None = None) -> float:
    """Mean distance of two generated posters of fixed seeds as a share of ``spread_of_real``."""
    device = next(generator.parameters()).device
    was = generator.training
    pictures = generator.eval()(latents(range(PICTURES), generator.config, device), labels)
    generator.train(was)
    return spread(pictures) / max(spread_of_real, 1e-6)


def spread_of(posters: PosterSet) -> float:
    """Mean distance of two of the first posters."""
    return spread(posters.tensor(range(min(PICTURES, len(posters)))))


def spread(images: Tensor) -> float:
    """Mean Euclidean distance of two different pictures (N, 3, H, W), seen at 16 x 16."""
    small = adaptive_avg_pool2d(images.float(), SIDE).flatten(1)
    return float(torch.pdist(small.cpu()).mean())
