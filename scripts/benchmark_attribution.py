"""Do the maps point at what is known to have moved the discriminator? Every method against three controls.

    python scripts/benchmark_attribution.py --data posters.zip --write docs/attribution.md --json docs/attribution.json
    python scripts/benchmark_attribution.py --cases 8 --quick

Pieces of generated posters and strips of noise are planted in held-out posters, and parts are taken out of
drawn posters, where that moves D's logit; each method explains the picture, and its map is measured against the
place. Without --data generated posters take the place of real ones. --write replaces what stands between the
two marks in a Markdown file. The same settings give the same numbers (times aside).
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import gan
import xai
from gan import cli
from gan.checkpoints.dataset import add_poster_options, posters_from
from gan.cli import exit_code, replace_section, split_section
from gan.files import write_file
from xai.bench.standing import keep
from xai.bench.study import Plan, Study, localise
from xai.bench.tables import report

NUMBERS = {"settings", "kinds", "measures"}  # keys of a file that --json wrote
BEGIN, END = "<!-- benchmark: begin -->", "<!-- benchmark: end -->"


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = cli.Parser(__doc__)
    parser.add_argument("--checkpoint", type=Path, default=Path("checkpoints/dcgan-64"), help="checkpoint folder")
    parser.add_argument("--data", type=Path, help="folder or zip of posters; held-out ones are planted in")
    add_poster_options(parser)
    parser.add_argument("--cases", type=cli.count(2), default=Plan.cases, help="cases of each of the three kinds")
    parser.add_argument(
        "--least",
        type=cli.number(float, above=0),
        default=Plan.least,
        help="least change of the logit, in its standard deviations",
    )
    parser.add_argument("--reference", choices=list(xai.REFERENCES), help="default: posters, without --data generated")
    parser.add_argument(
        "--methods",
        nargs="+",
        choices=list(xai.METHODS),
        default=list(xai.METHODS),
        metavar="NAME",
        help="default: all",
    )
    parser.add_argument("--seed", type=cli.seed(), default=0, help="of the cases, the methods and the resampling")
    parser.add_argument("--quick", action="store_true", help="slow methods at bounded cost")
    cli.add_overwrite(parser)
    parser.add_argument("--write", type=Path, metavar="PAGE", help="Markdown file whose marked part is replaced")
    parser.add_argument("--json", type=Path, metavar="FILE", help="every measure, of every case")
    parser.add_argument(
        "--keep", action="store_true", help="keep the standings in the checkpoint's folder, for Compare"
    )
    return parser.parse_args(arguments)


def measure(chosen: argparse.Namespace) -> Study:
    """The study that the command line asks for."""
    checkpoint = gan.load(chosen.checkpoint)
    posters = posters_from(checkpoint, chosen.data, chosen) if chosen.data else None
    plan = Plan(chosen.cases, chosen.least, chosen.seed, chosen.reference, chosen.methods, chosen.quick)
    if posters is None:
        return localise(checkpoint, plan)
    study = localise(checkpoint, plan, posters.training, posters.held_out)
    return replace(study, settings=dict(study.settings) | {"other_posters": posters.other})


def run(chosen: argparse.Namespace) -> None:
    """Measure, print, and write what the command line asks for."""
    if chosen.write:
        split_section(chosen.write, BEGIN, END)  # a wrong page is said now, not after a quarter of an hour
    if chosen.json:
        cli.output_file(chosen.json, NUMBERS, chosen.overwrite)
    study = measure(chosen)
    text = report(study)
    print(text)
    if chosen.json:
        write_file(chosen.json, (json.dumps(study.record()) + "\n").encode())
    if chosen.keep:
        keep(study.record(), chosen.checkpoint)
    if chosen.write:
        replace_section(chosen.write, BEGIN, END, f"\n{text}\n")


def main(arguments: list[str] | None = None) -> int:
    chosen = parse(arguments)
    return exit_code(lambda: run(chosen), "the measures")


if __name__ == "__main__":
    sys.exit(main())
