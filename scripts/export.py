"""Turn the best state of a run into a checkpoint to ship, or a checkpoint into ONNX files or a page without Python.

    python scripts/export.py --run runs/best --data posters.zip --out checkpoints/best --preset projected
    python scripts/export.py --run runs/horror --data posters/ --only-genres Horror --fit pad --out checkpoints/horror
    python scripts/export.py --again checkpoints/dcgan-64 --data posters.zip
    python scripts/export.py --checkpoint checkpoints/dcgan-64 --web site
    python scripts/export.py --checkpoint checkpoints/genres-64 --condition Horror --onnx onnx

A checkpoint to ship has weights, evaluation, curves, grids and a model card. Everything in the card is measured here,
on the weights as they are stored, and goes to evaluate.json (docs/evaluation.md says what the metrics mean).
--only-genres and --fit are those of the training, as the run remembers them; other posters than its own are refused, or
with --other-posters named as such in evaluate.json and the card. --again evaluates a checkpoint again and renews its
card.

Weights are stored in half precision, the generator's where that changes no displayed picture by more than two of 255
levels, the discriminator's where no logit changes by 0.01 (two digits are shown). D's decision threshold is set with
--samples posters of each kind (gan.evaluation.calibration).

--onnx writes generator.onnx and discriminator.onnx (xai.web.onnx_model says what they take and return). --web writes a
folder that any file server shows as a page: latents to turn, filters to ablate and to paint with, D's verdict, all
computed in the browser. Both need pip install -e ".[web]".
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields
from pathlib import Path

import gan
from gan import cli
from gan.checkpoints.conditioning import with_genres
from gan.checkpoints.dataset import add_poster_options
from gan.cli import exit_code
from gan.progress import progress_bar
from gan.training.runs.export import SAMPLES, ExportOptions, evaluate_again, export
from xai.web.export import write_onnx, write_page

BROWSER = ("onnx", "web", "condition", "overwrite")  # options of --checkpoint


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = cli.Parser(__doc__)
    parser.add_argument("--run", type=Path, help="folder of a training run")
    parser.add_argument("--data", type=Path, help="the posters of the training")
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
    parser.add_argument("--checkpoint", type=Path, help="checkpoint folder or .pth file, for --onnx and --web")
    parser.add_argument("--onnx", type=Path, metavar="OUT", help="folder for both networks as ONNX files")
    parser.add_argument("--web", type=Path, metavar="OUT", help="folder for a page that runs both networks")
    parser.add_argument(
        "--condition", default="", metavar="GENRES", help="such as Horror,Comedy=0.5, where --checkpoint knows any"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace what --onnx and --web wrote before")
    chosen = parser.parse_args(arguments)
    cli.refuse_unused(
        parser, chosen, "again", "data fit only-genres other-posters notes preset command hardware samples training"
    )
    cli.refuse_unused(parser, chosen, "checkpoint", " ".join(BROWSER))
    for name in BROWSER:
        if getattr(chosen, name) and not chosen.checkpoint:
            parser.error(f"--{name} does nothing without --checkpoint")
    if not chosen.checkpoint and not chosen.data:
        parser.error("the following arguments are required: --data")
    return chosen


def run(parsed: argparse.Namespace) -> None:
    """Do what the command line asks."""
    if parsed.checkpoint:
        export_networks(parsed)
        return
    options = ExportOptions(**{field.name: getattr(parsed, field.name) for field in fields(ExportOptions)})
    if parsed.again:
        evaluate_again(parsed.again, options)
    elif parsed.run is None or parsed.out is None:
        raise gan.PosterLensError("Name --run and --out, or a checkpoint to evaluate --again.")
    else:
        cli.output_folder(parsed.out)
        export(parsed.run, parsed.out, options)


def export_networks(parsed: argparse.Namespace) -> None:
    """Write the networks of a checkpoint as ONNX files, as a page, or both."""
    folders = [folder for folder in (parsed.onnx, parsed.web) if folder]
    if not folders:
        raise gan.PosterLensError("Say with --onnx or --web where the networks of --checkpoint go.")
    for folder in folders:
        cli.output_folder(folder)
    checkpoint = with_genres(gan.load(parsed.checkpoint), parsed.condition)
    if parsed.onnx:
        write_onnx(checkpoint, parsed.onnx, parsed.overwrite)
        print(f"{parsed.onnx} written")
    if parsed.web:
        with progress_bar("Sensitivity") as progress:
            write_page(checkpoint, parsed.web, parsed.checkpoint, parsed.overwrite, progress)
        print(f"{parsed.web} written; python -m http.server --directory {parsed.web} shows it")


def main(arguments: list[str] | None = None) -> int:
    parsed = parse(arguments)
    return exit_code(lambda: run(parsed), parsed.again or parsed.out or parsed.web or parsed.onnx)


if __name__ == "__main__":
    sys.exit(main())
