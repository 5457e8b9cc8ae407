"""Memory that Python has freed and the C library keeps.

give_back()         # after work whose arrays are gone
"""

from __future__ import annotations

import ctypes
from contextlib import suppress


def give_back() -> None:
    """Give the system back what the C library holds of freed memory; nothing where it has no call for it (not glibc).

    Large arrays of many sizes leave holes between what stays: after one part of a study 0.4 GB were in use and 1.1
    resident.
    """
    with suppress(OSError, AttributeError, TypeError):  # another C library, or, on Windows, none by that name
        ctypes.CDLL(None).malloc_trim(0)
