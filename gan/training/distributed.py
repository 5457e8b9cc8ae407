"""Training in several processes: the same arguments under ``torchrun``, and the same networks as in one process.

    torchrun --nproc-per-node 4 scripts/train.py --data posters.zip --out runs/first

Every process takes its rows of each batch; gradients are flattened and averaged by one all-reduce. BatchNorm sees
the whole batch where a process's part is small (:func:`synchronised`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd import Function

from gan.errors import TrainingError

SMALL_BATCH = 32  # below this a process's own statistics are too noisy for BatchNorm
PATIENCE = timedelta(minutes=10)  # the first process may be validating meanwhile


@dataclass(frozen=True)
class World:
    """The process's place among all of them."""

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes files and prints."""
        return self.rank == 0

    def rows(self, batch: int) -> slice:
        """The process's rows of a batch."""
        part = batch // self.size
        return slice(self.rank * part, (self.rank + 1) * part)

    def mean(self, values: Tensor) -> Tensor:
        """The mean of a tensor over all processes."""
        if self.size == 1:
            return values
        values = values.clone()
        dist.all_reduce(values)
        return values / self.size

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace every gradient by its mean over all processes, in one message."""
        if self.size == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        flat /= self.size
        parts = torch.split(flat, [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))


@contextmanager
def joined(device: torch.device, patience: timedelta = PATIENCE) -> Iterator[World]:
    """The process among those that torchrun started, or alone.

    Raises
    ------
    TrainingError
        If another process was lost, or never came.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield World()
        return
    if device.type == "cuda" and device.index is None:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))  # "cuda" is then this process's own
    lost = False
    try:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=patience)
        yield World(dist.get_rank(), size)
    except RuntimeError as error:
        lost = _lost(error)
        if not lost:
            raise
        raise TrainingError("Another process was lost; go on from the last saved state with --resume.") from error
    finally:
        if dist.is_initialized() and not lost:  # it may abort without a message when a peer is gone
            dist.destroy_process_group()


def _lost(error: RuntimeError) -> bool:
    words = ("Connection closed", "Connection reset", "Timed out", "timeout", "Broken pipe", "NCCL")
    return isinstance(error, dist.DistError) or any(word in str(error) for word in words)


def synchronised(network: nn.Module) -> None:
    """Let every BatchNorm of the network see the batches of all processes."""
    for parent in network.modules():
        for name, child in parent.named_children():
            if type(child) is nn.BatchNorm2d:
                setattr(parent, name, _SharedBatchNorm.like(child))


class _SharedBatchNorm(nn.BatchNorm2d):
    """BatchNorm over the batches of all processes, of equal size, on any device."""

    @classmethod
    def like(cls, norm: nn.BatchNorm2d) -> _SharedBatchNorm:
        """With the same weights and statistics, not copies: an optimizer may hold them already."""
        shared = cls(norm.num_features, norm.eps, norm.momentum)
        shared.weight, shared.bias = norm.weight, norm.bias
        for name, value in norm.named_buffers():
            setattr(shared, name, value)
        return shared.train(norm.training)

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return super().forward(input)
        values = input.float()
        mean = _mean_of_all(values.mean((0, 2, 3)))
        centred = values - mean[:, None, None]  # E[x^2] - E[x]^2 would lose the digits of a small spread
        variance = _mean_of_all(centred.square().mean((0, 2, 3)))
        self._remember(mean.detach(), variance.detach(), dist.get_world_size() * values[:, 0].numel())
        scale = self.weight * (variance + self.eps).rsqrt()
        shared: Tensor = centred * scale[:, None, None] + self.bias[:, None, None]
        return shared.to(input.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, count: int) -> None:
        assert self.running_mean is not None and self.running_var is not None  # made with statistics
        assert self.num_batches_tracked is not None and self.momentum is not None
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * count / (count - 1), self.momentum)


class _SumOfAll(Function):
    """The sum over all processes. Every process's loss depends on every process's part, so gradients are summed too.

    As torch.distributed.nn.functional.all_reduce, which is deprecated for a private function.
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        dist.all_reduce(total)
        return total


def _mean_of_all(values: Tensor) -> Tensor:
    """The mean over all processes, through which gradients flow."""
    total: Tensor = _SumOfAll.apply(values)
    return total / dist.get_world_size()
