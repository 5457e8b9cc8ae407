"""Guard rails: what goes wrong in the training of GANs, noticed at every tick.

    diversity = diversity(state.generator, real_distance(training))
    finding = check(state, TickMetrics(loss=1.4, accuracy=0.8, diversity=diversity), config)
    finding.text                              # "D overpowers G ...", or ""
    finding.restore                           # whether to go back to the last saved state

Three things are watched. *NaN*: a loss or a weight is not a finite number. *Collapse*: the mean distance of two
generated posters, relative to that of two real ones, falls below a threshold after it was above another.
*Overpowering*: D is right nearly always for some ticks, and its gradients no longer help G. The answers: restore the
last saved state with half the learning rates and other noise; lower D's learning rate, and raise it again when G has
recovered.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from gan.data.posters import PosterSet, evenly_spaced
from gan.networks.dcgan import Generator, latents
from gan.training.config import TrainConfig
from gan.training.state import State, kimg, weights_are_finite

OVERPOWERED, RECOVERED = 0.97, 0.85  # D's accuracy over a tick
PATIENCE = 5  # ticks in a row
LR_FACTOR = 0.7  # of D's learning rate, in one answer
MIN_LR_SCALE = 0.1  # D's learning rate never falls below this times the configured one
COLLAPSED, DIVERSE = 0.35, 0.6  # distance of generated posters relative to that of real ones
RESTORES = 3
PICTURES, SIDE = 64, 16  # posters that are compared, and the side at which they are


@dataclass(frozen=True)
class TickMetrics:
    """Means over a tick.

    loss : the sum of all terms, finite where each is. accuracy : of D. diversity : see :func:`diversity`.
    complete : False where the tick was cut short because the run is stopped.
    """

    loss: float
    accuracy: float
    diversity: float
    complete: bool = True


@dataclass(frozen=True)
class Finding:
    """What is wrong after a tick. text : one sentence, or "". restore : whether the state is to be given up."""

    text: str = ""
    restore: bool = False


def check(state: State, tick: TickMetrics, config: TrainConfig) -> Finding:
    """What is wrong after a tick; may change D's learning rate in ``state``.

    Of an incomplete tick only NaN counts: the resumed run will see all of it.
    """
    if not (math.isfinite(tick.loss) and weights_are_finite(state)):
        return Finding(f"A loss or a weight is not a finite number at {kimg(state, config):.2f} kimg.", True)
    if config.guard == "off" or not tick.complete:
        return Finding()
    if tick.diversity > DIVERSE:
        state.diverse = True
    if state.diverse and tick.diversity < COLLAPSED:
        state.diverse = False  # named once, and again only after G has recovered
        relative = f"generated posters differ {tick.diversity:.0%} as much as real ones"
        return Finding(f"G collapsed at {kimg(state, config):.2f} kimg: {relative}.", config.guard == "answer")
    return Finding(_balance(state, tick.accuracy, config))


def _balance(state: State, accuracy: float, config: TrainConfig) -> str:
    """Lower or raise D's learning rate when it was too strong or weak enough for some ticks; one sentence, or ""."""
    direction = 1 if accuracy > OVERPOWERED else -1 if accuracy < RECOVERED and state.lr_scale_d < 1 else 0
    same_direction = direction * state.overpowered > 0
    state.overpowered = state.overpowered + direction if same_direction else direction
    if abs(state.overpowered) < PATIENCE:
        return ""
    state.overpowered = 0
    if config.guard == "answer":
        lower, higher = state.lr_scale_d * LR_FACTOR, state.lr_scale_d / LR_FACTOR
        state.lr_scale_d = max(MIN_LR_SCALE, lower) if direction > 0 else min(1.0, higher)
    event = "D overpowers G" if direction > 0 else "G has recovered"
    return (
        f"{event} (accuracy {accuracy:.2f}) at {kimg(state, config):.2f} kimg; "
        f"D's learning rate is now {state.lr_scale_d:.2f} of the configured one."
    )


@torch.no_grad()
def diversity(generator: Generator, real_distance: float, labels: Tensor | None = None) -> float:
    """Mean distance of two generated posters of fixed seeds, relative to that of real ones (:func:`real_distance`).

    labels : (64, genres) for a generator with genres, see :func:`labels_of_each_genre`.
    """
    device = next(generator.parameters()).device
    was = generator.training
    pictures = generator.eval()(latents(range(PICTURES), generator.config, device), labels)
    generator.train(was)
    return mean_distance(pictures) / max(real_distance, 1e-6)


def labels_of_each_genre(genres: int, count: int, device: torch.device | str = "cpu") -> Tensor | None:
    """Labels float (count, genres), each of one genre and the others unknown, all genres as often; None without."""
    if not genres:
        return None
    labels = torch.zeros(count, genres, device=device)
    rows = torch.arange(count, device=device)
    labels[rows, rows * genres // count] = 1
    return labels


def real_distance(posters: PosterSet) -> float:
    """Mean distance of two posters, over as many as are generated, spread evenly over the set."""
    return mean_distance(posters.tensor(evenly_spaced(len(posters), PICTURES)))


def mean_distance(images: Tensor) -> float:
    """Mean Euclidean distance of two different pictures (N, 3, H, W), averaged down to 16 x 16."""
    small = adaptive_avg_pool2d(images.float(), SIDE).flatten(1)
    return float(torch.pdist(small.cpu()).mean())
