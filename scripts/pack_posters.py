"""Pack posters into one zip of small pictures, to send them to the machine that trains.

    python scripts/pack_posters.py posters/ --out posters-64.zip --size 64
    python scripts/pack_posters.py posters.zip --out posters-96x64.zip --size 96x64 --max-mb 60
    python scripts/pack_posters.py posters/ --out posters-64.zip --duplicates duplicates.csv --drop-duplicates

Reads whatever training reads (a folder or a zip, metadata.csv beside the pictures), brings every poster to the size
(height x width) and compresses it. Training on the zip at that size sees the pixels that it would have seen, but for
the compression: its error over a sample is printed. The same posters give the same bytes.
"""

from __future__ import annotations

import argparse
import csv
import io
import math
import os
import sys
import zipfile
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from gan import FITS, DataError, PosterSet, load_posters, open_image
from gan.cli import exit_code, tell_unread
from gan.curation.near_duplicates import MAX_DISTANCE, MIN_CORRELATION, Pair, near_duplicates, without_duplicates
from gan.data.archives import METADATA, open_source, read_metadata
from gan.data.decoding import ahead
from gan.data.posters import is_held_out
from gan.files import write_file

LOWEST = 20  # quality; what is below is not worth training on
USUAL = 90
MEGABYTE = 1_000_000
ENTRY = 30 + 46  # bytes of a zip's two headers for each file, to which its name adds twice its length
DATE = (1980, 1, 1, 0, 0, 0)  # zip's earliest: a date would make each archive another one
SAMPLE = 400  # posters on which quality is chosen and the error measured


@dataclass(frozen=True)
class Codec:
    """A picture format: suffix, and what Pillow is told beside the quality."""

    suffix: str
    options: dict[str, Any]


CODECS = {
    "webp": Codec(".webp", {"format": "WEBP", "method": 4}),
    "jpeg": Codec(".jpg", {"format": "JPEG", "subsampling": 0, "optimize": True}),
}


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="folder or zip of posters")
    parser.add_argument("--out", type=Path, required=True, help="zip to write")
    parser.add_argument("--size", type=size, default=64, help="side of a square, or height x width as in 96x64")
    parser.add_argument("--fit", choices=FITS, default="crop", help="crop to the size, or pad with black")
    parser.add_argument("--codec", choices=CODECS, default="webp")
    parser.add_argument("--quality", type=int, default=USUAL, help=f"{LOWEST} to 100; the most with --max-mb")
    parser.add_argument("--max-mb", type=float, help="lower the quality until the zip is at most so large")
    parser.add_argument("--duplicates", type=Path, metavar="CSV", help="write a table of near-duplicates")
    parser.add_argument("--drop-duplicates", action="store_true", help="leave out all but one of each such group")
    parser.add_argument("--max-distance", type=int, default=MAX_DISTANCE, help="of the hashes of near-duplicates")
    parser.add_argument("--min-correlation", type=float, default=MIN_CORRELATION, help="of their pixels")
    parser.add_argument("--overwrite", action="store_true", help="replace the zip")
    parser.add_argument("--quiet", action="store_true", help="no progress bars")
    chosen = parser.parse_args(arguments)
    if not LOWEST <= chosen.quality <= 100:
        parser.error(f"--quality is between {LOWEST} and 100")
    if chosen.max_mb is not None and not chosen.max_mb > 0:
        parser.error("--max-mb is more than 0")
    return chosen


def size(text: str) -> int | tuple[int, int]:
    """``64`` or ``96x64``."""
    sides = text.lower().split("x")
    if len(sides) > 2 or not all(side.isdecimal() and int(side) > 0 for side in sides):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a side (64) nor height x width (96x64)")
    return int(sides[0]) if len(sides) == 1 else (int(sides[0]), int(sides[1]))


# ---- near-duplicates ---------------------------------------------------------------------------------


def report_duplicates(posters: PosterSet, pairs: Sequence[Pair], stay: set[int], path: Path) -> None:
    """Write one row a pair: names, distance, correlation, who is held out, who was left out."""
    table = io.StringIO(newline="")
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["first", "second", "distance", "correlation", "across_the_split", "left_out"])
    for pair in pairs:
        names = [posters.names[index] for index in (pair.first, pair.second)]
        gone = [posters.names[index] for index in (pair.first, pair.second) if index not in stay]
        across = "yes" if is_across(posters, pair) else "no"
        writer.writerow([*names, pair.distance, f"{pair.correlation:.4f}", across, "|".join(gone)])
    write_file(path, table.getvalue().encode("utf-8", "backslashreplace"))


