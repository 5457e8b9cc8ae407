from __future__ import annotations

import csv
import io
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan import load_posters, open_image
from gan.curation import text_free_folder as module
from gan.data.archives import FolderSource
from tests.scripting import script

GROUND, INK = (30, 60, 90), (250, 250, 250)
METADATA = "file_name,genres,labels\na.png,Drama,partial\nb.jpg,War,full\n"


def picture(title: bool) -> Image.Image:
    image = Image.new("RGB", (40, 60), GROUND)
    if title:
        for left in range(6, 34, 6):
            image.paste(INK, (left, 42, left + 3, 50))
    return image


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two posters with a title, one of them in a folder; one without; a broken one."""
    folder = tmp_path / "source"
    (folder / "in").mkdir(parents=True)
    picture(True).save(folder / "a.png")
    picture(False).save(folder / "b.jpg")
    picture(True).save(folder / "in/c.webp", quality=95)
    (folder / "d.png").write_bytes(b"broken")
    (folder / "metadata.csv").write_text(METADATA)
    (folder / "in/metadata.csv").write_text("file_name,genres\nc.webp,Comedy\n")
    return folder


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """An entry for each call of the detector, which finds the title if there is one, to be filled with the ground."""
    asked: list[int] = []

    def detect(pixels: np.ndarray) -> np.ndarray:
        asked.append(1)
        box = [[4, 40], [36, 40], [36, 52], [4, 52]]
        return np.array([box] if pixels.max() > 200 else [], np.float32).reshape(-1, 4, 2)

    def fill(pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
        return np.broadcast_to(np.array(GROUND, np.uint8), pixels.shape)

    monkeypatch.setattr(module, "text_detector", lambda detect_at: detect)
    monkeypatch.setattr(module, "inpainter", lambda method: fill)
    return asked


def clean(source: Path, out: Path, *options: object) -> int:
    code: int = script("remove_text").main(
        [str(source), "--out", str(out), "--workers", "1", "--quiet", *map(str, options)]
    )
    return code


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.usefixtures("seen")
def test_titles_are_removed_and_all_else_stays(source: Path, tmp_path: Path) -> None:
    before = files(source)
    assert clean(source, tmp_path / "out") == 0
    after = files(tmp_path / "out")
    assert files(source) == before
    assert after.keys() - before.keys() == {".remove_text.json", "failed.csv"}
    assert before.keys() - after.keys() == {"d.png"}
    assert [after[name] for name in ("metadata.csv", "in/metadata.csv", "b.jpg")] == [
        before[name] for name in ("metadata.csv", "in/metadata.csv", "b.jpg")
    ]
    for name in ("a.png", "in/c.webp"):
        assert np.abs(np.asarray(open_image(after[name]), int) - GROUND).max() <= 3
    assert Image.open(io.BytesIO(after["in/c.webp"])).format == "WEBP"


@pytest.mark.usefixtures("seen")
def test_the_folder_loads_like_its_source(source: Path, tmp_path: Path) -> None:
    clean(source, tmp_path / "out")
    before, after = (load_posters(path, 8, progress=False) for path in (source, tmp_path / "out"))
    assert before.names == after.names
    assert before.genres == after.genres
    assert before.complete == after.complete


@pytest.mark.usefixtures("seen")
def test_a_zip_is_read_like_a_folder(source: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "posters.zip", "w") as archive:
        for name, content in files(source).items():
            archive.writestr(name, content)
    clean(source, tmp_path / "first")
    clean(tmp_path / "posters.zip", tmp_path / "second")
    first, second = files(tmp_path / "first"), files(tmp_path / "second")
    del first[".remove_text.json"], second[".remove_text.json"]
    assert first == second


@pytest.mark.usefixtures("seen")
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "posters.zip", "w") as archive:
        content = io.BytesIO()
        picture(True).save(content, "PNG")
        for name in (f"{tmp_path}/absolute.png", "ok.png", "../metadata.csv"):
            archive.writestr(name, content.getvalue())
    assert clean(tmp_path / "posters.zip", tmp_path / "out") == 0
    assert not (tmp_path / "absolute.png").exists()
    assert not (tmp_path / "metadata.csv").exists()
    assert set(files(tmp_path / "out")) == {".remove_text.json", "ok.png", "failed.csv"}


@pytest.mark.usefixtures("seen")
def test_failures_are_listed_and_named(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clean(source, tmp_path / "out")
    with (tmp_path / "out/failed.csv").open(newline="") as table:
        assert list(csv.DictReader(table)) == [
            {
                "file_name": "d.png",
                "reason": "d.png cannot be read as a picture.",
            }
        ]
    out, err = capsys.readouterr()
    assert out.startswith("3 posters written, 2 of them with text (2 lines painted over), ")
    assert "1 file could not be read" in err
    picture(False).save(source / "d.png")
    assert clean(source, tmp_path / "out") == 0
    assert not (tmp_path / "out/failed.csv").exists()


def test_a_second_run_continues_where_the_first_stopped(
    source: Path, tmp_path: Path, seen: list[int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = module.encode

    def stop(pixels: np.ndarray, suffix: str) -> bytes:
        if suffix == ".webp":
            raise KeyboardInterrupt
        return whole(pixels, suffix)

    with monkeypatch.context() as patch:
        patch.setattr(module, "encode", stop)
        assert clean(source, tmp_path / "out") == 130
    assert "the same command continues" in capsys.readouterr().err
    assert {"a.png", "b.jpg"} <= files(tmp_path / "out").keys()
    assert "in/c.webp" not in files(tmp_path / "out")
    seen.clear()
    assert clean(source, tmp_path / "out") == 0
    assert len(seen) == 1
    assert "2 had been written before" in capsys.readouterr().out
    clean(source, tmp_path / "at-once")
    first, second = files(tmp_path / "out"), files(tmp_path / "at-once")
    assert first == second


@pytest.mark.usefixtures("seen")
def test_other_settings_need_another_folder(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clean(source, tmp_path / "out")
    assert clean(source, tmp_path / "out", "--cover", "boxes") == 2
    assert "was begun with other settings" in capsys.readouterr().err


@pytest.mark.usefixtures("seen")
@pytest.mark.parametrize(("place", "sentence"), [("mine", "is not empty"), ("source/out", "lies within the source")])
def test_a_folder_of_something_else_is_left_alone(
    place: str, sentence: str, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/file").write_text("mine")
    before = files(tmp_path)
    assert clean(source, tmp_path / place) == 2
    assert sentence in capsys.readouterr().err
    assert files(tmp_path) == before


@pytest.mark.usefixtures("seen")
def test_the_contact_sheet_shows_changed_posters_before_and_after(source: Path, tmp_path: Path) -> None:
    clean(source, tmp_path / "out", "--contact-sheet", tmp_path / "sheet.png", "--sheet-posters", 1)
    sheet = np.asarray(open_image(tmp_path / "sheet.png")).astype(int)
    height, width = module.TILE
    assert sheet.shape == (height, 2 * width, 3)
    assert (sheet[:, :width].min(2) > 200).any()
    assert (sheet[:, width:].min(2) < 100).all()


def test_the_contact_sheet_reads_each_poster_once_and_none_after_the_one_that_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 12 posters the third of every four has changed."""
    source, out = tmp_path / "source", tmp_path / "out"
    for folder in (source, out):
        folder.mkdir()
        for number in range(12):
            changed = folder == out and number % 4 == 2
            Image.new("RGB", (20, 30), (255 * changed, 0, 0)).save(folder / f"{number:02}.png")
    read: list[str] = []

    def counted(self: FolderSource, name: str, most: int | None = None) -> bytes:
        read.append(name)
        return (source / name).read_bytes()

    monkeypatch.setattr(FolderSource, "read", counted)
    sheet = module.contact_sheet(module.RemovalSettings(str(source), "letters", "telea", 384), out, 3)
    assert sheet is not None
    assert read == [f"{number:02}.png" for number in (0, 1, 2, 4, 5, 6, 8, 9, 10)]
    shutil.copytree(source, out, dirs_exist_ok=True)
    assert module.contact_sheet(module.RemovalSettings(str(source), "letters", "telea", 384), out, 3) is None


@pytest.mark.usefixtures("seen")
def test_a_source_without_pictures_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert clean(tmp_path / "empty", tmp_path / "out") == 2
    assert "holds no picture" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_two_processes_write_what_one_writes(source: Path, tmp_path: Path) -> None:
    for package in ("rapidocr", "onnxruntime", "cv2"):
        pytest.importorskip(package)
    assert clean(source, tmp_path / "one") == 0
    assert clean(source, tmp_path / "two", "--workers", 2) == 0
    assert files(tmp_path / "one") == files(tmp_path / "two")
