from __future__ import annotations

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
