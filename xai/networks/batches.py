"""What fits into memory: answers that are kept, the last few, safe in threads; and pictures at once."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

USUAL_PIXELS = 64 * 64  # of the pictures that batches are sized for


class Memory:
    """At most ``most`` answers; the least recently used goes first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._answers: OrderedDict[Any, Any] = OrderedDict()
        self._lock = threading.Lock()

    def __contains__(self, key: Any) -> bool:
        return key in self._answers

    def get(self, key: Any, make: Callable[[], Any]) -> Any:
        """The answer under this key, made now if it is not there; of two that are made at once the first stays."""
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
                return self._answers[key]
        made = make()
        with self._lock:
            made = self._answers.setdefault(key, made)
            while len(self._answers) > self._most:
                self._answers.popitem(last=False)
        return made


def at_once(most: int, size: Sequence[int]) -> int:
    """How many pictures of ``size`` (height, width) go through a network together: at least 1.

    ``most`` up to 64 x 64 pixels, and fewer of larger ones, so that a batch takes the same memory at every size. It
    depends on nothing else, for the last bits of an answer may depend on the number of rows.
    """
    return max(1, min(most, most * USUAL_PIXELS // math.prod(size)))
