"""Posters are fetched from a server of this process, a folder in place of kagglehub's, and a CelebA of three faces."""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torchvision
from torchvision.datasets import CelebA

from gan.errors import DataError, FatalFetchError, FetchError
from gan.fetching.folder import FetchOptions, FetchSummary, download_all
from gan.fetching.http import HttpClient
from gan.fetching.providers import PROVIDERS, from_celeba, from_csv, from_kaggle, from_omdb, imdb_id, read_ids
from tests.gan.fetching.local_server import (
    Answer,
    Server,
    picture,
    policy,
    raw,
    send,
    serving,
    status,
    table,
    to,
    write_table,
)

QUIET = FetchOptions(workers=4, progress=False)


def fetch_csv(table: Path, out: Path, client: HttpClient, **columns: str) -> FetchSummary:
    return download_all(from_csv(client, table, **columns), out, QUIET)


def fetch_omdb(ids: Path, out: Path, key: str, client: HttpClient, options: FetchOptions = QUIET) -> FetchSummary:
    return download_all(from_omdb(client, ids, key=key), out, options)


def fetch_kaggle(handle: str, out: Path) -> FetchSummary:
    return download_all(from_kaggle(handle), out, QUIET)


def fetch_celeba(out: Path, root: Path, **arguments: Any) -> FetchSummary:
    return download_all(from_celeba(root, **arguments), out, QUIET)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
def client() -> HttpClient:
    return HttpClient(policy())


# ---- a CSV with addresses ----------------------------------------------------------------------------


def test_what_a_server_calls_a_picture_counts_for_nothing(server: Server, client: HttpClient, tmp_path: Path) -> None:
    files = {kind: picture(kind) for kind in ("JPEG", "PNG", "WEBP")}
    server.routes |= {"/1.png": send(files["JPEG"]), "/2.gif": send(files["PNG"], Content_Type="text/html")}
    server.routes |= {"/3": send(files["WEBP"], Content_Disposition='attachment; filename="../../evil.php"')}
    rows = [
        ("1", server.url("/1.png"), "Action|Drama"),
        ("2", server.url("/2.gif"), "War"),
        ("3", server.url("/3"), ""),
    ]
    source = write_table(tmp_path / "a.csv", ("imdbId", "Poster", "Genre"), *rows)
    found = fetch_csv(source, tmp_path / "out", client)
    assert found == FetchSummary(fetched=3, present=0, failed=0, skipped=0, with_genres=2)
    assert table(tmp_path / "out/metadata.csv") == {"1.jpg": "Action|Drama", "2.png": "War", "3.webp": ""}
    assert [(tmp_path / "out" / name).read_bytes() for name in ("1.jpg", "2.png", "3.webp")] == list(files.values())


def test_a_row_without_a_picture_is_listed_with_a_reason(server: Server, client: HttpClient, tmp_path: Path) -> None:
    page = server.url("/page", send(b"<!doctype html><title>Not found</title>", Content_Type="image/jpeg"))
    cut = server.url("/cut", send(picture(size=(200, 300)), length=len(picture(size=(200, 300))) - 40))
    rows = [("page", page), ("cut", cut), ("gone", server.url("/gone")), ("none", "")]
    source = write_table(tmp_path / "a.csv", ("imdbId", "Poster"), *rows)
    assert fetch_csv(source, tmp_path / "out", client).failed == 4
    assert table(tmp_path / "out/failed.csv") == {
        "page": "The file cannot be read as a picture.",
        "cut": "The file is a damaged or incomplete picture.",
        "gone": "127.0.0.1 answered 404 Not Found.",
        "none": "The table gives no URL.",
    }


def test_two_rows_of_one_id_are_one_poster_from_the_first_url(
    server: Server, client: HttpClient, tmp_path: Path
) -> None:
    server.routes |= {"/1": send(picture()), "/2": send(picture())}
    rows = [("7", "", "Drama"), ("7", server.url("/1"), "Drama|War"), ("7", server.url("/2"), "Crime")]
    source = write_table(tmp_path / "a.csv", ("imdbId", "Poster", "Genre"), *rows)
    assert fetch_csv(source, tmp_path / "out", client).fetched == 1
    assert server.asked == ["/1"]
    assert table(tmp_path / "out/metadata.csv") == {"7.jpg": "Drama|War|Crime"}


