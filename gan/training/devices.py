"""The device that a process trains on, and how it computes there.

    device = own_device("cuda")            # under torchrun that of the process's place on the machine
    check_device(device)                   # ValueError where it cannot be used
    with exact_and_fast(device):
        train()

No other device is opened: on a machine with several, each process would leave its mark in the first one's memory.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from gan.errors import UsageError


def own_device(name: str | torch.device) -> torch.device:
    """The device of this process: under torchrun, "cuda" is the one of its place on the machine.

    ValueError where there is no device of that name.
    """
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"The device {str(name)!r} cannot be used here.") from error
    if device.type == "cuda" and device.index is None and "LOCAL_RANK" in os.environ:
        return torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    return device


def check_device(device: torch.device) -> None:
    """ValueError where this machine has no such device, or one that holds no numbers."""
    try:
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, ImportError) as error:  # torch raises the latter two for what it lacks
        raise UsageError(f"The device {str(device)!r} cannot be used here.") from error


@contextmanager
def exact_and_fast(device: torch.device) -> Iterator[None]:
    """On CUDA: the fastest convolutions for these shapes, and full single precision where autocast does not apply.

    TF32 would cut R1 and R2, second derivatives in single precision, to ten bits.
    """
    if device.type != "cuda":
        yield
        return
    with torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=False):
        before = torch.backends.cuda.matmul.allow_tf32
        torch.backends.cuda.matmul.allow_tf32 = False
        try:
            yield
        finally:
            torch.backends.cuda.matmul.allow_tf32 = before


def free_memory(device: torch.device) -> int | None:
    """Bytes that are free on an accelerator; None where that is unknown, or for a CPU."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else None
