from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import pytest

from gan import syncing
from gan.files import (
    WriteError,
    clear_leftovers,
    in_use,
    recover,
    set_aside,
    settled,
    stamp,
    write_directory,
    write_file,
)


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_a_file_holds_what_was_written(tmp_path: Path) -> None:
    write_file(tmp_path / "a", b"bytes")
    write_file(tmp_path / "b", lambda file: file.write(b"called"))
    assert (tmp_path / "a").read_bytes() == b"bytes"
    assert (tmp_path / "b").read_bytes() == b"called"
    assert names(tmp_path) == {"a", "b"}


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt(), RuntimeError("bug")])
def test_a_failing_writer_leaves_the_old_file_and_no_other(error: BaseException, tmp_path: Path) -> None:
    write_file(tmp_path / "a", b"old")

    def fail(file: IO[bytes]) -> None:
        file.write(b"half of the new")
        raise error

    with pytest.raises(type(error)):
        write_file(tmp_path / "a", fail)
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == {"a"}


def test_a_file_that_cannot_be_put_in_place_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):  # noqa: PT011 - any
        write_file(tmp_path / "folder", b"new")
    assert names(tmp_path) == {"folder"}


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    write_file(tmp_path / "a", b"old")

    def look(file: IO[bytes]) -> None:
        file.write(b"half")
        file.flush()
        assert (tmp_path / "a").read_bytes() == b"old"

    write_file(tmp_path / "a", look)
    assert (tmp_path / "a").read_bytes() == b"half"


def test_a_folder_replaces_the_old_one_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "run"
    with write_directory(path) as folder:
        (folder / "a").write_bytes(b"1")
        (folder / "b").write_bytes(b"1")
    with write_directory(path) as folder:
        (folder / "a").write_bytes(b"2")
        assert (path / "a").read_bytes() == b"1"
    assert names(tmp_path) == {"deep", "deep/run", "deep/run/a"}
    assert (path / "a").read_bytes() == b"2"


def test_a_failing_block_leaves_the_old_folder_and_no_other(tmp_path: Path) -> None:
    with write_directory(tmp_path / "run") as folder:
        (folder / "a").write_bytes(b"old")

    with pytest.raises(OSError, match="disk full"), write_directory(tmp_path / "run") as folder:
        (folder / "a").write_bytes(b"new")
        raise OSError("disk full")
    assert names(tmp_path) == {"run", "run/a"}
    assert (tmp_path / "run/a").read_bytes() == b"old"


def test_a_folder_that_cannot_be_put_in_place_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with write_directory(tmp_path / "run") as folder:
        (folder / "a").write_bytes(b"old")
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if Path(target) == tmp_path / "run" and not self.name.endswith(".old"):
            raise OSError("no")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OSError, match="no"), write_directory(tmp_path / "run") as folder:
        (folder / "a").write_bytes(b"new")
    assert names(tmp_path) == {"run", "run/a"}
    assert (tmp_path / "run/a").read_bytes() == b"old"


def test_what_is_on_the_disk_already_is_not_synced_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    monkeypatch.setattr(syncing, "sync", lambda path: synced.append(path.name))
    with write_directory(tmp_path / "run", synced=("links", "linked")) as folder:
        for name in ("links", "new", "new/deep"):
            (folder / name).mkdir()
        for name in ("linked", "links/a", "new/b", "new/deep/c", "d"):
            (folder / name).write_bytes(b"1")
    assert sorted(synced[:-1]) == ["b", "c", "d", *(["links"] if os.name == "posix" else [])]


# ---- the user's umask -----------------------------------------------------------------------------------


