"""Answers that are kept: the last few, safe in threads."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any


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
