"""The Frechet distance of the critic's features as a loss of G.

    moments = FeatureMoments(480)
    moments.add(real, fake)                  # features (n, 480) of a step; running means and covariances
    moments.refresh()                        # now and then: the transport map between the two
    moments.loss(fake)                       # scalar; its mean is the distance, its gradient that of the distance

Between two normal distributions the Frechet distance is the mean squared length by which optimal transport moves a
point from one to the other, x to m_real + T (x - m_fake) (Dowson, Landau 1982). So each generated poster's features are
pulled to where that map moves them: outwards along the directions in which generated posters differ too little, inwards
where they differ too much. The gradient is the one of the distance (Mathiasen, Hvilshoj 2020), but of running moments,
so that a batch may be smaller than the features are wide.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gan.training.distributed import ALONE, World

HALF_LIFE = 4000  # posters after which a poster's weight in the running moments has halved
READY = 4  # posters for each feature that moments need: of fewer the covariances are hardly known
RIDGE = 1e-3  # of the mean variance, added to both covariances


class FeatureMoments(nn.Module):
    """Running moments of features of real and of generated posters, and the transport map between them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.count: Tensor
        self.mean: Tensor
        self.square: Tensor
        self.transport: Tensor
        self.scale: Tensor
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))
        self.register_buffer("mean", torch.zeros(2, width, dtype=torch.float64))  # of real, of generated
        self.register_buffer("square", torch.zeros(2, width, width, dtype=torch.float64))
        self.register_buffer("transport", torch.eye(width))
        self.register_buffer("scale", torch.ones(()))  # one over the variance of real posters

    @property
    def fewest(self) -> int:
        """Posters that must have been counted before there is a loss."""
        return READY * self.mean.shape[1]

    @torch.no_grad()
    def add(self, real: Tensor, fake: Tensor, world: World = ALONE) -> None:
        """Count the features (n, D) of a step's real and generated posters, those of all processes."""
        features, count = torch.stack([real, fake]).double(), len(real) * world.size
        self.count += count
        weight = (count / self.count).clamp_min(1 - 0.5 ** (count / HALF_LIFE))
        self.mean.lerp_(world.mean(features.mean(1)), weight)
        self.square.lerp_(world.mean(features.mT @ features / len(real)), weight)

    @torch.no_grad()
    def refresh(self) -> None:
        """Compute the transport map of the moments so far."""
        real, fake = self.square - self.mean[:, :, None] * self.mean[:, None]
        ridge = RIDGE * real.diagonal().mean() * torch.eye(len(real), dtype=real.dtype, device=real.device)
        self.transport.copy_(transport(fake + ridge, real + ridge))
        self.scale.copy_(1 / real.trace())

    def loss(self, fake: Tensor) -> Tensor:
        """Scalar: the Frechet distance of the features (n, D), relative to the variance of real ones."""
        mean_real, mean_fake = self.mean.float()
        target = mean_real + (fake.detach() - mean_fake) @ self.transport
        distance: Tensor = (fake - target).square().sum(1).mean() * self.scale
        return distance


def transport(source: Tensor, target: Tensor) -> Tensor:
    """The symmetric matrix (D, D) that moves a centred normal distribution onto another; both covariances (D, D)."""
    root, inverse = root_and_inverse(source)
    middle, _ = root_and_inverse(root @ target @ root)
    return inverse @ middle @ inverse


def root_and_inverse(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """The square root of a positive matrix (D, D), and the root's inverse."""
    values, vectors = torch.linalg.eigh(matrix)
    roots = values.clamp_min(1e-12).sqrt()
    return (vectors * roots) @ vectors.mT, (vectors / roots) @ vectors.mT
