from __future__ import annotations

import io
import json
import multiprocessing
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan import DataError, PosterSet, load_posters, open_image
from gan.data import decoding
from gan.files import write_file

SHADES = {"a.png": 10, "b.png": 20, "c.png": 30, "broken.png": None}


def png(shade: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (shade, shade, shade)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "posters").mkdir()
    for name, shade in SHADES.items():
        (tmp_path / "posters" / name).write_bytes(b"broken" if shade is None else png(shade))
    return tmp_path / "posters"


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the pictures that were decoded, as they are."""
    names: list[str] = []

    def spy(source: bytes, name: str) -> Image.Image:
        names.append(name)
        return open_image(source, name)

    monkeypatch.setattr(decoding, "open_image", spy)
    return names


def load(source: Path, cache: Path | None = None) -> PosterSet:
    return load_posters(source, 8, cache=cache, progress=False)


def shades(posters: PosterSet) -> dict[str, int]:
    return dict(zip(posters.names, posters.images[:, 0, 0, 0].tolist(), strict=True))


def assert_right(posters: PosterSet) -> None:
    assert shades(posters) == {name: shade for name, shade in SHADES.items() if shade is not None}
    assert posters.broken == (("broken.png", "broken.png cannot be read as a picture."),)


def cached(cache: Path, suffix: str) -> Path:
    [path] = cache.glob(f"posters-*{suffix}")
    return path


def rewrite(cache: Path, **changes: object) -> None:
    index = cached(cache, ".json")
    index.write_text(json.dumps(json.loads(index.read_text()) | changes))


def overwrite(path: Path, start: int, content: bytes) -> None:
    data = bytearray(path.read_bytes())
    data[start : start + len(content) if start >= 0 else None] = content
    path.write_bytes(data)


def of_another_shape(cache: Path) -> None:
    np.save(cached(cache, ".npy"), np.zeros((3, 8, 4, 3), np.uint8))


def of_floats(cache: Path) -> None:
    np.save(cached(cache, ".npy"), np.zeros((3, 8, 8, 3), np.float32))


def a_folder_in_its_place(cache: Path) -> None:
    path = cached(cache, ".json")
    path.unlink()
    path.mkdir()


DAMAGE: dict[str, Callable[[Path], object]] = {
    "no index": lambda cache: cached(cache, ".json").unlink(),
    "no array": lambda cache: cached(cache, ".npy").unlink(),
    "empty index": lambda cache: cached(cache, ".json").write_bytes(b""),
    "empty array": lambda cache: cached(cache, ".npy").write_bytes(b""),
    "half an index": lambda cache: overwrite(cached(cache, ".json"), -40, b""),
    "half an array": lambda cache: overwrite(cached(cache, ".npy"), -200, b""),
    "text for an index": lambda cache: cached(cache, ".json").write_text("[]"),
    "bytes for an index": lambda cache: cached(cache, ".json").write_bytes(b"\xff\x00\xfe"),
    "text for an array": lambda cache: cached(cache, ".npy").write_text("<html>"),
    "pickle for an array": lambda cache: np.save(cached(cache, ".npy"), np.array([{}], object), allow_pickle=True),
    "one pixel": lambda cache: overwrite(cached(cache, ".npy"), -1, b"\x07"),
    "zeros of the same length": lambda cache: overwrite(cached(cache, ".npy"), -576, bytes(576)),
    "two pictures changed places": lambda cache: np.save(
        cached(cache, ".npy"), np.load(cached(cache, ".npy"))[[1, 0, 2]]
    ),
    "another shape": of_another_shape,
    "floats": of_floats,
    "one picture less": lambda cache: np.save(cached(cache, ".npy"), np.load(cached(cache, ".npy"))[:2]),
    "two names changed places": lambda cache: rewrite(cache, names=["b.png", "a.png", "c.png"]),
    "another name": lambda cache: rewrite(cache, names=["a.png", "b.png", "x.png"]),
    "a name less": lambda cache: rewrite(cache, names=["a.png", "b.png"]),
    "names of numbers": lambda cache: rewrite(cache, names=[1, 2, 3]),
    "another check sum": lambda cache: rewrite(cache, checksum=0),
    "no broken ones": lambda cache: rewrite(cache, broken=[]),
    "another reason": lambda cache: rewrite(cache, broken=[["broken.png", "![x](http://evil)"]]),
    "a folder in its place": a_folder_in_its_place,
}


@pytest.mark.parametrize("harm", DAMAGE)
def test_a_damaged_cache_is_made_anew(harm: str, folder: Path, private_cache: Path, decoded: list[str]) -> None:
    assert_right(load(folder))
    decoded.clear()
    assert_right(load(folder))
    assert decoded == []
    DAMAGE[harm](private_cache)
    assert_right(load(folder))
    assert sorted(decoded) == sorted(SHADES)


def test_a_damaged_cache_is_mended_for_the_next_time(folder: Path, private_cache: Path, decoded: list[str]) -> None:
    load(folder)
    DAMAGE["one pixel"](private_cache)
    load(folder)
    decoded.clear()
    assert load(folder).reading.notes == ()
    assert decoded == []


def test_a_large_array_is_read_through_only_when_its_date_has_changed(
    folder: Path, private_cache: Path, decoded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    load(folder)
    monkeypatch.setattr(decoding, "VERIFIED", 100)
    read: list[int] = []
    checksum = decoding._checksum
    monkeypatch.setattr(decoding, "_checksum", lambda images: read.append(len(images)) or checksum(images))
    load(folder)
    assert read == []
    os.utime(cached(private_cache, ".npy"), ns=(1, 1))
    decoded.clear()
    assert_right(load(folder))
    assert (read, decoded) == ([3], [])


@pytest.mark.parametrize("place", ["a file", "below a file", "full", "without locks", "read only"])
def test_where_no_cache_can_be_written_posters_are_read_all_the_same(
    place: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    cache = {"a file": tmp_path / "file", "below a file": tmp_path / "file/cache"}.get(place, tmp_path / "cache")

    def full(path: Path, content: object) -> None:
        raise OSError(28, "No space left on device")

    def no_lock(path: Path) -> None:
        raise {"without locks": NotImplementedError("flock"), "read only": PermissionError(13, "Permission denied")}[
            place
        ]

    if place == "full":
        monkeypatch.setattr(decoding, "write_file", full)
    if place in ("without locks", "read only"):
        monkeypatch.setattr(decoding, "FileLock", no_lock)
    posters = load(folder, cache)
    assert_right(posters)
    [note] = posters.reading.notes
    assert note.startswith(f"The cache {cache} cannot be written: ")
    assert note in posters.notes()
    assert isinstance(posters.images, np.memmap)


def test_a_cache_that_cannot_be_written_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load(folder)
    monkeypatch.setattr(decoding, "FileLock", None)
    posters = load(folder)
    assert_right(posters)
    assert posters.reading.notes == ()


def test_where_nothing_at_all_can_be_written_one_sentence_says_so(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(DataError, match=r"^The cache .*file cannot be written: [^\n]+\.$"):
        load(folder, tmp_path / "file")


def exchanged(folder: Path) -> None:
    """Another picture under the same name, of the same size and date."""
    path = folder / "a.png"
    date, size = path.stat().st_mtime_ns, path.stat().st_size
    path.write_bytes(png(77))
    os.utime(path, ns=(date, date))
    assert path.stat().st_size == size


def exchanged_by_rename(folder: Path) -> None:
    date = (folder / "a.png").stat().st_mtime_ns
    (folder.parent / "new.png").write_bytes(png(77))
    os.utime(folder.parent / "new.png", ns=(date, date))
    (folder.parent / "new.png").rename(folder / "a.png")


def written_at_once(folder: Path) -> None:
    (folder / "a.png").write_bytes(png(77))


@pytest.mark.parametrize("change", [exchanged, exchanged_by_rename, written_at_once])
def test_an_exchanged_picture_is_noticed(change: Callable[[Path], None], folder: Path) -> None:
    load(folder)
    change(folder)
    assert shades(load(folder)) == {"a.png": 77, "b.png": 20, "c.png": 30}
    assert shades(load(folder)) == {"a.png": 77, "b.png": 20, "c.png": 30}


def test_a_change_that_leaves_every_date_is_noticed_in_pictures_that_were_new(
    folder: Path, monkeypatch: pytest.MonkeyPatch, decoded: list[str]
) -> None:
    """A clock that counts in steps of two seconds gives two pictures one date."""
    monkeypatch.setattr(decoding.DecodeJob, "_changed", dict.fromkeys(SHADES, decoding.time.time_ns()))
    load(folder)
    exchanged(folder)
    assert shades(load(folder))["a.png"] == 77
    decoded.clear()
    assert shades(load(folder))["a.png"] == 77
    assert decoded == []


def test_pictures_that_change_names_keep_their_own(folder: Path) -> None:
    load(folder)
    (folder / "a.png").rename(folder / "x.png")
    (folder / "b.png").rename(folder / "a.png")
    (folder / "x.png").rename(folder / "b.png")
    assert shades(load(folder)) == {"a.png": 20, "b.png": 10, "c.png": 30}


def test_a_zip_that_is_replaced_is_read_anew(tmp_path: Path) -> None:
    archive, date = tmp_path / "posters.zip", None
    for shade in (10, 20):
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("a.png", png(shade))
        date = date or archive.stat().st_mtime_ns
        os.utime(archive, ns=(date, date))
        assert shades(load(archive)) == {"a.png": shade}


@pytest.mark.parametrize("name", ["VERSION", "Pillow"])
def test_what_another_version_has_written_is_not_used(
    name: str, folder: Path, decoded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    load(folder)
    decoded.clear()
    if name == "VERSION":
        monkeypatch.setattr(decoding, "VERSION", decoding.VERSION + 1)
    else:
        monkeypatch.setattr(decoding.PIL, "__version__", "1.0")
    load(folder)
    assert sorted(decoded) == sorted(SHADES)


def test_what_a_killed_process_left_behind_is_cleared_away(folder: Path, private_cache: Path) -> None:
    load(folder)
    array = cached(private_cache, ".npy")
    left = array.with_name(f".{array.name}.k1ll3d")
    shutil.copy(array, left)
    array.unlink()
    load(folder)
    assert not left.exists()
    assert {path.suffix for path in private_cache.iterdir()} == {".npy", ".json", ".lock"}


def _load_elsewhere(folder: Path, cache: Path, results: multiprocessing.Queue) -> None:
    names: list[str] = []
    decoding.open_image = lambda source, name: names.append(name) or open_image(source, name)
    results.put((shades(load(folder, cache)), len(names)))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
def test_of_two_processes_at_once_one_decodes(folder: Path, tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    both = [context.Process(target=_load_elsewhere, args=(folder, tmp_path / "cache", results)) for _ in range(2)]
    for process in both:
        process.start()
    answers = [results.get(timeout=60) for _ in both]
    for process in both:
        process.join()
    assert [answer for answer, _ in answers] == [{"a.png": 10, "b.png": 20, "c.png": 30}] * 2
    assert sorted(count for _, count in answers) == [0, 4]


def test_an_index_that_another_process_replaces_at_that_moment_is_never_paired_wrongly(
    folder: Path, private_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The array is replaced between the two writes: what belongs to the other one is not believed."""

    def write_and_meddle(path: Path, content: object) -> None:
        write_file(path, content)
        if path.suffix == ".npy":
            np.save(path, np.zeros((3, 8, 8, 3), np.uint8))

    monkeypatch.setattr(decoding, "write_file", write_and_meddle)
    posters = load(folder)
    assert_right(posters)
    assert "cannot be read back" in posters.reading.notes[0]
