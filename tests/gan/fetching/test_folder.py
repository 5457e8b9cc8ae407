"""Posters in memory are downloaded into a folder, through failures, interruptions and second runs."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gan import DataError, load_posters
from gan.data.genre_lists import Genres, split_genres
from gan.errors import FatalFetchError, FetchError
from gan.fetching import folder as module
from gan.fetching.folder import LOCK, FetchOptions, FetchSummary, Item, Listing, download_all, file_stem
from tests.gan.fetching.local_server import picture, table, write_table

QUIET = FetchOptions(workers=4, progress=False)
AGAIN = FetchOptions(workers=4, retry_failed=True, progress=False)


class Source(dict[str, bytes]):
    """Pictures by id; what is not among them cannot be had. Remembers what was asked for."""

    def __init__(self, **pictures: bytes) -> None:
        super().__init__(pictures)
        self.asked: list[str] = []

    def fetch(self, item: Item) -> tuple[bytes, Genres]:
        self.asked.append(item.id)
        if item.id not in self:
            raise FetchError("It does not exist.")
        return self[item.id], item.genres

    def into(self, out: Path, *rows: str, options: FetchOptions = QUIET) -> FetchSummary:
        """Download rows of "id" or "id genre|genre"."""
        parts = [row.partition(" ") for row in rows]
        items = [Item(name, file_stem(name), genres=split_genres(genres)) for name, _, genres in parts]
        return download_all(Listing(items, self.fetch), out, options)


def numbered(count: int) -> list[Item]:
    return [Item(str(i), str(i), genres=("War",)) for i in range(count)]


def same(item: Item) -> tuple[bytes, Genres]:
    return picture(), item.genres


def names(folder: Path) -> set[str]:
    """Files of a folder, without the lock's."""
    return {path.name for path in folder.iterdir()} - {LOCK}


# ---- what is kept ------------------------------------------------------------------------------------


def test_pictures_are_kept_byte_for_byte_and_named_by_what_they_are(tmp_path: Path) -> None:
    source = Source(a=picture("JPEG"), b=picture("PNG"), c=picture("WEBP"))
    found = source.into(tmp_path / "out", "a Action|Drama", "b War", "c")
    assert found == FetchSummary(fetched=3, present=0, failed=0, skipped=0, with_genres=2)
    files = {"a.jpg": source["a"], "b.png": source["b"], "c.webp": source["c"]}
    assert {name: (tmp_path / "out" / name).read_bytes() for name in files} == files
    assert names(tmp_path / "out") == {*files, "metadata.csv", "failed.csv"}
    assert table(tmp_path / "out/metadata.csv") == {"a.jpg": "Action|Drama", "b.png": "War", "c.webp": ""}
    assert table(tmp_path / "out/failed.csv") == {}
    loaded = load_posters(tmp_path / "out", 8, progress=False)
    assert dict(zip(loaded.names, loaded.genres, strict=True)) == {
        "a.jpg": ("Action", "Drama"),
        "b.png": ("War",),
        "c.webp": (),
    }


