"""The providers of posters: each lists what it has and how to fetch it; gan.fetching.folder downloads it.

    client = HttpClient(RequestPolicy(rate=2))
    listing = from_csv(client, "MovieGenre.csv", id_column="imdbId")    # URLs in a table
    download_all(listing, "posters")

    download_all(from_kaggle("OWNER/NAME"), "posters")                  # optional extra ``kaggle``

``scripts/fetch_posters.py`` makes its commands from ``PROVIDERS``. A new provider is one function that returns a
:class:`Listing`, with ``@provider(...)`` above it. File names come from ids or from a hash of the URL, never from a
server.
"""

from __future__ import annotations

import importlib
import itertools
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar
from urllib.parse import urlencode

from gan.data.archives import MAX_FILE_BYTES
from gan.data.genre_lists import Genres, split_genres
from gan.data.images import FORMAT_NAMES, SUFFIXES
from gan.errors import DataError, FatalFetchError, FetchError
from gan.fetching.csv_tables import GENRE_COLUMNS, ID_COLUMNS, URL_COLUMNS, read_table
from gan.fetching.folder import Item, Listing, file_stem, text_hash
from gan.fetching.http import HttpClient
from gan.files import cache_directory

OMDB = "https://www.omdbapi.com/"
OMDB_KEY = "OMDB_API_KEY"  # environment variable
CELEBA_SPLITS = ("train", "valid", "test", "all")

Finder = TypeVar("Finder", bound=Callable[..., Listing])


# ---- the registry ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Argument:
    """A parameter of a provider, as ``argparse.ArgumentParser.add_argument(flag, **options)`` takes it."""

    flag: str
    options: dict[str, Any]

    @property
    def name(self) -> str:
        """The parameter's name: ``id_column`` for ``--id-column``."""
        return self.flag.lstrip("-").replace("-", "_")


@dataclass(frozen=True)
class Provider:
    """Where posters come from.

    find : the function; its parameters are the arguments, after an HttpClient if it is online.
    help : what it reads, a phrase. arguments : of its command. online : whether it sends requests by an HttpClient.
    """

    find: Callable[..., Listing]
    help: str
    arguments: tuple[Argument, ...]
    online: bool

    def listing(self, client: HttpClient, **arguments: Any) -> Listing:
        """What the provider has for these arguments, by name."""
        return self.find(client, **arguments) if self.online else self.find(**arguments)


PROVIDERS: dict[str, Provider] = {}


def provider(name: str, help: str, *arguments: Argument, online: bool = False) -> Callable[[Finder], Finder]:
    """Register the function below it as ``scripts/fetch_posters.py NAME``."""

    def register(find: Finder) -> Finder:
        PROVIDERS[name] = Provider(find, help, arguments, online)
        return find

    return register


def argument(flag: str, help: str, **options: Any) -> Argument:
    return Argument(flag, {"help": help, **options})


# ---- a table of URLs ---------------------------------------------------------------------------------


@provider(
    "csv",
    "a CSV file with image URLs",
    argument("table", "the file", type=Path),
    argument("--url-column", f"default: the first of {', '.join(URL_COLUMNS)}", metavar="NAME"),
    argument(
        "--id-column",
        f"gives the file names; default: {' or '.join(ID_COLUMNS)}, else a hash of the URL",
        metavar="NAME",
    ),
    argument("--genres-column", f"default: {' or '.join(GENRE_COLUMNS)}, if there is one", metavar="NAME"),
    online=True,
)
def from_csv(
    client: HttpClient,
    table: str | Path,
    url_column: str | None = None,
    id_column: str | None = None,
    genres_column: str | None = None,
) -> Listing:
    """The image URLs in a CSV file.

    A column that is None is searched by its usual names (URL_COLUMNS, ID_COLUMNS, GENRE_COLUMNS). DataError where the
    file cannot be read, a named column is missing, or no column has URLs.
    """
    rows = read_table(table)
    urls = rows.texts(rows.need(url_column, URL_COLUMNS, "image URLs"))
    ids = rows.texts(rows.find(id_column, ID_COLUMNS))
    genres = rows.texts(rows.find(genres_column, GENRE_COLUMNS))
    items = [_url_item(*row) for row in zip(itertools.count(1), urls, ids, genres, strict=False)]

    def fetch(item: Item) -> tuple[bytes, Genres]:
        if not item.source:
            raise FetchError("The table gives no URL.")
        return client.get(item.source), item.genres

    return Listing(items, fetch, client.stop)


def _url_item(number: int, url: str, id: str, genres: str) -> Item:
    name = id or url or f"row {number}"
    stem = text_hash(url)[:24] if url and not id else file_stem(name)
    return Item(name, stem, url, split_genres(genres))


