from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import gan
from tests.scripting import script
from xai.generator.filter_table import FILE, FilterTable


def test_the_study_writes_the_table_into_the_checkpoint_which_still_loads(
    checkpoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "tiny"
    shutil.copytree(checkpoints / "tiny", folder)
    before = gan.load(folder)
    assert script("study_filters").main(["--checkpoint", str(folder), "--latents", "3"]) == 0
    after = gan.load(folder)
    found = FilterTable.beside(folder, after.digest)
    assert after.digest == before.digest
    assert found is not None
    assert (len(found), found.latents) == (4, 3)
    said = capsys.readouterr().out
    assert "4 filters, 3 posters" in said
    assert "layers.2: " in said


def test_the_study_goes_where_it_is_told(checkpoints: Path, tmp_path: Path) -> None:
    out = tmp_path / "here.npz"
    arguments = ["--checkpoint", str(checkpoints / "tiny"), "--latents", "2", "--first-seed", "5", "--out", str(out)]
    assert script("study_filters").main(arguments) == 0
    assert (FilterTable.load(out).first_seed, FilterTable.load(out).latents) == (5, 2)
    assert not (checkpoints / "tiny" / FILE).exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--checkpoint", "missing"], "does not exist"),
        (["--out", "missing/filters.npz"], "folder that exists"),
    ],
)
def test_a_study_that_cannot_be_made_ends_with_one_line(
    checkpoints: Path, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script("study_filters").main(["--checkpoint", str(checkpoints / "tiny"), *arguments]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert line.endswith(".")
    assert says in line
