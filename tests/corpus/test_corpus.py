from __future__ import annotations

from pathlib import Path

import pytest

from tests.corpus import TRIALS, Case, all_cases


@pytest.mark.parametrize("each", all_cases(), ids=lambda each: f"{each.kind}-{each.name}")
def test_a_file_is_read_right_or_left_out_in_one_sentence(each: Case, tmp_path: Path) -> None:
    folder = tmp_path / "case"
    folder.mkdir()
    each.make(folder)
    TRIALS[each.kind](folder, each.expected)
