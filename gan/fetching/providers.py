"""Fetch posters into a folder that load_posters reads: politely, in parallel, and only what is truly a picture.

    web = Web(Manners(rate=4))
    fetch_csv("MovieGenre.csv", "posters", web, id_column="imdbId")     # image addresses in a table
    fetch_omdb("ids.txt", "posters", os.environ["OMDB_API_KEY"], web)   # IMDb ids
    fetch_kaggle("OWNER/NAME", "posters")                               # optional extra ``kaggle``
    fetch_celeba("faces", root="celeba", download=True)

``posters`` then holds the pictures as they came, ``metadata.csv`` (file_name, genres joined by |) and ``failed.csv``
(id or address, reason). The same call again goes on where the last one stopped. File names come from ids or from a
hash of the address, never from a server. How servers are asked stands in gan/fetching/http.py, how a folder is kept in order in
gan/fetching/folder.py.
"""

from __future__ import annotations

import importlib
import itertools
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlencode

from gan.data.archives import MAX_FILE_BYTES
from gan.data.images import SUFFIXES
from gan.errors import DataError, FetchError, HaltError
from gan.fetching.csv_tables import ADDRESS_COLUMNS, GENRE_COLUMNS, ID_COLUMNS, Genres, read_table, split_genres
from gan.fetching.folder import Collected, Item, Options, collect, file_stem, text_hash
from gan.fetching.http import Web

OMDB = "https://www.omdbapi.com/"

# ---- a table of addresses ----------------------------------------------------------------------------


def fetch_csv(
    table: str | Path,
    out: str | Path,
    web: Web | None = None,
    *,
    address_column: str | None = None,
    id_column: str | None = None,
    genres_column: str | None = None,
    options: Options | None = None,
) -> Collected:
    """Fetch the image addresses in a CSV file.

    A column that is not named is looked for by its usual names (ADDRESS_COLUMNS, ID_COLUMNS, GENRE_COLUMNS). Without
    ids a poster is named by a hash of its address. Errors as in :func:`collect`, and DataError without addresses.
    """
    web = web or Web()
    found = read_table(table)
    addresses = found.texts(found.need(address_column, ADDRESS_COLUMNS, "image addresses"))
    ids = found.texts(found.find(id_column, ID_COLUMNS))
    genres = found.texts(found.find(genres_column, GENRE_COLUMNS))
    items = [_address_item(*row) for row in zip(itertools.count(1), addresses, ids, genres, strict=False)]

    def obtain(item: Item) -> tuple[bytes, Genres]:
        if not item.source:
            raise FetchError("The table gives no address.")
        return web.get(item.source), item.genres

    return collect(items, obtain, out, options, web.stop)


def _address_item(number: int, address: str, given: str, genres: str) -> Item:
    name = given or address or f"row {number}"
    stem = text_hash(address)[:24] if address and not given else file_stem(name)
    return Item(name, stem, address, split_genres(genres))


# ---- the OMDb API ------------------------------------------------------------------------------------


def fetch_omdb(
    ids: str | Path,
    out: str | Path,
    key: str,
    web: Web | None = None,
    *,
    id_column: str | None = None,
    options: Options | None = None,
) -> Collected:
    """Ask the OMDb API for each IMDb id, and fetch the poster that it names.

    ``ids`` is a text file with an id a line, or a .csv with a column ``imdbId``; 114709, 0114709 and tt0114709 are the
    same. The key goes to the API only, and into no message or file. Errors as in :func:`collect`; HaltError when the
    key is refused or used up for the day.
    """
    web, key = web or Web(), key.strip()
    if not key:
        raise FetchError("The OMDb API needs a key.")

    def obtain(item: Item) -> tuple[bytes, Genres]:
        record = _omdb_record(web, key, item.id)
        poster = record.get("Poster")
        if not isinstance(poster, str) or poster in ("", "N/A"):
            raise FetchError("OMDb knows no poster of it.")
        return web.get(poster), split_genres(str(record.get("Genre", "")))

    items = [Item(imdb, file_stem(imdb)) for imdb in map(imdb_id, read_ids(ids, id_column))]
    return collect(items, obtain, out, options, web.stop)


def read_ids(path: str | Path, id_column: str | None = None) -> list[str]:
    """Ids from a text file, one a line (# begins a remark), or from a column of a .csv; DataError if there are none."""
    path = Path(path)
    if path.suffix.lower() == ".csv":
        table = read_table(path)
        found = table.texts(table.need(id_column, ID_COLUMNS, "IMDb ids (imdbId)"))
    else:
        try:
            found = [line.partition("#")[0].strip() for line in path.read_text("utf-8-sig").splitlines()]
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror}.") from error
        except UnicodeDecodeError:
            raise DataError(f"{path} is not a text file.") from None
    ids = [text for text in found if text]
    if not ids:
        raise DataError(f"{path} holds no ids.")
    return ids


def imdb_id(text: str) -> str:
    """An IMDb id as OMDb wants it (tt and at least seven digits) where the text can be read as one."""
    digits = re.fullmatch(r"(?:tt)?(\d{1,10})(?:\.0)?", text.strip(), re.ASCII)  # .0: a column that was once of floats
    return f"tt{int(digits[1]):07d}" if digits else text


