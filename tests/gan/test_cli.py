from __future__ import annotations

import sys

import pytest

from gan.cli import exit_code, report_unread
from gan.errors import DataError
from gan.progress import progress_bar


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device"), "error: the table cannot be written: No space left on device."),
        (OSError("gone"), "error: the table cannot be written: gone."),
        (
            PermissionError(13, "Permission denied", "a/table.npz"),
            "error: the table cannot be written: Permission denied (a/table.npz).",
        ),
        (FileExistsError(17, "File exists", "the table"), "error: the table cannot be written: File exists."),
        (DataError("There is no poster."), "error: There is no poster."),
        (ValueError("--seed must be at least 0."), "error: --seed must be at least 0."),
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


def test_ctrl_c_is_one_sentence_and_exit_code_130_where_there_is_one_to_say(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    assert exit_code(stop, "the table", "Stopped; the same command continues.") == 130
    assert capsys.readouterr() == ("", "Stopped; the same command continues.\n")
    with pytest.raises(KeyboardInterrupt):
        exit_code(stop, "the table")


def test_files_that_could_not_be_read_are_named_with_their_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    report_unread([])
    assert capsys.readouterr() == ("", "")
    report_unread([("a.jpg", "a.jpg is cut off."), ("b.png", "b.png is empty.")], " and are not in the zip")
    assert capsys.readouterr() == (
        "",
        "2 files could not be read and are not in the zip:\n  a.jpg: a.jpg is cut off.\n  b.png: b.png is empty.\n",
    )


def test_a_bug_is_not_taken_for_the_users_mistake() -> None:
    with pytest.raises(ZeroDivisionError):
        exit_code(lambda: 1 / 0, "the table")


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
