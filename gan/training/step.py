"""One update of D and one of G: :func:`step`.

    metrics = step(state, real, labels, config)
    {name: value.item() for name, value in metrics.items()}     # {"loss_d": 1.3, "loss_g": 0.9, "r1": ...}

:func:`updates` has the lines of gan/training/tutorial.py; what is added to the textbook's two losses (regularisers, the
projected critic, genres) is a function each. Whatever is added to a loss is a term with a name (:class:`Terms`), which
is logged without further ado. All randomness of step n is drawn from (seed, n): a resumed run is the uninterrupted one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gan.networks.projected import ProjectedCritic
from gan.training.augment import augment
from gan.training.batches import drop_labels
from gan.training.config import TrainConfig
from gan.training.distributed import ALONE, World
from gan.training.losses import (
    CRITIC_LOSSES,
    LECAM_DECAY,
    LOSSES,
    genre_loss,
    gradient_penalty,
    head_penalty,
    imle_loss,
    lecam,
)
from gan.training.randomness import BatchRandom
from gan.training.schedule import Schedule, frechet_due, noise_seed, noise_start, penalty_due, refresh_due, schedule
from gan.training.state import State, update_ema

STEP_METRICS = {  # what a step may return, with what it is; a term that is not due in a step is not in its metrics
    "loss_d": "D's adversarial loss",
    "loss_g": "G's adversarial loss",
    "accuracy_d": "proportion of posters on which D is right",
    "skipped_d": "proportion of steps in which D was not updated",
    "logit_gap": "mean logit of real posters minus that of generated ones",
    "logit_real": "mean logit of real posters",
    "logit_fake": "mean logit of generated posters",
    "r1": "D's mean squared gradient at real posters, before its weight",
    "r2": "D's mean squared gradient at generated posters, before its weight",
    "lecam": "LeCam regulariser of D, before its weight",
    "critic_d": "the projected critic's own loss",
    "critic_g": "what the projected critic adds to G's loss, before its weight",
    "critic_r1": "the critic's mean squared gradient at the features of real posters, before its weight",
    "critic_r2": "the critic's mean squared gradient at the features of generated posters, before its weight",
    "imle": "distance from real posters to the closest generated one, relative to that of two real ones",
    "frechet": "Frechet distance of the critic's features, relative to their variance, before its weight",
    "genres_d": "the critic's loss on the genres of real posters",
    "genres_g": "what requested genres add to G's loss, before their weight",
}
StepMetrics = dict[str, Tensor]


@dataclass(frozen=True)
class Batch:
    """Real posters (n, 3, H, W), their labels (n, genres) or None, and the random numbers of the step."""

    real: Tensor
    labels: Tensor | None
    rng: BatchRandom


@dataclass(frozen=True)
class Seen:
    """What D saw in a step, after augmentation and label dropout, and its logits (n,), which carry gradients."""

    real: Tensor
    fake: Tensor
    labels: Tensor | None
    logit_real: Tensor
    logit_fake: Tensor


@dataclass(frozen=True)
class CriticView:
    """The critic, its frozen maps of real and of generated posters in a step, and its logits of the former.

    Gradients flow from ``fake`` to G.
    """

    critic: ProjectedCritic
    real: list[Tensor]
    fake: list[Tensor]
    logits_real: Tensor


class Terms(dict[str, Tensor]):
    """The terms of a loss by name, without their weights and gradients; ``total`` is their weighted sum."""

    total: Tensor

    def add(self, name: str, value: Tensor, weight: float = 1.0) -> None:
        """Add a scalar to the loss, times a weight."""
        weighted = value if weight == 1 else weight * value
        self.total = self.total + weighted if self else weighted
        self[name] = value.detach()


def step(state: State, real: Tensor, labels: Tensor | None, config: TrainConfig, world: World = ALONE) -> StepMetrics:
    """Update D from real posters (n, 3, H, W) with labels (n, genres) or None, then G; returns scalars by name."""
    seed, start, rows = noise_seed(config, state), noise_start(state), world.rows(config.batch)
    rng = BatchRandom.of_batch(config.batch, seed, real.device, rows, start)
    refresh_moments(state, config)
    metrics = updates(state, Batch(real, labels, rng), config, schedule(state, config), world)
    state.steps += 1
    return metrics


def updates(state: State, batch: Batch, config: TrainConfig, now: Schedule, world: World = ALONE) -> StepMetrics:
    """The two updates of a step. Nothing here waits for the device or counts, so that a graph can hold it.

    G's update reuses the generated batch of D's update and, where the loss compares, D's logits of the real one.
    """
    generator, discriminator, critic, loss = state.generator, state.discriminator, state.critic, LOSSES[config.loss]
    device = batch.real.device.type
    autocast = torch.autocast(device, torch.bfloat16, enabled=uses_bfloat16(config, device))
    set_learning_rates(state, now)
    labels, terms_d, terms_critic, terms_g = batch.labels, Terms(), Terms(), Terms()
    if labels is not None:
        labels = drop_labels(labels, config.label_dropout, batch.rng) * now.label_scale

    # (1) Update D. Real and generated posters go through it apart: each batch has BatchNorm statistics of its own.
    z = batch.rng.normal(generator.config.latent, 1, 1)
    with autocast:
        fake = generator(z, labels)
        real, fake = augment(batch.real, config.augment, batch.rng), augment(fake, config.augment, batch.rng)
        logit_real = discriminator.logit(real, labels).float()
        logit_fake = discriminator.logit(fake.detach(), labels).float()
        terms_d.add("loss_d", loss.discriminator(logit_real, logit_fake, config.real_label))
        regularise(terms_d, state, Seen(real, fake.detach(), labels, logit_real, logit_fake), config, world)
    correct = world.mean(loss.accuracy(logit_real, logit_fake).detach())
    skip_d = config.skip_d_above < 1 and correct.item() > config.skip_d_above
    if not skip_d:
        update(state.optimizer_d, terms_d.total, world)
    if critic is not None and state.optimizer_critic is not None:
        with autocast:
            maps_real, maps_fake = critic.features(real), critic.features(fake)  # the latter for G's update as well
            view = CriticView(critic, maps_real, maps_fake, critic.logits(maps_real))
            # All labels that are known: the critic's classifier learns genres, it is not conditioned on them.
            add_critic_d(terms_critic, view, batch.labels, config)
        update(state.optimizer_critic, terms_critic.total, world)

    # (2) Update G. It needs the gradients of D and of the critic, not those of their weights.
    with frozen(discriminator), frozen(critic), autocast:
        logit_g = discriminator.logit(fake, labels).float()
        terms_g.add("loss_g", loss.generator(logit_real.detach(), logit_g), config.adversarial)
        if critic is not None:
            add_critic_g(terms_g, view, labels, config)
            add_distances(terms_g, state, view, config, world)
        update(state.optimizer_g, terms_g.total, world)

    update_ema(state, now.ema_weight)
    mean_real, mean_fake = logit_real.detach().mean(), logit_fake.detach().mean()
    return {
        "loss_d": terms_d["loss_d"], "loss_g": terms_g["loss_g"], "accuracy_d": correct,
        "skipped_d": torch.full_like(correct, float(skip_d)), "logit_gap": mean_real - mean_fake,
        "logit_real": mean_real, "logit_fake": mean_fake, **terms_d, **terms_critic, **terms_g,
    }  # fmt: skip


def refresh_moments(state: State, config: TrainConfig) -> None:
    """What the Frechet term needs now and then: a decomposition, which reads values and so has no place in a graph."""
    if state.moments is not None and refresh_due(state, config):
        state.moments.refresh()


def update(optimizer: torch.optim.Optimizer, loss: Tensor, world: World) -> None:
    """One step of the optimizer, down the mean of all processes' losses."""
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves backward untyped
    world.average_gradients(weight for group in optimizer.param_groups for weight in group["params"])
    optimizer.step()


