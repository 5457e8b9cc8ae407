"""Posters compressed into one zip, at the highest quality at which it is small enough.

    packer = Packer.of("posters/", load_posters("posters/", (96, 64)), CODECS["webp"])
    quality = pack(packer, Path("posters-96x64.zip"), limit=60_000_000)
    packer.psnr(quality)                                # (n,) in dB, over a sample

The zip holds every poster at its size and one ``metadata.csv``. It is a data set like its source, with the same posters
held out. The same posters give the same bytes.
"""

from __future__ import annotations

import csv
import io
import os
import zipfile
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from gan.data.archives import METADATA, find_pictures, open_source
from gan.data.decoding import map_ahead
from gan.data.images import open_image
from gan.data.metadata import read_metadata
from gan.data.posters import PosterSet, evenly_spaced
from gan.data.rows import Images
from gan.errors import DataError
from gan.files import make_directory, write_file

LOWEST = 20  # quality; below it a poster is not worth training on
DEFAULT = 90
MEGABYTE = 1_000_000
ENTRY = 30 + 46  # bytes of a zip's two headers for each file, to which its name adds twice its length
DATE = (1980, 1, 1, 0, 0, 0)  # zip's earliest: the day of packing would change the bytes
SAMPLE = 400  # posters on which the quality is chosen and the error measured


@dataclass(frozen=True)
class Codec:
    """A picture format: suffix, and Pillow's options beside the quality."""

    suffix: str
    options: dict[str, Any]


CODECS = {
    "webp": Codec(".webp", {"format": "WEBP", "method": 4}),
    "jpeg": Codec(".jpg", {"format": "JPEG", "subsampling": 0, "optimize": True}),
}


@dataclass(frozen=True)
class Packer:
    """What goes into a zip, whatever the quality.

    images : uint8 RGB (N, H, W, 3); of these the ``rows`` are packed, under as many ``names``.
    table : content of metadata.csv, or None. progress : whether to draw a bar.
    """

    images: Images
    rows: Sequence[int]
    names: Sequence[str]
    table: bytes | None
    codec: Codec
    progress: bool = True

    @classmethod
    def of(
        cls,
        source: str | Path,
        posters: PosterSet,
        codec: Codec,
        rows: Sequence[int] | None = None,
        progress: bool = True,
    ) -> Self:
        """The ``rows`` (None: all) of posters that were loaded from ``source``, with its metadata."""
        rows = range(len(posters)) if rows is None else rows
        names = [posters.names[row] for row in rows]
        packed = packed_names(names, codec.suffix)
        return cls(posters.images, rows, packed, metadata_table(Path(source), names, packed), codec, progress)

    def write(self, file: IO[bytes], quality: int) -> None:
        """Write the zip."""
        files = _encode_all((self.images[row] for row in self.rows), self.codec, quality)
        bar = tqdm(files, f"Packing at {quality}", len(self.names), unit="poster", disable=not self.progress)
        with zipfile.ZipFile(file, "w") as archive:
            if self.table is not None:
                archive.writestr(_entry(METADATA, zipfile.ZIP_DEFLATED), self.table)
            for name, content in zip(self.names, bar, strict=True):
                archive.writestr(_entry(name, zipfile.ZIP_STORED), content)

    def sample(self) -> NDArray[np.uint8]:
        """At most 400 of the posters (n, H, W, 3), evenly spaced."""
        places = evenly_spaced(len(self.rows), SAMPLE, round_down=True)
        return np.stack([self.images[self.rows[place]] for place in places])

    def size_estimate(self) -> Callable[[int], float]:
        """A function from quality to the zip's bytes, estimated from a sample."""
        sample = self.sample()
        fixed = sum(ENTRY + 2 * len(name.encode()) for name in self.names) + len(zlib.compress(self.table or b""))

        def size_at(quality: int) -> float:
            sizes = [len(content) for content in _encode_all(sample, self.codec, quality)]
            return fixed + len(self.names) * sum(sizes) / len(sizes)

        return size_at

    def psnr(self, quality: int) -> NDArray[np.float64]:
        """Peak signal-to-noise ratio (n,) in dB of a sample after compression."""
        sample = self.sample()
        decoded = np.stack([np.asarray(open_image(content)) for content in _encode_all(sample, self.codec, quality)])
        error = ((decoded.astype(np.float64) - sample) ** 2).mean((1, 2, 3))
        decibels: NDArray[np.float64] = 10 * np.log10(255**2 / np.maximum(error, 1e-3))
        return decibels


