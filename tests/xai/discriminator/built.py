"""Discriminators built by hand, for pictures of 8 x 8 or 12 x 8: which filter decides, and where, is known."""

from __future__ import annotations

import torch

import gan

LAYER = "layers.1"
CORNER, IGNORED, ONE, OTHER, WEAK = range(5)


@torch.no_grad()
def discriminator(aspect: str = "1:1") -> gan.Discriminator:
    """Five filters of 4 x 4 places (6 x 4 of 2:3), all without a bias, and what the logit makes of them.

    The logit looks at CORNER at the top left place only, and not at IGNORED, which fires most. ONE and OTHER push up
    on red and decide: a red picture is real while one of them is left. WEAK pushes up a little. Grey has a logit of -1.
    """
    network = gan.Discriminator(gan.ModelConfig(resolution=8, width=5, aspect=aspect, norm_d=False)).eval()
    look, judge = (layer for layer in network.layers if isinstance(layer, torch.nn.Conv2d))
    for parameter in network.parameters():
        parameter.zero_()
    look.bias[IGNORED], network.last.bias[:] = 50.0, -1.0
    look.weight[CORNER, 0] = 0.01
    look.weight[(ONE, OTHER), 0, 1:3, 1:3] = 0.25
    look.weight[WEAK, 0, 1:3, 1:3] = 0.025
    judge.weight[0, CORNER, 0, 0] = 1.0
    judge.weight[0, (ONE, OTHER)] = 0.1
    judge.weight[0, WEAK] = 0.1
    return network


def red(aspect: str = "1:1") -> torch.Tensor:
    """(1, 3, H, W): red, on black."""
    return torch.cat([torch.ones(1, 1, *size(aspect)), -torch.ones(1, 2, *size(aspect))], 1)


def grey(aspect: str = "1:1") -> torch.Tensor:
    return torch.zeros(1, 3, *size(aspect))


def size(aspect: str) -> tuple[int, int]:
    return (12, 8) if aspect == "2:3" else (8, 8)
