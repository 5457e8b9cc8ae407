"""What the tests of judging share: a judge whose features can be checked by hand, and what it is shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from gan import MetricsUnavailableError, ModelConfig
from gan.data.hold_out import is_held_out
from gan.evaluation import features


class Judge(nn.Module):
    """Features that can be checked by hand: 2 x 2 means of each colour.

    sizes : how many pictures it was shown at once, each time.
    """

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def extract_features(self, images: Tensor) -> Tensor:
        assert images.shape[1:] == (3, features.SIDE, features.SIDE)
        self.sizes.append(len(images))
        return adaptive_avg_pool2d(images, 2).flatten(1)[:, :, None, None]


def judge_by(patch: pytest.MonkeyPatch, judge: Judge | None) -> None:
    """Look through this judge and not through EfficientNet-Lite1; None: as where the extra is not installed."""

    def network(device: str) -> Judge:
        if judge is None:
            raise MetricsUnavailableError("The feature extractor is not installed.")
        return judge

    patch.setattr(features, "_feature_extractor", network)


class Asked(nn.Module):
    """A conditional generator whose posters are of one colour, that of the first three labels."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        return labels[:, :3, None, None].expand(-1, -1, 8, 8) + 0 * z.mean()


def normal(seed: int, count: int, width: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)


def names(count: int) -> tuple[str, ...]:
    return tuple(f"poster-{i}.jpg" for i in range(count))


def write_posters(folder: Path) -> None:
    """20 posters of 8 x 8 to train on and 12 that are held out by their names."""
    random = np.random.default_rng(0)
    files = [f"{number}.png" for number in range(1000)]
    for name in [n for n in files if not is_held_out(n)][:20] + [n for n in files if is_held_out(n)][:12]:
        Image.fromarray(random.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(folder / name)
