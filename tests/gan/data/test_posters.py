from __future__ import annotations

import io
import os
import shutil
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gan import DataError, PosterSet, fit_image, load_posters, open_image
from gan.data import archives, decoding
from gan.data.decoding import map_ahead
from gan.data.hold_out import is_held_out
from gan.files import write_file


def png(shade: int, size: tuple[int, int] = (8, 8)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, (shade, shade, shade)).save(file, "PNG")
    return file.getvalue()


def write(folder: Path, **files: bytes | str) -> Path:
    """Files by name, ``__`` standing for a slash and ``_`` for a dot."""
    for key, content in files.items():
        path = folder / key.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def pack(folder: Path, archive: Path) -> Path:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in folder.rglob("*"):
            file.write(path, path.relative_to(folder))
    return archive


def load(source: Path, **options: object) -> PosterSet:
    return load_posters(source, 8, progress=False, **options)


def shades(posters: PosterSet) -> list[int]:
    return posters.images[:, 0, 0, 0].tolist()


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the pictures that were decoded, as they are."""
    names: list[str] = []

    def spy(source: bytes, name: str) -> Image.Image:
        names.append(name)
        return open_image(source, name)

    monkeypatch.setattr(decoding, "open_image", spy)
    return names


def test_posters_come_in_order_of_name_as_they_were_drawn(poster_folder: Path) -> None:
    posters = load(poster_folder)
    assert posters.names == tuple(sorted(p.name for p in poster_folder.iterdir() if p.suffix != ".csv"))
    assert posters.images.shape == (40, 8, 8, 3)
    assert posters.images.dtype == np.uint8
    first = fit_image(open_image(poster_folder / posters.names[0]), 8)
    assert np.array_equal(posters.images[0], np.asarray(first))


def test_a_folder_and_a_zip_of_it_give_the_same_posters(poster_folder: Path, tmp_path: Path) -> None:
    from_folder, from_zip = load(poster_folder), load(pack(poster_folder, tmp_path / "posters.zip"))
    assert np.array_equal(from_folder.images, from_zip.images)
    assert from_folder.names == from_zip.names
    assert from_folder.genres == from_zip.genres
    assert any(from_folder.genres)
    assert from_folder.split()[1].names == from_zip.split()[1].names != ()


def test_pictures_are_found_at_any_depth_and_in_capitals(tmp_path: Path) -> None:
    folder = write(tmp_path, a_png=png(1), deep__deeper__b_PNG=png(2), c_txt="no picture")
    assert load(folder).names == ("a.png", "deep/deeper/b.PNG")


def test_hidden_files_and_mac_leftovers_are_passed_over(tmp_path: Path) -> None:
    folder = write(tmp_path, a_png=png(1), _b_png=png(2), _hidden__c_png=png(3))
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "__MACOSX/d.png").write_bytes(png(4))
    assert load(folder).names == ("a.png",)


def test_metadata_counts_for_the_folder_it_lies_in(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        a_png=png(1),
        metadata_csv="file_name,genres\na.png, Drama | Comedy \nin/a.png,\n",
        other__a_png=png(2),
        other__metadata_csv="year,file_name,genres\n1999,a.png,Horror\n",
        other__b_png=png(3),
    )
    posters = load(folder)
    assert posters.names == ("a.png", "other/a.png", "other/b.png")
    assert posters.genres == (("Drama", "Comedy"), ("Horror",), ())


def test_metadata_may_begin_with_a_byte_order_mark_and_hold_short_rows(tmp_path: Path) -> None:
    folder = write(tmp_path, a_png=png(1), metadata_csv="\ufeffgenres,file_name\nDrama,a.png\nComedy\n")
    assert load(folder).genres == (("Drama",),)


def test_a_poster_set_without_metadata_has_no_genres(tmp_path: Path) -> None:
    assert load(write(tmp_path, a_png=png(1))).genres == ((),)


def test_the_cache_is_read_instead_of_the_pictures(tmp_path: Path, decoded: list[str]) -> None:
    folder = write(tmp_path, a_png=png(1), b_png=png(2))
    first = load(folder)
    assert sorted(decoded) == ["a.png", "b.png"]
    decoded.clear()
    second = load(folder)
    assert decoded == []
    assert isinstance(second.images, np.memmap)
    assert np.array_equal(first.images, second.images)


def test_the_cache_is_kept_apart_by_size_and_fit(tmp_path: Path) -> None:
    folder = write(tmp_path, a_png=png(200, (8, 16)))
    assert load(folder).images.shape == (1, 8, 8, 3)
    assert load_posters(folder, 16, progress=False).images.shape == (1, 16, 16, 3)
    assert load(folder, fit="pad").images[0, 0, 0].tolist() == [0, 0, 0]
    assert load(folder, fit="crop").images[0, 0, 0].tolist() == [200, 200, 200]


def test_a_poster_of_two_to_three_keeps_its_shape(tmp_path: Path) -> None:
    """Four rows of two colours across 4 x 6 pixels: nothing of it is cropped at 12 x 8, the ends are at 8 x 8."""
    picture = Image.new("RGB", (40, 60), (0, 0, 0))
    picture.paste((255, 0, 0), (0, 0, 40, 10))
    picture.save(tmp_path / "a.png")
    tall = load_posters(tmp_path, (12, 8), progress=False)
    assert tall.images.shape == (1, 12, 8, 3)
    assert tall.images[0, 0, 4].tolist() == [255, 0, 0]
    assert load(tmp_path).images[0, 0, 4].tolist() != [255, 0, 0]
    assert tall.tensor([0]).shape == (1, 3, 12, 8)


@pytest.mark.parametrize("size", [0, -1, 8.0, (8,), (8, 0), (8, 8, 8)])
def test_a_size_that_is_none_is_refused(size: object, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="A size is one whole number"):
        load_posters(write(tmp_path, a_png=png(1)), size, progress=False)


def test_another_metadata_table_does_not_decode_the_pictures_again(tmp_path: Path, decoded: list[str]) -> None:
    folder = write(tmp_path, a_png=png(1), metadata_csv="file_name,genres\na.png,Drama\n")
    assert load(folder).genres == (("Drama",),)
    decoded.clear()
    write(folder, metadata_csv="file_name,genres\na.png,Comedy\n")
    assert load(folder).genres == (("Comedy",),)
    assert decoded == []


class Counted:
    """A file that counts what is written; its own ``tell`` is wrong while another thread writes."""

    def __init__(self, file: io.BufferedIOBase) -> None:
        self.file, self.written = file, 0

    def write(self, content: bytes) -> int:
        self.written += len(content)
        return self.file.write(content)

    def __getattr__(self, name: str) -> object:
        return getattr(self.file, name)


def test_the_cache_is_written_as_it_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the last of 100 pictures is decoded, most of the others are on the disk, not in memory."""
    folder = write(tmp_path, **{f"p{number:03d}_png": png(number) for number in range(100)})
    writing: list[Counted] = []
    behind: list[int] = []

    def watched_write(path: Path, content: object) -> None:
        def spy(file: io.BufferedIOBase) -> None:
            writing.append(Counted(file))
            content(writing[0])

        write_file(path, spy if callable(content) else content)

    def watched_open(source: bytes, name: str) -> Image.Image:
        behind.append(int(name[1:4]) * 8 * 8 * 3 - writing[0].written)
        return open_image(source, name)

    monkeypatch.setattr(decoding, "write_file", watched_write)
    monkeypatch.setattr(decoding, "open_image", watched_open)
    assert shades(load(folder)) == list(range(100))
    assert max(behind) <= 8 * 8 * 3 * 5 * (os.cpu_count() or 1)


