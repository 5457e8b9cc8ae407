"""The process that does one job: reads its order, says how far it is, and ends when nobody listens any more.

    python -m dashboard.jobs.child OPTIONS OF THE DASHBOARD

The order is a line of JSON on its standard input, which whoever started it keeps open. When it is closed, also because
the server was killed, the job ends as by Ctrl-C, so that no half file stays; at once, where that takes long. It writes
lines of JSON: {"part": 0.4}, or at last {"failure": "a sentence"}. What libraries print goes to the error output.
"""

from __future__ import annotations

import _thread
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from gan.cli import file_sentence
from gan.errors import PosterLensError

PATIENCE = 5.0  # seconds for the job to end by itself
INTERVAL = 0.2  # seconds between two lines of progress
NICE = 10  # the pages come first

Tell = Callable[[dict[str, Any]], None]


def answers() -> Tell:
    """What writes a line to whoever started this process; nothing else can any more."""
    ours = os.dup(1)
    os.dup2(2, 1)

    def tell(said: dict[str, Any]) -> None:
        with suppress(OSError):  # nobody listens: ``end_with_the_server`` ends it
            os.write(ours, json.dumps(said).encode() + b"\n")

    return tell


def end_with_the_server() -> None:
    """Wait until the standard input is closed, and end this process."""
    with suppress(OSError):
        while os.read(0, 1024):
            pass
    _thread.interrupt_main(signal.SIGTERM)
    time.sleep(PATIENCE)
    end()


def end() -> NoReturn:
    """End at once, with what was started, such as processes that decode posters."""
    if sys.platform != "win32" and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def stop(number: int, frame: Any) -> None:
    """What a signal does: files that are being written are removed on the way out."""
    raise SystemExit(1)


def give_way() -> None:
    """Let the pages go first: where each session is scheduled as a group (Linux), the group, which ``nice`` is not."""
    if hasattr(os, "nice"):
        os.nice(NICE)
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(NICE), encoding="utf-8")


def reporting(tell: Tell) -> Callable[[float], None]:
    """Progress that is told, not too often."""
    last = -INTERVAL

    def report(part: float) -> None:
        nonlocal last
        if time.monotonic() - last >= INTERVAL:
            last = time.monotonic()
            tell({"part": min(max(part, 0.0), 1.0)})

    return report


def run(perform: Callable[[dict[str, Any], Callable[[float], None]], None]) -> int:
    """Do what the order says by ``perform``; returns the exit code."""
    tell = answers()
    signal.signal(signal.SIGTERM, stop)
    give_way()
    order = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=end_with_the_server, daemon=True).start()
    try:
        perform(order, reporting(tell))
    except SystemExit:
        end()
    except (PosterLensError, OSError) as error:
        said = f"{file_sentence(error, 'what was found')}." if isinstance(error, OSError) else str(error)
        tell({"failure": said})
        print(said, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    from dashboard.jobs.known import perform

    sys.exit(run(perform))
