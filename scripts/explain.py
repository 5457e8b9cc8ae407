"""Explain a folder of posters: values, overlays, one JSON, and one page that opens without a network.

    python scripts/explain.py --checkpoint checkpoints/dcgan-64 --images posters --out explained
    python scripts/explain.py --checkpoint checkpoints/dcgan-64 --seeds 0-9 --methods all --trust --out explained
    python scripts/explain.py --checkpoint checkpoints/dcgan-64 --images a.jpg b.zip --methods deeplift,lime \\
        --reference posters --reference-images posters --set lime.samples=512 --out explained
    torchrun --nproc-per-node 4 scripts/explain.py --checkpoint checkpoints/dcgan-64 --images posters --out explained

Posters are read as they are needed, and the work is done in chunks of --batch posters. Finished chunks are kept
in a folder beside --out until all are there: a run that was stopped goes on where it was when the same command is
given again. Under torchrun the processes share the chunks, and the result is the same to the last bit.
--set METHOD.SETTING=VALUE changes one setting of one method.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import shutil
import signal
import sys
import time
import types
import typing
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import numpy as np
import torch
from torch import Tensor, distributed
from tqdm import tqdm

import gan
import xai
from gan.data import FolderSource, ahead, is_picture, open_source  # the one safe way into folders and zips
from gan.files import write_file
from gan.images import Size
from xai import findings, report
from xai.genres import asked_for

READERS, WRITERS = 4, 2
MOST_WAITING = 2  # chunks that wait to be written; more would only fill the memory
TIMEOUT = timedelta(days=30)  # for the slowest of the processes
USUAL = "deeplift,deepshap,lime,activation"


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", required=True, type=Path, help="checkpoint folder or .pth file")
    parser.add_argument("--genres", default="", help="asked for where there are genres, such as Horror,Comedy=0.5")
    parser.add_argument("--images", type=Path, nargs="+", default=[], help="pictures, folders and zips of posters")
    parser.add_argument("--seeds", help="generated posters: numbers and ranges, such as 1,5,10-20")
    parser.add_argument("--out", required=True, type=Path, help="folder to write")
    parser.add_argument("--methods", default=USUAL, help=f"joined by commas, or all: {', '.join(xai.METHODS)}")
    parser.add_argument(
        "--set", action="append", default=[], metavar="METHOD.SETTING=VALUE", help="such as lime.samples=512"
    )
    parser.add_argument(
        "--reference",
        choices=[*xai.REFERENCES, "own"],
        help="what posters are compared with (default: grey, or posters where --reference-images are given); "
        "own takes all of --reference-images",
    )
    parser.add_argument("--reference-images", type=Path, help="folder or zip of posters to compare with")
    parser.add_argument("--references", type=int, default=16, help="pictures in a reference of several")
    parser.add_argument("--seed", type=int, default=0, help="of methods and references that are drawn at random")
    parser.add_argument("--layer", help="explain a unit of this layer of D, such as layers.4, not the logit")
    parser.add_argument("--unit", type=int, help="which unit of --layer")
    parser.add_argument("--place", help="ROW,COLUMN: one neuron of the unit, not the mean of its map")
    parser.add_argument("--trust", action="store_true", help="examine each map, and give a verdict (slow)")
    parser.add_argument(
        "--batch", type=int, default=32, help="posters in a chunk, the most that a kill may lose; changes no number"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace --out, and what another run has begun")
    return parser.parse_args(arguments)


# ---- what to explain ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Poster:
    """A poster that can be read: its name, and a text that changes when the file does."""

    name: str
    stamp: str
    read: Callable[[], Tensor]  # (1, 3, H, W); gan.ImageError


def posters_of(chosen: argparse.Namespace, checkpoint: gan.Checkpoint, open_files: ExitStack) -> list[Poster]:
    """All posters that were asked for; none of them is read yet."""
    if not chosen.images and chosen.seeds is None:
        raise ValueError("Name posters: --images, --seeds, or both.")
    found = []
    for path in chosen.images:
        found += _in_files(path, checkpoint.config.size, len(chosen.images) > 1, open_files)
    if chosen.seeds is not None:
        found += _generated(chosen.seeds, chosen.checkpoint, checkpoint)
    if not found:
        raise gan.DataError("No JPEG, PNG or WebP picture was found.")
    return found


def _in_files(path: Path, size: Size, one_of_several: bool, open_files: ExitStack) -> list[Poster]:
    """The pictures of a file, a folder or a zip, by name."""
    source: Any
    if path.is_file() and not is_zipfile(path):
        source, prefix, stat = FolderSource(path.parent), "", path.stat()
        entries = {path.name: f"{stat.st_size}-{stat.st_mtime_ns}"}
    else:
        source, prefix = open_files.enter_context(open_source(path)), f"{path.name}/" * one_of_several
        entries = {name: stamp for name, stamp in source.entries().items() if is_picture(name)}

    def reader(name: str) -> Callable[[], Tensor]:
        return lambda: _read(source.read(name), name, size)

    return [Poster(prefix + name, stamp, reader(name)) for name, stamp in sorted(entries.items())]


def _read(data: bytes, name: str, size: Size) -> Tensor:
    """``gan.read_poster``, with the picture's name in its errors."""
    return gan.from_uint8(np.asarray(gan.fit_image(gan.open_image(data, name), size))[None])


