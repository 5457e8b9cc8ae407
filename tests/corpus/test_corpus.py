from __future__ import annotations

from pathlib import Path

import pytest

from tests.corpus import TRIALS, Case, LeftOut, all_cases
from tests.corpus.__main__ import table


@pytest.mark.parametrize("each", all_cases(), ids=lambda each: f"{each.kind}-{each.name}")
def test_a_file_is_read_right_or_left_out_in_one_sentence(each: Case, tmp_path: Path) -> None:
    folder = tmp_path / "case"
    folder.mkdir()
    each.make(folder)
    TRIALS[each.kind](folder, each.expected)


def test_the_table_counts_what_became_of_each_file_and_names_what_is_wrong(
    capsys: pytest.CaptureFixture[str], private_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTERLENS_CACHE", str(private_cache))  # which the command changes
    cases = [each for each in all_cases() if each.kind == "picture"][:4]
    text, good = table(cases)
    left_out = sum(isinstance(each.expected, LeftOut) for each in cases)
    assert good
    assert f"| pictures | 4 | {4 - left_out} | {left_out} | 0 |" in text
    swapped = Case("picture", "wrong", LeftOut("a text that nobody says"), cases[0].make)
    text, good = table([*cases, swapped])
    assert not good
    assert "5 cases, 1 of them taken otherwise." in text
    assert "picture wrong: AssertionError" in capsys.readouterr().err
