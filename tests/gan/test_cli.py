from __future__ import annotations

import sys

import numpy as np
import pytest

from gan.cli import counted, exit_code, report_unread
from gan.errors import DataError, UsageError
from gan.files import WriteError
from gan.progress import progress_bar


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device"), "error: the table cannot be written: No space left on device."),
        (OSError("gone"), "error: gone."),
        (
            WriteError(13, "Permission denied", "a/table.npz"),
            "error: a/table.npz cannot be written: Permission denied.",
        ),
        (
            FileNotFoundError(2, "No such file or directory", "nope.md"),
            "error: nope.md cannot be read: No such file or directory.",
        ),
        (OSError(28, "No space left on device", "a.log"), "error: a.log cannot be written: No space left on device."),
        (DataError("There is no poster."), "error: There is no poster."),
        (UsageError("--seed must be at least 0"), "error: --seed must be at least 0."),
    ],
)
def test_what_the_user_can_change_is_one_sentence_and_exit_code_2(
    error: Exception, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise error

    assert exit_code(fail, "the table") == 2
    assert capsys.readouterr() == ("", f"{said}\n")


def test_a_job_that_ends_well_says_nothing_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(lambda: print("done"), "the table") == 0
    assert capsys.readouterr() == ("done\n", "")


def test_ctrl_c_is_one_sentence_and_exit_code_130(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    assert exit_code(stop, "the table", "Stopped; the same command continues.") == 130
    assert capsys.readouterr() == ("", "Stopped; the same command continues.\n")
    assert exit_code(stop, "the table") == 130
    assert capsys.readouterr() == ("", "Stopped.\n")


def test_files_that_could_not_be_read_are_named_with_their_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    report_unread([])
    assert capsys.readouterr() == ("", "")
    report_unread([("a.jpg", "a.jpg is cut off."), ("b.png", "b.png is empty.")], " and are not in the zip")
    assert capsys.readouterr() == (
        "",
        "2 files could not be read and are not in the zip:\n  a.jpg: a.jpg is cut off.\n  b.png: b.png is empty.\n",
    )


def test_a_bug_is_not_taken_for_the_users_mistake() -> None:
    for bug in (lambda: 1 / 0, lambda: int("x"), lambda: np.ones(2) + np.ones(3)):
        with pytest.raises((ZeroDivisionError, ValueError)):
            exit_code(bug, "the table")


def test_the_bar_follows_the_share_where_somebody_looks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress_bar() as tell:
        tell(0.5)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with progress_bar("filters") as tell:
        tell(0.25)
        tell(1.0)
    assert "filters: 100% |" in capsys.readouterr().err


@pytest.mark.parametrize(("count", "words"), [(0, "no files"), (1, "1 file"), (2, "2 files"), (2000, "2,000 files")])
def test_a_count_and_its_noun_agree(count: int, words: str) -> None:
    assert counted(count, "file") == words
    assert counted(count, "entry", "entries").endswith("entry" if count == 1 else "entries")
