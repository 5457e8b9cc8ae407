"""Two networks built by hand: what every filter does, and what the discriminator thinks of it, is known."""

from __future__ import annotations

import torch
from torch import Tensor

import gan

LAYER = "layers.2"
PATCH, DEAD, CONSTANT, TWIN, OTHER_TWIN, HATED, WEAK = range(7)
DRIVES_PATCH, DRIVES_TWINS, DRIVES_HATED, DRIVES_WEAK, DRIVES_NOTHING = range(5)


@torch.no_grad()
def generator(aspect: str = "1:1") -> gan.Generator:
    """8 x 8 pictures from 4 x 4 maps of 7 units and 5 noise values.

    Of 2:3 they are 12 x 8 from 6 x 4, and a genre that is built in says which units are always on or off.

    The first noise value switches PATCH, in the map's top left quarter; the second both twins, bottom left;
    the third HATED, bottom right; the fourth WEAK, top right, whose trace in the picture is faint.
    """
    by_genre = aspect != "1:1"
    network = gan.Generator(gan.ModelConfig(8, 5, 7, aspect=aspect, conditioned=by_genre)).eval()
    first, norm, _, last, _ = network.layers
    first.weight.zero_()
    middle = network.config.base[0] // 2
    top, bottom, left, right = slice(0, middle), slice(middle, None), slice(0, 2), slice(2, 4)
    for noise, unit, rows, columns in (
        (DRIVES_PATCH, PATCH, top, left),
        (DRIVES_TWINS, TWIN, bottom, left),
        (DRIVES_TWINS, OTHER_TWIN, bottom, left),
        (DRIVES_HATED, HATED, bottom, right),
        (DRIVES_WEAK, WEAK, top, right),
    ):
        first.weight[noise, unit, rows, columns] = 1.0
    norm.weight.fill_(1.0)
    always = torch.tensor([0.0, -9.0, 2.0, 0.0, 0.0, 0.0, 0.0])
    if by_genre:
        first.constant.copy_(always[None, :, None, None].expand_as(first.constant))
    else:
        norm.bias.copy_(always)
    loud = torch.tensor([0.2, 0.2, -0.05, 0.05, 0.1, 0.3, 0.002])
    last.weight.copy_(loud[:, None, None, None].expand_as(last.weight))
    return network


@torch.no_grad()
def discriminator(aspect: str = "1:1") -> gan.Discriminator:
    """Looks at the bottom right quarter only, and falls faster above grey than it rises below.

    There CONSTANT alone is a little below grey, so whenever HATED lights up the logit falls by more than
    HATED's absence elsewhere gains.
    """
    network = gan.Discriminator(gan.ModelConfig(resolution=8, width=1, aspect=aspect, norm_d=aspect == "1:1")).eval()
    look, _, judge, _ = network.layers
    look.weight.fill_(0.1)
    judge.weight.zero_()
    judge.weight[0, 0, network.config.base[0] // 2 :, 2:] = -1.0
    return network


def checkpoint(aspect: str = "1:1") -> gan.Checkpoint:
    made = generator(aspect)
    return gan.Checkpoint(made, discriminator(aspect), made.config, name="built", digest="0" * 64)


def latent(*values: float) -> Tensor:
    """One latent (1, 5, 1, 1); values that are not given are 0."""
    return torch.tensor([*values, *[0.0] * (5 - len(values))]).reshape(1, 5, 1, 1)
