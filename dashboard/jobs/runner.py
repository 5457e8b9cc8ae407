"""The queue of jobs: who waits for which, what runs, and what is stopped since nobody waits for it any more.

    runner = Runner(lambda: [sys.executable, "-m", "dashboard.jobs.child"], is_open=lambda session: True)
    order = Order.of("latents", checkpoint="wider-64")
    runner.ask(order, session)
    runner.watch(order, session).before     # jobs that come first; then .part and .seconds; at last None: it is done
    runner.leave(order, session)            # the last one who leaves ends it

Two sessions that ask for the same have one job. It goes on as long as one of them is open, on whatever page.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from dashboard.jobs.process import Process
from gan.errors import UsageError

LOG = logging.getLogger(__name__)
TICK = 0.25  # seconds between two looks at the processes and sessions, while there are jobs
GRACE = 15.0  # seconds that a session may be gone: a browser loads its page again, or has lost its connection
MOST = 4  # jobs of one session, so that nobody fills the queue alone
FAILURES = 32  # that are remembered
UNSTARTED = "The server could not start it: {reason}. Try again later."


@dataclass(frozen=True)
class Order:
    """What is to be done: equal orders are one job. ``text`` is JSON."""

    text: str

    @classmethod
    def of(cls, job: str, **arguments: Any) -> Order:
        """An order for the job of this name, with plain values."""
        return cls(json.dumps({"job": job} | arguments, sort_keys=True))


@dataclass(frozen=True)
class Seen:
    """A job as a session sees it.

    mine : whether the session waits for it. others : how many sessions besides do. before : jobs that come first.
    running : whether it has begun; part : of it that is done, 0 to 1; seconds : since it began.
    failure : why it failed, a sentence; "" where it did not.
    """

    mine: bool = False
    others: int = 0
    before: int = 0
    running: bool = False
    part: float = 0.0
    seconds: float = 0.0
    failure: str = ""


@dataclass(eq=False)
class _Job:
    """watchers : who waits for it, and when each was last seen open. left : who did, and does not want to any more."""

    order: Order
    watchers: dict[str, float] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)


class Runner:
    """Jobs of all sessions of a server.

    command : the program that does an order. is_open : whether a session is. at_once : jobs that run side by side.
    """

    def __init__(self, command: Callable[[], Sequence[str]], is_open: Callable[[str], bool], at_once: int = 1) -> None:
        self._command, self._is_open, self._at_once = command, is_open, at_once
        self._changed = threading.Condition()
        self._waiting: list[_Job] = []
        self._running: dict[_Job, Process] = {}
        self._failures: dict[Order, str] = {}
        self._tender: threading.Thread | None = None

    def ask(self, order: Order, session: str) -> None:
        """Have it done, behind what others asked for before; where somebody did so already, wait for the same job.

        Raises
        ------
        UsageError
            If this session waits for many jobs already.
        """
        with self._changed:
            job = self._job(order)
            if job is None:
                if sum(session in one.watchers for one in self._jobs()) >= MOST:
                    raise UsageError(f"You wait for {MOST} jobs already: let one of them finish, or cancel one.")
                job = _Job(order)
                self._waiting.append(job)
                self._failures.pop(order, None)
            job.left.discard(session)
            job.watchers[session] = time.monotonic()
            self._tend_soon()

    def watch(self, order: Order, session: str) -> Seen | None:
        """How it stands; None where nobody asked for it, or it is done.

        Whoever looks waits for it from then on, if they have not left it: a page that is loaded again finds its job.
        """
        with self._changed:
            job = self._job(order)
            if job is None:
                failure = self._failures.get(order)
                return None if failure is None else Seen(failure=failure)
            if session not in job.left:
                job.watchers[session] = time.monotonic()
            mine, process = session in job.watchers, self._running.get(job)
            others = len(job.watchers) - mine
            if process is None:
                return Seen(mine, others, len(self._running) + self._waiting.index(job))
            seconds = time.monotonic() - process.started
            return Seen(mine, others, running=True, part=process.part, seconds=seconds)

    def leave(self, order: Order, session: str) -> None:
        """Do not wait for it any more; it ends where nobody else does."""
        with self._changed:
            job = self._job(order)
            if job is not None:
                job.watchers.pop(session, None)
                job.left.add(session)
                self._let_go()

    def close(self) -> None:
        """End all jobs."""
        with self._changed:
            for job in self._jobs():
                job.watchers.clear()
            self._let_go()

    def _jobs(self) -> list[_Job]:
        """That are not over, in their order."""
        return [job for job, process in self._running.items() if not process.is_stopped] + self._waiting

    def _job(self, order: Order) -> _Job | None:
        return next((job for job in self._jobs() if job.order == order), None)

    def _tend_soon(self) -> None:
        if self._tender is None:
            self._tender = threading.Thread(target=self._tend, name="jobs", daemon=True)
            self._tender.start()
        self._changed.notify()

    def _tend(self) -> None:
        """As long as there are jobs."""
        with self._changed:
            while self._running or self._waiting:
                self._let_go()
                self._take_ended()
                self._start_next()
                self._changed.wait(TICK)
            self._tender = None

    def _let_go(self) -> None:
        """Forget sessions that are gone, and end the jobs that nobody waits for."""
        now = time.monotonic()
        for job in self._jobs():
            job.watchers |= {session: now for session in job.watchers if self._is_open(session)}
            job.watchers = {session: seen for session, seen in job.watchers.items() if now - seen <= GRACE}
            if not job.watchers and job in self._running:
                self._running[job].stop()
        self._waiting = [job for job in self._waiting if job.watchers]

    def _take_ended(self) -> None:
        for job, process in list(self._running.items()):
            if process.has_ended():
                del self._running[job]
                if process.failure and not process.is_stopped:
                    self._fail(job.order, process.failure)

    def _start_next(self) -> None:
        """As many as may run; not one whose like is still ending."""
        for job in list(self._waiting):
            if len(self._running) >= self._at_once or job.order in [one.order for one in self._running]:
                return
            self._waiting.remove(job)
            try:
                self._running[job] = Process(self._command(), job.order.text, self._threads())
            except OSError as error:
                LOG.exception("A job could not be started")
                self._fail(job.order, UNSTARTED.format(reason=error.strerror or type(error).__name__))

    def _threads(self) -> int:
        """Of each job: together they leave one core to the pages."""
        return max(1, ((os.cpu_count() or 1) - 1) // self._at_once)

    def _fail(self, order: Order, failure: str) -> None:
        self._failures[order] = failure
        while len(self._failures) > FAILURES:
            del self._failures[next(iter(self._failures))]
