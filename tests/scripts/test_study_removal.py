"""Curves of removal from the command line, on networks that cost nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import gan
from gan.data.synthetic import write_folder
from tests.scripting import script
from tests.xai.nets import discriminator, generator

PAGE = "# Before\n\n<!-- removal -->\nold\n<!-- /removal -->\n\nAfter.\n"


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    gan.save(tmp_path / "one", generator(32), discriminator(32), {})
    return ["--checkpoint", str(tmp_path / "one"), "--posters=3", "--means=3", "--searched=2"]


def test_one_command_fills_the_page_and_the_json(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, figures = tmp_path / "page.md", tmp_path / "removal.json"
    page.write_text(PAGE)
    write_folder(tmp_path / "posters", 60, size=(32, 48))
    where = ["--data", str(tmp_path / "posters"), "--write", str(page), "--json", str(figures)]
    assert script("study_removal").main([*arguments, *where]) == 0
    text = page.read_text()
    assert text.startswith("# Before\n\n<!-- removal -->\n")
    assert text.endswith("<!-- /removal -->\n\nAfter.\n")
    assert "\nold\n" not in text
    assert capsys.readouterr().out.strip() in text
    assert "Means over 3 held-out posters and 3 generated posters" in text
    assert "their means over 6 posters" in text
    found = json.loads(figures.read_text())
    assert str(tmp_path) not in figures.read_text()
    assert found["settings"]["digest"] == gan.load(tmp_path / "one").digest
    assert [row["count"] for row in found["fewest"]] == [2] * 16
    assert "| 2 generated | mean | all layers |" in text
    assert found["posters"] == {"held-out": 3, "generated": 3, "all": 6}


def test_without_posters_there_are_generated_ones(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert script("study_removal").main(arguments) == 0
    assert "Means over 3 generated posters" in capsys.readouterr().out


def test_a_page_without_the_marks_is_named_before_anything_is_measured(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing")
    assert script("study_removal").main([*arguments, "--write", str(page)]) == 2
    assert "page.md" in capsys.readouterr().err
    assert page.read_text() == "nothing"
