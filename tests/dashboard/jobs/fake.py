"""A job's process with jobs that do next to nothing: what they do stands in the order."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dashboard.jobs.child import run
from gan.errors import UsageError
from gan.files import write_file


def perform(order: dict[str, Any], progress: Callable[[float], None]) -> None:
    """Write what this process is, wait for a file, and write the result; or fail in one of several ways."""
    folder, name = Path(order["folder"]), order["job"]
    if order.get("starts"):
        helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        (folder / f"{name}.helper").write_text(str(helper.pid))
    threads = os.environ["OMP_NUM_THREADS"]
    nice = os.nice(0) if hasattr(os, "nice") else 0
    write_file(folder / f"{name}.begun", f"{os.getpid()} {nice} {threads}".encode())
    progress(order.get("part", 0.5))
    fails = order.get("fails")
    if fails == "sentence":
        raise UsageError("There are no posters.")
    if fails == "fault":
        raise RuntimeError("a fault of ours")
    if fails == "disk":
        write_file(folder / "nowhere" / "file", b"")

    def slowly(file: Any) -> None:
        file.write(b"half of it")
        file.flush()
        while order.get("waits") and not (folder / f"{name}.go").exists():
            time.sleep(0.02)
        file.write(b", and the rest")

    write_file(folder / f"{name}.result", slowly)


if __name__ == "__main__":
    sys.exit(run(perform))
