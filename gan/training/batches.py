"""Batches of posters for training: from the memory map, or from uint8 pictures resident on an accelerator.

    loader = BatchLoader(training, model.genres, torch.device("cuda"))
    images, labels = loader([3, 17, 40])        # (3, 3, H, W) in [-1, 1], (3, genres) or None

Which posters are in which batch follows from the seed and the number of the step (:func:`batch_indices`).
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
from gan.training.devices import free_memory
from gan.training.randomness import BatchRandom
from gan.training.sampling import Weights, epoch_order, sampling_weights

RESIDENT = 0.5  # of the free memory of an accelerator may be filled with posters
PART = 4096  # posters that are copied there at once
Indices = Sequence[int] | NDArray[np.intp]


class BatchLoader:
    """Posters by index. Where an accelerator has room for all, they are copied there once, 12 kB each at 64 x 64."""

    def __init__(self, posters: PosterSet, genres: Sequence[str], device: torch.device) -> None:
        self.posters, self.device = posters, device
        self.labels = torch.from_numpy(posters.genre_labels(genres)).to(device) if genres else None
        self.resident = _resident(posters, device) if fits(posters, device) else None

    def __call__(self, indices: Indices) -> tuple[Tensor, Tensor | None]:
        """Images (n, 3, H, W) in [-1, 1], channels last, and labels int8 (n, genres), or None without genres."""
        if self.device.type == "cpu":
            images = self.posters.tensor(indices).contiguous(memory_format=torch.channels_last)
            rows = torch.as_tensor(np.asarray(indices))
        elif self.resident is None:
            pixels = torch.from_numpy(np.ascontiguousarray(self.posters.images[np.asarray(indices)]))
            images = scale(pixels.pin_memory().to(self.device, non_blocking=True))
            rows = torch.as_tensor(np.asarray(indices)).to(self.device)
        else:
            rows = torch.as_tensor(np.asarray(indices)).pin_memory().to(self.device, non_blocking=True)
            images = scale(self.resident[rows])  # channels last as it comes
        return images, None if self.labels is None else self.labels[rows]

    def indices(self, config: TrainConfig, first_step: int) -> Iterator[NDArray[np.intp]]:
        """Endless batches of indices (batch,) from step ``first_step`` on, posters as often as ``config`` says."""
        labels = np.empty((len(self.posters), 0)) if self.labels is None else self.labels.cpu().numpy()
        return batch_indices(sampling_weights(labels, config.sampling), config, first_step)

    def sample_labels(self, dropout: float, count: int = 64) -> Tensor | None:
        """Labels float (count, genres) of posters spread evenly over the set, with dropout; None without genres."""
        if self.labels is None:
            return None
        places = np.linspace(0, len(self.posters) - 1, count).astype(np.intp)
        labels = self.labels[torch.as_tensor(places, device=self.labels.device)]
        return drop_labels(labels, dropout, BatchRandom.of_batch(count, 0, self.labels.device))


def fits(posters: PosterSet, device: torch.device) -> bool:
    """Whether all posters may stay on an accelerator: they take at most half of its free memory."""
    if device.type == "cpu":
        return False
    free = free_memory(device)
    height, width = posters.images.shape[1:3]
    return free is None or len(posters) * height * width * 3 <= RESIDENT * free


def _resident(posters: PosterSet, device: torch.device) -> Tensor:
    """All pixels (N, H, W, 3) on the device; a part at a time, so that the host's memory stays flat."""
    pixels = torch.empty(tuple(posters.images.shape), dtype=torch.uint8, device=device)
    for first in range(0, len(posters), PART):
        pixels[first : first + PART] = torch.from_numpy(np.ascontiguousarray(posters.images[first : first + PART]))
    return pixels


def drop_labels(labels: Tensor, dropout: float, rng: BatchRandom, single_genre: float = 0.0) -> Tensor:
    """Labels float (n, genres), of which a random part is 0.

    Of a proportion ``dropout`` of posters all labels are dropped; of each other one a proportion that is uniform
    from 0 to 1. So G learns to draw without labels, for one genre, and for all genres at once. Of a proportion
    ``single_genre`` one genre that they have, each as likely, is all that is left.
    """
    labelled = rng.uniform(1) >= dropout
    proportion = rng.uniform(1)
    retained = rng.uniform(labels.shape[1]) < proportion
    if single_genre:
        drawn = rng.uniform(labels.shape[1]) * (labels > 0)
        only = (drawn > 0) & (drawn == drawn.amax(1, keepdim=True))
        retained = torch.where(rng.uniform(1) < single_genre, only, retained)
    return labels.float() * (labelled & retained)


def batch_indices(weights: Weights, config: TrainConfig, first_step: int) -> Iterator[NDArray[np.intp]]:
    """Endless batches of indices (batch,), each epoch in an order of its own, from step ``first_step`` on.

    ``weights`` (N,) with mean 1 : how often a poster is shown in an epoch. The last, incomplete batch of an epoch is
    dropped.
    """
    per_epoch = len(weights) // config.batch
    epoch, position = divmod(first_step, per_epoch)
    while True:
        order = epoch_order(weights, np.random.default_rng((config.seed, epoch)))
        for index in range(position, per_epoch):
            yield order[index * config.batch : (index + 1) * config.batch]
        epoch, position = epoch + 1, 0
