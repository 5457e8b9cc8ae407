"""``metadata.csv``, as people write it: which picture each row is about, and the picture's genres.

    metadata = read_metadata(files, pictures)       # names of the pictures within the source
    metadata.rows["a/tt1.jpg"]["genres"]            # "Horror|Drama", however the table spells it
    metadata.genres["a/tt1.jpg"]                    # ("Horror", "Drama")
    metadata.tables[0].lines()                      # what was found, for people

A row names a picture from the table's folder on. Case, suffix, Unicode form and folders may differ, as long as exactly
one picture can be meant.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import PurePosixPath

from gan.data.archives import METADATA, Source, is_hidden
from gan.data.delimited import Delimited, parse_table, plain
from gan.data.genre_lists import Genres, read_genres, same_spelling
from gan.data.images import SUFFIXES
from gan.errors import DataError, ImageError, printable

# Names of columns as ``plain`` gives them, the surest first.
PICTURE_COLUMNS = (
    *("filename", "file", "imagefile", "imagename", "image", "imagepath", "img", "imgname", "picture", "posterfile"),
    *("poster", "posterpath", "path", "filepath", "imdbid", "tconst", "id", "imageid", "movieid", "tmdbid", "name"),
    *("title", "posterurl", "imageurl", "posterlink", "url"),
)
GENRE_COLUMNS = ("genres", "genre", "genrenames", "moviegenres", "moviegenre", "filmgenre", "categories", "category")
LABELS = "labels"
KNOWN = frozenset((*PICTURE_COLUMNS, *GENRE_COLUMNS, LABELS))

Row = dict[str, str]


@dataclass(frozen=True)
class TableRead:
    """What was found in a table.

    name : of its file. columns : those of the pictures and of the genres, and its separator and encoding, in words.
    rows : number of its rows. unmatched : the names in rows that fit no picture, or more than one.
    malformed : names in rows with more cells than the table has columns, of which the genres are not known.
    """

    name: str
    columns: str
    rows: int
    unmatched: tuple[str, ...] = ()
    malformed: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Sentences about the table."""
        lines = [f"{printable(self.name)}: {counted(self.rows, 'row')}; {self.columns}."]
        if self.unmatched:
            lines.append(f"{counted(len(self.unmatched), 'row')} fit no picture: {first_few(self.unmatched)}.")
        if self.malformed:
            count = counted(len(self.malformed), "row")
            lines.append(f"{count} with more cells than columns, genres not read: {first_few(self.malformed)}.")
        return lines


@dataclass(frozen=True)
class Metadata:
    """Rows and genres by the picture's name within the source, and what was found in which table."""

    rows: dict[str, Row] = field(default_factory=dict)
    genres: dict[str, Genres] = field(default_factory=dict)
    tables: tuple[TableRead, ...] = ()


def counted(count: int, noun: str) -> str:
    """``1 row``, ``1,234 rows``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def first_few(names: Sequence[str], most: int = 3) -> str:
    """``a.jpg, b.jpg, c.jpg and 12 more``."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(printable(name[:80]) or '""' for name in names[:most]) + more


def is_metadata(name: str) -> bool:
    """Whether a file within a source is a table about pictures."""
    return PurePosixPath(name).name.lower() == METADATA and not is_hidden(name)


def read_metadata(files: Source, names: Iterable[str], pictures: Collection[str]) -> Metadata:
    """Read all tables among the ``names`` of a source's files; where two know a picture, the nearer one counts.

    Raises
    ------
    DataError
        If a table cannot be read, or has no column that names pictures.
    """
    rows: dict[str, Row] = {}
    tables = []
    for name in sorted(filter(is_metadata, names), key=lambda name: (name.count("/"), name)):
        try:
            content = files.read(name)
        except ImageError as error:
            raise DataError(str(error)) from error
        found, read = _read_table(content, name, pictures)
        rows.update(found)
        tables.append(read)
    spelled = same_spelling([tuple(filter(None, row["genres"].split("|"))) for row in rows.values()])
    genres = dict(zip(rows, spelled, strict=True))
    for name, row in rows.items():
        row["genres"] = "|".join(genres[name])
    return Metadata(rows, genres, tuple(tables))


