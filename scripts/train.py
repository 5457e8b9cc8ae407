"""Train a DCGAN on a folder or a zip of posters.

    python scripts/train.py --data posters.zip --out runs/first
    python scripts/train.py --data posters/ --out runs/horror --only-genres Horror,Thriller --kimg 200
    python scripts/train.py --out runs/first --resume
    python scripts/train.py --data posters.zip --out runs/large --preset dcgan-128 --from checkpoints/dcgan-64
    python scripts/train.py --data posters.zip --out runs/genres --conditional genres --from checkpoints/dcgan-64
    python scripts/train.py --data posters.zip --out runs/first --device cuda --graph
    torchrun --nproc-per-node 4 scripts/train.py --data posters.zip --out runs/first

Ctrl-C saves and exits; --resume continues from exactly there. Watch it with TensorBoard or on the Training page.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import fields, replace
from pathlib import Path

import torch

from gan import FITS, PRESETS, DataError, ModelConfig, PosterSet, TrainConfig, cli, load, load_posters
from gan.cli import add_only_genres, add_settings, exit_code, report_unread
from gan.errors import UsageError, counted
from gan.training.devices import check_device, own_device
from gan.training.distributed import FirstProcessError
from gan.training.loop import train
from gan.training.runs.folder import check_folder, check_separate
from gan.training.runs.options import Origin, command_line, stored_options
from gan.training.runs.plan import Plan
from gan.training.runs.preview import preview
from gan.training.runs.resuming import Asked, Posters, posters_to_resume

PRESET, MIN_POSTERS = "dcgan-stable", 100  # defaults of a new run


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = cli.Parser(__doc__)
    parser.add_argument("--data", type=Path, help="folder or zip of posters; a resumed run knows its own")
    parser.add_argument("--out", required=True, type=Path, help="folder of the run")
    about = " ".join(f"{name}: {preset.about}" for name, preset in PRESETS.items())
    parser.add_argument("--preset", choices=PRESETS, help=f"{about} Default: {PRESET}.")
    parser.add_argument("--from", dest="start", type=Path, metavar="DIR", help="begin with this checkpoint's weights")
    parser.add_argument("--conditional", choices=["genres"], help="networks that take genres as labels")
    parser.add_argument(
        "--min-posters", type=cli.count(), help=f"training posters that a genre needs, default {MIN_POSTERS}"
    )
    add_settings(parser, ModelConfig, ("resolution", "aspect", "width", "max_width", "latent"), defaults=False)
    parser.add_argument("--fit", choices=FITS, help="crop to the shape (default), pad with black, or stretch")
    add_only_genres(parser, None, "only posters of these, joined by commas")
    parser.add_argument("--lr", type=cli.number(float, above=0), help="learning rate of both networks")
    parser.add_argument(
        "--device", default="cuda" if torch.cuda.is_available() else "cpu", help="default %(default)s here"
    )
    parser.add_argument("--graph", action="store_true", help="the step as a CUDA graph (one CUDA device only)")
    parser.add_argument("--threads", type=int, help="CPU threads")
    parser.add_argument(
        "--resume", action="store_true", help="go on from the state in --out, with its options and posters"
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would be done, and stop")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors; log.txt in --out has the rest")
    add_settings(parser, TrainConfig, defaults=False)
    return parser.parse_args(arguments)


def given_settings(chosen: argparse.Namespace) -> tuple[ModelConfig, TrainConfig]:
    """The preset, or the resumed run's own options, changed by what was given on the command line."""
    if chosen.resume:
        model, config = stored_options(chosen.out)
    else:
        preset = PRESETS[chosen.preset or PRESET]
        model, config = preset.model, preset.train
    if chosen.lr is not None:
        config = replace(config, lr_g=chosen.lr, lr_d=chosen.lr)
    given = {name: value for name, value in vars(chosen).items() if value is not None}
    return (
        replace(model, **{f.name: given[f.name] for f in fields(model) if f.name in given}),
        replace(config, **{f.name: given[f.name] for f in fields(config) if f.name in given}),
    )


