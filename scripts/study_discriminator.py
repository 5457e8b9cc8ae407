r"""Measure what every filter of a discriminator tells, and keep the table beside its weights.

    python scripts/study_discriminator.py --checkpoint checkpoints/dcgan-64 --data posters.zip
    python scripts/study_discriminator.py --checkpoint checkpoints/dcgan-64 --data posters.zip --posters 2000

Writes discriminator.npz into the checkpoint's folder, or --out; it is bound to the weights by their digest, and holds
numbers and seeds, no poster. Evidence is from held-out and generated posters; the posters that show what a filter is
about are chosen from all. Contributions are compared with the mean of 16 generated posters. About 10 milliseconds a
poster.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from textwrap import indent

import gan
from gan import CheckpointError, cli
from gan.checkpoints.conditioning import with_genres
from gan.checkpoints.dataset import add_poster_options, posters_from
from gan.data.posters import evenly_spaced
from gan.errors import counted
from gan.progress import stage_bars
from xai.discriminator.filter_study import GENERATED, study
from xai.discriminator.filter_table import FILE

TABLE = {"layer", "unit", "agreeing", "real_posters"}  # columns of such a file


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = cli.Parser(__doc__, conflict_handler="resolve")
    parser.add_argument("--checkpoint", required=True, type=Path, help="checkpoint folder or .pth file")
    parser.add_argument("--data", required=True, type=Path, help="folder or zip of posters")
    add_poster_options(parser)
    parser.add_argument("--genres", default="", help="genres of a conditional checkpoint, such as Horror,Comedy=0.5")
    parser.add_argument("--posters", type=cli.count(2), help="how many of the posters, evenly spaced (default: all)")
    parser.add_argument(
        "--generated", type=cli.count(2), default=GENERATED, help="generated posters; default %(default)s"
    )
    parser.add_argument("--out", type=Path, help=f"file to write (default: {FILE} in the checkpoint's folder)")
    cli.add_overwrite(parser)
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    checkpoint = gan.load(options.checkpoint)
    given = with_genres(checkpoint, options.genres)
    if options.out is None and not options.checkpoint.is_dir():
        raise CheckpointError(f"{options.checkpoint} is no folder; say with --out where the table goes.")
    out = cli.output_file(options.out or options.checkpoint / FILE, TABLE, options.overwrite)
    given.need_both()
    posters = posters_from(checkpoint, options.data, options).posters
    start = time.perf_counter()
    with stage_bars() as bars:
        rows = evenly_spaced(len(posters), options.posters or len(posters))
        table = study(given, posters, rows, options.generated, bars)
    table.save(out)
    print(
        f"{out}: {counted(len(table), 'filter')}, {counted(table.real, 'real poster')} ({table.held_out} held out), "
        f"{counted(table.generated, 'generated poster')}, {time.perf_counter() - start:.0f} s"
    )
    print(indent(table.summary(), "  "))


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    return cli.exit_code(lambda: run(options), "the table")


if __name__ == "__main__":
    sys.exit(main())
