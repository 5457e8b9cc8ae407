"""Two networks built by hand: what every filter does, and what the discriminator thinks of it, is known."""

from __future__ import annotations

import torch
from torch import Tensor

import gan

LAYER = "layers.2"
PATCH, DEAD, CONSTANT, TWIN, OTHER_TWIN, HATED, WEAK = range(7)
DRIVES_PATCH, DRIVES_TWINS, DRIVES_HATED, DRIVES_WEAK, DRIVES_NOTHING = range(5)


@torch.no_grad()
def generator() -> gan.Generator:
    """8 x 8 pictures from 4 x 4 maps of 7 units and 5 noise values.

    The first noise value switches PATCH, in the map's top left quarter; the second both twins, bottom left;
    the third HATED, bottom right; the fourth WEAK, top right, whose trace in the picture is faint.
    """
    network = gan.Generator(gan.ModelConfig(resolution=8, latent=5, width=7)).eval()
    first, norm, _, last, _ = network.layers
    first.weight.zero_()
    top, bottom = slice(0, 2), slice(2, 4)
    for noise, unit, rows, columns in (
        (DRIVES_PATCH, PATCH, top, top),
        (DRIVES_TWINS, TWIN, bottom, top),
        (DRIVES_TWINS, OTHER_TWIN, bottom, top),
        (DRIVES_HATED, HATED, bottom, bottom),
        (DRIVES_WEAK, WEAK, top, bottom),
    ):
        first.weight[noise, unit, rows, columns] = 1.0
    norm.weight.fill_(1.0)
    norm.bias.copy_(torch.tensor([0.0, -9.0, 2.0, 0.0, 0.0, 0.0, 0.0]))
    loud = torch.tensor([0.2, 0.2, -0.05, 0.05, 0.1, 0.3, 0.002])
    last.weight.copy_(loud[:, None, None, None].expand_as(last.weight))
    return network


@torch.no_grad()
def discriminator() -> gan.Discriminator:
    """Looks at the bottom right quarter only, and falls faster above grey than it rises below.

    There CONSTANT alone is a little below grey, so whenever HATED lights up the logit falls by more than
    HATED's absence elsewhere gains.
    """
    network = gan.Discriminator(gan.ModelConfig(resolution=8, width=1)).eval()
    look, _, judge, _ = network.layers
    look.weight.fill_(0.1)
    judge.weight.zero_()
    judge.weight[0, 0, 2:, 2:] = -1.0
    return network


def checkpoint() -> gan.Checkpoint:
    made = generator()
    return gan.Checkpoint(made, discriminator(), made.config, name="built", digest="0" * 64)


def latent(*values: float) -> Tensor:
    """One latent (1, 5, 1, 1); values that are not given are 0."""
    return torch.tensor([*values, *[0.0] * (5 - len(values))]).reshape(1, 5, 1, 1)
