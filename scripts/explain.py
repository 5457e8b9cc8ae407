r"""Explain a folder of posters: values, overlays, one JSON, and one page that opens without a network.

    python scripts/explain.py --checkpoint checkpoints/dcgan-64 --images posters --out explained
    python scripts/explain.py --checkpoint checkpoints/dcgan-64 --seeds 0-9 --methods all --trust --out explained
    python scripts/explain.py --checkpoint checkpoints/dcgan-64 --images a.jpg b.zip --methods deeplift,lime \
        --reference posters --reference-images posters --set lime.samples=512 --out explained
    torchrun --nproc-per-node 4 scripts/explain.py --checkpoint checkpoints/dcgan-64 --images posters --out explained

Posters are read as they are needed, and the work is done in chunks of --batch posters. Finished chunks are kept
in a folder beside --out until all are there: a run that was stopped goes on where it was when the same command is
given again. Posters are resized as in the training; a reference of other posters than those of the training is named
as such. Under torchrun the processes share the chunks, and the result is the same to the last bit.
--set METHOD.SETTING=VALUE changes one setting of one method; --list-settings shows them all.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from gan.lazy import importing

with importing():
    import gan
    import xai
    from gan import cli
    from gan.checkpoints.conditioning import with_genres
    from gan.checkpoints.dataset import posters_of as checkpoint_posters
    from gan.cli import exit_code, parse_seeds, report_unread
    from gan.data.images import FITS, FORMAT_NAMES
    from gan.errors import UsageError, counted
    from xai.methods import FIRST, options
    from xai.networks.processes import processes
    from xai.report import archive, job
    from xai.report.inputs import Poster, generated, in_files
    from xai.report.job import Job

DEFAULT_METHODS = ",".join(FIRST)


class ListSettings(argparse.Action):
    """Like --help: prints and ends, whatever else is missing."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        print(options.listing())
        parser.exit()


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = cli.Parser(__doc__)
    parser.add_argument("--checkpoint", required=True, type=Path, help="checkpoint folder or .pth file")
    parser.add_argument(
        "--genres", default="", help="to condition on, such as Horror,Comedy=0.5, where the checkpoint knows genres"
    )
    parser.add_argument("--images", type=Path, nargs="+", default=[], help="pictures, folders and zips of posters")
    parser.add_argument("--fit", choices=FITS, help="how posters are resized (default: as in training, else crop)")
    parser.add_argument("--seeds", help="generated posters: numbers and ranges, such as 1,5,10-20")
    parser.add_argument("--out", required=True, type=Path, help="folder to write")
    parser.add_argument(
        "--methods", default=DEFAULT_METHODS, help=f"joined by commas, or all: {', '.join(xai.METHODS)}"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="METHOD.SETTING=VALUE", help="such as lime.samples=512"
    )
    parser.add_argument("--list-settings", action=ListSettings, nargs=0, help="show what --set can change, and exit")
    parser.add_argument(
        "--reference",
        choices=list(xai.REFERENCES),
        help="what posters are compared with (default: grey, or posters where --reference-images are given); "
        "own takes all of --reference-images",
    )
    parser.add_argument("--reference-images", type=Path, help="folder or zip of posters to compare with")
    parser.add_argument("--references", type=cli.count(), default=16, help="pictures in a reference of several")
    parser.add_argument("--seed", type=cli.seed(), default=0, help="of methods and references that are drawn at random")
    parser.add_argument("--layer", help="explain a unit of this layer of D, such as layers.4, not the logit")
    parser.add_argument("--unit", type=cli.count(0), help="which unit of --layer")
    parser.add_argument("--place", help="ROW,COLUMN: one neuron of the unit, not the mean of its map")
    parser.add_argument("--trust", action="store_true", help="examine each map, and give a verdict (slow)")
    parser.add_argument(
        "--batch",
        type=cli.count(),
        default=32,
        help="posters in a chunk, the most that a kill may lose; changes no number",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace --out, and what another run has begun")
    return parser.parse_args(arguments)


# ---- what to explain ---------------------------------------------------------------------------------


def posters_of(chosen: argparse.Namespace, checkpoint: gan.Checkpoint, open_files: ExitStack) -> list[Poster]:
    """All posters that were asked for; none of them is read yet."""
    if not chosen.images and chosen.seeds is None:
        raise UsageError("Name posters: --images, --seeds, or both.")
    found = []
    for path in chosen.images:
        prefix = f"{path.name}/" if len(chosen.images) > 1 else ""  # two folders may hold posters of one name
        found += in_files(path, checkpoint.config.size, open_files, prefix, checkpoint.dataset_options(chosen.fit)[0])
    if chosen.seeds is not None:
        found += generated(parse_seeds(chosen.seeds), checkpoint.need_generator())
    if not found:
        raise gan.DataError(f"No picture was found ({FORMAT_NAMES}).")
    return found


# ---- how to explain it -------------------------------------------------------------------------------


def methods_of(chosen: argparse.Namespace, checkpoint: gan.Checkpoint) -> list[xai.Attribution]:
    """The methods that were asked for, with their settings, bound to the target and the reference."""
    score, reference = score_of(chosen, checkpoint), reference_of(chosen, checkpoint)
    names = list(xai.METHODS) if chosen.methods == "all" else chosen.methods.split(",")
    names = list(dict.fromkeys(name.strip() for name in names))
    given = options.parse(chosen.set, names)
    return [
        xai.attribution(name, score, **{"reference": reference, "seed": chosen.seed} | given.get(name, {}))
        for name in names
    ]


def score_of(chosen: argparse.Namespace, checkpoint: gan.Checkpoint) -> xai.Score:
    """D's logit, or a unit."""
    discriminator = checkpoint.need_discriminator()
    if chosen.layer is None:
        if chosen.unit is not None or chosen.place is not None:
            raise UsageError("--unit and --place need --layer.")
        return xai.Score(discriminator)
    if chosen.unit is None:
        raise UsageError("--layer needs --unit.")
    return xai.Score(discriminator, chosen.layer, chosen.unit, _place(chosen.place))


def _place(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() for part in parts):
        raise UsageError(f"--place is ROW,COLUMN, such as 3,5, not {text!r}.")
    return int(parts[0]), int(parts[1])


def reference_of(chosen: argparse.Namespace, checkpoint: gan.Checkpoint) -> xai.Reference:
    """What posters are compared with."""
    kind = chosen.reference or ("posters" if chosen.reference_images else "grey")
    if kind not in ("posters", "mean", "own"):
        return xai.reference(kind, generator=checkpoint.generator, count=chosen.references, seed=chosen.seed)
    if chosen.reference_images is None:
        raise UsageError(f"--reference {kind} needs --reference-images.")
    if kind != "own":
        found = checkpoint_posters(checkpoint, chosen.reference_images, chosen.fit, other=True, progress=False)
        made = xai.reference(kind, posters=found.posters, count=chosen.references, seed=chosen.seed)
        return replace(made, other_posters=found.other)
    fit, _ = checkpoint.dataset_options(chosen.fit)
    posters = gan.load_posters(chosen.reference_images, checkpoint.config.size, fit, progress=False)
    if posters.broken:
        raise gan.DataError(f"A reference of one's own must be whole: {posters.broken[0][1]}")
    if len(posters) > chosen.references:
        raise gan.DataError(
            f"{chosen.reference_images} holds {counted(len(posters), 'picture')}; --references "
            f"{len(posters)} takes them all, "
            "--reference posters chooses some."
        )
    return xai.reference("own", images=posters.tensor(range(len(posters))))


# ---- the work ----------------------------------------------------------------------------------------


def plan(chosen: argparse.Namespace, open_files: ExitStack) -> Job:
    """Check all that can be checked before any work; nothing is written."""
    out = chosen.out.resolve()
    cli.output_folder(chosen.out)
    _check_out(out, chosen.overwrite)
    checkpoint = with_genres(gan.load(chosen.checkpoint), chosen.genres)
    posters = posters_of(chosen, checkpoint, open_files)
    methods = methods_of(chosen, checkpoint)
    return job.plan(checkpoint, posters, methods, out, chosen.trust, chosen.batch, chosen.overwrite)


def _check_out(out: Path, overwrite: bool) -> None:
    """Before anything is loaded."""
    archive.ensure_replaceable(out, overwrite=True)  # what is never replaced
    if out.exists() and not overwrite:
        raise UsageError(f"{out} exists already; --overwrite replaces it.")


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


def run(chosen: argparse.Namespace) -> None:
    """Do what the command line asks; of several processes the first one says what was done."""
    with stoppable(), processes() as (rank, world), ExitStack() as open_files:
        summary = job.run(plan(chosen, open_files), rank, world)
    if summary is not None:
        print(f"{counted(summary.posters, 'poster')} explained; open {chosen.out / 'index.html'}")
        report_unread(summary.skipped)


def main(arguments: list[str] | None = None) -> int:
    chosen = parse(arguments)
    return exit_code(lambda: run(chosen), chosen.out, "Stopped; the same command continues.")


if __name__ == "__main__":
    sys.exit(main())
