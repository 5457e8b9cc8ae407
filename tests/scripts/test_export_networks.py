"""scripts/export.py --checkpoint: ONNX files and the page, and what is refused in one sentence."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from tests.scripting import exit_code_of, one_sentence
from tests.scripting import script as load_script


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script("export")


@pytest.fixture
def export(script: ModuleType, checkpoints: Path) -> Callable[..., int | str | None]:
    return lambda *arguments: exit_code_of(
        lambda: script.main(["--checkpoint", str(checkpoints / "tiny"), *map(str, arguments)])
    )


def test_both_at_once(export: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert export("--onnx", tmp_path / "onnx", "--web", tmp_path / "site") == 0
    assert {path.name for path in (tmp_path / "onnx").iterdir()} == {"generator.onnx", "discriminator.onnx"}
    assert json.loads((tmp_path / "site/page.json").read_text())["name"] == "tiny"
    assert f"python -m http.server --directory {tmp_path / 'site'}" in capsys.readouterr().out


def test_what_is_there_is_replaced_only_with_overwrite(
    export: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for option in ("--onnx", "--web"):
        out = tmp_path / option.strip("-")
        assert export(option, out) == 0
        capsys.readouterr()
        assert export(option, out) == 2
        assert "exists already; --overwrite replaces it." in one_sentence(capsys)
        assert export(option, out, "--overwrite") == 0


def test_a_conditional_checkpoint_is_exported_as_requested(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shipped = Path(__file__).parents[2] / "checkpoints/genres-64"
    arguments = ["--checkpoint", str(shipped), "--onnx", str(tmp_path / "horror"), "--condition"]
    assert script.main([*arguments, "Nonsense"]) == 2
    assert "no genre 'Nonsense'" in one_sentence(capsys)
    assert not list(tmp_path.iterdir())
    assert script.main([*arguments, "Horror"]) == 0
    arguments[3] = str(tmp_path / "comedy")
    assert script.main([*arguments, "Comedy"]) == 0
    horror, comedy = ((tmp_path / name / "generator.onnx").read_bytes() for name in ("horror", "comedy"))
    assert horror != comedy


@pytest.mark.parametrize("missing", ["--onnx", "--web"])
def test_without_onnx_nothing_is_written(
    export: Callable[..., int],
    missing: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert export(missing, tmp_path / "out") == 2
    assert '.[web]"' in one_sentence(capsys)
    assert not list(tmp_path.iterdir())


def test_without_an_output_there_is_nothing_to_do(
    export: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert export() == 2
    assert "--onnx or --web" in one_sentence(capsys)


@pytest.mark.parametrize("option", ["--onnx", "--web", "--condition", "--overwrite"])
def test_options_of_a_checkpoint_are_refused_for_a_run(
    script: ModuleType, option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    value = [] if option == "--overwrite" else ["x"]
    arguments = ["--run", str(tmp_path), "--data", str(tmp_path), "--out", str(tmp_path / "out"), option, *value]
    assert exit_code_of(lambda: script.main(arguments)) == 2
    assert one_sentence(capsys) == f"{option} does nothing without --checkpoint."


def test_options_of_a_run_are_refused_for_a_checkpoint(
    export: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export("--web", tmp_path / "site", "--data", tmp_path) == 2
    assert one_sentence(capsys) == "--data does nothing together with --checkpoint; leave it out."


def test_a_run_needs_its_posters(script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of(lambda: script.main(["--run", str(tmp_path), "--out", str(tmp_path / "out")])) == 2
    assert "--data" in one_sentence(capsys)
