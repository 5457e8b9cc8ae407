"""Turn the best state of a run into a checkpoint to ship: weights, evaluation, curves, grids, model card.

    python scripts/export.py --run runs/best --data posters.zip --out checkpoints/best --preset projected
    python scripts/export.py --run runs/horror --data posters/ --only-genres Horror --fit pad --out checkpoints/horror
    python scripts/export.py --again checkpoints/dcgan-64 --data posters.zip

Everything in the card is measured here, on the weights as they are stored, and goes to evaluate.json
(docs/evaluation.md says what the metrics mean). --only-genres and --fit are those of the training, as the run remembers
them; other posters than its own are refused, or with --other-posters named as such in evaluate.json and the card.
The last line evaluates a checkpoint again and renews its card.

Weights are stored in half precision, the generator's where that changes no displayed picture by more than two of 255
levels, the discriminator's where no logit changes by 0.01 (two digits are shown). D's decision threshold is set with
--samples posters of each kind (gan.evaluation.calibration).
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields
from pathlib import Path

import gan
from gan import cli
from gan.checkpoints.dataset import add_poster_options
from gan.cli import exit_code
from gan.training.runs.export import SAMPLES, ExportOptions, evaluate_again, export


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = cli.Parser(__doc__)
    parser.add_argument("--run", type=Path, help="folder of a training run")
    parser.add_argument("--data", type=Path, required=True, help="the posters of the training")
    parser.add_argument("--out", type=Path, help="checkpoint folder to write; an existing checkpoint is replaced")
    parser.add_argument("--again", type=Path, metavar="CHECKPOINT", help="evaluate this one again, and renew its card")
    parser.add_argument("--state", choices=("best", "latest"), default="best", help="which of the run's two states")
    add_poster_options(parser)
    parser.add_argument("--notes", type=Path, help="Markdown for the card: what it generates well and badly")
    parser.add_argument("--preset", help="shown in the card; for --again only where it is to change")
    parser.add_argument("--command", help="likewise")
    parser.add_argument("--hardware", help="likewise")
    parser.add_argument("--grids", type=cli.count(0), default=5, help="how many grids over time to ship")
    parser.add_argument("--samples", type=cli.count(10), default=SAMPLES, help="generated posters of the evaluation")
    parser.add_argument(
        "--training",
        type=cli.count(),
        metavar="N",
        help="evaluate on N training posters, evenly spaced, in place of all",
    )
    chosen = parser.parse_args(arguments)
    cli.refuse_unused(
        parser, chosen, "again", "data fit only-genres other-posters notes preset command hardware samples training"
    )
    return chosen


def run(parsed: argparse.Namespace) -> None:
    """Do what the command line asks."""
    options = ExportOptions(**{field.name: getattr(parsed, field.name) for field in fields(ExportOptions)})
    if parsed.again:
        evaluate_again(parsed.again, options)
    elif parsed.run is None or parsed.out is None:
        raise gan.PosterLensError("Name --run and --out, or a checkpoint to evaluate --again.")
    else:
        cli.output_folder(parsed.out)
        export(parsed.run, parsed.out, options)


def main(arguments: list[str] | None = None) -> int:
    parsed = parse(arguments)
    return exit_code(lambda: run(parsed), parsed.again or parsed.out)


if __name__ == "__main__":
    sys.exit(main())
