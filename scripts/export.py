"""Turn the best state of a run into a checkpoint to ship: weights, figures, curves, grids, model card.

    python scripts/export.py --run runs/best --data posters.zip --out checkpoints/best --preset projected
    python scripts/export.py --run runs/horror --data posters/ --genres Horror --fit pad --out checkpoints/horror
    python scripts/export.py --again checkpoints/dcgan-64 --data posters.zip

Every figure in the card is measured here, on the weights as they are stored, and goes to evaluate.json
(scripts/evaluate.py says what the figures mean). --genres and --fit are those of the training; the checkpoint remembers
them. The last line measures a checkpoint again and renews its card.

Weights are stored in half precision, the generator's where that changes no displayed picture by more than two of 255
levels, the discriminator's where no logit changes by 0.01 (two digits are shown). D's zero is set with --samples
posters of each kind (gan.evaluation.calibration).
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

import gan
from gan.checkpoints.folder import ensure_replaceable, to_bytes, write_files
from gan.cli import exit_code
from gan.data.images import FITS
from gan.data.posters import PosterSet
from gan.evaluation.calibration import calibrated
from gan.evaluation.report import FIRST_SEED, Evaluation, evaluate, some_of, taken_as, write
from gan.files import write_directory, write_json
from gan.training.run_folder import fingerprint, read_stats

SAMPLES = 2000
NEEDED = ("posters", "kimg", "updates", "hours", "train")  # of config.json, for a card
TOLD = ("preset", "command", "hardware")
LEVELS, LOGIT = 2, 0.01  # the largest changes that half precision may make
NOTES = "<!-- notes -->"
UNKNOWN = "not recorded"
REMEMBERED = "default: what the checkpoint remembers, else "
FITTED = {  # gan.data.images.fit_image; posters of 2:3 that are brought to 2:3 are only resized
    "crop": "resized, and centre-cropped to {} where their shape is another",
    "pad": "resized whole, and padded with black to {} where their shape is another",
}
CARD = """# {name}

A DCGAN that paints {height} x {width} movie posters (height x width){asked}: the{average}
generator with recalibrated BatchNorm, and the discriminator of the same moment.

| | |
| --- | --- |
| data | {posters:,} real movie posters{only}, {fitted}; 5 % held out by file name |
| preset | {preset}{start} |
| command | {command} |
| length | {kimg:.0f} thousand posters shown, {updates:,} updates of each network, batch {batch} |
| time | {hours:.2f} hours{rate} |
| hardware | {hardware} |
| `fd_lite1` | **{fd:.1f}** ({fd_low:.1f} to {fd_high:.1f}), lower is better; {samples:,} generated against \
{held_out:,} held-out posters |
| floor | {floor_fd:.1f}: as many training posters against the same held-out posters |
| `kid_lite1` | {kid:.4f}, floor {floor_kid:.4f} |
| precision, recall | {precision:.1%} and {recall:.1%}; floor {floor_precision:.1%} and {floor_recall:.1%} |
| density, coverage | {density:.2f} and {coverage:.1%}; floor {floor_density:.2f} and {floor_coverage:.1%} |
| D's accuracy | {accuracy_training:.1%} on training posters, {accuracy_held_out:.1%} on held-out, \
{accuracy_generated:.1%} on generated ones |
| D's ranking | {ranking_held_out:.1%} of pairs of a held-out and a generated poster, the real one higher |
| weights | {weights} |

`fd_lite1` is the Frechet distance on EfficientNet-Lite1 features. It is not FID and cannot be compared with one. All
figures with their intervals stand in `evaluate.json`; they are measured again by
`python scripts/evaluate.py --checkpoint {path} --data POSTERS --samples {samples}{some}`.

