"""Measure which concept each filter of a network stands for, and keep the study beside its weights.

    python scripts/study_concepts.py --checkpoint checkpoints/dcgan-64 --data posters.zip
    python scripts/study_concepts.py --checkpoint checkpoints/dcgan-64 --generated 1000
    python scripts/study_concepts.py --checkpoint checkpoints/dcgan-64 --generator
    python scripts/study_concepts.py --marks docs/marked_posters.json --data posters.zip

Writes concepts.npz into the checkpoint's folder, or --out; it holds numbers only. Looks at the held-out posters, or at
generated ones: about 3 minutes for a thousand of 64 x 64, on one core. Text and faces need the extra "concepts" (a
quarter of a second a poster); without it the rest is measured, and a sentence says what is missing.

With --factors, also prints what the filters of each layer do together. With --generator, studies the generator's
filters in its own pictures, writes generator_concepts.npz, and prints what goes when the filters of a concept are
ablated together. With --marks, only prints how well the detectors find what was marked by hand.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from textwrap import indent

import torch
from torch import Tensor

from gan import CheckpointError, cli, load
from gan.checkpoints.conditioning import with_genres
from gan.checkpoints.dataset import add_poster_options, posters_from
from gan.checkpoints.record import Checkpoint
from gan.cli import exit_code, output_file
from gan.errors import counted
from gan.networks.dcgan import latents
from gan.networks.seeds import reserved
from gan.progress import StageProgress, stage_bars
from xai.discriminator.concepts.detectors import detect_images, detect_posters, missing
from xai.discriminator.concepts.factors import factors_of_layers
from xai.discriminator.concepts.generator import study_generator_concepts, together
from xai.discriminator.concepts.marks import marks_table, measure_marks
from xai.discriminator.concepts.study import Pictures, study_concepts
from xai.discriminator.concepts.table import FILE, GENERATOR_FILE
from xai.networks.score import Score

STUDY = {"layer", "unit", "concept", "label"}  # columns of such a file
SEEDS = reserved("concepts")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = cli.Parser(__doc__)
    parser.add_argument("--checkpoint", type=Path, help="checkpoint folder or .pth file")
    parser.add_argument(
        "--condition", default="", metavar="GENRES", help="such as Horror,Comedy=0.5, where it knows any"
    )
    parser.add_argument("--data", type=Path, help="the posters that it was trained on: a folder or zip")
    parser.add_argument(
        "--generated", type=cli.count(20, len(SEEDS)), metavar="N", help="N generated posters in place of real ones"
    )
    parser.add_argument("--generator", action="store_true", help="study the generator's filters")
    parser.add_argument("--factors", type=cli.count(0, 64), default=0, metavar="K", help="also K factors of each layer")
    parser.add_argument("--marks", type=Path, metavar="FILE", help="only compare the detectors with these marks")
    add_poster_options(parser)
    parser.add_argument("--out", type=Path, help=f"file to write (default: {FILE} in the checkpoint's folder)")
    parser.add_argument(
        "--write", type=Path, help="put what is printed between <!-- concepts -->, <!-- generator concepts --> or "
        "<!-- marks --> and its end on this page",
    )  # fmt: skip
    cli.add_overwrite(parser)
    parser.add_argument("--quiet", action="store_true", help="no progress")
    chosen = parser.parse_args(arguments)
    if not chosen.generator and (chosen.data is None) == (chosen.generated is None):
        parser.error("name the posters with --data, or how many to draw with --generated")
    if (chosen.checkpoint is None) == (chosen.marks is None):
        parser.error("name the checkpoint with --checkpoint, or the marks with --marks")
    cli.refuse_unused(parser, chosen, "marks", "data quiet write")
    cli.refuse_unused(parser, chosen, "generated", "checkpoint condition factors out overwrite quiet write")
    cli.refuse_unused(parser, chosen, "generator", "checkpoint condition out overwrite quiet write")
    return chosen


def held_out(checkpoint: Checkpoint, options: argparse.Namespace, lost: str, stages: StageProgress) -> Pictures:
    """The held-out posters, with what the detectors find on them."""
    posters = posters_from(checkpoint, options.data, options, options.quiet).held_out
    size = checkpoint.config.size
    detected = None
    if not lost:
        detected = detect_posters(
            options.data, posters.names, size, posters.fit, lambda part: stages("text and faces", part)
        )
    return Pictures(len(posters), posters.tensor, detected)


def generated(checkpoint: Checkpoint, options: argparse.Namespace, lost: str, stages: StageProgress) -> Pictures:
    """Generated posters, with what the detectors find on them."""
    generator, seeds = checkpoint.need_generator(), SEEDS[: options.generated]

    @torch.no_grad()
    def read(rows: Sequence[int]) -> Tensor:
        return torch.Tensor(generator(latents([seeds[row] for row in rows], checkpoint.config)))

    pictures = Pictures(len(seeds), read)
    if lost:
        return pictures
    parts = []
    for rows, images in pictures.batches():
        parts.append(detect_images(images))
        stages("text and faces", rows.stop / len(seeds))
    return Pictures(len(seeds), read, {name: torch.cat([part[name] for part in parts]) for name in parts[0]})


def section_of(options: argparse.Namespace) -> tuple[str, str]:
    """Where on a page the results stand."""
    name = "marks" if options.marks else "generator concepts" if options.generator else "concepts"
    return f"<!-- {name} -->", f"<!-- /{name} -->"


def tell(options: argparse.Namespace, results: str) -> None:
    """Print the results, and put them on the page that the command line names."""
    print(indent(results, "  "))
    if options.write:
        cli.replace_section(options.write, *section_of(options), f"```text\n{results}\n```")


def study_generator(checkpoint: Checkpoint, out: Path, options: argparse.Namespace) -> None:
    """Measure the generator's filters: write the study, print its summary and what goes with them."""
    generator = checkpoint.need_generator()
    with stage_bars(options.quiet) as stages:
        table = study_generator_concepts(generator, checkpoint.digest, progress=lambda part: stages("filters", part))
    table.save(out)
    print(f"{out}: {counted(len(table), 'filter')}, {table.pictures:,} {table.kind}")
    tell(options, "\n".join([table.summary(), *together(generator, table, SEEDS[-64:])]))


