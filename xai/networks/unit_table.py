"""What tables of a network's units (filters) share: rows for a data frame, one unit's row, a file beside the weights.

    @dataclass(frozen=True, eq=False)
    class Table(UnitTable):
        STUDY = StudyFile("filters.npz", "table of filters", most_bytes=50_000_000)
        FACTS = ("digest",)                 # the fields that are no columns
        mean: NDArray[np.float32]
        digest: str

    Table.load(path).find("layers.4", 12)["mean"]

A column has a row for each unit; what is no column goes into the file's record.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from xai.errors import ExplanationError
from xai.networks.study_files import Arrays, Record, StudyFile


@dataclass(frozen=True, eq=False)
class UnitTable:
    """U units; layer, unit (U,) say where each is. Every column has U rows, and those of ``rows`` one value in each."""

    STUDY: ClassVar[StudyFile]
    FACTS: ClassVar[tuple[str, ...]]

    layer: NDArray[np.str_]
    unit: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.unit)

    @classmethod
    def columns(cls) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(field.name for field in fields(cls) if field.name not in cls.FACTS)

    def listed(self) -> dict[str, NDArray[Any]]:
        """The columns that rows have."""
        return {name: getattr(self, name) for name in self.columns()}

    def rows(self) -> list[dict[str, Any]]:
        """One dict a unit for a data frame; plain Python values."""
        columns = {name: values.tolist() for name, values in self.listed().items()}
        return [{name: values[index] for name, values in columns.items()} for index in range(len(self))]

    def find(self, layer: str, unit: int) -> dict[str, Any]:
        """The row of one unit; ExplanationError where there is none."""
        index = self.index(layer, unit)
        return {name: values[index].tolist() for name, values in self.listed().items()}

    def index(self, layer: str, unit: int) -> int:
        """Where a unit's row is; ExplanationError where there is none."""
        [places] = np.nonzero((self.layer == layer) & (self.unit == unit))
        if not len(places):
            raise ExplanationError(f"The table has no unit {unit} of {layer}.")
        return int(places[0])

    def stored(self) -> Arrays:
        """The arrays that are written."""
        return {name: getattr(self, name) for name in self.columns()}

    def record(self) -> Record:
        """What is written beside the arrays."""
        return {name: getattr(self, name) for name in self.FACTS}

    def save(self, path: str | Path) -> None:
        """Write one .npz, complete or not at all."""
        self.STUDY.write(path, self.stored(), self.record())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what ``save`` wrote.

        Raises
        ------
        ExplanationError
            If the file does not exist, is damaged, or is something else.
        """
        return cls.STUDY.read(path, cls.unpacked)

    @classmethod
    def unpacked(cls, arrays: Arrays, record: Record) -> Self:
        """The table of a file's content; ValueError, KeyError where it does not fit."""
        names = {name: arrays[name] for name in cls.columns()} | {name: record[name] for name in cls.FACTS}
        table = cls(**names)
        table.check()
        return table

    def check(self) -> None:
        """ValueError where a column is not of the kind or shape that it should be of."""
        raise NotImplementedError


def check_column(name: str, column: NDArray[Any], kind: str, *shape: int) -> None:
    """ValueError where a column is not of this kind of numpy dtype ("f", "i", "u", "b", "U") and shape."""
    if (column.dtype.kind, column.shape) != (kind, shape):
        raise ValueError(f"{name} is {column.dtype} {column.shape}")
