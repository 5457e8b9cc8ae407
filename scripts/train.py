"""Train a DCGAN on a folder or a zip of posters.

    python scripts/train.py --data posters.zip --out runs/first
    python scripts/train.py --data posters/ --out runs/horror --genres Horror,Thriller --kimg 200
    python scripts/train.py --data posters.zip --out runs/first --resume
    python scripts/train.py --data posters.zip --out runs/large --preset dcgan-128 --from checkpoints/dcgan-64
    python scripts/train.py --data posters.zip --out runs/asked --conditional genres --from checkpoints/dcgan-64
    python scripts/train.py --data posters.zip --out runs/first --device cuda --graph
    torchrun --nproc-per-node 4 scripts/train.py --data posters.zip --out runs/first

Ctrl-C saves and leaves; --resume goes on exactly there. Watch it with TensorBoard or on the Training page.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict, fields, replace
from pathlib import Path

import torch

from gan import (
    FITS,
    PRESETS,
    DataError,
    Discriminator,
    Generator,
    ModelConfig,
    PosterSet,
    TrainConfig,
    TrainingError,
    load,
    load_posters,
)
from gan.cli import exit_code, tell_unread
from gan.networks.config import BASES
from gan.training.cuda_graph import require_graphs
from gan.training.growing import refuse_unfit
from gan.training.loop import train
from gan.training.run_folder import describe, refuse_changes

PRESET, MIN_POSTERS = "dcgan-stable", 100  # of a new run, where nothing else is typed
KEPT = {"preset": "--preset", "conditional": "--conditional", "min_posters": "--min-posters", "start": "--from"}
HELP = {
    "kimg": "length of the run in thousands of posters shown",
    "batch": "posters a step",
    "lr_g": "learning rate of the generator",
    "lr_d": "learning rate of the discriminator",
    "beta1": "Adam's first decay",
    "beta2": "Adam's second decay",
    "loss": "bce or relativistic",
    "real_label": "target for real posters; below 1 smooths",
    "penalty": "weight of R1 and R2 (only without BatchNorm in D)",
    "penalty_every": "steps between two penalties",
    "lecam": "weight of the LeCam regulariser",
    "critic": "weight of the projected critic, 0 for none",
    "features": "the critic's: efficientnet-lite0 or vgg16",
    "classifier": "weight of the genres that the critic sees in generated posters",
    "ema_kimg": "half-life of the generator's moving average, 0 for none",
    "augment": "DiffAugment policies: color,translation,cutout",
    "label_dropout": "share of posters shown without labels",
    "label_ramp_kimg": "length over which labels grow to full size",
    "skip_d_above": "skip D's update when its accuracy is above this",
    "decay_from": "fraction of the run from which the rates fall",
    "guard": "answer, name or ignore (off) collapse and a D that overpowers G",
    "seed": "names the whole run",
    "tick_kimg": "log a line every so often",
    "grid_kimg": "draw the grid every so often",
    "snapshot_kimg": "save the state every so often",
    "eval_kimg": "judge the generator every so often, 0 for never",
    "eval_samples": "generated posters in a validation",
}


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, type=Path, help="folder or zip of posters")
    parser.add_argument("--out", required=True, type=Path, help="folder of the run")
    about = "; ".join(f"{name}: {preset.about}" for name, preset in PRESETS.items())
    parser.add_argument("--preset", choices=PRESETS, help=f"{about} Default: {PRESET}.")
    parser.add_argument("--from", dest="start", type=Path, metavar="DIR", help="begin with this checkpoint's weights")
    parser.add_argument("--conditional", choices=["genres"], help="networks that can be asked for genres")
    parser.add_argument("--min-posters", type=int, help=f"training posters that a genre needs, default {MIN_POSTERS}")
    parser.add_argument("--resolution", type=int, help="width in pixels, a power of two")
    parser.add_argument("--aspect", choices=BASES, help="square pictures, or whole posters")
    parser.add_argument("--width", type=int, help="channels next to the picture")
    parser.add_argument("--max-width", type=int, help="most channels of a layer")
    parser.add_argument("--latent", type=int, help="number of noise values")
    parser.add_argument("--fit", choices=FITS, default="crop", help="cut to a square, or pad")
    parser.add_argument("--genres", default="", help="only these, joined by commas")
    parser.add_argument("--lr", type=float, help="learning rate of both networks")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--graph", action="store_true", help="the step as a CUDA graph (one CUDA device only)")
    parser.add_argument("--threads", type=int, help="CPU threads")
    parser.add_argument("--resume", action="store_true", help="go on from the state in --out")
    parser.add_argument("--dry-run", action="store_true", help="show what would be done, and stop")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    for field in fields(TrainConfig):
        kind = type(field.default)
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=kind, help=HELP[field.name])
    return parser.parse_args(arguments)


def options(chosen: argparse.Namespace) -> tuple[ModelConfig, TrainConfig]:
    """The preset, or the resumed run's own options, changed by what was given on the command line."""
    if chosen.resume:
        model, config = stored_options(chosen.out / "options.json")
    else:
        preset = PRESETS[chosen.preset or PRESET]
        model, config = preset.model, preset.train
    if chosen.lr is not None:
        config = replace(config, lr_g=chosen.lr, lr_d=chosen.lr)
    given = {name: value for name, value in vars(chosen).items() if value is not None and name != "genres"}
    return (
        replace(model, **{f.name: given[f.name] for f in fields(model) if f.name in given}),
        replace(config, **{f.name: given[f.name] for f in fields(config) if f.name in given}),
    )


