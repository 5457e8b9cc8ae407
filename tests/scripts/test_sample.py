"""sample.py on posters that are not square."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

import gan
from tests.xai.nets import scramble

ROOT = Path(__file__).parents[2]


@pytest.fixture
def module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("scripts_sample", ROOT / "scripts/sample.py")
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """A checkpoint of 2:3, 8 pixels wide and 12 high."""
    config = gan.ModelConfig(8, latent=4, width=4, aspect="2:3")
    networks = (scramble(lambda: gan.Generator(config)).eval(), scramble(lambda: gan.Discriminator(config)).eval())
    gan.save(tmp_path / "whole", *networks)
    return tmp_path / "whole"


def test_posters_of_two_to_three_are_drawn_whole(module: ModuleType, whole: Path, tmp_path: Path) -> None:
    given = ["--checkpoint", str(whole), "--seeds=0-5", "--scale=3"]
    assert module.main([*given, "--single", "--out", str(tmp_path / "single")]) == 0
    assert {Image.open(path).size for path in (tmp_path / "single").iterdir()} == {(24, 36)}
    assert module.main([*given, "--columns=2", "--out", str(tmp_path / "grid.png")]) == 0
    assert Image.open(tmp_path / "grid.png").size == (3 * (2 * 8 + 2), 3 * (3 * 12 + 2 * 2))  # 2 pixels between two


@pytest.mark.parametrize(("options", "pixels"), [(["--single"], 8 * 12 * 25), (["--columns=2"], 6 * 8 * 12 * 25)])
def test_a_picture_is_too_large_by_its_height_and_its_width(
    options: list[str],
    pixels: int,
    module: ModuleType,
    whole: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = ["--checkpoint", str(whole), "--seeds=0-5", "--scale=5", *options, "--out", str(tmp_path / "out.png")]
    monkeypatch.setattr(module, "MAX_PIXELS", pixels - 1)
    assert module.main(given) == 2
    assert "too large" in capsys.readouterr().err
    assert not (tmp_path / "out.png").exists()
    monkeypatch.setattr(module, "MAX_PIXELS", pixels)
    assert module.main(given) == 0