"""


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, help="folder of a training run")
    parser.add_argument("--data", type=Path, required=True, help="the posters that it was trained on")
    parser.add_argument("--out", type=Path, help="checkpoint folder to write; one that is there is replaced")
    parser.add_argument("--again", type=Path, metavar="CHECKPOINT", help="measure this one again, and renew its card")
    parser.add_argument("--state", choices=("best", "latest"), default="best", help="which of the run's two states")
    parser.add_argument("--fit", choices=FITS, help=f"how posters were brought to size in training ({REMEMBERED}crop)")
    parser.add_argument(
        "--genres", help=f"only posters of these, joined by commas, as in training ({REMEMBERED}all posters)"
    )
    parser.add_argument("--notes", type=Path, help="Markdown for the card: what it draws well and badly")
    parser.add_argument("--preset", help="shown in the card; for --again only where it is to change")
    parser.add_argument("--command", help="likewise")
    parser.add_argument("--hardware", help="likewise")
    parser.add_argument("--grids", type=int, default=5, help="how many grids over time to ship")
    parser.add_argument("--samples", type=int, default=SAMPLES, help="generated posters that are judged")
    parser.add_argument("--training", type=int, help="so many training posters, evenly chosen, in place of all")
    return parser.parse_args(arguments)


def with_zero(checkpoint: gan.Checkpoint, training: PosterSet, samples: int) -> gan.Checkpoint:
    """The checkpoint with D's zero set by so many posters of each kind."""
    generator, discriminator = checkpoint.need_both()
    judging = calibrated(discriminator, generator, training, samples)
    return replace(checkpoint, discriminator=judging, config=replace(checkpoint.config, calibrated=True))


@torch.inference_mode()
def harmless_halves(checkpoint: gan.Checkpoint) -> list[str]:
    """Networks whose weights can be stored in half precision without a change that is seen."""
    generator, discriminator = checkpoint.need_both()
    z = gan.latents(range(256), checkpoint.config)
    pictures = torch.cat([generator(part) for part in torch.split(z, 32)])
    changed = torch.cat([rounded(generator)(part) for part in torch.split(z, 32)])
    levels = int(np.abs(gan.to_uint8(pictures).astype(int) - gan.to_uint8(changed)).max())
    less = rounded(discriminator)
    logit = max(float((less.logit(x) - discriminator.logit(x)).abs().max()) for x in torch.split(pictures, 32))
    print(f"half precision: pictures change by at most {levels} of 255, logits by {logit:.4f}")
    return ["generator"] * (levels <= LEVELS) + ["discriminator"] * (logit < LOGIT)


def rounded(network: Any) -> Any:
    """A copy with its weights rounded to half precision."""
    copied = type(network)(network.config)
    weights = network.state_dict()
    copied.load_state_dict({key: w.half().float() if w.is_floating_point() else w for key, w in weights.items()})
    return copied.eval()


def export(chosen: argparse.Namespace) -> None:
    """Write the checkpoint folder, complete or not at all."""
    ensure_replaceable(chosen.out)
    checkpoint = gan.load(chosen.run / chosen.state)
    checkpoint.need_both()
    told, data = told_of(chosen)
    notes = chosen.notes.read_text() if chosen.notes else ""
    taken = remembered(checkpoint, chosen)
    training, held_out = posters_for(checkpoint, chosen, data)
    checkpoint = with_zero(checkpoint, training, chosen.samples)
    with write_directory(chosen.out) as folder:
        info = (
            dict(checkpoint.info) | told | taken | {"data": data, "posters": data["posters"], "held_out": len(held_out)}
        )
        write_files(folder, *checkpoint.need_both(), info, harmless_halves(checkpoint))
        (folder / "stats.jsonl").write_text("".join(json.dumps(row) + "\n" for row in read_stats(chosen.run)))
        copy_grids(chosen.run / "grids", folder / "grids", chosen.grids, checkpoint.info["kimg"])
        judge_and_describe(folder, chosen.out, training, held_out, chosen.samples, notes)


