"""Train the network that enlarges posters four times, or measure one beside Lanczos.

    python scripts/train_upscaler.py --data posters.zip --out runs/upscaler
    python scripts/train_upscaler.py --data posters.zip --out runs/upscaler --resume
    python scripts/train_upscaler.py --data posters.zip --out runs/upscaler --ship checkpoints/upscaler
    python scripts/train_upscaler.py --data posters.zip --check checkpoints/upscaler

The posters should be 128 pixels wide or more; 5 % are held out by file name, never trained on, and measured by. Ctrl-C
saves and leaves; --resume with the same options goes on exactly there. --ship measures a run and writes its
network with the figures, --check only prints them. About five minutes on a core of its own.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch

from gan import PosterSet, load_posters
from gan.checkpoints.folder import ensure_replaceable
from gan.cli import StopRequest, exit_code
from gan.upscaling.network import CONFIG, Upscaler, UpscalerConfig, load, save
from gan.upscaling.quality import measure
from gan.upscaling.training import UpscalerTraining, train

SIDE = 128  # posters are read as squares of this size
HELP = {
    "factor": "enlargement of one pass: 2 (applied twice) or 4",
    "width": "channels of the network",
    "blocks": "residual blocks of the network",
    "steps": "updates of the whole run",
    "batch": "crops a step",
    "crop": "side of the small crops in pixels",
    "rate": "first learning rate",
    "frequencies": "weight of the loss on Fourier coefficients",
    "seed": "names the whole run",
    "tick": "log and save every so many steps",
}
CARD = """# upscaler

Enlarges 64 x 64 posters four times for show: **enlarged by a network; detail is invented**. What it draws is never
explained, judged or trained on.

| | |
| --- | --- |
| network | {parameters:,} weights in half precision, {passes} of {factor} times on top of a Lanczos enlargement |
| data | {posters:,} real movie posters, 128 x 128; 5 % held out by file name |
| command | `python scripts/train_upscaler.py --data POSTERS --out RUN{changed}` |
| length | {length} updates in {minutes:.0f} minutes |
| speed | 64 x 64 to 256 x 256 in {milliseconds:.0f} ms, one thread |

{table}

Measured on {held_out:,} held-out posters; `python scripts/train_upscaler.py --check {name} --data POSTERS` does it
again. What the columns mean, and what the network cannot do, stands in
[docs/upscaling.md](../../docs/upscaling.md).
"""


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, type=Path, help="folder or zip of posters")
    parser.add_argument("--out", type=Path, help="folder of the run")
    parser.add_argument("--resume", action="store_true", help="go on from the state in --out")
    parser.add_argument(
        "--ship", type=Path, metavar="CHECKPOINT", help="only measure the run and write its network here"
    )
    parser.add_argument("--check", type=Path, metavar="CHECKPOINT", help="only measure this network and print")
    parser.add_argument("--threads", type=int, help="CPU threads")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    for settings in (UpscalerConfig, UpscalerTraining):
        for field in fields(settings):
            parser.add_argument(
                f"--{field.name}", type=type(field.default), default=field.default, help=HELP[field.name]
            )
    chosen = parser.parse_args(arguments)
    if not chosen.check and not chosen.out:
        parser.error("--out is needed, or --check.")
    return chosen


def settings(chosen: argparse.Namespace) -> tuple[UpscalerConfig, UpscalerTraining]:
    """The network's shape and its training, as the command line asks."""
    given = vars(chosen)
    return (
        UpscalerConfig(**{field.name: given[field.name] for field in fields(UpscalerConfig)}),
        UpscalerTraining(**{field.name: given[field.name] for field in fields(UpscalerTraining)}),
    )


def table(rows: list[dict[str, Any]]) -> str:
    """The figures of :func:`gan.upscaling.quality.measure` as a Markdown table."""
    lines = [
        "| from | by | PSNR | gain | worse than Lanczos on | SSIM | feature distance |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        gain = f"{row['gain']:+.2f} ± {row['gain_error']:.2f} dB" if "gain" in row else ""
        worse = f"{row['worse']:.1%}" if "worse" in row else ""
        features = f"{row['features']:.3f}" if "features" in row else "not installed"
        lines.append(
            f"| {SIDE // row['factor']} → {SIDE} | {row['method']} | {row['psnr']:.2f} dB | {gain} | {worse} | "
            f"{row['ssim']:.4f} | {features} |"
        )
    return "\n".join(lines)


@torch.inference_mode()
def milliseconds(upscaler: Upscaler) -> float:
    """Time to enlarge one 64 x 64 poster with one thread: the shortest of 50, other work only adds to it."""
    threads, poster = torch.get_num_threads(), torch.zeros(1, 3, 64, 64)
    torch.set_num_threads(1)
    seconds = []
    for _ in range(50):
        start = time.perf_counter()
        upscaler(poster)
        seconds.append(time.perf_counter() - start)
    torch.set_num_threads(threads)
    return 1000 * min(seconds)


def ship(chosen: argparse.Namespace, posters: PosterSet) -> str:
    """Measure the run's network, write it with figures and card; the card's table."""
    upscaler = load(chosen.out / "latest")
    info = json.loads((chosen.out / "latest" / CONFIG).read_text())["info"]
    training, held_out = posters.split()
    rows = measure(upscaler, held_out, not chosen.quiet)
    defaults = asdict(UpscalerConfig()) | asdict(UpscalerTraining())
    used = asdict(upscaler.config) | info["train"]
    measured = table(rows)
    planned = info["train"]["steps"]
    facts = {
        "parameters": sum(weight.numel() for weight in upscaler.parameters()),
        "passes": ("one pass", "two passes")[upscaler.passes - 1],
        "factor": upscaler.config.factor,
        "posters": len(training),
        "held_out": len(held_out),
        "changed": "".join(f" --{name} {value}" for name, value in used.items() if value != defaults[name]),
        "length": f"{info['step']:,}" if info["step"] == planned else f"{info['step']:,} of {planned:,} planned",
        "minutes": info["seconds"] / 60,
        "milliseconds": milliseconds(upscaler),
        "name": chosen.ship.as_posix(),
        "table": measured,
    }
    save(chosen.ship, upscaler, info | {"figures": rows}, CARD.format(**facts))
    return measured


def run(chosen: argparse.Namespace) -> None:
    """Do what the command line asks."""
    if chosen.ship:
        ensure_replaceable(chosen.ship, CONFIG)  # said now, not after minutes of measuring
    posters = load_posters(chosen.data, SIDE, progress=not chosen.quiet)
    if chosen.check:
        upscaler = load(chosen.check)
        print(table(measure(upscaler, posters.split()[1], not chosen.quiet)))
        print(f"64 x 64 to 256 x 256 in {milliseconds(upscaler):.0f} ms, one thread")
    elif chosen.ship:
        print(ship(chosen, posters))
    else:
        stop = StopRequest()
        with stop.on_signals():
            train(posters, chosen.out, *settings(chosen), chosen.resume, not chosen.quiet, stop=lambda: stop.requested)
        print(f"{'stopped' if stop.requested else 'finished'}; network and state in {chosen.out}")


def main(arguments: list[str] | None = None) -> int:
    chosen = parse(arguments)
    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    return exit_code(lambda: run(chosen), chosen.ship or chosen.out or "the table")


if __name__ == "__main__":
    sys.exit(main())