def test_reading_that_breaks_off_leaves_no_cache(
    tmp_path: Path, private_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(tmp_path, a_png=png(1), b_png=png(2))

    def stop(source: bytes, name: str) -> Image.Image:
        if name == "b.png":
            raise KeyboardInterrupt
        return open_image(source, name)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(decoding, "open_image", stop)
        load(folder)
    assert [path.suffix for path in private_cache.iterdir()] == [".lock"]
    assert shades(load(folder)) == [1, 2]


@given(st.lists(st.integers(), max_size=30), st.integers(1, 5))
def test_working_ahead_keeps_the_order_and_the_bound(items: list[int], most: int) -> None:
    begun: list[int] = []

    def do(item: int) -> int:
        begun.append(item)
        return 2 * item

    with ThreadPoolExecutor(1) as pool:
        answers = []
        for answer in map_ahead(pool, do, items, most):
            answers.append(answer)
            assert len(begun) <= len(answers) - 1 + most
    assert answers == [2 * item for item in items]


def test_a_changed_picture_is_read_anew(tmp_path: Path) -> None:
    folder = write(tmp_path, a_png=png(1), b_png=png(3))
    assert shades(load(folder)) == [1, 3]
    assert len(png(4)) == len(png(3))
    write(folder, b_png=png(4))
    os.utime(folder / "b.png", ns=(1, 1))  # the clock may be too coarse to tell the two apart
    assert shades(load(folder)) == [1, 4]
    (folder / "a.png").unlink()
    assert shades(load(folder)) == [4]


def test_a_broken_picture_is_skipped_and_named(tmp_path: Path) -> None:
    folder = write(tmp_path, a_png=png(1), b_png=b"broken", c_png=png(3))
    for posters in (load(folder), load(folder), load(pack(folder, tmp_path / "posters.zip"))):
        assert posters.names == ("a.png", "c.png")
        assert shades(posters) == [1, 3]
        assert posters.broken == (("b.png", "b.png cannot be read as a picture."),)


def test_a_poster_set_says_what_it_is_in_one_line(tmp_path: Path) -> None:
    folder = write(tmp_path, **{f"poster{number}_png": png(1) for number in range(200)}, broken_png=b"broken")
    (folder / "metadata.csv").write_text("file_name,genres\nposter0.png,Horror\n")
    assert repr(load(folder)) == "PosterSet(200 posters of 8 x 8 pixels, crop; 1 genre; 1 broken file)"
    assert repr(load(folder).select([1])) == "PosterSet(1 poster of 8 x 8 pixels, crop; no genres; 1 broken file)"


def test_a_link_to_nowhere_is_named_and_a_pipe_is_passed_over(tmp_path: Path) -> None:
    folder = write(tmp_path, a_png=png(1))
    (folder / "link.png").symlink_to("nowhere")
    os.mkfifo(folder / "pipe.png")
    posters = load(folder)
    assert posters.names == ("a.png",)
    assert [name for name, _ in posters.broken] == ["link.png"]


def test_a_file_name_that_is_not_utf8_is_a_name_like_any_other(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    (tmp_path / name).write_bytes(png(1))
    training, held_out = load(tmp_path).split()
    assert training.names + held_out.names == (name,)


def test_a_huge_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_FILE_BYTES", 1_000_000)
    folder = write(tmp_path, a_png=png(1), b_png=png(2) + bytes(2_000_000))
    for source in (folder, pack(folder, tmp_path / "posters.zip")):
        assert load(source).broken == (("b.png", "b.png is larger than 1 MB."),)


def flip(archive: Path, marker: bytes, offset: int, value: int) -> None:
    """Change one byte behind the last occurrence of a marker."""
    data = bytearray(archive.read_bytes())
    data[data.rfind(marker) + offset] = value
    archive.write_bytes(data)


def damage_data(archive: Path) -> None:
    flip(archive, b"PK\x03\x04", 30 + len("b.png"), 0xFF)  # the first byte of the deflated data


def encrypt(archive: Path) -> None:
    flip(archive, b"PK\x03\x04", 6, 1)
    flip(archive, b"PK\x01\x02", 8, 1)


def use_unknown_compression(archive: Path) -> None:
    flip(archive, b"PK\x03\x04", 8, 99)
    flip(archive, b"PK\x01\x02", 10, 99)


@pytest.mark.parametrize("harm", [damage_data, encrypt, use_unknown_compression])
def test_an_unreadable_member_of_a_zip_is_skipped_and_named(harm: object, tmp_path: Path) -> None:
    archive = tmp_path / "posters.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.png", png(1))
        file.writestr("b.png", png(2))
    harm(archive)
    posters = load(archive)
    assert posters.names == ("a.png",)
    [(name, reason)] = posters.broken
    assert name == "b.png"
    assert reason.startswith("b.png cannot be unpacked: ")


def test_a_member_that_could_not_be_read_is_read_when_the_zip_is_mended(tmp_path: Path) -> None:
    """Its check sum stands in the zip's list, and is the same before and after; so is the date, if somebody sets it."""
    archive, cache = tmp_path / "a.zip", tmp_path / "cache"
    with zipfile.ZipFile(archive, "w") as file:
        for name in ("a.png", "b.png"):
            file.writestr(name, png(1))
    sound = archive.read_bytes()
    encrypted = bytearray(sound)
    encrypted[sound.rfind(b"PK\x01\x02") + 8] = 1
    archive.write_bytes(encrypted)
    assert [name for name, _ in load_posters(archive, 4, cache=cache, progress=False).broken] == ["b.png"]
    archive.write_bytes(sound)
    assert load_posters(archive, 4, cache=cache, progress=False).names == ("a.png", "b.png")


def test_a_zip_with_a_damaged_directory_is_refused(tmp_path: Path) -> None:
    archive = pack(write(tmp_path / "folder", a_png=png(1)), tmp_path / "posters.zip")
    flip(archive, b"PK\x01\x02", 0, 0)
    with pytest.raises(DataError, match=r"posters\.zip is neither a folder nor a zip file that can be read\.$"):
        load(archive)


def test_a_missing_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none does not exist\.$"):
        load(tmp_path / "none")


def test_a_file_that_is_no_zip_is_refused(tmp_path: Path) -> None:
    write(tmp_path, notes_zip="text")
    with pytest.raises(DataError, match=r"notes\.zip is neither a folder nor a zip file that can be read\.$"):
        load(tmp_path / "notes.zip")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^No usable picture was found \(JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF\)\.$"):
        load(tmp_path)


def test_a_folder_of_broken_pictures_is_refused_with_a_reason(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^No usable .* was found \(a\.png cannot be read"):
        load(write(tmp_path, a_png=b"broken"))


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (
            "year,genres\n1999,Drama\n",
            r"^metadata\.csv has no column that names pictures, .* has year, genres \(",
        ),
        ("", r"^metadata\.csv has no column that names pictures, such as file_name; it has none \(.*\)\.$"),
        (b"\xff\xfefi\0", r"^metadata\.csv cannot be read as UTF-16 text\.$"),
        ('file_name,genres\na.png,"Horror\nb.png,Drama\n', r"^metadata\.csv .*: a quote in it is never closed\.$"),
        ('file_name\n"' + "x" * 200_000, r"^metadata\.csv is not a valid CSV table: .*\.$"),
    ],
)
def test_a_useless_metadata_table_is_refused_by_name(table: str | bytes, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=sentence):
        load(write(tmp_path, a_png=png(1), metadata_csv=table))


def test_an_unknown_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="squeeze"):
        load(tmp_path, fit="squeeze")


