"""The queue of jobs, with real processes that do next to nothing: order, place, joining, leaving, failing, death."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboard.jobs import process as process_module
from dashboard.jobs import runner as module
from dashboard.jobs.runner import MOST, Order, Runner, Seen
from gan.errors import UsageError
from tests.dashboard.jobs import fake

COMMAND = [sys.executable, str(fake.__file__)]
LONG = 60.0  # seconds, for a machine that is busy
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals and priorities of Unix")


def until(happened: Callable[[], Any], what: str = "it did not happen") -> Any:
    """Wait for something; returns it."""
    end = time.monotonic() + LONG
    while time.monotonic() < end:
        if found := happened():
            return found
        time.sleep(0.02)
    return pytest.fail(what)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text() if Path("/proc/self").exists() else True


class House:
    """A runner, its sessions, and the folder that its jobs write into."""

    def __init__(self, folder: Path, at_once: int = 1) -> None:
        self.folder, self.gone = folder, set[str]()
        self.runner = Runner(lambda: COMMAND, lambda session: session not in self.gone, at_once)

    def order(self, name: str, waits: bool = True, **more: Any) -> Order:
        return Order.of(name, folder=str(self.folder), waits=waits, **more)

    def ask(self, name: str, session: str = "ann", **more: Any) -> Order:
        order = self.order(name, **more)
        self.runner.ask(order, session)
        return order

    def begun(self, name: str) -> list[int]:
        """Its process, how nice it is, and how many threads it may take; once it has begun."""
        path = self.folder / f"{name}.begun"
        until(path.exists, f"{name} has not begun")
        return [int(part) for part in path.read_text().split()]

    def has_begun(self, name: str) -> bool:
        return (self.folder / f"{name}.begun").exists()

    def let(self, name: str) -> None:
        (self.folder / f"{name}.go").touch()

    def over(self, order: Order) -> None:
        until(lambda: not self.seen(order) or self.seen(order).failure, "it is not over")

    def seen(self, order: Order, session: str = "ann") -> Any:
        return self.runner.watch(order, session)

    def result(self, name: str) -> str | None:
        path = self.folder / f"{name}.result"
        return path.read_text() if path.exists() else None

    def is_idle(self) -> bool:
        return self.runner._tender is None


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.runner.close()
    until(house.is_idle, "a job is left running")


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is waited for."""
    monkeypatch.setattr(module, "GRACE", 0.0)


def test_jobs_run_one_after_the_other_in_the_order_in_which_they_were_asked_for(house: House) -> None:
    orders = [house.ask(name, name) for name in ("one", "two", "three")]
    house.begun("one")
    assert [house.seen(order, name).before for order, name in zip(orders, ("one", "two", "three"), strict=True)] == [
        0, 1, 2,
    ]  # fmt: skip
    assert [house.seen(order, "one").running for order in orders] == [True, False, False]
    house.let("one")
    house.begun("two")
    assert house.result("one") == "half of it, and the rest"
    assert not house.has_begun("three")
    house.let("two")
    house.let("three")
    house.over(orders[2])
    assert house.result("three")


def test_what_a_job_says_of_its_progress_is_seen(house: House) -> None:
    order = house.ask("one", part=0.25)
    until(lambda: house.seen(order).part == 0.25)
    assert house.seen(order).seconds > 0
    assert house.seen(order) == Seen(mine=True, running=True, part=0.25, seconds=pytest.approx(0, abs=LONG))


def test_two_may_run_at_once(tmp_path: Path) -> None:
    house = House(tmp_path, at_once=2)
    for name in ("one", "two", "three"):
        house.ask(name)
    house.begun("one")
    house.begun("two")
    assert not house.has_begun("three")
    house.runner.close()
    until(house.is_idle)


def test_the_same_asked_for_twice_is_one_job_with_two_who_wait(house: House) -> None:
    order = house.ask("one", "ann")
    assert house.ask("one", "bob") == order
    pid, *_ = house.begun("one")
    assert house.seen(order, "ann").others == house.seen(order, "bob").others == 1
    house.runner.leave(order, "ann")
    assert not house.seen(order, "ann").mine  # also on the next look at the page
    assert house.seen(order, "bob").mine
    assert is_alive(pid)
    house.let("one")
    house.over(order)
    assert house.result("one")


def test_who_left_can_wait_again(house: House) -> None:
    order = house.ask("one", "ann")
    house.ask("one", "bob")
    house.runner.leave(order, "ann")
    house.ask("one", "ann")
    assert house.seen(order, "ann").mine


def test_a_page_that_shows_a_job_waits_for_it(house: House) -> None:
    """As one that is loaded again: its session is another one then."""
    order = house.ask("one", "ann")
    pid, *_ = house.begun("one")
    assert house.seen(order, "ann again").mine
    house.runner.leave(order, "ann")
    time.sleep(3 * module.TICK)
    assert is_alive(pid)


@POSIX
def test_a_job_that_is_cancelled_ends_and_leaves_no_half_file(house: House) -> None:
    order = house.ask("one", starts=True)
    pid, *_ = house.begun("one")
    house.runner.leave(order, "ann")
    assert house.seen(order) is None
    until(lambda: not is_alive(pid))
    until(house.is_idle)
    assert {path.name for path in house.folder.iterdir()} == {"one.begun", "one.helper"}
    assert not is_alive(int((house.folder / "one.helper").read_text()))


