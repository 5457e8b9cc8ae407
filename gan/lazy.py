"""Imports that cost less: a package's public names when they are first used, a script's without looking for garbage.

    __getattr__ = imported_on_use(__name__, {"gan.checkpoints.folder": ("load", "save")})

    with importing():                           # at the top of a script
        import torch

A module's ``__getattr__`` is PEP 562's.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any


def imported_on_use(package: str, homes: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """A ``__getattr__`` for the package; ``homes`` has the public names by the module that defines them."""
    home_of = {name: home for home, names in homes.items() for name in names}

    def get(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(home_of[name]), name)
        setattr(sys.modules[package], name, value)  # the next use does not come here
        return value

    return get


@contextmanager
def importing() -> Iterator[None]:
    """Import what a script needs: nothing of it is garbage, neither now nor at the end.

    To look for some costs torch's import and Python's exit a third of their time. For scripts only: what is garbage
    already stays in memory.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collects:
            gc.enable()