def _omdb_record(web: Web, key: str, imdb: str) -> dict[str, Any]:
    if not re.fullmatch(r"tt\d{7,10}", imdb, re.ASCII):
        raise FetchError("It is not an IMDb id.")
    try:
        record = json.loads(web.get(f"{OMDB}?{urlencode({'i': imdb, 'apikey': key})}"))
    except FetchError as error:
        if error.status in (401, 403):
            raise HaltError("OMDb refuses the key: it is wrong, or has been used up for today.") from None
        raise
    except (ValueError, RecursionError):
        raise FetchError("OMDb's answer is not the JSON that was asked for.") from None
    if not isinstance(record, dict):
        raise FetchError("OMDb's answer is not the JSON that was asked for.")
    if record.get("Response") != "True":
        words = " ".join(str(record.get("Error", "no reason")).replace(key, "(key)").split())[:200]
        raise FetchError(f"OMDb says: {words.rstrip('.!')}.")
    return record


# ---- Kaggle ------------------------------------------------------------------------------------------


def fetch_kaggle(handle: str, out: str | Path, *, options: Options | None = None) -> Collected:
    """Fetch a Kaggle data set through kagglehub and take over its pictures, with genres where a table tells them.

    A table counts if it has a column ``genre`` or ``genres`` and another one that names the pictures.

    Raises
    ------
    FetchError
        If kagglehub is not installed, or there is no such data set, or it needs a login.
    DataError
        If it holds no pictures; and as in :func:`collect`.
    """
    root = _kaggle_download(handle)
    pictures = _files(root, SUFFIXES)
    if not pictures:
        raise DataError(f"The Kaggle data set {handle} holds no JPEG, PNG or WebP pictures.")
    genres = _genres_by_picture(_files(root, {".csv"}), {path.stem.lower() for path in pictures})
    count = Counter(file_stem(path.stem) for path in pictures)
    items = []
    for path in pictures:
        name = path.relative_to(root).as_posix()
        stem = file_stem(path.stem if count[file_stem(path.stem)] == 1 else name)
        items.append(Item(name, stem, str(path), genres.get(path.stem.lower(), ())))
    return collect(items, _copy, out, options)


def _kaggle_download(handle: str) -> Path:
    """The folder of a data set, which kagglehub keeps in its own cache."""
    if not re.fullmatch(r"[\w-]+/[\w-]+(/versions/\d+)?", handle, re.ASCII):
        raise FetchError(f"{handle} is no Kaggle handle; one looks like OWNER/NAME.")
    try:
        hub: Any = importlib.import_module("kagglehub")
    except ImportError:
        raise FetchError('Kaggle data sets need kagglehub: pip install -e ".[kaggle]".') from None
    try:
        return Path(hub.dataset_download(handle))
    except Exception as error:  # kagglehub passes on whatever its own libraries raise
        raise FetchError(f"Kaggle does not give {handle}: {_first_line(error)}.") from error


def _genres_by_picture(tables: Iterable[Path], stems: set[str]) -> dict[str, Genres]:
    """Genres by picture (file name without its ending, in small letters) from those tables that tell them.

    The column that names the pictures is the one that names most of them. It must name half of the pictures, or half of
    its rows must be pictures: a column of years fits a few file names by chance.
    """
    found: dict[str, Genres] = {}
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
                found[key] = tuple(dict.fromkeys(found.get(key, ()) + split_genres(genres)))
    return found


def _picture_key(text: str) -> str:
    name = PurePosixPath(text.lower())
    return name.stem if name.suffix in SUFFIXES else name.name


def _files(root: Path, suffixes: Collection[str]) -> list[Path]:
    """Files with these endings below a folder, sorted; none that is hidden."""
    found = (path for path in root.rglob("*") if path.suffix.lower() in suffixes and path.is_file())
    return sorted(p for p in found if not any(part.startswith((".", "__MACOSX")) for part in p.relative_to(root).parts))


# ---- CelebA ------------------------------------------------------------------------------------------


def fetch_celeba(
    out: str | Path, root: str | Path, *, split: str = "all", download: bool = False, options: Options | None = None
) -> Collected:
    """Export CelebA (Liu et al. 2015) as picture files, each face's attributes in place of genres.

    ``root`` is torchvision's folder, with ``celeba/`` in it; only ``download`` fetches anything (1.4 GB from Google
    Drive, through gdown). FetchError if the data set is not there; and as in :func:`collect`.
    """
    from torchvision.datasets import CelebA

    try:
        faces = CelebA(str(root), split=split, target_type="attr", download=download)
    except Exception as error:  # gdown and zipfile raise many kinds
        if not download:
            raise FetchError(f"There is no complete CelebA in {root}; --download fetches it.") from error
        raise FetchError(f"CelebA cannot be downloaded to {root}: {_first_line(error)}.") from error
    folder = Path(faces.root) / faces.base_folder / "img_align_celeba"
    items = []
    for name, row in zip(faces.filename, faces.attr.tolist(), strict=True):
        has = tuple(title for title, value in zip(faces.attr_names, row, strict=False) if value and title)
        items.append(Item(name, file_stem(PurePosixPath(name).stem), str(folder / name), has))
    return collect(items, _copy, out, options)


def _copy(item: Item) -> tuple[bytes, Genres]:
    """A picture that lies on this machine already."""
    path = Path(item.source)
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise FetchError(f"The file is larger than {MAX_FILE_BYTES / 1e6:g} MB.")
        return path.read_bytes(), item.genres
    except OSError as error:
        raise FetchError(f"The file cannot be read: {error.strerror}.") from None


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")
