"""Batches of posters for training: from the memory map, or from uint8 pictures kept on an accelerator.

feed = Feed(training, model.genres, torch.device("cuda"))
images, labels = feed([3, 17, 40])        # (3, 3, H, W) in [-1, 1], (3, genres) or None
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan.data.images import scale
from gan.data.posters import PosterSet
from gan.training.config import TrainConfig
from gan.training.randomness import Draws

Indices = Sequence[int] | NDArray[np.intp]


class Feed:
    """Posters by index. On an accelerator all are copied there once, 12 kB each at 64 x 64."""

    def __init__(self, posters: PosterSet, genres: Sequence[str], device: torch.device) -> None:
        self.posters, self.device = posters, device
        self.labels = torch.from_numpy(posters.genre_labels(genres)).to(device) if genres else None
        self.held = None if device.type == "cpu" else torch.from_numpy(np.ascontiguousarray(posters.images)).to(device)

    def __call__(self, indices: Indices) -> tuple[Tensor, Tensor | None]:
        """Images (n, 3, H, W) in [-1, 1], channels last, and labels int8 (n, genres), or None without genres."""
        if self.held is None:
            images = self.posters.tensor(indices).contiguous(memory_format=torch.channels_last)
            rows = torch.as_tensor(np.asarray(indices))
        else:
            rows = torch.as_tensor(np.asarray(indices)).pin_memory().to(self.device, non_blocking=True)
            images = scale(self.held[rows])  # channels last as it comes
        return images, None if self.labels is None else self.labels[rows]

    def some_labels(self, dropout: float, count: int = 64) -> Tensor | None:
        """Labels float (count, genres) of posters spread over the set, as training tells them; None without genres."""
        if self.labels is None:
            return None
        places = np.linspace(0, len(self.posters) - 1, count).astype(np.intp)
        labels = self.labels[torch.as_tensor(places, device=self.labels.device)]
        return told(labels, dropout, Draws.of_batch(count, 0, self.labels.device))


def told(labels: Tensor, dropout: float, draws: Draws) -> Tensor:
    """The part of labels (n, genres) that is told: nothing of a share ``dropout`` of posters, of others a random share.

    So G learns to be asked for nothing, for one genre, and for a poster whose genres are all known.
    """
    any_at_all = draws.uniform(1) >= dropout
    share = draws.uniform(1)
    kept = draws.uniform(labels.shape[1]) < share
    return labels.float() * (any_at_all & kept)


def batch_indices(count: int, config: TrainConfig, first_step: int) -> Iterator[NDArray[np.intp]]:
    """Endless batches of indices, each epoch in an order of its own, from step ``first_step`` on.

    The last, incomplete batch of an epoch is dropped.
    """
    per_epoch = count // config.batch
    epoch, position = divmod(first_step, per_epoch)
    while True:
        order = np.random.default_rng((config.seed, epoch)).permutation(count)
        for index in range(position, per_epoch):
            yield order[index * config.batch : (index + 1) * config.batch]
        epoch, position = epoch + 1, 0
