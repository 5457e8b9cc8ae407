from __future__ import annotations

import csv
import io
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan import load_posters
from gan.curation import packing
from gan.data.hold_out import is_held_out
from gan.data.synthetic import draw_poster
from tests.scripting import script


def pack(source: Path, out: Path, *options: object) -> int:
    code: int = script("pack_posters").main([str(source), "--out", str(out), "--quiet", *map(str, options)])
    return code


def rows(table: Path | bytes) -> list[dict[str, str]]:
    text = (table if isinstance(table, bytes) else table.read_bytes()).decode()
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    """Four posters; c is b in another format, e is a with few colours. Only c knows all of its genres."""
    folder = tmp_path / "copies"
    folder.mkdir()
    pictures = [draw_poster(seed, 32, 48).image for seed in range(3)]
    for name, picture in zip("abd", pictures, strict=True):
        picture.save(folder / f"{name}.png")
    pictures[1].save(folder / "c.jpg", quality=85)
    pictures[0].quantize(16).convert("RGB").save(folder / "e.png")
    table = "file_name,genres,labels\na.png,Drama,partial\nb.png,Drama,partial\nc.jpg,Drama,full\nd.png,War,full\n"
    (folder / "metadata.csv").write_text(table)
    return folder


@pytest.mark.parametrize("codec", ["webp", "jpeg"])
@pytest.mark.parametrize(("size", "shape"), [("16", 16), ("24x16", (24, 16))])
def test_the_zip_loads_like_its_source_but_for_compression(
    codec: str, size: str, shape: int | tuple[int, int], poster_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "packed.zip"
    assert pack(poster_folder, out, "--size", size, "--codec", codec, "--quality", 95) == 0
    before, after = (load_posters(source, shape, progress=False) for source in (poster_folder, out))
    stems = [[Path(name).stem for name in posters.names] for posters in (before, after)]
    assert stems[0] == stems[1]
    assert before.genres == after.genres
    assert before.complete == after.complete
    error = np.abs(before.images.astype(int) - after.images).mean()
    assert 0 < error < 8
    other = np.abs(before.images.astype(int) - after.images[::-1]).mean()
    assert other > 4 * error


def test_padding_is_kept(poster_folder: Path, tmp_path: Path) -> None:
    assert pack(poster_folder, tmp_path / "packed.zip", "--size", 16, "--fit", "pad") == 0
    images = load_posters(tmp_path / "packed.zip", 16, progress=False).images
    assert images[:, :, 0].mean() < 20


def test_posters_stay_on_their_side_of_the_split(poster_folder: Path, tmp_path: Path) -> None:
    pack(poster_folder, tmp_path / "packed.zip", "--size", 8)
    sides = [
        [Path(name).stem for name in load_posters(source, 8, progress=False).split()[1].names]
        for source in (poster_folder, tmp_path / "packed.zip")
    ]
    assert sides[0] == sides[1] != []


def test_the_same_posters_give_the_same_bytes(poster_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(poster_folder, tmp_path / "copied")
    pack(poster_folder, tmp_path / "first.zip", "--size", 8)
    pack(tmp_path / "copied", tmp_path / "second.zip", "--size", 8)
    pack(tmp_path / "copied", tmp_path / "other.zip", "--size", 8, "--quality", 50)
    first, second, other = ((tmp_path / f"{name}.zip").read_bytes() for name in ("first", "second", "other"))
    assert first == second != other


def test_a_zip_can_be_packed_again(poster_folder: Path, tmp_path: Path) -> None:
    pack(poster_folder, tmp_path / "first.zip", "--size", 16)
    assert pack(tmp_path / "first.zip", tmp_path / "second.zip", "--size", 8) == 0
    assert len(load_posters(tmp_path / "second.zip", 8, progress=False)) == 40


def test_count_size_and_error_are_printed(
    poster_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack(poster_folder, tmp_path / "packed.zip", "--size", "12x8")
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("40 posters of 12 x 8 (height x width) in ")
    assert first.endswith("MB at quality 90")
    assert second.startswith("PSNR over 40 of them: median ")


def test_the_quality_is_the_best_that_the_limit_allows(
    poster_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = {}
    for quality in (40, 60, 61):
        pack(poster_folder, tmp_path / "packed.zip", "--size", 32, "--quality", quality, "--overwrite")
        sizes[quality] = (tmp_path / "packed.zip").stat().st_size
    assert sizes[40] < sizes[60] < sizes[61]
    capsys.readouterr()
    assert pack(poster_folder, tmp_path / "fits.zip", "--size", 32, "--max-mb", sizes[60] / 1e6) == 0
    assert "at quality 60\n" in capsys.readouterr().out
    assert (tmp_path / "fits.zip").stat().st_size == sizes[60]
    pack(poster_folder, tmp_path / "fits.zip", "--size", 32, "--max-mb", 1, "--quality", 70, "--overwrite")
    assert "at quality 70\n" in capsys.readouterr().out


def test_an_estimate_that_is_too_high_is_corrected(
    poster_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pack(poster_folder, tmp_path / "packed.zip", "--size", 32, "--quality", 60)
    limit = (tmp_path / "packed.zip").stat().st_size
    monkeypatch.setattr(packing, "first_quality", lambda packer, highest, limit: 63)
    capsys.readouterr()
    assert pack(poster_folder, tmp_path / "fits.zip", "--size", 32, "--max-mb", limit / 1e6) == 0
    assert "at quality 60\n" in capsys.readouterr().out


def test_an_impossible_limit_is_refused_with_the_smallest_size_and_writes_nothing(
    poster_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "packed.zip"
    assert pack(poster_folder, out, "--size", 32, "--max-mb", 0.001) == 2
    assert "MB at quality 20, the lowest" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_every_column_of_the_metadata_goes_along(tmp_path: Path) -> None:
    folder = tmp_path / "posters"
    (folder / "in").mkdir(parents=True)
    for name in ("a.jpg", "b.png", "in/a.png"):
        Image.new("RGB", (8, 8)).save(folder / name)
    (folder / "metadata.csv").write_text('year,file_name,genres\n1999,a.jpg,"Drama|War"\n2001,gone.jpg,War\n')
    (folder / "in/metadata.csv").write_text("file_name,labels,genres\na.png,partial,Comedy\n")
    assert pack(folder, tmp_path / "packed.zip", "--size", 8) == 0
    with zipfile.ZipFile(tmp_path / "packed.zip") as archive:
        assert archive.namelist() == ["metadata.csv", "a.webp", "b.webp", "in/a.webp"]
        assert rows(archive.read("metadata.csv")) == [
            {"file_name": "a.webp", "year": "1999", "genres": "Drama|War", "labels": ""},
            {"file_name": "in/a.webp", "year": "", "genres": "Comedy", "labels": "partial"},
        ]


def test_posters_without_metadata_get_none(tmp_path: Path) -> None:
    (tmp_path / "posters").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "posters/a.png")
    pack(tmp_path / "posters", tmp_path / "packed.zip", "--size", 8)
    assert zipfile.ZipFile(tmp_path / "packed.zip").namelist() == ["a.webp"]


def test_broken_pictures_are_named(poster_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "posters"
    shutil.copytree(poster_folder, folder)
    (folder / "broken.jpg").write_bytes(b"no picture")
    assert pack(folder, tmp_path / "packed.zip", "--size", 8) == 0
    assert "1 file could not be read and are not in the zip:\n  broken.jpg: " in capsys.readouterr().err


def test_near_duplicates_are_reported_and_stay(
    copies: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pack(copies, tmp_path / "packed.zip", "--size", "48x32", "--duplicates", tmp_path / "pairs.csv") == 0
    found = rows(tmp_path / "pairs.csv")
    assert [(row["first"], row["second"], row["left_out"]) for row in found] == [
        ("a.png", "e.png", ""),
        ("b.png", "c.jpg", ""),
    ]
    for row in found:
        assert row["across_the_split"] == ("yes" if is_held_out(row["first"]) != is_held_out(row["second"]) else "no")
        assert float(row["correlation"]) > 0.9
    out = capsys.readouterr().out
    assert out.startswith("4 posters in 2 groups of near-duplicates, ")
    assert [row["group"] for row in found] == ["a.png", "b.png"]
    assert "5 posters" in out


def test_of_near_duplicates_one_stays_the_one_with_all_its_genres(
    copies: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--size", "48x32", "--duplicates", tmp_path / "pairs.csv", "--drop-duplicates")
    assert pack(copies, tmp_path / "packed.zip", *options) == 0
    assert [row["left_out"] for row in rows(tmp_path / "pairs.csv")] == ["e.png", "b.png"]
    packed = load_posters(tmp_path / "packed.zip", (48, 32), progress=False)
    assert packed.names == ("a.webp", "c.webp", "d.webp")
    assert packed.complete == (False, True, True)
    source = load_posters(copies, (48, 32), progress=False)
    kept = source.images[[source.names.index(name) for name in ("a.png", "c.jpg", "d.png")]]
    assert np.abs(packed.images.astype(int) - kept).mean() < 8
    assert "2 near-duplicates left out" in capsys.readouterr().out


def test_an_existing_zip_is_replaced_only_with_overwrite(
    poster_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "packed.zip"
    out.write_bytes(b"mine")
    assert pack(poster_folder, out, "--size", 8) == 2
    assert "exists already; --overwrite replaces it." in capsys.readouterr().err
    assert out.read_bytes() == b"mine"
    assert pack(poster_folder, out, "--size", 8, "--overwrite") == 0
    assert zipfile.is_zipfile(out)


def test_a_stop_in_the_middle_leaves_no_zip(
    poster_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def stop(picture: np.ndarray, codec: object, quality: int) -> bytes:
        calls.append(quality)
        if len(calls) > 20:
            raise KeyboardInterrupt
        return b""

    monkeypatch.setattr(packing, "encode", stop)
    assert pack(poster_folder, tmp_path / "packed.zip", "--size", 8) == 130
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [("--size", "0"), ("--size", "8x8x8"), ("--size", "x"), ("--quality", "19")])
def test_an_impossible_option_is_refused(options: tuple[str, str], poster_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as stopped:
        pack(poster_folder, tmp_path / "packed.zip", *options)
    assert stopped.value.code == 2


def test_a_missing_source_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pack(tmp_path / "none", tmp_path / "packed.zip") == 2
    assert capsys.readouterr().err.endswith("none does not exist.\n")