def study(options: argparse.Namespace, checkpoint: Checkpoint, out: Path) -> None:
    """Measure the discriminator's filters: write the study, and print its summary."""
    start, lost = time.perf_counter(), missing()
    if lost:
        print(f"note: {lost}", file=sys.stderr)
    score = Score(checkpoint.need_discriminator())
    with stage_bars(options.quiet) as stages:
        pictures = (held_out if options.data else generated)(checkpoint, options, lost, stages)
        kind = "held-out posters" if options.data else "generated posters"
        table = study_concepts(score, pictures, checkpoint.digest, kind, lambda part: stages("filters", part))
    table.save(out)
    print(f"{out}: {counted(len(table), 'filter')}, {pictures.count:,} {kind}, {time.perf_counter() - start:.0f} s")
    factors = factors_of_layers(score, pictures, table, options.factors) if options.factors else []
    tell(options, "\n".join([table.summary(), *factors]))


def run(options: argparse.Namespace) -> None:
    if options.write:
        cli.split_section(options.write, *section_of(options))  # a wrong page is said now, not after minutes
    if options.marks is None:
        checkpoint = with_genres(load(options.checkpoint), options.condition)
        if options.out is None and not options.checkpoint.is_dir():
            raise CheckpointError(f"{options.checkpoint} is no folder; say with --out where the study goes.")
        name = GENERATOR_FILE.name if options.generator else FILE
        out = output_file(options.out or options.checkpoint / name, STUDY, options.overwrite)
        if options.generator:
            study_generator(checkpoint, out, options)
        else:
            study(options, checkpoint, out)
        return
    with stage_bars(options.quiet) as stages:
        result = measure_marks(options.marks, options.data, lambda part: stages("marked posters", part))
    tell(options, marks_table(result))


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    return exit_code(lambda: run(options), "the study")


if __name__ == "__main__":
    sys.exit(main())
