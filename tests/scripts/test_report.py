from __future__ import annotations

from pathlib import Path

import pytest

from tests.scripting import script


def test_a_report_is_written_once_with_posters_maps_and_notes(
    checkpoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notes, out = tmp_path / "notes.md", tmp_path / "made/report.html"
    notes.write_text("It looks at **edges**.")
    arguments = [
        "--checkpoint", str(checkpoints / "tiny"), "--seeds=3,7", "--methods=deeplift", "--title=Edges & more",
        "--name=A. Student", "--date=2026-03-01", f"--notes={notes}", f"--out={out}",
    ]  # fmt: skip
    assert script("report").main(arguments) == 0
    page = out.read_text()
    assert "<h1>Edges &amp; more</h1>" in page
    assert "A. Student, 1 March 2026" in page
    assert "<strong>edges</strong>" in page
    assert page.count("<article") == 2
    assert script("report").main(arguments) != 0
    assert "exists" in capsys.readouterr().err
    assert script("report").main([*arguments, "--overwrite"]) == 0


def test_a_method_that_does_not_exist_is_named_and_nothing_is_written(
    checkpoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report.html"
    arguments = ["--checkpoint", str(checkpoints / "tiny"), "--seeds=3", "--methods=astrology", f"--out={out}"]
    assert script("report").main(arguments) != 0
    assert "There is no method 'astrology'" in capsys.readouterr().err
    assert not out.exists()