@pytest.fixture(params=[0o022, 0o077, 0o002, 0o027, 0o000], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_written_may_be_read_by_whom_the_umask_allows(umask: int, tmp_path: Path) -> None:
    write_file(tmp_path / "file", b"1")
    write_file(tmp_path / "file", b"2")
    for _ in range(2):
        with write_directory(tmp_path / "run") as folder:
            (folder / "grids").mkdir()
            (folder / "grids" / "a").write_bytes(b"1")
    files, folders = ("file", "run/grids/a"), ("run", "run/grids")
    assert {mode(tmp_path / name) for name in files} == {0o666 & ~umask}
    assert {mode(tmp_path / name) for name in folders} == {0o777 & ~umask}


# ---- a crash at any step --------------------------------------------------------------------------------

STEPS = ("mkdir", "rename", "replace", "unlink", "rmdir", "fsync")


def crashed(step: int, action: Callable[[], None]) -> bool:
    """Run in a process of its own, which is gone before its n-th step on the disk; False where it has fewer."""
    child = os.fork()
    if child == 0:
        left = iter(range(step, -1, -1))

        def dying(function: Callable[..., Any]) -> Callable[..., Any]:
            def call(*arguments: Any, **options: Any) -> Any:
                if next(left) == 0:
                    os._exit(9)
                return function(*arguments, **options)

            return call

        for name in STEPS:
            setattr(os, name, dying(getattr(os, name)))
        action()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def replace_run(path: Path, content: bytes) -> None:
    with write_directory(path) as folder:
        (folder / "a").write_bytes(content)
        (folder / "b").write_bytes(content)


def contents(path: Path) -> set[bytes]:
    return {(settled(path) / name).read_bytes() for name in ("a", "b")}


def test_a_folder_is_the_old_or_the_new_one_whenever_a_crash_comes(tmp_path: Path) -> None:
    moments = 0
    while True:
        path = tmp_path / str(moments) / "run"
        replace_run(path, b"0")
        replace_run(path, b"1")
        if not crashed(moments, lambda: replace_run(path, b"2")):  # noqa: B023 - called at once
            break
        moments += 1
        assert contents(path) in ({b"1"}, {b"2"})
        for step in range(12):  # and when it comes again, in the one that would have mended it
            crashed(step, lambda: replace_run(path, b"3"))  # noqa: B023
            assert contents(path) in ({b"1"}, {b"2"}, {b"3"})
        replace_run(path, b"4")
        assert contents(path) == {b"4"}
        assert not set_aside(path.parent)
        assert not path.with_name(".run.old").exists()
    assert moments >= 8
    assert contents(path) == {b"2"}


def test_a_file_is_the_old_or_the_new_one_whenever_a_crash_comes(tmp_path: Path) -> None:
    path, step = tmp_path / "a", 0
    write_file(path, b"1")
    while crashed(step, lambda: write_file(path, b"2")):
        assert path.read_bytes() in {b"1", b"2"}
        step += 1
    assert step >= 2
    assert path.read_bytes() == b"2"


@pytest.mark.parametrize("step", range(6))
def test_an_error_at_any_rename_leaves_a_complete_folder(
    step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, calls, rename = tmp_path / "run", iter(range(99)), os.rename
    replace_run(path, b"1")

    def fail(*arguments: Any, **options: Any) -> None:
        if next(calls) == step:
            raise OSError("no")
        rename(*arguments, **options)

    monkeypatch.setattr(os, "rename", fail)
    with suppress(OSError):
        replace_run(path, b"2")
    monkeypatch.undo()
    assert contents(path) in ({b"1"}, {b"2"})
    assert path.is_dir()  # nobody crashed, so it has its own name


def test_a_folder_that_a_crash_set_aside_is_found_and_put_back(tmp_path: Path) -> None:
    path = tmp_path / "run"
    replace_run(path, b"1")
    path.rename(tmp_path / ".run.old")
    assert settled(path) == tmp_path / ".run.old"
    assert set_aside(tmp_path) == [path]
    recover(path)
    assert contents(path) == {b"1"}
    assert settled(path) == path
    assert set_aside(tmp_path) == []


def test_a_link_to_a_folder_is_replaced_and_its_target_left_alone(tmp_path: Path) -> None:
    replace_run(tmp_path / "elsewhere", b"1")
    (tmp_path / "run").symlink_to(tmp_path / "elsewhere")
    replace_run(tmp_path / "run", b"2")
    assert contents(tmp_path / "run") == {b"2"}
    assert contents(tmp_path / "elsewhere") == {b"1"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "run"]


def test_a_name_may_be_as_long_as_the_disk_allows(tmp_path: Path) -> None:
    write_file(tmp_path / ("n" * 255), b"1")
    assert (tmp_path / ("n" * 255)).read_bytes() == b"1"


def test_what_killed_processes_had_not_finished_in_a_run_goes_and_nothing_else(tmp_path: Path) -> None:
    """A state of a large network has gigabytes: each kill would leave one."""
    run = tmp_path / "run"
    (run / "grids").mkdir(parents=True)
    kept = {run / ".latest.old", run / ".gitignore", run / "state.pt", run / ".mine.0123456789xy"}
    for path in (*kept, run / ".state.pt.0123456789ab", run / "grids/.000001.000.png.0123456789ab"):
        path.write_bytes(b"1")
    (run / ".latest.ba9876543210").mkdir()
    (run / ".latest.ba9876543210/config.json").write_text("{")
    with in_use(run):
        assert set(run.rglob("*")) == {*kept, run / "grids", run / "run.lock"}


# ---- what killed writers leave ---------------------------------------------------------------------------


def make_old(folder: Path, days: float = 2) -> None:
    for path in (folder, *folder.rglob("*")):
        date = path.lstat().st_mtime - days * 86_400
        os.utime(path, (date, date), follow_symlinks=False)


def test_the_next_writer_of_a_folder_clears_what_a_kill_left_days_ago(tmp_path: Path) -> None:
    moments = littered = 0
    while True:
        path = tmp_path / str(moments) / "run"
        replace_run(path, b"1")
        if not crashed(moments, lambda: replace_run(path, b"2")):  # noqa: B023 - called at once
            break
        moments += 1
        make_old(path.parent)
        littered += any(one.name not in ("run", ".run.old") for one in path.parent.iterdir())
        replace_run(path, b"3")
        assert [one.name for one in path.parent.iterdir()] == ["run"]
    assert littered


def test_only_what_was_for_the_same_place_and_lay_for_a_day_is_cleared(tmp_path: Path) -> None:
    old = (".a.npz.0123456789ab", ".a.npz.old", ".a.npz.0123456789xy", ".b.npz.0123456789ab", "a.npz")
    for name in old:
        (tmp_path / name).write_bytes(b"1")
    make_old(tmp_path)
    (tmp_path / ".a.npz.ba9876543210").write_bytes(b"1")
    (tmp_path / ".a.npz.111111111111").mkdir()
    make_old(tmp_path / ".a.npz.111111111111")
    (tmp_path / ".a.npz.111111111111/new").write_bytes(b"1")  # somebody fills it
    clear_leftovers(tmp_path / "a.npz")
    left = {".a.npz.ba9876543210", ".a.npz.111111111111", ".a.npz.111111111111/new"}
    assert names(tmp_path) == {*old[1:], *left}


def test_a_writer_that_was_taken_for_dead_puts_nothing_in_place(tmp_path: Path) -> None:
    path = tmp_path / "run"
    replace_run(path, b"1")
    with pytest.raises(WriteError), write_directory(path) as folder:
        (folder / "a").write_bytes(b"2")
        clear_leftovers(path, seconds=-1)  # as after a clock that was set
    assert contents(path) == {b"1"}
    assert names(tmp_path) == {"run", "run/a", "run/b"}


def test_a_stamp_changes_with_every_write_whatever_the_date_says(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one")
    before = stamp(path)
    assert stamp(path) == before
    date = path.stat().st_mtime_ns
    write_file(path, b"two")
    os.utime(path, ns=(date, date))
    replaced = stamp(path)
    path.write_text("six")
    os.utime(path, ns=(date, date))
    assert path.stat().st_mtime_ns == date
    assert len({before, replaced, stamp(path)}) == 3


def test_a_tree_that_does_not_fit_on_the_disk_is_said_in_one_reason(tmp_path: Path) -> None:
    """shutil lists all files with all reasons, as one error without a number."""
    (tmp_path / "vendor").mkdir()
    (tmp_path / "vendor/a.js").write_text("1")

    def full(source: str, target: str, **_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", source, None, target)

    with pytest.raises(WriteError) as caught, write_directory(tmp_path / "out") as folder:
        shutil.copytree(tmp_path / "vendor", folder / "vendor", copy_function=full)
    assert (caught.value.strerror, caught.value.filename) == ("No space left on device", str(tmp_path / "out"))
    assert names(tmp_path) == {"vendor", "vendor/a.js"}
