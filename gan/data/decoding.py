"""Pictures decoded in parallel, once, into a memory-mapped array on disk.

    job = DecodeJob(files, pictures, (64, 64), "crop")      # pictures: (name, stamp) of each
    decoded = decode_once(job, cache_directory(), progress=True)
    decoded.images                                          # uint8 (N, 64, 64, 3), read-only, read as it is used

The cached array is named by the pictures' names and stamps (size and date, or check sum), the shape, the fit, and the
version of this code and of Pillow. It is used as long as the check sum and the names beside it say that it is whole, or
else decoded again. Where nothing can be written, the pictures are decoded for this process alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
import PIL
from filelock import FileLock
from numpy.typing import NDArray
from tqdm import tqdm

from gan.data.archives import Source
from gan.data.images import FORMAT_NAMES, Fit, fit_image, open_image
from gan.errors import DataError, ImageError
from gan.files import write_file
from gan.progress import Progress

VERSION = 2  # of what is written; to be counted up when pictures are decoded otherwise
RECENT = 2_000_000_000  # nanoseconds in which a file may change and keep its date: FAT counts in steps of two seconds
VERIFIED = 2**30  # bytes up to which an array is always read through before it is used; above, if its date has changed

Pixels = NDArray[np.uint8]
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class DecodeJob:
    """What is decoded, and to what.

    files : where the pictures are read from. pictures : name and stamp of each, in order.
    shape : height and width of the result. fit : how a picture is brought to it (gan.data.images.FITS).
    digests : SHA-256 of the pictures that were changed a moment ago, whose stamps may stay when they change again.
    """

    files: Source
    pictures: Sequence[tuple[str, str]]
    shape: tuple[int, int]
    fit: Fit
    digests: dict[str, str] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        now, changed = time.time_ns(), self._changed
        self.digests.update((name, "") for name, _ in self.pictures if changed.get(name, 0) > now - RECENT)

    @property
    def _changed(self) -> Mapping[str, int]:
        return getattr(self.files, "changed", {})

    @property
    def key(self) -> str:
        """24 hexadecimal digits that change with the pictures, the shape, the fit, or the code."""
        pictures = [(name, stamp, self._changed.get(name, 0)) for name, stamp in self.pictures]
        text = json.dumps([VERSION, PIL.__version__, pictures, self.shape, self.fit])
        return hashlib.sha256(text.encode()).hexdigest()[:24]

    def decode(self, name: str) -> Pixels | str:
        """One picture, uint8 (H, W, 3), or the reason why it cannot be read."""
        try:
            content = self.files.read(name)
            if name in self.digests:
                self.digests[name] = hashlib.sha256(content).hexdigest()
            return np.asarray(fit_image(open_image(content, name), self.shape, self.fit))
        except ImageError as error:
            return str(error)

    def was_mended(self, name: str) -> bool:
        """Whether a picture of a zip can be read now: its check sum in the zip's list may be what it was before."""
        return not self._changed and not isinstance(self.decode(name), str)

    def is_unchanged(self, name: str, digest: str) -> bool:
        """Whether a picture still has this SHA-256, "" for one that cannot be read."""
        try:
            return hashlib.sha256(self.files.read(name)).hexdigest() == digest
        except ImageError:
            return not digest


@dataclass(frozen=True)
class Decoded:
    """Pictures in memory-mapped form.

    images : uint8 (N, H, W, 3), read-only. names : of the N pictures, in order.
    broken : names of files that could not be read, each with the reason. notes : what else to know, in sentences.
    """

    images: Pixels
    names: tuple[str, ...]
    broken: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()


def decode_once(job: DecodeJob, cache: Path, progress: bool | Progress) -> Decoded:
    """The pictures from the cache, after decoding them into it if they are not there, or not whole.

    Of several processes one decodes, and the others wait. ``progress`` is whether to draw a bar, or a function that is
    called with the finished fraction. DataError where nothing can be written, or none of the pictures can be read.
    """
    decoded = _read_cache(job, cache) or _fill_cache(job, cache, progress)
    if not decoded.names:
        reason = decoded.broken[0][1].rstrip(".") if decoded.broken else FORMAT_NAMES
        raise DataError(f"No usable picture was found ({reason}).")
    return decoded


