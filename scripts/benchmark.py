"""Measure PosterLens against the libraries that it stands on, both in the same run.

    python scripts/benchmark.py --checkpoint checkpoints/dcgan-64
    python scripts/benchmark.py --data posters.zip --json docs/benchmark.json --write docs/benchmark.md
    python scripts/benchmark.py --only lime page
    python scripts/benchmark.py --train --write docs/training.md

Ours and the peer take turns, so that a machine that slows down slows both; each number is the median over the turns.
Without --data the posters are synthetic ones. Nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import functools
import json
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import gan
import xai
from dashboard.client import open_page, resident
from gan import cli
from gan.checkpoints.dataset import add_poster_options, posters_from
from gan.cli import exit_code
from gan.data.synthetic import draw_posters
from gan.errors import counted
from gan.files import write_file
from xai.bench.pages import browser
from xai.bench.pages.collection_map import collection_map
from xai.bench.pages.live_latents import live_latents
from xai.bench.timings.libraries import PEERS
from xai.bench.timings.metrics import metrics
from xai.bench.timings.own import OWN
from xai.bench.timings.timing import REFERENCES, Bench, Row, elapsed, table, turns
from xai.web.export import write_page

HOUSE = Path(__file__).resolve().parent.parent
NUMBERS = {"machine", "rows"}  # keys of a file that --json wrote
BEGIN, END = "<!-- benchmark -->", "<!-- /benchmark -->"
FOLDER, PEERS_PART, FOLDER_TURNS = 1000, 100, 6  # posters; of them for the peer, which takes as long for each; turns
PAUSE = 0.05  # seconds between two looks at a process
SIX = ("deeplift", "deepshap", "lime", "integrated_gradients", "gradcam", "activation")


def page(bench: Bench) -> Iterator[Row]:
    """The Compare page with six methods, on the server: a new poster, another colour, a poster seen before."""
    app = opened(bench, "compare", methods=[xai.METHODS[name].title for name in SIX], check="false")

    def seed(number: int) -> Callable[[], Any]:
        return lambda: app.number_input(key="seed").set_value(number).run()

    def strength(turn: int) -> Callable[[], Any]:
        return lambda: app.slider(key="strength").set_value(0.5 + 0.05 * (turn % 2)).run()

    cold = statistics.median(elapsed(seed(100 + turn)) for turn in range(bench.turns))
    colour = statistics.median(elapsed(strength(turn)) for turn in range(bench.turns))
    again = statistics.median(elapsed(seed(100 + turn % 2)) for turn in range(bench.turns))
    assert not app.exception and not app.error, "the page failed"
    yield Row("Compare page, new poster, six methods", cold, "", None, "under 1,500 ms")
    yield Row("Compare page, another overlay", colour, "", None, "under 60 ms")
    yield Row("Compare page, poster seen before", again, "", None, "under 60 ms")


def opened(bench: Bench, name: str, **query: Any) -> Any:
    """A page of the dashboard, on the server alone; imports are done and the networks are loaded."""
    from streamlit.components.v2 import manifest_scanner
    from streamlit.testing.v1 import AppTest

    # A server looks through the installed packages for components once; AppTest would before every run of a page.
    scan = "scan_component_manifests"
    setattr(manifest_scanner, scan, functools.cache(getattr(manifest_scanner, scan)))
    sys.argv = ["app.py", "--checkpoints", str(bench.path.parent)]
    app = AppTest.from_file(str(HOUSE / "dashboard/app.py"), default_timeout=120)
    for key, value in ({"checkpoint": bench.path.name} | query).items():
        app.query_params[key] = value
    app.switch_page(f"app_pages/{name}.py")
    return app.run()


def card(bench: Bench) -> Iterator[Row]:
    """A filter's card on the pages of both networks, on the server: empty caches, another filter, one seen before."""
    yield from cards(bench, "generator", "g_unit", "A filter of G's card")
    yield from cards(bench, "discriminator", "d_unit", "A filter of D's card")