def regularise(terms: Terms, state: State, seen: Seen, config: TrainConfig, world: World) -> None:
    """Add gradient penalties (R1, R2) and LeCam to D's loss; moves LeCam's running averages."""
    if penalty_due(state, config):
        with torch.autocast(seen.real.device.type, enabled=False):  # second derivatives need single precision
            for name, images in (("r1", seen.real), ("r2", seen.fake)):
                penalty = gradient_penalty(state.discriminator, images.float(), seen.labels)
                terms.add(name, penalty, 0.5 * config.penalty * config.penalty_every)
    if config.lecam:
        terms.add("lecam", lecam(seen.logit_real, seen.logit_fake, state.averages), config.lecam)
        means = world.mean(torch.stack([seen.logit_real.detach().mean(), seen.logit_fake.detach().mean()]))
        state.averages.lerp_(means, 1 - LECAM_DECAY)


def add_critic_d(terms: Terms, view: CriticView, labels: Tensor | None, config: TrainConfig) -> None:
    """The critic's own loss: real posters up, generated ones down, its penalties, and the labels of real posters."""
    critic, maps_fake = view.critic, [maps.detach() for maps in view.fake]
    logits_fake = critic.logits(maps_fake)
    terms.add("critic_d", CRITIC_LOSSES[config.critic_loss].critic(view.logits_real.float(), logits_fake.float()))
    if config.critic_penalty:
        with torch.autocast(logits_fake.device.type, enabled=False):
            for name, maps in (("critic_r1", view.real), ("critic_r2", maps_fake)):
                terms.add(name, head_penalty(critic, maps), 0.5 * config.critic_penalty)
    if labels is not None:
        terms.add("genres_d", genre_loss(critic.genre_logits(view.real).float(), labels.float(), critic.balance))


