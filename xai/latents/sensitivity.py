"""What each noise value does to the picture.

sweep(generator, z, index=17, values=torch.linspace(-3, 3, 9))      # (9, 3, 64, 64)
sensitivity(generator, z)                                            # one row a value
where(generator, z, index=17)                                        # (64, 64): which pixels value 17 changes
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from gan.networks.dcgan import Generator
from xai.errors import ExplanationError
from xai.generator.folded import Anatomy
from xai.networks.batches import at_once
from xai.networks.fast_generator import chain_of, size_of
from xai.networks.hooks import private_copy
from xai.networks.score import Score

GREY = torch.tensor([0.299, 0.587, 0.114])
AT_ONCE = 128  # noise values whose slopes are found together, fewer for large pictures
_FORWARD_MODE = threading.Lock()  # torch keeps the level of forward-mode differentiation in globals


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


def jacobian(generator: Generator, z: Tensor) -> Tensor:
    """Exact dG/dz (latent, 3, H, W) at ``z`` (1, latent, 1, 1), by forward-mode differentiation."""
    return torch.cat(list(_slopes(generator, z, _units(z))))


def where(generator: Generator, z: Tensor, index: int) -> Tensor:
    """Which pixels noise value ``index`` changes: (H, W), root mean square over colours of the slope at ``z``.

    Raises
    ------
    ExplanationError
        If there is no such noise value.
    """
    _check_index(z, index)
    (slopes,) = _slopes(generator, z, _units(z)[index : index + 1])
    return slopes[0].square().mean(0).sqrt()


def sensitivity(generator: Generator, z: Tensor, score: Score | None = None) -> Sensitivity:
    """How strongly, in which third, and in which direction each noise value changes the picture of ``z``."""
    gradient = None if score is None else _gradient(generator, z, score)
    parts = [_summary(slopes, gradient) for slopes in _slopes(generator, z, _units(z))]  # no slopes are kept: too large
    rms, brightness, top, middle, bottom, *logit = (torch.cat(column) for column in zip(*parts, strict=True))
    return Sensitivity(rms, brightness, top, middle, bottom, logit[0] if logit else None)


def _summary(slopes: Tensor, gradient: Tensor | None) -> list[Tensor]:
    """What ``Sensitivity`` tells of slopes (K, 3, H, W), each (K,); the last only with the score's ``gradient``."""
    energy = slopes.square().mean(1)  # (K, H, W)
    total = energy.sum((1, 2)).clamp_min(1e-20)
    thirds = [third.sum(1) / total for third in torch.tensor_split(energy.sum(2), 3, dim=1)]
    luminance = torch.einsum("kchw,c->k", slopes, GREY.to(slopes)) / slopes[0, 0].numel()
    along = [] if gradient is None else [torch.einsum("kchw,chw->k", slopes, gradient)]  # chain rule
    return [energy.mean((1, 2)).sqrt(), luminance, *thirds, *along]


def _gradient(generator: Generator, z: Tensor, score: Score) -> Tensor:
    """The score's slope (3, H, W) at the picture of ``z``."""
    with torch.no_grad():
        picture = private_copy(generator)(z)
    return score.gradient(picture)[1][0]


def _units(z: Tensor) -> Tensor:
    """(latent, latent, 1, 1): one unit of each noise value."""
    return torch.eye(z.shape[1], dtype=z.dtype, device=z.device)[:, :, None, None]


def _slopes(generator: Generator, z: Tensor, steps: Tensor) -> Iterator[Tensor]:
    """Slopes (K, 3, H, W) of the picture of ``z`` along ``steps`` (N, latent, 1, 1), in order, a part at a time."""
    size, chain = size_of(generator, z), chain_of(generator)
    parts = torch.split(steps, at_once(AT_ONCE, size))
    if chain is None:
        yield from _slopes_of_any(generator, z, parts)
        return
    anatomy = Anatomy(chain, {}, {}, {}, z.shape[1], size)  # no layer is looked at: it only carries slopes forwards
    trace = chain.trace(z)
    for part in parts:
        *_, slopes = anatomy.push(trace, 0, part)
        yield slopes


def _slopes_of_any(generator: Generator, z: Tensor, parts: Iterable[Tensor]) -> Iterator[Tensor]:
    private = private_copy(generator)

    def along(step: Tensor) -> Tensor:
        slope: Tensor = torch.func.jvp(lambda point: private(point[None])[0], (z[0],), (step,))[1]
        return slope

    for part in parts:  # torch.func.jacfwd takes all noise values at once, whatever the picture's size
        with _FORWARD_MODE:
            slopes = torch.func.vmap(along)(part).detach()
        yield slopes


def _check_index(z: Tensor, index: int) -> None:
    if not 0 <= index < z.shape[1]:
        raise ExplanationError(f"Noise values run from 0 to {z.shape[1] - 1}; {index} is none of them.")