def posters_of(chosen: argparse.Namespace) -> Posters:
    """Where the posters are and how they are cut: as given, or as the run that is resumed says."""
    genres = None
    if chosen.only_genres is not None:
        genres = tuple(name.strip() for name in chosen.only_genres.split(",") if name.strip())
    if chosen.resume:
        asked = (chosen.preset, chosen.conditional, chosen.min_posters, chosen.start, chosen.data, chosen.fit, genres)
        return posters_to_resume(chosen.out, Asked(*asked))
    if chosen.data is None:
        raise UsageError("A run needs posters: add --data, a folder or a zip.")
    return Posters(chosen.data, chosen.fit or "crop", genres or ())


def frequent_genres(training: PosterSet, min_posters: int) -> tuple[str, ...]:
    """Genres of at least ``min_posters`` training posters, in alphabetical order: the labels of both networks."""
    genres = sorted(genre for genre, count in training.genre_counts().items() if count >= min_posters)
    if not genres:
        raise DataError(
            f"No genre has {counted(min_posters, 'training poster')}; --conditional needs a metadata.csv with genres."
        )
    return tuple(genres)


def set_threads(count: int) -> None:
    """Number of CPU threads; UsageError below 1."""
    if count < 1:
        raise UsageError(f"--threads must be at least 1, not {count}.")
    torch.set_num_threads(count)


def plan_of(chosen: argparse.Namespace) -> Plan:
    """What the command line says, as far as it can be checked before the posters are read."""
    check_folder(chosen.out, chosen.resume)
    model, config = given_settings(chosen)
    start = load(chosen.start) if chosen.start and not chosen.resume else None
    plan = Plan(
        chosen.out, model, config, own_device(chosen.device), chosen.resume, start, chosen.graph, not chosen.quiet
    )
    (replace(plan, start=None) if chosen.conditional else plan).check()  # a start must fit genres yet to be counted
    return plan


def run(chosen: argparse.Namespace) -> None:
    """Train, or say what would be done."""
    if chosen.threads is not None:
        set_threads(chosen.threads)
    check_device(own_device(chosen.device))
    plan, where = plan_of(chosen), posters_of(chosen)
    check_separate(chosen.out, where.path)
    posters = load_posters(where.path, plan.model.size, where.fit, where.genres, progress=not chosen.quiet)
    training, held_out = posters.split()
    min_posters = MIN_POSTERS if chosen.min_posters is None else chosen.min_posters
    if chosen.conditional and not chosen.resume:
        plan = replace(plan, model=replace(plan.model, genres=frequent_genres(training, min_posters)))
    origin = Origin(
        chosen.preset or PRESET, command_of(chosen), where.path, min_posters if chosen.conditional else None
    )
    plan = replace(plan, origin=origin)
    plan.check()
    plan.check_posters(training)
    if not chosen.quiet:
        for line in posters.notes():
            print(line, file=sys.stderr)
    if chosen.dry_run:
        print(f"{counted(len(training), 'poster')} to train on, {len(held_out)} held out; device {chosen.device}")
        print(json.dumps(preview(plan, training, held_out, posters.broken), indent=2))
    else:
        state = train(posters, plan)
        if not chosen.quiet:
            print(f"{counted(state.steps, 'step')} in {state.seconds / 3600:.2f} hours; state in {chosen.out}")
    if is_first():
        report_unread(posters.broken)


def command_of(chosen: argparse.Namespace) -> str:
    """The command line, with names of files and folders only."""
    names = {"start": "from"}
    left_out = {"device", "quiet", "dry_run", "resume", "threads"}
    given = {names.get(name, name): value for name, value in vars(chosen).items() if name not in left_out}
    return command_line("scripts/train.py", given)


def is_first() -> bool:
    """Whether this is the first of the processes that torchrun started, or the only one."""
    return os.environ.get("RANK", "0") == "0"


def main(arguments: list[str] | None = None) -> int:
    chosen = parse(arguments)
    chosen.quiet |= not is_first()
    try:
        return exit_code(lambda: run(chosen), chosen.out)
    except FirstProcessError:  # which has said why
        return 2


if __name__ == "__main__":
    sys.exit(main())
