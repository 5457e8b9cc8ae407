"""Can a verdict be fooled? The rate of "trust" among maps that are wrong on purpose, and among maps proved right.

    python scripts/benchmark_verdicts.py --data posters.zip --write docs/attribution.md --json docs/verdicts.json
    python scripts/benchmark_verdicts.py --maps 10 --posters 2 --cases 2

Wrong are smoothed noise, right maps with their cells in random order, edges, the map of another poster and that of
another network (--other). Right are maps that find what was planted into a picture. Without --data generated posters
take the place of real ones. --write replaces what stands between the two marks in a Markdown file. The same settings
give the same verdicts.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import gan
from gan import cli
from gan.checkpoints.dataset import add_poster_options, posters_from
from gan.cli import exit_code, replace_section, split_section
from gan.files import write_file
from xai.bench.tables import verdict_report
from xai.bench.verdicts import VerdictPlan, VerdictStudy, evaluate

NUMBERS = {"settings", "maps", "right by method"}  # keys of a file that --json wrote
BEGIN, END = "<!-- verdicts: begin -->", "<!-- verdicts: end -->"


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = cli.Parser(__doc__)
    parser.add_argument("--checkpoint", type=Path, default=Path("checkpoints/dcgan-64"), help="checkpoint folder")
    parser.add_argument(
        "--other", type=Path, default=Path("checkpoints/projected-64"), help="another, of the same size"
    )
    parser.add_argument("--data", type=Path, help="folder or zip of posters; held-out ones are explained")
    add_poster_options(parser)
    parser.add_argument("--maps", type=cli.count(), default=VerdictPlan.maps, help="of each kind of wrong map")
    parser.add_argument(
        "--posters", type=cli.count(), default=VerdictPlan.posters, help="that the wrong maps are said to be of"
    )
    parser.add_argument(
        "--cases", type=cli.count(2), default=VerdictPlan.cases, help="planted cases of each of the three kinds"
    )
    parser.add_argument("--seed", type=cli.seed(), default=0, help="of the posters, the maps and the cases")
    cli.add_overwrite(parser)
    parser.add_argument("--write", type=Path, metavar="PAGE", help="Markdown file whose marked part is replaced")
    parser.add_argument("--json", type=Path, metavar="FILE", help="the verdicts as numbers")
    return parser.parse_args(arguments)


def measure(chosen: argparse.Namespace) -> VerdictStudy:
    """The study that the command line asks for."""
    checkpoint, other = gan.load(chosen.checkpoint), gan.load(chosen.other)
    plan = VerdictPlan(chosen.maps, chosen.posters, chosen.cases, chosen.seed)
    posters = posters_from(checkpoint, chosen.data, chosen) if chosen.data else None
    if posters is None:
        return evaluate(checkpoint, other, plan)
    study = evaluate(checkpoint, other, plan, posters.training, posters.held_out)
    return replace(study, settings=dict(study.settings) | {"other_posters": posters.other})


def run(chosen: argparse.Namespace) -> None:
    """Measure, print, and write what the command line asks for."""
    if chosen.write:
        split_section(chosen.write, BEGIN, END)  # a wrong page is said now, not after an hour
    if chosen.json:
        cli.output_file(chosen.json, NUMBERS, chosen.overwrite)
    study = measure(chosen)
    text = verdict_report(study)
    print(text)
    if chosen.json:
        write_file(chosen.json, (json.dumps(study.record(), indent=2) + "\n").encode())
    if chosen.write:
        replace_section(chosen.write, BEGIN, END, f"\n{text}\n")


def main(arguments: list[str] | None = None) -> int:
    chosen = parse(arguments)
    return exit_code(lambda: run(chosen), "the verdicts")


if __name__ == "__main__":
    sys.exit(main())
