"""What D and G are told, on logits.

    loss = LOSSES["bce"]
    loss.discriminator(logit_real, logit_fake, real_label=0.9)
    loss.generator(logit_real, logit_fake)

"bce" is the non-saturating loss (Goodfellow et al. 2014) with one-sided label smoothing (Salimans et al. 2016); in
"relativistic" (Jolicoeur-Martineau 2018; Huang et al. 2024) only the order of a real and a generated poster counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, relu, softplus

if TYPE_CHECKING:  # the models know the configuration, and the configuration knows the losses
    from gan.networks.dcgan import Discriminator

LECAM_DECAY = 0.99
RAREST = 10.0  # times an even label: rarer ones would be noise


@dataclass(frozen=True)
class Loss:
    """Scalar losses from logits (N,) of real and generated posters, and how often D is right (0 to 1).

    discriminator : of (real, fake, real_label). generator, accuracy : of (real, fake).
    """

    discriminator: Callable[[Tensor, Tensor, float], Tensor]
    generator: Callable[[Tensor, Tensor], Tensor]
    accuracy: Callable[[Tensor, Tensor], Tensor]


def discriminator_loss(real: Tensor, fake: Tensor, real_label: float = 1.0) -> Tensor:
    """Scalar loss of D; only real labels are smoothed."""
    return binary_cross_entropy_with_logits(real, torch.full_like(real, real_label)) + binary_cross_entropy_with_logits(
        fake, torch.zeros_like(fake)
    )


def generator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Scalar non-saturating loss of G: make D call the generated posters real."""
    return binary_cross_entropy_with_logits(fake, torch.ones_like(fake))


def accuracy(real: Tensor, fake: Tensor) -> Tensor:
    """Share of posters that D judges rightly at probability one half, a scalar in [0, 1]."""
    return 0.5 * ((real > 0).float().mean() + (fake <= 0).float().mean())


def ranked_rightly(real: Tensor, fake: Tensor) -> Tensor:
    """Share of all pairs in which the real poster has the larger logit, a scalar in [0, 1]."""
    return (real[:, None] > fake[None]).float().mean()


def relativistic_discriminator_loss(real: Tensor, fake: Tensor, real_label: float = 1.0) -> Tensor:
    """Scalar loss of D: each real poster above the generated one beside it; there is no label to smooth."""
    return softplus(fake - real).mean()


def relativistic_generator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Scalar loss of G: each generated poster above the real one beside it."""
    return softplus(real - fake).mean()


LOSSES = {
    "bce": Loss(discriminator_loss, generator_loss, accuracy),
    "relativistic": Loss(relativistic_discriminator_loss, relativistic_generator_loss, ranked_rightly),
}


def slope_penalty(discriminator: Discriminator, images: Tensor, labels: Tensor | None) -> Tensor:
    """Mean squared length of D's slope at these images, a scalar: R1 on real, R2 on generated ones.

    Mescheder, Geiger, Nowozin 2018, eq. 9, without its factor of one half. Only for a D without BatchNorm: with it
    the slope of one poster's logit belongs to the whole batch.
    """
    images = images.detach().requires_grad_(True)
    logits = discriminator.logit(images, labels)
    (slope,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return slope.square().sum((1, 2, 3)).mean()


def lecam(real: Tensor, fake: Tensor, averages: Tensor) -> Tensor:
    """How far D's logits of real and generated posters have left each other's running averages (2,), a scalar.

    Tseng et al. 2021, eq. 3, one-sided as in the authors' code: only D's growing certainty is held back.
    """
    average_real, average_fake = averages
    return relu(real - average_fake).square().mean() + relu(average_real - fake).square().mean()


def critic_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Scalar hinge loss of the projected critic's heads from logits of any shape (Lim, Ye 2017)."""
    return relu(1 - real).mean() + relu(1 + fake).mean()


def genre_loss(logits: Tensor, labels: Tensor, balance: Tensor) -> Tensor:
    """Scalar cross-entropy of genres, logits and labels (N, G), summed over what is known of a poster.

    A label is 1 for a genre that it has, -1 for one that it has not, 0 for "not known"; between, it weighs less.
    ``balance`` (2, G) : what a label above 0 weighs, and one below, as :func:`balance_of` has it.
    """
    has, lacks = balance
    weights = labels.abs() * torch.where(labels > 0, has, lacks)
    return (softplus(-logits * labels.sign()) * weights).sum(1).mean()


def balance_of(labels: Tensor) -> Tensor:
    """Weights (2, G) by which having a genre and not having it count the same over all labels (N, G), at most 10.

    Else a network does well by never thinking of horror, which one poster in fifteen is.
    """
    counts = torch.stack([(labels > 0).sum(0), (labels < 0).sum(0)]).float()
    return (0.5 * counts.sum(0) / counts.clamp_min(1)).clamp_max(RAREST)