def test_genres_choose_posters_that_have_one_of_them(tmp_path: Path) -> None:
    table = "file_name,genres\na.png,Drama|Comedy\nb.png,Horror\nc.png,Comedy\nd.png,\n"
    folder = write(tmp_path, a_png=png(1), b_png=png(2), c_png=png(3), d_png=png(4), e_png=b"", metadata_csv=table)
    chosen = load(folder, genres=["comedy", "HORROR"])
    assert chosen.names == ("a.png", "b.png", "c.png")
    assert shades(chosen) == [1, 2, 3]
    assert load(folder, genres=["Drama"]).names == ("a.png",)
    assert [name for name, _ in chosen.broken] == ["e.png"]


def test_an_unknown_genre_is_refused_with_those_of_the_data_set(tmp_path: Path) -> None:
    folder = write(tmp_path, a_png=png(1), metadata_csv="file_name,genres\na.png,Drama|Comedy\n")
    with pytest.raises(DataError, match=r"^No poster has the genre Western; the data set has Comedy, Drama\.$"):
        load(folder, genres=["Drama", "Western"])
    (folder / "metadata.csv").unlink()
    with pytest.raises(DataError, match=r"names no genres\.$"):
        load(folder, genres=["Drama"])


LABELLED = {
    "a_png": png(1),
    "b_png": png(2),
    "c_png": png(3),
    "d_png": png(4),
    "e_png": png(5),
    "metadata_csv": "file_name,genres,labels\n"
    "a.png,Drama|Comedy,full\nb.png,Comedy,partial\nc.png,Drama,\nd.png,,Full \n",
}