def _read_table(content: bytes, name: str, pictures: Collection[str]) -> tuple[dict[str, Row], TableRead]:
    """Each picture's row in one table, and what was found."""
    table = parse_table(content, name, KNOWN)
    folder = PurePosixPath(name).parent.as_posix()
    finder = PictureFinder(pictures, "" if folder == "." else folder + "/")
    table = _with_header(table, finder)
    column = _picture_column(table, finder, name)
    genre_columns = _genre_columns(table)
    cells, malformed = _regular(table, column, genre_columns)
    genres = _genres(cells, genre_columns)
    claims: dict[str, list[tuple[int, int]]] = {}  # of a picture: how surely, and which row
    unmatched = []
    for index, row in enumerate(cells):
        sureness, picture = finder.find(row[column])
        if picture is None:
            unmatched.append(row[column])
        else:
            claims.setdefault(picture, []).append((sureness, index))
    rows = {}
    for picture, claim in claims.items():
        surest = [index for sureness, index in claim if sureness == min(claim)[0]]
        if len({cells[index][column].strip() for index in surest}) > 1:  # two names of which either may be meant
            unmatched += [cells[index][column] for index in surest]
            continue
        others = [place for place in range(len(table.columns)) if place not in {column, *genre_columns}]
        rows[picture] = {
            "file_name": cells[surest[0]][column],
            **_merged(table, others, [cells[index] for index in surest]),
            "genres": "|".join(dict.fromkeys(name for index in surest for name in genres[index])),
        }
    described = ", ".join(
        [f'pictures in "{printable(table.columns[column])}"']
        + [f'genres in "{printable(table.columns[each])}"' for each in genre_columns[:1]]
        + ["no genres"] * (not genre_columns)
        + [table.dialect]
    )
    return rows, TableRead(name, described, len(cells), tuple(unmatched), tuple(row[column] for row in malformed))


def _with_header(table: Delimited, finder: PictureFinder) -> Delimited:
    """The table; where it has no header, that is where its first row names a picture, with one."""
    if any(plain(column) in KNOWN for column in table.columns):
        return table
    places = [place for place, cell in enumerate(table.columns) if finder.find(cell)[1] is not None]
    if len(places) != 1:
        return table
    others = ["genres"] if len(table.columns) == 2 else [f"column {place}" for place in range(1, len(table.columns))]
    columns = [*others[: places[0]], "file_name", *others[places[0] :]]
    return Delimited(tuple(columns), (list(table.columns), *table.rows), table.encoding, table.separator)


def _picture_column(table: Delimited, finder: PictureFinder, name: str) -> int:
    """The column with the names of most pictures; of several with as many, the one with the surest title."""
    titles = [plain(column) for column in table.columns]
    candidates = sorted(
        (place for place, title in enumerate(titles) if title in PICTURE_COLUMNS),
        key=lambda place: PICTURE_COLUMNS.index(titles[place]),
    )
    if not candidates:
        raise DataError(
            f"{printable(name)} has no column that names pictures, such as file_name; it has {table.described()}."
        )
    return max(candidates, key=lambda place: sum(finder.find(row[place])[1] is not None for row in table.rows))


def _genre_columns(table: Delimited) -> list[int]:
    """The column with the genres, or columns such as genre1, genre2."""
    titles = [plain(column) for column in table.columns]
    for title in GENRE_COLUMNS:
        if title in titles:
            return [titles.index(title)]
    return [place for place, title in enumerate(titles) if re.fullmatch(r"genres?\d+", title)]


