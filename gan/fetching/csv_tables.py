"""Tables of posters as they are found on the web: CSV in UTF-8 or Latin-1, with columns under many names.

    table = read_table("MovieGenre.csv")
    table.columns                                   # ("imdbId", "Title", "Genre", "Poster")
    table.texts(table.find(None, GENRE_COLUMNS))    # the genres of each row, "" where there are none
    split_genres("Action|Drama")                    # ("Action", "Drama")

Tables that this package writes have two columns (:func:`write_pairs`).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gan.errors import DataError
from gan.files import write_file

# Column names that are recognised when none is named, in any case.
URL_COLUMNS = ("poster", "poster_url", "image_url", "image", "url", "address")
ID_COLUMNS = ("imdbid", "imdb_id")
GENRE_COLUMNS = ("genres", "genre")
NO_GENRE = frozenset({"", "n/a", "(no genres listed)"})

Genres = tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A CSV file: its columns, and its rows, in which every column has a text."""

    path: Path
    columns: tuple[str, ...]
    rows: tuple[dict[str, str], ...]

    def find(self, name: str | None, usual: Sequence[str]) -> str | None:
        """The column of this name, in any case; for None the first of the usual names, or None.

        DataError if ``name`` is not among the columns.
        """
        by_lower = {column.lower(): column for column in reversed(self.columns)}
        wanted = usual if name is None else (name.lower(),)
        column = next((by_lower[each] for each in wanted if each in by_lower), None)
        if column is None and name is not None:
            raise self._lacks(f"column {name}")
        return column

    def need(self, name: str | None, usual: Sequence[str], what: str) -> str:
        """As find; DataError where there is no such column. ``what`` says what it holds."""
        column = self.find(name, usual)
        if column is None:
            raise self._lacks(f"column with {what}")
        return column

    def texts(self, column: str | None) -> list[str]:
        """The column's text in each row, stripped; "" in each row for None."""
        return ["" if column is None else row[column].strip() for row in self.rows]

    def _lacks(self, what: str) -> DataError:
        return DataError(f"{self.path.name} has no {what}; it has {', '.join(self.columns) or 'none at all'}.")


def read_table(path: str | Path) -> Table:
    """Read a CSV file with a header; UTF-8, or else Latin-1, in which some well-known ones are."""
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        text = content.decode("utf-8-sig", "surrogatepass")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    reader = csv.DictReader(io.StringIO(text, newline=""), restval="")
    try:
        columns = tuple(reader.fieldnames or ())
        rows = tuple({name: row[name] for name in columns} for row in reader)
    except csv.Error as error:
        raise DataError(f"{path.name} is not a valid CSV table: {error}.") from error
    return Table(path, columns, rows)


def read_pairs(path: Path, columns: tuple[str, str]) -> dict[str, str]:
    """A table of just these two columns as a mapping, empty if it does not exist; DataError if it has other columns."""
    if not path.exists():
        return {}
    table = read_table(path)
    if table.columns != columns:  # writing it again would lose the other columns
        raise DataError(f"{path} was not written by this program; choose another folder.")
    key, value = columns
    return {row[key]: row[value] for row in table.rows}


def write_pairs(path: Path, columns: tuple[str, str], pairs: Mapping[str, str]) -> None:
    """Write a mapping as a table of two columns, sorted by the first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([columns, *sorted(pairs.items())])
    write_file(path, text.getvalue().encode("utf-8", "surrogatepass"))


def split_genres(text: str) -> Genres:
    """Genres from ``Action|Drama``, ``Action, Drama`` or ``['Action', 'Drama']``, each once, in order."""
    names = (name.strip(" \t'\"") for name in re.split(r"[|,\r\n]", text.strip().strip("[]")))
    return tuple(dict.fromkeys(name for name in names if name.lower() not in NO_GENRE))
