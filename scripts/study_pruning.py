"""How far can a generator be pruned? Four rankings, judged by a network that had no part in the training.

    python scripts/study_pruning.py --checkpoint checkpoints/dcgan-64 --data posters.zip
    python scripts/study_pruning.py --checkpoint DIR --data posters.zip --save smaller --ranking effect --share 0.3

The first writes pruning.json into the checkpoint's folder, which the Prune page shows. The second saves one
smaller generator as a checkpoint of its own. Needs the extra "metrics" for the judge.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

import gan
from gan.files import write_file
from gan.metrics import generated_features, poster_features
from gan.state import recalibrate
from xai import ExplanationError
from xai.prune import activation_layers, first_of, prune, ranking
from xai.pruning_bench import bench

RANKINGS = ("effect", "duplicates", "norm", "random")
SHARES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7)
EFFECT_SEEDS = range(3_000_000, 3_000_016)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="real posters; the held-out ones are the measure")
    parser.add_argument("--samples", type=int, default=500, help="posters drawn for each point")
    parser.add_argument("--out", type=Path, help="where the study goes (default: pruning.json beside the weights)")
    parser.add_argument("--save", type=Path, help="write one smaller generator here in place of the study")
    parser.add_argument("--ranking", choices=RANKINGS, default="effect", help="of the smaller generator")
    parser.add_argument("--share", type=float, default=0.3, help="of the filters that it goes without")
    parser.add_argument("--recalibrate", action="store_true", help="measure BatchNorm's statistics anew afterwards")
    return parser.parse_args(arguments)


@torch.no_grad()
def effects(generator: gan.Generator) -> Mapping[str, Tensor]:
    """How much the pictures change without each filter: RMS over 16 seeds, the filter folded away at its mean."""
    z = gan.latents(EFFECT_SEEDS, generator.config)
    whole = generator(z)
    layers = activation_layers(generator)
    found = {layer: torch.zeros(count) for layer, count in layers.items()}
    for layer, unit in tqdm([(layer, unit) for layer, count in layers.items() for unit in range(count)], "effects"):
        found[layer][unit] = (prune(generator, {layer: [unit]})(z) - whole).square().mean().sqrt()
    return found


def study(generator: gan.Generator, data: Path, options: argparse.Namespace) -> dict[str, object]:
    """Points of all rankings, as plain values."""
    held_out = gan.load_posters(data, generator.config.resolution).split()[1]
    real = poster_features(held_out)
    measured = effects(generator)
    found = {}
    for name in RANKINGS:
        order = ranking(generator, name, measured)
        with tqdm(total=100, desc=name) as bar:
            points = bench(
                generator, order, SHARES, lambda network: generated_features(network, options.samples), real,
                options.recalibrate, lambda part, bar=bar: bar.update(round(100 * part) - bar.n),  # type: ignore[misc]
            )  # fmt: skip
        found[name] = [asdict(point) for point in points]
        print(name, " ".join(f"{point.share:.0%}: {point.quality:.0f}" for point in points), flush=True)
    return {
        "samples": options.samples, "held_out": len(held_out), "recalibrated": options.recalibrate,
        "effects": {layer: [round(float(value), 6) for value in values] for layer, values in measured.items()},
        "rankings": found,
    }  # fmt: skip


def save(checkpoint: gan.Checkpoint, options: argparse.Namespace) -> None:
    """Write the smaller generator, with the whole discriminator, as a checkpoint."""
    generator = checkpoint.generator
    assert generator is not None and checkpoint.discriminator is not None  # main has looked
    order = ranking(generator, options.ranking, effects(generator) if options.ranking == "effect" else None)
    smaller = prune(generator, first_of(generator, order, options.share))
    smaller = recalibrate(smaller) if options.recalibrate else smaller
    about = {"pruned_from": checkpoint.digest, "ranking": options.ranking, "share": options.share}
    gan.save(options.save, smaller, checkpoint.discriminator, about)
    print(f"{options.save}: {sum(weight.numel() for weight in smaller.parameters()):,} weights in the generator")


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    try:
        checkpoint = gan.load(options.checkpoint)
        if checkpoint.generator is None or checkpoint.discriminator is None:
            raise gan.CheckpointError(f"{options.checkpoint} does not hold both networks.")
        if not 0 <= options.share < 1:
            raise ExplanationError(f"--share runs from 0 to below 1, not {options.share}.")
        if options.save:
            if options.save.exists():
                raise ExplanationError(f"{options.save} exists already; choose another folder.")
            save(checkpoint, options)
            return 0
        if options.data is None:
            raise gan.DataError("The study needs real posters to measure by: --data PATH.")
        found = {"digest": checkpoint.digest} | study(checkpoint.generator, options.data, options)
    except gan.PosterLensError as error:
        print(error, file=sys.stderr)
        return 2
    out = options.out or options.checkpoint / "pruning.json"
    write_file(out, (json.dumps(found) + "\n").encode())
    print(out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
