"""Measure what every noise value and direction of a generator does, and keep the study beside its weights.

    python scripts/study_latents.py --checkpoint checkpoints/dcgan-64 --out checkpoints/dcgan-64 --samples 256

Writes latents.npz into the folder --out, by default the checkpoint's own; it is bound to the weights by their
digest. Importance paints (values + 5) pictures a sample: 256 samples take some minutes on two cores.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from gan import CheckpointError, load
from gan.checkpoints.conditioning import with_genres
from gan.cli import exit_code
from gan.progress import progress_bar
from xai.latents.directions import CONTROL
from xai.latents.study import FILE, LatentStudy, latent_study


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", required=True, type=Path, help="checkpoint folder or .pth file")
    parser.add_argument("--genres", default="", help="asked for where there are genres, such as Horror,Comedy=0.5")
    parser.add_argument("--out", type=Path, help="folder to write to (default: the checkpoint's)")
    parser.add_argument("--samples", type=int, default=256, help="rows of the sample for the importance")
    parser.add_argument("--grid", type=int, default=8, help="cells a side that the importance is measured in")
    parser.add_argument("--seed", type=int, default=0, help="names the whole study")
    return parser.parse_args(arguments)


def run(chosen: argparse.Namespace) -> Path:
    """Do what the command line asks; the file written."""
    if not 0 <= chosen.seed < 1000:
        raise ValueError("--seed must be from 0 to 999.")
    checkpoint = with_genres(load(chosen.checkpoint), chosen.genres)
    folder: Path = chosen.out or chosen.checkpoint
    if not folder.is_dir():
        raise CheckpointError(f"{folder} is no folder; say with --out where the study goes.")
    start = time.perf_counter()
    with progress_bar() as tell:
        found = latent_study(checkpoint, chosen.samples, chosen.grid, chosen.seed, tell)
    found.save(folder / FILE)
    print(f"{folder / FILE}: {chosen.samples} samples, {time.perf_counter() - start:.0f} s")
    _tell(found)
    return folder / FILE


def _tell(found: LatentStudy) -> None:
    """The study in some lines."""
    picture = found.importance.picture
    for index in (-picture.value).argsort()[:5]:
        low, high = picture.low[index], picture.high[index]
        print(f"  value {index}: {picture.value[index]:.1%} of the variety ({low:.1%} to {high:.1%})")
    for one in found.directions.directions:
        if one.family != CONTROL and one.label and one.effects:
            besides = ", ".join(one.side_effects()) or "nothing"
            print(f"  {one.name}: {one.label} {one.effects[one.label].value:+.1f} deviations; besides: {besides}")


def main(arguments: list[str] | None = None) -> int:
    chosen = parse(arguments)
    return exit_code(lambda: run(chosen), "the study")


if __name__ == "__main__":
    sys.exit(main())
