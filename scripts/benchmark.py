"""Measure PosterLens against the libraries that it stands on, both in the same run.

    python scripts/benchmark.py --checkpoint checkpoints/dcgan-64
    python scripts/benchmark.py --data posters.zip --json docs/benchmark.json --write docs/benchmark.md
    python scripts/benchmark.py --only lime page
    python scripts/benchmark.py --train --write docs/training.md

Ours and the peer take turns, so that a machine that slows down slows both; a figure is the median of the turns.
Without --data the posters are synthetic ones. Nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import gan
import xai
from gan import pages
from gan.files import write_file
from gan.synthetic import draw_poster
from xai.agreement import coarse, rank_correlation
from xai.faithfulness import heat_of

HOUSE = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- benchmark -->", "<!-- /benchmark -->"
REFERENCES = 16
FOLDER = 1000
SIX = ("deeplift", "deepshap", "lime", "integrated_gradients", "gradcam", "activation")


@dataclass(frozen=True)
class Row:
    """One line of the table; milliseconds, ``peer_ms`` None where there is no peer. ``goal`` as the project set it."""

    job: str
    ours_ms: float
    peer: str
    peer_ms: float | None
    goal: str
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times as fast as the peer."""
        return None if self.peer_ms is None else self.peer_ms / self.ours_ms


