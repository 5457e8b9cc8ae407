r"""Write a report of a study to hand in: one HTML file that opens without a network and prints on A4.

    python scripts/report.py --checkpoint checkpoints/dcgan-64 --seeds 3,7 --methods deeplift,gradcam --trust \
        --title "What D looks at" --name "A. Student" --notes notes.md --out report.html
    python scripts/report.py --checkpoint checkpoints/dcgan-64 --images a.jpg b.jpg --out report.html

It holds the posters with D's verdicts and the methods' maps, the strongest filters of both networks, what the latent
dimensions do, and the metrics, as far as they were measured (posterlens study), and the notes, which are Markdown. The
dashboard's page Report adds single figures with notes to the same file.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from datetime import date
from pathlib import Path

import torch

import xai
from gan import cli, latents, load
from gan.checkpoints.conditioning import with_genres
from gan.cli import checkpoint_parser, exit_code, parse_seeds
from gan.errors import UsageError
from gan.files import make_directory, write_file
from gan.progress import progress_bar
from xai.report.findings import explain
from xai.report.inputs import Poster, generated, in_files
from xai.report.sections import Measured, measured
from xai.report.study_report import StudyReport, html

DEFAULT_METHODS = "deeplift,gradcam"


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = checkpoint_parser(__doc__)
    parser.add_argument("--images", type=Path, nargs="+", default=[], help="pictures, folders and zips of posters")
    parser.add_argument("--seeds", help="generated posters: numbers and ranges, such as 1,5,10-20")
    parser.add_argument("--methods", default=DEFAULT_METHODS, help="joined by commas; default %(default)s")
    parser.add_argument("--trust", action="store_true", help="examine each map, and give a verdict (slow)")
    parser.add_argument("--title", default="What I found", help="of the report")
    parser.add_argument("--name", default="", help="whose report it is")
    parser.add_argument("--date", type=date.fromisoformat, default=date.today(), help="such as 2026-03-01")
    parser.add_argument("--notes", type=Path, help="Markdown file")
    parser.add_argument("--app", default="", help="address of a dashboard that filters link to, http://localhost:8501")
    parser.add_argument("--out", required=True, type=Path, help="HTML file to write")
    cli.add_overwrite(parser)
    return parser.parse_args(arguments)


def run(chosen: argparse.Namespace) -> None:
    """Write the report that the command line asks for."""
    cli.new_file(chosen.out, chosen.overwrite)
    notes = cli.read_text(chosen.notes) if chosen.notes else ""
    checkpoint = with_genres(load(chosen.checkpoint), chosen.genres)
    seeds = [] if chosen.seeds is None else parse_seeds(chosen.seeds)
    with ExitStack() as open_files, progress_bar("Explaining") as progress:
        posters: list[Poster] = generated(seeds, checkpoint.need_generator()) if seeds else []
        for path in chosen.images:
            posters += in_files(path, checkpoint.config.size, open_files, fit=checkpoint.dataset_options(None)[0])
        names = [name.strip() for name in chosen.methods.split(",")] if posters else []
        if unknown := sorted(set(names) - set(xai.METHODS)):
            raise UsageError(f"There is no method {unknown[0]!r} for --methods; there are {', '.join(xai.METHODS)}.")
        methods = [xai.attribution(name, xai.Score(checkpoint.need_discriminator())) for name in names]
        images = torch.cat([poster.read() for poster in posters]) if posters else None
        titles = [poster.name for poster in posters]
        findings = [] if images is None else explain(methods, titles, images, None, chosen.trust, progress)
    found = Measured.beside(chosen.checkpoint, checkpoint.digest) if chosen.checkpoint.is_dir() else Measured()
    sections = measured(checkpoint, found, latents(seeds[:1], checkpoint.config) if seeds else None)
    report = StudyReport(
        chosen.title, chosen.name, chosen.date, checkpoint, notes, (), sections, findings, methods, chosen.app
    )
    make_directory(chosen.out.parent)
    write_file(chosen.out, html(report).encode("utf-8", "replace"))
    print(f"{chosen.out} written")


def main(arguments: list[str] | None = None) -> int:
    chosen = parse(arguments)
    return exit_code(lambda: run(chosen), chosen.out)


if __name__ == "__main__":
    sys.exit(main())