def pack(packer: Packer, out: Path, highest: int = DEFAULT, limit: float | None = None) -> int:
    """Write the zip at the highest quality up to ``highest`` at which it has at most ``limit`` bytes; that quality.

    The quality is estimated from a sample; a zip that is too large is written again at a lower one.

    Raises
    ------
    DataError
        If the zip is larger than the limit at the lowest quality; nothing is written then.
    """
    make_directory(out.parent)
    quality = highest if limit is None else first_quality(packer, highest, limit)
    while True:
        try:
            write_file(out, partial(_write_within, packer, quality, limit))
            return quality
        except _TooLargeError as error:
            if quality == LOWEST:
                raise DataError(
                    f"The zip has {error.size / MEGABYTE:.1f} MB at quality {LOWEST}, the lowest; give a larger "
                    "--max-mb or a smaller --size. No poster was left out and nothing was written."
                ) from None
            quality -= 1


def first_quality(packer: Packer, highest: int, limit: float) -> int:
    """The quality to try first; at least the lowest, for only the whole zip shows how small it is then."""
    return max(LOWEST, quality_for(limit, highest, packer.size_estimate()))


def quality_for(limit: float, highest: int, size_at: Callable[[int], float]) -> int:
    """The highest quality from LOWEST to ``highest`` whose size is at most ``limit``; LOWEST - 1 if there is none."""
    return LOWEST - 1 + bisect_right(range(LOWEST, highest + 1), limit, key=size_at)


class _TooLargeError(Exception):
    """A zip above its limit."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


def _write_within(packer: Packer, quality: int, limit: float | None, file: IO[bytes]) -> None:
    """Write the zip; _TooLargeError, which removes it again, if it is above the limit."""
    packer.write(file, quality)
    if limit is not None and file.tell() > limit:
        raise _TooLargeError(file.tell())


def packed_names(names: Sequence[str], suffix: str) -> list[str]:
    """Names within the zip, all different: with the new suffix, and in UTF-8.

    Where two posters differ in the format only, the second goes to the folder ``again``: it keeps its file name, by
    which it is trained on or held out.
    """
    taken: dict[str, None] = {}
    for name in names:
        text = name.encode("utf-8", "backslashreplace").decode().replace("\\", "_")
        packed = PurePosixPath(text).with_suffix(suffix)
        while packed.as_posix() in taken:
            packed = "again" / packed
        taken[packed.as_posix()] = None
    return list(taken)


def metadata_table(source: Path, names: Sequence[str], packed: Sequence[str]) -> bytes | None:
    """One ``metadata.csv`` for all packed posters, with every column of every table; None where there is no row."""
    with open_source(source) as files:
        pictures = find_pictures(files)
        rows = read_metadata(files, pictures.others, pictures.stamps).rows
    renamed = [(rows[name], new) for name, new in zip(names, packed, strict=True) if name in rows]
    if not renamed:
        return None
    columns = dict.fromkeys(["file_name", *(column for row, _ in renamed for column in row)])
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, list(columns), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, "file_name": new} for row, new in renamed)
    return table.getvalue().encode()


def encode(picture: NDArray[np.uint8], codec: Codec, quality: int) -> bytes:
    """One picture (H, W, 3) as a file."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, quality=quality, **codec.options)
    return file.getvalue()


def _encode_all(pictures: Iterable[NDArray[np.uint8]], codec: Codec, quality: int) -> Iterator[bytes]:
    """All pictures as files, in order, compressed in parallel."""
    threads = os.cpu_count() or 1
    with ThreadPoolExecutor(threads) as pool:  # Pillow releases the interpreter lock while it compresses
        yield from map_ahead(pool, partial(encode, codec=codec, quality=quality), pictures, 4 * threads)


def _entry(name: str, compression: int) -> zipfile.ZipInfo:
    """A zip's entry without a date, and with the same permissions on every system."""
    info = zipfile.ZipInfo(name, DATE)
    info.compress_type = compression
    info.create_system = 3
    info.external_attr = 0o644 << 16
    return info