def told_of(chosen: argparse.Namespace) -> tuple[dict[str, str], dict[str, Any]]:
    """What the card tells beside the figures, of the command line and the run's options; the posters' fingerprint."""
    path = chosen.run / "options.json"
    try:
        options = json.loads(path.read_text())
        data, start = dict(options["data"]), options.get("start") or {}
        data["posters"], begun = int(data["posters"]), str(start.get("name", ""))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise gan.PosterLensError(f"{path} is not the options of a run.") from None
    return {key: getattr(chosen, key) or "" for key in TOLD} | {"start": begun}, data


def again(chosen: argparse.Namespace) -> None:
    """Measure a checkpoint, and renew its card; what was told of it may be changed. D's zero is set if it was not."""
    path: Path = chosen.again
    checkpoint = gan.load(path)
    checkpoint.need_both()
    missing = [key for key in NEEDED if key not in checkpoint.info]
    if missing:
        raise gan.CheckpointError(f"{path} does not say how it was trained ({', '.join(missing)} missing).")
    notes = chosen.notes.read_text() if chosen.notes else notes_of(path / "README.md")
    taken = remembered(checkpoint, chosen)
    data = {"posters": checkpoint.info["posters"]} | checkpoint.info.get("data", {})
    training, held_out = posters_for(checkpoint, chosen, data)
    with write_directory(path) as folder:
        shutil.copytree(path, folder, dirs_exist_ok=True)
        record = json.loads((folder / "config.json").read_text())
        record["info"] |= {key: getattr(chosen, key) for key in TOLD if getattr(chosen, key) is not None} | taken
        if not checkpoint.config.calibrated:
            checkpoint = with_zero(checkpoint, training, chosen.samples)
            _, discriminator = checkpoint.need_both()
            weights = folder / "discriminator.safetensors"
            weights.write_bytes(to_bytes(discriminator, half="discriminator" in harmless_halves(checkpoint)))
            record["model"]["calibrated"] = True
        write_json(folder / "config.json", record)
        judge_and_describe(folder, path, training, held_out, chosen.samples, notes)


def notes_of(page: Path) -> str:
    """What a person wrote into a card: all after the mark or, in a card without one, from the first heading on."""
    text = page.read_text() if page.exists() else ""
    _, mark, notes = text.partition(NOTES)
    if not mark:
        _, mark, notes = text.partition("\n## ")
        notes = mark + notes
    return notes.strip()


def remembered(checkpoint: gan.Checkpoint, chosen: argparse.Namespace) -> dict[str, str]:
    """How posters are taken, as ``info`` of a checkpoint remembers it."""
    fit, genres = taken_as(checkpoint, chosen.fit, chosen.genres)
    return {"fit": fit, "only_genres": ",".join(genres)}


def posters_for(
    checkpoint: gan.Checkpoint, chosen: argparse.Namespace, data: Mapping[str, Any]
) -> tuple[PosterSet, PosterSet]:
    """Training posters, or as many as were asked for, and held-out ones.

    DataError where the training posters are not those of the fingerprint ``data``, as far as it goes: older runs have
    fewer hashes.
    """
    fit, genres = taken_as(checkpoint, chosen.fit, chosen.genres)
    training, held_out = gan.load_posters(chosen.data, checkpoint.config.size, fit, genres).split()
    found = fingerprint(training, checkpoint.config.genres)
    if any(data.get(key, value) != value for key, value in found.items()):
        where = chosen.again or chosen.run
        raise gan.DataError(
            f"{where} was trained on other posters; name the --data, --genres and --fit of its training."
        )
    return some_of(training, chosen.training), held_out


def judge_and_describe(
    folder: Path, path: Path, training: PosterSet, held_out: PosterSet, samples: int, notes: str
) -> None:
    """evaluate.json and README.md of the checkpoint in a folder that will stand at ``path``."""
    checkpoint = gan.load(folder)
    found = replace(evaluate(checkpoint, training, held_out, samples, FIRST_SEED), name=path.name)
    write(found, folder)
    text = card(checkpoint, found, path) + f"{NOTES}\n\n{notes.strip()}\n"
    (folder / "README.md").write_text(text)


