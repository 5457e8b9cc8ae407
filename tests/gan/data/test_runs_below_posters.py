from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from gan import PosterSet, load_posters
from gan.data.archives import OURS

KINDS = sorted(OURS)


def files_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def data(poster_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(poster_folder, tmp_path / "data"))


def names(source: Path) -> tuple[str, ...]:
    posters: PosterSet = load_posters(source, 8, progress=False)
    return posters.names


@pytest.mark.parametrize("place", ["run", "runs/first", "a/b/c"])
@pytest.mark.parametrize("kind", KINDS)
def test_pictures_of_runs_checkpoints_and_explanations_below_the_posters_are_no_posters(
    kind: str, place: str, data: Path, tmp_path: Path
) -> None:
    before = names(data)
    for name in ("grids/000001.000.png", "overlays/a.png", "thumbnail.jpg"):
        (data / place / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(data / place / name)
    assert len(names(data)) == len(before) + 3  # an ordinary folder
    (data / place / kind).touch()
    assert names(data) == before
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        for path in files_below(data):
            archive.write(path, path.relative_to(data))
    assert names(tmp_path / "data.zip") == before


def test_a_folder_that_holds_posters_and_such_a_file_itself_is_read(data: Path) -> None:
    before = names(data)
    (data / "stats.jsonl").touch()
    assert names(data) == before
