"""What a job may replace, and what it leaves alone, whenever it came."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock

import gan
import xai
from xai.errors import ExplanationError
from xai.report import job as jobs
from xai.report.inputs import generated

Explain = Callable[..., Any]


@pytest.fixture
def explain(checkpoint: gan.Checkpoint, methods: list[xai.Attribution], tmp_path: Path) -> Explain:
    """A job on two posters into the folder "out", run whole."""

    def run(seeds: tuple[int, ...] = (0, 1), overwrite: bool = False) -> Any:
        posters = list(generated(seeds, checkpoint.need_generator()))
        return jobs.run(jobs.plan(checkpoint, posters, methods[:1], tmp_path / "out", batch=1, overwrite=overwrite))

    return run


def named(out: Path) -> list[str]:
    return [poster["name"] for poster in json.loads((out / "explanations.json").read_text())["posters"]]


def a_file(out: Path) -> None:
    out.write_text("dear diary")


def a_folder(out: Path) -> None:
    out.mkdir()
    (out / "diary.txt").write_text("dear diary")


def a_link(out: Path) -> None:
    a_folder(out.with_name("elsewhere"))
    out.symlink_to("elsewhere")


def a_dangling_link(out: Path) -> None:
    out.symlink_to("nowhere")


FOREIGN = [a_file, a_folder, a_link, a_dangling_link]


def state(folder: Path) -> dict[str, object]:
    return {
        str(path): path.readlink() if path.is_symlink() else path.is_dir() or path.read_bytes()
        for path in folder.rglob("*")
    }


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("foreign", FOREIGN)
def test_a_foreign_thing_is_never_replaced(
    foreign: Callable[[Path], None], overwrite: bool, explain: Explain, tmp_path: Path
) -> None:
    foreign(tmp_path / "out")
    before = state(tmp_path)
    with pytest.raises(ExplanationError, match=r"out was not written by an explanation"):
        explain(overwrite=overwrite)
    assert state(tmp_path) == before


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("foreign", FOREIGN)
def test_what_comes_during_the_work_is_not_replaced_and_no_chunk_is_lost(
    foreign: Callable[[Path], None],
    overwrite: bool,
    explain: Explain,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out, original, calls = tmp_path / "out", jobs.findings_of, []

    def come(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            foreign(out)
        return original(*arguments)

    monkeypatch.setattr(jobs, "findings_of", come)
    with pytest.raises(ExplanationError, match=r"out was not written by an explanation"):
        explain(overwrite=overwrite)
    assert out.is_symlink() or (out.read_text() if out.is_file() else (out / "diary.txt").read_text()) == "dear diary"
    assert not (out / "index.html").exists()
    for path in (out, tmp_path / "elsewhere"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    assert explain(overwrite=overwrite).posters == 2
    assert len(calls) == 2  # nothing was computed again


def test_another_archive_that_comes_during_the_work_is_not_replaced(
    explain: Explain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    explain((7,))
    (tmp_path / "out").rename(tmp_path / "theirs")
    original = jobs.findings_of

    def come(*arguments: Any) -> Any:
        if not (tmp_path / "out").exists():
            shutil.copytree(tmp_path / "theirs", tmp_path / "out")
        return original(*arguments)

    monkeypatch.setattr(jobs, "findings_of", come)
    with pytest.raises(ExplanationError, match="exists already"):
        explain()
    assert named(tmp_path / "out") == ["seed 7"]


def test_overwrite_replaces_an_archive_and_other_files_in_its_folder_stay(explain: Explain, tmp_path: Path) -> None:
    explain((7,))
    with pytest.raises(ExplanationError, match=r"exists already; overwrite replaces it\.$"):
        explain()
    assert named(tmp_path / "out") == ["seed 7"]
    (tmp_path / "out/notes.txt").write_text("dear diary")
    explain((8,), overwrite=True)
    assert named(tmp_path / "out") == ["seed 8"]
    assert (tmp_path / "out/notes.txt").read_text() == "dear diary"
    assert len(list((tmp_path / "out/overlays").iterdir())) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_two_at_once_are_one(explain: Explain, tmp_path: Path) -> None:
    work = tmp_path / ".out.partial"
    work.mkdir()
    with FileLock(work / jobs.LOCK), pytest.raises(ExplanationError, match=r"Another process is writing .*out"):
        explain(overwrite=True)
    assert not (tmp_path / "out").exists()
    assert explain().posters == 2


def test_a_chunk_that_fails_ends_the_others_at_their_next_step(
    explain: Explain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, ended = threading.Event(), []

    def endless(job: jobs.Job, rows: range, pictures: Any, progress: Callable[[float], None]) -> Any:
        if rows.start == 0:
            assert begun.wait(60)
            raise ExplanationError("It cannot be explained.")
        begun.set()
        try:
            while True:
                progress(0.0)
                time.sleep(0.001)
        finally:
            ended.append(rows.start)

    monkeypatch.setattr(jobs, "findings_of", endless)
    threads = torch.get_num_threads()
    with pytest.raises(ExplanationError, match=r"^It cannot be explained\.$"):
        explain()
    assert ended == [1]
    assert torch.get_num_threads() == threads
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("file", ["diary.txt", "settings.json"])
def test_the_folder_for_chunks_is_cleared_only_where_it_is_one(
    file: str, overwrite: bool, explain: Explain, tmp_path: Path
) -> None:
    (tmp_path / ".out.partial").mkdir()
    (tmp_path / ".out.partial" / file).write_text("{}")
    before = state(tmp_path)
    with pytest.raises(ExplanationError, match="holds something else"):
        explain(overwrite=overwrite)
    assert state(tmp_path) == before
