"""Training in several processes: the same arguments under ``torchrun``, and the same networks as in one process.

    torchrun --nproc-per-node 4 scripts/train.py --data posters.zip --out runs/first

Every process takes its rows of each batch; gradients are flattened and averaged by one all-reduce. BatchNorm sees
the whole batch where a process's part is small (:func:`synchronised`).
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd import Function
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from gan.errors import TrainingError
from gan.training.devices import own_device

SMALL_BATCH = 32  # below this a process's own statistics are too noisy for BatchNorm
PATIENCE = timedelta(minutes=10)  # with a process that gives no sign of life
BEATS = 5  # signs of life in that time, from a first process that is busy


class LostProcessError(TrainingError):
    """Another process has ended, or never came."""

    def __init__(self) -> None:
        super().__init__("Another process was lost; go on from the last saved state with --resume.")


class FirstProcessError(TrainingError):
    """The first process could not go on, and has said why; the others have nothing to add."""


@dataclass(frozen=True)
class World:
    """The process's place among all of them.

    store : what the processes leave each other messages in; None for one process. patience : see PATIENCE.
    """

    rank: int = 0
    size: int = 1
    store: Any = field(default=None, compare=False)
    patience: timedelta = field(default=PATIENCE, compare=False)
    turns: Iterator[int] = field(default_factory=itertools.count, compare=False, repr=False)

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
        all_reduce(values)
        return values / self.size

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace every gradient by its mean over all processes, in one message."""
        if self.size == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        all_reduce(flat)
        flat /= self.size
        parts = torch.split(flat, [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    @contextmanager
    def first_alone(self) -> Iterator[bool]:
        """The first process does what is in the block; the others enter it, with False, when that has ended.

        They wait as long as the first one gives signs of life, which a thread of its own does: not for as long as a
        message between them may take.

        Raises
        ------
        FirstProcessError
            In the others, if the first one left the block by an error.
        LostProcessError
            If the first one was lost.
        """
        if self.size == 1:
            yield True
            return
        turn = f"turn-{next(self.turns)}"
        if not self.first:
            self._await(turn)
            yield False
            return
        outcome = b"failed"
        try:
            with self._alive():
                yield True
            outcome = b"done"
        finally:
            self.store.set(turn, outcome)

    @contextmanager
    def _alive(self) -> Iterator[None]:
        """Signs of life for as long as the block takes."""
        done = threading.Event()

        def beat() -> None:
            while not done.wait(self.patience.total_seconds() / BEATS):
                self.store.add("beats", 1)

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _await(self, turn: str) -> None:
        beats = None
        while True:
            try:
                now = self.store.add("beats", 0)
                if now == beats:
                    raise LostProcessError
                beats = now
                self.store.wait([turn], self.patience)
            except dist.DistStoreError:  # the time is over
                continue
            except dist.DistError as error:
                raise LostProcessError from error
            break
        if self.store.get(turn) != b"done":
            raise FirstProcessError("The first process could not go on.")


ALONE = World()


def all_reduce(values: Tensor) -> None:
    """Replace a tensor by its sum over all processes. What worked when they met fails only where one was lost."""
    try:
        dist.all_reduce(values)
    except RuntimeError as error:
        raise LostProcessError from error


@contextmanager
def joined(device: torch.device, patience: timedelta | None = None) -> Iterator[World]:
    """The process among those that torchrun started, or alone. ``patience`` : PATIENCE by default.

    Raises
    ------
    TrainingError
        If another process was lost, or never came, or the processes cannot exchange numbers.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield World()
        return
    if device.type == "cuda":
        torch.cuda.set_device(own_device(device))  # "cuda" is then this process's own
    patience, lost = patience or PATIENCE, False
    try:
        yield _meet(device, size, patience)
    except (LostProcessError, FirstProcessError):
        lost = True
        raise
    except dist.DistError as error:  # of a device that worked on a message meanwhile
        lost = True
        raise LostProcessError from error
    finally:
        if dist.is_initialized() and not lost:  # it may abort without a message when a peer is gone
            dist.destroy_process_group()


def _meet(device: torch.device, size: int, patience: timedelta) -> World:
    """Wait for the other processes, and exchange a first number with them."""
    try:
        store, rank, _ = next(rendezvous("env://", timeout=patience))
        backend = "nccl" if device.type == "cuda" else "gloo"
        own = PrefixStore("group", store)
        dist.init_process_group(backend, store=own, rank=rank, world_size=size, timeout=patience)
    except (dist.DistStoreError, dist.DistNetworkError) as error:
        raise LostProcessError from error
    try:
        dist.all_reduce(torch.ones((), device=device))
    except RuntimeError as error:
        reason = str(error).partition("\n")[0]
        raise TrainingError(f"The processes cannot exchange numbers ({reason}).") from error
    return World(rank, size, PrefixStore("posterlens", store), patience)


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
        all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        all_reduce(total)
        return total


def _mean_of_all(values: Tensor) -> Tensor:
    """The mean over all processes, through which gradients flow."""
    total: Tensor = _SumOfAll.apply(values)
    return total / dist.get_world_size()
