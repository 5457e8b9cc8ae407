"""One update of D and one of G: :func:`step`, the DCGAN's heart, on one screen.

    figures = step(state, real, labels, config)
    dict(zip(FIGURES, figures.tolist()))

All randomness of step n is drawn from (seed, n): a resumed run is the uninterrupted one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from gan.training.augment import augment
from gan.training.batches import told
from gan.training.config import TrainConfig
from gan.training.distributed import World
from gan.training.losses import LECAM_DECAY, LOSSES, critic_loss, genre_loss, lecam, slope_penalty
from gan.training.randomness import Draws
from gan.training.schedule import Schedule, noise_seed, punished, schedule
from gan.training.state import State, update_ema

FIGURES = ("loss_d", "loss_g", "accuracy_d", "skipped_d", "logit_gap")
ALONE = World()


def step(state: State, real: Tensor, labels: Tensor | None, config: TrainConfig, world: World = ALONE) -> Tensor:
    """Update D from real posters (n, 3, H, W) of these labels (n, genres) or None, then G; returns :data:`FIGURES`."""
    draws = Draws.of_batch(config.batch, noise_seed(config, state), real.device, world.rows(config.batch))
    figures = updates(state, real, labels, config, schedule(state, config), draws, world)
    state.steps += 1
    return figures


def updates(
    state: State,
    real: Tensor,
    labels: Tensor | None,
    config: TrainConfig,
    now: Schedule,
    draws: Draws,
    world: World = ALONE,
) -> Tensor:
    """The two updates of a step. Nothing here waits for the device or counts, so a graph can hold it (gan.training.cuda_graph).

    G's step sees the posters that D's saw and, where the loss compares, D's logits of real ones before its update.
    """
    generator, discriminator, critic, loss = state.generator, state.discriminator, state.critic, LOSSES[config.loss]
    autocast = torch.autocast(real.device.type, torch.bfloat16, enabled=real.device.type == "cuda")
    set_rates(state, now)
    known, labels = labels, None if labels is None else told(labels, config.label_dropout, draws) * now.ramp

    # D: real posters up, generated ones down. They go through it apart: each batch has BatchNorm statistics of its own.
    z = draws.normal(generator.config.latent, 1, 1)
    with autocast:
        fake = generator(z, labels)
        seen_real, seen_fake = augment(real, config.augment, draws), augment(fake, config.augment, draws)
        still = seen_fake.detach()
        logit_real = discriminator.logit(seen_real, labels).float()
        logit_fake = discriminator.logit(still, labels).float()
        loss_d = loss.discriminator(logit_real, logit_fake, config.real_label)
        total_d = loss_d + regularisers(state, seen_real, still, logit_real, logit_fake, labels, config, world)
        if critic is not None:
            maps_real, maps = critic.features(seen_real), critic.features(seen_fake)  # for D's step and for G's
            judged = critic.logits(maps_real), critic.logits([m.detach() for m in maps])
            total_d = total_d + critic_loss(*(logits.float() for logits in judged))
            if known is not None:
                total_d = total_d + genre_loss(critic.genre_logits(maps_real).float(), known.float(), critic.balance)
    correct = world.mean(loss.accuracy(logit_real, logit_fake).detach())
    skip = config.skip_d_above < 1 and correct.item() > config.skip_d_above
    if not skip:
        update(state.optimizer_d, total_d, world)

    # G: generated posters up. It needs the slopes of D and of the critic, not those of their weights.
    with frozen(discriminator), frozen(critic), autocast:
        loss_g = loss.generator(logit_real.detach(), discriminator.logit(seen_fake, labels).float())
        total_g = loss_g if critic is None else loss_g - config.critic * critic.logits(maps).float().mean()
        if critic is not None and labels is not None:
            total_g = total_g + config.classifier * genre_loss(
                critic.genre_logits(maps).float(), labels, critic.balance
            )
        update(state.optimizer_g, total_g, world)

    update_ema(state, now.follow)
    gap = logit_real.mean() - logit_fake.mean()
    return torch.stack([loss_d, loss_g, correct, torch.full_like(correct, float(skip)), gap]).detach()


def update(optimizer: torch.optim.Optimizer, loss: Tensor, world: World) -> None:
    """One step of the optimizer, down the mean of all processes' losses."""
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves backward untyped
    world.average_gradients(weight for group in optimizer.param_groups for weight in group["params"])
    optimizer.step()


def regularisers(
    state: State,
    real: Tensor,
    fake: Tensor,
    logit_real: Tensor,
    logit_fake: Tensor,
    labels: Tensor | None,
    config: TrainConfig,
    world: World,
) -> Tensor:
    """What D pays beside its loss, a scalar: for steep slopes (R1, R2) and for growing certainty (LeCam)."""
    price = logit_real.new_zeros(())
    if punished(state, config):
        with torch.autocast(real.device.type, enabled=False):  # slopes of slopes need single precision
            slopes = sum(slope_penalty(state.discriminator, images.float(), labels) for images in (real, fake))
        price = price + 0.5 * config.penalty * config.penalty_every * slopes
    if config.lecam:
        price = price + config.lecam * lecam(logit_real, logit_fake, state.averages)
        means = world.mean(torch.stack([logit_real.detach().mean(), logit_fake.detach().mean()]))
        state.averages.lerp_(means, 1 - LECAM_DECAY)
    return price


@contextmanager
def frozen(network: nn.Module | None) -> Iterator[None]:
    """Slopes flow through the network, not into its weights."""
    weights = [] if network is None else [weight for weight in network.parameters() if weight.requires_grad]
    for weight in weights:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in weights:
            weight.requires_grad_(True)


def set_rates(state: State, now: Schedule) -> None:
    """Tell both optimizers their learning rates."""
    for optimizer, rate in ((state.optimizer_g, now.rate_g), (state.optimizer_d, now.rate_d)):
        for group in optimizer.param_groups:
            group["lr"] = rate
