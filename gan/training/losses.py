"""Losses of D and G, on logits.

    loss = LOSSES["bce"]
    loss.discriminator(logits_real, logits_fake, real_label=0.9)
    loss.generator(logits_real, logits_fake)

An adversarial loss is an entry of :data:`LOSSES`; ``train.py --loss``, its help and its validation read them there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, relu, softplus

from gan.networks.dcgan import Discriminator
from gan.networks.projected import ProjectedCritic

LECAM_DECAY = 0.99
MAX_CLASS_WEIGHT = 10.0  # relative to a label that half of the posters have; above it rare labels would be noise

# ---- Adversarial losses --------------------------------------------------------------------------------


def bce_discriminator(real: Tensor, fake: Tensor, real_label: float = 1.0) -> Tensor:
    """Scalar loss of D from logits (N,) of real and of generated posters; only real labels are smoothed."""
    return binary_cross_entropy_with_logits(real, torch.full_like(real, real_label)) + binary_cross_entropy_with_logits(
        fake, torch.zeros_like(fake)
    )


def bce_generator(real: Tensor, fake: Tensor) -> Tensor:
    """Scalar non-saturating loss of G from logits (N,): make D call the generated posters real."""
    return binary_cross_entropy_with_logits(fake, torch.ones_like(fake))


def accuracy(real: Tensor, fake: Tensor) -> Tensor:
    """Proportion of logits (N,) on the right side of 0, a scalar in [0, 1]."""
    return 0.5 * ((real > 0).float().mean() + (fake <= 0).float().mean())


def errors(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Which logits (N,) are on the wrong side of 0, bool (N,) each: real posters not above it, generated ones above."""
    return real <= 0, fake > 0


def relativistic_discriminator(real: Tensor, fake: Tensor, real_label: float = 1.0) -> Tensor:
    """Scalar loss of D from logits (N,): each real poster above the generated one beside it; no label to smooth."""
    return softplus(fake - real).mean()


def relativistic_generator(real: Tensor, fake: Tensor) -> Tensor:
    """Scalar loss of G from logits (N,): each generated poster above the real one beside it."""
    return softplus(real - fake).mean()


def pairwise_accuracy(real: Tensor, fake: Tensor) -> Tensor:
    """Proportion of all pairs of logits (N,) in which the real poster has the larger one, a scalar in [0, 1]."""
    return (real[:, None] > fake[None]).float().mean()


def pairwise_errors(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Which pairs of a real and the generated poster beside it are in the wrong order, bool (N,), for both alike."""
    wrong = fake >= real
    return wrong, wrong


@dataclass(frozen=True)
class Loss:
    """An adversarial loss. Its functions take logits (N,) of real and of generated posters and give a scalar.

    about : what it is, a phrase. source : the papers.
    discriminator : of (real, fake, real_label). generator : of (real, fake).
    accuracy : of (real, fake), how often D is right in the sense of this loss, 0 to 1.
    errors : of (real, fake), on which real and on which generated posters D is wrong in that sense, bool (N,) each.
    """

    about: str
    source: str
    discriminator: Callable[[Tensor, Tensor, float], Tensor]
    generator: Callable[[Tensor, Tensor], Tensor]
    accuracy: Callable[[Tensor, Tensor], Tensor] = accuracy
    errors: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] = errors


LOSSES: dict[str, Loss] = {
    "bce": Loss(
        "the non-saturating loss with one-sided label smoothing",
        "Goodfellow et al. 2014; Salimans et al. 2016",
        bce_discriminator,
        bce_generator,
    ),
    "relativistic": Loss(
        "only the order of a real and a generated poster counts",
        "Jolicoeur-Martineau 2018; Huang et al. 2024",
        relativistic_discriminator,
        relativistic_generator,
        pairwise_accuracy,
        pairwise_errors,
    ),
}

# ---- Losses of the projected critic ---------------------------------------------------------------------


def hinge_critic(real: Tensor, fake: Tensor) -> Tensor:
    """Scalar hinge loss of the critic's heads from patch logits of any shape."""
    return relu(1 - real).mean() + relu(1 + fake).mean()


def hinge_generator(real: Tensor, fake: Tensor) -> Tensor:
    """Scalar loss of G from patch logits of any shape: make the critic's logits of generated posters large."""
    return -fake.mean()


@dataclass(frozen=True)
class CriticLoss:
    """A loss of the projected critic. Its functions take patch logits of real and of generated posters, of one shape.

    about : what it is, a phrase. source : the papers.
    critic, generator : of (real, fake), the critic's scalar loss, and what it adds to G's.
    """

    about: str
    source: str
    critic: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor, Tensor], Tensor]