def test_posters_say_whether_all_their_genres_are_known(tmp_path: Path) -> None:
    posters = load(write(tmp_path, **LABELLED))
    assert posters.complete == (True, False, True, True, False)


def test_without_the_column_all_genres_are_known_where_any_is(tmp_path: Path) -> None:
    table = "file_name,genres\na.png,Drama\nb.png,\n"
    posters = load(write(tmp_path, a_png=png(1), b_png=png(2), c_png=png(3), metadata_csv=table))
    assert posters.complete == (True, False, False)


def test_a_poster_set_made_by_hand_takes_named_genres_for_all() -> None:
    made = PosterSet(np.zeros((2, 8, 8, 3), np.uint8), ("a", "b"), (("Drama",), ()))
    assert made.complete == (True, False)


def test_a_genre_that_is_not_named_is_absent_only_where_all_are_known(tmp_path: Path) -> None:
    labels = load(write(tmp_path, **LABELLED)).genre_labels(["comedy", "Drama", "Western"])
    assert labels.dtype == np.int8
    assert labels.tolist() == [[1, 1, -1], [1, 0, 0], [-1, 1, -1], [-1, -1, -1], [0, 0, 0]]


def test_a_genre_may_be_asked_for_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="once"):
        load(write(tmp_path, **LABELLED)).genre_labels(["Drama", "drama"])


