"""Tables of posters as they are found on the web: CSV of any kind, with columns under many names.

    table = read_table("MovieGenre.csv")
    table.columns                                   # ("imdbId", "Title", "Genre", "Poster")
    table.texts(table.find(None, GENRE_COLUMNS))    # the genres of each row, "" where there are none

Tables that this package writes have two columns (:func:`write_pairs`).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gan.data.delimited import parse_table, plain
from gan.errors import DataError
from gan.files import write_file

# Column names that are recognised when none is named, in any spelling.
URL_COLUMNS = ("poster", "poster_url", "image_url", "image", "url", "address")
ID_COLUMNS = ("imdbid", "imdb_id")
GENRE_COLUMNS = ("genres", "genre")
KNOWN = frozenset(map(plain, (*URL_COLUMNS, *ID_COLUMNS, *GENRE_COLUMNS)))


@dataclass(frozen=True)
class Table:
    """A CSV file: its columns, and its rows, in which every column has a text."""

    path: Path
    columns: tuple[str, ...]
    rows: tuple[dict[str, str], ...]

    def find(self, name: str | None, usual: Sequence[str]) -> str | None:
        """The column of this name, in any spelling; for None the first of the usual names, or None.

        DataError if ``name`` is not among the columns.
        """
        by_spelling = {plain(column): column for column in reversed(self.columns)}
        wanted = map(plain, usual if name is None else (name,))
        column = next((by_spelling[each] for each in wanted if each in by_spelling), None)
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
    """Read a table with a header, in any usual encoding and with any usual separator (gan.data.delimited)."""
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    table = parse_table(content, path.name, KNOWN)
    rows = tuple(dict(zip(table.columns, row, strict=False)) for row in table.rows)
    return Table(path, table.columns, rows)


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
