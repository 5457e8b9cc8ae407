from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts/train.py"


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("scripts_train", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_a_graph_without_cuda_is_one_sentence_before_anything_is_read_or_written(
    more: list[str], script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--data", str(tmp_path / "none"), "--out", str(tmp_path / "run"), "--device=cpu"]
    assert script.main([*where, "--graph", *more]) == 2
    found = capsys.readouterr()
    assert found.err == "error: A CUDA graph needs a CUDA device, not cpu; train without --graph.\n"
    assert not found.out
    assert not list(tmp_path.iterdir())


def test_a_graph_is_asked_of_training(
    script: ModuleType, poster_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def train(*arguments: object) -> None:
        asked.append(arguments[-1])
        raise ValueError("enough")

    monkeypatch.setattr(script, "train", train)
    monkeypatch.setattr(script, "require_graphs", lambda *_: None)
    where = ["--data", str(poster_folder), "--out", str(tmp_path / "run"), "--resolution=8", "--quiet", "--device=cpu"]
    for more in ([], ["--graph"]):
        assert script.main([*where, *more]) == 2
    assert asked == [False, True]