def cards(bench: Bench, page: str, key: str, called: str) -> Iterator[Row]:
    import streamlit as st

    app = opened(bench, page)

    def choose(unit: int) -> Callable[[], Any]:
        return lambda: app.number_input(key=key).set_value(unit).run()

    def with_empty_caches(unit: int) -> float:
        st.cache_resource.clear()
        return elapsed(choose(unit))

    few = max(3, bench.turns // 3)
    cold = statistics.median(with_empty_caches(turn) for turn in range(few))
    warm = statistics.median(elapsed(choose(few + turn)) for turn in range(bench.turns))
    again = statistics.median(elapsed(choose(few + turn % 2)) for turn in range(bench.turns))
    assert not app.exception and not app.error, "the page failed"
    note = "all caches emptied before: it loads the networks too"
    yield Row(f"{called}, whole page, cold", cold, "", None, "under 1,000 ms", note)
    yield Row(f"{called}, another filter", warm, "", None, "under 150 ms")
    yield Row(f"{called}, a filter seen before", again, "", None, "under 150 ms")


def folder(bench: Bench) -> Iterator[Row]:
    """DeepLIFT of a folder through scripts/explain.py, per poster, against captum one by one; memory on the way."""
    from captum.attr import DeepLift
    from PIL import Image

    peer, grey = DeepLift(bench.score.module()), torch.zeros_like(bench.posters[:1])
    sizes: list[float] = []
    with tempfile.TemporaryDirectory() as temporary:
        images = Path(temporary) / "images"
        images.mkdir()
        pixels = gan.to_uint8(bench.posters)
        for index in range(FOLDER):
            Image.fromarray(pixels[index % len(pixels)]).save(images / f"{index:05d}.png")
        paths = sorted(images.iterdir())[:PEERS_PART]

        def one_by_one(turn: int) -> None:
            for path in paths:
                peer.attribute(gan.read_poster(path, pixels.shape[1:3]), grey)

        ours, captum = turns(
            FOLDER_TURNS,
            lambda turn: sizes.extend(_explained(bench.path, images, Path(temporary) / f"out-{turn}")),
            one_by_one,
        )
    yield Row.beside(
        f"DeepLIFT of {FOLDER:,} posters, each", ours.per(FOLDER), "captum one by one, nothing written",
        captum.per(PEERS_PART), "3 times",
        f"with start and all files written; memory {min(sizes):.0f} to {max(sizes):.0f} MB after the first third",
    )  # fmt: skip


def _explained(checkpoint: Path, images: Path, out: Path) -> list[float]:
    """Explain a folder by the script; how large its process was (MB) after the first third."""
    command = [
        sys.executable, str(HOUSE / "scripts/explain.py"), "--checkpoint", str(checkpoint), "--images", str(images),
        "--methods", "deeplift", "--reference", "grey", "--out", str(out),
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 - our own
    sizes = []
    while process.poll() is None:
        sizes.append(resident(process.pid))
        time.sleep(PAUSE)
    assert process.returncode == 0, "scripts/explain.py failed"
    shutil.rmtree(out)
    return [size for size in sizes if size][len(sizes) // 3 :]


def training(bench: Bench) -> Iterator[Row]:
    """A step of the textbook's preset beside the tutorial's loop; ``--train`` measures all rungs between them."""
    from xai.bench.timings.training_steps import drawn_posters, ours, tutorial

    cpu, batch, posters = torch.device("cpu"), 128, drawn_posters()
    step, loop = ours(posters, cpu, batch), tutorial(posters, cpu, batch)
    mine, theirs = turns(max(6, bench.turns // 2), lambda turn: step(), lambda turn: loop())
    yield Row.beside(
        f"A step of training, {counted(batch, 'poster')}", mine, "the PyTorch tutorial's loop", theirs, "1.3 times"
    )


def memory(bench: Bench) -> Iterator[Row]:
    """Of a server, after a person has opened every page."""
    from dashboard.pages import PAGES

    with browser.served(HOUSE / "dashboard/app.py", ["--checkpoints", str(bench.path.parent)]) as server:
        for name in PAGES:
            open_page(server.address, name, 7)
        build = f"torch {torch.__version__}"  # its libraries are a third to a half of it
        yield Row("A server after every page", resident(server.pid), "", None, "under 900 MB", build, unit="MB")


def pages(bench: Bench) -> Iterator[Row]:
    """The pages in a Chromium, started anew: first paint, and bytes and seconds of what a person does."""
    yield from browser.rows()


def planes(bench: Bench) -> Iterator[Row]:
    """The map of a collection in a Chromium: milliseconds a frame, and a brush."""
    yield from collection_map()


def sliders(bench: Bench) -> Iterator[Row]:
    """Latent dimensions turned in a Chromium, on the Latent page and on the page without Python."""
    with tempfile.TemporaryDirectory() as folder:
        write_page(bench.checkpoint, Path(folder) / "site", bench.path)
        yield from live_latents(bench.path.name, Path(folder) / "site")


ALL = (*PEERS, metrics, training, page, folder, card, *OWN, memory, pages, planes, sliders)
JOBS: dict[str, Callable[[Bench], Iterator[Row]]] = {job.__name__: job for job in ALL}


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = cli.Parser(__doc__)
    parser.add_argument("--checkpoint", type=Path, default=HOUSE / "checkpoints/dcgan-64")
    parser.add_argument("--data", type=Path, help="folder or zip of posters; synthetic ones without it")
    add_poster_options(parser)
    parser.add_argument(
        "--only", nargs="+", choices=list(JOBS), default=list(JOBS), metavar="JOB", help=", ".join(JOBS)
    )
    parser.add_argument(
        "--train",
        action="store_true",
        help="only how fast training is (benchmark_training.py)",
    )
    parser.add_argument("--turns", type=cli.count(3), default=15)
    parser.add_argument("--json", type=Path, help="write all numbers here")
    cli.add_overwrite(parser)
    parser.add_argument("--write", type=Path, help=f"put the table between {BEGIN} and {END} of this page")
    chosen = parser.parse_args(arguments)
    cli.refuse_unused(parser, chosen, "train", "write")
    return chosen


def some_posters(checkpoint: gan.Checkpoint, options: argparse.Namespace, count: int = 64) -> tuple[Tensor, str]:
    """Held-out posters, or synthetic ones, and what they are called in the table."""
    if options.data is not None:
        posters = posters_from(checkpoint, options.data, options)
        chosen = posters.held_out.tensor(range(min(count, len(posters.held_out))))
        return chosen, f"held-out, of {posters.other}" if posters.other else "held-out"
    return gan.from_uint8(draw_posters(range(count), checkpoint.config.size)), "synthetic"


def prepared(options: argparse.Namespace) -> tuple[Bench, str]:
    """What all jobs measure on, and what its posters are called; PosterLensError where there are too few of them."""
    checkpoint = gan.load(options.checkpoint)
    checkpoint.need_both()
    posters, called = some_posters(checkpoint, options)
    if len(posters) <= REFERENCES:
        raise gan.DataError(
            f"{options.data} holds {counted(len(posters), 'poster')}; more than {REFERENCES} are needed."
        )
    return Bench(options.checkpoint.resolve(), checkpoint, posters, max(3, options.turns)), called


def run(options: argparse.Namespace) -> None:
    """Measure, print each row as soon as it is there, and write what the command line asks for."""
    if options.write:
        cli.split_section(options.write, BEGIN, END)  # a wrong page is said now, not after minutes of measuring
    if options.json:
        cli.output_file(options.json, NUMBERS, options.overwrite)
    bench, called = prepared(options)
    rows: list[Row] = []
    for name in options.only:
        for row in JOBS[name](bench):
            rows.append(row)
            print(table([row]).splitlines()[-1], flush=True)
    machine = {
        "python": platform.python_version(), "torch": torch.__version__, "threads": torch.get_num_threads(),
        "checkpoint": bench.checkpoint.digest[:12], "posters": called,
        "turns": bench.turns,
    }  # fmt: skip
    print("\n" + table(rows))
    if options.json:
        record = {"machine": machine, "rows": [asdict(row) for row in rows]}
        write_file(options.json, (json.dumps(record, indent=2) + "\n").encode())
    if options.write:
        about = ", ".join(f"{key} {value}" for key, value in machine.items())
        cli.replace_section(options.write, BEGIN, END, f"{table(rows)}\n\nMeasured with {about}.")


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    if options.train:
        page = ["--write", str(options.write)] if options.write else []
        return subprocess.call([sys.executable, str(HOUSE / "scripts/benchmark_training.py"), *page])  # noqa: S603 - our own
    return exit_code(lambda: run(options), "the numbers")


if __name__ == "__main__":
    sys.exit(main())
