"""Measure what every latent dimension and direction of a generator does, and keep the study beside its weights.

    python scripts/study_latents.py --checkpoint checkpoints/dcgan-64 --samples 256

Writes latents.npz into the checkpoint's folder, or the folder --out; it is bound to the weights by their
digest. Importance generates (dimensions + 5) pictures a sample: 256 samples take some minutes on two cores.
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
from xai.latents.study import FILE, latent_study

STUDY = {"vectors", "effects", "gram"}  # arrays of such a file


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = checkpoint_parser(__doc__)
    parser.add_argument("--out", type=Path, help="folder to write to (default: the checkpoint's)")
    cli.add_overwrite(parser)
    parser.add_argument("--samples", type=cli.count(2), default=256, help="rows of the sample for the importance")
    parser.add_argument("--grid", type=cli.count(), default=8, help="cells a side in which the importance is measured")
    parser.add_argument(
        "--seed", type=cli.number(int, 0, 999), default=0, help="random seed of the whole study, 0 to 999"
    )
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    folder: Path = options.out or options.checkpoint
    if not folder.is_dir():
        raise CheckpointError(f"{folder} is no folder; say with --out where the study goes.")
    out = output_file(folder / FILE, STUDY, options.overwrite)
    checkpoint = with_genres(load(options.checkpoint), options.genres)
    start = time.perf_counter()
    with progress_bar() as progress:
        study = latent_study(checkpoint, options.samples, options.grid, options.seed, progress)
    study.save(out)
    print(f"{out}: {counted(options.samples, 'sample')}, {time.perf_counter() - start:.0f} s")
    print(indent(study.summary(), "  "))


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    return exit_code(lambda: run(options), "the study")


if __name__ == "__main__":
    sys.exit(main())