def _generated(seeds: str, path: Path, checkpoint: gan.Checkpoint) -> list[Poster]:
    generator = checkpoint.generator
    if generator is None:
        raise gan.CheckpointError(f"{path} holds no generator, only a discriminator.")

    def reader(seed: int) -> Callable[[], Tensor]:
        @torch.no_grad()
        def draw() -> Tensor:  # one at a time: in a batch, the last bits would be others
            poster: Tensor = generator(gan.latents([seed], checkpoint.config))
            return poster

        return draw

    return [Poster(f"seed {seed}", "", reader(seed)) for seed in _parse_seeds(seeds)]


def _parse_seeds(text: str) -> list[int]:
    """What ``sample.py`` makes of --seeds; scripts are no package."""
    spec = importlib.util.spec_from_file_location("sample", Path(__file__).with_name("sample.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    seeds: list[int] = module.parse_seeds(text)
    return seeds


# ---- how to explain it -------------------------------------------------------------------------------


def methods_of(chosen: argparse.Namespace, checkpoint: gan.Checkpoint) -> list[xai.Attribution]:
    """The methods that were asked for, with their settings, bound to the target and the reference."""
    score, reference = score_of(chosen, checkpoint), reference_of(chosen, checkpoint)
    names = list(xai.METHODS) if chosen.methods == "all" else chosen.methods.split(",")
    names = list(dict.fromkeys(name.strip() for name in names))
    given = settings_of(chosen.set, names, score)
    return [
        xai.attribution(name, score, **{"reference": reference, "seed": chosen.seed} | given.get(name, {}))
        for name in names
    ]


def score_of(chosen: argparse.Namespace, checkpoint: gan.Checkpoint) -> xai.Score:
    """D's logit, or a unit."""
    if checkpoint.discriminator is None:
        raise gan.CheckpointError(f"{chosen.checkpoint} holds no discriminator to explain.")
    if chosen.layer is None:
        if chosen.unit is not None or chosen.place is not None:
            raise ValueError("--unit and --place need --layer.")
        return xai.Score(checkpoint.discriminator)
    if chosen.unit is None:
        raise ValueError("--layer needs --unit.")
    return xai.Score(checkpoint.discriminator, chosen.layer, chosen.unit, _place(chosen.place))


def _place(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() for part in parts):
        raise ValueError(f"--place is ROW,COLUMN, such as 3,5, not {text!r}.")
    return int(parts[0]), int(parts[1])


def reference_of(chosen: argparse.Namespace, checkpoint: gan.Checkpoint) -> xai.Reference:
    """What posters are compared with."""
    kind = chosen.reference or ("posters" if chosen.reference_images else "grey")
    if kind not in ("posters", "mean", "own"):
        return xai.reference(kind, generator=checkpoint.generator, count=chosen.references, seed=chosen.seed)
    if chosen.reference_images is None:
        raise ValueError(f"--reference {kind} needs --reference-images.")
    posters = gan.load_posters(chosen.reference_images, checkpoint.config.size, progress=False)
    if kind != "own":
        return xai.reference(kind, posters=posters, count=chosen.references, seed=chosen.seed)
    if posters.broken:
        raise gan.DataError(f"A reference of one's own must be whole: {posters.broken[0][1]}")
    if len(posters) > chosen.references:
        raise gan.DataError(
            f"{chosen.reference_images} holds {len(posters)} pictures; --references {len(posters)} takes them all, "
            "--reference posters chooses some."
        )
    return replace(xai.reference("posters", images=posters.tensor(range(len(posters)))), name="own")


def settings_of(texts: Sequence[str], methods: Sequence[str], score: xai.Score) -> dict[str, dict[str, Any]]:
    """``lime.samples=512`` and the like, by method; values are of the type of the method's field."""
    found: dict[str, dict[str, Any]] = {}
    for text in texts:
        path, equals, value = text.partition("=")
        method, dot, setting = path.strip().partition(".")
        if not (equals and dot and setting):
            raise ValueError(f"--set takes METHOD.SETTING=VALUE, such as lime.samples=512, not {text!r}.")
        if method not in xai.METHODS:
            xai.attribution(method, score)  # says so, and names the nearest
        if method not in methods:
            raise ValueError(f"--set {text}: {method} is not among --methods.")
        if setting == "reference":
            raise ValueError("The reference is the same for all methods; --reference chooses it.")
        found.setdefault(method, {})[setting] = typed(method, setting, value.strip())
    return found


def typed(method: str, setting: str, text: str) -> Any:
    """A setting's text as the type of its field; that of an unknown setting stays, for xai.attribution to refuse."""
    kind = xai.METHODS[method]
    if setting not in {field.name for field in fields(kind)} - {"score"}:
        return text
    wanted = typing.get_type_hints(kind)[setting]
    kinds = typing.get_args(wanted) if isinstance(wanted, types.UnionType) else (wanted,)
    if types.NoneType in kinds and text.lower() == "none":
        return None
    for one in kinds:
        try:
            if one is not types.NoneType:
                return one(text)
        except ValueError:
            continue
    names = " or ".join("none" if one is types.NoneType else one.__name__ for one in kinds)
    raise ValueError(f"{method}.{setting} is {names}, not {text!r}.")


# ---- the work ----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Job:
    """All that is to be done, and where. ``order`` is what another run must agree with to continue."""

    posters: list[Poster]
    stems: list[str]
    methods: list[xai.Attribution]
    settings: dict[str, Any]
    order: dict[str, Any]
    trust: bool
    batch: int
    out: Path
    overwrite: bool

    @property
    def work(self) -> Path:
        """Where finished chunks wait for the others."""
        return self.out.with_name(f".{self.out.name}.partial")

    @property
    def chunks(self) -> list[Path]:
        """Folders of all chunks, finished or not."""
        return [self.work / f"{index:05d}" for index in range(-(-len(self.posters) // self.batch))]


def plan(chosen: argparse.Namespace, open_files: ExitStack) -> Job:
    """Check all that can be checked before any work; nothing is written."""
    if chosen.batch < 1 or chosen.references < 1 or chosen.seed < 0:
        raise ValueError("--batch and --references must be at least 1, --seed at least 0.")
    out = chosen.out.resolve()
    _check_out(out, chosen.overwrite)
    checkpoint = asked_for(gan.load(chosen.checkpoint), chosen.genres)
    posters = posters_of(chosen, checkpoint, open_files)
    methods = methods_of(chosen, checkpoint)
    settings = report.settings(checkpoint, methods, chosen.trust)
    listing = json.dumps([[poster.name, poster.stamp] for poster in posters])
    order = {
        "settings": settings,
        "versions": report.versions(),
        "posters": hashlib.sha256(listing.encode()).hexdigest(),
        "batch": chosen.batch,
    }
    stems = findings.stems(poster.name for poster in posters)
    return Job(posters, stems, methods, settings, order, chosen.trust, chosen.batch, out, chosen.overwrite)


def _check_out(out: Path, overwrite: bool) -> None:
    if not out.exists():
        return
    if not overwrite:
        raise ValueError(f"{out} exists already; --overwrite replaces it.")
    if not out.is_dir() or (any(out.iterdir()) and not (out / "explanations.json").exists()):
        raise ValueError(f"{out} was not written by this script, so it is not replaced; name another folder.")


def begin(job: Job) -> None:
    """Make the folder for chunks, or find it as the same job has left it."""
    record = job.work / "settings.json"
    if record.exists() and job.overwrite and json.loads(record.read_text()) != job.order:
        shutil.rmtree(job.work)
    if not record.exists():
        shutil.rmtree(job.work, ignore_errors=True)
        job.work.mkdir(parents=True)
        write_file(record, json.dumps(job.order, indent=1).encode())
    agree(job)


def agree(job: Job) -> None:
    """ValueError where the folder for chunks belongs to another job."""
    found = json.loads((job.work / "settings.json").read_text())
    others = [key for key, value in job.order.items() if found.get(key) != value]
    if others:
        raise ValueError(
            f"{job.work} was begun with other {' and '.join(others)}: give the same command to continue it, or "
            "--overwrite to begin anew."
        )


def compute(job: Job, rank: int, world: int) -> None:
    """Explain this process's chunks, all but those that are there: read ahead, explain, write behind."""
    mine = [index for index in range(len(job.chunks)) if index % world == rank and not job.chunks[index].exists()]
    rows = {index: range(index * job.batch, min((index + 1) * job.batch, len(job.posters))) for index in mine}
    wanted = (job.posters[row] for index in mine for row in rows[index])
    bar = tqdm(desc="Explaining", total=sum(map(len, rows.values())), unit="poster", disable=rank > 0 or None)
    with ThreadPoolExecutor(READERS) as readers, ThreadPoolExecutor(WRITERS) as writers, bar:
        read = ahead(readers, picture_of, wanted, 2 * job.batch)
        waiting: deque[Future[None]] = deque()
        for index in mine:
            pictures = list(islice(read, len(rows[index])))
            findings, skipped = findings_of(job, rows[index], pictures, within(bar, len(pictures)))
            folder = job.chunks[index]
            waiting.append(writers.submit(report.write_chunk, folder, index, findings, job.methods, skipped))
            while len(waiting) > MOST_WAITING:
                waiting.popleft().result()
        for written in waiting:
            written.result()


def within(bar: tqdm[Any], count: int) -> Callable[[float], None]:
    """Move the bar while ``count`` posters are explained."""
    start = bar.n

    def tell(fraction: float) -> None:
        bar.update(start + round(fraction * count) - bar.n)

    return tell


def findings_of(
    job: Job, rows: range, pictures: Sequence[Tensor | str], progress: Callable[[float], None]
) -> tuple[list[findings.Finding], list[tuple[str, str]]]:
    """What is found about the posters of one chunk, and which of them were skipped."""
    read = [(job.posters[row].name, job.stems[row], picture) for row, picture in zip(rows, pictures, strict=True)]
    skipped = [(name, picture) for name, _, picture in read if isinstance(picture, str)]
    good = [(name, stem, picture) for name, stem, picture in read if isinstance(picture, Tensor)]
    if not good:
        progress(1.0)
        return [], skipped
    names, stems, images = zip(*good, strict=True)
    return findings.explain(job.methods, names, torch.cat(images), stems, job.trust, progress), skipped


def picture_of(poster: Poster) -> Tensor | str:
    """The picture, or why there is none."""
    try:
        return poster.read()
    except gan.ImageError as error:
        return str(error)


# ---- one process or several --------------------------------------------------------------------------


@contextmanager
def processes() -> Iterator[tuple[int, int]]:
    """(rank, world size) under torchrun; (0, 1) without it."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield 0, 1
        return
    distributed.init_process_group("gloo", timeout=TIMEOUT)
    try:
        yield distributed.get_rank(), world
    finally:
        distributed.destroy_process_group()


def wait_for_all(world: int) -> None:
    """Until every process is here. It asks again and again, for a wait within torch hears no signal."""
    if world > 1:
        arrived = distributed.barrier(async_op=True)
        while not arrived.is_completed():
            time.sleep(0.02)
        try:
            arrived.wait()
        except RuntimeError as error:
            raise gan.PosterLensError("Another process has stopped; the same command continues.") from error


@contextmanager
def stoppable() -> Iterator[None]:
    """SIGTERM is like Ctrl-C."""

    def stop(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def run(chosen: argparse.Namespace, rank: int, world: int) -> report.Summary | None:
    """Do this process's part; the first one waits for the others and gives the summary."""
    with ExitStack() as open_files:
        job = plan(chosen, open_files)
        if rank == 0:
            begin(job)
        wait_for_all(world)
        agree(job)
        try:
            compute(job, rank, world)
            wait_for_all(world)
            if rank > 0:
                return None
            return finish(job)
        except gan.PosterLensError:
            if world == 1 and not any(chunk.exists() for chunk in job.chunks):
                shutil.rmtree(job.work, ignore_errors=True)
            raise


def finish(job: Job) -> report.Summary:
    """Make the archive of all chunks, put it in its place, and clear the rest away."""
    archive = job.work / "archive"
    try:
        summary = report.assemble(archive, job.chunks, job.settings)
    except gan.PosterLensError:
        shutil.rmtree(job.work)  # no poster in any chunk: there is nothing to continue
        raise
    if job.out.exists():
        job.out.rename(job.work / "old")
    archive.rename(job.out)
    shutil.rmtree(job.work)
    return summary


def main(arguments: list[str] | None = None) -> int:
    chosen = parse(arguments)
    try:
        with stoppable(), processes() as (rank, world):
            summary = run(chosen, rank, world)
    except KeyboardInterrupt:
        print("Stopped; the same command continues.", file=sys.stderr)
        return 130
    except OSError as error:
        print(f"error: {chosen.out} cannot be written: {error.strerror or error}.", file=sys.stderr)
        return 2
    except (gan.PosterLensError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if summary is not None:
        tell(summary, chosen.out)
    return 0


def tell(summary: report.Summary, out: Path) -> None:
    """What was done, and what was left out."""
    print(f"{summary.posters} posters explained; open {out / 'index.html'}")
    if summary.skipped:
        print(f"{len(summary.skipped)} files could not be read:", file=sys.stderr)
        for name, reason in summary.skipped:
            print(f"  {name}: {reason}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