def is_across(posters: PosterSet, pair: Pair) -> bool:
    """Whether one of the two is trained on while the other one judges."""
    return is_held_out(posters.names[pair.first]) != is_held_out(posters.names[pair.second])


def handle_duplicates(posters: PosterSet, chosen: argparse.Namespace) -> list[int]:
    """Find near-duplicates, report them, and give the indices of the posters that are to be packed."""
    pairs = near_duplicates(posters.images, chosen.max_distance, chosen.min_correlation)
    everything = list(range(len(posters)))
    stay = without_duplicates(len(posters), pairs, posters.complete) if chosen.drop_duplicates else everything
    if chosen.duplicates:
        report_duplicates(posters, pairs, set(stay), chosen.duplicates)
    across = sum(is_across(posters, pair) for pair in pairs)
    print(f"{len(pairs)} pairs of near-duplicates, {across} of them across training and held-out")
    if chosen.drop_duplicates:
        print(f"{len(posters) - len(stay)} near-duplicates left out")
    return stay


# ---- names and metadata ------------------------------------------------------------------------------


def packed_names(names: Sequence[str], suffix: str) -> list[str]:
    """Names within the zip, each once: with the new suffix, and in UTF-8.

    Where two posters differ in nothing but the format, the second goes to the folder ``again``: it keeps its file
    name, by which it is trained on or held out.
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
        rows = read_metadata(files, files.entries())
    there = [(rows[name], new) for name, new in zip(names, packed, strict=True) if name in rows]
    if not there:
        return None
    columns = dict.fromkeys(["file_name", *(column for row, _ in there for column in row)])
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, list(columns), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, "file_name": new} for row, new in there)
    return table.getvalue().encode()


# ---- compression -------------------------------------------------------------------------------------


def encode(picture: NDArray[np.uint8], codec: Codec, quality: int) -> bytes:
    """One picture as a file."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, quality=quality, **codec.options)
    return file.getvalue()


def encoded(pictures: Iterable[NDArray[np.uint8]], codec: Codec, quality: int) -> Iterator[bytes]:
    """All pictures as files, in order, compressed in parallel."""
    threads = os.cpu_count() or 1
    with ThreadPoolExecutor(threads) as pool:  # Pillow releases the interpreter lock while it compresses
        yield from ahead(pool, partial(encode, codec=codec, quality=quality), pictures, 4 * threads)


def quality_for(limit: float, most: int, size_at: Callable[[int], float]) -> int:
    """The highest quality from LOWEST to ``most`` whose size is at most ``limit``; LOWEST - 1 if there is none."""
    qualities = range(LOWEST, most + 1)
    return LOWEST - 1 + bisect_right(qualities, limit, key=size_at)


@dataclass(frozen=True)
class Packer:
    """Everything that is the same at each quality.

    images : uint8 RGB (N, H, W, 3); of these the ``rows`` are packed, under as many ``names``.
    table : metadata.csv, if there is any.
    """

    images: NDArray[np.uint8]
    rows: list[int]
    names: list[str]
    table: bytes | None
    codec: Codec
    quiet: bool

    def write(self, file: IO[bytes], quality: int) -> None:
        """Write the zip."""
        files = encoded((self.images[row] for row in self.rows), self.codec, quality)
        bar = tqdm(files, f"Packing at {quality}", len(self.names), unit="poster", disable=self.quiet)
        with zipfile.ZipFile(file, "w") as archive:
            if self.table is not None:
                archive.writestr(entry(METADATA, zipfile.ZIP_DEFLATED), self.table)
            for name, content in zip(self.names, bar, strict=True):
                archive.writestr(entry(name, zipfile.ZIP_STORED), content)

    def sample(self) -> NDArray[np.uint8]:
        """At most 400 of the posters, evenly from the first to the last."""
        places = np.linspace(0, len(self.rows) - 1, min(SAMPLE, len(self.rows))).astype(int)
        return np.stack([self.images[self.rows[place]] for place in places])

    def estimate(self) -> Callable[[int], float]:
        """Bytes of the zip at a quality, from a sample."""
        sample = self.sample()
        fixed = sum(ENTRY + 2 * len(name.encode()) for name in self.names) + len(zlib.compress(self.table or b""))

        def size_at(quality: int) -> float:
            sizes = [len(content) for content in encoded(sample, self.codec, quality)]
            return fixed + len(self.names) * sum(sizes) / len(sizes)

        return size_at

    def psnr(self, quality: int) -> NDArray[np.float64]:
        """Peak signal-to-noise ratio of each poster of a sample, in dB, as it is read again."""
        sample = self.sample()
        again = np.stack([np.asarray(open_image(content)) for content in encoded(sample, self.codec, quality)])
        error = ((again.astype(np.float64) - sample) ** 2).mean((1, 2, 3))
        decibels: NDArray[np.float64] = 10 * np.log10(255**2 / np.maximum(error, 1e-3))
        return decibels


