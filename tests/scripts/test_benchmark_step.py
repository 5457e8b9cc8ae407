"""Where the time of one training step goes, as a table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import gan
from gan.training.config import Preset
from scripts import benchmark_step as script
from xai.bench.timings.profiling import Part


def test_a_small_preset_is_measured_in_both_precisions_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = Preset("small", gan.ModelConfig(width=8), replace(gan.PRESETS["dcgan"].train, batch=4))
    monkeypatch.setitem(gan.PRESETS, "small", small)
    page = tmp_path / "page.md"
    page.write_text(f"before\n{script.BEGIN}\nold\n{script.END}\nafter\n")
    assert script.main(["--preset", "small", "--seconds", "0.3", "--write", str(page)]) == 0
    text = page.read_text()
    assert "old" not in text
    assert text.startswith("before\n")
    assert "Preset `small`, batch 4, 1 CPU thread" in capsys.readouterr().out
    rows = [line.split(" | ")[0].removeprefix("| ") for line in text.splitlines() if line.startswith("| ")][2:]
    assert rows == ["generator", "discriminator", "optimizers", "the rest"]
    assert script.main(["--preset", "small", "--seconds", "0.1", "--precision", "float32"]) == 0
    assert "bfloat16" not in capsys.readouterr().out.splitlines()[0]


def test_a_page_without_the_marks_is_refused_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text("no marks")
    assert script.main(["--write", str(page)]) != 0
    assert script.BEGIN in capsys.readouterr().err


def test_the_table_has_milliseconds_and_proportions_of_the_step() -> None:
    parts = (Part("generator", 0.010, 0.030), Part("the rest", 0.060, 0.0))
    found = [script.Measured("float32", 10.0, parts), script.Measured("bfloat16", 20.0, parts)]
    lines = script.table("dcgan", found).splitlines()
    assert "10.0 posters a second in float32, 20.0 posters a second in bfloat16" in lines[0]
    assert lines[4] == "| generator | 10 | 30 | 40% | 10 | 30 | 40% |"
    assert lines[5] == "| the rest | 60 |  | 60% | 60 |  | 60% |"
    assert {line.count("|") for line in lines[2:]} == {8}
