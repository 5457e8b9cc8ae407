"""Generators that were built by hand, so that it is known what every noise value does."""

from __future__ import annotations

import functools

import numpy as np
import torch
from torch import Tensor

import gan
from tests.xai.nets import generator
from xai.latents.encoder import Encoder, train_encoder

ALWAYS_ON = 20.0  # keeps every unit of the first layer above 0, where the ReLU is straight
AMOUNT = 0.02  # of colour for one unit of noise; small, for there the Tanh is straight
LATENT = 60  # of three colours; most are dead, so that a random direction moves little
RED_AND_BLUE, GREY, GREEN = 7, 20, 33


@torch.no_grad()
def painted(places: Tensor, colours: Tensor, amount: float = AMOUNT) -> gan.Generator:
    """A generator of 8 x 8 pixels: the picture is tanh(amount * sum of z_k * places[k] * colours[k]).

    places : (latent, 4, 4), for each noise value its strength in each block of 2 x 2 pixels; (latent, 6, 4) for
        pictures of 12 x 8.
    colours : (latent, 3), for each noise value the colour that it adds.
    """
    count = len(places)
    with torch.random.fork_rng():
        aspect = "2:3" if places.shape[1] == 6 else "1:1"
        network = gan.Generator(gan.ModelConfig(8, count, count + 1, count + 1, aspect=aspect))
    first, norm, _, last, _ = network.layers
    first.weight.zero_()
    first.weight[torch.arange(count), torch.arange(count)] = places
    norm.weight.fill_(1.0)
    norm.bias.fill_(ALWAYS_ON)
    norm.running_var.fill_(1.0 - norm.eps)
    last.weight.zero_()
    last.weight[:count, :, 1:3, 1:3] = amount * colours[:, :, None, None]  # each place paints its own 2 x 2 pixels
    last.weight[count, :, 1:3, 1:3] = -amount * colours.sum(0)[:, None, None]  # takes the constant away again
    return network.eval()


def corners(latent: int = 6) -> gan.Generator:
    """Value 0 paints the upper left quarter, 1 the lower right one, 2 everything; the others are dead."""
    places = torch.zeros(latent, 4, 4)
    places[0, :2, :2], places[1, 2:, 2:], places[2] = 1.0, 2.0, 0.5
    return painted(places, torch.ones(latent, 3))


@functools.cache
def three_colours() -> gan.Generator:
    """Value 7 makes pictures warmer, 20 brighter and 33 greener, everywhere; the others are dead."""
    places, colours = torch.zeros(LATENT, 4, 4), torch.ones(LATENT, 3)
    places[RED_AND_BLUE], places[GREY], places[GREEN] = 1.0, 2.0, 0.5
    colours[RED_AND_BLUE] = torch.tensor([1.0, 0.0, -1.0])
    colours[GREEN] = torch.tensor([-0.5, 1.0, -0.5])
    return painted(places, colours)


@torch.no_grad()
def swept(network: gan.Generator, z: Tensor, index: int, values: Tensor) -> Tensor:
    """Pictures (V, 3, H, W) of ``z`` (1, latent, 1, 1) with one dimension set to each of ``values``."""
    changed = z.repeat(len(values), 1, 1, 1)
    changed[:, index, 0, 0] = values
    pictures: Tensor = network.eval()(changed)
    return pictures


def axis(index: int, latent: int = LATENT) -> np.ndarray:
    """The unit vector (latent,) of one noise value."""
    return np.eye(latent)[index]


@functools.cache
def drawing() -> gan.Generator:
    return generator(16)


@functools.cache
def trained() -> Encoder:
    return train_encoder(drawing(), steps=120)


def drawn(seed: int, network: gan.Generator | None = None) -> Tensor:
    network = network or drawing()
    with torch.no_grad():
        return network(gan.latents([seed], network.config))