def stored_options(path: Path) -> tuple[ModelConfig, TrainConfig]:
    """Those of a run; TrainingError where they are not there, or damaged."""
    try:
        record = json.loads(path.read_text())
        return ModelConfig.from_dict(record["model"]), TrainConfig.from_dict(record["train"])
    except FileNotFoundError as error:
        raise TrainingError(f"{path} is not there, and a resumed run needs it.") from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:  # no JSON, or JSON of another kind
        raise TrainingError(f"{path} is damaged.") from error


def refuse_kept(chosen: argparse.Namespace) -> None:
    """ValueError naming what was typed and would not change a resumed run."""
    typed = [switch for name, switch in KEPT.items() if getattr(chosen, name) is not None]
    if chosen.resume and typed:
        raise ValueError(f"A resumed run keeps its preset, genres and start; leave {' and '.join(typed)} away.")


def asked_genres(training: PosterSet, least: int) -> tuple[str, ...]:
    """What both networks are told of: genres of at least ``least`` training posters, in alphabetical order."""
    found = sorted(genre for genre, count in training.genre_counts().items() if count >= least)
    if not found:
        raise DataError(f"No genre has {least} training posters; --conditional needs a metadata.csv with genres.")
    return tuple(found)


def set_threads(count: int) -> None:
    """So many CPU threads; ValueError below 1."""
    if count < 1:
        raise ValueError(f"--threads must be at least 1, not {count}.")
    torch.set_num_threads(count)


def check_folder(out: Path, resume: bool) -> None:
    """TrainingError where a run cannot begin in this folder, or has no state there to go on from."""
    place = next(place for place in (out, *out.absolute().parents) if place.exists())
    if not place.is_dir():
        raise TrainingError(f"{out} cannot be written: {place} is a file.")
    if not os.access(place, os.W_OK):
        raise TrainingError(f"{out} cannot be written: {place} is read-only.")
    begun = (out / "state.pt").exists()
    if resume and not begun:
        raise TrainingError(f"{out} holds no state to resume.")
    if begun and not resume:
        raise TrainingError(f"{out} holds a run already; resume it, or choose another folder.")


def check_device(name: str) -> None:
    """ValueError where this machine has no such device, or one that holds no numbers."""
    try:
        torch.zeros(1, device=name).item()
    except (RuntimeError, AssertionError, ImportError) as error:  # torch raises the latter two for what it lacks
        raise ValueError(f"The device {name!r} cannot be used here.") from error


def run(chosen: argparse.Namespace, first: bool) -> None:
    """Do what the command line asks; only the ``first`` of several processes says anything."""
    if chosen.threads is not None:
        set_threads(chosen.threads)
    check_device(chosen.device)
    refuse_kept(chosen)
    check_folder(chosen.out, chosen.resume)
    model, config = options(chosen)
    if chosen.graph:
        require_graphs(config, torch.device(chosen.device))  # before posters are read, which can take long
    start = load(chosen.start) if chosen.start else None
    genres = [name.strip() for name in chosen.genres.split(",") if name.strip()]
    posters = load_posters(chosen.data, model.size, chosen.fit, genres, progress=not chosen.quiet)
    training, held_out = posters.split()
    if chosen.conditional:
        least = MIN_POSTERS if chosen.min_posters is None else chosen.min_posters
        model = replace(model, genres=asked_genres(training, least))
    if start is not None:
        refuse_unfit(start, model)
    if chosen.resume:
        refuse_changes(chosen.out, describe(model, config, training))
    if first:
        print(f"{len(training)} posters to train on, {len(held_out)} held out; device {chosen.device}")
    if chosen.dry_run:
        sizes = {net.__name__: sum(p.numel() for p in net(model).parameters()) for net in (Generator, Discriminator)}
        print(json.dumps({"model": asdict(model), "train": asdict(config), "parameters": sizes}, indent=2))
    else:
        state = train(
            posters, chosen.out, model, config, chosen.device, chosen.resume, not chosen.quiet, start, chosen.graph
        )
        if first:
            print(f"{state.steps} steps in {state.seconds / 3600:.2f} hours; state in {chosen.out}")
    if first:
        tell_unread(posters.broken)


def main(arguments: list[str] | None = None) -> int:
    chosen = parse(arguments)
    first = os.environ.get("RANK", "0") == "0"  # of the processes that torchrun started
    chosen.quiet |= not first
    return exit_code(lambda: run(chosen, first), chosen.out)


if __name__ == "__main__":
    sys.exit(main())