def entry(name: str, compression: int) -> zipfile.ZipInfo:
    """A zip's entry without date, and with the same rights on every system."""
    info = zipfile.ZipInfo(name, DATE)
    info.compress_type = compression
    info.create_system = 3
    info.external_attr = 0o644 << 16
    return info


def pack(packer: Packer, out: Path, most: int, limit: float | None) -> int:
    """Write the zip at the highest quality up to ``most`` at which it has at most ``limit`` bytes; which it was.

    The quality is guessed from a sample; a zip that came out too large is written again at a lower one.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    quality = most if limit is None else first_quality(packer, most, limit)
    while True:
        try:
            write_file(out, partial(write_checked, packer, quality, limit))
            return quality
        except TooLargeError as error:
            if quality == LOWEST:
                raise DataError(
                    f"The zip has {error.size / MEGABYTE:.1f} MB at quality {LOWEST}, the lowest; give a larger "
                    "--max-mb or a smaller --size. No poster was left out and nothing was written."
                ) from None
            quality -= 1


def first_quality(packer: Packer, most: int, limit: float) -> int:
    """The quality to begin with; at least the lowest, for only the whole zip can tell how small it is then."""
    return max(LOWEST, quality_for(limit, most, packer.estimate()))


class TooLargeError(Exception):
    """A zip that is larger than it may be."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


def write_checked(packer: Packer, quality: int, limit: float | None, file: IO[bytes]) -> None:
    """Write the zip; TooLargeError, by which it goes away again, if it is above the limit."""
    packer.write(file, quality)
    if limit is not None and file.tell() > limit:
        raise TooLargeError(file.tell())


# ---- the whole ---------------------------------------------------------------------------------------


def run(chosen: argparse.Namespace) -> None:
    """Read, look for duplicates, pack, and say what was done."""
    if chosen.out.exists() and not chosen.overwrite:
        raise DataError(f"{chosen.out} exists already; --overwrite replaces it.")
    found = load_posters(chosen.source, chosen.size, chosen.fit, progress=not chosen.quiet)
    wants_duplicates = chosen.duplicates or chosen.drop_duplicates
    rows = handle_duplicates(found, chosen) if wants_duplicates else list(range(len(found)))
    codec = CODECS[chosen.codec]
    wanted = [found.names[row] for row in rows]
    names = packed_names(wanted, codec.suffix)
    table = metadata_table(chosen.source, wanted, names)
    packer = Packer(found.images, rows, names, table, codec, chosen.quiet)
    limit = None if chosen.max_mb is None else math.floor(chosen.max_mb * MEGABYTE)
    quality = pack(packer, chosen.out, chosen.quality, limit)
    tell(packer, chosen.out, quality)
    tell_unread(found.broken, " and are not in the zip")


def tell(packer: Packer, out: Path, quality: int) -> None:
    """How many, how large, how good."""
    height, width = packer.images.shape[1:3]
    megabytes = out.stat().st_size / MEGABYTE
    count = len(packer.names)
    print(f"{count} posters of {height} x {width} (height x width) in {out}: {megabytes:.1f} MB at quality {quality}")
    psnr = packer.psnr(quality)
    print(f"PSNR over {len(psnr)} of them: median {np.median(psnr):.1f} dB, lowest {psnr.min():.1f} dB")


def main(arguments: list[str] | None = None) -> int:
    chosen = parse(arguments)
    return exit_code(lambda: run(chosen), chosen.out)


if __name__ == "__main__":
    sys.exit(main())
