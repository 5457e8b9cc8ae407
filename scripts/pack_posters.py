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
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gan import FITS, PosterSet, cli, load_posters
from gan.cli import exit_code, report_unread
from gan.curation import near_duplicates
from gan.curation.packing import CODECS, DEFAULT, LOWEST, MEGABYTE, Packer, pack
from gan.errors import counted
from gan.files import write_file


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = cli.Parser(__doc__)
    parser.add_argument("source", type=Path, help="folder or zip of posters")
    parser.add_argument("--out", type=Path, required=True, help="zip to write")
    parser.add_argument("--size", type=size, default=64, help="side of a square, or height x width as in 96x64")
    parser.add_argument("--fit", choices=FITS, default="crop", help="crop to the size, pad with black, or stretch")
    parser.add_argument("--codec", choices=CODECS, default="webp", help="format of the pictures; default %(default)s")
    parser.add_argument(
        "--quality",
        type=cli.number(int, LOWEST, 100),
        default=DEFAULT,
        help=f"{LOWEST} to 100; the highest with --max-mb",
    )
    parser.add_argument(
        "--max-mb", type=cli.number(float, above=0), help="lower the quality until the zip is at most this large"
    )
    parser.add_argument("--duplicates", type=Path, metavar="CSV", help="write a table of near-duplicates")
    parser.add_argument("--drop-duplicates", action="store_true", help="leave out near-duplicates of posters that stay")
    parser.add_argument(
        "--max-distance",
        type=cli.number(int, 0, 64),
        default=near_duplicates.MAX_DISTANCE,
        help="between hashes of near-duplicates, in bits",
    )
    parser.add_argument(
        "--min-correlation",
        type=cli.number(float, -1, 1),
        default=near_duplicates.MIN_CORRELATION,
        help="of the pixels of near-duplicates",
    )
    cli.add_overwrite(parser)
    parser.add_argument("--quiet", action="store_true", help="no progress bars")
    return parser.parse_args(arguments)


def size(text: str) -> int | tuple[int, int]:
    """``64`` or ``96x64``."""
    sides = text.lower().split("x")
    if len(sides) > 2 or not all(side.isdecimal() and int(side) > 0 for side in sides):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a side (64) nor height x width (96x64)")
    return int(sides[0]) if len(sides) == 1 else (int(sides[0]), int(sides[1]))


def without_duplicates(posters: PosterSet, chosen: argparse.Namespace) -> Sequence[int]:
    """Report near-duplicates; the indices of the posters to pack."""
    begun = time.perf_counter()
    found = near_duplicates.near_duplicates(posters.images, chosen.max_distance, chosen.min_correlation)
    kept = found.kept(posters.complete) if chosen.drop_duplicates else range(len(posters))
    if chosen.duplicates:
        write_file(chosen.duplicates, found.table(posters.names, kept))
    alike = sum(len(group) for group in found.groups)
    across = {found.labels[link.first] for link in found.links if link.crosses_split(posters.split_keys)}
    groups = f"{counted(len(found.groups), 'group')} of near-duplicates"
    print(
        f"{counted(alike, 'poster')} in {groups}, {len(across)} of them across training and held-out; "
        f"found in {time.perf_counter() - begun:.1f} s"
    )
    if chosen.drop_duplicates:
        print(f"{counted(len(posters) - len(kept), 'near-duplicate')} left out")
    return kept


def run(chosen: argparse.Namespace) -> None:
    """Read, look for duplicates, pack, and report."""
    cli.new_file(chosen.out, chosen.overwrite)
    if chosen.duplicates:
        cli.new_file(chosen.duplicates, chosen.overwrite, near_duplicates.COLUMNS)
    posters = load_posters(chosen.source, chosen.size, chosen.fit, progress=not chosen.quiet)
    rows = without_duplicates(posters, chosen) if chosen.duplicates or chosen.drop_duplicates else None
    packer = Packer.of(chosen.source, posters, CODECS[chosen.codec], rows, not chosen.quiet)
    limit = None if chosen.max_mb is None else math.floor(chosen.max_mb * MEGABYTE)
    quality = pack(packer, chosen.out, chosen.quality, limit)
    report(packer, chosen.out, quality)
    report_unread(posters.broken, " and are not in the zip")


def report(packer: Packer, out: Path, quality: int) -> None:
    """How many, how large, how good."""
    height, width = packer.images.shape[1:3]
    megabytes = out.stat().st_size / MEGABYTE
    count = len(packer.names)
    print(
        f"{counted(count, 'poster')} of {height} x {width} (height x width) in {out}: {megabytes:.1f} MB "
        f"at quality {quality}"
    )
    psnr = packer.psnr(quality)
    print(f"PSNR over {len(psnr)} of them: median {np.median(psnr):.1f} dB, lowest {psnr.min():.1f} dB")


def main(arguments: list[str] | None = None) -> int:
    chosen = parse(arguments)
    return exit_code(lambda: run(chosen), chosen.out)


if __name__ == "__main__":
    sys.exit(main())
