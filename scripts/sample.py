"""Draw posters from a checkpoint: one grid, or one picture a seed.

    python scripts/sample.py --checkpoint checkpoints/dcgan-64 --seeds 0-63 --out grid.png
    python scripts/sample.py --checkpoint checkpoints/dcgan-64 --seeds 1,5,10-20 --out posters --single
    python scripts/sample.py --checkpoint checkpoints/genres-64 --genres Horror,Comedy=0.5 --out horror.png

The same seed is the same poster, today and tomorrow; --scale 4 enlarges each pixel to 4 x 4. --upscale adds, beside
each file, one enlarged 4 times by a network, whose detail is invented (NAME-network.png), and one by Lanczos
(NAME-lanczos.png). Files that exist are replaced only with --force.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from gan import Generator, from_uint8, image_grid, latents, load, to_uint8
from gan.checkpoints.conditioning import with_genres
from gan.cli import exit_code, parse_seeds
from gan.data.images import grid_size
from gan.files import write_file
from gan.upscaling import network as upscale
from gan.upscaling import resampling
from gan.upscaling.resampling import FACTOR

Way = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]

BATCH = 64
MAX_PIXELS = 100_000_000  # of one PNG
UPSCALER = Path(__file__).parents[1] / "checkpoints/upscaler"
# What the name of an enlarged picture ends in, and the comment that it carries.
ENLARGED = {"network": upscale.LABEL, "lanczos": "enlarged by Lanczos resampling"}


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", required=True, type=Path, help="checkpoint folder or .pth file")
    parser.add_argument("--seeds", default="0-63", help="numbers and ranges, such as 1,5,10-20")
    parser.add_argument("--out", required=True, type=Path, help="the grid's PNG; with --single a folder")
    parser.add_argument("--single", action="store_true", help="one PNG a seed, named seed-000012.png")
    parser.add_argument("--genres", default="", help="asked for where there are genres, such as Horror,Comedy=0.5")
    parser.add_argument("--columns", type=int, help="posters in a row of the grid (default: near square)")
    parser.add_argument("--scale", type=int, default=1, help="enlarge each pixel to so many, unsmoothed")
    parser.add_argument(
        "--upscale", type=Path, nargs="?", const=UPSCALER, metavar="UPSCALER",
        help="also write each file enlarged 4 times, by a network and by Lanczos (default: the network that ships)",
    )  # fmt: skip
    parser.add_argument("--force", action="store_true", help="replace files that exist")
    return parser.parse_args(arguments)


@torch.inference_mode()
def draw(generator: Generator, seeds: list[int]) -> Iterator[NDArray[np.uint8]]:
    """uint8 RGB (n, H, W, 3) of the seeds, at most 64 at a time."""
    for start in range(0, len(seeds), BATCH):
        yield to_uint8(generator(latents(seeds[start : start + BATCH], generator.config)))


def sample(chosen: argparse.Namespace) -> list[Path]:
    """Draw what the command line asks for; the files written."""
    if chosen.scale < 1 or (chosen.columns is not None and chosen.columns < 1):
        raise ValueError("--scale and --columns must be at least 1.")
    seeds = parse_seeds(chosen.seeds)
    checkpoint = with_genres(load(chosen.checkpoint), chosen.genres)
    generator = checkpoint.need_generator()
    ways = versions(chosen.upscale)
    columns = min(chosen.columns, len(seeds)) if chosen.columns else None
    count, across = (1, 1) if chosen.single else (len(seeds), columns)
    if any(area(way, count, checkpoint.config.size, across, chosen.scale) > MAX_PIXELS for way in ways):
        raise ValueError("The picture would be too large; take a smaller --scale or fewer --seeds.")
    plain = [chosen.out / f"seed-{seed:06d}.png" for seed in seeds] if chosen.single else [chosen.out]
    paths = {way: [named(path, way) for path in plain] for way in ways}
    make_room([path for one in paths.values() for path in one], chosen)
    for way, change in ways.items():  # posters are drawn again for each way: that costs less than keeping them all
        drawn = map(change, draw(generator, seeds))
        if chosen.single:
            for path, picture in zip(paths[way], chain.from_iterable(drawn), strict=True):
                write(path, Image.fromarray(picture), chosen.scale, way)
        else:
            write(paths[way][0], image_grid(np.concatenate(list(drawn)), columns), chosen.scale, way)
    return [path for one in paths.values() for path in one]


def area(way: str, count: int, size: tuple[int, int], columns: int | None, scale: int) -> int:
    """Pixels of one PNG with ``count`` posters of ``size`` (height, width) and the gaps between them."""
    if way:  # posters are enlarged before they are laid out, so the gaps are not
        size, scale = (size[0] * FACTOR, size[1] * FACTOR), 1
    return math.prod(grid_size(count, size, columns)) * scale**2


def versions(upscaler: Path | None) -> dict[str, Way]:
    """What is written of each poster: as it is (""), and with an upscaler's folder the two of ``ENLARGED``."""
    ways: dict[str, Way] = {"": lambda pixels: pixels}
    if upscaler is not None:
        network = upscale.load(upscaler)
        ways["network"] = lambda pixels: enlarged(network, pixels)
        ways["lanczos"] = lambda pixels: enlarged(resampling.lanczos, pixels)
    return ways


@torch.inference_mode()
def enlarged(method: Callable[[Tensor], Tensor], pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 RGB (n, H, W, 3), a poster at a time: the network's maps of 64 posters would fill the memory."""
    return np.concatenate([to_uint8(method(from_uint8(picture[None]))) for picture in pixels])


def named(path: Path, way: str) -> Path:
    """``grid.png`` of the way "network" is ``grid-network.png``."""
    return path.with_name(f"{path.stem}-{way}{path.suffix}") if way else path


def make_room(paths: list[Path], chosen: argparse.Namespace) -> None:
    """Make the folder; ValueError where a file is in the way, before anything is drawn."""
    if not chosen.single and chosen.out.is_dir():
        raise ValueError(f"{chosen.out} is a folder; name a PNG file, or add --single.")
    there = [] if chosen.force else [path for path in paths if path.exists()]
    if there:
        raise ValueError(f"{there[0]} exists already; --force replaces it.")
    paths[0].parent.mkdir(parents=True, exist_ok=True)


def write(path: Path, picture: Image.Image, scale: int, way: str) -> None:
    """Store one PNG, complete or not at all; an enlarged one says in its comment how it was made."""
    if not way:
        picture = picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)
        write_file(path, lambda file: picture.save(file, "PNG"))
        return
    note = PngInfo()
    note.add_text("Comment", ENLARGED[way])
    write_file(path, lambda file: picture.save(file, "PNG", pnginfo=note))


def run(chosen: argparse.Namespace) -> None:
    """Do what the command line asks, and say what was written."""
    paths = sample(chosen)
    print(f"{len(paths)} pictures in {chosen.out}" if chosen.single else f"{', '.join(map(str, paths))} written")
    if chosen.upscale is not None:
        print(f"*-network.png: {upscale.LABEL}")


def main(arguments: list[str] | None = None) -> int:
    chosen = parse(arguments)
    return exit_code(lambda: run(chosen), chosen.out)


if __name__ == "__main__":
    sys.exit(main())
