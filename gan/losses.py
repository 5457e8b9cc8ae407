"""Losses on logits (Goodfellow et al. 2014, non-saturating; Salimans et al. 2016, label smoothing)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits


def discriminator_loss(real: Tensor, fake: Tensor, real_label: float = 1.0) -> Tensor:
    """Scalar loss of D from logits (N,) of real and generated posters; only real labels are smoothed."""
    return binary_cross_entropy_with_logits(real, torch.full_like(real, real_label)) + binary_cross_entropy_with_logits(
        fake, torch.zeros_like(fake)
    )


def generator_loss(fake: Tensor) -> Tensor:
    """Scalar non-saturating loss of G: make D call the generated posters real."""
    return binary_cross_entropy_with_logits(fake, torch.ones_like(fake))


def accuracy(real: Tensor, fake: Tensor) -> Tensor:
    """Share of posters that D judges rightly at probability one half, a scalar in [0, 1]."""
    return 0.5 * ((real > 0).float().mean() + (fake <= 0).float().mean())
