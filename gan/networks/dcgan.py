"""The two networks of a DCGAN, as the PyTorch tutorial prints them.

    generator = Generator(ModelConfig())
    images = generator(latents([0, 1, 2], generator.config))     # (3, 3, 64, 64) in [-1, 1]
    discriminator = Discriminator(ModelConfig())
    discriminator.logit(images)                                  # (3,), above 0 means "real"

Radford, Metz, Chintala 2015: strided convolutions instead of pooling, BatchNorm, no biases.

Where the configuration names genres, both networks take labels as well: +1 for a genre that a poster has, -1 for one
that it has not, 0 for "not known". ``with_genres(labels)`` is the plain network for posters of these genres.

    horror = generator.with_genres([1.0 if genre == "Horror" else 0.0 for genre in generator.config.genres])
"""

from __future__ import annotations

import copy
import itertools
import operator
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn

from gan.errors import SettingError, counted
from gan.networks.config import ModelConfig

MOST_SEEDS = 2**22


class ConditionedConvTranspose2d(nn.ConvTranspose2d):
    """A transposed convolution of (N, latent, 1, 1) plus a constant map (1, C, h, w): fixed genres, built in."""

    def __init__(self, inputs: int, outputs: int, kernel: tuple[int, int]) -> None:
        super().__init__(inputs, outputs, kernel, 1, 0, bias=False)
        self.constant: Tensor
        self.register_buffer("constant", torch.zeros(1, outputs, *kernel))

    def forward(self, z: Tensor, output_size: list[int] | None = None) -> Tensor:
        return super().forward(z, output_size) + self.constant


