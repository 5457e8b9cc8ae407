"""What the tests of upscalers share: small networks, noise, and posters that are drawn by rule."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from gan import PosterSet
from gan.data.synthetic import draw_poster
from gan.upscaling.network import Upscaler, UpscalerConfig

SMALL = {2: UpscalerConfig(2, 6, 2), 4: UpscalerConfig(4, 6, 2)}
both = pytest.mark.parametrize("factor", [2, 4])


def network(factor: int = 2, seed: int = 0, wild: bool = True) -> Upscaler:
    """A small upscaler; a wild one adds a residual that cannot be overlooked."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        upscaler = Upscaler(SMALL[factor]).eval().requires_grad_(False)
        if wild:
            upscaler.tail.weight.normal_(0, 0.1)
    return upscaler


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def synthetic(count: int, size: int = 128) -> PosterSet:
    images = np.stack([np.asarray(draw_poster(seed, size).image) for seed in range(count)])
    return PosterSet(images, tuple(f"{seed}.png" for seed in range(count)), ((),) * count)
