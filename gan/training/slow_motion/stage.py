"""One update at a time: a run on a stage, with what D saw, whom it believed, and what its gradient asks G to change.

    stage = Stage(from_nothing(), drawn_posters((32, 32)))       # gan.training.slow_motion.starts
    d = stage.step_d()
    d.before.wrong_fake                   # (n,), the generated posters that D took for real
    d.asked                               # (n, 3, H, W), minus the gradient of D's loss for G at each of them
    g = stage.step_g()
    g.posters                             # the same noise after G's update
    stage.run(100)                        # a hundred steps without stopping
    stage.restore(0)                      # back to where it began, bit for bit

The updates are those of gan.training.step, in which a run makes them too, on the batches and the random numbers of a
run: a run that was looked at is the run that was not, bit for bit. Guard rails and validation are the loop's
(gan.training.loop), and not here. Everything is on the CPU.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from gan.data.posters import PosterSet
from gan.errors import TrainingError, counted
from gan.networks.dcgan import latents
from gan.training.batches import BatchLoader
from gan.training.config import TrainConfig
from gan.training.losses import LOSSES
from gan.training.runs.run import last_step
from gan.training.schedule import Schedule, schedule
from gan.training.slow_motion.saved import CPU, SavedStates
from gan.training.state import State
from gan.training.step import (
    AfterD,
    LossOfG,
    autocast,
    batch_of_step,
    draw,
    loss_of_g,
    metrics_of,
    refresh_moments,
    step,
    update_d,
    update_g,
)

EVERY = 25  # steps from one state that is saved unasked to the next
SEEDS = range(8)  # whose posters are drawn at every saved state


@dataclass(frozen=True)
class Start:
    """Where a stage begins. notes : what differs from the run that the state is of, in sentences."""

    state: State
    config: TrainConfig
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Verdicts:
    """D's logits (n,) of real and of generated posters, and on which it is wrong (n,), in the sense of its loss."""

    logit_real: Tensor
    logit_fake: Tensor
    wrong_real: Tensor
    wrong_fake: Tensor

    @property
    def fooled(self) -> int:
        """Generated posters on which D is wrong."""
        return int(self.wrong_fake.sum())

    @property
    def wrong(self) -> int:
        """Posters of both kinds on which D is wrong."""
        return self.fooled + int(self.wrong_real.sum())

    @property
    def mean_fake(self) -> float:
        """D's mean logit of generated posters."""
        return float(self.logit_fake.mean())


@dataclass(frozen=True, eq=False)
class DStep:
    """What D's update did.

    number : of the step, from 1. z : noise (n, latent, 1, 1). real, fake : posters (n, 3, H, W) in [-1, 1].
    before, after : D's verdicts on them before and after its update, as it sees them: augmented, in train mode.
    skipped : whether D was right too often to be updated.
    asked : (n, 3, H, W), minus the gradient of D's part of G's loss at the generated posters, after D's update.
    loss : D's.
    """

    number: int
    z: Tensor
    real: Tensor
    fake: Tensor
    before: Verdicts
    after: Verdicts
    skipped: bool
    asked: Tensor
    loss: float


@dataclass(frozen=True, eq=False)
class GStep:
    """What G's update did.

    posters : (n, 3, H, W) in [-1, 1], of the same noise. verdicts : D's, on these and the same real posters.
    changed : (n, 3, H, W), the new posters minus the old ones. alignment : (n,), cosine similarity of ``changed`` and
    what D asked for. loss : G's, all its terms, before its update.
    """

    posters: Tensor
    verdicts: Verdicts
    changed: Tensor
    alignment: Tensor
    loss: float


@dataclass(frozen=True, eq=False)
class _Half:
    """A step of which D's half is done."""

    real: Tensor
    labels: Tensor | None
    now: Schedule
    after_d: AfterD
    loss_g: LossOfG
    shown: DStep


def nbytes(state: State) -> int:
    """What weights, their gradients, Adam's two moments and the average take in memory."""
    trained = [state.generator, state.discriminator, *filter(None, [state.critic])]
    weights = [parameter for network in trained for parameter in network.parameters()] * 4
    return sum(weight.numel() * weight.element_size() for weight in [*weights, *state.ema.parameters()])


