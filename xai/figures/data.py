"""A figure's numbers as files: a table as CSV, arrays as NPZ, which say themselves what they were made from.

csv_file(figure)                    # a column each for the checkpoint and its digest: rows can be put together
npz_file(figure)
arrays, about = read_npz(path)      # about: title, checkpoint, sha256, settings, units

A cell that a spreadsheet would run as a formula is marked as text.
"""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from xai.errors import ExplanationError
from xai.figures.figure import Figure

ABOUT = "about"  # the entry of an NPZ that says what the others are
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # with which a spreadsheet's formula begins


def csv_file(figure: Figure) -> bytes:
    """The table, UTF-8, with a heading each: ``name (unit)`` where a column has a unit."""
    source = {"checkpoint": figure.source.checkpoint, "sha256": figure.source.digest, "poster": figure.source.poster}
    told = {name: value for name, value in source.items() if value and name not in figure.columns}
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    units = {name: f" ({unit})" for name, unit in figure.units.items()}
    writer.writerow([*(cell(f"{name}{units.get(name, '')}") for name in figure.columns), *told])
    for row in figure.rows:
        writer.writerow([*map(cell, row), *map(cell, told.values())])
    return text.getvalue().encode()


def cell(value: Any) -> Any:
    """A value as CSV has it; a text that a spreadsheet would run is marked as text."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, list | tuple):
        value = " ".join(map(str, value))
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def npz_file(figure: Figure) -> bytes:
    """The arrays, and an entry ``about`` with JSON: what they are, their units, and what they were made from."""
    if ABOUT in figure.arrays:
        raise ExplanationError(f"An array cannot be called {ABOUT}.")
    units = {name: {"unit": one.unit, "about": one.about} for name, one in figure.arrays.items()}
    about = json.dumps(figure.about() | {"arrays": units}, default=str)
    buffer = io.BytesIO()
    entries: dict[str, Any] = {name: one.values for name, one in figure.arrays.items()}
    np.savez_compressed(buffer, **entries | {ABOUT: np.array(about)})
    return buffer.getvalue()


def read_npz(path: str | Path | IO[bytes]) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """The arrays of such a file, and what it says of them."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files if name != ABOUT}
        return arrays, json.loads(str(file[ABOUT]))
