"""Random numbers of one training step: for the whole batch, of which each process takes its rows.

    draws = Draws.of_batch(32, seed, device, rows=slice(16, 32))
    draws.normal(100, 1, 1)        # (16, 100, 1, 1): rows 16 to 31 of the batch's noise

Two processes with half a batch each then see the very numbers that one process with the whole batch sees.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Draws:
    """A stream of random numbers; ``rows`` of ``of`` are this process's own."""

    generator: torch.Generator
    rows: slice
    of: int

    @classmethod
    def of_batch(cls, count: int, seed: int, device: str | torch.device = "cpu", rows: slice | None = None) -> Draws:
        """The stream of a seed for a batch of ``count``; all rows, or some."""
        return cls(torch.Generator(device).manual_seed(seed), rows or slice(0, count), count)

    def normal(self, *shape: int) -> Tensor:
        """Standard normal (n, *shape)."""
        return torch.randn(self.of, *shape, generator=self.generator, device=self.generator.device)[self.rows]

    def uniform(self, *shape: int) -> Tensor:
        """Uniform in [0, 1), (n, *shape)."""
        return torch.rand(self.of, *shape, generator=self.generator, device=self.generator.device)[self.rows]

    def integers(self, low: int, high: int, *shape: int) -> Tensor:
        """Whole numbers from low to high, both included, (n, *shape)."""
        whole = (self.of, *shape)
        drawn = torch.randint(low, high + 1, whole, generator=self.generator, device=self.generator.device)
        return drawn[self.rows]
