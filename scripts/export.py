"""Turn the best state of a run into a checkpoint to ship: weights, figures, curves, grids, model card.

    python scripts/export.py --run runs/dcgan-64 --data posters.zip --out checkpoints/dcgan-64 --notes notes.md

Every figure in the card is measured here. Weights are stored in half precision where that changes no
byte of 256 displayed posters (generator) or no logit by 0.005 (discriminator, shown with two digits).
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

import gan
from gan.checkpoint import fill
from gan.evaluation import logits, own_labels, ranking
from gan.files import write_directory
from gan.logger import read_stats
from gan.metrics import (
    draw,
    frechet_distance,
    generated_features,
    kid,
    poster_batches,
    poster_features,
    random_labels,
)

SAMPLES = 2000
FIRST_SEED = 1_000_000
CARD = """# {name}

A DCGAN that paints {resolution} x {resolution} movie posters: the exponential moving average of the generator with
recalibrated BatchNorm, and the discriminator of the same moment.

| | |
| --- | --- |
| data | {posters:,} real movie posters, resized and centre-cropped; 5 % held out by file name |
| command | `{command}` |
| length | {kimg:.0f} thousand posters shown, {updates:,} updates of each network, batch {batch} |
| time | {hours:.2f} hours, {rate:.0f} posters a second on average ({hardware}) |
| `fd_lite1` | **{fd_lite1:.1f}**, {samples:,} generated against {held_out:,} held-out posters; lower is better |
| floor | {floor_fd:.1f}, {samples:,} training posters against the same held-out posters |
| `kid_lite1` | {kid_lite1:.4f}, floor {floor_kid:.4f} |
| D's accuracy | {accuracy_training:.1%} on training posters, {accuracy_held_out:.1%} on held-out, \
{accuracy_generated:.1%} on generated ones |
| D's ranking | {ranked_rightly:.1%} of pairs of a held-out and a generated poster, the real one higher |
| precision | {precision} |

`fd_lite1` is the Frechet distance on EfficientNet-Lite1 features. It is not FID and cannot be compared with one.
The figures can be measured again: `python scripts/export.py --check {out} --data POSTERS`.

