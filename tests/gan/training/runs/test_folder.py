from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gan import ModelConfig, PosterSet, TrainingError
from gan.files import RUN_LOCK, in_use
from gan.training.loop import train
from gan.training.runs.folder import is_running
from gan.training.runs.plan import Plan
from tests.gan.short_runs import config_of
from tests.gan.training.processes import Worker, finish, start


def endless(posters: PosterSet, model: ModelConfig, run: Path) -> None:
    """In a process of its own: a run without end."""
    train(posters, Plan(run, model, config_of(10**6, snapshot_kimg=0.1), progress=False))


@pytest.fixture
def going(posters: PosterSet, tiny: ModelConfig, tmp_path: Path) -> Worker:
    """A run that has saved a state and goes on."""
    (worker,) = start(endless, posters, tiny, tmp_path / "run", logs=tmp_path, size=1)
    end = time.monotonic() + 120
    while not (tmp_path / "run/state.pt").exists():
        assert worker.returncode is None, worker.output
        assert time.monotonic() < end
        time.sleep(0.01)
    yield worker
    worker.kill()


@pytest.mark.parametrize("resume", [True, False])
def test_a_second_run_in_a_folder_is_refused_while_the_first_goes_on(
    resume: bool, going: Worker, posters: PosterSet, tiny: ModelConfig, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    assert is_running(run)
    with pytest.raises(TrainingError, match=r"^Another process is training in .*run; wait .*\.$|holds a run already"):
        train(posters, Plan(run, tiny, config_of(10**6 + 1), resume=resume, progress=False))
    assert going.returncode is None


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_that_ended_in_whatever_way_leaves_no_lock(number: int, going: Worker, tmp_path: Path) -> None:
    assert going.process.pid is not None
    os.kill(going.process.pid, number)
    finish([going])
    assert (tmp_path / "run" / RUN_LOCK).exists()
    assert not is_running(tmp_path / "run")
    with in_use(tmp_path / "run"):
        assert is_running(tmp_path / "run")


def test_two_runs_that_begin_at_once_do_not_both_begin(posters: PosterSet, tiny: ModelConfig, tmp_path: Path) -> None:
    """Neither sees a state of the other when it looks at the folder."""
    logs = [tmp_path / name for name in ("a", "b")]
    workers = []
    for folder in logs:
        folder.mkdir()
        workers += start(endless, posters, tiny, tmp_path / "run", logs=folder, size=1)
    try:
        end = time.monotonic() + 120
        while all(worker.returncode is None for worker in workers):
            assert time.monotonic() < end
            time.sleep(0.05)
        ended = [worker for worker in workers if worker.returncode is not None]
        assert len(ended) == 1
        assert "Another process is training in" in ended[0].output or "holds a run already" in ended[0].output
    finally:
        for worker in workers:
            worker.kill()


def test_a_folder_without_a_run_is_not_running(tmp_path: Path) -> None:
    assert not is_running(tmp_path)
    assert not is_running(tmp_path / "none")
    assert not list(tmp_path.iterdir())


def test_a_run_that_another_one_ended_meanwhile_is_not_begun_anew(
    posters: PosterSet, tiny: ModelConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder was empty when it was looked at; then another process took the lock, trained and went."""
    plan = Plan(tmp_path / "run", tiny, config_of(1), progress=False)
    check: Callable[[Plan], None] = Plan.check

    def slow(self: Plan) -> None:
        check(self)
        monkeypatch.setattr(Plan, "check", check)
        train(posters, plan)

    monkeypatch.setattr(Plan, "check", slow)
    with pytest.raises(TrainingError, match="holds a run already"):
        train(posters, plan)
