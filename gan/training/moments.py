"""Distances of the critic's features as losses of G: the Frechet distance, and that of each genre's mean.

    moments = FeatureMoments(480)
    moments.add(real, fake)                  # features (n, 480) of a step; running means and covariances
    moments.refresh()                        # now and then: the transport map between the two
    moments.loss(fake)                       # scalar; its mean is the distance, its gradient that of the distance

Between two normal distributions the Frechet distance is the mean squared length by which optimal transport moves a
point from one to the other, x to m_real + T (x - m_fake) (Dowson, Landau 1982). So each generated poster's features are
pulled to where that map moves them: outwards along the directions in which generated posters differ too little, inwards
where they differ too much. The gradient is the one of the distance (Mathiasen, Hvilshoj 2020), but of running moments,
so that a batch may be smaller than the features are wide.

    means = GenreMeans(19, 480)
    means.add(real, fake, labels)            # features (n, 480) and labels (n, 19) of a step
    means.loss(fake, labels, weights)        # scalar

Posters of a genre are pulled by the difference of that genre's mean features between real posters and generated ones
for which it was requested: the gradient of the squared distance of the means (mean feature matching; Bao et al. 2017,
CVAE-GAN). A classifier can be satisfied by a trace of a genre; these means agree only when the genre is drawn as
strongly as it is real.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gan.training.distributed import ALONE, World

HALF_LIFE = 4000  # posters after which a poster's weight in the running moments has halved
READY = 4  # posters for each feature that moments need: of fewer the covariances are hardly known
FEWEST = 32  # posters of a genre before its mean counts
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


class GenreMeans(nn.Module):
    """Running means of features of posters with each of G genres, and without it; of real and of generated posters.

    Of real posters all count the same; generated ones are forgotten as fast as in :class:`FeatureMoments`.
    """

    def __init__(self, genres: int, width: int) -> None:
        super().__init__()
        self.counts: Tensor
        self.sums: Tensor
        self.squares: Tensor
        self.register_buffer("counts", torch.zeros(2, 1 + 2 * genres, dtype=torch.float64))  # of real, of generated
        self.register_buffer("sums", torch.zeros(2, 1 + 2 * genres, width, dtype=torch.float64))
        self.register_buffer("squares", torch.zeros((), dtype=torch.float64))  # of real posters' features

    @torch.no_grad()
    def add(self, real: Tensor, fake: Tensor, labels: Tensor, world: World = ALONE) -> None:
        """Count the features (n, D) of a step's real and generated posters, both of these labels (n, G)."""
        features, kinds, size = torch.stack([real, fake]).double(), kinds_of(labels).double(), world.size
        for totals in (self.counts, self.sums):
            totals[1].mul_(0.5 ** (len(real) * size / HALF_LIFE))
        self.counts.add_(size * world.mean(kinds.sum(0)))
        self.sums.add_(size * world.mean(kinds.mT @ features))
        self.squares.add_(size * world.mean(features[0].square().sum()))

    def loss(self, fake: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
        """Scalar: the squared distance of the means, summed over a poster's genres, relative to real posters' variance.

        fake, labels : features (n, D) and labels (n, G) of generated posters. weights (2, G) : of labels above 0, and
        of those below. A genre has no effect before 32 posters of it were counted.
        """
        means = self.sums / self.counts.clamp_min(1)[:, :, None]
        variance = self.squares / self.counts[0, 0].clamp_min(1) - means[0, 0].square().sum()
        known = (self.counts >= FEWEST).all(0)[1:, None]
        apart = ((means[1] - means[0])[1:] * known / variance.clamp_min(1e-12).sqrt()).float()
        shares = kinds_of(labels)[:, 1:].float() * weights.flatten()
        distance = (shares @ apart.square().sum(1)).mean()
        gradient = 2 * (shares @ apart) / variance.clamp_min(1e-12).sqrt().float()
        total: Tensor = (
            distance + ((fake - fake.detach()) * gradient).sum(1).mean()
        )  # adds 0, and the distance's gradient
        return total


def kinds_of(labels: Tensor) -> Tensor:
    """Which kinds of posters (n, 1 + 2 G) each is of: any, with each genre, without it; from labels (n, G)."""
    return torch.cat([torch.ones_like(labels[:, :1], dtype=torch.bool), labels > 0, labels < 0], 1)


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