class AsItIs(torch.nn.Module):
    """A network that no chain is made of: what a person hands to a library."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.network(images)
        return scores


@dataclass(frozen=True, eq=False)
class Bench:
    """What all jobs share: the networks, posters (N, 3, H, W), and how many turns to take."""

    path: Path
    checkpoint: gan.Checkpoint
    posters: Tensor
    turns: int

    @property
    def score(self) -> xai.Score:
        """A fresh score that remembers nothing."""
        assert self.checkpoint.discriminator is not None  # checked by main
        return xai.Score(self.checkpoint.discriminator)

    @property
    def references(self) -> Tensor:
        return self.posters[:REFERENCES]


def turns(count: int, *jobs: Callable[[int], Any]) -> list[float]:
    """Median milliseconds of each job; they take turns, and a first turn of each does not count."""
    seconds: list[list[float]] = [[] for _ in jobs]
    for turn in range(count + 1):
        for job, spent in zip(jobs, seconds, strict=True):
            start = time.perf_counter()
            job(turn)
            spent.append(time.perf_counter() - start)
    return [1000 * statistics.median(spent[1:]) for spent in seconds]


def forward(bench: Bench) -> Iterator[Row]:
    """D on one poster and on 64."""
    score, network = bench.score, bench.score.module()
    for rows in (1, 64):
        images = bench.posters[:rows]
        with torch.no_grad():
            ours, plain = turns(bench.turns, lambda _: score(images), lambda _: network(images))  # noqa: B023
        yield Row(f"D on {rows} poster{'s' * (rows > 1)}", ours, "the module as it is", plain, "")


def deeplift(bench: Bench) -> Iterator[Row]:
    """One poster against the grey one."""
    from captum.attr import DeepLift

    score, grey = bench.score, torch.zeros_like(bench.posters[:1])
    peer = DeepLift(score.module())
    method = xai.attribution("deeplift", score)
    ours, captum = turns(
        bench.turns,
        lambda turn: method.attribute(picture(bench, turn)),
        lambda turn: peer.attribute(picture(bench, turn), grey),
    )
    yield Row("DeepLIFT, one poster", ours, "captum DeepLift", captum, "faster")
    rows = bench.posters[:32]
    (together,) = turns(bench.turns, lambda _: method.attribute(rows))
    yield Row("DeepLIFT of 32 posters at once, each", together / len(rows), "captum one by one", captum, "")


def deepshap(bench: Bench) -> Iterator[Row]:
    """One poster against 16 others."""
    from captum.attr import DeepLiftShap
    from shap import DeepExplainer

    score = bench.score
    method = xai.attribution("deepshap", score, reference=xai.reference("posters", images=bench.references))
    explainer, captum = DeepExplainer(score.module(), bench.references), DeepLiftShap(score.module())
    ours, by_shap, by_captum = turns(
        bench.turns,
        lambda turn: method.attribute(picture(bench, turn)),
        lambda turn: explainer.shap_values(picture(bench, turn), check_additivity=False),
        lambda turn: captum.attribute(picture(bench, turn), bench.references),
    )
    yield Row(f"DeepSHAP, {REFERENCES} references", ours, "shap DeepExplainer", by_shap, "3 times")
    yield Row(f"DeepSHAP, {REFERENCES} references", ours, "captum DeepLiftShap", by_captum, "")


def gradients(bench: Bench) -> Iterator[Row]:
    """Integrated gradients, at the same completeness gap or better."""
    from captum.attr import IntegratedGradients

    score, grey = bench.score, torch.zeros_like(bench.posters[:1])
    peer = IntegratedGradients(score.module())
    method = xai.attribution("integrated_gradients", score)
    gaps: list[list[float]] = [[], []]

    def ours_(turn: int) -> None:
        gaps[0].append(abs(float(method.attribute(picture(bench, turn)).gap)))

    def captum_(turn: int) -> None:
        image = picture(bench, turn)
        values = peer.attribute(image, grey, n_steps=64, method="gausslegendre", internal_batch_size=64)
        gaps[1].append(abs(float(score(image) - score(grey) - values.sum())))

    ours, captum = turns(bench.turns, ours_, captum_)
    note = f"median gap {statistics.median(gaps[0]):.1g}, captum {statistics.median(gaps[1]):.1g}"
    yield Row("Integrated gradients", ours, "captum, 64 steps", captum, "", note)


def lime(bench: Bench) -> Iterator[Row]:
    """LIME until it agrees with itself, against the library with 1,000 samples on the same kind of segments."""
    seeds, posters = 4, 5
    rows: dict[str, list[float]] = {"direct": [], "lime": []}
    alike: dict[str, list[float]] = {"direct": [], "lime": []}
    samples: list[int] = []
    fast, plain = bench.score, xai.Score(AsItIs(bench.score.module()))
    for index in range(posters):
        image = picture(bench, index)
        maps: dict[str, list[Any]] = {"direct": [], "lime": []}
        for seed in range(seeds):
            for engine, score, settings in (("direct", fast, {}), ("lime", plain, {"samples": 1000})):
                method = xai.attribution("lime", score, engine=engine, seed=seed, **settings)
                found = method.attribute(image)
                rows[engine].append(1000 * found.seconds)
                maps[engine].append(coarse(heat_of(found)))
                samples += [int(found.diagnostics["samples"])] * (engine == "direct")
        for engine, each in maps.items():
            pairs = [rank_correlation(each[i], each[j]) for i in range(seeds) for j in range(i)]
            alike[engine].append(statistics.mean(pairs))
    ours, library = (statistics.median(rows[engine]) for engine in ("direct", "lime"))
    note = (
        f"seed correlation {statistics.mean(alike['direct']):.3f}, lime's {statistics.mean(alike['lime']):.3f}; "
        f"{statistics.median(samples):.0f} samples"
    )
    yield Row("LIME, SLIC 50", ours, "lime, 1,000 samples", library, "3 times at 0.95", note)


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
    from streamlit.testing.v1 import AppTest

    sys.argv = ["app.py", "--checkpoints", str(bench.path.parent)]
    app = AppTest.from_file(str(HOUSE / "dashboard/app.py"), default_timeout=120)
    for key, value in ({"checkpoint": bench.path.name} | query).items():
        app.query_params[key] = value
    app.switch_page(f"app_pages/{name}.py")
    return app.run()


def card(bench: Bench) -> Iterator[Row]:
    """A filter's card on the Generator page, on the server: nothing kept, another filter, a filter seen before."""
    import streamlit as st

    app = opened(bench, "generator")

    def choose(unit: int) -> Callable[[], Any]:
        return lambda: app.number_input(key="g_unit").set_value(unit).run()

    def with_nothing_kept(unit: int) -> float:
        st.cache_resource.clear()
        return elapsed(choose(unit))

    few = max(3, bench.turns // 3)
    cold = statistics.median(with_nothing_kept(turn) for turn in range(few))
    warm = statistics.median(elapsed(choose(few + turn)) for turn in range(bench.turns))
    again = statistics.median(elapsed(choose(few + turn % 2)) for turn in range(bench.turns))
    assert not app.exception and not app.error, "the page failed"
    note = "all caches emptied before: it loads the networks too"
    yield Row("A filter's card, whole page, cold", cold, "", None, "under 1,000 ms", note)
    yield Row("A filter's card, another filter", warm, "", None, "under 150 ms")
    yield Row("A filter's card, a filter seen before", again, "", None, "under 150 ms")


def folder(bench: Bench) -> Iterator[Row]:
    """DeepLIFT of a folder through scripts/explain.py, per poster, against captum one by one; memory on the way."""
    import subprocess

    from captum.attr import DeepLift
    from PIL import Image

    peer, grey = DeepLift(bench.score.module()), torch.zeros_like(bench.posters[:1])
    with tempfile.TemporaryDirectory() as temporary:
        images = Path(temporary) / "images"
        images.mkdir()
        pixels = gan.to_uint8(bench.posters)
        for index in range(FOLDER):
            Image.fromarray(pixels[index % len(pixels)]).save(images / f"{index:05d}.png")
        paths = sorted(images.iterdir())[:100]

        def one_by_one() -> None:
            for path in paths:
                peer.attribute(gan.read_poster(path, pixels.shape[1]), grey)

        captum = elapsed(one_by_one) / len(paths)
        command = [
            sys.executable, str(HOUSE / "scripts/explain.py"), "--checkpoint", str(bench.path), "--images", str(images),
            "--methods", "deeplift", "--reference", "grey", "--out", str(Path(temporary) / "out"),
        ]  # fmt: skip
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        memory = []
        while process.poll() is None:
            memory.append(resident(process.pid))
            time.sleep(0.2)
        ours = 1000 * (time.perf_counter() - start) / FOLDER
        assert process.returncode == 0, "scripts/explain.py failed"
    settled = [size for size in memory if size][len(memory) // 3 :]
    note = f"with start and all files written; memory {min(settled):.0f} to {max(settled):.0f} MB after the first third"
    yield Row(
        f"DeepLIFT of {FOLDER:,} posters, each", ours, "captum one by one, nothing written", captum, "10 times", note
    )


def generator(bench: Bench) -> Iterator[Row]:
    """The generator's laboratory: all sweeps of one seed, the Jacobian, the picture without every filter."""
    from xai.anatomy import Anatomy
    from xai.atlas import atlas
    from xai.latent import jacobian
    from xai.removal import removals

    network = bench.checkpoint.generator
    assert network is not None  # checked by main
    z = gan.latents([7], bench.checkpoint.config)
    few = max(3, bench.turns // 3)
    (sweeps,) = turns(few, lambda turn: atlas(network, z))
    yield Row("Atlas: 100 values at 11 steps", sweeps, "", None, "under 8,000 ms")
    anatomy, judge = Anatomy.of(network), bench.score
    (without,) = turns(few, lambda turn: [removals(anatomy, z, layer, score=judge) for layer in anatomy.layers])
    count = sum(anatomy.count(layer) for layer in anatomy.layers)
    yield Row(f"The poster without each of {count} filters, and D's logit", without, "", None, "under 6,000 ms")
    (slopes,) = turns(few, lambda turn: jacobian(network, z))
    yield Row("Jacobian of one poster", slopes, "", None, "under 500 ms")


def noise(bench: Bench) -> Iterator[Row]:
    """Sobol's total index of every noise value, on a small sample."""
    from xai.importance import POINTS, importance

    network, samples = bench.checkpoint.generator, 4
    assert network is not None  # checked by main
    (spent,) = turns(3, lambda turn: importance(network, bench.score, samples, seed=turn))
    count = samples * (network.config.latent + POINTS)
    note = f"{samples} samples; time grows with their number, and the shipped study has 256"
    yield Row(f"Sobol's index of every noise value, {count} posters", spent, "", None, "", note)


def pruning(bench: Bench) -> Iterator[Row]:
    """What the Prune page asks for: a smaller generator, and twelve posters before and after."""
    from xai.prune import first_of, moments, prune, ranking

    network = bench.checkpoint.generator
    assert network is not None  # checked by main
    z = gan.latents(range(12), bench.checkpoint.config)

    @torch.no_grad()
    def posters(turn: int, known: Any, order: Any) -> list[Tensor]:
        smaller = prune(network, first_of(network, order, 0.1 + 0.05 * (turn % 5)), known=known)
        return [network(z), smaller(z)]

    def all_anew(turn: int) -> None:
        found = moments(network)
        posters(turn, found, ranking(network, "duplicates", known=found))

    known = moments(network)
    order = ranking(network, "duplicates", known=known)
    few = max(3, bench.turns // 3)
    cold, warm = turns(few, all_anew, lambda turn: posters(turn, known, order))
    yield Row("Pruning, 12 posters before and after", cold, "", None, "", "moments and ranking measured anew")
    yield Row("Pruning, another share", warm, "", None, "", "moments and ranking are kept")


JOBS: dict[str, Callable[[Bench], Iterator[Row]]] = {
    job.__name__: job
    for job in (forward, deeplift, deepshap, gradients, lime, page, folder, card, generator, noise, pruning)
}


def picture(bench: Bench, turn: int) -> Tensor:
    """Another poster each turn, none of them a reference."""
    place = REFERENCES + turn % (len(bench.posters) - REFERENCES)
    return bench.posters[place : place + 1]


def elapsed(job: Callable[[], Any]) -> float:
    """Milliseconds."""
    start = time.perf_counter()
    job()
    return 1000 * (time.perf_counter() - start)


def resident(pid: int) -> float:
    """Memory of a process in MB; 0 where the system does not say."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * 4096 / 1e6


def table(rows: Sequence[Row]) -> str:
    """Markdown."""
    lines = [
        "| job | ours, ms | peer | peer, ms | times as fast | goal | |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        peer = "" if row.peer_ms is None else f"{row.peer_ms:.1f}"
        ratio = "" if row.ratio is None else f"**{row.ratio:.1f}**"
        lines.append(f"| {row.job} | {row.ours_ms:.1f} | {row.peer} | {peer} | {ratio} | {row.goal} | {row.note} |")
    return "\n".join(lines)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, default=HOUSE / "checkpoints/dcgan-64")
    parser.add_argument("--data", type=Path, help="folder or zip of posters; synthetic ones without it")
    parser.add_argument(
        "--only", nargs="+", choices=list(JOBS), default=list(JOBS), metavar="JOB", help=", ".join(JOBS)
    )
    parser.add_argument("--train", action="store_true", help="only how fast training is (benchmark_training.py)")
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--json", type=Path, help="write all figures here")
    parser.add_argument("--write", type=Path, help=f"put the table between {BEGIN} and {END} of this page")
    return parser.parse_args(arguments)


def some_posters(source: Path | None, side: int, count: int = 64) -> Tensor:
    """Held-out posters, or synthetic ones."""
    if source is not None:
        held_out = gan.load_posters(source, side).split()[1]
        return held_out.tensor(range(min(count, len(held_out))))
    return gan.from_uint8(np.stack([np.asarray(draw_poster(seed, side).image) for seed in range(count)]))


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    if options.train:
        page = ["--write", str(options.write)] if options.write else []
        return subprocess.call([sys.executable, str(HOUSE / "scripts/benchmark_training.py"), *page])
    try:
        checkpoint = gan.load(options.checkpoint)
        if checkpoint.discriminator is None or checkpoint.generator is None:
            raise gan.CheckpointError(f"{options.checkpoint} does not hold both networks.")
        posters = some_posters(options.data, checkpoint.config.resolution)
        if len(posters) <= REFERENCES:
            raise gan.DataError(f"{options.data} holds {len(posters)} posters; more than {REFERENCES} are needed.")
    except gan.PosterLensError as error:
        print(error, file=sys.stderr)
        return 2
    bench = Bench(options.checkpoint.resolve(), checkpoint, posters, max(3, options.turns))
    rows: list[Row] = []
    for name in options.only:
        for row in JOBS[name](bench):
            rows.append(row)
            print(table([row]).splitlines()[-1], flush=True)
    machine = {
        "python": platform.python_version(), "torch": torch.__version__, "threads": torch.get_num_threads(),
        "checkpoint": checkpoint.digest[:12], "posters": "held-out" if options.data else "synthetic",
        "turns": bench.turns,
    }  # fmt: skip
    print("\n" + table(rows))
    if options.json:
        record = {"machine": machine, "rows": [asdict(row) | {"ratio": row.ratio} for row in rows]}
        write_file(options.json, (json.dumps(record, indent=2) + "\n").encode())
    if options.write:
        about = ", ".join(f"{key} {value}" for key, value in machine.items())
        pages.put(options.write, BEGIN, END, f"{table(rows)}\n\nMeasured with {about}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