def test_without_ids_an_address_is_fetched_once_and_names_the_file_by_its_hash(
    server: Server, client: HttpClient, tmp_path: Path
) -> None:
    address = server.url("/../a.php?b=c", send(picture()))
    server.routes["/../a.php"] = send(picture())
    source = write_table(tmp_path / "a.csv", ("IMAGE_URL",), (address,), (f" {address} ",), ("ftp://x",), ("",))
    found = fetch_csv(source, tmp_path / "out", client)
    assert (found.fetched, found.failed) == (1, 2)
    assert len(server.asked) == 1
    [name] = table(tmp_path / "out/metadata.csv")
    assert re.fullmatch(r"[0-9a-f]{24}\.jpg", name)
    assert set(table(tmp_path / "out/failed.csv")) == {"ftp://x", "row 4"}


def test_columns_are_chosen_by_name_whatever_their_case(server: Server, client: HttpClient, tmp_path: Path) -> None:
    server.routes["/1"] = send(picture())
    source = write_table(tmp_path / "a.csv", ("Name", "Kind", "Link"), ("ran", "War", server.url("/1")))
    columns = {"url_column": "link", "id_column": "NAME", "genres_column": "Kind"}
    assert fetch_csv(source, tmp_path / "out", client, **columns).fetched == 1
    assert table(tmp_path / "out/metadata.csv") == {"ran.jpg": "War"}


@pytest.mark.parametrize("column", ["url_column", "id_column", "genres_column"])
def test_a_column_that_is_not_there_is_one_sentence(client: HttpClient, tmp_path: Path, column: str) -> None:
    source = write_table(tmp_path / "a.csv", ("Poster", "Year"), ("http://example.com/a", "1985"))
    with pytest.raises(DataError, match=r"^a\.csv has no column Link; it has Poster, Year\.$"):
        fetch_csv(source, tmp_path / "out", client, **{column: "Link"})


