"""Processes with torchrun's environment, forked from one server that has imported torch, which takes seconds.

workers = start(work, "argument", size=2, logs=tmp_path)     # a function of a module, in two processes
finish(workers)
workers[0].returncode, workers[0].output
"""

from __future__ import annotations

import multiprocessing
import os
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["gan.training.loop", "torch._dynamo"])  # optimizers import the latter


@dataclass
class Worker:
    """A process, and the file that its output goes to."""

    process: BaseProcess
    log: Path

    @property
    def returncode(self) -> int | None:
        """None while it runs."""
        return self.process.exitcode

    @property
    def output(self) -> str:
        """All that it has printed, errors included."""
        return self.log.read_text() if self.log.exists() else ""

    def kill(self) -> None:
        """Kill it, if it still runs, and wait for its end."""
        self.process.kill()
        self.process.join()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def start(work: Callable[..., None], *arguments: object, logs: Path, size: int = 2) -> list[Worker]:
    """Call ``work`` once for each rank."""
    environment = {"WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    workers = []
    for rank in range(size):
        log, mine = logs / f"rank-{rank}.log", environment | {"RANK": str(rank), "LOCAL_RANK": str(rank)}
        workers.append(Worker(FORKS.Process(target=_work, args=(log, mine, work, arguments), daemon=True), log))
        workers[-1].process.start()
    return workers


def finish(workers: Sequence[Worker], seconds: float = 240) -> None:
    """Wait until all have ended; after ``seconds`` they are killed."""
    try:
        for worker in workers:
            worker.process.join(seconds)
    finally:
        for worker in workers:
            worker.kill()


def _work(log: Path, environment: dict[str, str], work: Callable[..., None], arguments: tuple[object, ...]) -> None:
    import torch

    with log.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115  # till the end
    os.environ.update(environment)
    torch.set_num_threads(1)
    try:
        work(*arguments)
    finally:
        sys.stdout.flush()
