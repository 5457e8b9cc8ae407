"""Freed memory goes back to the system."""

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


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
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
    monkeypatch.setattr(gan.memory.ctypes, "CDLL", lambda name: object())
    gan.memory.give_back()
