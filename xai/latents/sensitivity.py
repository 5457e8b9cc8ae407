"""What each latent dimension does to one picture, to first order.

    latent_sensitivity(generator, z)             # one row a dimension
    pixel_map(generator, z, index=17)            # (64, 64): which pixels dimension 17 changes

For whole sweeps of a dimension see ``xai.latents.sweeps``.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gan.networks.dcgan import Generator
from xai.networks.fast_generator import check_dimension
from xai.networks.hooks import private_copy
from xai.networks.jacobian import derivatives_along, unit_vectors
from xai.networks.score import Score
from xai.render import LUMINANCE_WEIGHTS


@dataclass(frozen=True, eq=False)
class LatentSensitivity:
    """Exact derivatives of one picture with respect to each latent dimension.

    rms : (latent,), root mean square of dG/dz over pixels and colours, per unit of noise; the picture's
        own range is 2.
    brightness : (latent,), change of the mean luminance per unit.
    top, middle, bottom : (latent,), proportion of the squared change in each third of the picture, sum 1.
    score : (latent,), change of D's logit per unit, or None without a score.

    Where in the picture a dimension acts, :func:`pixel_map` answers for one: all maps would be a hundred pictures.
    """

    rms: Tensor
    brightness: Tensor
    top: Tensor
    middle: Tensor
    bottom: Tensor
    score: Tensor | None

    @property
    def influence(self) -> Tensor:
        """(latent,), ``rms`` relative to the largest, 0 to 1: the one ranking of dimensions on the Latent page."""
        return self.rms / self.rms.max().clamp_min(1e-20)


def pixel_map(generator: Generator, z: Tensor, index: int) -> Tensor:
    """Which pixels a latent dimension changes: (H, W), root mean square over colours of dG/dz_k at ``z``.

    Raises
    ------
    ExplanationError
        If there is no such dimension.
    """
    check_dimension(index, z.shape[1])
    (derivative,) = derivatives_along(generator, z, unit_vectors(z)[index : index + 1])
    return derivative[0].square().mean(0).sqrt()


def latent_sensitivity(generator: Generator, z: Tensor, score: Score | None = None) -> LatentSensitivity:
    """How strongly, in which third, and in which direction each dimension changes the picture of ``z``."""
    gradient = None if score is None else _gradient(generator, z, score)
    # No Jacobian is kept: it is too large.
    parts = [_summary(jacobian, gradient) for jacobian in derivatives_along(generator, z, unit_vectors(z))]
    rms, brightness, top, middle, bottom, *logit = (torch.cat(column) for column in zip(*parts, strict=True))
    return LatentSensitivity(rms, brightness, top, middle, bottom, logit[0] if logit else None)


def _summary(jacobian: Tensor, gradient: Tensor | None) -> list[Tensor]:
    """Columns (K,) of ``LatentSensitivity`` from K rows (K, 3, H, W) of the Jacobian; the last one by ``gradient``."""
    energy = jacobian.square().mean(1)  # (K, H, W)
    total = energy.sum((1, 2)).clamp_min(1e-20)
    thirds = [third.sum(1) / total for third in torch.tensor_split(energy.sum(2), 3, dim=1)]
    luminance = torch.einsum("kchw,c->k", jacobian, jacobian.new_tensor(LUMINANCE_WEIGHTS)) / jacobian[0, 0].numel()
    along = [] if gradient is None else [torch.einsum("kchw,chw->k", jacobian, gradient)]  # chain rule
    return [energy.mean((1, 2)).sqrt(), luminance, *thirds, *along]


def _gradient(generator: Generator, z: Tensor, score: Score) -> Tensor:
    """The score's gradient (3, H, W) at the picture of ``z``."""
    with torch.no_grad():
        picture = private_copy(generator)(z)
    return score.gradient(picture)[1][0]
