"""A discriminator of two layers whose every filter is known: what it fires on, and what it says then."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

import gan
import xai
from xai.discriminator.responses import Responses, responses

LAYER = "layers.1"
PRAISES, BLAMES, EITHER, IGNORED, SILENT, RED, GREEN_CORNER = range(7)
REFERENCE = -torch.ones(1, 3, 8, 8)


@torch.no_grad()
def judge() -> gan.Discriminator:
    """8 x 8 pictures, 4 x 4 maps of 7 filters.

    The first four fire on bright places. PRAISES and BLAMES are heard everywhere, one negated; EITHER speaks for
    real in the left half and for fake in the right; IGNORED fires most of all, and no one listens. SILENT is constant.
    RED fires on red alone, GREEN_CORNER on green, heard in the top left corner only.
    """
    network = gan.Discriminator(gan.ModelConfig(resolution=8, width=7, norm_d=False)).eval()
    look, _, last, _ = network.layers
    look.weight.zero_()
    look.bias.zero_()
    last.weight.zero_()
    for unit, gain in ((PRAISES, 1.0), (BLAMES, 1.0), (EITHER, 1.0), (IGNORED, 10.0)):
        look.weight[unit] = gain / 48
    look.bias[SILENT] = 0.01
    look.weight[RED, 0], look.weight[RED, 1:] = 1 / 16, -1 / 16
    look.weight[GREEN_CORNER, 1], look.weight[GREEN_CORNER, ::2] = 1 / 16, -1 / 16
    last.weight[0, PRAISES], last.weight[0, BLAMES] = 1.0, -1.0
    last.weight[0, EITHER, :, :2], last.weight[0, EITHER, :, 2:] = 1.0, -1.0
    last.weight[0, RED] = 0.1
    last.weight[0, GREEN_CORNER, 0, 0] = 0.1
    return network


def patches(count: int, brightness: float, seed: int) -> Tensor:
    """Black pictures with a grey patch at a random place, of random brightness."""
    random = np.random.default_rng(seed)
    images = torch.full((count, 3, 8, 8), -1.0)
    for image in images:
        row, column = random.integers(0, 5, 2)
        image[:, row : row + 4, column : column + 4] = float(random.normal(brightness, 0.2))
    return images


def found(images: Tensor, network: gan.Discriminator | None = None) -> Responses:
    return responses(xai.Score(network or judge()), images, REFERENCE)
