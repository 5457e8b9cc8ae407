"""Answers that are kept: the last ones used, as many as fit, computed once whoever asks.

    cache = Cache(2**28)                                # 256 MB
    cache.get(("map", digest), lambda: method.attribute(images))

Two threads that ask for one answer at the same time get the same object: the second waits for the first.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from cachetools import LRUCache, cached
from torch import Tensor, nn


def size_in_bytes(value: Any) -> int:
    """What an answer takes in memory: the numbers in tensors, arrays, networks, containers and dataclasses of them."""
    if isinstance(value, Tensor):
        return value.numel() * value.element_size()
    if isinstance(value, np.ndarray):
        return int(value.nbytes)
    if isinstance(value, nn.Module):
        return sum(size_in_bytes(tensor) for tensor in value.state_dict().values())
    if isinstance(value, Mapping):
        return sum(size_in_bytes(part) for part in value.values())
    if isinstance(value, list | tuple | set):
        return sum(size_in_bytes(part) for part in value)
    if is_dataclass(value):
        return sum(size_in_bytes(getattr(value, field.name)) for field in fields(value))
    return sys.getsizeof(value)


class Cache:
    """Answers of ``most`` bytes in all; the least recently used go first. Safe in threads.

    An answer that alone is larger is computed each time. With another ``size`` than that in bytes, ``most`` is what
    the sizes sum up to: ``Cache(8, size=one)`` keeps eight.
    """

    def __init__(self, most: int, size: Callable[[Any], int] = size_in_bytes) -> None:
        self._answers: LRUCache[Any, Any] = LRUCache(most, getsizeof=size)

        def compute(key: Any, make: Callable[[], Any]) -> Any:
            return make()

        keep = cached(self._answers, key=lambda key, make: key, condition=threading.Condition())
        self._compute_once = keep(compute)

    def __contains__(self, key: Any) -> bool:
        return key in self._answers

    def get(self, key: Any, make: Callable[[], Any]) -> Any:
        """The answer under this key; made now if it is not there, and not kept if ``make`` raises."""
        return self._compute_once(key, make)


def one(answer: Any) -> int:
    """The size of any answer where answers are counted."""
    return 1
