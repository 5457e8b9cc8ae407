from __future__ import annotations

import os
import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch

import gan
from xai.report.inputs import generated, in_files


@pytest.fixture
def folder(poster_folder: Path, tmp_path: Path) -> Path:
    """Two posters, a text and a broken picture."""
    (tmp_path / "in").mkdir()
    for path in sorted(poster_folder.glob("*.jpg"))[:2]:
        shutil.copy(path, tmp_path / "in")
    (tmp_path / "in/notes.txt").write_text("no picture")
    (tmp_path / "in/zz.png").write_bytes(b"broken")
    return tmp_path / "in"


def test_pictures_of_a_folder_come_by_name_and_are_read_when_asked_for(folder: Path) -> None:
    names = sorted(path.name for path in folder.iterdir() if path.suffix != ".txt")
    with ExitStack() as open_files:
        found = in_files(folder, 8, open_files, "in/")
    assert [poster.name for poster in found] == [f"in/{name}" for name in names]
    assert torch.equal(found[0].read(), gan.read_poster(folder / names[0], 8))
    with pytest.raises(gan.ImageError, match=r"^zz.png cannot be read"):
        found[-1].read()


def test_a_zip_holds_the_pictures_of_its_folder(folder: Path, tmp_path: Path) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / "posters"), "zip", folder))
    with ExitStack() as open_files:
        zipped, plain = in_files(archive, (12, 8), open_files), in_files(folder, (12, 8), open_files)
        assert [poster.name for poster in zipped] == [poster.name for poster in plain]
        assert torch.equal(zipped[1].read(), plain[1].read())
        assert zipped[1].read().shape == (1, 3, 12, 8)


def test_the_stamp_changes_when_the_file_does_and_is_the_same_by_either_way_in(folder: Path) -> None:
    path = min(folder.glob("*.jpg"))
    with ExitStack() as open_files:
        [alone], first = in_files(path, 8, open_files), in_files(folder, 8, open_files)[0]
        assert (alone.name, alone.stamp) == (first.name, first.stamp)
        os.utime(path, (1, 1))
        assert in_files(path, 8, open_files)[0].stamp != alone.stamp


def test_a_path_that_is_not_there_is_one_sentence() -> None:
    with ExitStack() as open_files, pytest.raises(gan.DataError, match=r"^nowhere does not exist.$"):
        in_files(Path("nowhere"), 8, open_files)


def test_a_seed_is_drawn_alone_whatever_stands_beside_it(checkpoints: Path) -> None:
    generator = gan.load(checkpoints / "tiny").generator
    assert generator is not None
    found = generated([7, 4], generator)
    assert [poster.name for poster in found] == ["seed 7", "seed 4"]
    with torch.no_grad():
        assert torch.equal(found[1].read(), generator(gan.latents([4], generator.config)))
