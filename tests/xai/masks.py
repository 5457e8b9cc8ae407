"""A place, a network that looks at nothing else, and a picture in which it was changed."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from tests.xai.nets import affine
from xai.bench.planted import Trial

SIDE = 16
BOX = (slice(4, 12), slice(0, 8))


def box(side: int = SIDE) -> np.ndarray:
    mask = np.zeros((side, side), bool)
    mask[BOX] = True
    return mask


def looking_at(mask: np.ndarray, sign: float = 1.0) -> nn.Sequential:
    """An affine score that rises with (or falls with) each value in the mask and sees nothing else."""
    network = affine(len(mask))
    with torch.no_grad():
        network[1].weight.copy_(sign * torch.from_numpy(mask).float().expand(3, -1, -1).reshape(1, -1))
    return network


def brighter(images: Tensor, mask: np.ndarray) -> Trial:
    image = torch.where(torch.from_numpy(mask), images[:1] + 1, images[:1])
    return Trial(image, images[:1], mask[None], ("brighter",))
