from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import IO

import pytest

from gan.files import write_directory, write_file


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_a_file_holds_what_was_written_and_everyone_may_read_it(tmp_path: Path) -> None:
    write_file(tmp_path / "a", b"bytes")
    write_file(tmp_path / "b", lambda file: file.write(b"called"))
    assert (tmp_path / "a").read_bytes() == b"bytes"
    assert (tmp_path / "b").read_bytes() == b"called"
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o644
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
    assert stat.S_IMODE(path.stat().st_mode) == 0o755
    assert os.access(path / "a", os.R_OK)


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