@pytest.mark.parametrize("content", [b"", b"Title,Year\nRan,1985\n"])
def test_a_table_without_addresses_is_one_sentence(client: HttpClient, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(DataError, match=r"^a\.csv has no column with image URLs; it has .*\.$"):
        fetch_csv(tmp_path / "a.csv", tmp_path / "out", client)
    assert not (tmp_path / "out").exists()


def test_a_table_that_is_not_there_is_one_sentence(client: HttpClient, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be read: No such file or directory\.$"):
        fetch_csv(tmp_path / "a.csv", tmp_path / "out", client)


def test_a_table_in_latin_1_with_rows_of_any_length_is_read(server: Server, client: HttpClient, tmp_path: Path) -> None:
    address = server.url("/1", send(picture()))
    text = f"Title,Poster,imdbId,Genre\nAmélie,{address},1,Comédie,extra,extra\nshort\n"
    (tmp_path / "a.csv").write_bytes(text.encode("latin-1"))
    found = fetch_csv(tmp_path / "a.csv", tmp_path / "out", client)
    assert (found.fetched, found.failed) == (1, 1)
    assert table(tmp_path / "out/metadata.csv") == {"1.jpg": "Comédie"}


# ---- OMDb --------------------------------------------------------------------------------------------

KEY = "s3cr3tkey"


@pytest.fixture(autouse=True)
def local_api(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test asks the real one."""
    monkeypatch.setattr("gan.fetching.providers.OMDB", server.url("/"))


def api(server: Server, films: dict[str, Any]) -> None:
    """OMDb knows these films; a number is a status."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        query = dict(part.split("=") for part in handler.path.partition("?")[2].split("&"))
        film = films[query["i"]] if query["apikey"] == KEY else 401
        if isinstance(film, int):
            status(film)(handler)
        else:
            send(film if isinstance(film, bytes) else json.dumps(film).encode())(handler)

    server.routes["/"] = answer


def film(server: Server, path: str, genre: str = "Crime, Drama") -> dict[str, str]:
    return {"Response": "True", "Poster": server.url(path) if path else "N/A", "Genre": genre}


def ids(folder: Path, text: str, name: str = "ids.txt") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_omdb_gives_poster_and_genres(server: Server, client: HttpClient, tmp_path: Path) -> None:
    api(server, {"tt0111161": film(server, "/a"), "tt0068646": film(server, "/b", "N/A")})
    server.routes |= {"/a": send(picture()), "/b": send(picture("PNG"))}
    source = ids(tmp_path, "111161\n tt0068646 # twice\n\n68646\n")
    found = fetch_omdb(source, tmp_path / "out", KEY, client)
    assert (found.fetched, found.failed, found.with_genres) == (2, 0, 1)
    assert table(tmp_path / "out/metadata.csv") == {"tt0111161.jpg": "Crime|Drama", "tt0068646.png": ""}
    assert len(server.asked) == 4
    server.asked.clear()
    assert fetch_omdb(source, tmp_path / "out", KEY, client).present == 2
    assert server.asked == []


def test_what_omdb_does_not_have_is_listed_with_a_reason(server: Server, client: HttpClient, tmp_path: Path) -> None:
    missing = {"Response": "False", "Error": f"Incorrect\n IMDb ID {KEY}."}
    films: dict[str, Any] = {
        "tt0000001": missing,
        "tt0000002": film(server, ""),
        "tt0000003": b"<html>",
        "tt0000004": b"[]",
    }
    films |= {"tt0000005": b"[" * 200_000, "tt0000006": 404, "tt0000007": {"Response": "True"}}
    films |= {"tt0000008": {"Response": "True", "Poster": "file:///etc/passwd"}}
    source = ids(tmp_path, "1 2 3 4 5 6 7 8 nm0000001 -1".replace(" ", "\n"))
    api(server, films)
    assert fetch_omdb(source, tmp_path / "out", KEY, client).failed == 10
    assert table(tmp_path / "out/failed.csv") == {
        "tt0000001": "OMDb says: Incorrect IMDb ID (key).",
        "tt0000002": "OMDb has no poster of it.",
        "tt0000003": "OMDb's answer is not the JSON that was expected.",
        "tt0000004": "OMDb's answer is not the JSON that was expected.",
        "tt0000005": "OMDb's answer is not the JSON that was expected.",
        "tt0000006": "127.0.0.1 answered 404 Not Found.",
        "tt0000007": "OMDb has no poster of it.",
        "tt0000008": "The address does not begin with http:// or https://.",
        "nm0000001": "It is not an IMDb id.",
        "-1": "It is not an IMDb id.",
    }


def test_a_key_that_is_used_up_ends_the_run_and_the_next_one_goes_on(server: Server, tmp_path: Path) -> None:
    films: dict[str, Any] = {"tt0000001": film(server, "/a"), "tt0000002": 401, "tt0000003": film(server, "/a")}
    api(server, films)
    source = ids(tmp_path, "1\n2\n3\n")
    server.routes["/a"] = send(picture())
    one = FetchOptions(workers=1, progress=False)
    with pytest.raises(FatalFetchError, match=r"^OMDb refuses the key: it is wrong, or has been used up for today\.$"):
        fetch_omdb(source, tmp_path / "out", KEY, HttpClient(policy()), options=one)
    assert "tt0000001.jpg" in table(tmp_path / "out/metadata.csv")
    assert table(tmp_path / "out/failed.csv") == {}
    films["tt0000002"] = film(server, "/a")
    found = fetch_omdb(source, tmp_path / "out", KEY, HttpClient(policy()), options=one)
    assert found.present + found.fetched == 3


@pytest.mark.parametrize(
    "answer",
    [status(401), status(404), status(500), raw(b""), to("http://127.0.0.1:1/"), to("file:///x"), send(b"<html>")],
)
def test_the_key_is_sent_to_the_api_only_and_written_nowhere(
    server: Server, tmp_path: Path, capfd: pytest.CaptureFixture[str], answer: Answer
) -> None:
    def echo(handler: BaseHTTPRequestHandler) -> None:
        if "tt0000001" in handler.path:
            send(json.dumps(film(server, "/a")).encode())(handler)
        else:
            answer(handler)

    server.routes |= {"/a": send(picture()), "/": echo}
    source, said = ids(tmp_path, "1\n2\n"), ""
    try:
        fetch_omdb(source, tmp_path / "out", KEY, HttpClient(policy()))
    except FatalFetchError as error:
        said = repr(error) + repr(error.__cause__)
    written = b"".join(path.read_bytes() for path in (tmp_path / "out").iterdir())
    assert KEY not in said + "".join(capfd.readouterr())
    assert KEY.encode() not in written
    assert not any(KEY in path for path in server.asked if path.startswith("/a"))
    assert any(KEY in path for path in server.asked)


def test_omdb_without_a_key_asks_nobody(client: HttpClient, tmp_path: Path) -> None:
    with pytest.raises(
        FetchError, match=r"^Put your key for the OMDb API into the environment variable OMDB_API_KEY\.$"
    ):
        fetch_omdb(ids(tmp_path, "1"), tmp_path / "out", " ", client)


def test_ids_are_read_from_text_and_from_tables(tmp_path: Path) -> None:
    assert read_ids(ids(tmp_path, "\ufefftt1\r\n# remark\n2 # two\n")) == ["tt1", "2"]
    links = ids(tmp_path, "movieId,imdbId,tmdbId\n1,0114709,862\n2,,\n", "links.csv")
    assert read_ids(links) == ["0114709"]
    assert read_ids(links, "tmdbid") == ["862"]
    with pytest.raises(DataError, match=r"^links\.csv has no column id; it has movieId, imdbId, tmdbId\.$"):
        read_ids(links, "id")
    with pytest.raises(DataError, match=r"holds no ids\.$"):
        read_ids(ids(tmp_path, "# nothing\n"))
    with pytest.raises(DataError, match=r"is not a text file\.$"):
        (tmp_path / "picture.txt").write_bytes(picture())
        read_ids(tmp_path / "picture.txt")
    with pytest.raises(DataError, match=r"cannot be read: "):
        read_ids(tmp_path / "none.txt")


def test_an_imdb_id_has_one_spelling() -> None:
    assert {imdb_id(text) for text in ("114709", "0114709", "tt0114709", " tt114709 ", "114709.0")} == {"tt0114709"}
    assert imdb_id("10872600") == "tt10872600"
    assert imdb_id("nm0000001") == "nm0000001"


# ---- Kaggle ------------------------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which kagglehub, as it is here, keeps its only data set; its own folder is a hidden one, too."""
    root = tmp_path / ".cache/versions/1"
    root.mkdir(parents=True)
    hub = SimpleNamespace(dataset_download=lambda handle: str(root) if handle == "owner/posters" else 1 / 0)
    monkeypatch.setitem(sys.modules, "kagglehub", hub)  # type: ignore[arg-type]
    return root


def put(root: Path, *names: str) -> None:
    for number, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(picture("PNG" if name.endswith("png") else "JPEG", f"#0000{number:02x}"))


def test_a_kaggle_data_set_is_taken_over_with_its_genres(root: Path, tmp_path: Path) -> None:
    put(root, "Images/tt1.jpg", "Images/tt2.png", "Images/tt3.jpg", ".hidden/tt4.jpg", "__MACOSX/._tt5.jpg")
    (root / "Images/tt3.jpg").write_bytes(b"broken")
    write_table(
        root / "train.csv", ("Id", "Genre", "Action"), ("tt1", "['Action', 'Drama']", "1"), ("tt9", "['War']", "0")
    )
    write_table(root / "other.csv", ("a", "b"), ("1", "2"))
    found = fetch_kaggle("owner/posters", tmp_path / "out")
    assert found == FetchSummary(fetched=2, present=0, failed=1, skipped=0, with_genres=1)
    assert table(tmp_path / "out/metadata.csv") == {"tt1.jpg": "Action|Drama", "tt2.png": ""}
    assert set(table(tmp_path / "out/failed.csv")) == {"Images/tt3.jpg"}
    assert (tmp_path / "out/tt1.jpg").read_bytes() == (root / "Images/tt1.jpg").read_bytes()
    assert fetch_kaggle("owner/posters", tmp_path / "out").present == 2


def test_pictures_of_one_name_in_two_folders_are_both_kept(root: Path, tmp_path: Path) -> None:
    put(root, "a/1.jpg", "b/1.jpg", "b/2.jpg")
    write_table(root / "films.csv", ("imdbId", "Genre"), ("1", "War"), ("2", "Crime"))
    fetch_kaggle("owner/posters", tmp_path / "out")
    genres = table(tmp_path / "out/metadata.csv")
    assert sorted(genres.values()) == ["Crime", "War", "War"]
    assert genres["2.jpg"] == "Crime"
    assert {(tmp_path / "out" / name).read_bytes() for name in genres} == {p.read_bytes() for p in root.rglob("*.jpg")}


def test_the_column_that_names_the_pictures_is_found_and_others_do_not_count(root: Path, tmp_path: Path) -> None:
    put(root, *(f"p/{number}.jpg" for number in (101, 102, 103, 1990)))
    films = [
        ("1990", "101", "x/102.JPG", "War"),
        ("1990", "103", "x/101.jpg", "Crime"),
        ("1991", "999", "103.jpg", "Drama"),
    ]
    write_table(root / "films.csv", ("year", "next", "file", "genres"), *films)
    write_table(root / "years.csv", ("year", "genre"), ("1990", "Wrong"), ("1991", "Wrong"), ("1992", "Wrong"))
    fetch_kaggle("owner/posters", tmp_path / "out")
    assert table(tmp_path / "out/metadata.csv") == {
        "101.jpg": "Crime",
        "102.jpg": "War",
        "103.jpg": "Drama",
        "1990.jpg": "",
    }


def test_kaggle_errors_are_one_sentence(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FetchError, match=r"^owner/none cannot be downloaded from Kaggle: division by zero\.$"):
        fetch_kaggle("owner/none", tmp_path / "out")
    with pytest.raises(
        DataError,
        match=r"^The Kaggle data set owner/posters holds no picture \(JPEG.*\)\.$",
    ):
        fetch_kaggle("owner/posters", tmp_path / "out")
    for handle in ("posters", "../x", "a/b/c", "https://www.kaggle.com/datasets/a/b", ""):
        with pytest.raises(FetchError, match=r"is not a Kaggle handle; use OWNER/NAME\.$"):
            fetch_kaggle(handle, tmp_path / "out")
    monkeypatch.setitem(sys.modules, "kagglehub", None)  # as if it were not installed
    with pytest.raises(FetchError, match=r'^Kaggle data sets need kagglehub: pip install -e "\.\[kaggle\]"\.$'):
        fetch_kaggle("owner/posters", tmp_path / "out")
    assert not (tmp_path / "out").exists()


# ---- CelebA ------------------------------------------------------------------------------------------


class SmallCelebA(CelebA):  # type: ignore[misc]
    """torchvision's own class, without the check sums of the real files."""

    file_list: list[tuple[str, str, str]] = []  # noqa: RUF012


@pytest.fixture
def faces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(torchvision.datasets, "CelebA", SmallCelebA)
    base = tmp_path / "root/celeba"
    put(base / "img_align_celeba", "000001.jpg", "000002.jpg", "000003.jpg")
    names = [f"00000{number}.jpg" for number in (1, 2, 3)]
    (base / "list_eval_partition.txt").write_text(
        "".join(f"{n} {part}\n" for n, part in zip(names, (0, 0, 2), strict=True))
    )
    (base / "identity_CelebA.txt").write_text("".join(f"{n} 7\n" for n in names))
    (base / "list_bbox_celeba.txt").write_text("3\nimage_id x y w h\n" + "".join(f"{n} 1 2 3 4\n" for n in names))
    (base / "list_landmarks_align_celeba.txt").write_text("3\na b\n" + "".join(f"{n} 1 2\n" for n in names))
    rows = ("-1  1", " 1  1", "-1 -1")
    attributes = "".join(f"{n} {row}\n" for n, row in zip(names, rows, strict=True))
    (base / "list_attr_celeba.txt").write_text(f"3\nSmiling Young \n{attributes}")
    return tmp_path / "root"


def test_celeba_is_exported_with_attributes_in_place_of_genres(faces: Path, tmp_path: Path) -> None:
    found = fetch_celeba(tmp_path / "out", faces)
    assert found.fetched == 3
    assert table(tmp_path / "out/metadata.csv") == {
        "000001.jpg": "Young",
        "000002.jpg": "Smiling|Young",
        "000003.jpg": "",
    }
    original = faces / "celeba/img_align_celeba/000002.jpg"
    assert (tmp_path / "out/000002.jpg").read_bytes() == original.read_bytes()


def test_a_part_of_celeba_can_be_chosen(faces: Path, tmp_path: Path) -> None:
    assert fetch_celeba(tmp_path / "out", faces, split="train").fetched == 2
    assert set(table(tmp_path / "out/metadata.csv")) == {"000001.jpg", "000002.jpg"}


def test_celeba_is_downloaded_only_when_so_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    downloads = []
    monkeypatch.setattr(CelebA, "download", lambda self: downloads.append(self.root))
    with pytest.raises(FetchError, match=r"^There is no complete CelebA in .*; --download downloads it\.$"):
        fetch_celeba(tmp_path / "out", tmp_path)
    assert downloads == []
    with pytest.raises(FetchError, match=r"cannot be downloaded to .*: Dataset not found or corrupted"):
        fetch_celeba(tmp_path / "out", tmp_path, download=True)
    assert downloads == [str(tmp_path)]
    assert not (tmp_path / "out").exists()


# ---- the registry ------------------------------------------------------------------------------------


def test_every_provider_lists_from_its_own_arguments() -> None:
    """Else the command line would fail where it passes them on."""
    for name, each in PROVIDERS.items():
        accepted = list(inspect.signature(each.find).parameters)
        assert {argument.name for argument in each.arguments} <= set(accepted), name
        assert (accepted[0] == "client") == each.online, name
