"""Train the encoder that guesses the latent of a poster, from which an inversion starts.

    python scripts/train_encoder.py --checkpoint checkpoints/dcgan-64 --out checkpoints/dcgan-64/encoder.safetensors

It is trained on generated posters; no data is needed. Some minutes on two cores.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from gan import cli, load
from gan.checkpoints.conditioning import with_genres
from gan.cli import checkpoint_parser, exit_code, output_file
from gan.progress import progress_bar
from xai.latents.encoder import ENCODER_STEPS, encoder_r2, save_encoder, train_encoder

ENCODER = {"__metadata__", "encoder"}  # the record in such a file


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = checkpoint_parser(__doc__)
    parser.add_argument("--out", required=True, type=Path, help="file to write; an encoder that is there is replaced")
    cli.add_overwrite(parser)
    parser.add_argument(
        "--steps", type=cli.count(), default=ENCODER_STEPS, help="batches to train on; default %(default)s"
    )
    parser.add_argument("--seed", type=cli.seed(), default=0, help="random seed of the training")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    out = output_file(options.out, ENCODER, options.overwrite)
    checkpoint = with_genres(load(options.checkpoint), options.genres)
    generator = checkpoint.need_generator()
    start = time.perf_counter()
    with progress_bar() as progress:
        encoder = train_encoder(generator, options.steps, options.seed, progress)
    save_encoder(encoder, out, checkpoint.digest)
    r2 = encoder_r2(encoder, generator)
    print(f"{out}: R2 of the latent on new posters {r2:.2f}, {time.perf_counter() - start:.0f} s")


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    return exit_code(lambda: run(options), "the encoder")


if __name__ == "__main__":
    sys.exit(main())
