from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import gan
from tests.scripting import script
from xai.discriminator.filters.table import FILE, DiscriminatorTable

study = script("study_discriminator")


def test_the_study_writes_the_table_into_the_checkpoint_which_still_loads(
    checkpoints: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "tiny"
    shutil.copytree(checkpoints / "tiny", folder)
    arguments = ["--checkpoint", str(folder), "--data", str(data), "--other-posters", "--seeds", "5"]
    assert study.main(arguments) == 0
    found = DiscriminatorTable.beside(folder, gan.load(folder).digest)
    assert found is not None
    assert (found.real, found.held_out, found.generated) == (32, 12, 5)
    assert found.posters["posters"] == 32
    said = capsys.readouterr().out
    assert "32 real posters (12 held out), 5 generated posters" in said
    assert "layers.1: " in said
    assert study.main(arguments) == 0  # its own file is replaced


def test_a_study_that_is_stopped_writes_nothing_and_is_told_how_to_go_on(
    checkpoints: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "here.npz"
    arguments = ["--checkpoint", str(checkpoints / "tiny"), "--data", str(data), "--other-posters", "--seeds", "2"]
    with monkeypatch.context() as patch:
        patch.setattr(study, "filters_of", stop)
        assert study.main([*arguments, "--out", str(out)]) == 130
    assert "continues" in capsys.readouterr().err
    assert not out.exists()
    assert study.main([*arguments, "--out", str(out)]) == 0
    assert len(DiscriminatorTable.load(out)) == 4
    assert not (checkpoints / "tiny" / FILE).exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--checkpoint", "missing"], "does not exist"),
        (["--out", "missing/table.npz"], "folder that exists"),
        (["--data", "missing"], "does not exist"),
        (["--condition", "Horror"], "no genre"),
    ],
)
def test_a_study_that_cannot_be_made_ends_with_one_line(
    checkpoints: Path, data: Path, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--checkpoint", str(checkpoints / "tiny"), "--data", str(data), "--other-posters"]
    assert study.main([*given, *arguments]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert line.endswith(".")
    assert says in line


def test_a_file_of_somebody_else_is_not_replaced(
    checkpoints: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "notes.npz"
    out.write_text("mine")
    arguments = ["--checkpoint", str(checkpoints / "tiny"), "--data", str(data), "--out", str(out)]
    assert study.main(arguments) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert out.read_text() == "mine"
