from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gan import DataError, load_posters
from gan.data.archives import FolderSource, open_source
from gan.data.delimited import SEPARATORS, parse_table
from gan.data.genre_lists import read_genres, split_genres
from gan.data.metadata import PictureFinder, read_metadata

GENRES = ["Horror", "Drama", "Science Fiction", "Film-Noir", "Sci-Fi & Fantasy", "Children's", "Comédie", "時代劇"]
LISTS = {
    "|": "|".join,
    "; ": "; ".join,
    ", ": ", ".join,
    "JSON": json.dumps,
    "Python": lambda names: str(list(names)),
    "TMDb": lambda names: json.dumps([{"id": number, "name": name} for number, name in enumerate(names)]),
}
tables = st.lists(st.lists(st.sampled_from(GENRES), min_size=1, unique=True), min_size=1, max_size=6)
stems = st.lists(
    st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="/\\?#"), min_size=1, max_size=12),
    min_size=6,
    max_size=6,
    unique_by=lambda text: text.casefold(),
).filter(lambda names: all(name == name.strip() and not name.startswith((".", "\ufeff")) for name in names))


class Table:
    """A source that holds one table."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def read(self, name: str, most: int | None = None) -> bytes:
        return self.content


@given(
    genres=tables,
    names=stems,
    dialect=st.sampled_from(list(SEPARATORS)),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    spelling=st.sampled_from(list(LISTS)),
    headers=st.permutations(["File Name", "Genre", "year"]),
    suffix=st.booleans(),
)
def test_a_table_in_any_dialect_is_read_back(
    genres: list[list[str]],
    names: list[str],
    dialect: str,
    end: str,
    encoding: str,
    quoting: int,
    spelling: str,
    headers: list[str],
    suffix: bool,
) -> None:
    pictures = [f"{name}.png" for name in names]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, headers, delimiter=dialect, lineterminator=end, quoting=quoting)
    writer.writeheader()
    for name, row in zip(names, genres, strict=False):
        named = f"{name}.png" if suffix else name
        writer.writerow({"File Name": named, "Genre": LISTS[spelling](row), "year": "1999; 2,000"})
    files = Table(text.getvalue().encode(encoding))
    found = read_metadata(files, ["metadata.csv"], pictures)
    assert found.genres == {f"{name}.png": tuple(row) for name, row in zip(names, genres, strict=False)}
    assert found.tables[0].unmatched == ()
    assert SEPARATORS[dialect] in found.tables[0].columns


@given(st.binary(max_size=300))
def test_no_bytes_end_with_a_traceback(content: bytes) -> None:
    sentences = []
    for data in (content, b"file_name,genres\n" + content):
        try:
            sentences += read_metadata(Table(data), ["metadata.csv"], ["a.png"]).tables[0].lines()
        except DataError as error:
            sentences.append(str(error))
    assert all("\n" not in sentence for sentence in sentences)


@given(st.text(max_size=60))
def test_no_list_of_genres_ends_with_a_traceback_or_an_empty_name(text: str) -> None:
    for name in split_genres(text):
        assert name == " ".join(name.split())
        assert name
        name.encode()


@given(st.lists(st.sampled_from(GENRES), min_size=1, unique=True), st.sampled_from(list(LISTS)))
def test_reading_a_list_again_changes_nothing(names: list[str], spelling: str) -> None:
    once = split_genres(LISTS[spelling](names))
    assert once == tuple(names)
    assert split_genres("|".join(once)) == once


def test_what_separates_in_one_cell_is_part_of_a_name_where_the_column_has_a_stronger_mark() -> None:
    assert read_genres(["Kids, Family & Animals"]) == [("Kids", "Family & Animals")]
    assert read_genres(["Kids, Family & Animals", "Horror|Drama"])[0] == ("Kids, Family & Animals",)


def test_a_name_that_ends_like_a_number_of_pandas_is_first_taken_as_it_stands() -> None:
    finder = PictureFinder(["0.png", "0.0.png", "862.png"], "")
    found = [finder.find(text)[1] for text in ("0", "0.0", "862.0")]
    assert found == ["0.png", "0.0.png", "862.png"]


def test_the_picture_that_is_surest_meant_wins() -> None:
    finder = PictureFinder(["a.png", "x/a.png", "x/b.jpg"], "")
    assert finder.find("a.png") == (0, "a.png")
    assert finder.find("A.PNG")[1] == "a.png"
    assert finder.find("x\\b")[1] == finder.find("b.png")[1] == finder.find("/home/x/b.jpg")[1] == "x/b.jpg"
    assert finder.find("y/b.jpg")[1] is None
    assert finder.find("")[1] is None


def poster(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4)).save(path)


def test_what_was_found_and_what_was_not_is_told(tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "c.png", "d.png", "e.png"):
        poster(tmp_path / name)
    (tmp_path / "f.heic").write_bytes(b"heic")
    (tmp_path / "._a.png").write_bytes(b"apple")
    table = "File;Title;Genre\na;Alien;Horror, Drama\nx;X;Horror\ny;Y;Horror\nz;Z;Z\nw;W;W\nb;The;Godfather;Drama\n"
    (tmp_path / "metadata.csv").write_text(table, encoding="utf-16")
    posters = load_posters(tmp_path, 4, progress=False)
    assert posters.genres[0] == ("Horror", "Drama")
    assert posters.notes() == [
        'metadata.csv: 6 rows; pictures in "File", genres in "Genre", separator semicolon, UTF-16.',
        "4 rows fit no picture: x, y, z and 1 more.",
        "1 row with more cells than columns, genres not read: b.",
        "3 pictures have no row: c.png, d.png, e.png.",
        "1 file left out, hidden: ._a.png.",
        "1 file left out, in a format that cannot be read (HEIC): f.heic.",
    ]


def test_where_everything_fits_only_the_table_is_told(tmp_path: Path) -> None:
    poster(tmp_path / "a.png")
    assert load_posters(tmp_path, 4, progress=False).notes() == []
    (tmp_path / "metadata.csv").write_text("file_name\na.png\n")
    assert load_posters(tmp_path, 4, progress=False).notes() == [
        'metadata.csv: 1 row; pictures in "file_name", no genres, separator comma, UTF-8.'
    ]


def test_folders_behind_links_are_read_once_and_loops_are_not_followed(tmp_path: Path) -> None:
    poster(tmp_path / "elsewhere/deep/b.png")
    poster(tmp_path / "posters/a.png")
    (tmp_path / "posters/link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "posters/z-again").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "posters/up").symlink_to("..")
    (tmp_path / "posters/self").symlink_to(".")
    (tmp_path / "elsewhere/deep/back").symlink_to(tmp_path / "posters")
    assert list(FolderSource(tmp_path / "posters").entries()) == ["a.png", "link/deep/b.png"]


def test_a_folder_that_cannot_be_opened_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    poster(tmp_path / "a.png")
    poster(tmp_path / "locked/b.png")
    iterdir = Path.iterdir

    def locked(path: Path) -> object:
        if path.name == "locked":
            raise PermissionError(13, "Permission denied")
        return iterdir(path)

    monkeypatch.setattr(Path, "iterdir", locked)
    posters = load_posters(tmp_path, 4, progress=False)
    assert posters.names == ("a.png",)
    assert posters.notes() == ["1 file left out, a folder that cannot be opened (Permission denied): locked."]


def test_the_header_decides_which_separator_it_is() -> None:
    known = {"filename", "genres"}
    table = parse_table(b"file_name,genres\na.png,Horror|Drama;War\tx\n", "t", known)
    assert (table.separator, table.rows) == (",", (["a.png", "Horror|Drama;War\tx"],))
    assert parse_table(b"file_name|genres\na.png|Horror, Drama\n", "t", known).rows == (["a.png", "Horror, Drama"],)


def test_a_source_opens_whatever_it_is(tmp_path: Path) -> None:
    with open_source(tmp_path) as files:
        assert files.entries() == {}
