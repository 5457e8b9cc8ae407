"""One update of D and one of G: :func:`step`.

    metrics = step(state, real, labels, config)
    {name: value.item() for name, value in metrics.items()}     # {"loss_d": 1.3, "loss_g": 0.9, "r1": ...}

:func:`updates` takes the steps of gan/training/tutorial.py, D's and then G's; what is added to the textbook's losses
(regularisers, the projected critic, genres) is a function each. Whatever is added to a loss is a term with a name
(:class:`Terms`), which is logged without further ado. All randomness of step n is drawn from (seed, n): a resumed run
is the uninterrupted one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gan.networks.dcgan import Generator
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
    "genre_means": "squared distance of the mean features of each genre, relative to their variance, before its weight",
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


@dataclass(frozen=True)
class Shown:
    """The posters of a step. z : noise (n, latent, 1, 1). generated : posters (n, 3, H, W) as G drew them.

    real, fake : both kinds as D sees them, augmented (gradients flow from ``fake`` to G). labels : not dropped, scaled.
    """

    z: Tensor
    generated: Tensor
    real: Tensor
    fake: Tensor
    labels: Tensor | None


@dataclass(frozen=True)
class AfterD:
    """What D's update leaves to G's.

    shown : the posters. logit_real, logit_fake : D's logits (n,) of them before its update. terms : of D's loss.
    correct : proportion of posters on which D was right. skipped : whether D was not updated for that.
    view, terms_critic : the critic's view of the posters and the terms of its loss, None and empty without a critic.
    """

    shown: Shown
    logit_real: Tensor
    logit_fake: Tensor
    terms: Terms
    correct: Tensor
    skipped: bool
    view: CriticView | None
    terms_critic: Terms


@dataclass(frozen=True)
class LossOfG:
    """G's loss before its update. terms : all of it. by_d : D's part, before its weight, with its graph.

    logit_fake : logits (n,) of the generated posters by the D of after its update.
    """

    terms: Terms
    by_d: Tensor
    logit_fake: Tensor


def step(state: State, real: Tensor, labels: Tensor | None, config: TrainConfig, world: World = ALONE) -> StepMetrics:
    """Update D from real posters (n, 3, H, W) with labels (n, genres) or None, then G; returns scalars by name."""
    batch = batch_of_step(state, real, labels, config, world)
    refresh_moments(state, config)
    metrics = updates(state, batch, config, schedule(state, config), world)
    state.steps += 1
    return metrics


def batch_of_step(
    state: State, real: Tensor, labels: Tensor | None, config: TrainConfig, world: World = ALONE
) -> Batch:
    """These posters and labels with the random numbers of the step that comes next."""
    seed, start, rows = noise_seed(config, state), noise_start(state), world.rows(config.batch)
    return Batch(real, labels, BatchRandom.of_batch(config.batch, seed, real.device, rows, start))


def updates(state: State, batch: Batch, config: TrainConfig, now: Schedule, world: World = ALONE) -> StepMetrics:
    """The two updates of a step. Nothing here waits for the device or counts, so that a graph can hold it.

    A stage may stop in between (gan.training.slow_motion): D has moved, and G's loss is known.
    """
    after_d = update_d(state, batch, config, now, world)
    loss_g = loss_of_g(state, after_d, config, world)
    update_g(state, loss_g, config, now, world)
    return metrics_of(after_d, loss_g)


def update_d(state: State, batch: Batch, config: TrainConfig, now: Schedule, world: World = ALONE) -> AfterD:
    """(1) Update D, and the critic where there is one, from real and from generated posters.

    Both kinds go through it apart: each batch has BatchNorm statistics of its own.
    """
    discriminator, loss, terms = state.discriminator, LOSSES[config.loss], Terms()
    set_learning_rates(state, now)
    with autocast(config, batch.real.device):
        shown = draw(state.generator, batch, config, now)
        real, fake, labels = shown.real, shown.fake, shown.labels
        logit_real = discriminator.logit(real, labels).float()
        logit_fake = discriminator.logit(fake.detach(), labels).float()
        terms.add("loss_d", loss.discriminator(logit_real, logit_fake, config.real_label))
        regularise(terms, state, Seen(real, fake.detach(), labels, logit_real, logit_fake), config, world)
    correct = world.mean(loss.accuracy(logit_real, logit_fake).detach())
    skipped = config.skip_d_above < 1 and correct.item() > config.skip_d_above
    if not skipped:
        update(state.optimizer_d, terms.total, world)
    view, terms_critic = update_critic(state, shown, batch.labels, config, world)
    return AfterD(shown, logit_real.detach(), logit_fake.detach(), terms, correct, skipped, view, terms_critic)


def draw(generator: Generator, batch: Batch, config: TrainConfig, now: Schedule) -> Shown:
    """The step's generated posters, and both kinds as D sees them: augmented, with labels that were not dropped."""
    labels = batch.labels
    if labels is not None:
        kept = drop_labels(labels, config.label_dropout, batch.rng, config.single_genre)
        labels = kept * now.label_scale
    z = batch.rng.normal(generator.config.latent, 1, 1)
    generated = generator(z, labels)
    real, fake = augment(batch.real, config.augment, batch.rng), augment(generated, config.augment, batch.rng)
    return Shown(z, generated, real, fake, labels)


