"""The rates of trust from the command line, on networks that cost nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import gan
from gan.data.synthetic import write_folder
from tests.scripting import script
from tests.xai.nets import discriminator, generator
from xai.bench.wrong_maps import WRONG

PAGE = "# Before\n\n<!-- verdicts: begin -->\nold\n<!-- verdicts: end -->\n\nAfter.\n"


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    for name, seed in (("one", 0), ("two", 1)):
        gan.save(tmp_path / name, generator(32, seed=seed), discriminator(32, seed=seed), {})
    few = ["--maps=1", "--posters=1", "--cases=2"]
    return ["--checkpoint", str(tmp_path / "one"), "--other", str(tmp_path / "two"), *few]


def test_one_command_fills_the_page_and_the_json(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from xai.bench import verdicts

    monkeypatch.setattr(verdicts, "right_maps", lambda given: {"deeplift": [True, False]})
    page, figures = tmp_path / "page.md", tmp_path / "verdicts.json"
    page.write_text(PAGE)
    write_folder(tmp_path / "posters", 60, size=(32, 48))
    where = ["--data", str(tmp_path / "posters"), "--write", str(page), "--json", str(figures)]
    assert script("benchmark_verdicts").main([*arguments, *where]) == 0
    text = page.read_text()
    assert text.startswith("# Before\n\n<!-- verdicts: begin -->\n")
    assert text.endswith("<!-- verdicts: end -->\n\nAfter.\n")
    assert "\nold\n" not in text
    assert capsys.readouterr().out.strip() in text
    assert "held-out posters; the other network is `two`" in text
    assert "| map proved right | 2 | 1 | 50.0 %" in text
    found = json.loads(figures.read_text())
    assert str(tmp_path) not in figures.read_text()
    assert found["settings"]["digest"] == gan.load(tmp_path / "one").digest
    assert all(found["maps"][kind]["maps"] == 1 for kind in WRONG)


def test_a_page_without_the_marks_is_named_before_anything_is_measured(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing")
    assert script("benchmark_verdicts").main([*arguments, "--write", str(page)]) == 2
    assert "page.md" in capsys.readouterr().err
    assert page.read_text() == "nothing"
