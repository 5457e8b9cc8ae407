"""One job as a process of its own, as the server holds it: how far it is, what it failed of, and its end.

    process = Process([sys.executable, "-m", "dashboard.jobs.child"], '{"job": "latents", ...}', threads=1)
    process.part                   # 0 to 1
    process.stop()                 # it ends by itself, and is killed where it does not
    process.has_ended(), process.failure

The order goes down its standard input, which then stays open: when it closes, because the job is stopped or the server
is gone in whatever way, the process ends (:mod:`dashboard.jobs.child`). What it says comes back as lines of JSON.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

LOG = logging.getLogger(__name__)
HOUSE = Path(__file__).resolve().parents[2]
PATIENCE = 10.0  # seconds in which a process that was stopped ends by itself; child.py takes half of it
TAIL = 4000  # bytes of the log of a job that failed
KILLED = "The system ended it, as it does where memory runs out. Try again, or ask for something smaller."
BROKEN = "It failed; the reason stands in the server's log. It can be tried again."


class Process:
    """A job that is running.

    part : of it that is done, 0 to 1. started : when it began, by time.monotonic(). failure : a sentence once it has
    ended without being told to and is not done, else "".

    Raises
    ------
    OSError
        If no process can be started.
    """

    def __init__(self, command: Sequence[str], order: str, threads: int) -> None:
        self.part, self.failure, self.started = 0.0, "", time.monotonic()
        self._stopped: float | None = None
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed in ``_settle``
        self._process = subprocess.Popen(  # noqa: S603 - our own program; what a browser chose is in ``order`` only
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=_environment(threads),
            start_new_session=True,  # with what it starts itself it is one group; Ctrl-C reaches the server alone
            creationflags=getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0),  # elsewhere it is nice by itself
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self._process.stdin is not None
        with suppress(OSError):  # it is gone already, which ``has_ended`` finds
            self._process.stdin.write(order.encode() + b"\n")
            self._process.stdin.flush()

    @property
    def is_stopped(self) -> bool:
        """Whether it was told to end."""
        return self._stopped is not None

    def stop(self) -> None:
        """Tell it to end: no half file stays."""
        if self._stopped is None:
            self._stopped = time.monotonic()
            assert self._process.stdin is not None
            with suppress(OSError):
                self._process.stdin.close()

    def has_ended(self) -> bool:
        """Whether the process is gone, with all that it started; to be asked again and again until it is."""
        if self._process.poll() is None:
            if self._stopped is not None and time.monotonic() - self._stopped > PATIENCE:
                self._kill()
            return False
        self._settle()
        return True

    def _read(self) -> None:
        """What it says, line by line: how far it is, or why it cannot be done."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with suppress(ValueError):  # half a line of a process that was killed
                said = json.loads(line)
                self.part = float(said.get("part", self.part))
                self.failure = str(said.get("failure", self.failure))

    def _kill(self) -> None:
        if sys.platform == "win32":
            self._process.kill()
        else:
            with suppress(ProcessLookupError, PermissionError):  # nobody of the group is left
                os.killpg(self._process.pid, signal.SIGKILL)

    def _settle(self) -> None:
        """Leave nothing behind, and say in the log what went wrong."""
        self._kill()  # what it started, if it was killed itself
        self._reader.join(1.0)
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()
        code = self._process.returncode
        if code and not self.is_stopped:
            self._log.seek(max(0, self._log.seek(0, os.SEEK_END) - TAIL))
            LOG.error("A job failed (%s): %s", code, self._log.read().decode(errors="replace").strip())
            self.failure = self.failure or (KILLED if code < 0 else BROKEN)
        self._log.close()


def _environment(threads: int) -> dict[str, str]:
    """Of the process: where our packages are, and how many threads torch takes, if the server was not told so."""
    found = os.environ.get("PYTHONPATH")
    paths = os.pathsep.join([str(HOUSE), *([found] if found else [])])
    return {"OMP_NUM_THREADS": str(threads)} | os.environ | {"PYTHONPATH": paths}
