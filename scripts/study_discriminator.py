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

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import gan
import xai
from gan import CheckpointError, cli
from gan.checkpoints.conditioning import with_genres
from gan.checkpoints.dataset import add_poster_options, fingerprint, posters_from
from gan.curation.near_duplicates import near_duplicates
from gan.data.posters import PosterSet, evenly_spaced
from gan.errors import counted
from gan.networks.seeds import reserved
from gan.progress import stage_bars
from xai.discriminator.filter_study import Explained, Measured, discriminator_table, measured
from xai.discriminator.filter_table import FILE

TABLE = {"layer", "unit", "agreeing", "real_posters"}  # columns of such a file
FIRST_SEED = reserved("discriminator study").start
REFERENCE = "generated"


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = cli.Parser(__doc__, conflict_handler="resolve")
    parser.add_argument("--checkpoint", required=True, type=Path, help="checkpoint folder or .pth file")
    parser.add_argument("--data", required=True, type=Path, help="folder or zip of posters")
    add_poster_options(parser)
    parser.add_argument("--genres", default="", help="genres of a conditional checkpoint, such as Horror,Comedy=0.5")
    parser.add_argument("--posters", type=cli.count(2), help="how many of the posters, evenly spaced (default: all)")
    parser.add_argument("--generated", type=cli.count(2), default=1000, help="generated posters; default %(default)s")
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
    by = explained(given)
    with stage_bars() as bars:
        rows = evenly_spaced(len(posters), options.posters or len(posters))
        real = measured(
            by, lambda some: posters.tensor(rows[some]), rows, copies(posters.select(rows)),
            lambda done: bars("real posters", done),
        )  # fmt: skip
        generated = of_generated(given, by, options.generated, lambda done: bars("generated posters", done))
        table = discriminator_table(
            by, real, generated, posters.held_out[rows], fingerprint(posters, checkpoint.config.genres),
            lambda done: bars("filters", done),
        )  # fmt: skip
    table.save(out)
    print(
        f"{out}: {counted(len(table), 'filter')}, {counted(table.real, 'real poster')} ({table.held_out} held out), "
        f"{counted(table.generated, 'generated poster')}, {time.perf_counter() - start:.0f} s"
    )
    print(indent(table.summary(), "  "))


def explained(checkpoint: gan.Checkpoint) -> Explained:
    """D, with the reference of the Compare page."""
    generator, discriminator = checkpoint.need_both()
    reference = xai.reference(REFERENCE, generator=generator)
    picture = reference.single(torch.zeros(1, 3, *checkpoint.config.size))
    return Explained(xai.Score(discriminator), picture, reference.words, checkpoint.digest)


def of_generated(checkpoint: gan.Checkpoint, by: Explained, count: int, progress: gan.progress.Progress) -> Measured:
    """The responses to ``count`` generated posters."""
    generator, seeds = checkpoint.need_generator(), np.arange(FIRST_SEED, FIRST_SEED + count)

    @torch.no_grad()
    def pictures(rows: NDArray[np.intp]) -> Tensor:
        return generator(gan.latents(seeds[rows].tolist(), checkpoint.config))  # type: ignore[no-any-return]

    return measured(by, pictures, seeds, None, progress)


def copies(posters: PosterSet) -> NDArray[np.intp]:
    """For each poster the first that is nearly the same picture."""
    first = np.arange(len(posters))
    for group in near_duplicates(posters.images).groups:
        first[list(group)] = group[0]
    return first


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    return cli.exit_code(lambda: run(options), "the table")


if __name__ == "__main__":
    sys.exit(main())
