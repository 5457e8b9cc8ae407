"""Evaluate a checkpoint: quality, discriminator, memorization, diversity, genres.

    python scripts/evaluate.py --checkpoint checkpoints/dcgan-64 --data posters.zip
    python scripts/evaluate.py --compare checkpoints/*-64 --write docs/training.md
    python scripts/evaluate.py --metrics --write docs/evaluation.md

Writes evaluate.json into the checkpoint's folder, or --out, and prints the metrics in plain words; the same on every
run. The features of all training posters are computed the first time and cached (on one core about 20 posters a
second). Posters are read as in the training; other posters than its own are refused, or with --other-posters named as
such. docs/evaluation.md says what each metric means.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import torch

import gan
from gan import cli
from gan.checkpoints.dataset import add_poster_options, posters_from
from gan.cli import exit_code, replace_section, split_section
from gan.errors import counted
from gan.evaluation.fid import inception_fid
from gan.evaluation.metrics import documentation
from gan.evaluation.report import FILE, FIRST_SEED, SAMPLES, Evaluation, evaluate, subsample, write
from gan.evaluation.tables import comparison, table
from gan.progress import stage_bars

PAGE = Path(__file__).parents[1] / "docs/training.md"  # where the table is, unless it is written to another page
COMPARE = "<!-- checkpoints -->", "<!-- /checkpoints -->"
METRICS = "<!-- metrics -->", "<!-- /metrics -->"
EVALUATION = {"generated", "floor", "samples"}  # keys of such a file


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = cli.Parser(__doc__)
    parser.add_argument("--checkpoint", type=Path, help="checkpoint folder or .pth file")
    parser.add_argument("--data", type=Path, help="the posters that it was trained on: a folder or zip")
    parser.add_argument(
        "--training", type=cli.count(), metavar="N", help="N training posters, evenly spaced, in place of all"
    )
    parser.add_argument("--compare", nargs="+", type=Path, metavar="DIR", help="only print one table of these")
    parser.add_argument("--metrics", action="store_true", help="only print the table of all metrics")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put that table between its marks on this page")
    add_poster_options(parser)
    parser.add_argument(
        "--samples",
        type=cli.count(10),
        default=SAMPLES,
        help="generated posters, at most as many as there are training posters: the floor has that count",
    )
    parser.add_argument("--first-seed", type=cli.seed(), default=FIRST_SEED, help="of the generated posters")
    parser.add_argument("--out", type=Path, help=f"file to write (default: {FILE} in the checkpoint's folder)")
    cli.add_overwrite(parser)
    parser.add_argument("--json", action="store_true", help="print the file's content in place of the table")
    parser.add_argument(
        "--device",
        type=cli.device,
        default="cuda" if torch.cuda.is_available() else "cpu",
        help="cpu, cuda, cuda:1 ...",
    )
    parser.add_argument(
        "--inception",
        action="store_true",
        help="also the FID on Inception features at --samples posters: fid5k for 5,000, not comparable with a "
        "published fid50k (needs torch-fidelity; fetches its weights, 90 MB)",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress")
    chosen = parser.parse_args(arguments)
    cli.refuse_unused(parser, chosen, "compare", "write")
    cli.refuse_unused(parser, chosen, "metrics", "write")
    return chosen


def evaluate_one(parsed: argparse.Namespace) -> None:
    """Evaluate one checkpoint: write the metrics, and print them."""
    out = target(parsed)
    checkpoint = gan.load(parsed.checkpoint)
    posters = posters_from(checkpoint, parsed.data, parsed, parsed.quiet)
    training = subsample(posters.training, parsed.training)
    with stage_bars(parsed.quiet) as progress:
        evaluation = evaluate(
            checkpoint, training, posters.held_out, parsed.samples, parsed.first_seed, parsed.device, progress
        )
    if evaluation.samples < parsed.samples and not parsed.quiet:
        count = counted(evaluation.samples, "generated poster")
        print(f"{count}, as many as training posters for the floor.", file=sys.stderr)
    evaluation = replace(evaluation, origin=posters.origin, source=posters.source)
    if parsed.inception:
        evaluation = with_inception(evaluation, checkpoint, training, parsed)
    write(evaluation, out)
    print(json.dumps(evaluation.to_json(), indent=2) if parsed.json else "\n".join(table(evaluation)))
    print(f"written: {out}", file=sys.stderr)


def target(parsed: argparse.Namespace) -> Path:
    """The file to write, checked before anything is measured."""
    out: Path | None = parsed.out
    if out is None and not parsed.checkpoint.is_dir():
        raise gan.CheckpointError(f"{parsed.checkpoint} is not a folder; name the file to write with --out.")
    return cli.output_file(out or parsed.checkpoint / FILE, EVALUATION, parsed.overwrite)


def with_inception(
    evaluation: Evaluation, checkpoint: gan.Checkpoint, training: gan.PosterSet, parsed: argparse.Namespace
) -> Evaluation:
    """The same with the Inception FID; without it, and a sentence on stderr, where it cannot be computed."""
    try:
        fid = inception_fid(checkpoint, training, parsed.samples, parsed.first_seed, parsed.device)
    except gan.MetricsUnavailableError as error:
        print(f"No FID: {error}", file=sys.stderr)
        return evaluation
    return replace(evaluation, inception_fid=fid)


def run(parsed: argparse.Namespace) -> None:
    """Do what the command line asks."""
    if parsed.compare or parsed.metrics:
        marks = COMPARE if parsed.compare else METRICS
        if parsed.write:
            split_section(parsed.write, *marks)  # a page without them is refused before anything is read
        text = comparison(parsed.compare, parsed.write or PAGE) if parsed.compare else documentation()
        print(text)
        if parsed.write:
            replace_section(parsed.write, *marks, text)
    elif parsed.write:
        raise gan.PosterLensError("--write is for the table of --compare or --metrics; name one of them.")
    elif parsed.checkpoint is None or parsed.data is None:
        raise gan.PosterLensError("Name --checkpoint and --data, or checkpoints to --compare.")
    else:
        evaluate_one(parsed)


def main(arguments: list[str] | None = None) -> int:
    parsed = parse(arguments)
    return exit_code(lambda: run(parsed), "the evaluation")


if __name__ == "__main__":
    sys.exit(main())
