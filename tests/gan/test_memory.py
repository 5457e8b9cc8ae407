"""Freed memory goes back to the system, or is kept for the next array."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

import gan.memory

KEPT_BY_THE_LIBRARY = """
import ctypes
from pathlib import Path
import numpy as np
from gan.memory import give_back

def resident():
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon")]
    return int(line.split()[1])

blocks = [np.ones(2000) for _ in range(20_000)]     # 16 kB each, 320 MB together
stay = blocks[::100]                                # between what goes
del blocks
before = resident()
give_back()
print(before, resident(), len(stay))
"""


PAGES_OF_ARRAYS = """
import resource, sys
import numpy as np
from gan.memory import keep

if sys.argv[1] == "keep":
    keep()
for turn in range(20):
    arrays = [np.ones(2**20) for _ in range(4)]     # 8 MB each
    if not turn:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    del arrays
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")


@glibc
def test_memory_that_is_kept_is_not_cleared_for_each_array() -> None:
    new, kept = (
        int(subprocess.run([sys.executable, "-c", PAGES_OF_ARRAYS, how], capture_output=True, check=True).stdout)
        for how in ("not", "keep")
    )
    assert kept < 100
    assert new > 100 * max(kept, 1)


@glibc
def test_what_was_freed_between_arrays_that_stay_is_given_back() -> None:
    command = [sys.executable, "-c", KEPT_BY_THE_LIBRARY]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    before, after, _ = map(int, found.stdout.split())
    assert before > 300_000
    assert after < 100_000


def test_a_c_library_without_the_call_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (OSError, TypeError):

        def refuse(name: str | None, error: type[Exception] = error) -> None:
            raise error

        monkeypatch.setattr(gan.memory.ctypes, "CDLL", refuse)
        gan.memory.give_back()
        gan.memory.keep()
    monkeypatch.setattr(gan.memory.ctypes, "CDLL", lambda name: object())
    gan.memory.give_back()
    gan.memory.keep()
