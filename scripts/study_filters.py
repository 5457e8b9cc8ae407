"""Measure what every filter of a generator is for, and keep the table beside its weights.

    python scripts/study_filters.py --checkpoint checkpoints/dcgan-64 --latents 256

Writes filters.npz into the checkpoint's folder, or --out; it is bound to the weights by their digest. About 3
seconds a latent on two idle cores. With few latents the 4 x 4 layer's correlations are too high by chance.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from textwrap import indent

from gan import CheckpointError, cli, load
from gan.checkpoints.conditioning import with_genres
from gan.cli import checkpoint_parser, exit_code, output_file
from gan.errors import counted
from gan.progress import progress_bar
from xai.generator.filter_study import FIRST_SEED, filters_table
from xai.generator.filter_table import FILE

TABLE = {"layer", "unit", "effect"}  # columns of such a file


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = checkpoint_parser(__doc__)
    parser.add_argument("--latents", type=cli.count(2), default=256, help="number of posters; default %(default)s")
    parser.add_argument("--first-seed", type=cli.seed(), default=FIRST_SEED, help="seed of the first poster")
    parser.add_argument("--out", type=Path, help=f"file to write (default: {FILE} in the checkpoint's folder)")
    cli.add_overwrite(parser)
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    checkpoint = with_genres(load(options.checkpoint), options.genres)
    if options.out is None and not options.checkpoint.is_dir():
        raise CheckpointError(f"{options.checkpoint} is no folder; say with --out where the table goes.")
    out = output_file(options.out or options.checkpoint / FILE, TABLE, options.overwrite)
    start = time.perf_counter()
    with progress_bar() as progress:
        table = filters_table(checkpoint, options.latents, options.first_seed, progress)
    table.save(out)
    print(
        f"{out}: {counted(len(table), 'filter')}, {counted(options.latents, 'poster')}, "
        f"{time.perf_counter() - start:.0f} s"
    )
    print(indent(table.summary(), "  "))


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    return exit_code(lambda: run(options), "the table")


if __name__ == "__main__":
    sys.exit(main())