def add_critic_g(terms: Terms, view: CriticView, labels: Tensor | None, config: TrainConfig) -> None:
    """What the critic adds to G's loss: generated posters up, with the genres that were requested."""
    critic, logits_real = view.critic, view.logits_real.detach().float()
    logits_fake = critic.logits(view.fake).float()
    terms.add("critic_g", CRITIC_LOSSES[config.critic_loss].generator(logits_real, logits_fake), config.critic)
    if labels is not None:
        genres = genre_loss(critic.genre_logits(view.fake).float(), labels, critic.balance)
        terms.add("genres_g", genres, config.classifier)


def add_distances(terms: Terms, state: State, view: CriticView, config: TrainConfig, world: World) -> None:
    """Add distances of the pooled features of both batches to G's loss; moves the running moments."""
    if state.moments is None and not config.imle:
        return
    real, fake = (view.critic.pooled(maps).float() for maps in (view.real, view.fake))
    if config.imle:
        terms.add("imle", imle_loss(real, fake), config.imle)
    if state.moments is not None:
        state.moments.add(real, fake.detach(), world)
        if frechet_due(state, config):
            terms.add("frechet", state.moments.loss(fake), config.frechet)


def uses_bfloat16(config: TrainConfig, device: str) -> bool:
    """Whether the forward passes are in bfloat16."""
    return config.precision == "bfloat16" or (config.precision == "auto" and device == "cuda")


@contextmanager
def frozen(network: nn.Module | None) -> Iterator[None]:
    """Gradients flow through the network, not into its weights."""
    weights = [] if network is None else [weight for weight in network.parameters() if weight.requires_grad]
    for weight in weights:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in weights:
            weight.requires_grad_(True)


def set_learning_rates(state: State, now: Schedule) -> None:
    """Set the learning rates of all optimizers."""
    for optimizer, rate in zip(state.optimizers(), (now.lr_g, now.lr_d, now.lr_critic), strict=False):
        for group in optimizer.param_groups:
            group["lr"] = rate
