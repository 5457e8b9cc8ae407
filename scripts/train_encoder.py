"""Train the encoder that guesses the noise of a poster, from which an inversion starts.

    python scripts/train_encoder.py --checkpoint checkpoints/dcgan-64 --out checkpoints/dcgan-64/encoder.safetensors

It learns from posters that the generator paints on the way; no data is needed. Some minutes on two cores.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from gan import load
from gan.checkpoints.conditioning import with_genres
from gan.cli import exit_code
from gan.progress import progress_bar
from xai.latents.inversion import ENCODER_STEPS, encoder_r2, save_encoder, train_encoder


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", required=True, type=Path, help="checkpoint folder or .pth file")
    parser.add_argument("--genres", default="", help="asked for where there are genres, such as Horror,Comedy=0.5")
    parser.add_argument("--out", required=True, type=Path, help="file to write; one that is there is replaced")
    parser.add_argument("--steps", type=int, default=ENCODER_STEPS, help="batches to learn from")
    parser.add_argument("--seed", type=int, default=0, help="names the training")
    return parser.parse_args(arguments)


def run(chosen: argparse.Namespace) -> Path:
    """Do what the command line asks; the file written."""
    checkpoint = with_genres(load(chosen.checkpoint), chosen.genres)
    generator = checkpoint.need_generator()
    out: Path = chosen.out
    if out.is_dir() or not out.parent.is_dir():
        raise ValueError(f"{out} is not a file in a folder that exists.")
    start = time.perf_counter()
    with progress_bar() as tell:
        encoder = train_encoder(generator, chosen.steps, chosen.seed, tell)
    save_encoder(encoder, out, checkpoint.digest)
    r2 = encoder_r2(encoder, generator)
    print(f"{out}: {r2:.0%} of the noise found back on new posters, {time.perf_counter() - start:.0f} s")
    return out


def main(arguments: list[str] | None = None) -> int:
    chosen = parse(arguments)
    return exit_code(lambda: run(chosen), "the encoder")


if __name__ == "__main__":
    sys.exit(main())