def _regular(table: Delimited, picture: int, genres: Sequence[int]) -> tuple[list[list[str]], list[list[str]]]:
    """(all rows, those with surplus cells): genres that were written without quotes are joined again.

    A surplus cell can only be a genre where genres come last, and before them only names of pictures and labels.
    """
    width = len(table.columns)
    labels = {place for place, column in enumerate(table.columns) if plain(column) == LABELS}
    last = len(genres) == 1 and genres[0] == width - 1 and set(range(width)) == {picture, *genres, *labels}
    rows, malformed = [], []
    for row in table.rows:
        if not row[picture].strip():
            continue
        if not any(cell.strip() for cell in row[width:]):
            rows.append(row[:width])
        elif last:
            rows.append([*row[: width - 1], table.separator.join(row[width - 1 :])])
        else:
            rows.append([cell if place == picture else "" for place, cell in enumerate(row[:width])])
            malformed.append(rows[-1])
    return rows, malformed


def _genres(rows: Sequence[Sequence[str]], columns: Sequence[int]) -> list[Genres]:
    """The genres of each row, of all its columns of genres."""
    by_column = [read_genres([row[column] for row in rows]) for column in columns]
    return [tuple(dict.fromkeys(name for genres in by_column for name in genres[index])) for index in range(len(rows))]


def _merged(table: Delimited, places: Sequence[int], rows: Sequence[Sequence[str]]) -> Row:
    """These columns of several rows about one picture: ``partial`` if any is, and else what the first one says."""
    merged: Row = {}
    for place in places:
        key = LABELS if plain(table.columns[place]) == LABELS else table.columns[place]
        cells = [row[place] for row in rows]
        partial = (cell for cell in cells if key == LABELS and cell.strip().lower() == "partial")
        merged.setdefault(key, next(chain(partial, filter(None, cells)), ""))
    return merged


class PictureFinder:
    """The picture that a text in a table means, among those below the table's folder."""

    def __init__(self, pictures: Iterable[str], folder: str) -> None:
        below = [name for name in pictures if name.startswith(folder)]
        self.exact = {name[len(folder) :]: name for name in below}
        self.loose: tuple[dict[str, str | None], ...] = ({}, {}, {})
        for relative, name in self.exact.items():
            path = _fold(relative)
            tails = list(_tails(_without_suffix(path)))
            for keys, level in (([path], 0), (tails[:1], 1), (tails[1:], 2)):
                for key in keys:
                    known = self.loose[level]
                    known[key] = None if key in known else name  # None: more than one

    def find(self, text: str) -> tuple[int, str | None]:
        """(how surely, 0 for as it is written; the picture, or None)."""
        text = text.strip()
        if text in self.exact:
            return 0, self.exact[text]
        text = re.sub(r"^\w+://[^/]*/|[?#].*$", "", text) if "://" in text else text
        text = re.sub(r"^(\./|/)+", "", text.replace("\\", "/"))
        if text in self.exact:
            return 0, self.exact[text]
        path = _fold(text)
        bare = _without_suffix(path)
        if path in self.loose[0]:
            return 1, self.loose[0][path]
        for name in dict.fromkeys((path, bare)):  # what looks like a suffix may belong to the name, as in "0.0"
            for level in (1, 2):  # a picture of this path, or one in a folder that the table does not name
                if name in self.loose[level]:
                    return level + 1, self.loose[level][name]
        for tail in list(_tails(bare))[1:]:  # a folder that is not here
            if tail in self.loose[1]:
                return 4, self.loose[1][tail]
        number = f"tt{int(bare):07d}" if re.fullmatch(r"[0-9]{1,9}", bare) else None  # IMDb's number
        return (5, self.loose[1].get(number)) if number else (9, None)


def _fold(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


def _without_suffix(path: str) -> str:
    head, _, suffix = path.rpartition(".")
    return head if head and ("." + suffix in SUFFIXES or suffix == "0") else path  # 862.0: a number of pandas


def _tails(path: str) -> Iterator[str]:
    """``a/b/c``, ``b/c``, ``c``."""
    parts = path.split("/")
    return ("/".join(parts[start:]) for start in range(len(parts)))
