r"""Make the index of a collection: what every filter of D answers to all posters of a folder, and to generated ones.

    python scripts/index_collection.py --checkpoint checkpoints/dcgan-64 --data posters.zip --seeds 2000
    torchrun --nproc-per-node 2 scripts/index_collection.py --checkpoint checkpoints/dcgan-64 --data posters.zip

The index is kept in the cache (POSTERLENS_CACHE or ~/.cache/posterlens), and takes about 8 kB a poster there. A job
that was stopped goes on where it was when the same command is given again; under torchrun the processes share the
posters. All are compared with what the Compare page begins with, or --reference. --detect also looks for faces and text
on the real posters' files, a tenth of a second each and once for all checkpoints; the Collection page compares by them.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import gan
import xai
from gan import cli
from gan.checkpoints.conditioning import with_genres
from gan.checkpoints.dataset import add_poster_options, posters_from
from gan.cli import exit_code
from gan.data.posters import PosterSet
from gan.errors import UsageError
from gan.files import cache_directory
from gan.networks.seeds import reserved
from gan.progress import progress_bar
from xai.collection.detected import detect, detectors
from xai.collection.index import (
    REFERENCES,
    SEEDS,
    Population,
    build_index,
    find_index,
    generated_posters,
    real_posters,
    usual_reference,
)
from xai.networks.processes import processes

STOPPED = "Stopped; the same command continues."


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = cli.Parser(__doc__, conflict_handler="resolve")
    parser.add_argument("--checkpoint", required=True, type=Path, help="checkpoint folder or .pth file")
    parser.add_argument("--data", type=Path, help="folder or zip of posters; without it, generated ones only")
    add_poster_options(parser)
    parser.add_argument("--genres", default="", help="genres of a conditional checkpoint, such as Horror,Comedy=0.5")
    parser.add_argument(
        "--seeds", type=cli.count(0, len(reserved("collection"))), default=SEEDS,
        help="number of generated posters; 0 for none; default %(default)s",
    )  # fmt: skip
    parser.add_argument(
        "--reference", choices=[kind for kind in xai.REFERENCES if kind not in ("blur", "own")],
        help="what posters are compared with (default: posters, without --data generated)",
    )  # fmt: skip
    parser.add_argument("--references", type=cli.count(), default=REFERENCES, help="pictures in a reference of several")
    parser.add_argument("--detect", action="store_true", help="also look for faces and text (extra: concepts)")
    return parser.parse_args(arguments)


def populations(options: argparse.Namespace, checkpoint: gan.Checkpoint, posters: PosterSet | None) -> list[Population]:
    """What is to be looked at: posters, generated ones, or both."""
    found = [real_posters(posters)] if posters is not None else []
    if options.seeds:
        seeds = reserved("collection")[: options.seeds]
        found.append(generated_posters(checkpoint.need_generator(), seeds))
    if not found:
        raise UsageError("There is nothing to look at: name --data, or some --seeds.")
    return found


def run(options: argparse.Namespace) -> None:
    if options.detect and options.data is None:
        raise UsageError("--detect looks at real posters: name --data.")
    if options.detect:
        detectors()  # what is not installed is said before the minutes that the index takes
    trained = gan.load(options.checkpoint)
    checkpoint = with_genres(trained, options.genres)
    with processes() as (rank, world):
        data = posters_from(trained, options.data, options, rank > 0) if options.data else None
        wanted = populations(options, checkpoint, data.posters if data else None)
        reference = reference_of(options, checkpoint, data.training if data else None)
        for line in made(checkpoint, wanted, reference, rank, world):
            if rank == 0:
                print(line, flush=True)
        if options.detect and data is not None:
            with progress_bar() if rank == 0 else nullcontext(lambda part: None) as progress:
                found = detect(data.posters, options.data, progress, rank, world)
            if rank == 0:
                print(found.summary)
        if rank == 0 and data is not None and data.other:
            print(f"The posters of {data.other} are not those that {checkpoint.name} was trained on.")


def reference_of(options: argparse.Namespace, checkpoint: gan.Checkpoint, training: PosterSet | None) -> xai.Reference:
    """What all posters are compared with."""
    if options.reference is None:
        return usual_reference(checkpoint, training, options.references)
    generator = checkpoint.generator
    return xai.reference(options.reference, posters=training, generator=generator, count=options.references)


def made(
    checkpoint: gan.Checkpoint, wanted: list[Population], reference: xai.Reference, rank: int, world: int
) -> Iterator[str]:
    """Make each index, this process's part of it; where it is, and how long it took."""
    for population in wanted:
        there = world == 1 and find_index(checkpoint, population, reference) is not None
        start = time.perf_counter()
        with progress_bar() if rank == 0 else nullcontext(lambda part: None) as progress:
            index = build_index(checkpoint, population, reference, progress, rank, world)
        seconds = time.perf_counter() - start
        took = "it was there" if there else f"{seconds:.0f} s, {len(index) / seconds:.0f} posters a second"
        yield f"{index.folder}: {index.bytes / 1e6:.0f} MB, {took}"
        yield f"  {index.summary}"


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    return exit_code(lambda: run(options), cache_directory(), STOPPED)


if __name__ == "__main__":
    sys.exit(main())