def test_what_is_no_whole_picture_is_listed_with_a_reason_and_not_kept(tmp_path: Path) -> None:
    whole = picture(size=(200, 300))
    source = Source(page=b"<!doctype html>", half=whole[: len(whole) // 2], ppm=picture("PPM"), empty=b"", good=whole)
    source["large"] = picture("PNG", "white", (8000, 6400), "1")
    found = source.into(tmp_path, "page", "half", "ppm", "empty", "good", "large", "gone")
    assert (found.fetched, found.failed) == (1, 6)
    assert table(tmp_path / "failed.csv") == {
        **dict.fromkeys(("page", "ppm"), "The file cannot be read as a picture."),
        "half": "The file is a damaged or incomplete picture.",
        "empty": "The file is empty.",
        "large": "The file has 8000 x 6400 pixels; at most 51 million are read.",
        "gone": "It does not exist.",
    }
    assert names(tmp_path) == {"failed.csv", "good.jpg", "metadata.csv"}


@pytest.mark.parametrize(("kind", "suffix"), [("GIF", "gif"), ("BMP", "bmp"), ("TIFF", "tif"), ("AVIF", "avif")])
def test_every_format_that_is_read_gets_its_own_suffix(kind: str, suffix: str, tmp_path: Path) -> None:
    assert Source(a=picture(kind)).into(tmp_path, "a").fetched == 1
    assert load_posters(tmp_path, 8, progress=False).names == (f"a.{suffix}",)


def test_only_the_first_posters_are_fetched_when_so_asked(tmp_path: Path) -> None:
    assert download_all(Listing(numbered(9), same), tmp_path, FetchOptions(first=2, progress=False)).fetched == 2
    assert set(table(tmp_path / "metadata.csv")) == {"0.jpg", "1.jpg"}


def test_posters_are_fetched_in_parallel(tmp_path: Path) -> None:
    together = threading.Barrier(4)

    def fetch(item: Item) -> tuple[bytes, Genres]:
        together.wait(timeout=20)  # breaks unless four are here at a time
        return same(item)

    assert download_all(Listing(numbered(8), fetch), tmp_path, QUIET).fetched == 8


@pytest.mark.parametrize("wrong", [{"workers": 0}, {"first": 0}])
def test_impossible_options_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        FetchOptions(**wrong)  # type: ignore[arg-type]


# ---- another run in the same folder ------------------------------------------------------------------


def test_what_is_there_is_not_fetched_again_and_what_was_removed_is(tmp_path: Path) -> None:
    source = Source(a=picture(), b=picture())
    assert source.into(tmp_path, "a War", "b").fetched == 2
    source.asked.clear()
    assert source.into(tmp_path, "a War", "b") == FetchSummary(0, 2, 0, 0, 1)
    assert source.asked == []
    (tmp_path / "b.jpg").unlink()
    assert source.into(tmp_path, "a War", "b") == FetchSummary(1, 1, 0, 0, 1)
    assert source.asked == ["b"]


def test_what_failed_is_tried_again_only_when_asked_for(tmp_path: Path) -> None:
    source = Source(a=picture())
    assert source.into(tmp_path, "a", "b").failed == 1
    source["b"] = picture()
    assert source.into(tmp_path, "a", "b") == FetchSummary(0, 1, 0, 1, 0)
    assert source.into(tmp_path, "a", "b", options=AGAIN) == FetchSummary(1, 1, 0, 0, 0)
    assert table(tmp_path / "failed.csv") == {}


def test_another_source_adds_to_the_folder(tmp_path: Path) -> None:
    Source(a=picture()).into(tmp_path, "a War", "bad")
    Source(b=picture()).into(tmp_path, "b Crime")
    assert table(tmp_path / "metadata.csv") == {"a.jpg": "War", "b.jpg": "Crime"}
    assert set(table(tmp_path / "failed.csv")) == {"bad"}


def test_genres_that_are_learned_later_are_listed_without_fetching_again(tmp_path: Path) -> None:
    source = Source(a=picture())
    for row, listed in (("a", ""), ("a Horror", "Horror"), ("a", "Horror")):
        source.into(tmp_path, row)
        assert table(tmp_path / "metadata.csv") == {"a.jpg": listed}
    assert source.asked == ["a"]


def test_a_run_that_was_killed_before_it_could_list_a_picture_leaves_no_twin(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(picture("PNG"))
    assert Source(a=picture()).into(tmp_path, "a").fetched == 1
    assert names(tmp_path) == {"a.jpg", "failed.csv", "metadata.csv"}


@pytest.mark.parametrize("name", ["metadata.csv", "failed.csv"])
def test_a_foreign_list_is_left_alone(tmp_path: Path, name: str) -> None:
    before = write_table(tmp_path / name, ("file_name", "genres", "title"), ("a.jpg", "War", "Ran")).read_bytes()
    with pytest.raises(DataError, match=r"was not written by this program; choose another folder\.$"):
        Source(a=picture()).into(tmp_path, "a")
    assert (tmp_path / name).read_bytes() == before
    assert names(tmp_path) == {name}


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file/below"):
        with pytest.raises(DataError, match=r"cannot be used: .*\.$"):
            Source().into(out, "a")


# ---- two runs at a time ------------------------------------------------------------------------------


def test_a_second_run_in_a_folder_is_refused_and_the_first_one_goes_on(tmp_path: Path) -> None:
    out, refused = tmp_path / "out", []

    def fetch(item: Item) -> tuple[bytes, Genres]:
        with pytest.raises(DataError) as raised:
            Source(other=picture()).into(out, "other")
        refused.append(str(raised.value))
        Source(other=picture()).into(tmp_path / "elsewhere", "other")
        return same(item)

    assert download_all(Listing(numbered(1), fetch), out, QUIET).fetched == 1
    assert refused == [f"Another run is filling {out}; wait for its end, or choose another folder."]
    assert names(out) == {"0.jpg", "failed.csv", "metadata.csv"}


HOLD = """
import sys, time
from filelock import FileLock
with FileLock(sys.argv[1]):
    print("held", flush=True)
    time.sleep(99)
"""


@pytest.fixture
def other_run(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds the folder's lock."""
    with subprocess.Popen([sys.executable, "-c", HOLD, tmp_path / LOCK], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"held"
        yield process
        process.kill()


def test_a_run_that_was_killed_blocks_nobody(tmp_path: Path, other_run: subprocess.Popen[bytes]) -> None:
    with pytest.raises(DataError, match=r"^Another run is filling "):
        Source(a=picture()).into(tmp_path, "a")
    other_run.kill()
    other_run.wait()
    assert (tmp_path / LOCK).exists()
    assert Source(a=picture()).into(tmp_path, "a").fetched == 1
    assert names(tmp_path) == {"a.jpg", "failed.csv", "metadata.csv"}


# ---- a run that ends early ---------------------------------------------------------------------------


def test_a_full_disk_ends_the_run_and_keeps_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: bytes) -> None:
        if path.name == "3.jpg":
            raise OSError(28, "No space left on device")
        write(path, content)

    write, stop = module.write_file, threading.Event()
    monkeypatch.setattr(module, "write_file", full)
    with pytest.raises(FatalFetchError, match=r"3\.jpg cannot be written: No space left on device\.$"):
        download_all(Listing(numbered(9), same, stop), tmp_path, FetchOptions(1, progress=False))
    assert stop.is_set()
    listed = table(tmp_path / "metadata.csv")
    assert {"0.jpg", "1.jpg", "2.jpg"} <= set(listed) == {path.name for path in tmp_path.glob("*.jpg")}
    assert table(tmp_path / "failed.csv") == {}


def test_an_interruption_leaves_every_picture_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Bar(module.tqdm):  # type: ignore[misc]
        def update(self, n: float | None = 1) -> None:
            raise KeyboardInterrupt

    stop = threading.Event()

    def fetch(item: Item) -> tuple[bytes, Genres]:
        if int(item.id) >= 4:
            stop.wait(30)
        return same(item)

    monkeypatch.setattr(module, "tqdm", Bar)
    with pytest.raises(KeyboardInterrupt):
        download_all(Listing(numbered(20), fetch, stop), tmp_path, QUIET)
    there = names(tmp_path) - {"metadata.csv", "failed.csv"}
    assert 1 <= len(there) <= 8  # the first four, and what the four workers had in hand
    assert table(tmp_path / "metadata.csv") == dict.fromkeys(there, "War")
    monkeypatch.undo()
    assert download_all(Listing(numbered(20), same), tmp_path, QUIET).fetched == 20 - len(there)


# ---- names -------------------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=100))
def test_every_id_gives_a_harmless_file_name(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9_][a-z0-9_-]{0,63}", file_stem(name))


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=12), st.text(max_size=12))
def test_two_ids_never_share_a_file_even_where_capitals_do_not_count(one: str, other: str) -> None:
    assert (file_stem(one).lower() == file_stem(other).lower()) == (one == other)


def test_a_plain_id_is_the_file_name() -> None:
    assert file_stem("tt0111161") == "tt0111161"
    assert file_stem("Alien") != file_stem("alien") == "alien"
    assert file_stem("Alien").startswith("alien-")


def test_genres_are_read_in_all_usual_forms() -> None:
    expected = ("Action", "Science Fiction")
    for text in (
        "Action|Science Fiction",
        " Action , Science Fiction,",
        "['Action', 'Science Fiction']",
        "Action|Action,Science Fiction",
    ):
        assert split_genres(text) == expected
    for text in ("", "N/A", "(no genres listed)", "[]", " | "):
        assert split_genres(text) == ()
