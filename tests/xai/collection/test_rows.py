"""Arrays filled block by block: whole or made again, whatever happens in between."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gan.files import WriteError, locked
from xai.collection import rows
from xai.errors import ExplanationError

PLAN = rows.Plan({"number": rows.Column("<i8"), "half": rows.Column("<f2", (3,))}, rows=11, block=4)


def compute(some: slice) -> rows.Arrays:
    numbers = np.arange(some.start, some.stop)
    return {"number": numbers, "half": numbers[:, None] + np.array([0.0, 0.25, 0.5])}


class Counting:
    """Says of which rows it was asked."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __call__(self, some: slice) -> rows.Arrays:
        self.asked.append(some.start)
        return compute(some)


def silent(part: float) -> None:
    pass


def filled(folder: Path, job: Any = compute, progress: Any = silent) -> rows.Group:
    group = rows.Group(folder, "some", PLAN)
    rows.fill(group, job, {"base": 1.5}, progress)
    return group


def assert_whole(folder: Path) -> None:
    stored = rows.read(folder, "some")
    assert stored is not None
    assert stored.about == {"base": 1.5}
    for name, expected in compute(slice(0, 11)).items():
        assert isinstance(stored.arrays[name], np.memmap)
        assert (stored.arrays[name] == expected).all()


def test_what_was_filled_is_read_and_not_computed_again(tmp_path: Path) -> None:
    assert rows.read(tmp_path / "here", "some") is None
    job = Counting()
    filled(tmp_path / "here", job)
    filled(tmp_path / "here", job)
    assert_whole(tmp_path / "here")
    assert job.asked == [0, 4, 8]
    assert {path.name for path in (tmp_path / "here").iterdir()} == {"number.npy", "half.npy", "some.json", "some.lock"}


def test_another_group_beside_it_is_left_alone(tmp_path: Path) -> None:
    filled(tmp_path)
    other = rows.Group(tmp_path, "later", rows.Plan({"maps": rows.Column("|i1", (2, 2))}, 11, 5))
    job = Counting()
    rows.fill(other, lambda some: {"maps": np.ones((some.stop - some.start, 2, 2))}, {}, silent)
    filled(tmp_path, job)
    assert job.asked == []
    (tmp_path / "number.npy").unlink()
    filled(tmp_path, job)
    assert_whole(tmp_path)
    later = rows.read(tmp_path, "later")
    assert later is not None
    assert later.arrays["maps"].all()


def test_an_exception_from_progress_loses_no_finished_block(tmp_path: Path) -> None:
    def cancel(part: float) -> None:
        if part > 0.6:
            raise KeyboardInterrupt

    first, second = Counting(), Counting()
    with pytest.raises(KeyboardInterrupt):
        filled(tmp_path, first, cancel)
    assert rows.read(tmp_path, "some") is None
    parts: list[float] = []
    filled(tmp_path, second, parts.append)
    assert (first.asked, second.asked) == ([0, 4], [8])
    assert parts == [pytest.approx(2 / 3), 1.0]
    assert_whole(tmp_path)


def test_a_block_that_is_on_the_disk_in_part_is_done_again(tmp_path: Path) -> None:
    def stop(some: slice) -> rows.Arrays:
        if some.start == 8:
            raise KeyboardInterrupt
        return compute(some)

    with pytest.raises(KeyboardInterrupt):
        filled(tmp_path, stop)
    content = bytearray((tmp_path / "half.npy").read_bytes())
    content[-5 * 6 : -4 * 6] = bytes(6)  # the second block's third row
    (tmp_path / "half.npy").write_bytes(content)
    (tmp_path / "some.blocks/0.json").write_text('{"number": ')
    job = Counting()
    filled(tmp_path, job)
    assert job.asked == [0, 4, 8]
    assert_whole(tmp_path)


def test_a_record_with_any_byte_changed_is_never_believed(tmp_path: Path) -> None:
    filled(tmp_path)
    record = (tmp_path / "some.json").read_bytes()
    whole = rows.read(tmp_path, "some")
    assert whole is not None
    for place in range(len(record)):
        for changed in (record[place] ^ 1, ord("7"), ord(" ")):
            (tmp_path / "some.json").write_bytes(record[:place] + bytes([changed]) + record[place + 1 :])
            found = rows.read(tmp_path, "some")
            assert found is None or found.about == whole.about
    filled(tmp_path)
    assert_whole(tmp_path)


