"""What each noise value does to the picture.

sweep(generator, z, index=17, values=torch.linspace(-3, 3, 9))      # (9, 3, 64, 64)
sensitivity(generator, z)                                            # one row a value
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import torch
from torch import Tensor

from gan.models import Generator
from xai.atlas import size_of
from xai.errors import ExplanationError
from xai.hooks import private_copy
from xai.memory import at_once
from xai.score import Score

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
    maps : (latent, H, W), root mean square over colours.
    """

    rms: Tensor
    brightness: Tensor
    top: Tensor
    middle: Tensor
    bottom: Tensor
    score: Tensor | None
    maps: Tensor


@torch.no_grad()
def sweep(generator: Generator, z: Tensor, index: int, values: Tensor) -> Tensor:
    """Pictures (V, 3, H, W) of ``z`` (1, latent, 1, 1) with value ``index`` set to each of ``values``.

    Raises
    ------
    ExplanationError
        If there is no such noise value.
    """
    count = z.shape[1]
    if not 0 <= index < count:
        raise ExplanationError(f"Noise values run from 0 to {count - 1}; {index} is none of them.")
    changed = z.repeat(len(values), 1, 1, 1)
    changed[:, index, 0, 0] = values
    private = private_copy(generator)
    return torch.cat([private(part) for part in torch.split(changed, at_once(AT_ONCE, size_of(generator, z)))])


def jacobian(generator: Generator, z: Tensor) -> Tensor:
    """Exact dG/dz (latent, 3, H, W) at ``z`` (1, latent, 1, 1), by forward-mode differentiation."""
    private, flat = private_copy(generator), z.flatten()

    def along(step: Tensor) -> Tensor:
        slope: Tensor = torch.func.jvp(lambda point: private(point[None, :, None, None])[0], (flat,), (step,))[1]
        return slope

    rows = at_once(AT_ONCE, size_of(generator, z))
    steps = torch.eye(len(flat), dtype=flat.dtype, device=flat.device)
    with _FORWARD_MODE:  # in parts: torch.func.jacfwd takes all noise values at once, whatever the picture's size
        parts = [torch.func.vmap(along)(part) for part in torch.split(steps, rows)]
    return torch.cat(parts).detach()


def sensitivity(generator: Generator, z: Tensor, score: Score | None = None) -> Sensitivity:
    """How strongly, where, and in which direction each noise value changes the picture of ``z``."""
    slopes = jacobian(generator, z)
    energy = slopes.square().mean(1)  # (latent, H, W)
    rows = torch.tensor_split(energy.sum(2), 3, dim=1)
    total = energy.sum((1, 2)).clamp_min(1e-20)
    top, middle, bottom = (third.sum(1) / total for third in rows)
    luminance = torch.einsum("kchw,c->k", slopes, GREY.to(slopes)) / slopes[0, 0].numel()
    return Sensitivity(
        rms=energy.mean((1, 2)).sqrt(),
        brightness=luminance,
        top=top,
        middle=middle,
        bottom=bottom,
        score=_score_slope(generator, z, slopes, score),
        maps=energy.sqrt(),
    )


def _score_slope(generator: Generator, z: Tensor, slopes: Tensor, score: Score | None) -> Tensor | None:
    if score is None:
        return None
    with torch.no_grad():
        picture = private_copy(generator)(z)
    return torch.einsum("kchw,chw->k", slopes, score.gradient(picture)[1][0])  # chain rule