class Generator(nn.Module):
    """Noise (N, latent, 1, 1) to pictures (N, 3, H, W) in [-1, 1].

    With genres: noise and labels (N, genres) in -1 to 1; None stands for zeros, no genre requested. The labels are
    embedded and joined to the noise (Mirza, Osindero 2014).
    """

    def __init__(self, config: ModelConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or ModelConfig()
        self.layers = nn.Sequential(*_generator_layers(config))
        if config.genres:
            self.embed = nn.Linear(len(config.genres), config.embedding, bias=False)
        self.apply(_initialise)
        if config.genres:  # labels are few and small: at 0.02 the noise would drown them
            nn.init.normal_(self.embed.weight, 0.0, 0.3)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        if self.config.genres:
            embedded = self.embed(_labels_or_zeros(labels, self.config, z))
            z = torch.cat([z, embedded[:, :, None, None]], 1)
        images: Tensor = self.layers(z)
        return images

    @torch.no_grad()
    def with_genres(self, labels: Sequence[float]) -> Generator:
        """The plain generator for these labels, one for each genre: ``with_genres(x)(z)`` equals ``self(z, x)``.

        What the embedded labels add to the first layer does not depend on the noise, and becomes its constant.

        Raises
        ------
        ValueError
            If the network has no genres, or the labels are not one value from -1 to 1 for each.
        """
        label = _one_label(labels, self.config).to(next(self.parameters()).device)
        plain = copy.deepcopy(self)
        plain.config = replace(self.config, genres=(), conditioned=True)
        del plain.embed
        first = cast(nn.ConvTranspose2d, self.layers[0])
        noise, condition = first.weight[: self.config.latent], first.weight[self.config.latent :]
        folded = ConditionedConvTranspose2d(self.config.latent, first.out_channels, self.config.base).to(noise)
        folded.weight.copy_(noise)
        folded.constant.copy_(torch.einsum("e,echw->chw", self.embed(label), condition)[None])
        plain.layers[0] = folded.requires_grad_(first.weight.requires_grad).train(first.training)
        return plain


class Discriminator(nn.Module):
    """Pictures (N, 3, H, W) in [-1, 1] to the probability (N,) that each is a real poster.

    With genres: that it is a real poster of these genres, labels (N, genres) in -1 to 1. The embedded labels are
    projected onto the mean of the last maps (Miyato, Koyama 2018).
    """

    def __init__(self, config: ModelConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or ModelConfig()
        self.layers = nn.Sequential(*_discriminator_layers(config))
        if config.genres:
            self.embed = nn.Linear(len(config.genres), config.channels[-1], bias=False)
        self.apply(_initialise if config.norm_d else _initialise_without_norm)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        probability: Tensor = self.layers[-1:](self.logit(images, labels))
        return probability

    @property
    def last(self) -> nn.Conv2d:
        """The convolution whose output is the logit."""
        return cast(nn.Conv2d, self.layers[-2])

    def logit(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Log-odds (N,) of "real" for images (N, 3, H, W): the output before the Sigmoid, which saturates."""
        maps = self.layers[:-2](images)
        logit: Tensor = self.layers[-2:-1](maps).flatten(1).squeeze(1)
        if self.config.genres:
            logit = logit + (self.embed(_labels_or_zeros(labels, self.config, images)) * maps.mean((2, 3))).sum(1)
        return logit

    @torch.no_grad()
    def with_genres(self, labels: Sequence[float]) -> Discriminator:
        """The plain discriminator for these labels: the projection becomes a part of its last convolution.

        Raises
        ------
        ValueError
            As :meth:`Generator.with_genres`.
        """
        label = _one_label(labels, self.config).to(next(self.parameters()).device)
        plain = copy.deepcopy(self)
        plain.config = replace(self.config, genres=())
        del plain.embed
        height, width = self.config.base
        plain.last.weight += self.embed(label)[None, :, None, None] / (height * width)
        return plain


def latents(seeds: Iterable[int], config: ModelConfig, device: str | torch.device = "cpu") -> Tensor:
    """Standard normal noise (N, latent, 1, 1), one row a seed.

    A seed names one latent for ever: each row is drawn on the CPU by a generator of its own, so it
    depends neither on its batch-mates nor on the device.

    Raises
    ------
    SettingError
        If a seed is no whole number from 0 to 2**32 - 1 (the generator would take two of them for the same), or they
        are more than 4 million.
    """
    numbers = [_seed(seed) for seed in itertools.islice(seeds, MOST_SEEDS + 1)]
    if len(numbers) > MOST_SEEDS:
        raise SettingError(f"At most {MOST_SEEDS:,} seeds become latents at once.")
    rows = [torch.randn(config.latent, generator=torch.Generator().manual_seed(number)) for number in numbers]
    flat = torch.stack(rows) if rows else torch.empty(0, config.latent)
    return flat[:, :, None, None].to(device)


def _seed(seed: Any) -> int:
    try:
        number = -1 if isinstance(seed, bool) else operator.index(seed)
    except TypeError:
        number = -1
    if not 0 <= number < 2**32:
        raise SettingError(f"A seed is a whole number from 0 to 2**32 - 1, not {repr(seed)[:40]}.")
    return number


def _labels_or_zeros(labels: Tensor | None, config: ModelConfig, like: Tensor) -> Tensor:
    return like.new_zeros(len(like), len(config.genres)) if labels is None else labels


def _one_label(labels: Sequence[float], config: ModelConfig) -> Tensor:
    if not config.genres:
        raise SettingError("This network was not trained with genres.")
    label = torch.as_tensor(labels, dtype=torch.float32).flatten()
    if len(label) != len(config.genres) or not (label.abs() <= 1).all():
        raise SettingError(f"Labels are {counted(len(config.genres), 'value')} from -1 to 1, one for each genre.")
    return label


def _generator_layers(config: ModelConfig) -> Iterator[nn.Module]:
    widths = (config.generator_channels or config.channels)[::-1]
    if config.conditioned:
        yield ConditionedConvTranspose2d(config.latent, widths[0], config.base)
    else:
        embedded = config.embedding if config.genres else 0
        yield nn.ConvTranspose2d(config.latent + embedded, widths[0], config.base, 1, 0, bias=False)
    yield nn.BatchNorm2d(widths[0])
    yield nn.ReLU(inplace=True)
    for narrow, wide in pairwise(widths):
        yield nn.ConvTranspose2d(narrow, wide, 4, 2, 1, bias=False)
        yield nn.BatchNorm2d(wide)
        yield nn.ReLU(inplace=True)
    yield nn.ConvTranspose2d(widths[-1], 3, 4, 2, 1, bias=config.biased)
    yield nn.Tanh()


def _discriminator_layers(config: ModelConfig) -> Iterator[nn.Module]:
    widths, biased = config.channels, not config.norm_d
    yield nn.Conv2d(3, widths[0], 4, 2, 1, bias=biased or config.biased)
    yield nn.LeakyReLU(0.2, inplace=True)
    for before, after in pairwise(widths):
        yield nn.Conv2d(before, after, 4, 2, 1, bias=biased)
        if config.norm_d:
            yield nn.BatchNorm2d(after)
        yield nn.LeakyReLU(0.2, inplace=True)
    yield nn.Conv2d(widths[-1], 1, config.base, 1, 0, bias=biased or config.biased or config.calibrated)
    yield nn.Sigmoid()


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, 0.0, 0.02)


def _initialise_without_norm(module: nn.Module) -> None:
    """No BatchNorm rescales the maps here, so the weights must keep their variance (He et al. 2015)."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, 0.2)
        nn.init.zeros_(module.bias)  # type: ignore[arg-type]  # there is one, without BatchNorm
    else:
        _initialise(module)
