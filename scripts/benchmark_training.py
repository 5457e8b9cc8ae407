"""How fast is training, rung by rung: the PyTorch tutorial's loop as it stands, then what PosterLens changed.

    python scripts/benchmark_training.py
    python scripts/benchmark_training.py --device cuda --seconds 10 --write docs/training.md

Also ``python scripts/benchmark.py --train``. All rungs train the same networks on the same posters at the same batch
and take turns, so that a machine that slows down slows all of them. Peak is what a matrix product reaches here in
single precision on a CPU and in bfloat16 on a GPU. On CUDA there are rungs more: posters on the device, bfloat16,
and the step as a CUDA graph (gan.training.cuda_graph).
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

import gan
from gan import cli
from gan.cli import exit_code, replace_section, split_section
from gan.training.cuda_graph import WARM_UP, graphed_step
from xai.bench.timings.training_steps import Job, drawn_posters, ours, preset, tutorial

MARKS = {"cpu": ("<!-- speed -->", "<!-- /speed -->"), "cuda": ("<!-- speed cuda -->", "<!-- /speed cuda -->")}
TURNS = 3


@dataclass(frozen=True)
class Rung:
    """``rate`` : posters a second, median of the turns. ``flops`` : of one poster, forwards and backwards."""

    name: str
    rate: float
    flops: float

    def efficiency(self, peak: float) -> float:
        """Proportion of the machine's peak in FLOP/s."""
        return self.rate * self.flops / peak


def ladder(device: torch.device, batch: int, seconds: float) -> tuple[list[Rung], float]:
    """All rungs, slowest idea first, and the machine's peak in FLOP/s."""
    posters = drawn_posters()
    jobs = {
        "the tutorial's loop": tutorial(posters, device, batch),
        "channels last": tutorial(posters, device, batch, channels_last=True),
    }
    if device.type != "cpu":
        jobs["posters on the device"] = tutorial(posters, device, batch, resident=True)
        jobs["posters on the device, channels last, bfloat16"] = tutorial(
            posters, device, batch, channels_last=True, resident=True, bfloat16=True
        )
    jobs["PosterLens, preset dcgan"] = ours(posters, device, batch)
    if device.type == "cuda":
        jobs["PosterLens, preset dcgan, as a CUDA graph"] = ours(
            posters, device, batch, graphed_step(preset(batch), device)
        )
    rates = in_turns(jobs, device, batch, seconds)
    flops = flops_of_a_poster(gan.ModelConfig())
    return [Rung(name, rate, flops) for name, rate in rates.items()], peak(device)


def in_turns(jobs: dict[str, Job], device: torch.device, batch: int, seconds: float) -> dict[str, float]:
    """Posters a second of each job: the median of some turns, ``seconds`` in all."""
    rates: dict[str, list[float]] = {name: [] for name in jobs}
    for job in jobs.values():
        for _ in range(WARM_UP + 1):  # until a graph is captured
            job()
    for _ in range(TURNS):
        for name, job in jobs.items():
            rates[name].append(batch * steps_a_second(job, device, seconds / TURNS))
    return {name: statistics.median(each) for name, each in rates.items()}


def steps_a_second(job: Job, device: torch.device, seconds: float) -> float:
    """Measured over at least ``seconds``."""
    wait(device)
    start, steps = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        job()
        steps += 1
        if steps % 16 == 0:
            wait(device)  # else a GPU's queue grows without end
    wait(device)
    spent = time.perf_counter() - start
    return steps / spent


def wait(device: torch.device) -> None:
    """Wait until the device has finished."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def flops_of_a_poster(config: gan.ModelConfig) -> float:
    """What one poster of a step needs: D forward and back for a real and a generated one, then G through D.

    A convolution costs two operations a weight and position, forwards, for the gradients of its inputs, and for those
    of its weights. G: three passes. D: three for the real and three for the generated poster, less the gradients of
    pictures that nobody needs, and two more in G's step, whose weights' gradients are not needed.
    """
    channels = config.channels
    sides = [config.resolution // 2 ** (index + 1) for index in range(len(channels))]
    shapes = [(3, channels[0], sides[0])]
    shapes += [(channels[i], channels[i + 1], sides[i + 1]) for i in range(len(channels) - 1)]
    middle = sum(2 * 16 * inputs * outputs * side**2 for inputs, outputs, side in shapes)
    d_pass = middle + 2 * 16 * channels[-1]
    first = 2 * 16 * 3 * channels[0] * sides[0] ** 2
    drawing = middle + 2 * 16 * channels[-1] * config.latent
    total: float = 3 * drawing - 2 * 16 * channels[-1] * config.latent + 2 * (3 * d_pass - first) + 2 * d_pass
    return total


def peak(device: torch.device) -> float:
    """FLOP/s of a large matrix product: the best of some."""
    side, kind = (8192, torch.bfloat16) if device.type == "cuda" else (2048, torch.float32)
    a, b = (torch.randn(side, side, device=device, dtype=kind) for _ in range(2))
    best = 0.0
    for _ in range(8):
        wait(device)
        start = time.perf_counter()
        a @ b
        wait(device)
        spent = time.perf_counter() - start
        best = max(best, 2 * side**3 / spent)
    return best


def table(rungs: Sequence[Rung], top: float, device: torch.device, batch: int) -> str:
    """Markdown."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} CPU threads"
    first = rungs[0].rate
    lines = [
        f"64 x 64, batch {batch}, {name}, torch {torch.__version__}; peak {top / 1e9:,.0f} GFLOP/s, "
        f"{rungs[0].flops / 1e9:.2f} GFLOP a poster.",
        "",
        "| | posters a second | times the tutorial's loop | of the peak |",
        "| --- | --- | --- | --- |",
    ]
    for rung in rungs:
        efficiency = rung.efficiency(top)
        lines.append(f"| {rung.name} | {rung.rate:,.1f} | {rung.rate / first:.2f} | {efficiency:.0%} |")
    return "\n".join(lines)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = cli.Parser(__doc__)
    parser.add_argument("--device", type=cli.device, default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--batch", type=cli.count(), default=128)
    parser.add_argument(
        "--seconds", type=cli.number(float, above=0, high=86400), default=60.0, help="measuring time of each rung"
    )
    parser.add_argument("--write", type=Path, help="put the table between the device's own marks on this page")
    return parser.parse_args(arguments)


def run(chosen: argparse.Namespace) -> None:
    """Measure, print and write the table."""
    device = torch.device(chosen.device)
    marks = MARKS.get(device.type, MARKS["cpu"])
    if chosen.write:
        split_section(chosen.write, *marks)
    rungs, top = ladder(device, chosen.batch, chosen.seconds)
    text = table(rungs, top, device, chosen.batch)
    print(text)
    if chosen.write:
        replace_section(chosen.write, *marks, text)


def main(arguments: list[str] | None = None) -> int:
    chosen = parse(arguments)
    return exit_code(lambda: run(chosen), chosen.write)


if __name__ == "__main__":
    sys.exit(main())
