"""Generate a poster with painted filters: each edit sets one filter to a value inside a box.

    python scripts/paint.py --checkpoint checkpoints/dcgan-64 --seed 7 --edits edits.json --out painted.png

edits.json is a list of edits, applied in order, such as the one that the dashboard saves:
    [["layers.5",7,[0,0,1,0.3],"off"],["layers.8",40,[0.2,0.5,0.6,0.9],"strong"]]
Each is a layer, a filter, a box (left, top, right, bottom, 0 to 1) or a mask as the brush leaves it ("8x8.c.2"), and
off, mean, strong or a number. --scale 4 enlarges each pixel to 4 x 4. An existing file is replaced only with
--overwrite.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from gan import cli, latents, load, to_uint8
from gan.checkpoints.conditioning import with_genres
from gan.cli import checkpoint_parser, exit_code
from gan.files import make_directory, write_file
from xai.generator.painting import from_json, paint
from xai.render import enlarge, png

MOST_SCALE = 64


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = checkpoint_parser(__doc__)
    parser.add_argument("--seed", required=True, type=cli.seed(), help="seed of the poster")
    parser.add_argument("--edits", required=True, type=Path, help="JSON file of edits")
    parser.add_argument("--out", required=True, type=Path, help="PNG to write")
    parser.add_argument(
        "--scale", type=cli.count(1, MOST_SCALE), default=1, help="repeat each pixel this many times, unsmoothed"
    )
    cli.add_overwrite(parser, "--force")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    cli.new_file(options.out, options.overwrite)
    edits = from_json(cli.read_text(options.edits))
    checkpoint = with_genres(load(options.checkpoint), options.genres)
    picture = paint(checkpoint.need_generator(), latents([options.seed], checkpoint.config), edits)
    make_directory(options.out.parent)
    write_file(options.out, png(enlarge(to_uint8(picture)[0], options.scale)))
    print(f"{options.out} written")


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    return exit_code(lambda: run(options), options.out)


if __name__ == "__main__":
    sys.exit(main())
