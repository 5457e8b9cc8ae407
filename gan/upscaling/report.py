"""What is said about a trained upscaler: the table of its quality, its speed, and its model card.

    rows = measure(upscaler, held_out)                  # gan.upscaling.quality
    print(table(rows, side=128))
    milliseconds(upscaler)                              # of one poster, on one thread
    ship(Path("runs/upscaler"), Path("checkpoints/upscaler"), posters)

``scripts/train_upscaler.py --ship`` does all of it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from gan.data.posters import PosterSet
from gan.upscaling.network import CONFIG, Upscaler, UpscalerConfig, load, save
from gan.upscaling.quality import measure
from gan.upscaling.training import UpscalerTraining

CARD = """# upscaler

Enlarges 64 x 64 posters four times for show: **enlarged by a network; detail is invented**. What it draws is never
explained, judged or trained on.

| | |
| --- | --- |
| network | {parameters:,} weights in half precision, {passes} of {factor} times on top of a Lanczos enlargement |
| data | {posters:,} real movie posters, {side} x {side}; 5 % held out by file name |
| command | `python scripts/train_upscaler.py --data POSTERS --out RUN{changed}` |
| length | {length} updates in {minutes:.0f} minutes |
| speed | 64 x 64 to 256 x 256 in {milliseconds:.0f} ms, one thread |

{table}

Measured on {held_out:,} held-out posters; `python scripts/train_upscaler.py --check {name} --data POSTERS` does it
again. What the columns mean, and what the network cannot do, stands in
[docs/upscaling.md](../../docs/upscaling.md).
"""


def table(rows: Sequence[Mapping[str, Any]], side: int) -> str:
    """The rows of :func:`gan.upscaling.quality.measure` on posters of this side, as a Markdown table."""
    lines = [
        "| from | by | PSNR | gain | worse than Lanczos on | SSIM | feature distance |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        gain = f"{row['gain']:+z.2f} ± {row['gain_error']:.2f} dB" if "gain" in row else ""
        worse = f"{row['worse']:.1%}" if "worse" in row else ""
        features = f"{row['features']:.3f}" if "features" in row else "not installed"
        lines.append(
            f"| {side // row['factor']} → {side} | {row['method']} | {row['psnr']:.2f} dB | {gain} | {worse} | "
            f"{row['ssim']:.4f} | {features} |"
        )
    return "\n".join(lines)


@torch.inference_mode()
def milliseconds(upscaler: Upscaler) -> float:
    """Time to enlarge one 64 x 64 poster on one thread: the shortest of 50, since other work can only add to it."""
    threads, poster = torch.get_num_threads(), torch.zeros(1, 3, 64, 64)
    torch.set_num_threads(1)
    seconds = []
    for _ in range(50):
        start = time.perf_counter()
        upscaler(poster)
        seconds.append(time.perf_counter() - start)
    torch.set_num_threads(threads)
    return 1000 * min(seconds)


def ship(run: Path, checkpoint: Path, posters: PosterSet, progress: bool = True) -> str:
    """Measure a run's network, and write it as a checkpoint with its figures and card; the card's table."""
    upscaler = load(run / "latest")
    info = json.loads((run / "latest" / CONFIG).read_text(encoding="utf-8"))["info"]
    training, held_out = posters.split()
    rows = measure(upscaler, held_out, progress)
    side = posters.images.shape[2]
    planned = info["train"]["steps"]
    facts = {
        "parameters": sum(weight.numel() for weight in upscaler.parameters()),
        "passes": ("one pass", "two passes")[upscaler.passes - 1],
        "factor": upscaler.config.factor,
        "posters": len(training),
        "held_out": len(held_out),
        "side": side,
        "changed": _changed_options(upscaler.config, info["train"]),
        "length": f"{info['step']:,}" if info["step"] == planned else f"{info['step']:,} of {planned:,} planned",
        "minutes": info["seconds"] / 60,
        "milliseconds": milliseconds(upscaler),
        "name": checkpoint.as_posix(),
        "table": table(rows, side),
    }
    save(checkpoint, upscaler, info | {"figures": rows}, CARD.format(**facts))
    return table(rows, side)


def _changed_options(model: UpscalerConfig, train: Mapping[str, Any]) -> str:
    """The options of a run that are not the defaults, as they are typed."""
    defaults = asdict(UpscalerConfig()) | asdict(UpscalerTraining())
    used = asdict(model) | dict(train)
    return "".join(f" --{name} {value}" for name, value in used.items() if value != defaults.get(name))
