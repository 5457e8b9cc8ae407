"""Draw posters from a checkpoint: one grid, or one picture a seed.

    python scripts/sample.py --checkpoint checkpoints/dcgan-64 --seeds 0-63 --out grid.png
    python scripts/sample.py --checkpoint checkpoints/dcgan-64 --seeds 1,5,10-20 --out posters --single
    python scripts/sample.py --checkpoint checkpoints/genres-64 --genres Horror,Comedy=0.5 --out horror.png

The same seed is the same poster, today and tomorrow; --scale 4 enlarges each pixel to 4 x 4. --upscale adds, beside
each file, one enlarged 4 times by a network, whose detail is invented (NAME-network.png), and one by Lanczos
(NAME-lanczos.png). Files that exist are replaced only with --overwrite.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from gan import Generator, cli, image_grid, latents, load, to_uint8
from gan.checkpoints.conditioning import with_genres
from gan.cli import exit_code, parse_seeds
from gan.errors import UsageError, counted
from gan.files import make_directory
from gan.upscaling.network import LABEL
from gan.upscaling.versions import Version, versions

BATCH = 64
MAX_PIXELS = 100_000_000  # of one PNG
UPSCALER = Path(__file__).parents[1] / "checkpoints/upscaler"


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = cli.Parser(__doc__)
    parser.add_argument("--checkpoint", required=True, type=Path, help="checkpoint folder or .pth file")
    parser.add_argument("--seeds", default="0-63", help="numbers and ranges, such as 1,5,10-20; default %(default)s")
    parser.add_argument("--out", required=True, type=Path, help="the grid's PNG; with --single a folder")
    parser.add_argument("--single", action="store_true", help="one PNG a seed, named seed-000012.png")
    parser.add_argument("--genres", default="", help="requested genres, such as Horror,Comedy=0.5")
    parser.add_argument(
        "--columns", type=cli.count(), metavar="N", help="posters in a row of the grid (default: near square)"
    )
    parser.add_argument(
        "--scale", type=cli.count(), default=1, metavar="N", help="enlarge each pixel to N x N, unsmoothed"
    )
    parser.add_argument(
        "--upscale", type=Path, nargs="?", const=UPSCALER, metavar="UPSCALER",
        help="also write each file enlarged 4 times, by a network and by Lanczos (default: the network that ships)",
    )  # fmt: skip
    cli.add_overwrite(parser, "--force")
    chosen = parser.parse_args(arguments)
    cli.refuse_unused(parser, chosen, "single", "checkpoint seeds out genres scale upscale overwrite")
    return chosen


@torch.inference_mode()
def draw(generator: Generator, seeds: list[int]) -> Iterator[NDArray[np.uint8]]:
    """uint8 RGB (n, H, W, 3) of the seeds, at most 64 at a time."""
    for start in range(0, len(seeds), BATCH):
        yield to_uint8(generator(latents(seeds[start : start + BATCH], generator.config)))


def sample(chosen: argparse.Namespace) -> list[Path]:
    """Draw what the command line says; the files written."""
    seeds = parse_seeds(chosen.seeds)
    generator = with_genres(load(chosen.checkpoint), chosen.genres).need_generator()
    wanted = versions(chosen.upscale)
    columns = min(chosen.columns, len(seeds)) if chosen.columns else None
    count, across = (1, 1) if chosen.single else (len(seeds), columns)
    if any(each.area(count, generator.config.size, across, chosen.scale) > MAX_PIXELS for each in wanted):
        raise UsageError("The picture would be too large; choose a smaller --scale or fewer --seeds.")
    plain = [chosen.out / f"seed-{seed:06d}.png" for seed in seeds] if chosen.single else [chosen.out]
    ensure_free([each.path(path) for each in wanted for path in plain], chosen)
    for version in wanted:  # posters are drawn again for each: that costs less than to hold them all
        write(version, [version.path(path) for path in plain], draw(generator, seeds), columns, chosen)
    return [each.path(path) for each in wanted for path in plain]


def write(
    version: Version,
    paths: list[Path],
    batches: Iterator[NDArray[np.uint8]],
    columns: int | None,
    chosen: argparse.Namespace,
) -> None:
    """Write one version: of each picture, or of their grid."""
    changed = map(version.change, batches)
    if chosen.single:
        for path, picture in zip(paths, chain.from_iterable(changed), strict=True):
            version.write(path, Image.fromarray(picture), chosen.scale)
    else:
        version.write(paths[0], image_grid(np.concatenate(list(changed)), columns), chosen.scale)


def ensure_free(paths: list[Path], chosen: argparse.Namespace) -> None:
    """Make the folder; UsageError where a file exists, before anything is drawn."""
    if not chosen.single and chosen.out.is_dir():
        raise UsageError(f"{chosen.out} is a folder; name a PNG file, or add --single.")
    for path in paths:
        cli.new_file(path, chosen.overwrite)
    make_directory(paths[0].parent)


def run(chosen: argparse.Namespace) -> None:
    """Draw, and say what was written."""
    paths = sample(chosen)
    print(
        f"{counted(len(paths), 'picture')} in {chosen.out}"
        if chosen.single
        else f"{', '.join(map(str, paths))} written"
    )
    if chosen.upscale is not None:
        print(f"*-network.png: {LABEL}")


def main(arguments: list[str] | None = None) -> int:
    chosen = parse(arguments)
    return exit_code(lambda: run(chosen), chosen.out)


if __name__ == "__main__":
    sys.exit(main())
