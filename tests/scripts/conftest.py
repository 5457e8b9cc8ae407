from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from gan.data.hold_out import is_held_out
from gan.data.synthetic import write_folder
from tests.gan.small_judge import write_posters
from tests.scripting import script


@pytest.fixture
def explain(checkpoints: Path) -> Callable[..., int]:
    """scripts/explain.py with the tiny checkpoint."""
    module = script("explain")
    return lambda *arguments: module.main(["--checkpoint", str(checkpoints / "tiny"), *map(str, arguments)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eleven posters, one of them in a folder of its own; not to be changed by a test."""
    made = tmp_path_factory.mktemp("some")
    write_folder(made, 11, size=(32, 48))
    (made / "metadata.csv").unlink()
    (made / "more").mkdir()
    first = sorted(made.glob("*.*"))[0]
    first.rename(made / "more" / sorted(made.glob("*.*"))[1].name)
    return made


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 posters to train on and 12 that are held out by their names."""
    made = tmp_path_factory.mktemp("data")
    write_posters(made)
    return made


@pytest.fixture(scope="module")
def oblong(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The posters of ``data`` stretched to 8 x 12; 4 of the 20 to train on are dramas, all others horror."""
    folder = tmp_path_factory.mktemp("oblong")
    files = sorted(path.name for path in data.glob("*.png"))
    for name in files:
        Image.open(data / name).resize((8, 12)).save(folder / name)
    dramas = [name for name in files if not is_held_out(name)][:4]
    table = "".join(f"{name},{'Drama' if name in dramas else 'Horror'}\n" for name in files)
    (folder / "metadata.csv").write_text(f"file_name,genres\n{table}")
    return folder


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory, checkpoints: Path, poster_folder: Path) -> dict[str, Path]:
    """What every script needs, and what none can use."""
    folder = tmp_path_factory.mktemp("given")
    (folder / "edits.json").write_text('[["layers.1", 0, [0, 0, 1, 1], "off"]]')
    (folder / "table.csv").write_text("imdbId,Poster\n1,http://localhost/1.jpg\n")
    (folder / "garbage").write_bytes(b"\x00\xff no picture, no archive, no text \xfe")
    (folder / "empty").mkdir()
    (folder / "run").mkdir()
    shutil.copytree(checkpoints / "tiny", folder / "run/best")
    (folder / "run/options.json").write_text('{"data": {"posters": 1}}')
    return {
        "checkpoint": checkpoints / "tiny", "data": poster_folder, "edits": folder / "edits.json",
        "table": folder / "table.csv", "garbage": folder / "garbage", "empty": folder / "empty", "run": folder / "run",
    }  # fmt: skip