{notes}
"""


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, help="folder of a training run")
    parser.add_argument("--data", type=Path, required=True, help="the posters that it was trained on")
    parser.add_argument("--out", type=Path, help="checkpoint folder to write; one that is there is replaced")
    parser.add_argument("--state", choices=("best", "latest"), default="best", help="which of the run's two states")
    parser.add_argument("--notes", type=Path, help="Markdown for the card: what it draws well and badly")
    parser.add_argument(
        "--command", default="python scripts/train.py --data POSTERS --out RUN", help="shown in the card"
    )
    parser.add_argument("--hardware", default="two CPU cores", help="shown in the card")
    parser.add_argument("--grids", type=int, default=5, help="how many grids over time to ship")
    parser.add_argument("--check", type=Path, metavar="CHECKPOINT", help="only measure this checkpoint and print")
    return parser.parse_args(arguments)


def both(checkpoint: gan.Checkpoint) -> tuple[gan.Generator, gan.Discriminator]:
    """The two networks; CheckpointError if one is missing."""
    if checkpoint.generator is None or checkpoint.discriminator is None:
        raise gan.CheckpointError(f"{checkpoint.name} does not hold both networks.")
    return checkpoint.generator, checkpoint.discriminator


def measure(checkpoint: gan.Checkpoint, data: Path) -> dict[str, Any]:
    """All figures of the card, with the floor at the same counts."""
    generator, discriminator = both(checkpoint)
    training, held_out = gan.load_posters(data, checkpoint.config.size).split()
    order = np.random.default_rng(0).permutation(len(training))[:SAMPLES]
    some, genres = training.select(np.sort(order)), checkpoint.config.genres
    labels = random_labels(training, genres, SAMPLES, FIRST_SEED)
    real, floor = poster_features(held_out), poster_features(some)
    generated = generated_features(generator, SAMPLES, FIRST_SEED, labels)
    known, judged = (logits(discriminator, poster_batches(one), own_labels(one, genres)) for one in (some, held_out))
    fooled = logits(discriminator, draw(generator, SAMPLES, FIRST_SEED, labels), labels)
    return {
        "posters": len(training),
        "held_out": len(held_out),
        "samples": SAMPLES,
        "fd_lite1": frechet_distance(real, generated),
        "kid_lite1": kid(real, generated),
        "floor_fd": frechet_distance(real, floor),
        "floor_kid": kid(real, floor),
        "accuracy_training": float((known > 0).mean()),
        "accuracy_held_out": float((judged > 0).mean()),
        "accuracy_generated": float((fooled <= 0).mean()),
        "ranked_rightly": ranking(judged, fooled),
    }


@torch.inference_mode()
def harmless_halves(checkpoint: gan.Checkpoint) -> list[str]:
    """Networks whose weights can be stored in half precision without a change that is shown."""
    generator, discriminator = both(checkpoint)
    z = gan.latents(range(256), checkpoint.config)
    pictures = generator(z)
    logits = discriminator.logit(pictures)
    changed = rounded(generator)(z)
    levels = np.abs(gan.to_uint8(pictures).astype(int) - gan.to_uint8(changed)).max()
    logit_change = float((rounded(discriminator).logit(pictures) - logits).abs().max())
    print(f"half precision: pictures change by at most {levels} of 255, logits by {logit_change:.4f}")
    return ["generator"] * bool(levels == 0) + ["discriminator"] * (logit_change < 0.005)


def rounded(network: Any) -> Any:
    """A copy with its weights rounded to half precision."""
    copied = type(network)(network.config)
    weights = network.state_dict()
    copied.load_state_dict({key: w.half().float() if w.is_floating_point() else w for key, w in weights.items()})
    return copied.eval()


def export(chosen: argparse.Namespace) -> None:
    checkpoint = gan.load(chosen.run / chosen.state)
    figures = measure(checkpoint, chosen.data)
    rows = read_stats(chosen.run)
    halves = harmless_halves(checkpoint)
    with write_directory(chosen.out) as folder:
        info = dict(checkpoint.info) | figures
        fill(folder, *both(checkpoint), info, halves)
        (folder / "stats.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        copy_grids(chosen.run / "grids", folder / "grids", chosen.grids)
        (folder / "README.md").write_text(card(chosen, checkpoint, figures, halves))


def copy_grids(source: Path, target: Path, count: int) -> None:
    """``count`` grids spread evenly over the logarithm of time, the last one included."""
    paths = sorted(source.glob("*.png"))
    target.mkdir()
    for place in sorted({round(place) - 1 for place in np.geomspace(1, len(paths), count)} if paths else ()):
        shutil.copy(paths[place], target / paths[place].name)


def card(chosen: argparse.Namespace, checkpoint: gan.Checkpoint, figures: dict[str, Any], halves: list[str]) -> str:
    info = checkpoint.info
    stored = {name: "half" if name in halves else "single" for name in ("generator", "discriminator")}
    return CARD.format(
        **figures,
        name=chosen.out.name,
        out=chosen.out,
        resolution=checkpoint.config.resolution,
        command=chosen.command,
        hardware=chosen.hardware,
        kimg=info["kimg"],
        updates=info["updates"],
        batch=info["train"]["batch"],
        hours=info["hours"],
        rate=info["kimg"] * 1000 / (info["hours"] * 3600),
        precision=", ".join(f"{name} in {width}" for name, width in stored.items()),
        notes=chosen.notes.read_text() if chosen.notes else "",
    )


def main(arguments: list[str] | None = None) -> int:
    chosen = parse(arguments)
    try:
        if chosen.check:
            print(json.dumps(measure(gan.load(chosen.check), chosen.data), indent=2))
        elif chosen.run is None or chosen.out is None:
            raise gan.PosterLensError("Name --run and --out, or a checkpoint to --check.")
        else:
            export(chosen)
    except (gan.PosterLensError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