# ---- the OMDb API ------------------------------------------------------------------------------------


@provider(
    "omdb",
    f"the OMDb API; its key is read from {OMDB_KEY}",
    argument("ids", "a text file with an IMDb id a line, or a .csv with a column imdbId", type=Path),
    argument("--id-column", "another column of the .csv", metavar="NAME"),
    online=True,
)
def from_omdb(client: HttpClient, ids: str | Path, id_column: str | None = None, key: str | None = None) -> Listing:
    """The posters that the OMDb API names for IMDb ids.

    ``ids`` is a text file with an id a line, or a .csv with a column ``imdbId``; 114709, 0114709 and tt0114709 are the
    same. The key is sent to the API only, and is in no message or file. DataError where the ids cannot be read,
    FetchError without a key; fetching raises FatalFetchError when the key is refused or used up for the day.
    """
    secret = (os.environ.get(OMDB_KEY, "") if key is None else key).strip()
    if not secret:
        raise FetchError(f"Put your key for the OMDb API into the environment variable {OMDB_KEY}.")

    def fetch(item: Item) -> tuple[bytes, Genres]:
        record = _omdb_record(client, secret, item.id)
        poster = record.get("Poster")
        if not isinstance(poster, str) or poster in ("", "N/A"):
            raise FetchError("OMDb has no poster of it.")
        return client.get(poster), split_genres(str(record.get("Genre", "")))

    items = [Item(imdb, file_stem(imdb)) for imdb in map(imdb_id, read_ids(ids, id_column))]
    return Listing(items, fetch, client.stop)


def read_ids(path: str | Path, id_column: str | None = None) -> list[str]:
    """Ids from a text file, one a line (# begins a comment), or a column of a .csv; DataError if there are none."""
    path = Path(path)
    if path.suffix.lower() == ".csv":
        table = read_table(path)
        texts = table.texts(table.need(id_column, ID_COLUMNS, "IMDb ids (imdbId)"))
    else:
        try:
            texts = [line.partition("#")[0].strip() for line in path.read_text("utf-8-sig").splitlines()]
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror}.") from error
        except UnicodeDecodeError:
            raise DataError(f"{path} is not a text file.") from None
    ids = [text for text in texts if text]
    if not ids:
        raise DataError(f"{path} holds no ids.")
    return ids


def imdb_id(text: str) -> str:
    """An IMDb id in OMDb's form (tt and at least seven digits) if the text can be read as one; else the text."""
    digits = re.fullmatch(r"(?:tt)?(\d{1,10})(?:\.0)?", text.strip(), re.ASCII)  # .0: a column that was once of floats
    return f"tt{int(digits[1]):07d}" if digits else text


def _omdb_record(client: HttpClient, key: str, imdb: str) -> dict[str, Any]:
    if not re.fullmatch(r"tt\d{7,10}", imdb, re.ASCII):
        raise FetchError("It is not an IMDb id.")
    try:
        record = json.loads(client.get(f"{OMDB}?{urlencode({'i': imdb, 'apikey': key})}"))
    except FetchError as error:
        if error.status in (401, 403):
            raise FatalFetchError("OMDb refuses the key: it is wrong, or has been used up for today.") from None
        raise
    except (ValueError, RecursionError):
        raise FetchError("OMDb's answer is not the JSON that was expected.") from None
    if not isinstance(record, dict):
        raise FetchError("OMDb's answer is not the JSON that was expected.")
    if record.get("Response") != "True":
        words = " ".join(str(record.get("Error", "no reason")).replace(key, "(key)").split())[:200]
        raise FetchError(f"OMDb says: {words.rstrip('.!')}.")
    return record


# ---- Kaggle ------------------------------------------------------------------------------------------


@provider("kaggle", "a Kaggle data set, through kagglehub", argument("handle", "the data set", metavar="OWNER/NAME"))
def from_kaggle(handle: str) -> Listing:
    """The pictures of a Kaggle data set, with genres where one of its tables has them.

    A table counts if it has a column ``genre`` or ``genres`` and another one that names the pictures.

    Raises
    ------
    FetchError
        If kagglehub is not installed, the data set does not exist, or it needs a login.
    DataError
        If it holds no pictures.
    """
    root = _kaggle_download(handle)
    pictures = _files(root, SUFFIXES)
    if not pictures:
        raise DataError(f"The Kaggle data set {handle} holds no picture ({FORMAT_NAMES}).")
    genres = _genres_by_picture(_files(root, {".csv"}), {path.stem.lower() for path in pictures})
    count = Counter(file_stem(path.stem) for path in pictures)
    items = []
    for path in pictures:
        name = path.relative_to(root).as_posix()
        stem = file_stem(path.stem if count[file_stem(path.stem)] == 1 else name)
        items.append(Item(name, stem, str(path), genres.get(path.stem.lower(), ())))
    return Listing(items, _read_local)


