"""Tables as people write them: CSV in any usual encoding, with any usual separator and ends of lines.

    table = parse_table(Path("metadata.csv").read_bytes(), "metadata.csv", {"filename", "genres"})
    table.encoding, table.separator             # ("UTF-16", ";")
    table.columns, table.rows[0]                # ("File Name", "Genres"), ["a.jpg", "Horror"]

Of the separators that are tried, the one that splits the header into most of the known columns is taken.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import dropwhile

from gan.errors import DataError, printable

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
_MARKS = (  # byte order marks; that of UTF-32 begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8", "UTF-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32-be", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16"),
)


@dataclass(frozen=True)
class Delimited:
    """A table: its columns, and its rows, each a list of at least as many texts as there are columns."""

    columns: tuple[str, ...]
    rows: tuple[list[str], ...]
    encoding: str
    separator: str

    @property
    def dialect(self) -> str:
        """Its separator and encoding, in words."""
        return f"separator {SEPARATORS.get(self.separator, printable(self.separator))}, {self.encoding}"

    def described(self) -> str:
        """Its columns, for people."""
        shown = [printable(column[:40]) or '""' for column in self.columns[:8]]
        more = ", ..." if len(self.columns) > 8 else ""
        return f"{', '.join(shown) or 'none'}{more} ({self.dialect})"


def plain(column: str) -> str:
    """A column's name without what people write differently: case, spaces, underscores, dots."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", column).casefold())


def parse_table(content: bytes, name: str, known: Collection[str]) -> Delimited:
    """Read a table with a header; ``known`` are names of columns, as :func:`plain` gives them.

    Raises
    ------
    DataError
        If it cannot be decoded, or a cell has no end.
    """
    text, encoding = decode(content, name)
    stated = re.match(r"\s*\"?sep=(.)\"?[ \t,;]*(?:\r\n|\r|\n)", text)  # Excel's own first line
    text = text[stated.end() :] if stated else text
    separator = stated[1] if stated else _separator(text, known)
    rows = _rows(text, separator, name)
    columns = tuple(cell.strip() for cell in rows[0]) if rows else ()
    padded = tuple(row + [""] * (len(columns) - len(row)) for row in rows[1:])
    return Delimited(columns, padded, encoding, separator)


def decode(content: bytes, name: str = "The table") -> tuple[str, str]:
    """(text, name of the encoding): by its byte order mark, else UTF-8, or Windows-1252 where that fits better."""
    for mark, codec, encoding in _MARKS:
        if content.startswith(mark):
            try:
                return content[len(mark) :].decode(codec, "surrogatepass"), encoding
            except UnicodeDecodeError:
                raise DataError(f"{name} cannot be read as {encoding} text.") from None
    if len(content) % 2 == 0 and 0 in content[:2] and content[:2] != b"\0\0":
        return content.decode("utf-16-le" if content[1] == 0 else "utf-16-be", "replace"), "UTF-16"
    try:
        return content.decode("utf-8", "surrogatepass"), "UTF-8"
    except UnicodeDecodeError:
        text = content.decode("utf-8", "surrogateescape")
    damaged = sum("\udc80" <= letter <= "\udcff" for letter in text)
    if sum(letter > "\x7f" for letter in text) > 2 * damaged:  # UTF-8 in which a few bytes are not
        return text, "UTF-8"
    try:
        return content.decode("cp1252"), "Windows-1252"
    except UnicodeDecodeError:
        return content.decode("latin-1"), "Latin-1"


def _separator(text: str, known: Collection[str]) -> str:
    """The separator that gives most of the known columns, or else most columns."""

    def quality(separator: str) -> tuple[int, int]:
        try:
            header = next(_lines(text, separator, strict=False), [])
        except csv.Error:
            return (0, 0)
        return sum(plain(cell) in known for cell in header), len(header)

    return max(SEPARATORS, key=quality)


def _rows(text: str, separator: str, name: str) -> list[list[str]]:
    """All rows but empty ones, from the first on in which anything is written."""
    try:
        try:
            return list(_lines(text, separator, strict=True))
        except csv.Error as error:
            if "unexpected end" in str(error):  # one open quote would swallow the rest of the table
                raise DataError(f"{name} is not a valid CSV table: a quote in it is never closed.") from None
            return list(_lines(text, separator, strict=False))  # text behind a quote, which people do write
    except csv.Error as error:
        raise DataError(f"{name} is not a valid CSV table: {error}.") from error


def _lines(text: str, separator: str, strict: bool) -> Iterator[list[str]]:
    escape = "\\" if '\\"' in text and '""' not in text else None
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, escapechar=escape, strict=strict
    )
    return dropwhile(lambda row: not any(map(str.strip, row)), filter(None, reader))
