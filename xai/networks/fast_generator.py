"""The fastest way from latents to pictures, and what latents must look like.

paint = painter(generator)
images = paint(z)                                  # (N, 3, H, W) of the latents (N, latent, 1, 1)
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from gan.networks.dcgan import Generator
from xai.errors import ExplanationError
from xai.networks.chain import Chain
from xai.networks.hooks import private_copy

Paint = Callable[[Tensor], Tensor]


def painter(generator: nn.Module, gradients: bool = False) -> Paint:
    """The fastest way from latents to pictures, in eval mode, on weights of its own or shared, never hooked.

    The answer is the generator's up to rounding. With ``gradients`` they reach the latents.
    """
    chain = chain_of(generator)
    if chain is None:
        private = private_copy(generator)
        return private if gradients else torch.no_grad()(private)
    steps = chain.steps

    def paint(z: Tensor) -> Tensor:
        for step in steps:
            z = step.forward(z, many=True)
        return z

    return paint if gradients else chain


def chain_of(generator: nn.Module) -> Chain | None:
    """The generator as a chain of steps, in eval mode and without its hooks; None where it is none."""
    private = private_copy(generator)
    return Chain.of(private.layers if isinstance(private, Generator) else private)


def size_of(generator: nn.Module, z: Tensor) -> tuple[int, int]:
    """Height and width of the pictures that it draws of latents like ``z``; a stranger is asked for one."""
    if isinstance(generator, Generator):
        return generator.config.size
    height, width = painter(generator)(z[:1]).shape[2:]
    return height, width


def check_latents(z: Tensor, count: int | None = None) -> None:
    """Raise ExplanationError unless ``z`` is (N, latent, 1, 1) with finite values, and N = ``count`` if given."""
    if z.ndim != 4 or z.shape[2:] != (1, 1) or not z.numel() or (count is not None and len(z) != count):
        rows = "N" if count is None else count
        raise ExplanationError(f"Noise has the shape ({rows}, latent, 1, 1), not {tuple(z.shape)}.")
    if not bool(torch.isfinite(z).all()):
        raise ExplanationError("Noise has finite values only.")
