"""Random numbers of one training step: for the whole batch, of which each process takes its rows.

    rng = BatchRandom.of_batch(32, seed, device, rows=slice(16, 32))
    rng.normal(100, 1, 1)        # (16, 100, 1, 1): rows 16 to 31 of the batch's noise

Two processes with half a batch each then see the very numbers that one process with the whole batch sees.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

import torch
from torch import Tensor

LATENTS = 4096  # numbers of a stream of which latents(seed) are the first: more than any network has
Fill = Callable[[Tensor, torch.Generator], Tensor]  # in place


def seeded(generator: torch.Generator, seed: int, start: int = 0) -> torch.Generator:
    """The generator at number ``start`` of a seed's stream."""
    generator.manual_seed(seed)
    if start:
        torch.empty(start, device=generator.device).uniform_(generator=generator)
    return generator


@dataclass
class BatchRandom:
    """A stream of random numbers for a batch of ``count``; ``rows`` are this process's own."""

    generator: torch.Generator
    rows: slice
    count: int

    @classmethod
    def of_batch(
        cls, count: int, seed: int, device: str | torch.device = "cpu", rows: slice | None = None, start: int = 0
    ) -> Self:
        """The stream of a seed for a batch of ``count``, from its number ``start`` on; all rows, or some."""
        return cls(seeded(torch.Generator(device), seed, start), rows or slice(0, count), count)

    def normal(self, *shape: int) -> Tensor:
        """Standard normal (n, *shape)."""
        return self._draw(shape, torch.float32, lambda values, numbers: values.normal_(generator=numbers))

    def uniform(self, *shape: int) -> Tensor:
        """Uniform in [0, 1), (n, *shape)."""
        return self._draw(shape, torch.float32, lambda values, numbers: values.uniform_(generator=numbers))

    def integers(self, low: int, high: int, *shape: int) -> Tensor:
        """Whole numbers from low to high, both included, (n, *shape)."""
        return self._draw(shape, torch.int64, lambda values, numbers: values.random_(low, high + 1, generator=numbers))

    def _draw(self, shape: tuple[int, ...], dtype: torch.dtype, fill: Fill) -> Tensor:
        """Numbers that ``fill`` puts in place, (n, *shape)."""
        values = torch.empty(self.count, *shape, dtype=dtype, device=self.generator.device)
        return fill(values, self.generator)[self.rows]


@dataclass
class ReplayedRandom(BatchRandom):
    """Random numbers in fixed places: every step draws the same shapes in the same order, and gets the same tensors.

        rng.reseed(seed)          # the numbers of BatchRandom.of_batch(count, seed), from the second step on in place

    So a graph that has read these tensors once finds the numbers of another step there.

    buffers : the numbers and how to draw them. position : how many of them were drawn since the last reseed.
    """

    buffers: list[tuple[Tensor, Fill]] = field(default_factory=list)
    position: int = 0

    def reseed(self, seed: int, start: int = 0) -> None:
        """Draw all numbers anew, from number ``start`` of the seed's stream on, and begin with the first."""
        seeded(self.generator, seed, start)
        for values, fill in self.buffers:
            fill(values, self.generator)
        self.position = 0

    def _draw(self, shape: tuple[int, ...], dtype: torch.dtype, fill: Fill) -> Tensor:
        """The next buffer's numbers; after the last one a new buffer is made."""
        if self.position == len(self.buffers):
            values = torch.empty(self.count, *shape, dtype=dtype, device=self.generator.device)
            self.buffers.append((fill(values, self.generator), fill))
        values, _ = self.buffers[self.position]
        if values.shape[1:] != shape or values.dtype != dtype:
            raise ValueError(f"The first step drew numbers of shape {tuple(values.shape[1:])} here, not {shape}.")
        self.position += 1
        return values[self.rows]
