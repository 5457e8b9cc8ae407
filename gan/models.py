"""The two networks of a DCGAN, as the PyTorch tutorial prints them.

    generator = Generator(ModelConfig())
    images = generator(latents([0, 1, 2], generator.config))     # (3, 3, 64, 64) in [-1, 1]
    discriminator = Discriminator(ModelConfig())
    discriminator.logit(images)                                  # (3,), above 0 means "real"

Radford, Metz, Chintala 2015: strided convolutions instead of pooling, BatchNorm, no biases.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn

from gan.config import ModelConfig


class Generator(nn.Module):
    """Noise (N, latent, 1, 1) to pictures (N, 3, H, W) in [-1, 1]."""

    def __init__(self, config: ModelConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or ModelConfig()
        self.layers = nn.Sequential(*_generator_layers(config))
        self.apply(_initialise)

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z)  # type: ignore[no-any-return]  # nn.Module.__call__ returns Any


class Discriminator(nn.Module):
    """Pictures (N, 3, H, W) in [-1, 1] to the probability (N,) that each is a real poster."""

    def __init__(self, config: ModelConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or ModelConfig()
        self.layers = nn.Sequential(*_discriminator_layers(config))
        self.apply(_initialise)

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images).flatten(1).squeeze(1)  # type: ignore[no-any-return]  # as above

    def logit(self, images: Tensor) -> Tensor:
        """Log-odds of "real", shape (N,): the output before the Sigmoid, which saturates."""
        return self.layers[:-1](images).flatten(1).squeeze(1)  # type: ignore[no-any-return]  # as above


def latents(seeds: Iterable[int], config: ModelConfig, device: str | torch.device = "cpu") -> Tensor:
    """Standard normal noise (N, latent, 1, 1), one row a seed.

    A seed names one latent for ever: each row is drawn on the CPU by a generator of its own, so it
    depends neither on its batch-mates nor on the device.

    Raises
    ------
    ValueError
        If a seed is not from 0 to 2**32 - 1: the generator would take two of them for the same.
    """
    numbers = [int(seed) for seed in seeds]
    if not all(0 <= number < 2**32 for number in numbers):
        raise ValueError("A seed is a number from 0 to 2**32 - 1.")
    rows = [torch.randn(config.latent, generator=torch.Generator().manual_seed(number)) for number in numbers]
    flat = torch.stack(rows) if rows else torch.empty(0, config.latent)
    return flat[:, :, None, None].to(device)


def _generator_layers(config: ModelConfig) -> Iterator[nn.Module]:
    widths = (config.generator_channels or config.channels)[::-1]
    yield nn.ConvTranspose2d(config.latent, widths[0], 4, 1, 0, bias=False)
    yield nn.BatchNorm2d(widths[0])
    yield nn.ReLU(inplace=True)
    for narrow, wide in pairwise(widths):
        yield nn.ConvTranspose2d(narrow, wide, 4, 2, 1, bias=False)
        yield nn.BatchNorm2d(wide)
        yield nn.ReLU(inplace=True)
    yield nn.ConvTranspose2d(widths[-1], 3, 4, 2, 1, bias=False)
    yield nn.Tanh()


def _discriminator_layers(config: ModelConfig) -> Iterator[nn.Module]:
    widths = config.channels
    yield nn.Conv2d(3, widths[0], 4, 2, 1, bias=False)
    yield nn.LeakyReLU(0.2, inplace=True)
    for before, after in pairwise(widths):
        yield nn.Conv2d(before, after, 4, 2, 1, bias=False)
        yield nn.BatchNorm2d(after)
        yield nn.LeakyReLU(0.2, inplace=True)
    yield nn.Conv2d(widths[-1], 1, 4, 1, 0, bias=False)
    yield nn.Sigmoid()


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)
