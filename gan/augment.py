"""DiffAugment (Zhao et al. 2020): the same kinds of change for real and generated posters.

D then cannot memorise the training posters, and since every change is differentiable G learns through it.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor
from torch.nn.functional import pad


def augment(images: Tensor, policies: str, generator: Generator) -> Tensor:
    """Change images (N, 3, H, W) by policies joined by commas: color, translation, cutout.

    Random numbers come from ``generator`` (on the images' device) alone. "" changes nothing.
    """
    for policy in filter(None, policies.split(",")):
        if policy not in POLICIES:
            raise ValueError(f"unknown policy {policy!r}; known are {', '.join(POLICIES)}")
        images = POLICIES[policy](images, generator)
    return images


def _uniform(images: Tensor, generator: Generator) -> Tensor:
    shape = (images.shape[0], 1, 1, 1)
    return torch.rand(shape, generator=generator, device=images.device)


def _integers(low: int, high: int, images: Tensor, generator: Generator) -> Tensor:
    shape = (images.shape[0], 1)
    return torch.randint(low, high + 1, shape, generator=generator, device=images.device)


def _color(images: Tensor, generator: Generator) -> Tensor:
    images = images + _uniform(images, generator) - 0.5
    grey = images.mean(1, keepdim=True)
    images = grey + (images - grey) * (2 * _uniform(images, generator))
    mean = images.mean((1, 2, 3), keepdim=True)
    return mean + (images - mean) * (0.5 + _uniform(images, generator))


def _translation(images: Tensor, generator: Generator, ratio: float = 0.125) -> Tensor:
    count, _, height, width = images.shape
    down, right = int(height * ratio), int(width * ratio)
    rows = torch.arange(height, device=images.device) + _integers(-down, down, images, generator)
    cols = torch.arange(width, device=images.device) + _integers(-right, right, images, generator)
    rows, cols = (rows + 1).clamp(0, height + 1), (cols + 1).clamp(0, width + 1)
    each = torch.arange(count, device=images.device)[:, None, None]
    padded = pad(images, (1, 1, 1, 1)).permute(0, 2, 3, 1)
    return padded[each, rows[:, :, None], cols[:, None, :]].permute(0, 3, 1, 2)


def _cutout(images: Tensor, generator: Generator, ratio: float = 0.5) -> Tensor:
    _, _, height, width = images.shape
    tall, wide = int(height * ratio), int(width * ratio)
    top = _integers(-(tall // 2), height - tall // 2 - 1, images, generator)
    left = _integers(-(wide // 2), width - wide // 2 - 1, images, generator)
    rows, cols = torch.arange(height, device=images.device), torch.arange(width, device=images.device)
    in_rows = (rows >= top) & (rows < top + tall)
    in_cols = (cols >= left) & (cols < left + wide)
    return images * ~(in_rows[:, None, :, None] & in_cols[:, None, None, :])


POLICIES = {"color": _color, "translation": _translation, "cutout": _cutout}