def _kaggle_download(handle: str) -> Path:
    """The folder of a data set in kagglehub's own cache."""
    if not re.fullmatch(r"[\w-]+/[\w-]+(/versions/\d+)?", handle, re.ASCII):
        raise FetchError(f"{handle} is not a Kaggle handle; use OWNER/NAME.")
    try:
        hub: Any = importlib.import_module("kagglehub")
    except ImportError:
        raise FetchError('Kaggle data sets need kagglehub: pip install -e ".[kaggle]".') from None
    try:
        return Path(hub.dataset_download(handle))
    except Exception as error:  # kagglehub passes on whatever its own libraries raise
        raise FetchError(f"{handle} cannot be downloaded from Kaggle: {_first_line(error)}.") from error


def _genres_by_picture(tables: Iterable[Path], stems: set[str]) -> dict[str, Genres]:
    """Genres by lower-case picture stem, from all tables that have them.

    The column that names the pictures is the one that names most of them. It must name half of the pictures, or half of
    its rows must be pictures: a column of years fits a few file names by chance.
    """
    by_picture: dict[str, Genres] = {}
    for path in tables:
        try:
            table = read_table(path)
        except DataError:  # some other file
            continue
        genre = table.find(None, GENRE_COLUMNS)
        named = {c: {_picture_key(text) for text in table.texts(c)} & stems for c in table.columns if c != genre}
        best = max(named, key=lambda column: len(named[column]), default=None)
        if genre is None or best is None or 2 * len(named[best]) < min(len(stems), len(table.rows)):
            continue
        for text, genres in zip(table.texts(best), table.texts(genre), strict=True):
            if (key := _picture_key(text)) in stems:
                by_picture[key] = tuple(dict.fromkeys(by_picture.get(key, ()) + split_genres(genres)))
    return by_picture


def _picture_key(text: str) -> str:
    name = PurePosixPath(text.lower())
    return name.stem if name.suffix in SUFFIXES else name.name


def _files(root: Path, suffixes: Collection[str]) -> list[Path]:
    """Files with these suffixes below a folder, sorted, hidden ones left out."""
    files = (path for path in root.rglob("*") if path.suffix.lower() in suffixes and path.is_file())
    return sorted(p for p in files if not any(part.startswith((".", "__MACOSX")) for part in p.relative_to(root).parts))


# ---- CelebA ------------------------------------------------------------------------------------------


@provider(
    "celeba",
    "the faces of CelebA, through torchvision",
    argument("--root", "where its folder celeba/ is; default: the cache", type=Path, default=cache_directory()),
    argument("--download", "download it (1.4 GB) if it is missing; needs gdown", action="store_true"),
    argument("--split", "default: %(default)s", choices=CELEBA_SPLITS, default="all"),
)
def from_celeba(root: str | Path, split: str = "all", download: bool = False) -> Listing:
    """CelebA (Liu et al. 2015), each face's attributes in place of genres.

    ``root`` is torchvision's folder, with ``celeba/`` in it; only with ``download`` is anything downloaded (1.4 GB from
    Google Drive, through gdown). FetchError if the data set is missing.
    """
    from torchvision.datasets import CelebA

    try:
        faces = CelebA(str(root), split=split, target_type="attr", download=download)
    except Exception as error:  # gdown and zipfile raise many kinds
        if not download:
            raise FetchError(f"There is no complete CelebA in {root}; --download downloads it.") from error
        raise FetchError(f"CelebA cannot be downloaded to {root}: {_first_line(error)}.") from error
    folder = Path(faces.root) / faces.base_folder / "img_align_celeba"
    items = []
    for name, row in zip(faces.filename, faces.attr.tolist(), strict=True):
        attributes = tuple(title for title, value in zip(faces.attr_names, row, strict=False) if value and title)
        items.append(Item(name, file_stem(PurePosixPath(name).stem), str(folder / name), attributes))
    return Listing(items, _read_local)


def _read_local(item: Item) -> tuple[bytes, Genres]:
    """A picture that is on this machine already."""
    path = Path(item.source)
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise FetchError(f"The file is larger than {MAX_FILE_BYTES / 1e6:g} MB.")
        return path.read_bytes(), item.genres
    except OSError as error:
        raise FetchError(f"The file cannot be read: {error.strerror}.") from None


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")