def test_genres_are_counted_the_most_frequent_first(tmp_path: Path) -> None:
    table = "file_name,genres\na.png,Drama|Comedy|Drama\nb.png,Comedy\nc.png,War|Adventure\n"
    posters = load(write(tmp_path, a_png=png(1), b_png=png(2), c_png=png(3), metadata_csv=table))
    assert list(posters.genre_counts().items()) == [("Comedy", 2), ("Adventure", 1), ("Drama", 1), ("War", 1)]


def test_what_is_known_follows_the_posters_that_are_chosen(tmp_path: Path) -> None:
    posters = load(write(tmp_path, **LABELLED))
    assert posters.select([4, 1, 0]).complete == (False, False, True)
    assert posters.with_genres(["Comedy"]).complete == (True, False)
    parts = posters.split()
    found = {name: known for part in parts for name, known in zip(part.names, part.complete, strict=True)}
    assert found == dict(zip(posters.names, posters.complete, strict=True))
    assert posters.select([]).complete == ()


def test_another_word_for_labels_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, a_png=png(1), metadata_csv="file_name,genres,labels\na.png,Drama,most\n")
    with pytest.raises(
        DataError, match=r'^The labels of a\.png in metadata\.csv must be full or partial, not "most"\.$'
    ):
        load(folder)


def test_a_split_parts_the_posters(posters: PosterSet) -> None:
    training, held_out = posters.split()
    assert len(held_out) == 3
    assert set(training.names) | set(held_out.names) == set(posters.names)
    assert len(training) + len(held_out) == len(posters)
    assert all(map(is_held_out, held_out.names))
    where = posters.names.index(held_out.names[1])
    assert np.array_equal(held_out.images[1], posters.images[where])
    assert held_out.genres[1] == posters.genres[where]


def test_the_split_does_not_depend_on_what_else_is_in_the_folder(poster_folder: Path, tmp_path: Path) -> None:
    chosen = sorted(path for path in poster_folder.iterdir() if path.suffix == ".jpg")[:5]
    for path in chosen:
        shutil.copy(path, tmp_path)
    assert load(tmp_path).split()[1].names == ("poster-000000.jpg", "poster-000012.jpg")


def test_posters_become_tensors_in_the_order_asked(posters: PosterSet) -> None:
    images = posters.tensor([5, 2])
    assert images.shape == (2, 3, 8, 8)
    expected = torch.tensor(posters.images[[5, 2]].astype(np.float32) / 127.5 - 1).permute(0, 3, 1, 2)
    assert torch.allclose(images, expected, rtol=0, atol=1e-6)
    assert torch.equal(posters.tensor(torch.tensor([5, 2])), images)