def copy_grids(source: Path, target: Path, count: int, kimg: float) -> None:
    """``count`` grids up to ``kimg``, the state's own among them, spread evenly over the logarithm of time."""
    paths = sorted(path for path in source.glob("*.png") if float(path.stem) <= kimg)
    target.mkdir()
    for place in sorted({round(place) - 1 for place in np.geomspace(len(paths), 1, max(count, 0))} if paths else ()):
        shutil.copy(paths[place], target / paths[place].name)


def card(checkpoint: gan.Checkpoint, found: Evaluation, path: Path) -> str:
    """The model card without its notes."""
    info: Mapping[str, Any] = checkpoint.info
    height, width = checkpoint.config.size
    genres = checkpoint.config.genres
    figures = {key: figure.value for key, figure in found.generated.items()}
    floor = {f"floor_{key}": figure.value for key, figure in found.floor.items()}
    return CARD.format(
        **{key: figure.value for key, figure in (found.discriminator or {}).items()},
        **{key: figures[key] for key in ("precision", "recall", "density", "coverage")},
        **{key: value for key, value in floor.items() if key not in ("floor_fd_lite1", "floor_kid_lite1")},
        fd=figures["fd_lite1"],
        fd_low=found.generated["fd_lite1"].low,
        fd_high=found.generated["fd_lite1"].high,
        floor_fd=floor["floor_fd_lite1"],
        kid=figures["kid_lite1"],
        floor_kid=floor["floor_kid_lite1"],
        name=path.name,
        path=f"checkpoints/{path.name}",
        height=height,
        width=width,
        asked=f" and can be asked for {len(genres)} genres ({', '.join(genres)})" if genres else "",
        average=" exponential moving average of the" if info["train"].get("ema_kimg") else "",
        posters=info["posters"],
        only=f" (only those of {info['only_genres'].replace(',', ', ')})" if info["only_genres"] else "",
        fitted=FITTED[info["fit"]].format(checkpoint.config.aspect),
        preset=coded(info.get("preset", "")),
        start=f", begun with `{info['start']}`" if info.get("start") else "",
        command=coded(info.get("command", "")),
        hardware=info.get("hardware", "") or UNKNOWN,
        kimg=info["kimg"],
        updates=info["updates"],
        batch=info["train"]["batch"],
        hours=info["hours"],
        rate=f", {info['kimg'] / (info['hours'] * 3.6):.0f} posters a second on average" if info["hours"] else "",
        samples=found.samples,
        some=f" --training {found.training}" if found.training < info["posters"] else "",
        held_out=found.held_out,
        weights=weights_of(checkpoint),
    )


def coded(text: str) -> str:
    """Markdown for something to type."""
    return f"`{text}`" if text else UNKNOWN


def weights_of(checkpoint: gan.Checkpoint) -> str:
    """How many weights there are."""
    sizes = {
        name: sum(weight.numel() for weight in network.parameters())
        for name, network in (("generator", checkpoint.generator), ("discriminator", checkpoint.discriminator))
        if network is not None
    }
    return ", ".join(f"{count:,} in the {name}" for name, count in sizes.items())


def run(chosen: argparse.Namespace) -> None:
    """Do what the command line asks."""
    if chosen.again:
        again(chosen)
    elif chosen.run is None or chosen.out is None:
        raise gan.PosterLensError("Name --run and --out, or a checkpoint to measure --again.")
    else:
        export(chosen)


def main(arguments: list[str] | None = None) -> int:
    chosen = parse(arguments)
    return exit_code(lambda: run(chosen), chosen.again or chosen.out)


if __name__ == "__main__":
    sys.exit(main())
