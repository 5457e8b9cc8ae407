"""Pictures decoded in parallel, once, into an array on disk.

cache_directory()                                            # where it is kept
for answer in ahead(pool, decode, names, most=16): ...
"""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, TypeVar

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from gan.data.archives import Source
from gan.data.images import Fit, fit_image, open_image
from gan.errors import ImageError
from gan.files import write_file

Progress = bool | Callable[[float], object]
Item = TypeVar("Item")
Answer = TypeVar("Answer")


def cache_directory(cache: str | Path | None = None) -> Path:
    """Where decoded data sets and computed tables are kept."""
    return Path(cache or os.environ.get("POSTERLENS_CACHE") or Path.home() / ".cache/posterlens")


def ahead(pool: Executor, do: Callable[[Item], Answer], items: Iterable[Item], most: int) -> Iterator[Answer]:
    """``do(item)`` of all items in order, at most ``most`` of them before they are asked for.

    ``Executor.map`` would compute all of them, however slowly they are fetched, and so fill the memory.
    """
    waiting: deque[Future[Answer]] = deque()
    for item in items:
        waiting.append(pool.submit(do, item))
        if len(waiting) >= most:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def decode_all(
    files: Source,
    names: list[str],
    shape: tuple[int, int],
    fit: Fit,
    array: Path,
    index: Path,
    progress: Progress,
) -> None:
    """Write each picture to the array as soon as it is decoded, so that the memory stays flat."""
    good: list[str] = []
    broken: list[tuple[str, str]] = []

    def write(file: IO[bytes]) -> None:
        _write_header(file, (len(names), *shape, 3))
        start = file.tell()
        for name, result in _decoded(files, names, shape, fit, progress):
            if isinstance(result, str):
                broken.append((name, result))
            else:
                file.write(result.tobytes())
                good.append(name)
        file.seek(0)
        _write_header(file, (len(good), *shape, 3))
        if file.tell() != start:  # numpy leaves room for the first axis to change; nothing else would be safe
            raise AssertionError("numpy wrote a header of another length")

    array.parent.mkdir(parents=True, exist_ok=True)
    write_file(array, write)
    write_file(index, json.dumps({"names": good, "broken": broken}).encode())


def _write_header(file: IO[bytes], shape: tuple[int, ...]) -> None:
    """The head of a .npy file that holds uint8 of this shape."""
    descr = np.lib.format.dtype_to_descr(np.dtype(np.uint8))
    np.lib.format.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})


def _decoded(
    files: Source, names: list[str], shape: tuple[int, int], fit: Fit, progress: Progress
) -> Iterator[tuple[str, NDArray[np.uint8] | str]]:
    """Each name with its pixels, or with the reason why there are none."""

    def decode(name: str) -> NDArray[np.uint8] | str:
        try:
            return np.asarray(fit_image(open_image(files.read(name), name), shape, fit))
        except ImageError as error:
            return str(error)

    tell = progress if callable(progress) else None
    threads = os.cpu_count() or 1
    with ThreadPoolExecutor(threads) as pool:
        decoded = ahead(pool, decode, names, 4 * threads)  # Pillow releases the interpreter lock while it decodes
        bar = tqdm(decoded, "Reading posters", len(names), unit="poster", disable=tell is not None or not progress)
        for place, (name, result) in enumerate(zip(names, bar, strict=True), 1):
            if tell is not None and place % 100 == 0:
                tell(place / len(names))
            yield name, result
