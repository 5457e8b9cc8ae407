r"""Measure what every filter of a discriminator tells, and keep the table beside its weights.

    python scripts/study_discriminator.py --checkpoint checkpoints/dcgan-64 --data posters.zip

Writes discriminator.npz into the checkpoint's folder, or --out; it is bound to the weights by their digest, and holds
numbers and seeds, no poster. Evidence is from held-out and generated posters; the posters that show what a filter is
about are chosen from all. The responses are those of the collection's index (scripts/index_collection.py), which is
made where it is missing: about 10 milliseconds a poster. A job that was stopped goes on where it was.
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
from gan.errors import counted
from gan.networks.seeds import reserved
from gan.progress import stage_bars
from xai.collection.filters import filters_of
from xai.collection.index import build_index, generated_posters, real_posters, usual_reference
from xai.discriminator.decisions import judge
from xai.discriminator.filters.table import FILE
from xai.discriminator.summary import markdown

BEGIN, END = "<!-- filters -->", "<!-- /filters -->"
TABLE = {"layer", "unit", "agreeing", "real_posters"}  # columns of such a file
SEEDS = 2000  # as scripts/index_collection.py
STOPPED = "Stopped; the same command continues."


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = cli.Parser(__doc__)
    parser.add_argument("--checkpoint", required=True, type=Path, help="checkpoint folder or .pth file")
    parser.add_argument(
        "--condition", default="", metavar="GENRES", help="such as Horror,Comedy=0.5, where it knows any"
    )
    parser.add_argument("--data", required=True, type=Path, help="folder or zip of posters")
    add_poster_options(parser)
    parser.add_argument(
        "--seeds", type=cli.count(2, len(reserved("collection"))), default=SEEDS,
        help="number of generated posters; default %(default)s",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, help=f"file to write (default: {FILE} in the checkpoint's folder)")
    parser.add_argument("--write", type=Path, help=f"put a summary between {BEGIN} and {END} of this page")
    cli.add_overwrite(parser)
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    checkpoint = gan.load(options.checkpoint)
    if options.out is None and not options.checkpoint.is_dir():
        raise CheckpointError(f"{options.checkpoint} is no folder; say with --out where the table goes.")
    out = cli.output_file(options.out or options.checkpoint / FILE, TABLE, options.overwrite)
    if options.write:
        cli.split_section(options.write, BEGIN, END)  # a wrong page is said now, not after minutes of measuring
    given = with_genres(checkpoint, options.condition)
    generator, _ = given.need_both()
    data = posters_from(checkpoint, options.data, options)
    reference, start = usual_reference(given, data.training), time.perf_counter()
    populations = {
        "real posters": real_posters(data.posters),
        "generated posters": generated_posters(generator, reserved("collection")[: options.seeds]),
    }
    with stage_bars() as bars:
        real, generated = (
            build_index(given, population, reference, lambda done, name=name: bars(name, done))  # type: ignore[misc]
            for name, population in populations.items()
        )
        table = filters_of(given, data.posters, (real, generated), reference, lambda done: bars("filters", done))
    table.save(out)
    print(
        f"{out}: {counted(len(table), 'filter')}, {counted(table.real, 'real poster')} ({table.held_out} held out), "
        f"{counted(table.generated, 'generated poster')}, {time.perf_counter() - start:.0f} s"
    )
    print(indent(table.summary(), "  "))
    if options.write:
        text = markdown(table, judge(given, data.posters))
        cli.replace_section(options.write, BEGIN, END, text)


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    return cli.exit_code(lambda: run(options), "the table", STOPPED)


if __name__ == "__main__":
    sys.exit(main())
