"""No path ever comes from a browser: what an address names is looked up in a listing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.dashboard.reading import OpenApp, texts

WAYS_OUT = ("../secret", "../../secret", "tiny/../../secret", "{outside}", "..\\secret", "%2e%2e/secret", "secret\0")


@pytest.fixture
def outside(tmp_path: Path, checkpoints: Path) -> Path:
    """A checkpoint, a run and a lesson that are whole, beside the folders that the app was given."""
    secret = tmp_path / "secret"
    shutil.copytree(next(path for path in checkpoints.iterdir() if path.is_dir()), secret)
    (secret / "stats.jsonl").write_text('{"kimg": 1.0, "loss_d": 0.123456, "loss_g": 0.5}\n')
    (tmp_path / "secret.md").write_text("+++\ntitle = 'Secret lesson'\n+++\n")
    for name in ("checkpoints", "runs", "lessons"):
        (tmp_path / "given" / name).mkdir(parents=True)
    shutil.copytree(checkpoints, tmp_path / "given/checkpoints", dirs_exist_ok=True)
    return secret


@pytest.mark.parametrize("way", WAYS_OUT)
@pytest.mark.parametrize(("page", "parameter"), [("start", "checkpoint"), ("training", "run"), ("start", "lesson")])
def test_an_address_opens_nothing_outside_the_folders(
    open_app: OpenApp, outside: Path, page: str, parameter: str, way: str
) -> None:
    given = outside.parent / "given"
    folders = [part for name in ("checkpoints", "runs") for part in (f"--{name}", str(given / name))]
    app = open_app(page, {parameter: way.format(outside=outside)}, *folders)
    assert not app.exception
    chosen = app.selectbox(key="checkpoint").value
    assert (given / "checkpoints" / chosen).is_dir()
    assert chosen in app.selectbox(key="checkpoint").options
    assert "0.123456" not in texts(app)
    assert "Secret lesson" not in texts(app)
