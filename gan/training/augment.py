"""DiffAugment (Zhao et al. 2020): the same kinds of change for real and generated posters.

    images = augment(images, "color,translation", BatchRandom.of_batch(len(images), seed=0))

D then cannot memorise the training posters, and since every change is differentiable G learns through it.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from gan.settings import any_of
from gan.training.randomness import BatchRandom


def augment(images: Tensor, policies: str, rng: BatchRandom) -> Tensor:
    """Change images (N, 3, H, W) by policies joined by commas: color, translation, cutout.

    Random numbers come from ``rng`` (on the images' device) alone. "" changes nothing.
    """
    for policy in filter(None, policies.split(",")):
        if policy not in POLICIES:
            raise ValueError(f"policy must be {any_of(POLICIES)}, not {policy}")
        images = POLICIES[policy](images, rng)
    return images


def _color(images: Tensor, rng: BatchRandom) -> Tensor:
    images = images + rng.uniform(1, 1, 1) - 0.5
    grey = images.mean(1, keepdim=True)
    images = grey + (images - grey) * (2 * rng.uniform(1, 1, 1))
    mean = images.mean((1, 2, 3), keepdim=True)
    return mean + (images - mean) * (0.5 + rng.uniform(1, 1, 1))


def _translation(images: Tensor, rng: BatchRandom, ratio: float = 0.125) -> Tensor:
    count, _, height, width = images.shape
    down, right = int(height * ratio), int(width * ratio)
    rows = torch.arange(height, device=images.device) + rng.integers(-down, down, 1)
    cols = torch.arange(width, device=images.device) + rng.integers(-right, right, 1)
    rows, cols = (rows + 1).clamp(0, height + 1), (cols + 1).clamp(0, width + 1)
    each = torch.arange(count, device=images.device)[:, None, None]
    padded = pad(images, (1, 1, 1, 1)).permute(0, 2, 3, 1)
    return padded[each, rows[:, :, None], cols[:, None, :]].permute(0, 3, 1, 2)


def _cutout(images: Tensor, rng: BatchRandom, ratio: float = 0.5) -> Tensor:
    _, _, height, width = images.shape
    tall, wide = int(height * ratio), int(width * ratio)
    top = rng.integers(-(tall // 2), height - tall // 2 - 1, 1)
    left = rng.integers(-(wide // 2), width - wide // 2 - 1, 1)
    rows, cols = torch.arange(height, device=images.device), torch.arange(width, device=images.device)
    in_rows = (rows >= top) & (rows < top + tall)
    in_cols = (cols >= left) & (cols < left + wide)
    return images * ~(in_rows[:, None, :, None] & in_cols[:, None, None, :])


POLICIES = {"color": _color, "translation": _translation, "cutout": _cutout}
