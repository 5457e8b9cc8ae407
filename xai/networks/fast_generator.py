"""The fastest way from latents to pictures, and what latents must look like.

    generate = fast_generator(generator)
    images = generate(z)                               # (N, 3, H, W) of the latents (N, latent, 1, 1)

A generator is taken as any module from latents to pictures; most of what is here is faster for one that is a chain.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from gan.errors import counted
from gan.networks.dcgan import Generator
from xai.errors import ExplanationError
from xai.networks.chain import Chain
from xai.networks.hooks import private_copy

Generate = Callable[[Tensor], Tensor]


def fast_generator(generator: nn.Module, gradients: bool = False) -> Generate:
    """The fastest way from latents to pictures, in eval mode, on weights of its own or shared, never hooked.

    Its pictures are the generator's up to rounding. With ``gradients`` they reach the latents.
    """
    chain = chain_of(generator)
    if chain is None:
        private = private_copy(generator)
        return private if gradients else torch.no_grad()(private)
    steps = chain.steps

    def with_gradients(z: Tensor) -> Tensor:
        for step in steps:
            z = step.forward(z, many=True)
        return z

    return with_gradients if gradients else chain


def chain_of(generator: nn.Module) -> Chain | None:
    """The generator as a chain of steps, in eval mode and without its hooks; None where it is none."""
    private = private_copy(generator)
    return Chain.of(private.layers if isinstance(private, Generator) else private)


def size_of(generator: nn.Module, z: Tensor) -> tuple[int, int]:
    """(height, width) of its pictures of latents like ``z``; any other module than a Generator generates one."""
    if isinstance(generator, Generator):
        return generator.config.size
    height, width = fast_generator(generator)(z[:1]).shape[2:]
    return height, width


def check_latents(z: Tensor, count: int | None = None, generator: nn.Module | None = None) -> None:
    """Raise ExplanationError unless ``z`` is (N, latent, 1, 1) with finite values.

    count, generator : where given, N is ``count``, and the latents are those of the generator.
    """
    if not isinstance(z, Tensor) or not z.is_floating_point():
        what = str(z.dtype).removeprefix("torch.") if isinstance(z, Tensor) else type(z).__name__
        raise ExplanationError(f"Latents are a tensor of floats (N, latent, 1, 1), not {what}.")
    if isinstance(generator, Generator) and z.ndim == 4 and z.shape[1] != generator.config.latent:
        raise ExplanationError(
            f"This generator has {counted(generator.config.latent, 'latent dimension')}, not {z.shape[1]}."
        )
    if z.ndim != 4 or z.shape[2:] != (1, 1) or not z.numel() or (count is not None and len(z) != count):
        rows = "N" if count is None else count
        raise ExplanationError(f"Latents have the shape ({rows}, latent, 1, 1), not {tuple(z.shape)}.")
    if not bool(torch.isfinite(z).all()):
        raise ExplanationError("Latents have finite values only.")


def check_dimension(index: int, count: int) -> None:
    """Raise ExplanationError unless ``index`` is one of ``count`` latent dimensions."""
    if not 0 <= index < count:
        raise ExplanationError(f"Latent dimensions run from 0 to {count - 1}; {index} is none of them.")
