"""When a server looks for memory that nobody holds any more.

    memory.give_back_what_grew()        # app.py, behind the page

The C library keeps what was freed in a heap for each thread, and each run of a page is a thread: after some pages that
is more than a hundred MB.
"""

from __future__ import annotations

import gc
import os

from dashboard.client import resident
from gan.memory import give_back

STEP = 48.0  # MB that the server must have grown by: to look takes a tenth of a second or two

_kept = 0.0  # MB, after the last time


def give_back_what_grew() -> None:
    """Only where the server has grown; where the system does not say its size, Python collects by itself."""
    global _kept
    if resident(os.getpid()) > _kept + STEP:
        gc.collect()
        give_back()
        _kept = resident(os.getpid())
