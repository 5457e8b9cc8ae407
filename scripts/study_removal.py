"""Do the filters with the largest contributions carry D's verdicts? The curve of the logit as they are removed.

    python scripts/study_removal.py --checkpoint checkpoints/dcgan-64 --data posters.zip --write docs/discriminator.md
    python scripts/study_removal.py --checkpoint checkpoints/dcgan-64 --posters 10

Of each poster, held-out and generated ones, the filters with the largest contributions to its logit are replaced, by
their maps of the reference and by their means over other posters, against those that changed most, those that are most
active, and random ones; and the fewest filters are searched whose replacement turns the verdict. Without --data there
are generated posters only. --write replaces what stands between the two
marks in a Markdown file. The same settings give the same numbers. About a second a poster for
the curves, and five for the fewest filters.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

import gan
import xai
from gan import cli
from gan.checkpoints.conditioning import with_genres
from gan.checkpoints.dataset import CheckpointPosters, add_poster_options, posters_from
from gan.cli import exit_code, replace_section, split_section
from gan.data.posters import PosterSet, evenly_spaced
from gan.files import write_file
from gan.networks.seeds import reserved
from gan.progress import progress_bar
from xai.collection.index import usual_reference
from xai.discriminator.counterfactuals.removal import RANDOM_ORDERS
from xai.discriminator.counterfactuals.removal_study import RemovalStudy, removal_table, study_removal
from xai.discriminator.counterfactuals.replacement import by_mean, by_reference
from xai.discriminator.counterfactuals.study import FewestFilters, fewest_filters, fewest_table

NUMBERS = {"settings", "difference", "points", "replacements"}  # keys of a file that --json wrote
BEGIN, END = "<!-- removal -->", "<!-- /removal -->"
REFERENCES = [kind for kind in xai.REFERENCES if kind not in ("blur", "own")]  # which are the same for all posters


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = cli.Parser(__doc__, conflict_handler="resolve")
    parser.add_argument("--checkpoint", required=True, type=Path, help="checkpoint folder or .pth file")
    parser.add_argument("--data", type=Path, help="folder or zip of posters; held-out ones are measured")
    add_poster_options(parser)
    parser.add_argument("--genres", default="", help="genres of a conditional checkpoint, such as Horror,Comedy=0.5")
    parser.add_argument("--posters", type=cli.count(2), default=100, help="of each kind; default %(default)s")
    parser.add_argument(
        "--searched", type=cli.count(), default=20, help="of each kind, for the fewest filters; default %(default)s"
    )
    parser.add_argument(
        "--means", type=cli.count(), default=256, help="posters of each kind that means are over; default %(default)s"
    )
    parser.add_argument("--reference", choices=REFERENCES, help="default: what the Compare page begins with")
    parser.add_argument("--seed", type=cli.seed(), default=0, help="of the random orders")
    cli.add_overwrite(parser)
    parser.add_argument("--write", type=Path, metavar="PAGE", help="Markdown file whose marked part is replaced")
    parser.add_argument("--json", type=Path, metavar="FILE", help="the curves as numbers")
    return parser.parse_args(arguments)


def measure(chosen: argparse.Namespace) -> tuple[RemovalStudy, list[FewestFilters], dict[str, object]]:
    """What the command line asks for: curves, the fewest filters, and what they were made with."""
    checkpoint = gan.load(chosen.checkpoint)
    given = with_genres(checkpoint, chosen.genres)
    generator, discriminator = given.need_both()
    data = posters_from(checkpoint, chosen.data, chosen) if chosen.data else None
    score = xai.Score(discriminator)
    training = data.training if data else None
    reference = usual_reference(given, training)
    if chosen.reference:
        reference = xai.reference(chosen.reference, posters=training, generator=generator)
    picture = reference.single(torch.zeros(1, 3, *checkpoint.config.size))
    shown = {"held-out": some_of(data.held_out, chosen.posters)} if data else {}
    shown["generated"] = generated(generator, "removal", chosen.posters)
    others = [generated(generator, "removal means", chosen.means)]
    others += [some_of(data.training, chosen.means)] if data else []
    replacements = [by_reference(score, picture), by_mean(score, torch.cat(others))]
    with progress_bar("removal") as progress:
        study = study_removal(shown, replacements, picture, chosen.seed, progress)
    few = {name: images[evenly_spaced(len(images), chosen.searched)] for name, images in shown.items()}
    fewest = []
    for one in replacements:
        with progress_bar(f"fewest filters, {one.name}") as progress:
            fewest += fewest_filters(few, one, progress=progress)
    return study, fewest, {
        "checkpoint": checkpoint.name, "digest": checkpoint.digest, "reference": reference.words,
        "seed": chosen.seed, **_about(data),
    }  # fmt: skip


def _about(data: CheckpointPosters | None) -> dict[str, object]:
    return {} if data is None else {"origin": data.origin, "source": data.source}


def some_of(posters: PosterSet, count: int) -> Tensor:
    """(count, 3, H, W) of the posters, evenly spaced; all where there are fewer."""
    return posters.tensor(evenly_spaced(len(posters), count))


@torch.no_grad()
def generated(generator: gan.Generator, use: str, count: int) -> Tensor:
    """Generated posters (count, 3, H, W) of the seeds that are reserved for this use."""
    first = reserved(use).start
    z = gan.latents(range(first, first + count), generator.config)
    return torch.cat([generator(part) for part in torch.split(z, 32)])


def run(chosen: argparse.Namespace) -> None:
    """Measure, print, and write what the command line asks for."""
    if chosen.write:
        split_section(chosen.write, BEGIN, END)  # a wrong page is said now, not after minutes
    if chosen.json:
        cli.output_file(chosen.json, NUMBERS, chosen.overwrite)
    study, fewest, settings = measure(chosen)
    about = (
        f"Checkpoint `{settings['checkpoint']}` with the digest `{str(settings['digest'])[:12]}`; the reference is the "
        f"mean of {settings['reference']}; a random order stands for the mean of {RANDOM_ORDERS}."
    )
    text = f"{removal_table(study)}\n\n{fewest_table(fewest)}\n\n{about}"
    print(text)
    if chosen.json:
        numbers = {"settings": settings} | study.record() | {"fewest": [asdict(row) for row in fewest]}
        write_file(chosen.json, (json.dumps(numbers) + "\n").encode())
    if chosen.write:
        replace_section(chosen.write, BEGIN, END, f"\n{text}\n")


def main(arguments: list[str] | None = None) -> int:
    chosen = parse(arguments)
    return exit_code(lambda: run(chosen), "the study")


if __name__ == "__main__":
    sys.exit(main())
