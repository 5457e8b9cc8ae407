"""Studies kept beside the weights that they are of: one .npz of arrays with a JSON record, and no pickles.

    FILE = StudyFile("latents.npz", "study of latents", most_bytes=100_000_000)
    FILE.write(path, arrays, {"digest": checkpoint.digest})
    study = FILE.read(path, lambda arrays, record: Study(record["digest"], arrays["value"]))
    FILE.beside(folder)                    # the file's path in a checkpoint's folder; None where there is none

The record holds the digest of the weights, so that a study is never shown for other weights.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from gan.files import clear_leftovers, write_file
from xai.errors import ExplanationError

Arrays = dict[str, NDArray[Any]]
Record = dict[str, Any]
Study = TypeVar("Study")

DAMAGE = (
    OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, EOFError, MemoryError, zipfile.BadZipFile,
    zlib.error,
)  # fmt: skip  # what numpy, zip and json raise for files that are damaged or something else
OLD_RECORD = "facts"  # the record's name in tables of filters up to version 0.1, where it is a string


@dataclass(frozen=True)
class StudyFile:
    """A kind of study: its file's name, what it is in an error message, and its largest size unpacked."""

    name: str
    what: str
    most_bytes: int

    def write(self, path: str | Path, arrays: Arrays, record: Mapping[str, Any]) -> None:
        """Write one .npz, complete or not at all."""
        stored = {**arrays, "record": np.frombuffer(json.dumps(record).encode(), np.uint8)}
        clear_leftovers(Path(path))
        write_file(Path(path), lambda file: np.savez_compressed(file, **stored))  # type: ignore[arg-type]

    def read(self, path: str | Path, unpack: Callable[[Arrays, Record], Study]) -> Study:
        """``unpack`` of the arrays and the record; it raises any of ``DAMAGE`` where they do not fit.

        Raises
        ------
        ExplanationError
            If the file does not exist, is damaged, or is something else.
        """
        path = Path(path)
        if not path.is_file():
            raise ExplanationError(f"{path} does not exist.")
        try:
            with zipfile.ZipFile(path) as archive:
                if sum(entry.file_size for entry in archive.infolist()) > self.most_bytes:
                    raise ValueError("too large")  # a small file can unpack to more memory than there is
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            old = arrays.pop(OLD_RECORD, None)
            text = arrays.pop("record").tobytes() if old is None else str(old)
            return unpack(arrays, json.loads(text))
        except DAMAGE as error:
            raise ExplanationError(f"{path} is damaged or holds no {self.what}.") from error

    def beside(self, folder: str | Path) -> Path | None:
        """The file in a checkpoint's folder, where it exists."""
        path = Path(folder) / self.name
        return path if path.is_file() else None
