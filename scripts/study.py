"""Make the studies of a checkpoint, one after another: those that are missing beside its weights, or of other weights.

    posterlens study --checkpoint checkpoints/wider-64 --data posters.zip
    posterlens study --checkpoint checkpoints/wider-64 --only latents,filters
    posterlens study --checkpoint checkpoints/wider-64 --list
    posterlens study --compare checkpoints/dcgan-64 checkpoints/whole-64
    posterlens study --tables checkpoints/whole-64

Each is a process of its own and is kept as soon as it is finished; one that fails is named, and the others go on.
About an hour of one core for 64 x 64 and 20,000 posters. Without --data, those that need real posters are left out.
With --compare, only prints what the studies of several checkpoints say, as tables; with --tables, the tables of one
generator.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from gan import cli
from gan.cli import exit_code, page_text, replace_section, split_section
from gan.errors import PosterLensError, UsageError, counted
from xai.studies import comparison, generator_tables
from xai.studies.listing import STUDIES, missing

HERE = Path(__file__).parent
MADE_BY = {
    "verdicts": "study_verdicts.py",
    "latents": "study_latents.py",
    "encoder": "train_encoder.py --out {folder}/encoder.safetensors",
    "filters": "study_filters.py",
    "pruning": "study_pruning.py",
    "discriminator": "study_discriminator.py",
    "concepts": "study_concepts.py",
    "generator concepts": "study_concepts.py --generator",
    "collection": "study_collection.py",
}
Texts = Mapping[str, Callable[[], str]]  # what makes the text between <!-- name --> and <!-- /name --> of a page


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = cli.Parser(__doc__)
    parser.add_argument("--checkpoint", type=Path, help="checkpoint folder")
    parser.add_argument("--data", type=Path, help="the posters that it was trained on: a folder or zip")
    parser.add_argument("--only", type=names, default=list(STUDIES), help=f"joined by commas, of {', '.join(STUDIES)}")
    parser.add_argument("--list", action="store_true", help="only say which there are, and which are missing")
    parser.add_argument("--compare", nargs="+", type=Path, metavar="DIR", help="only print tables of these checkpoints")
    parser.add_argument(
        "--tables", type=Path, metavar="DIR", help="only print the tables of this checkpoint's generator"
    )
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the tables on this page, between their marks")
    chosen = parser.parse_args(arguments)
    if sum(given is not None for given in (chosen.checkpoint, chosen.compare, chosen.tables)) != 1:
        parser.error("name the checkpoint with --checkpoint or --tables, or several with --compare")
    cli.refuse_unused(parser, chosen, "compare", "write")
    cli.refuse_unused(parser, chosen, "tables", "write")
    if chosen.write and chosen.checkpoint:
        parser.error("--write is for the tables of --compare and --tables")
    return chosen


def names(text: str) -> list[str]:
    """The ``type`` of an option that names studies."""
    chosen = [name.strip() for name in text.split(",")]
    unknown = [name for name in chosen if name not in STUDIES]
    if unknown:
        raise argparse.ArgumentTypeError(f"there is no study {unknown[0]!r}; there are {', '.join(STUDIES)}")
    return chosen


def command(name: str, checkpoint: Path, data: Path | None) -> list[str]:
    """What makes a study."""
    file, *rest = MADE_BY[name].split()
    given = [part.format(folder=checkpoint) for part in rest]
    posters = ["--data", str(data)] if STUDIES[name].needs_posters else []
    return [sys.executable, str(HERE / file), "--checkpoint", str(checkpoint), *given, *posters]


def show(checkpoint: Path, gone: list[str]) -> None:
    """One line a study."""
    for name, study in STUDIES.items():
        print(f"{'missing' if name in gone else 'there':8} {name}: {study.about}")


def texts(chosen: argparse.Namespace) -> Texts:
    """The tables that were asked for, by the name of their marks."""
    if chosen.tables:
        return {name: partial(make, chosen.tables) for name, make in generator_tables.TABLES.items()}
    return {name: partial(comparison.table, rows, chosen.compare) for name, rows in comparison.TABLES.items()}


def write(made: Texts, page: Path | None) -> None:
    """Print them, and put those for which a page has marks between these."""
    marks = {f"<!-- {name} -->": name for name in made}
    found = [mark for mark in marks if page is None or mark in page_text(page)]
    if not found:
        raise UsageError(f"{page} has no mark {' or '.join(marks)}.")
    if page is not None:
        for mark in found:
            split_section(page, mark, end_of(mark))  # before anything is written
    for mark in found:
        text = made[marks[mark]]()
        print(f"{marks[mark]}\n\n{text}\n")
        if page is not None:
            replace_section(page, mark, end_of(mark), text)


def end_of(mark: str) -> str:
    """The mark that ends a section."""
    return mark.replace("<!-- ", "<!-- /")


def run(chosen: argparse.Namespace) -> None:
    """Make what is missing, or print tables."""
    if not chosen.checkpoint:
        write(texts(chosen), chosen.write)
        return
    if not chosen.checkpoint.is_dir():
        raise UsageError(f"{chosen.checkpoint} is not a folder; studies are kept beside the weights.")
    if chosen.data is not None and not (chosen.data.is_dir() or zipfile.is_zipfile(chosen.data)):
        raise UsageError(f"{chosen.data} is neither a folder nor a zip of posters.")
    gone = missing(chosen.checkpoint)
    if chosen.list:
        show(chosen.checkpoint, gone)
        return
    wanted = [name for name in gone if name in chosen.only]
    failed = [name for name in wanted if not made(name, chosen.checkpoint, chosen.data)]
    if failed:
        raise PosterLensError(f"{counted(len(failed), 'study', 'studies')} could not be made: {', '.join(failed)}.")


def made(name: str, checkpoint: Path, data: Path | None) -> bool:
    """Make a study, or say that it needs posters; False where it fails."""
    if STUDIES[name].needs_posters and data is None:
        print(f"{name}: left out, it needs --data", flush=True)
        return True
    begun = time.monotonic()
    print(f"{name}: {STUDIES[name].about}", flush=True)
    done = subprocess.call(command(name, checkpoint, data)) == 0  # noqa: S603 - our own
    print(f"{name}: {'made' if done else 'failed'} after {(time.monotonic() - begun) / 60:.1f} minutes", flush=True)
    return done


def main(arguments: list[str] | None = None) -> int:
    chosen = parse(arguments)
    return exit_code(lambda: run(chosen), chosen.checkpoint or "the page")


if __name__ == "__main__":
    sys.exit(main())
