"""What each noise value does to the picture.

sweep(generator, z, index=17, values=torch.linspace(-3, 3, 9))      # (9, 3, 64, 64)
sensitivity(generator, z)                                            # one row a value
where(generator, z, index=17)                                        # (64, 64): which pixels value 17 changes
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gan.networks.dcgan import Generator
from xai.errors import ExplanationError
from xai.networks.batches import at_once
from xai.networks.fast_generator import size_of
from xai.networks.hooks import private_copy
from xai.networks.jacobian import AT_ONCE, derivatives_along, unit_vectors
from xai.networks.score import Score
from xai.render import LUMINANCE_WEIGHTS


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """Exact slopes of one picture with respect to each noise value.

    rms : (latent,), root mean square of dG/dz over pixels and colours, per unit of noise; the picture's
        own range is 2.
    brightness : (latent,), change of the mean luminance per unit.
    top, middle, bottom : (latent,), share of the squared change in each third of the picture, sum 1.
    score : (latent,), change of D's logit per unit, or None without a score.

    Where in the picture a value acts is asked of ``where``, for one value: all maps would be a hundred pictures.
    """

    rms: Tensor
    brightness: Tensor
    top: Tensor
    middle: Tensor
    bottom: Tensor
    score: Tensor | None


@torch.no_grad()
def sweep(generator: Generator, z: Tensor, index: int, values: Tensor) -> Tensor:
    """Pictures (V, 3, H, W) of ``z`` (1, latent, 1, 1) with value ``index`` set to each of ``values``.

    Raises
    ------
    ExplanationError
        If there is no such noise value.
    """
    _check_index(z, index)
    changed = z.repeat(len(values), 1, 1, 1)
    changed[:, index, 0, 0] = values
    private = private_copy(generator)
    return torch.cat([private(part) for part in torch.split(changed, at_once(AT_ONCE, size_of(generator, z)))])


def where(generator: Generator, z: Tensor, index: int) -> Tensor:
    """Which pixels noise value ``index`` changes: (H, W), root mean square over colours of the slope at ``z``.

    Raises
    ------
    ExplanationError
        If there is no such noise value.
    """
    _check_index(z, index)
    (slopes,) = derivatives_along(generator, z, unit_vectors(z)[index : index + 1])
    return slopes[0].square().mean(0).sqrt()


def sensitivity(generator: Generator, z: Tensor, score: Score | None = None) -> Sensitivity:
    """How strongly, in which third, and in which direction each noise value changes the picture of ``z``."""
    gradient = None if score is None else _gradient(generator, z, score)
    parts = [
        _summary(slopes, gradient) for slopes in derivatives_along(generator, z, unit_vectors(z))
    ]  # no slopes are kept: too large
    rms, brightness, top, middle, bottom, *logit = (torch.cat(column) for column in zip(*parts, strict=True))
    return Sensitivity(rms, brightness, top, middle, bottom, logit[0] if logit else None)


def _summary(slopes: Tensor, gradient: Tensor | None) -> list[Tensor]:
    """What ``Sensitivity`` tells of slopes (K, 3, H, W), each (K,); the last only with the score's ``gradient``."""
    energy = slopes.square().mean(1)  # (K, H, W)
    total = energy.sum((1, 2)).clamp_min(1e-20)
    thirds = [third.sum(1) / total for third in torch.tensor_split(energy.sum(2), 3, dim=1)]
    luminance = torch.einsum("kchw,c->k", slopes, slopes.new_tensor(LUMINANCE_WEIGHTS)) / slopes[0, 0].numel()
    along = [] if gradient is None else [torch.einsum("kchw,chw->k", slopes, gradient)]  # chain rule
    return [energy.mean((1, 2)).sqrt(), luminance, *thirds, *along]


def _gradient(generator: Generator, z: Tensor, score: Score) -> Tensor:
    """The score's slope (3, H, W) at the picture of ``z``."""
    with torch.no_grad():
        picture = private_copy(generator)(z)
    return score.gradient(picture)[1][0]


def _check_index(z: Tensor, index: int) -> None:
    if not 0 <= index < z.shape[1]:
        raise ExplanationError(f"Noise values run from 0 to {z.shape[1] - 1}; {index} is none of them.")
