"""One process, or several that ``torchrun`` started, which share the parts of a job.

with processes() as (rank, world):              # (0, 1) without torchrun
    for part in parts[rank::world]:
        ...
    wait_for_all(world)
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from torch import distributed

from xai.errors import ExplanationError

TIMEOUT = timedelta(days=30)  # for the slowest of the processes


@contextmanager
def processes() -> Iterator[tuple[int, int]]:
    """(rank, world size) under torchrun; (0, 1) without it."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield 0, 1
        return
    distributed.init_process_group("gloo", timeout=TIMEOUT)
    try:
        yield distributed.get_rank(), world
    finally:
        distributed.destroy_process_group()


def wait_for_all(world: int) -> None:
    """Until every process is here. It asks again and again, for a wait within torch hears no signal."""
    if world > 1:
        arrived = distributed.barrier(async_op=True)
        while not arrived.is_completed():
            time.sleep(0.02)
        try:
            arrived.wait()
        except RuntimeError as error:
            raise ExplanationError("Another process has stopped; the same command continues.") from error