def update_critic(
    state: State, shown: Shown, labels: Tensor | None, config: TrainConfig, world: World
) -> tuple[CriticView | None, Terms]:
    """Update the critic, if there is one; its maps of both kinds of posters serve G's loss as well.

    ``labels`` are all that are known: the critic's classifier learns genres, it is not conditioned on them.
    """
    critic, terms = state.critic, Terms()
    if critic is None or state.optimizer_critic is None:
        return None, terms
    with autocast(config, shown.real.device):
        maps_real, maps_fake = critic.features(shown.real), critic.features(shown.fake)
        view = CriticView(critic, maps_real, maps_fake, critic.logits(maps_real))
        add_critic_d(terms, view, labels, config)
    update(state.optimizer_critic, terms.total, world)
    return view, terms


def loss_of_g(state: State, after_d: AfterD, config: TrainConfig, world: World = ALONE) -> LossOfG:
    """G's loss on the generated batch of D's update, by the D and the critic of after it.

    Where the loss compares, D's logits of the real posters are those of its update. Gradients flow through D and the
    critic, not into their weights.
    """
    shown, view, terms = after_d.shown, after_d.view, Terms()
    discriminator, critic = state.discriminator, state.critic
    with frozen(discriminator), frozen(critic), autocast(config, shown.fake.device):
        logit_fake = discriminator.logit(shown.fake, shown.labels).float()
        by_d = LOSSES[config.loss].generator(after_d.logit_real, logit_fake)
        terms.add("loss_g", by_d, config.adversarial)
        if view is not None:
            add_critic_g(terms, view, shown.labels, config)
            add_distances(terms, state, view, shown.labels, config, world)
    return LossOfG(terms, by_d, logit_fake.detach())


def update_g(state: State, loss: LossOfG, config: TrainConfig, now: Schedule, world: World = ALONE) -> None:
    """(2) Update G, and its moving average."""
    with autocast(config, state.averages.device):
        update(state.optimizer_g, loss.terms.total, world)
    update_ema(state, now.ema_weight)


def metrics_of(after_d: AfterD, loss_g: LossOfG) -> StepMetrics:
    """What a step returns: scalars by the names of :data:`STEP_METRICS`."""
    mean_real, mean_fake = after_d.logit_real.mean(), after_d.logit_fake.mean()
    return {
        "loss_d": after_d.terms["loss_d"], "loss_g": loss_g.terms["loss_g"], "accuracy_d": after_d.correct,
        "skipped_d": torch.full_like(after_d.correct, float(after_d.skipped)), "logit_gap": mean_real - mean_fake,
        "logit_real": mean_real, "logit_fake": mean_fake, **after_d.terms, **after_d.terms_critic, **loss_g.terms,
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


def add_distances(
    terms: Terms, state: State, view: CriticView, labels: Tensor | None, config: TrainConfig, world: World
) -> None:
    """Add distances of the pooled features of both batches to G's loss; moves the running moments.

    ``labels`` are those that were not dropped: of the real posters, and requested for the generated ones.
    """
    if state.moments is None and state.genre_means is None and not config.imle:
        return
    real, fake = (view.critic.pooled(maps).float() for maps in (view.real, view.fake))
    if config.imle:
        terms.add("imle", imle_loss(real, fake), config.imle)
    if state.moments is not None:
        state.moments.add(real, fake.detach(), world)
        if frechet_due(state, config):
            terms.add("frechet", state.moments.loss(fake), config.frechet)
    if state.genre_means is not None and labels is not None:
        state.genre_means.add(real, fake.detach(), labels, world)
        if config.genre_means:
            distance = state.genre_means.loss(fake, labels, view.critic.balance)
            terms.add("genre_means", distance, config.genre_means)


def autocast(config: TrainConfig, device: torch.device) -> torch.autocast:
    """The precision of forward passes on this device."""
    return torch.autocast(device.type, torch.bfloat16, enabled=uses_bfloat16(config, device.type))


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