def break_folder(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("a file in the way")


DAMAGE = {
    "truncated": lambda folder: os.truncate(folder / "half.npy", 150),
    "longer": lambda folder: (folder / "half.npy").open("ab").write(b"more"),
    "of another shape": lambda folder: np.save(folder / "half.npy", np.zeros((11, 4), np.float16)),
    "of another type": lambda folder: np.save(folder / "half.npy", np.zeros((11, 3), np.int16)),
    "foreign": lambda folder: (folder / "half.npy").write_bytes(b"PK something else"),
    "other numbers": lambda folder: np.save(folder / "half.npy", np.zeros((11, 3), np.float16)),
    "rows changed places": lambda folder: np.save(folder / "number.npy", np.arange(11)[::-1]),
    "missing": lambda folder: (folder / "number.npy").unlink(),
    "a folder": lambda folder: (folder / "number.npy").unlink() or (folder / "number.npy").mkdir(),
    "no record": lambda folder: (folder / "some.json").unlink(),
    "empty record": lambda folder: (folder / "some.json").write_text(""),
    "all of it": break_folder,
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_what_is_damaged_is_not_there_and_is_made_again(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "here"
    filled(folder)
    DAMAGE[kind](folder)
    assert rows.read(folder, "some") is None
    filled(folder)
    assert_whole(folder)


def test_a_copy_with_other_dates_is_read_through_and_opens(tmp_path: Path) -> None:
    filled(tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    for path in (tmp_path / "two").iterdir():
        os.utime(path, (1, 1))
    assert_whole(tmp_path / "two")


def test_arrays_that_are_as_they_were_left_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path)
    monkeypatch.setattr(rows.Group, "checksum", lambda *_: pytest.fail("read through"))
    assert_whole(tmp_path)


def test_a_second_process_is_refused_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "LOCK_SECONDS", 0.05)
    tmp_path.joinpath("here").mkdir()
    with (
        locked(tmp_path / "here/some.lock"),
        pytest.raises(ExplanationError, match=r"Another process is filling .*here; wait for its end\.$"),
    ):
        filled(tmp_path / "here")
    filled(tmp_path / "here")
    assert_whole(tmp_path / "here")


def test_a_full_disk_is_named_and_what_is_finished_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sync, calls = os.fsync, []

    def full(handle: int) -> None:
        calls.append(handle)
        if len(calls) > 5:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(handle)

    with monkeypatch.context() as patch, pytest.raises(WriteError) as caught:
        patch.setattr(os, "fsync", full)
        filled(tmp_path / "here")
    assert (caught.value.filename, caught.value.strerror) == (str(tmp_path / "here"), "No space left on device")
    job = Counting()
    filled(tmp_path / "here", job)
    assert 0 not in job.asked
    assert_whole(tmp_path / "here")


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError) as caught:
        filled(tmp_path / "file/here")
    assert caught.value.filename == str(tmp_path / "file/here")


def test_an_error_while_computing_is_not_taken_for_one_of_the_disk(tmp_path: Path) -> None:
    def fail(some: slice) -> rows.Arrays:
        raise FileNotFoundError(errno.ENOENT, "No such file", "posters.zip")

    with pytest.raises(FileNotFoundError) as caught:
        filled(tmp_path, fail)
    assert not isinstance(caught.value, WriteError)


def test_arrays_of_a_wrong_length_are_a_bug_and_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="half has the shape"):
        filled(tmp_path, lambda some: compute(some) | {"half": np.zeros((1, 3))})


SLOW = """
    import os, signal, sys, time
    from pathlib import Path
    from tests.xai.collection.test_rows import PLAN, compute, rows, silent
    def slowly(some):
        if some.start == 8:
            time.sleep(600)
        return compute(some)
    rows.fill(rows.Group(Path(sys.argv[1]), "some", PLAN), slowly, {"base": 1.5}, silent)
"""


def test_a_killed_process_continues_and_the_bits_are_those_of_one_that_was_not(tmp_path: Path) -> None:
    command = [sys.executable, "-c", textwrap.dedent(SLOW), str(tmp_path / "killed")]
    with subprocess.Popen(command, cwd=Path(__file__).parents[3]) as process:
        end = time.monotonic() + 120
        while not (tmp_path / "killed/some.blocks/1.json").exists():
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert rows.read(tmp_path / "killed", "some") is None
    job = Counting()
    filled(tmp_path / "killed", job)
    filled(tmp_path / "whole")
    assert job.asked == [8]
    for name in ("number.npy", "half.npy"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    sums = [json.loads((tmp_path / side / "some.json").read_bytes())["sums"] for side in ("killed", "whole")]
    assert sums[0] == sums[1]
