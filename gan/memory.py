"""Memory that Python has freed and the C library keeps.

give_back()         # after work whose arrays are gone
keep()              # before work whose arrays are all of a few sizes
"""

from __future__ import annotations

import ctypes
from contextlib import suppress

LARGEST, TRIM = (-3, 1 << 25), (-1, 1 << 30)  # M_MMAP_THRESHOLD and M_TRIM_THRESHOLD of mallopt(3), in bytes


def give_back() -> None:
    """Give the system back what the C library holds of freed memory; nothing where it has no call for it (not glibc).

    Large arrays of many sizes leave holes between what stays: after one part of a study 0.4 GB were in use and 1.1
    resident.
    """
    with suppress(OSError, AttributeError, TypeError):  # another C library, or, on Windows, none by that name
        ctypes.CDLL(None).malloc_trim(0)


def keep() -> None:
    """Let the C library keep freed memory for the next array, up to a gigabyte; nothing where it has no call for it.

    Otherwise each array of some megabytes is new memory, which the system clears page by page: a tenth of DeepLIFT.
    """
    with suppress(OSError, AttributeError, TypeError):  # as above
        for name, value in (LARGEST, TRIM):
            ctypes.CDLL(None).mallopt(name, value)