CRITIC_LOSSES: dict[str, CriticLoss] = {
    "hinge": CriticLoss("each patch on its own, up to a margin", "Lim, Ye 2017", hinge_critic, hinge_generator),
    "relativistic": CriticLoss(
        "each patch of a real poster against the same one of the generated poster beside it",
        "Jolicoeur-Martineau 2018; Huang et al. 2024",
        relativistic_discriminator,
        relativistic_generator,
    ),
}

# ---- Regularisers, genres -----------------------------------------------------------------------------


def gradient_penalty(discriminator: Discriminator, images: Tensor, labels: Tensor | None) -> Tensor:
    """Mean squared norm of D's gradient at images (N, 3, H, W), a scalar: R1 on real, R2 on generated ones.

    Mescheder, Geiger, Nowozin 2018, eq. 9, without its factor of one half. Only for a D without BatchNorm: with it
    the gradient of one poster's logit depends on the whole batch.
    """
    images = images.detach().requires_grad_(True)
    logits = discriminator.logit(images, labels)
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean()


def lecam(real: Tensor, fake: Tensor, averages: Tensor) -> Tensor:
    """Mean squared distance of logits (N,) beyond the running averages (2,) of the other kind's logits, a scalar.

    Tseng et al. 2021, eq. 3, one-sided as in the authors' code: only D's growing confidence is penalised.
    """
    average_real, average_fake = averages
    return relu(real - average_fake).square().mean() + relu(average_real - fake).square().mean()


def imle_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Mean distance of features (N, D) of real posters to the closest of generated ones (M, D), a scalar.

    Relative to the mean distance of two real posters. Every real poster pulls one generated poster to itself, however
    rare its kind is, as in implicit maximum likelihood estimation (Li, Malik 2018), here within a batch.
    """
    between = torch.cdist(real, real)
    typical = between.sum() / max(1, len(real) * (len(real) - 1))
    return torch.cdist(real, fake).amin(1).mean() / typical.clamp_min(1e-8)


def head_penalty(critic: ProjectedCritic, maps: list[Tensor]) -> Tensor:
    """Mean squared norm of the gradient of the critic's mean logit at its frozen maps, a scalar: R1 or R2 of its heads.

    As :func:`gradient_penalty`, at the maps and not at the pictures: the frozen network is left out.
    """
    maps = [values.detach().float().requires_grad_(True) for values in maps]
    logits = critic.logits(maps).mean(1)
    gradients = torch.autograd.grad(logits.sum(), maps, create_graph=True)
    return torch.stack([gradient.square().sum((1, 2, 3)).mean() for gradient in gradients]).sum()


def genre_loss(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Scalar cross-entropy of genres, logits and labels (N, G), summed over a poster's genres.

    A label is 1 for a genre that the poster has, -1 for one that it does not have, 0 for "unknown"; values in between
    weigh less. ``weights`` (2, G) : of labels above 0, and of those below (:func:`class_weights`).
    """
    positive, negative = weights
    weights = labels.abs() * torch.where(labels > 0, positive, negative)
    return (softplus(-logits * labels.sign()) * weights).sum(1).mean()


def class_weights(labels: Tensor, shown: Tensor) -> Tensor:
    """Weights (2, G), at most 10, by which positive and negative labels (N, G) count the same in total.

    Without them a network does well by never predicting horror, which one poster in fifteen is. ``shown`` (N,) : how
    often each poster is shown, relative to the mean.
    """
    counts = torch.stack([shown @ (labels > 0).to(shown), shown @ (labels < 0).to(shown)]).float()
    return (0.5 * counts.sum(0) / counts.clamp_min(1e-9)).clamp_max(MAX_CLASS_WEIGHT)
