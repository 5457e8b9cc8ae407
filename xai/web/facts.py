"""What a page about two networks has to know beside their weights, as plain values for a JSON file.

    record = facts(checkpoint, "checkpoints/dcgan-64")
    record["dimensions"][0]            # {"index": 46, "rms": 0.131}: the latent dimension that changes most
    record["layers"][1]["strong"][7]   # what painting with filter 7 of the second layer sets it to

The names and numbers are xai's own: what is ablated by its mean or painted in the page is what it is in Python.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from gan.checkpoints.record import Checkpoint
from gan.networks.dcgan import latents
from gan.networks.seeds import reserved
from gan.progress import Progress
from xai.generator.painting import levels
from xai.latents.sobol import local_sensitivity
from xai.latents.study import LatentStudy
from xai.networks.layers import layers
from xai.web.onnx_model import activation_layers

FORMAT = 1
POSTERS = 8  # over which the sensitivity is averaged where no study of latents lies beside the weights
FIRST_SEED = 0


def facts(checkpoint: Checkpoint, folder: str | Path, progress: Progress | None = None) -> dict[str, Any]:
    """Sizes, layers with their levels, and the latent dimensions, the most influential first.

    folder : of the checkpoint, where a study of latents may lie, which saves measuring.

    Raises
    ------
    CheckpointError
        If the checkpoint has no generator.
    """
    generator = checkpoint.need_generator()
    names = activation_layers(generator)
    shapes = {layer.name: layer for layer in layers(generator, latents([FIRST_SEED], checkpoint.config))}
    described = []
    for name in names:
        shape, level = shapes[name], levels(generator, name)
        described.append({
            "name": name, "units": shape.units, "height": shape.height, "width": shape.width,
            "mean": _short(level.mean), "strong": _short(level.strong),
        })  # fmt: skip
    rms = _sensitivity(checkpoint, folder, progress)
    order = rms.argsort(descending=True, stable=True).tolist()
    genres = checkpoint.info.get("requested_genres", {})
    return {
        "format": FORMAT,
        "name": checkpoint.name,
        "digest": checkpoint.digest,
        "genres": ", ".join(f"{genre} {strength:+g}" for genre, strength in genres.items()),
        "size": list(checkpoint.config.size),
        "latent": checkpoint.config.latent,
        "seed": FIRST_SEED,
        "layers": described,
        "dimensions": [{"index": index, "rms": value} for index, value in zip(order, _short(rms[order]), strict=True)],
    }


def _sensitivity(checkpoint: Checkpoint, folder: str | Path, progress: Progress | None) -> Tensor:
    """(latent,): how much a small step of each dimension changes the picture."""
    study = LatentStudy.beside(folder, checkpoint.digest)
    if study is not None:
        return study.local.rms
    posters = latents(reserved("preview")[:POSTERS], checkpoint.config)
    return local_sensitivity(checkpoint.need_generator(), posters, progress).rms


def _short(values: Tensor) -> list[float]:
    """Six digits, of which single precision has hardly more."""
    return [float(f"{value:.6g}") for value in values.tolist()]
