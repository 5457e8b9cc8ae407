"""A picture made up for a filter of a discriminator, to which it responds strongly. A second opinion.

    made = synthesise(checkpoint.discriminator, "layers.7", 12)
    made.patch                                          # uint8 (22, 22, 3): what one neuron wants to see
    made.response, table.find("layers.7", 12)["highest_real"]       # how far beyond posters that is
    synthesise(checkpoint.discriminator, "layers.7", 12, whole=True).picture        # uint8 (64, 64, 3)

Olah, Mordvintsev, Schubert 2017: gradient ascent on the coefficients of a Fourier transform, in colours whose axes are
uncorrelated in photographs, of a picture that is moved by a pixel in each step. Nobody showed D such a picture: it
says what drives a filter, and not with what posters drive it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan.display import picture_row
from gan.networks.dcgan import Discriminator
from xai.discriminator.receptive_field import Box, receptive_fields
from xai.networks.hooks import activations
from xai.networks.score import Score

STEPS = 64
RATE = 0.05  # of Adam
START = 0.01  # standard deviation of the coefficients at first
MOVED = 1  # pixels, at most, in each step: what only a neuron at this very pixel wants to see averages out
POWER = 1.5  # coefficients of a frequency count 1 / frequency ** POWER; photographs have 1, and pictures are then noise
# Principal axes of the colours of ImageNet (lucid); the longest is 1. Their lengths' square roots are taken, for with
# steps of equal size along all axes the long one, brightness, hides what colour a filter fires on.
AXES = torch.tensor([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
COLOURS = AXES / (AXES.norm(dim=0) * AXES.norm(dim=0).max()).sqrt()


@dataclass(frozen=True, eq=False)
class Synthesis:
    """A picture uint8 RGB (H, W, 3), the filter's response to it, and the pixels that matter.

    response : of the neuron, or, to a whole picture, the largest of the filter's map.
    box : the neuron's receptive field, outside which the picture is grey, or the whole picture.
    """

    picture: NDArray[np.uint8]
    response: float
    box: Box

    def _repr_html_(self) -> str:
        """The picture in a notebook."""
        return picture_row([(self.picture, f"response {self.response:.2f}")])

    @property
    def patch(self) -> NDArray[np.uint8]:
        """The pixels that matter."""
        return self.box.cut(self.picture)


def synthesise(
    discriminator: Discriminator,
    layer: str,
    unit: int,
    place: tuple[int, int] | None = None,
    whole: bool = False,
    seed: int = 0,
) -> Synthesis:
    """Make a picture for one neuron of a filter, or for the mean of its map.

    place : (row, column) of the neuron; the middle of the map where none is given. whole : for the mean of the map.
    The same seed gives the same bits.

    Raises
    ------
    ExplanationError
        If the layer, unit or place does not exist, or D is no chain of convolutions and activations.
    """
    fields = receptive_fields(Score(discriminator), layer)
    at = place or (len(fields.rows) // 2, len(fields.columns) // 2)
    box = Box(0, 0, *discriminator.config.size) if whole else fields.box(*at)
    picture = _ascend(Score(discriminator, layer, unit, None if whole else at), box, discriminator.config.size, seed)
    maps = activations(discriminator, picture.float() / 127.5 - 1, [layer])[layer][0, unit]
    return Synthesis(picture[0].permute(1, 2, 0).numpy(), float(maps.max() if whole else maps[at]), box)


def _ascend(score: Score, box: Box, size: tuple[int, int], seed: int) -> Tensor:
    """The picture uint8 (1, 3, H, W) after the last step."""
    assert score.chain is not None  # or there were no receptive fields
    random = torch.Generator().manual_seed(seed)
    inside = torch.zeros(1, 1, *size)
    inside[..., box.top : box.bottom, box.left : box.right] = 1
    weights = _weights(size)
    spectrum = (START * torch.randn(2, 3, *weights.shape, generator=random)).requires_grad_()
    optimiser = torch.optim.Adam([spectrum], RATE)
    for _ in range(STEPS):
        down, right = torch.randint(-MOVED, MOVED + 1, (2,), generator=random).tolist()
        with torch.enable_grad():
            picture = torch.roll(_picture(spectrum * weights, size), (down, right), (2, 3)) * inside
            _, gradient = score.chain.gradient(picture.detach())
            (spectrum.grad,) = torch.autograd.grad(picture, spectrum, -gradient)
        optimiser.step()
    final: Tensor = _picture((spectrum * weights).detach(), size) * inside
    return ((final + 1) * 127.5).round().to(torch.uint8)


def _weights(size: tuple[int, int]) -> Tensor:
    """What the coefficients (H, W // 2 + 1) of each frequency count; those of the lowest, H * W."""
    height, width = size
    frequency = (torch.fft.fftfreq(height)[:, None] ** 2 + torch.fft.rfftfreq(width)[None] ** 2).sqrt()
    weights: Tensor = height * width * (frequency * max(size)).clamp_min(1) ** -POWER
    return weights


def _picture(spectrum: Tensor, size: tuple[int, int]) -> Tensor:
    """Coefficients (2, 3, H, W // 2 + 1), real and imaginary parts, to a picture (1, 3, H, W) in (-1, 1)."""
    plain: Tensor = torch.fft.irfft2(torch.complex(spectrum[0], spectrum[1]), s=size)
    picture: Tensor = torch.tanh(torch.tensordot(COLOURS, plain, 1)[None])
    return picture
