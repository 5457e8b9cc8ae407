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

from gan import CheckpointError, load
from gan.checkpoints.conditioning import with_genres
from gan.cli import exit_code
from gan.progress import progress_bar
from xai.generator.filter_study import FIRST_SEED, filters_table
from xai.generator.filter_table import FILE


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", required=True, type=Path, help="checkpoint folder or .pth file")
    parser.add_argument("--genres", default="", help="asked for where there are genres, such as Horror,Comedy=0.5")
    parser.add_argument("--latents", type=int, default=256, help="how many posters are looked at")
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED, help="of the posters")
    parser.add_argument("--out", type=Path, help=f"file to write (default: {FILE} in the checkpoint's folder)")
    return parser.parse_args(arguments)


def study(chosen: argparse.Namespace) -> Path:
    """Do what the command line asks; the file written."""
    checkpoint = with_genres(load(chosen.checkpoint), chosen.genres)
    out: Path | None = chosen.out
    if out is None:
        if not chosen.checkpoint.is_dir():
            raise CheckpointError(f"{chosen.checkpoint} is no folder; say with --out where the table goes.")
        out = chosen.checkpoint / FILE
    if out.is_dir() or not out.parent.is_dir():
        raise ValueError(f"{out} is not a file in a folder that exists.")
    start = time.perf_counter()
    with progress_bar() as tell:
        table = filters_table(checkpoint, chosen.latents, chosen.first_seed, tell)
    table.save(out)
    print(f"{out}: {len(table)} filters, {chosen.latents} posters, {time.perf_counter() - start:.0f} s")
    for layer in dict.fromkeys(table.layer.tolist()):
        found = ", ".join(f"{count} {verdict}" for verdict, count in table.counts(layer).items() if count)
        print(f"  {layer}: {found}")
    return out


def main(arguments: list[str] | None = None) -> int:
    chosen = parse(arguments)
    return exit_code(lambda: study(chosen), "the table")


if __name__ == "__main__":
    sys.exit(main())
