"""Pictures decoded in parallel, once, into a memory-mapped array on disk.

    job = DecodeJob(files, pictures, (64, 64), "crop")      # pictures: (name, stamp) of each
    decoded = decode_once(job, cache_directory(), progress=True)
    decoded.images                                          # uint8 (N, 64, 64, 3), read-only, read as it is used

The cached array is named by the pictures' names and stamps (size and date, or check sum), the shape and the fit.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from gan.data.archives import Source
from gan.data.images import FORMAT_NAMES, Fit, fit_image, open_image
from gan.errors import DataError, ImageError
from gan.files import write_file
from gan.progress import Progress

Pixels = NDArray[np.uint8]
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class DecodeJob:
    """What is decoded, and to what.

    files : where the pictures are read from. pictures : name and stamp of each, in order.
    shape : height and width of the result. fit : how a picture is brought to it (gan.data.images.FITS).
    """

    files: Source
    pictures: Sequence[tuple[str, str]]
    shape: tuple[int, int]
    fit: Fit

    @property
    def key(self) -> str:
        """24 hexadecimal digits that change with the pictures, the shape or the fit."""
        text = json.dumps([self.pictures, self.shape, self.fit])
        return hashlib.sha256(text.encode()).hexdigest()[:24]

    def decode(self, name: str) -> Pixels | str:
        """One picture, uint8 (H, W, 3), or the reason why it cannot be read."""
        try:
            return np.asarray(fit_image(open_image(self.files.read(name), name), self.shape, self.fit))
        except ImageError as error:
            return str(error)


@dataclass(frozen=True)
class Decoded:
    """Pictures in memory-mapped form.

    images : uint8 (N, H, W, 3), read-only. names : of the N pictures, in order.
    broken : names of files that could not be read, each with the reason.
    """

    images: Pixels
    names: tuple[str, ...]
    broken: tuple[tuple[str, str], ...]


def decode_once(job: DecodeJob, cache: Path, progress: bool | Progress) -> Decoded:
    """The pictures from the cache, after decoding them into it if they are not there.

    ``progress`` is whether to draw a bar, or a function that is called with the finished fraction. DataError where the
    cache cannot be written, or none of the pictures can be read.
    """
    index, array = cache / f"posters-{job.key}.json", cache / f"posters-{job.key}.npy"
    if not (index.exists() and array.exists()):
        try:
            cache.mkdir(parents=True, exist_ok=True)
            _decode_to(job, array, index, progress)
        except OSError as error:
            raise DataError(f"The cache {cache} cannot be written: {error.strerror or error}.") from error
    record = json.loads(index.read_text())
    if not record["names"]:
        reason = record["broken"][0][1].rstrip(".") if record["broken"] else FORMAT_NAMES
        raise DataError(f"No usable picture was found ({reason}).")
    broken = tuple((name, reason) for name, reason in record["broken"])
    return Decoded(np.load(array, mmap_mode="r"), tuple(record["names"]), broken)


def _decode_to(job: DecodeJob, array: Path, index: Path, progress: bool | Progress) -> None:
    """Write each picture to the array as soon as it is decoded, so that memory use stays flat; then the index."""
    names: list[str] = []
    broken: list[tuple[str, str]] = []

    def write(file: IO[bytes]) -> None:
        _write_header(file, (len(job.pictures), *job.shape, 3))
        start = file.tell()
        for name, result in _decode_all(job, progress):
            if isinstance(result, str):
                broken.append((name, result))
            else:
                file.write(result.tobytes())
                names.append(name)
        file.seek(0)
        _write_header(file, (len(names), *job.shape, 3))
        if file.tell() != start:  # numpy leaves room for the first axis to change; nothing else would be safe
            raise AssertionError("numpy wrote a header of another length")

    write_file(array, write)
    write_file(index, json.dumps({"names": names, "broken": broken}).encode())


def _write_header(file: IO[bytes], shape: tuple[int, ...]) -> None:
    """The header of a .npy file that holds uint8 of this shape."""
    descr = np.lib.format.dtype_to_descr(np.dtype(np.uint8))
    np.lib.format.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})


def _decode_all(job: DecodeJob, progress: bool | Progress) -> Iterator[tuple[str, Pixels | str]]:
    """Each name with its pixels, or with the reason why there are none; in order."""
    names = [name for name, _ in job.pictures]
    report = progress if callable(progress) else None
    threads = os.cpu_count() or 1
    with ThreadPoolExecutor(threads) as pool:
        decoded = map_ahead(pool, job.decode, names, 4 * threads)  # Pillow decodes without the interpreter's lock
        bar = tqdm(decoded, "Reading posters", len(names), unit="poster", disable=report is not None or not progress)
        for done, (name, result) in enumerate(zip(names, bar, strict=True), 1):
            if report is not None and done % 100 == 0:
                report(done / len(names))
            yield name, result


def map_ahead(
    pool: Executor, function: Callable[[Item], Result], items: Iterable[Item], limit: int
) -> Iterator[Result]:
    """As ``pool.map``, but with at most ``limit`` results computed before they are consumed.

    ``Executor.map`` computes all of them, however slowly they are consumed, and so fills the memory.
    """
    pending: deque[Future[Result]] = deque()
    for item in items:
        pending.append(pool.submit(function, item))
        if len(pending) >= limit:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()
