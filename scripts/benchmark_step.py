"""Where the time of one training step goes, network by network, in single precision and in bfloat16.

    python scripts/benchmark_step.py
    python scripts/benchmark_step.py --preset dcgan --threads 2
    python scripts/benchmark_step.py --precision float32 --write docs/training.md

Where a processor has no instructions for bfloat16, a step in it takes many times as long: name float32 alone.

Rates are of steps as in training; the parts are those of steps under torch.profiler, which are a little slower. Posters
are random numbers: no operation depends on what is on them. On the CPU.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

import gan
from gan import cli
from gan.errors import counted
from gan.training.config import Preset
from gan.training.state import new_state
from gan.training.step import StepMetrics, step
from xai.bench.timings.profiling import Part, networks_of, profile

BEGIN, END = "<!-- step -->", "<!-- /step -->"
PRECISIONS = ("float32", "bfloat16")
TURNS = 3


@dataclass(frozen=True)
class Measured:
    """precision : of the forward passes. rate : posters a second, median of the turns. parts : of a step."""

    precision: str
    rate: float
    parts: tuple[Part, ...]


def measure(preset: Preset, seconds: float, precisions: Sequence[str] = PRECISIONS) -> tuple[Measured, ...]:
    """The precisions in turns, so that a machine that slows down slows all."""
    jobs = {precision: job(preset, precision) for precision in precisions}
    rates: dict[str, list[float]] = {precision: [] for precision in precisions}
    for _ in range(TURNS):
        for precision, (one_step, _) in jobs.items():
            rates[precision].append(preset.train.batch * steps_a_second(one_step, seconds / TURNS))
    return tuple(
        Measured(precision, statistics.median(rates[precision]), profile(*jobs[precision])) for precision in precisions
    )


def job(preset: Preset, precision: str) -> tuple[Callable[[], Any], dict[str, torch.nn.Module]]:
    """One step of training with all terms of the preset, warmed up, and its networks."""
    config = replace(preset.train, precision=precision)
    state = new_state(preset.model, config)
    real = torch.randn(config.batch, 3, *preset.model.size).clamp(-1, 1)

    def one_step() -> StepMetrics:
        return step(state, real, None, config)

    while "frechet" not in one_step() and config.frechet:
        pass  # moments of features are being counted
    return one_step, networks_of(state)


def steps_a_second(one_step: Callable[[], Any], seconds: float) -> float:
    """Measured over at least ``seconds``."""
    start, steps = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        one_step()
        steps += 1
    return steps / (time.perf_counter() - start)


def table(name: str, found: Sequence[Measured]) -> str:
    """Markdown: milliseconds of each part, forwards and backwards, and its proportion of the step."""
    train, threads = gan.PRESETS[name].train, torch.get_num_threads()
    rates = ", ".join(f"{one.rate:.1f} posters a second in {one.precision}" for one in found)
    head = "".join(f" | {one.precision}: forward, ms | backward, ms | of the step" for one in found)
    lines = [
        f"Preset `{name}`, batch {train.batch}, {counted(threads, 'CPU thread')}, torch {torch.__version__}: {rates}.",
        "",
        f"|{head} |",
        f"| --- {'| --- | --- | --- ' * len(found)}|",
    ]
    for rows in zip(*(one.parts for one in found), strict=True):
        cells = "".join(_cells(part, one) for part, one in zip(rows, found, strict=True))
        lines.append(f"| {rows[0].name}{cells} |")
    return "\n".join(lines)


def _cells(part: Part, of: Measured) -> str:
    whole = sum(one.seconds for one in of.parts)
    backward = f"{1e3 * part.backward:.0f}" if part.backward else ""
    return f" | {1e3 * part.forward:.0f} | {backward} | {part.seconds / whole:.0%}"


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = cli.Parser(__doc__)
    parser.add_argument("--preset", choices=list(gan.PRESETS), default="frechet", help="default %(default)s")
    parser.add_argument("--threads", type=cli.count(), default=1, help="default %(default)s")
    parser.add_argument(
        "--seconds", type=cli.number(float, above=0, high=86400), default=60.0,
        help="measuring time of each rate; default %(default)s",
    )  # fmt: skip
    parser.add_argument(
        "--precision", nargs="+", choices=PRECISIONS, default=list(PRECISIONS), help="default: both in turns"
    )
    parser.add_argument("--write", type=Path, help=f"put the table between {BEGIN} and {END} of this page")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    if options.write:
        cli.split_section(options.write, BEGIN, END)
    torch.set_num_threads(options.threads)
    text = table(options.preset, measure(gan.PRESETS[options.preset], options.seconds, options.precision))
    print(text)
    if options.write:
        cli.replace_section(options.write, BEGIN, END, text)


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    return cli.exit_code(lambda: run(options), options.write)


if __name__ == "__main__":
    sys.exit(main())