def test_a_job_that_waits_is_cancelled_before_it_begins(house: House) -> None:
    first, second = house.ask("one"), house.ask("two")
    house.begun("one")
    house.runner.leave(second, "ann")
    until(lambda: house.seen(second) is None)
    house.let("one")
    house.over(first)
    until(house.is_idle)
    assert not house.has_begun("two")


@POSIX
@pytest.mark.usefixtures("hasty")
def test_a_job_ends_when_all_sessions_that_wait_for_it_are_gone(house: House) -> None:
    house.ask("one", "ann")
    house.ask("one", "bob")
    pid, *_ = house.begun("one")
    house.gone.add("ann")
    time.sleep(3 * module.TICK)
    assert is_alive(pid)
    house.gone.add("bob")
    until(lambda: not is_alive(pid))


def test_a_session_that_comes_back_soon_keeps_its_job(house: House) -> None:
    order = house.ask("one", "ann")
    house.begun("one")
    house.gone.add("ann")
    time.sleep(3 * module.TICK)
    house.gone.clear()
    house.let("one")
    house.over(order)
    assert house.result("one")


def test_one_session_does_not_fill_the_queue(house: House) -> None:
    for name in range(MOST):
        house.ask(str(name))
    with pytest.raises(UsageError, match="cancel one"):
        house.ask("more")
    house.ask("0")  # which it waits for already
    house.ask("more", "bob")


@pytest.mark.parametrize(
    ("fails", "said", "logged"),
    [
        ("sentence", "There are no posters.", "There are no posters."),
        ("fault", "It failed; the reason stands in the server's log. It can be tried again.", "a fault of ours"),
        ("disk", "nowhere/file cannot be written: No such file or directory.", "cannot be written"),
    ],
)
def test_a_job_that_fails_says_one_sentence_and_can_be_tried_again(
    house: House, caplog: pytest.LogCaptureFixture, fails: str, said: str, logged: str
) -> None:
    order = house.ask("one", fails=fails)
    house.over(order)
    assert house.seen(order).failure.endswith(said)
    assert house.seen(order, "bob").failure.endswith(said)
    assert caplog.messages[-1].endswith(logged) or fails == "disk"
    assert logged in caplog.messages[-1]
    house.runner.ask(order, "ann")
    assert house.seen(order).failure == ""


@POSIX
def test_a_job_that_the_system_kills_is_said_to_have_been_and_the_next_one_runs(house: House) -> None:
    first, second = house.ask("one", starts=True), house.ask("two")
    pid, *_ = house.begun("one")
    helper = int((house.folder / "one.helper").read_text())
    os.kill(pid, signal.SIGKILL)
    house.over(first)
    assert "as it does where memory runs out" in house.seen(first).failure
    assert house.result("one") is None
    until(lambda: not is_alive(helper), "what it had started is left running")
    house.let("two")
    house.over(second)
    assert house.result("two")


@POSIX
def test_a_job_that_does_not_end_when_it_is_stopped_is_killed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "PATIENCE", 0.0)
    order = house.ask("one")
    pid, *_ = house.begun("one")
    os.kill(pid, signal.SIGSTOP)  # it can do nothing
    house.runner.leave(order, "ann")
    until(lambda: not is_alive(pid))
    assert house.seen(order) is None


def test_a_program_that_cannot_be_started_is_a_sentence(tmp_path: Path) -> None:
    runner = Runner(lambda: [str(tmp_path / "absent")], lambda session: True)
    order = Order.of("one")
    runner.ask(order, "ann")
    until(lambda: (seen := runner.watch(order, "ann")) and seen.failure)
    seen = runner.watch(order, "ann")
    assert seen is not None
    assert seen.failure.startswith("The server could not start it: No such file")


@POSIX
def test_a_job_leaves_the_processor_to_the_pages(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    house.ask("one")
    pid, nice, threads = house.begun("one")
    assert nice == min(19, os.nice(0) + 10)
    group = Path(f"/proc/{pid}/autogroup")
    if group.exists() and os.geteuid() == 0:  # others may be told to come again later
        assert group.read_text().split()[-1] == "10"
    assert threads == 3


SERVER = """
import signal, sys, time
from dashboard.jobs.runner import Order, Runner
signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs behind a shell has it ignored
runner = Runner(lambda: sys.argv[1:3], lambda session: True)
runner.ask(Order(sys.argv[3]), "ann")
time.sleep(600)
"""


@POSIX
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_server_that_is_killed_leaves_no_job_and_no_half_file(house: House, end: signal.Signals) -> None:
    order = house.order("one", starts=True)
    server = subprocess.Popen([sys.executable, "-c", SERVER, *COMMAND, order.text], stderr=subprocess.DEVNULL)
    pid, *_ = house.begun("one")
    started = [int(path.read_text()) for path in house.folder.glob("*.helper")]
    server.send_signal(end)
    server.wait(60)
    until(lambda: not is_alive(pid))
    assert house.result("one") is None
    assert not list(house.folder.glob(".*"))
    assert len(started) == 1
    until(lambda: not is_alive(started[0]), "what it had started is left running")


def test_an_order_is_the_same_however_its_values_are_named() -> None:
    assert Order.of("one", a=1, b=2) == Order.of("one", b=2, a=1) != Order.of("two", a=1, b=2)
    assert json.loads(Order.of("one", a=1).text) == {"job": "one", "a": 1}
