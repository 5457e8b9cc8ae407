r"""Examine the maps of generated posters, and keep the verdicts beside the checkpoint for the Compare page.

    python scripts/study_verdicts.py --checkpoint checkpoints/dcgan-64
    python scripts/study_verdicts.py --checkpoint checkpoints/dcgan-64 --seeds 0-11 --methods deeplift,lime

Each poster is explained by each method with its usual settings and a reference of generated posters, as on the Compare
page; verdicts.json then shows what the checks found, with the evidence, without measuring anything again. It is shown
only for these weights, settings and checks: run it again when one of them changes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

import gan
import xai
from gan import cli
from gan.cli import exit_code, parse_seeds
from gan.errors import UsageError, counted
from xai.methods import FIRST
from xai.trust.kept import NAME, KeptVerdicts

METHODS = ",".join(FIRST)
STUDY = {"checks", "digest", "verdicts"}  # keys of such a file


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = cli.Parser(__doc__)
    parser.add_argument("--checkpoint", required=True, type=Path, help="checkpoint folder")
    parser.add_argument("--seeds", default="0-11", help="generated posters (default: the twelve of the Start page)")
    parser.add_argument("--methods", default=METHODS, help=f"joined by commas (default: {METHODS})")
    parser.add_argument("--references", type=cli.count(), default=16, help="generated posters in the reference")
    cli.add_overwrite(parser)
    return parser.parse_args(arguments)


def run(chosen: argparse.Namespace) -> None:
    """Examine every map, and write the file."""
    if not chosen.checkpoint.is_dir():
        raise UsageError(f"{chosen.checkpoint} is not a folder, in which verdicts could be kept.")
    cli.output_file(chosen.checkpoint / NAME, STUDY, chosen.overwrite)
    checkpoint = gan.load(chosen.checkpoint)
    generator, discriminator = checkpoint.need_both()
    reference = xai.reference("generated", generator=generator, count=chosen.references)
    score = xai.Score(discriminator)
    names = [name.strip() for name in chosen.methods.split(",")]
    methods = [xai.attribution(name, score, reference=reference) for name in names]
    kept = KeptVerdicts(checkpoint.digest, "generated", chosen.references)
    for seed in tqdm(parse_seeds(chosen.seeds), "posters", file=sys.stderr):
        image = generator(gan.latents([seed], checkpoint.config)).detach()
        for method in methods:
            kept.add(seed, method.config, xai.examine(method, image, method.attribute(image)))
    path = kept.write(chosen.checkpoint)
    print(
        f"{path}: {counted(len(kept.verdicts), 'poster')}, {counted(len(methods), 'method')}, "
        f"{path.stat().st_size / 1000:.0f} kB"
    )


def main(arguments: list[str] | None = None) -> int:
    chosen = parse(arguments)
    return exit_code(lambda: run(chosen), chosen.checkpoint)


if __name__ == "__main__":
    sys.exit(main())
