r"""Study a collection: which posters look alike to D, its strategies, what G cannot draw, copies of training posters.

    python scripts/study_collection.py --checkpoint checkpoints/dcgan-64 --data posters.zip

Writes collection.npz into the checkpoint's folder, or --out; it is bound to the weights by their digest, and holds
numbers of posters and seeds, no poster. Indexes (scripts/index_collection.py) are made where they are missing. Each
part is kept as soon as it is finished, so that a job that was stopped goes on; without --data only generated posters
are looked at, and what needs real ones is left out.
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
from xai.collection.index import SEEDS
from xai.collection.material import DRAWN, Material
from xai.collection.study import FILE, study_collection
from xai.collection.summary import markdown

BEGIN, END = "<!-- collection -->", "<!-- /collection -->"
STUDY = {"record"}  # what such a file has
STOPPED = "Stopped; the same command continues."


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser, most = cli.Parser(__doc__), len(reserved("collection"))
    parser.add_argument("--checkpoint", required=True, type=Path, help="checkpoint folder or .pth file")
    parser.add_argument(
        "--condition", default="", metavar="GENRES", help="such as Horror,Comedy=0.5, where it knows any"
    )
    parser.add_argument("--data", type=Path, help="folder or zip of posters; without it, generated ones only")
    add_poster_options(parser)
    parser.add_argument(
        "--seeds", type=cli.count(2, most), default=SEEDS,
        help="number of generated posters that D looks at; default %(default)s",
    )  # fmt: skip
    parser.add_argument(
        "--drawn", type=cli.count(2, most), default=DRAWN,
        help="number of generated posters that show what G draws; default %(default)s",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, help=f"file to write (default: {FILE} in the checkpoint's folder)")
    parser.add_argument("--write", type=Path, help=f"put a summary between {BEGIN} and {END} of this page")
    cli.add_overwrite(parser)
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    trained = gan.load(options.checkpoint)
    if options.out is None and not options.checkpoint.is_dir():
        raise CheckpointError(f"{options.checkpoint} is no folder; say with --out where the study goes.")
    out = cli.output_file(options.out or options.checkpoint / FILE, STUDY, options.overwrite)
    if options.write:
        cli.split_section(options.write, BEGIN, END)  # a wrong page is said now, not after minutes of measuring
    checkpoint, start = with_genres(trained, options.condition), time.perf_counter()
    posters = posters_from(trained, options.data, options) if options.data else None
    with stage_bars() as bars:
        material = Material.of(checkpoint, posters, options.seeds, options.drawn, bars)
        study = study_collection(material, bars)
    study.save(out)
    print(
        f"{out}: {counted(study.real, 'real poster')} ({study.held_out} held out), "
        f"{counted(study.generated, 'generated poster')}, {time.perf_counter() - start:.0f} s"
    )
    print(indent(study.text, "  "))
    if options.write:
        cli.replace_section(options.write, BEGIN, END, markdown(study))


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    return cli.exit_code(lambda: run(options), "the study", STOPPED)


if __name__ == "__main__":
    sys.exit(main())
