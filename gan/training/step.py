"""One update of D and one of G: :func:`step`.

    metrics = step(state, real, labels, config)
    dict(zip(STEP_METRICS, metrics.tolist()))

:func:`updates` has the lines of gan/training/tutorial.py; what is added to the textbook's two losses (regularisers, the
projected critic, genres) is a function each. All randomness of step n is drawn from (seed, n): a resumed run is the
uninterrupted one.
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
from gan.training.distributed import World
from gan.training.losses import LECAM_DECAY, LOSSES, critic_loss, genre_loss, gradient_penalty, lecam
from gan.training.randomness import BatchRandom
from gan.training.schedule import Schedule, noise_seed, penalty_due, schedule
from gan.training.state import State, update_ema

STEP_METRICS = ("loss_d", "loss_g", "accuracy_d", "skipped_d", "logit_gap")
ALONE = World()


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


def step(state: State, real: Tensor, labels: Tensor | None, config: TrainConfig, world: World = ALONE) -> Tensor:
    """Update D from real posters (n, 3, H, W) with labels (n, genres) or None, then G; returns :data:`STEP_METRICS`."""
    rng = BatchRandom.of_batch(config.batch, noise_seed(config, state), real.device, world.rows(config.batch))
    metrics = updates(state, Batch(real, labels, rng), config, schedule(state, config), world)
    state.steps += 1
    return metrics


def updates(state: State, batch: Batch, config: TrainConfig, now: Schedule, world: World = ALONE) -> Tensor:
    """The two updates of a step. Nothing here waits for the device or counts, so that a graph can hold it.

    G's update reuses the generated batch of D's update and, where the loss compares, D's logits of the real one.
    """
    generator, discriminator, critic, loss = state.generator, state.discriminator, state.critic, LOSSES[config.loss]
    device = batch.real.device.type
    autocast = torch.autocast(device, torch.bfloat16, enabled=device == "cuda")
    set_learning_rates(state, now)
    labels = batch.labels
    if labels is not None:
        labels = drop_labels(labels, config.label_dropout, batch.rng) * now.label_scale

    # (1) Update D. Real and generated posters go through it apart: each batch has BatchNorm statistics of its own.
    z = batch.rng.normal(generator.config.latent, 1, 1)
    with autocast:
        fake = generator(z, labels)
        real, fake = augment(batch.real, config.augment, batch.rng), augment(fake, config.augment, batch.rng)
        logit_real = discriminator.logit(real, labels).float()
        logit_fake = discriminator.logit(fake.detach(), labels).float()
        loss_d = loss.discriminator(logit_real, logit_fake, config.real_label)
        seen = Seen(real, fake.detach(), labels, logit_real, logit_fake)
        total_d = loss_d + regularisation(state, seen, config, world)
        if critic is not None:
            maps_real, maps_fake = critic.features(real), critic.features(fake)  # for D's update and for G's
            # All labels that are known: the critic's classifier learns genres, it is not conditioned on them.
            total_d = total_d + critic_discriminator_loss(critic, maps_real, maps_fake, batch.labels)
    correct = world.mean(loss.accuracy(logit_real, logit_fake).detach())
    skip_d = config.skip_d_above < 1 and correct.item() > config.skip_d_above
    if not skip_d:
        update(state.optimizer_d, total_d, world)

    # (2) Update G. It needs the gradients of D and of the critic, not those of their weights.
    with frozen(discriminator), frozen(critic), autocast:
        loss_g = loss.generator(logit_real.detach(), discriminator.logit(fake, labels).float())
        total_g = loss_g
        if critic is not None:
            total_g = total_g + critic_generator_loss(critic, maps_fake, labels, config)
        update(state.optimizer_g, total_g, world)

    update_ema(state, now.ema_weight)
    gap = logit_real.mean() - logit_fake.mean()
    return torch.stack([loss_d, loss_g, correct, torch.full_like(correct, float(skip_d)), gap]).detach()


def update(optimizer: torch.optim.Optimizer, loss: Tensor, world: World) -> None:
    """One step of the optimizer, down the mean of all processes' losses."""
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves backward untyped
    world.average_gradients(weight for group in optimizer.param_groups for weight in group["params"])
    optimizer.step()


def regularisation(state: State, seen: Seen, config: TrainConfig, world: World) -> Tensor:
    """What is added to D's loss, a scalar: gradient penalties (R1, R2) and LeCam; moves LeCam's running averages."""
    total = seen.logit_real.new_zeros(())
    if penalty_due(state, config):
        with torch.autocast(seen.real.device.type, enabled=False):  # second derivatives need single precision
            posters = (seen.real, seen.fake)
            r1_r2 = sum(gradient_penalty(state.discriminator, images.float(), seen.labels) for images in posters)
        total = total + 0.5 * config.penalty * config.penalty_every * r1_r2
    if config.lecam:
        total = total + config.lecam * lecam(seen.logit_real, seen.logit_fake, state.averages)
        means = world.mean(torch.stack([seen.logit_real.detach().mean(), seen.logit_fake.detach().mean()]))
        state.averages.lerp_(means, 1 - LECAM_DECAY)
    return total


def critic_discriminator_loss(
    critic: ProjectedCritic, maps_real: list[Tensor], maps_fake: list[Tensor], labels: Tensor | None
) -> Tensor:
    """The critic's loss, a scalar: real posters up, generated ones down, and the labels of real ones."""
    logits_real, logits_fake = critic.logits(maps_real), critic.logits([maps.detach() for maps in maps_fake])
    total = critic_loss(logits_real.float(), logits_fake.float())
    if labels is not None:
        total = total + genre_loss(critic.genre_logits(maps_real).float(), labels.float(), critic.balance)
    return total


def critic_generator_loss(
    critic: ProjectedCritic, maps_fake: list[Tensor], labels: Tensor | None, config: TrainConfig
) -> Tensor:
    """What the critic adds to G's loss, a scalar: generated posters up, with the genres that were requested."""
    total = -config.critic * critic.logits(maps_fake).float().mean()
    if labels is not None:
        genres = genre_loss(critic.genre_logits(maps_fake).float(), labels, critic.balance)
        total = total + config.classifier * genres
    return total


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
    """Set the learning rates of both optimizers."""
    for optimizer, rate in ((state.optimizer_g, now.lr_g), (state.optimizer_d, now.lr_d)):
        for group in optimizer.param_groups:
            group["lr"] = rate
