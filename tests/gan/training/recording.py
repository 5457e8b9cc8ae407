"""What stands in for the capture of a CUDA graph where there is no CUDA: a recording of operations and addresses.

    replay = CpuCapture().capture(body)     # runs nothing, as far as anyone can see
    replay()                               # the same operations on the same memory: no Python of ``body`` runs again

As in a CUDA graph, a number that was Python's is frozen, a tensor is read anew, and results are always in one place. As
in a capture, looking at a value or copying one from the host is refused; and so are random numbers, of which a
recording would freeze the state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode


def tensors(content: Any) -> Iterator[Tensor]:
    """All in nested tuples, lists and dicts."""
    if isinstance(content, Tensor):
        yield content
    elif isinstance(content, tuple | list | dict):
        for value in content.values() if isinstance(content, dict) else content:
            yield from tensors(value)


def place(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


class Recording(TorchDispatchMode):
    """Below autograd: what one pass does, with the memory as it was before it."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[tuple[Any, Any, Any, Any, set[int]]] = []
        self.made: set[int] = set()
        self.before: dict[int, tuple[torch.UntypedStorage, torch.UntypedStorage]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        masks = func is torch.ops.aten.index.Tensor and any(mask.dtype == torch.bool for mask in tensors(args[1]))
        if torch.Tag.data_dependent_output in func.tags or masks:
            raise RuntimeError(f"{func} waits for a value")
        if torch.Tag.nondeterministic_seeded in func.tags:
            raise RuntimeError(f"{func} draws random numbers")
        if func is torch.ops.aten.lift_fresh.default:
            raise RuntimeError("torch.tensor brings a number of Python's, which on CUDA waits for the device")
        given = set()
        for tensor in tensors((args, kwargs)):
            given.add(place(tensor))
            if place(tensor) not in self.made | self.before.keys():
                self.before[place(tensor)] = (tensor.untyped_storage(), tensor.untyped_storage().clone())
        found = func(*args, **kwargs)
        self.made |= {place(tensor) for tensor in tensors(found)} - given
        self.operations.append((func, args, kwargs, found, given))  # holds all memory, so that none is used twice
        return found

    def undo(self) -> None:
        for storage, values in self.before.values():
            storage.copy_(values)

    @torch.no_grad()
    def replay(self) -> None:
        for func, args, kwargs, found, given in self.operations:
            for old, new in zip(tensors(found), tensors(func(*args, **kwargs)), strict=True):
                if place(old) not in given:
                    old.copy_(new)


class CpuCapture:
    """gan.training.cuda_graph.Capture for tests. ``warm``, ``recorded``, ``replayed`` : how often."""

    def __init__(self) -> None:
        self.warm = self.recorded = self.replayed = 0

    def warm_up(self, body: Callable[[], Tensor]) -> Tensor:
        self.warm += 1
        return body()

    def capture(self, body: Callable[[], Tensor]) -> Callable[[], Tensor]:
        self.recorded += 1
        with Recording() as recording:
            metrics = body()
        recording.undo()

        def replay() -> Tensor:
            self.replayed += 1
            recording.replay()
            return metrics

        return replay
