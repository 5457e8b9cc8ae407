"""Resampling of batches of pictures, with Pillow's kernels.

    lanczos(images, 4)                                  # (N, 3, H, W) in [-1, 1] to (N, 3, 4 H, 4 W)
    resample(images, (96, 64), "bicubic")

Differentiable, on any device; nothing is rounded to 8 bits on the way.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from torch import Tensor

FACTOR = 4  # by which posters are enlarged for show

# Support (half width, in pixels of the smaller picture) and function of each kernel.
KERNELS: dict[str, tuple[float, Callable[[Tensor], Tensor]]] = {
    "lanczos": (3.0, lambda x: torch.sinc(x) * torch.sinc(x / 3)),
    "bicubic": (
        2.0,
        lambda x: torch.where(
            x.abs() < 1, 1.5 * x.abs() ** 3 - 2.5 * x**2 + 1, -0.5 * x.abs() ** 3 + 2.5 * x**2 - 4 * x.abs() + 2
        ),
    ),
    "box": (0.5, lambda x: torch.ones_like(x)),
}


def lanczos(images: Tensor, factor: int = FACTOR) -> Tensor:
    """Enlarge (N, 3, H, W) in [-1, 1] ``factor`` times with the Lanczos kernel; overshoot is clipped.

    The same weights as Pillow's ``Image.resize`` with LANCZOS, which rounds to 8 bits on the way.
    """
    return resample(images, (images.shape[2] * factor, images.shape[3] * factor)).clamp(-1, 1)


def resample(images: Tensor, size: tuple[int, int], kernel: str = "lanczos") -> Tensor:
    """Resize (..., H, W) to ``size`` = (height, width) with a kernel of ``KERNELS``; antialiased where it shrinks."""
    rows = _resampling(images.shape[-2], size[0], kernel).to(images.device)
    columns = _resampling(images.shape[-1], size[1], kernel).to(images.device)
    return rows @ (images @ columns.T)


@functools.lru_cache(maxsize=256)
def _resampling(old: int, new: int, kernel: str) -> Tensor:
    """(new, old): weights of the old pixels in each new one; every row sums to 1, at the border too."""
    reach, value = KERNELS[kernel]
    step = old / new
    width = max(step, 1.0)
    centres = (torch.arange(new, dtype=torch.float64) + 0.5) * step
    first, last = (centres - reach * width + 0.5).floor(), (centres + reach * width + 0.5).floor()
    pixels = torch.arange(old, dtype=torch.float64)
    inside = (pixels >= first[:, None]) & (pixels < last[:, None])
    weights = value((pixels + 0.5 - centres[:, None]) / width) * inside
    return (weights / weights.sum(1, keepdim=True)).float()