class Stage:
    """A run that can stop within a step.

    history : metrics of each whole step made so far, by its number and by the names of STEP_METRICS. What was seen once
        stays true: a run that goes back makes the same steps again.
    previews : posters (8, 3, H, W) of the same eight seeds at each saved state, by its number of steps.
    every : steps from one saved state to the next. most : states that are kept (gan.training.slow_motion.saved).

    Raises
    ------
    TrainingError
        If the posters are fewer than a batch or of another size than the networks', or a state cannot be written.
    """

    def __init__(self, start: Start, posters: PosterSet, every: int = EVERY, most: int = 8) -> None:
        self.state, self.config, self.notes, self.every = start.state, start.config, start.notes, every
        _check_posters(posters, start)
        self.loader = BatchLoader(posters, start.state.generator.config.genres, CPU)
        self.saved, self.history = SavedStates(most), dict[int, dict[str, float]]()
        self.d_step: DStep | None = None
        self.g_step: GStep | None = None
        self._half: _Half | None = None
        self.previews: dict[int, Tensor] = {}
        self.save()
        self._rewind()

    @property
    def between(self) -> bool:
        """Whether D's half of a step is done, and G's is not."""
        return self._half is not None

    @property
    def length(self) -> int:
        """The step with which the run ends."""
        return last_step(self.config)

    @property
    def finished(self) -> bool:
        """Whether the run has reached its length."""
        return self.state.steps >= self.length

    # ---- Steps ---------------------------------------------------------------------------------------------

    def step_d(self) -> DStep:
        """Update D with the next batch; TrainingError within a step, or at the end of the run."""
        if self.between:
            raise TrainingError("D was updated in this step; G comes next.")
        real, labels = self._next_batch()
        state, config = self.state, self.config
        refresh_moments(state, config)
        now = schedule(state, config)
        after_d = update_d(state, batch_of_step(state, real, labels, config), config, now)
        loss_g = loss_of_g(state, after_d, config)
        shown = self._d_step(real, after_d, loss_g)
        self._half, self.d_step, self.g_step = _Half(real, labels, now, after_d, loss_g, shown), shown, None
        return shown

    def step_g(self) -> GStep:
        """Update G with the batch of D's update; TrainingError where D comes first."""
        half = self._half
        if half is None:
            raise TrainingError("A step begins with D.")
        update_g(self.state, half.loss_g, self.config, half.now)
        self._half, self.g_step = None, self._g_step(half)
        self.state.steps += 1
        self._count(metrics_of(half.after_d, half.loss_g))
        return self.g_step

    def run(self, steps: int, seconds: float = math.inf) -> None:
        """Make whole steps without looking, until the time is over or the run ends; TrainingError within a step."""
        if self.between:
            raise TrainingError("D was updated in this step; G comes next.")
        self.d_step = self.g_step = None
        end = time.monotonic() + seconds
        for _ in range(min(steps, self.length - self.state.steps)):
            if time.monotonic() > end:
                break
            real, labels = self._next_batch()
            self._count(step(self.state, real, labels, self.config))

    def save(self) -> None:
        """Save the state to go back to; TrainingError within a step, or where it cannot be written."""
        if self.between:
            raise TrainingError("A state is saved between steps, and G comes next.")
        self.saved.save(self.state)
        self.previews[self.state.steps] = self.draw(SEEDS)
        self.previews = {step: self.previews[step] for step in self.saved.steps}

    def restore(self, step: int) -> None:
        """Go back, or forward again, to a saved state; TrainingError where that step is not saved."""
        self._half = self.d_step = self.g_step = None
        self.saved.load(self.state, step)
        self._rewind()

    @torch.no_grad()
    def draw(self, seeds: Iterable[int]) -> Tensor:
        """Posters (N, 3, H, W) of at least two seeds by G as it is now, in train mode, without genres."""
        generator = copy.deepcopy(self.state.generator)
        posters: Tensor = generator(latents(seeds, generator.config))
        return posters.float()

    # ---- Its parts -----------------------------------------------------------------------------------------

    def _rewind(self) -> None:
        """Feed the batches that follow the state."""
        self._indices = self.loader.indices(self.config, self.state.steps)

    def _next_batch(self) -> tuple[Tensor, Tensor | None]:
        if self.finished:
            raise TrainingError(f"The run ends after {counted(self.state.steps, 'step')}.")
        return self.loader(next(self._indices))

    def _count(self, metrics: dict[str, Tensor]) -> None:
        """Log a whole step, and save the state where that is due."""
        self.history[self.state.steps] = {name: value.item() for name, value in metrics.items()}
        if self.state.steps % self.every == 0:
            self.save()

    def _d_step(self, real: Tensor, after_d: AfterD, loss_g: LossOfG) -> DStep:
        shown = after_d.shown
        (gradient,) = torch.autograd.grad(loss_g.by_d, shown.generated, retain_graph=True)
        return DStep(
            self.state.steps + 1,
            shown.z,
            real,
            shown.generated.detach().float(),
            self._verdicts(after_d.logit_real, after_d.logit_fake),
            self._verdicts(self._logits(shown.real, shown.labels), loss_g.logit_fake),
            after_d.skipped,
            -gradient.float(),
            after_d.terms.total.item(),
        )

    @torch.no_grad()
    def _g_step(self, half: _Half) -> GStep:
        """Draw the same noise again, with the augmentation of the step; D sees it as it saw the old posters."""
        batch = batch_of_step(self.state, half.real, half.labels, self.config)
        with autocast(self.config, CPU):
            shown = draw(copy.deepcopy(self.state.generator), batch, self.config, half.now)
        posters = shown.generated.float()
        changed = posters - half.shown.fake
        logits = self._logits(shown.fake, shown.labels)
        alignment = cosine_similarity(changed.flatten(1), half.shown.asked.flatten(1))
        verdicts = self._verdicts(half.shown.after.logit_real, logits)
        return GStep(posters, verdicts, changed, alignment, half.loss_g.terms.total.item())

    @torch.no_grad()
    def _logits(self, images: Tensor, labels: Tensor | None) -> Tensor:
        """D's logits of a batch, by a copy: in train mode its BatchNorm would move."""
        with autocast(self.config, CPU):
            return copy.deepcopy(self.state.discriminator).logit(images, labels).float()

    def _verdicts(self, logit_real: Tensor, logit_fake: Tensor) -> Verdicts:
        return Verdicts(logit_real, logit_fake, *LOSSES[self.config.loss].errors(logit_real, logit_fake))


def _check_posters(posters: PosterSet, start: Start) -> None:
    (height, width), found = start.state.generator.config.size, posters.images.shape[1:3]
    if len(posters) < start.config.batch:
        raise TrainingError(f"A batch of {start.config.batch} needs more than {counted(len(posters), 'poster')}.")
    if found != (height, width):
        raise TrainingError(
            f"The networks are for posters of {width} x {height} pixels, and these have {found[1]} x {found[0]}."
        )
