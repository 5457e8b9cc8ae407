from __future__ import annotations

import sys

import pytest

from gan.errors import DataError
from xai.console import exit_code, progress_bar


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device"), "error: the table cannot be written: No space left on device."),
        (OSError("gone"), "error: the table cannot be written: gone."),
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
