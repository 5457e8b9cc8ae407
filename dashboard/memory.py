"""Memory that nobody holds any more goes back to the system.

    memory.give_back()                  # app.py, behind the page

The C library keeps what was freed, in a heap for each thread, and each run of a page is a thread: after some pages
that is more than a hundred MB.
"""

from __future__ import annotations

import ctypes
import gc
import os

from dashboard.client import resident

STEP = 48.0  # MB that the server must have grown by: the search takes a tenth of a second or two

_kept = 0.0  # MB, after the last time


def give_back() -> None:
    """Where the server has grown. Elsewhere than on Linux its size is not known: only Python collects, by itself."""
    global _kept
    if resident(os.getpid()) > _kept + STEP:
        gc.collect()
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of glibc; others have none
        if trim is not None:
            trim(0)
        _kept = resident(os.getpid())
