"""Train the network that enlarges posters four times, or measure one beside Lanczos.

    python scripts/train_upscaler.py --data posters.zip --out runs/upscaler
    python scripts/train_upscaler.py --data posters.zip --out runs/upscaler --resume
    python scripts/train_upscaler.py --data posters.zip --out runs/upscaler --ship checkpoints/upscaler
    python scripts/train_upscaler.py --data posters.zip --check checkpoints/upscaler

The posters should be at least 128 pixels wide; 5 % are held out by file name and measured. Ctrl-C saves and ends the
run; --resume with the same options continues exactly there. --ship measures a run and writes its network with the
figures, --check only prints them. About five minutes on a core of its own.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from gan import PosterSet, cli, load_posters
from gan.checkpoints.folder import ensure_replaceable
from gan.cli import StopRequest, add_settings, exit_code, settings_from
from gan.upscaling.network import CONFIG, UpscalerConfig, load
from gan.upscaling.quality import measure
from gan.upscaling.report import milliseconds, ship, table
from gan.upscaling.training import UpscalerTraining, check_folder, train

SIDE = 128  # posters are read as squares of this size


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = cli.Parser(__doc__)
    parser.add_argument("--data", required=True, type=Path, help="folder or zip of posters")
    parser.add_argument("--out", type=Path, help="folder of the run")
    parser.add_argument("--resume", action="store_true", help="continue from the state in --out")
    parser.add_argument(
        "--ship", type=Path, metavar="CHECKPOINT", help="only measure the run and write its network here"
    )
    parser.add_argument("--check", type=Path, metavar="CHECKPOINT", help="only measure this network and print")
    parser.add_argument("--threads", type=cli.count(1, 1024), help="CPU threads")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    add_settings(parser, UpscalerConfig)
    add_settings(parser, UpscalerTraining)
    chosen = parser.parse_args(arguments)
    if not chosen.check and not chosen.out:
        parser.error("--out or --check is needed")
    return chosen


def run(chosen: argparse.Namespace) -> None:
    """Train, ship or check, as the command line says."""
    if chosen.ship:
        cli.output_folder(chosen.ship)
        ensure_replaceable(chosen.ship, CONFIG)  # now, not after minutes of measuring
    elif not chosen.check:
        check_folder(chosen.out, chosen.resume)
    posters = load_posters(chosen.data, SIDE, progress=not chosen.quiet)
    if chosen.check:
        upscaler = load(chosen.check)
        print(table(measure(upscaler, posters.split()[1], not chosen.quiet), SIDE))
        print(f"64 x 64 to 256 x 256 in {milliseconds(upscaler):.0f} ms, one thread")
    elif chosen.ship:
        print(ship(chosen.out, chosen.ship, posters, not chosen.quiet))
    else:
        begin(chosen, posters)


def begin(chosen: argparse.Namespace, posters: PosterSet) -> None:
    """Train until the end, or until a signal."""
    stop = StopRequest()
    with stop.on_signals():
        train(
            posters,
            chosen.out,
            settings_from(chosen, UpscalerConfig),
            settings_from(chosen, UpscalerTraining),
            resume=chosen.resume,
            progress=not chosen.quiet,
            stop=lambda: stop.requested,
        )
    print(f"{'stopped' if stop.requested else 'finished'}; network and state in {chosen.out}")


def main(arguments: list[str] | None = None) -> int:
    chosen = parse(arguments)
    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    return exit_code(lambda: run(chosen), chosen.ship or chosen.out or "the table")


if __name__ == "__main__":
    sys.exit(main())
