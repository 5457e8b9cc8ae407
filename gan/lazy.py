"""The public names of a package, each imported when it is first used, so that importing the package costs nothing.

    __getattr__ = imported_on_use(__name__, {"gan.checkpoints.folder": ("load", "save")})

A module's ``__getattr__`` is PEP 562's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
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
