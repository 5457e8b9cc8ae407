"""Arrays with one row a picture, kept on disk and filled block by block, by one process or several.

    plan = Plan({"logit": Column("<f4"), "mean": Column("<f2", (960,))}, rows=20_649, block=256)
    group = Group(folder, "responses", plan)
    fill(group, compute, {"base_logit": 1.5})       # compute(slice(0, 256)) gives {"logit": ..., "mean": ...}
    stored = read(folder, "responses")              # None where it is not there, not whole, or not ours
    stored.arrays["mean"]                           # (20649, 960), memory-mapped
    stored.about["base_logit"]

A group of arrays is a file NAME.npy each, and the record GROUP.json, which lists them and is written last; other groups
may stand beside it. Until the record is there, GROUP.blocks holds a file for each block that is on the disk, with check
sums: a job that was killed goes on with the blocks that are missing. The record has the check sums, too, and the sizes
and dates of the files: those that are as they were left are opened without being read.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan.files import locked, make_directory, write_file, writes
from gan.progress import Progress
from xai.errors import ExplanationError
from xai.networks.processes import wait_for_all

LOCK_SECONDS = 2.0  # for another process that is just leaving

Arrays = dict[str, NDArray[Any]]
Compute = Callable[[slice], Arrays]  # rows to their part of every array


@dataclass(frozen=True)
class Column:
    """What an array has in each row: numpy's name of the type, and the shape."""

    dtype: str
    shape: tuple[int, ...] = ()

    @property
    def row_bytes(self) -> int:
        return np.dtype(self.dtype).itemsize * prod(self.shape)


