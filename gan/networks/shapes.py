"""Networks without weights, which are about to be given some.

with only_shapes():
    network = Generator(config)      # parameters of the right shapes on the device "meta", none of them drawn
network = with_memory(network)       # then all weights must be loaded
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

Network = TypeVar("Network", bound=nn.Module)


class _Undrawn(TorchFunctionMode):
    """torch.nn.init leaves tensors as they are.

    On "meta" there is nothing to draw, yet for that torch imports its compiler: 150 MB, and a second or two.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if getattr(func, "__module__", "") == "torch.nn.init":
            return args[0] if args else (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))


@contextmanager
def only_shapes() -> Iterator[None]:
    """In this block networks have no values: whatever size a file asks for takes no memory, and nothing is drawn."""
    with torch.device("meta"), _Undrawn():
        yield


def with_memory(network: Network) -> Network:
    """The same network on the CPU, its values whatever is there. ``to_empty`` would import the compiler."""
    network._apply(lambda tensor: torch.empty(tensor.shape, dtype=tensor.dtype))  # type: ignore[no-untyped-call]  # torch's
    return network
