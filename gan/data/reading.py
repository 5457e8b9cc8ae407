"""What was found in a source of posters, for people: what was left out and why, which tables, how many rows fit.

    load_posters("posters.zip", size=64).reading.lines()    # sentences such as these:

    metadata.csv: 3 rows; pictures in "File Name", genres in "Genre", separator semicolon, UTF-8.
    2 pictures have no row: b.jpg, c.jpg.
    1 file left out, in a format that cannot be read (HEIC): d.heic.

Pictures that are damaged stand in ``PosterSet.broken``, each with its reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gan.data.metadata import TableRead, counted, first_few


@dataclass(frozen=True)
class Reading:
    """What was found in a source.

    left_out : names of files that are not used, by the reason. tables : what was found in each ``metadata.csv``.
    without_row : names of pictures that no table knows, () where there is no table. notes : other sentences.
    """

    left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tables: tuple[TableRead, ...] = ()
    without_row: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Sentences, none where there is nothing to say."""
        lines = [line for table in self.tables for line in table.lines()]
        if self.without_row:
            have = "has" if len(self.without_row) == 1 else "have"
            lines.append(f"{counted(len(self.without_row), 'picture')} {have} no row: {first_few(self.without_row)}.")
        for reason, names in self.left_out.items():
            lines.append(f"{counted(len(names), 'file')} left out, {reason}: {first_few(names)}.")
        return [*lines, *self.notes]
