"""Judge a checkpoint: quality, what D knows, copies of training posters, collapse, genres.

    python scripts/evaluate.py --checkpoint checkpoints/dcgan-64 --data posters.zip
    python scripts/evaluate.py --compare checkpoints/*-64 --write docs/training.md

Writes evaluate.json into the checkpoint's folder, or --out, and prints the figures in plain words; the same on every
run. The features of all training posters are computed the first time and kept (on one core about 20 posters a second).
What each figure means stands in docs/evaluation.md.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import torch
from tqdm import tqdm

import gan
from gan.cli import exit_code, replace_section, split_section
from gan.data.images import FITS
from gan.evaluation.conditioning import GenreFigure
from gan.evaluation.estimates import Figure, Figures
from gan.evaluation.fid import inception_fid
from gan.evaluation.report import (
    FILE,
    FIRST_SEED,
    IN_UNITS,
    SAMPLES,
    WORDS,
    Evaluation,
    evaluate,
    read,
    some_of,
    taken_as,
    write,
)

D_COLUMNS = ("accuracy_held_out", "accuracy_generated", "ranking_held_out")
REMEMBERED = "default: what the checkpoint remembers, else "
PAGE = Path(__file__).parents[1] / "docs/training.md"  # where the table is, unless it is written to another page
BEGIN, END = "<!-- checkpoints -->", "<!-- /checkpoints -->"


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, help="checkpoint folder or .pth file")
    parser.add_argument("--data", type=Path, help="the posters that it was trained on: a folder or zip")
    parser.add_argument("--training", type=int, help="so many training posters, evenly chosen, in place of all")
    parser.add_argument("--compare", nargs="+", type=Path, metavar="DIR", help="only print one table of what is there")
    parser.add_argument("--write", type=Path, help=f"put that table between {BEGIN} and {END} of this page")
    parser.add_argument("--fit", choices=FITS, help=f"how posters were brought to size in training ({REMEMBERED}crop)")
    parser.add_argument(
        "--genres", help=f"only posters of these, joined by commas, as in training ({REMEMBERED}all posters)"
    )
    parser.add_argument("--samples", type=int, default=SAMPLES, help="generated posters")
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED, help="of the generated posters")
    parser.add_argument("--out", type=Path, help=f"file to write (default: {FILE} in the checkpoint's folder)")
    parser.add_argument("--json", action="store_true", help="print the file's content in place of the table")
    parser.add_argument(
        "--device", default="cuda" if torch.cuda.is_available() else "cpu", help="cpu, cuda, cuda:1 ..."
    )
    parser.add_argument(
        "--inception", action="store_true", help="also the true FID (needs torch-fidelity; fetches its weights, 90 MB)"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress")
    return parser.parse_args(arguments)


def judge(chosen: argparse.Namespace) -> None:
    """Judge one checkpoint: write the figures, and print them."""
    out = target(chosen)
    checkpoint = gan.load(chosen.checkpoint)
    training, held_out = posters_for(checkpoint, chosen).split()
    training = some_of(training, chosen.training)
    with Progress(chosen.quiet) as progress:
        found = evaluate(
            checkpoint, training, held_out, chosen.samples, chosen.first_seed, chosen.device, progress.tell
        )
    if chosen.inception:
        found = with_inception(found, checkpoint, training, chosen)
    write(found, out)
    print(json.dumps(found.to_json(), indent=2) if chosen.json else "\n".join(table(found)))
    print(f"written: {out}", file=sys.stderr)


def posters_for(checkpoint: gan.Checkpoint, chosen: argparse.Namespace) -> gan.PosterSet:
    """Posters as they were in training: as the command line says or, where it does not, as the checkpoint remembers."""
    fit, genres = taken_as(checkpoint, chosen.fit, chosen.genres)
    return gan.load_posters(chosen.data, checkpoint.config.size, fit, genres, progress=not chosen.quiet)


def target(chosen: argparse.Namespace) -> Path:
    """The file to write, checked before anything is measured."""
    out: Path | None = chosen.out
    if out is None and not chosen.checkpoint.is_dir():
        raise gan.CheckpointError(f"{chosen.checkpoint} is no folder; say with --out where the figures go.")
    out = out or chosen.checkpoint / FILE
    if out.is_dir() or not out.parent.is_dir():
        raise gan.PosterLensError(f"{out} is not a file in a folder that exists.")
    return out


def with_inception(
    found: Evaluation, checkpoint: gan.Checkpoint, training: gan.PosterSet, chosen: argparse.Namespace
) -> Evaluation:
    """The same with the true FID; without it, and a sentence on stderr, where it cannot be had."""
    try:
        fid = inception_fid(checkpoint, training, chosen.samples, chosen.first_seed, chosen.device)
    except gan.MetricsUnavailableError as error:
        print(f"No true FID: {error}", file=sys.stderr)
        return found
    return replace(found, inception=fid)


class Progress:
    """One bar for each thing that is done."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self.what = ""
        self.bar: tqdm[None] | None = None

    def tell(self, what: str, part: float) -> None:
        if self.bar is None or self.what != what:
            self.close()
            self.what = what
            shape = f"{what} {{percentage:3.0f}}% |{{bar}}| {{elapsed}}"
            self.bar = tqdm(total=100, bar_format=shape, disable=True if self.quiet else None, leave=False)
        self.bar.update(100 * part - self.bar.n)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def table(found: Evaluation) -> list[str]:
    """The figures in plain words, one line each."""
    lines = [
        f"{found.name}: {found.samples:,} generated posters against {found.held_out:,} held-out ones",
        "(in brackets 95 % intervals; the floor is as many training posters against the same held-out ones)",
        "",
        *section("Quality", found.generated, found.floor),
        *section("What the discriminator knows", found.discriminator or {}),
        *section(f"Copies of the {found.training:,} training posters", found.memorisation),
        *closest(found),
        *section("Collapse", found.collapse),
        *genres(found.genres),
    ]
    if found.inception is not None:
        lines += [f"True FID (Inception), {found.samples:,} training posters: {found.inception:.2f}", ""]
    return lines[:-1]