@dataclass(frozen=True)
class Plan:
    """The arrays of a group by their names, how many rows they have, and how many of these a block has."""

    columns: Mapping[str, Column]
    rows: int
    block: int

    @property
    def blocks(self) -> int:
        return -(-self.rows // self.block)

    def rows_of(self, block: int) -> slice:
        return slice(block * self.block, min((block + 1) * self.block, self.rows))

    @property
    def record(self) -> dict[str, Any]:
        columns = {name: [column.dtype, list(column.shape)] for name, column in self.columns.items()}
        return {"columns": columns, "rows": self.rows, "block": self.block}

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Plan:
        columns = {name: Column(dtype, tuple(shape)) for name, (dtype, shape) in record["columns"].items()}
        return cls(columns, record["rows"], record["block"])


@dataclass(frozen=True)
class Group:
    """Arrays that are filled together: where they are, the record's name, and what they hold."""

    folder: Path
    name: str
    plan: Plan

    @property
    def record(self) -> Path:
        return self.folder / f"{self.name}.json"

    @property
    def blocks(self) -> Path:
        """A folder with a file for each finished block."""
        return self.folder / f"{self.name}.blocks"

    def array(self, column: str) -> Path:
        return self.folder / f"{column}.npy"

    def mapped(self, column: str) -> NDArray[Any]:
        """An array; ValueError where it is of another shape or type, and what numpy raises where it is none."""
        array: np.memmap[Any, Any] = np.lib.format.open_memmap(self.array(column), mode="r")
        expected = self.plan.columns[column]
        same = array.shape == (self.plan.rows, *expected.shape) and array.dtype == np.dtype(expected.dtype)
        if not same or self.array(column).stat().st_size != array.offset + array.nbytes:
            raise ValueError(column)
        return array

    def fits(self, column: str) -> bool:
        """Whether there is such an array."""
        try:
            self.mapped(column)
        except Exception:  # whatever numpy says to a file that is something else
            return False
        return True

    def size_and_date(self, column: str) -> list[int]:
        found = self.array(column).stat()
        return [found.st_size, found.st_mtime_ns]

    def checksum(self, column: str, block: int) -> int:
        return zlib.crc32(self.mapped(column)[self.plan.rows_of(block)].tobytes())


@dataclass(frozen=True, eq=False)
class Stored:
    """The arrays of a group, memory-mapped, and what was recorded about them."""

    arrays: Arrays
    about: dict[str, Any]


def read(folder: Path, name: str) -> Stored | None:
    """What is stored; None where it is absent, damaged, or something else."""
    try:
        record = json.loads((folder / f"{name}.json").read_bytes())
        if record.pop("seal") != _seal(record):
            return None
        group = Group(folder, name, Plan.of(record))
        arrays = {column: group.mapped(column) for column in group.plan.columns}
        whole = all(
            group.size_and_date(column) == record["files"][column]
            or [group.checksum(column, block) for block in range(group.plan.blocks)] == record["sums"][column]
            for column in arrays
        )
    except Exception:  # whatever is wrong with it, it is made again
        return None
    return Stored(arrays, record["about"]) if whole else None


def fill(
    group: Group, compute: Compute, about: Mapping[str, Any], progress: Progress, rank: int = 0, world: int = 1
) -> None:
    """Compute the blocks that are missing, and write the record. Nothing is done where all is there.

    progress : called with the finished fraction of this process's part; what it raises ends the job, and loses nothing.
    rank, world : of several processes that make this call together (:func:`xai.networks.processes.processes`).

    Raises
    ------
    ExplanationError
        If another job is filling these arrays, or another of these processes has stopped.
    WriteError
        If the disk is full, or does not allow it; what is finished stays.
    """
    with writes(group.folder, within=group.folder), _alone(group) if rank == 0 else nullcontext():
        if rank == 0 and read(group.folder, group.name) is None:
            _begin(group)
        wait_for_all(world)
        if not group.record.exists():
            _fill_blocks(group, compute, progress, range(rank, group.plan.blocks, world))
            wait_for_all(world)
            if rank == 0:
                _finish(group, about)
        wait_for_all(world)
    progress(1.0)


@contextmanager
def _alone(group: Group) -> Iterator[None]:
    """Keep others out until this process ends, in whatever way."""
    if group.folder.is_file():
        group.folder.unlink()  # nobody's, for a digest is its name
    make_directory(group.folder)
    try:
        with locked(group.folder / f"{group.name}.lock", LOCK_SECONDS):
            yield
    except TimeoutError:
        raise ExplanationError(f"Another process is filling {group.folder}; wait for its end.") from None


def _begin(group: Group) -> None:
    """Empty arrays of the right size, or those that a job of the same plan has left."""
    group.record.unlink(missing_ok=True)
    for left_behind in group.folder.glob(f".{group.record.name}.*"):  # by a process that was killed
        left_behind.unlink()
    if not all(map(group.fits, group.plan.columns)):
        shutil.rmtree(group.blocks, ignore_errors=True)
        for name, column in group.plan.columns.items():
            _make_empty(group.array(name), column, group.plan.rows)
    make_directory(group.blocks)


def _make_empty(path: Path, column: Column, rows: int) -> None:
    """A file of zeros that take no room on the disk yet. Whoever has the old one open keeps it."""
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    descr = np.lib.format.dtype_to_descr(np.dtype(column.dtype))
    header = {"descr": descr, "fortran_order": False, "shape": (rows, *column.shape)}
    with path.open("xb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + rows * column.row_bytes)


def _fill_blocks(group: Group, compute: Compute, progress: Progress, blocks: range) -> None:
    missing = [block for block in blocks if not _is_done(group, block)]
    for done, block in enumerate(missing, len(blocks) - len(missing)):
        progress(done / len(blocks))
        _write_block(group, block, compute(group.plan.rows_of(block)))


def _write_block(group: Group, block: int, arrays: Arrays) -> None:
    """The block's rows, and, when they are on the disk, the file that says so.

    Not through a memory map, for a full disk would kill the process.
    """
    sums, plan, some = {}, group.plan, group.plan.rows_of(block)
    for name, column in plan.columns.items():
        content = np.ascontiguousarray(arrays[name], column.dtype).tobytes()
        if len(content) != (some.stop - some.start) * column.row_bytes:
            raise ValueError(f"{name} has the shape {arrays[name].shape} for {some}")
        path = group.array(name)
        with path.open("r+b") as file:
            file.seek(path.stat().st_size - (plan.rows - some.start) * column.row_bytes)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        sums[name] = zlib.crc32(content)
    write_file(_note(group, block), json.dumps(sums).encode())


def _note(group: Group, block: int) -> Path:
    return group.blocks / f"{block}.json"


def _is_done(group: Group, block: int) -> bool:
    """Whether a block is on the disk as it was written."""
    with suppress(OSError, ValueError):
        sums = json.loads(_note(group, block).read_bytes())
        return bool(sums == {name: group.checksum(name, block) for name in group.plan.columns})
    return False


def _finish(group: Group, about: Mapping[str, Any]) -> None:
    plan = group.plan
    sums = [json.loads(_note(group, block).read_bytes()) for block in range(plan.blocks)]
    record = plan.record | {
        "files": {name: group.size_and_date(name) for name in plan.columns},
        "sums": {name: [one[name] for one in sums] for name in plan.columns},
        "about": dict(about),
    }
    write_file(group.record, json.dumps(record | {"seal": _seal(record)}).encode())
    shutil.rmtree(group.blocks, ignore_errors=True)


def _seal(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()