def _fill_cache(job: DecodeJob, cache: Path, progress: bool | Progress) -> Decoded:
    index, array = _paths(job, cache)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(array.with_suffix(".lock")):
            if decoded := _read_cache(job, cache):  # another process has been faster
                return decoded
            for left_behind in cache.glob(f".{array.stem}.*"):  # by a process that was killed
                left_behind.unlink(missing_ok=True)
            for in_the_way in filter(Path.is_dir, (index, array)):
                shutil.rmtree(in_the_way)
            record: dict[str, Any] = {}
            write_file(array, lambda file: record.update(_write_pictures(job, file, progress)))
            write_file(index, _index(job, record, array))
            if decoded := _read_cache(job, cache):
                return decoded
            reason = "what was written cannot be read back"
    except (OSError, NotImplementedError) as error:  # the latter where the disk knows no locks
        reason = str(getattr(error, "strerror", None) or error)
    return _decode_aside(job, f"The cache {cache} cannot be written: {reason}", progress)


def _decode_aside(job: DecodeJob, reason: str, progress: bool | Progress) -> Decoded:
    """The pictures in a file that vanishes with this process, or DataError with the reason if that fails, too."""
    try:
        with tempfile.TemporaryFile() as file:
            record = _write_pictures(job, file, progress)
            file.flush()
            file.seek(0)
            np.lib.format.read_magic(file)
            shape, _, _ = np.lib.format.read_array_header_1_0(file)
            empty = not shape[0]  # which cannot be mapped
            images = np.zeros(shape, np.uint8) if empty else np.memmap(file, np.uint8, "r", file.tell(), shape)
    except OSError:
        raise DataError(f"{reason}.") from None
    note = f"{reason}; the posters are decoded for this process alone."
    return Decoded(images, tuple(record["names"]), tuple(record["broken"]), (note,))


def _paths(job: DecodeJob, cache: Path) -> tuple[Path, Path]:
    return cache / f"posters-{job.key}.json", cache / f"posters-{job.key}.npy"


def _read_cache(job: DecodeJob, cache: Path) -> Decoded | None:
    """What is cached, or None where it is absent, damaged, or of pictures that have changed since."""
    index, array = _paths(job, cache)
    try:
        record = json.loads(index.read_bytes())
        seal = record.pop("seal")
        names, broken = tuple(record["names"]), tuple((name, reason) for name, reason in record["broken"])
        without = {name for name, _ in broken}
        images = np.load(array, mmap_mode="r") if names else np.zeros((0, *job.shape, 3), np.uint8)
        whole = (
            seal == _seal(record)
            and names == tuple(name for name, _ in job.pictures if name not in without)
            and (images.shape, images.dtype) == ((len(names), *job.shape, 3), np.uint8)
            and (_is_as_written(array, record) or _checksum(images) == record["checksum"])
            and all(job.is_unchanged(name, digest) for name, digest in record["recent"].items())
            and not any(job.was_mended(name) for name in without)
        )
    except Exception:  # whatever is wrong with it, it is decoded again
        return None
    return Decoded(images, names, broken) if whole else None


def _index(job: DecodeJob, record: dict[str, Any], array: Path) -> bytes:
    """What stands beside the array: names, reasons, check sums, and a seal over all of it."""
    written = array.stat()
    record |= {"recent": job.digests, "size": written.st_size, "date": written.st_mtime_ns}
    return json.dumps(record | {"seal": _seal(record)}).encode()


def _seal(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def _is_as_written(array: Path, record: Mapping[str, Any]) -> bool:
    """Whether an array is too large to be read through each time, and its size and date are those it was left with."""
    found = array.stat()
    return found.st_size > VERIFIED and [found.st_size, found.st_mtime_ns] == [record["size"], record["date"]]


def _checksum(images: Pixels) -> int:
    checksum = 0
    for start in range(0, len(images), 64):
        checksum = zlib.crc32(images[start : start + 64].tobytes(), checksum)
    return checksum


def _write_pictures(job: DecodeJob, file: IO[bytes], progress: bool | Progress) -> dict[str, Any]:
    """Write each picture to the file as soon as it is decoded, so that memory use stays flat: names, reasons, sum."""
    names: list[str] = []
    broken: list[tuple[str, str]] = []
    checksum = 0
    _write_header(file, (len(job.pictures), *job.shape, 3))
    start = file.tell()
    for name, result in _decode_all(job, progress):
        if isinstance(result, str):
            broken.append((name, result))
        else:
            content = result.tobytes()
            checksum = zlib.crc32(content, checksum)
            file.write(content)
            names.append(name)
    file.seek(0)
    _write_header(file, (len(names), *job.shape, 3))
    if file.tell() != start:  # numpy leaves room for the first axis to change; nothing else would be safe
        raise AssertionError("numpy wrote a header of another length")
    return {"names": names, "broken": broken, "checksum": checksum}


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
