"""What the tests of judging share: a judge whose features can be checked by hand, and made-up features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from gan.data import is_held_out


class Judge(nn.Module):
    """Features that can be checked by hand: 2 x 2 means of each colour."""

    def extract_features(self, images: Tensor) -> Tensor:
        return adaptive_avg_pool2d(images, 2).flatten(1)[:, :, None, None]


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
