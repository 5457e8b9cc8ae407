"""A script that is killed at the n-th change of a folder, as by ``kill -9``: no handler, no ``finally``, no flush.

    python -m xai.bench.faults.dying here 17 0.002 log scripts/train.py --data posters --out here/run

Python says beforehand that a file is opened for writing, renamed or removed; the process dies at the 17th such event
in the folder ``here``, 2 ms after it. At 0 it lives, and writes into ``log`` how many there were.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows ends a process at once by either
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate"}


def is_change(event: str, arguments: tuple[Any, ...], folder: str) -> bool:
    """Whether an event of Python's audit is one that changes something in the folder (with a separator at its end)."""
    if event == "open":
        path, _, flags = arguments
        if not isinstance(flags, int) or not flags & WRITES:
            return False
    elif event in CHANGES:
        path = arguments[0]
    else:
        return False
    if isinstance(path, bytes | os.PathLike):
        path = os.fsdecode(path)
    return isinstance(path, str) and os.path.abspath(path).startswith(folder)  # noqa: PTH100 - an event, and quick


def die(delay: float) -> None:
    """Now, or in a moment, in which the program goes on."""

    def later() -> None:
        time.sleep(delay)
        os.kill(os.getpid(), KILL)

    if delay:
        threading.Thread(target=later, daemon=True).start()
    else:
        os.kill(os.getpid(), KILL)


def watch(folder: Path, count: int, delay: float) -> Callable[[], int]:
    """Die at this change; the function says how many there were so far."""
    seen, inside = 0, f"{folder.resolve()}{os.sep}"

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if is_change(event, arguments, inside):
            seen += 1
            if seen == count:
                die(delay)

    sys.addaudithook(hook)
    return lambda: seen


def main(folder: str, count: str, delay: str, log: str, *command: str) -> None:
    """Run the script, its arguments behind it."""
    sys.argv = list(command)
    sys.path[0] = str(Path(command[0]).parent)
    seen = watch(Path(folder), int(count), float(delay))
    try:
        runpy.run_path(command[0], run_name="__main__")
    finally:
        Path(log).write_text(str(seen()), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
