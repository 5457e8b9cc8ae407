"""Studies one after another: those that are missing and no others; what fails is named, and the others go on."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import gan
from scripts import study as script
from tests.xai.nets import discriminator, generator
from xai.studies.listing import STUDIES, missing


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    gan.save(tmp_path / "tiny", generator(8), discriminator(8))
    return tmp_path / "tiny"


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that would have been run; those with "filters" fail."""
    commands: list[list[str]] = []

    def call(command: list[str]) -> int:
        commands.append(command)
        return 1 if "study_filters.py" in command[1] else 0

    monkeypatch.setattr(subprocess, "call", call)
    return commands


def test_a_study_is_made_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert missing(folder) == list(STUDIES)
    arguments = ["--checkpoint", str(folder), "--only", "filters"]
    assert script.main(arguments) == 0
    assert "filters" not in missing(folder)
    capsys.readouterr()
    assert script.main(arguments) == 0
    assert capsys.readouterr().out == ""


def test_all_are_made_but_those_that_need_posters_where_there_are_none(
    folder: Path, called: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.main(["--checkpoint", str(folder)]) == 2
    said = capsys.readouterr()
    assert len(called) == len(STUDIES) - sum(study.needs_posters for study in STUDIES.values())
    assert "pruning: left out, it needs --data" in said.out
    assert "latents: made after" in said.out
    assert said.err == "error: 1 study could not be made: filters.\n"


def test_those_that_need_posters_are_given_them(folder: Path, called: list[list[str]], tmp_path: Path) -> None:
    data = tmp_path / "posters"
    data.mkdir()
    script.main(["--checkpoint", str(folder), "--data", str(data), "--only", "collection,encoder"])
    assert [Path(command[1]).name for command in called] == ["train_encoder.py", "study_collection.py"]
    assert called[0][2:] == ["--checkpoint", str(folder), "--out", f"{folder}/encoder.safetensors"]
    assert called[1][2:] == ["--checkpoint", str(folder), "--data", str(data)]


def test_the_list_makes_nothing(folder: Path, called: list[list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    assert script.main(["--checkpoint", str(folder), "--list"]) == 0
    assert capsys.readouterr().out.count("missing ") == len(STUDIES)
    assert not called


def test_a_checkpoint_that_is_no_folder_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert script.main(["--checkpoint", "nowhere"]) == 2
    assert capsys.readouterr().err == "error: nowhere is not a folder; studies are kept beside the weights.\n"


def test_an_unknown_study_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        script.main(["--checkpoint", "nowhere", "--only", "fliters"])
    assert "there is no study 'fliters'; there are verdicts, latents" in capsys.readouterr().err


def test_tables_of_several_checkpoints_are_put_where_a_page_has_their_marks(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- generator studies -->\nold\n<!-- /generator studies -->\nafter\n")
    assert script.main(["--compare", str(folder), "checkpoints/whole-64", "--write", str(page)]) == 0
    text = page.read_text()
    assert text.startswith("before\n<!-- generator studies -->\n| | `tiny` | `whole-64` |\n")
    assert text.endswith("\n<!-- /generator studies -->\nafter\n")
    assert "| filters | \u2013 | 960 |" in text
    assert "discriminator studies" not in capsys.readouterr().out
    assert script.main(["--compare", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "generator studies" in said
    assert "discriminator studies" in said


def test_tables_of_one_generator_are_put_where_a_page_has_their_marks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- pruning losses -->\nold\n<!-- /pruning losses -->\nafter\n")
    assert script.main(["--tables", "checkpoints/whole-64", "--write", str(page)]) == 0
    text = page.read_text()
    assert text.startswith("before\n<!-- pruning losses -->\n| pruned | effect |")
    assert text.endswith("\n<!-- /pruning losses -->\nafter\n")
    assert "filters by layer" not in capsys.readouterr().out
    assert script.main(["--tables", "checkpoints/whole-64"]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in ("filters by layer", "pruning losses", "pruning savings", "latents"))


@pytest.mark.parametrize(
    "text",
    [
        None,
        "no marks\n",
        "<!-- generator studies -->\nno end\n",
        "<!-- generator studies -->\n<!-- /generator studies -->\n<!-- discriminator studies -->\nno end\n",
    ],
)
def test_a_page_without_marks_is_refused_and_stays(
    text: str | None, tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    if text is not None:
        page.write_text(text)
    assert script.main(["--compare", str(folder), "--write", str(page)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert "page.md" in said
    assert page.exists() is (text is not None)
    assert text is None or page.read_text() == text


@pytest.mark.parametrize("wrong", [
    [], ["--write", "page.md"], ["--checkpoint", "a", "--compare", "b"], ["--checkpoint", "a", "--write", "page.md"],
    ["--compare", "a", "--data", "posters"], ["--compare", "a", "--list"],
    ["--tables", "a", "--compare", "b"], ["--tables", "a", "--checkpoint", "b"], ["--tables", "a", "--only", "latents"],
])  # fmt: skip
def test_options_that_do_not_go_together_are_named(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        script.main(wrong)
    assert "--" in capsys.readouterr().err.splitlines()[-1]


def test_comparing_what_is_no_checkpoint_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert script.main(["--compare", str(tmp_path / "nothing")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
