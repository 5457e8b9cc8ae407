"""scripts/explain.py stopped, killed, and shared by two processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.scripting import SCRIPTS, one_sentence, running, wait_for
from tests.scripts.explaining import QUICK, contents, record
from xai.report import archive, job

SCRIPT = SCRIPTS / "explain.py"


def stop_after(chunks: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """From now on Ctrl-C comes when so many chunks are explained; the list counts them."""
    calls: list[int] = []
    original, lock = job.findings_of, threading.Lock()

    def counted(*arguments: Any) -> Any:
        with lock:
            if len(calls) == chunks:
                raise KeyboardInterrupt
            calls.append(1)
        return original(*arguments)

    monkeypatch.setattr(job, "findings_of", counted)
    return calls


def test_what_is_finished_is_not_computed_again(
    explain: Callable[..., int],
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["--images", folder, "--batch=2", *QUICK]
    assert explain(*arguments, "--out", tmp_path / "whole") == 0
    capsys.readouterr()
    with monkeypatch.context() as patch:
        stop_after(4, patch)
        assert explain(*arguments, "--out", tmp_path / "out") == 130
        assert capsys.readouterr().err == "Stopped; the same command continues.\n"
        assert not (tmp_path / "out").exists()
    with monkeypatch.context() as patch:
        calls = stop_after(99, patch)
        assert explain(*arguments, "--out", tmp_path / "out") == 0
    assert len(calls) == 2
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert {path.name for path in tmp_path.iterdir()} == {"out", "whole"}


@pytest.mark.parametrize(
    ("changed", "what"),
    [(["--seed=1"], "settings"), (["--batch=3"], "batch"), (["--seeds=9"], "posters")],
)
def test_other_settings_do_not_continue_a_run(
    changed: list[str],
    what: str,
    explain: Callable[..., int],
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["--images", folder, "--batch=2", "--methods=deeplift", "--out", tmp_path / "out"]
    with monkeypatch.context() as patch:
        stop_after(2, patch)
        assert explain(*arguments) == 130
    capsys.readouterr()
    assert explain(*arguments, *changed) == 2
    assert f"was begun with other {what}: " in one_sentence(capsys)
    assert explain(*arguments, *changed, "--overwrite") == 0
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_failing_disk_leaves_what_is_finished(
    explain: Callable[..., int],
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["--images", folder, "--batch=2", "--methods=deeplift", "--out", tmp_path / "out"]
    original = archive.write_chunk

    def full(path: Path, index: int, *rest: Any) -> None:
        if index == 3:
            raise OSError(28, "No space left on device")
        original(path, index, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(archive, "write_chunk", full)
        assert explain(*arguments) == 2
        assert one_sentence(capsys) == f"{tmp_path / 'out'} cannot be written: No space left on device."
    assert not (tmp_path / "out").exists()
    assert (tmp_path / ".out.partial/00002/posters.json").exists()
    assert explain(*arguments) == 0


def command(checkpoints: Path, *arguments: object) -> list[str]:
    return [str(SCRIPT), "--checkpoint", str(checkpoints / "tiny"), *map(str, arguments)]


def test_a_killed_process_continues_where_it_was(
    explain: Callable[..., int], checkpoints: Path, tmp_path: Path
) -> None:
    """Killed, then stopped by SIGTERM a little later, then left to finish."""
    arguments = ["--seeds=0-11", "--batch=1", "--methods=deeplift,lime", "--set=lime.agreement=1"]
    out, times = tmp_path / "out", {}
    for number, chunk in ((signal.SIGKILL, 1), (signal.SIGTERM, 4)):
        finished = tmp_path / f".out.partial/{chunk:05d}/posters.json"
        with running("explain", *command(checkpoints, *arguments, "--out", out)[1:]) as process:
            wait_for(finished, process)
            process.send_signal(number)
            _, errors = process.communicate(timeout=60)
        if number == signal.SIGTERM:
            assert (process.returncode, errors) == (130, "Stopped; the same command continues.\n")
        assert not out.exists()
        times[finished] = finished.stat().st_mtime
        assert all(path.stat().st_mtime == time for path, time in times.items())  # not computed again
    assert explain(*arguments, "--out", out) == 0
    assert explain(*arguments, "--out", tmp_path / "whole") == 0
    assert contents(out) == contents(tmp_path / "whole")
    assert max(times.values()) < (out / "values/lime-00011.npz").stat().st_mtime
    assert {path.name for path in tmp_path.iterdir()} == {"out", "whole"}


def torchrun(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", *arguments],
        capture_output=True, text=True, timeout=240, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def test_two_processes_share_the_work_and_give_the_same_bits(
    explain: Callable[..., int], folder: Path, checkpoints: Path, tmp_path: Path
) -> None:
    arguments = ["--images", folder, "--batch=2", *QUICK]
    done = torchrun(*command(checkpoints, *arguments, "--out", tmp_path / "two"))
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"11 posters explained; open {tmp_path / 'two/index.html'}\n"
    assert explain(*arguments, "--out", tmp_path / "one") == 0
    assert contents(tmp_path / "two") == contents(tmp_path / "one")
    assert {path.name for path in tmp_path.iterdir()} == {"one", "two"}


def test_a_failing_process_ends_all_and_what_is_finished_stays(
    explain: Callable[..., int], folder: Path, checkpoints: Path, tmp_path: Path
) -> None:
    """The second process finds a file in the way of its first chunk."""
    arguments = ["--images", folder, "--batch=2", *QUICK]
    broken = tmp_path / "broken.py"
    broken.write_text(
        f"import os, runpy, sys\nfrom xai.report import archive as report\nkeep = report.write_chunk\n"
        "def write(path, index, *rest):\n"
        "    if index == 3:\n        raise OSError(28, 'No space left on device')\n"
        "    keep(path, index, *rest)\n"
        "report.write_chunk = write\n"
        f"runpy.run_path({str(SCRIPT)!r}, run_name='__main__')\n"
    )
    done = torchrun(str(broken), *command(checkpoints, *arguments, "--out", tmp_path / "out")[1:])
    assert done.returncode != 0
    assert "cannot be written: No space left on device." in done.stderr
    assert not (tmp_path / "out").exists()
    assert (tmp_path / ".out.partial/00001/posters.json").exists()
    assert explain(*arguments, "--out", tmp_path / "out") == 0
    assert len(record(tmp_path / "out")["posters"]) == 11
