"""How far can a generator be pruned? Four rankings, measured by a feature extractor that had no part in the training.

    python scripts/study_pruning.py --checkpoint checkpoints/dcgan-64 --data posters.zip
    python scripts/study_pruning.py --checkpoint DIR --save smaller --ranking duplicates --share 0.05

The first writes pruning.json into the checkpoint's folder, which the Prune page shows. The second saves one
smaller generator as a checkpoint of its own, and says what it saves. Ranking by effect takes the table of filters
beside the weights (filters.npz), and measures it first where there is none. The feature extractor needs the extra
"metrics".
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

import gan
from gan import cli
from gan.checkpoints.dataset import add_poster_options, posters_from
from gan.cli import exit_code
from gan.progress import progress_bar, stage_bars
from gan.training.state import recalibrate
from xai import ExplanationError
from xai.bench import pruning_study
from xai.bench.pruning_study import SHARES, Plan
from xai.generator.filter_study import filters_table
from xai.generator.filter_table import FILE, FilterTable
from xai.generator.pruning import RANKINGS, costs, effects, first_of, prune, ranking, unit_statistics
from xai.generator.pruning_curves import FILE as CURVES_FILE
from xai.generator.pruning_curves import PruningCurves

STUDY = {"digest", "rule", "rankings"}  # keys of such a file


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = cli.Parser(__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="posters of its training; the held-out ones are the measure")
    add_poster_options(parser)
    parser.add_argument("--samples", type=cli.count(2), default=500, help="generated posters for each point")
    parser.add_argument(
        "--shares", type=cli.number(float, 0), nargs="+", default=SHARES, help="proportions of filters to remove"
    )
    parser.add_argument("--orders", type=cli.count(2), default=3, help="random rankings that are tried")
    parser.add_argument(
        "--latents", type=cli.count(2), default=256, help="posters for the table of filters, if it is missing"
    )
    parser.add_argument("--out", type=Path, help="where the study goes (default: pruning.json beside the weights)")
    cli.add_overwrite(parser)
    parser.add_argument("--save", type=Path, help="write one smaller generator here in place of the study")
    parser.add_argument("--ranking", choices=RANKINGS, default="duplicates", help="of the smaller generator")
    parser.add_argument(
        "--share", type=cli.number(float, 0), default=0.05, help="proportion of the filters that are removed"
    )
    parser.add_argument("--recalibrate", action="store_true", help="recompute BatchNorm's statistics afterwards")
    chosen = parser.parse_args(arguments)
    cli.refuse_unused(parser, chosen, "save", "checkpoint ranking share recalibrate latents")
    return chosen


def check(options: argparse.Namespace) -> None:
    """ExplanationError in one sentence for what cannot be done."""
    for name, share in [("--share", options.share), *(("--shares", share) for share in options.shares)]:
        if not 0 <= share < 1:
            raise ExplanationError(f"{name} runs from 0 to below 1, not {share}.")
    if options.save:
        cli.output_folder(options.save)
    if options.save and options.save.exists():
        raise ExplanationError(f"{options.save} exists already; choose another folder.")
    if not options.save and options.data is None:
        raise gan.DataError("The study needs real posters to measure by: --data PATH.")


def table_of(checkpoint: gan.Checkpoint, options: argparse.Namespace) -> FilterTable:
    """The table of filters beside the weights; measured, and put there, where it is missing or of other weights."""
    folder: Path = options.checkpoint
    found = FilterTable.beside(folder, checkpoint.digest)
    if found is None:
        with progress_bar("filters") as tell:
            found = filters_table(checkpoint, options.latents, progress=tell)
        if folder.is_dir():
            found.save(folder / FILE)
    return found


def study(checkpoint: gan.Checkpoint, options: argparse.Namespace) -> PruningCurves:
    """Points of all rankings; one line a ranking."""
    plan = Plan(options.samples, tuple(options.shares), options.orders, options.recalibrate)
    posters, table = posters_from(checkpoint, options.data, options), table_of(checkpoint, options)
    with stage_bars() as tell:
        found = pruning_study.study(checkpoint, table, posters, plan, tell)
    for name, points in found.rankings.items():
        worse = " ".join(f"{one.share:.0%} {one.worse:+z.1f} (from {one.worse_low:+z.1f})" for one in points)
        print(f"{name}: {worse}; not noticed up to {found.unnoticed[name]:.0%}", flush=True)
    return found


def save(checkpoint: gan.Checkpoint, options: argparse.Namespace) -> None:
    """Write the smaller generator, with the whole discriminator, as a checkpoint."""
    generator, discriminator = checkpoint.need_both()
    known = unit_statistics(generator)
    measured = effects(table_of(checkpoint, options)) if options.ranking == "effect" else None
    order = ranking(generator, options.ranking, measured, statistics=known)
    smaller = prune(generator, first_of(generator, order, options.share), statistics=known)
    smaller = recalibrate(smaller) if options.recalibrate else smaller
    about = {"pruned_from": checkpoint.digest, "ranking": options.ranking, "share": options.share}
    gan.save(options.save, smaller, discriminator, about)
    before, after = (asdict(price) for price in costs(generator, smaller))
    print(f"{options.save}: {options.share:.0%} of the filters removed, by {options.ranking}")
    for name, value in after.items():
        print(f"  {name.replace('_', '-')}: {before[name]:,.4g} -> {value:,.4g} ({value / before[name] - 1:+z.1%})")


def run(options: argparse.Namespace) -> None:
    """Do what the command line asks."""
    check(options)
    out = options.out or options.checkpoint / CURVES_FILE
    if not options.save:
        cli.output_file(out, STUDY, options.overwrite)
    checkpoint = gan.load(options.checkpoint)
    checkpoint.need_both()
    if options.save:
        save(checkpoint, options)
        return
    study(checkpoint, options).write(out)
    print(out)


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    return exit_code(lambda: run(options), options.save or "the study")


if __name__ == "__main__":
    sys.exit(main())