def section(title: str, figures: Figures, floor: Figures | None = None) -> list[str]:
    """A title, a line for each figure, an empty line; nothing where there are no figures."""
    lines = [title] * bool(figures)
    for key, figure in figures.items():
        words, perfect = WORDS[key]
        beside = f"floor {shown(key, floor[key])}" if floor else f"perfect {perfect}" if perfect else ""
        lines.append(f"  {words:<68} {shown(key, figure):<26} {beside}".rstrip())
    return [*lines, ""] * bool(figures)


def shown(key: str, figure: Figure) -> str:
    """A figure with its interval, in per cent where it is a share."""
    if key in IN_UNITS:
        digits = {"fd_lite1": 1, "kid_lite1": 4}.get(key, 2)
        return f"{figure.value:.{digits}f} [{figure.low:.{digits}f}, {figure.high:.{digits}f}]"
    digits = 2 if key == "near_identical" else 1
    return f"{figure.value:.{digits}%} [{figure.low:.{digits}%}, {figure.high:.{digits}%}]"


def closest(found: Evaluation) -> list[str]:
    """The generated posters that are nearest to a training poster."""
    lines = [
        f"    seed {pair.seed}: {pair.poster}, distance {pair.distance:.2f}; "
        f"{pair.held_out:.1%} of new real posters lie as near to a training poster"
        for pair in found.closest[:5]
    ]
    return ["  the closest pairs:", *lines, ""]


def genres(figures: tuple[GenreFigure, ...]) -> list[str]:
    """One line a genre that was asked for."""
    lines = [
        f"  {one.genre:<16} {verdict(one)}; diversity {shown('diversity', one.diversity)}; "
        f"{one.posters} real posters of it"
        for one in figures
    ]
    return ["Genres, each asked for alone", *lines, ""] * bool(figures)


def verdict(one: GenreFigure) -> str:
    """What the interval of the share allows to say."""
    share = f"moves posters {one.followed.value:.0%} of the way [{one.followed.low:.0%}, {one.followed.high:.0%}]"
    if one.followed.low > 0:
        return f"followed: asking {share}"
    if one.followed.high < 0:
        return f"turned around: asking {share}"
    return f"not followed beyond doubt: asking {share}"


def comparison(folders: Sequence[Path], page: Path) -> str:
    """Markdown for ``page``: one line for each checkpoint that was judged.

    Raises
    ------
    CheckpointError
        If one was not, or not with the weights that are there now.
    """
    lines = [
        "| checkpoint | preset | kimg | hours | hardware | `fd_lite1` | floor | KID | precision | recall | coverage "
        "| D right, held-out | D right, generated | D ranks rightly |",
        "| " + "--- | " * 14,
    ]
    for folder in folders:
        checkpoint, found = gan.load(folder), read(folder)
        if found is None or found.digest != checkpoint.digest:
            raise gan.CheckpointError(f"{folder} was not judged as it is now; run this script on it first.")
        info, made, knows = checkpoint.info, found.generated, found.discriminator or {}
        cells = [
            f"[{checkpoint.name}]({link(folder / 'README.md', page)})", info.get("preset", ""),
            f"{info.get('kimg', 0):.0f}", f"{info.get('hours', 0):.1f}", info.get("hardware", ""),
            shown("fd_lite1", made["fd_lite1"]), f"{found.floor['fd_lite1'].value:.1f}",
            f"{made['kid_lite1'].value:.4f}",
            *(f"{made[key].value:.1%}" for key in ("precision", "recall", "coverage")),
            *(f"{knows[key].value:.1%}" if key in knows else "" for key in D_COLUMNS),
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def link(target: Path, page: Path) -> str:
    """What a Markdown page calls a file: its path from the page's folder, with spaces and the like quoted."""
    return quote(Path(os.path.relpath(target, page.parent)).as_posix())


def compare(chosen: argparse.Namespace) -> None:
    """Print the table of :func:`comparison`, and put it into a page where one is named."""
    if chosen.write:
        split_section(chosen.write, BEGIN, END)
    found = comparison(chosen.compare, chosen.write or PAGE)
    print(found)
    if chosen.write:
        replace_section(chosen.write, BEGIN, END, found)


def run(chosen: argparse.Namespace) -> None:
    """Do what the command line asks."""
    if chosen.compare:
        compare(chosen)
    elif chosen.write:
        raise gan.PosterLensError("--write is for the table of --compare; name checkpoints to compare.")
    elif chosen.checkpoint is None or chosen.data is None:
        raise gan.PosterLensError("Name --checkpoint and --data, or checkpoints to --compare.")
    else:
        judge(chosen)


def main(arguments: list[str] | None = None) -> int:
    chosen = parse(arguments)
    return exit_code(lambda: run(chosen), "the figures")


if __name__ == "__main__":
    sys.exit(main())
