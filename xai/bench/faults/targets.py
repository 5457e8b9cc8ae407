"""What is killed: small runs of the programs that write, each with its own readers.

targets = make_targets(Path("here"))     # draws posters and a tiny checkpoint into the folder first
targets["training"].arguments(Path("work"))
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import gan
from gan.checkpoints import folder as checkpoints
from gan.data.synthetic import draw_posters
from gan.files import settled
from gan.training.runs.folder import STATES, read_grids, read_stats
from gan.training.runs.options import read_options
from xai.bench.faults.killing import Target
from xai.bench.faults.reading import digest, digests
from xai.collection import rows
from xai.generator.filter_table import FilterTable

TRAIN = (
    "--resolution=8 --latent=8 --width=4 --batch=4 --kimg=0.8 --eval-kimg=0 --augment= --threads=1 --quiet "
    "--tick-kimg=0.04 --snapshot-kimg=0.04 --grid-kimg=0.2"
)
POSTERS, SHAPE = 300, (48, 32)  # of the drawn ones
GROUP = "responses"  # of an index


def make_targets(folder: Path, drawn: int = POSTERS) -> dict[str, Target]:
    """The targets by name, on posters and a checkpoint that are made in ``folder``."""
    posters, checkpoint = draw(folder / "posters", drawn), tiny(folder / "checkpoint", 0)
    weights = gan.load(checkpoint).digest

    def training(work: Path) -> list[str]:
        run = work / "run"
        resume = ["--resume"] if (run / "state.pt").exists() else []
        return [f"--data={posters}", f"--out={run}", *TRAIN.split(), *resume]

    def study(work: Path) -> list[str]:
        return [f"--checkpoint={checkpoint}", "--latents=8", f"--out={work / 'filters.npz'}"]

    def table(work: Path) -> dict[str, str]:
        found = FilterTable.beside(work, weights)
        return {} if found is None else {"filters.npz": digest((work / "filters.npz").read_bytes())}

    def explain(work: Path) -> list[str]:
        about = "--seeds=0-15 --batch=1 --methods=deeplift,lime --set=lime.agreement=1"
        return [f"--checkpoint={checkpoint}", *about.split(), f"--out={work / 'out'}"]

    def export(work: Path) -> list[str]:
        overwrite = ["--overwrite"] if (work / "onnx").exists() else []
        return [f"--checkpoint={checkpoint}", f"--onnx={work / 'onnx'}", f"--web={work / 'site'}", *overwrite]

    def index(work: Path) -> list[str]:
        return [f"--checkpoint={checkpoint}", f"--data={posters}", "--other-posters", "--seeds=600"]

    return {
        one.name: one
        for one in (
            Target("training", "train", training, read_run, ("run/state.pt",), growing=True),
            Target("study", "study_filters", study, table),
            Target("explain", "explain", explain, read_folders, (".out.partial/*/posters.json",)),
            Target("export", "export", export, read_folders),
            Target(
                "cache",
                "index_collection",
                index,
                lambda work: read_cache(work, posters),
                CACHED,
                recorded=("cache/index/*/*.npy",),
            ),
        )
    }


CACHED = ("cache/posters-*.json", "cache/index/*/*.json", "cache/index/*/*.blocks/*.json")


def draw(folder: Path, count: int) -> Path:
    """Drawn posters as PNG files."""
    folder.mkdir(parents=True)
    for number, pixels in enumerate(draw_posters(range(count), SHAPE)):
        Image.fromarray(pixels).save(folder / f"{number:04d}.png")
    return folder


def tiny(folder: Path, seed: int) -> Path:
    """A checkpoint of 16 x 16 pixels, drawn at random."""
    config = gan.ModelConfig(resolution=16, latent=8, width=4)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        checkpoints.save(folder, gan.Generator(config).eval(), gan.Discriminator(config).eval())
    return folder


def read_run(work: Path) -> dict[str, str]:
    """What a resumed run, the Training page and gan.load read."""
    run, found = work / "run", dict[str, str]()
    if (run / "options.json").exists():
        read_options(run)
    if (run / "state.pt").exists():
        found["state"] = digest(torch.load(run / "state.pt", weights_only=True, map_location="cpu"))
    for name in STATES:
        if settled(run / name).exists():
            found[name] = gan.load(run / name).digest
    for kimg, path in read_grids(run).items():
        found[f"grid {kimg}"] = digest(np.asarray(Image.open(path)))
    rows_of_run = read_stats(run)
    steps = [row["step"] for row in rows_of_run]
    if steps != sorted(set(steps)):
        raise ValueError(f"the log goes back: {steps}")
    return found | {"stats": digest(rows_of_run)}


def read_folders(work: Path) -> dict[str, str]:
    """All files of the folders that are there; how long it took is left out."""
    found: dict[str, str] = {}
    for part in ("out", "onnx", "site"):
        folder = settled(work / part)
        found |= {f"{part}/{name}": value for name, value in digests(folder).items()} if folder.exists() else {}
    return found


def read_cache(work: Path, posters: Path) -> dict[str, str]:
    """Posters and indexes as they are opened; {} where there are none, which are then made again."""
    cache, found = work / "cache", dict[str, str]()
    for record in cache.glob("posters-*.json"):
        names = json.loads(record.read_bytes())["names"]
        images = gan.load_posters(posters, 16, cache=cache, progress=False).tensor(range(len(names)))
        found[record.stem] = digest(images)
    for folder in sorted((cache / "index").glob("*")):
        stored = rows.read(folder, GROUP)
        if stored is not None:
            found[f"index {folder.name}"] = digest([stored.about, dict(stored.arrays)])
    return found
