from __future__ import annotations

import gc
import os
import subprocess
import sys

import pytest

from dashboard import memory
from dashboard.client import resident

FREED = """
from dashboard import memory
from dashboard.client import resident
import os
held = [bytearray(8000) for _ in range(20_000)]  # 160 MB
last = bytearray(8000)  # above them: the library gives back by itself only what is at the end
del held
before = resident(os.getpid())
memory.give_back_what_grew()
print(before - resident(os.getpid()))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc keeps what was freed")
def test_what_was_freed_goes_back_to_the_system() -> None:
    run = subprocess.run([sys.executable, "-c", FREED], capture_output=True, text=True, check=True)
    assert float(run.stdout) > 100


def test_nobody_waits_for_it_where_the_server_has_hardly_grown(monkeypatch: pytest.MonkeyPatch) -> None:
    collected: list[int] = []
    monkeypatch.setattr(gc, "collect", lambda: collected.append(1))
    monkeypatch.setattr(memory, "_kept", resident(os.getpid()) - memory.STEP / 2)
    memory.give_back_what_grew()
    assert not collected
    monkeypatch.setattr(memory, "_kept", resident(os.getpid()) - 2 * memory.STEP)
    memory.give_back_what_grew()
    memory.give_back_what_grew()
    assert len(collected) == 1
