"""What the noise values and directions of a checkpoint do, measured once and kept beside its weights.

found = latent_study(checkpoint, samples=256)
found.save("checkpoints/dcgan-64/latents.npz")
LatentStudy.beside("checkpoints/dcgan-64", checkpoint.digest)      # None where it is of other weights
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gan.checkpoints.record import Checkpoint
from gan.files import write_file
from gan.networks.dcgan import latents
from gan.progress import Progress
from xai.errors import ExplanationError
from xai.latents.direction_study import STUDY_SEED, DirectionStudy, Sizes, compare_families, study_directions
from xai.latents.directions import CONTROL, Direction, StatisticChange
from xai.latents.sobol import INDEX_PARTS, Importance, Index, LocalSensitivity, importance, local_sensitivity
from xai.networks.score import Score

Arrays = dict[str, NDArray[Any]]

FILE = "latents.npz"
FORMAT = 1
POSTERS = 32  # for the slopes
MOST_BYTES = 100_000_000
DAMAGE = (
    OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, EOFError, zipfile.BadZipFile, zlib.error
)  # fmt: skip  # what the readers raise for files that are not theirs


@dataclass(frozen=True, eq=False)
class LatentStudy:
    """Importance, slopes and directions of one checkpoint; ``digest`` is that of its weights."""

    digest: str
    importance: Importance
    local: LocalSensitivity
    directions: DirectionStudy

    def save(self, path: str | Path) -> None:
        """Write one .npz without pickles, complete or not at all."""
        arrays, record = _packed(self)
        arrays["record"] = np.frombuffer(json.dumps(record).encode(), np.uint8)
        write_file(Path(path), lambda file: np.savez_compressed(file, **arrays))  # type: ignore[arg-type]

    @staticmethod
    def load(path: str | Path) -> LatentStudy:
        """Read a study.

        Raises
        ------
        ExplanationError
            If the file is not there, damaged, or holds no study.
        """
        path = Path(path)
        if not path.is_file():
            raise ExplanationError(f"{path} is not there.")
        try:
            with zipfile.ZipFile(path) as archive:
                if sum(entry.file_size for entry in archive.infolist()) > MOST_BYTES:
                    raise ValueError("too large")  # a small file can unpack to more memory than there is
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            study = _unpacked(arrays, json.loads(arrays["record"].tobytes()))
        except DAMAGE as error:
            raise ExplanationError(f"{path} is damaged or holds no study of noise values.") from error
        return study

    @staticmethod
    def beside(folder: str | Path, digest: str) -> LatentStudy | None:
        """The study in a checkpoint's folder; None where there is none or it is of other weights.

        Raises
        ------
        ExplanationError
            If the file is damaged.
        """
        path = Path(folder) / FILE
        found = LatentStudy.load(path) if path.is_file() else None
        return found if found is not None and found.digest == digest else None


def latent_study(
    checkpoint: Checkpoint, samples: int = 256, grid: int = 8, seed: int = 0, progress: Progress | None = None
) -> LatentStudy:
    """Measure importance (``samples`` rows), slopes and directions of a checkpoint's generator.

    About three minutes of one core for 256 samples at 64 x 64, half of it in the discriminator.

    Raises
    ------
    CheckpointError
        If the checkpoint has no generator.
    ExplanationError
        If a number is too small.
    """
    generator = checkpoint.need_generator()
    report = progress or (lambda share: None)
    score = None if checkpoint.discriminator is None else Score(checkpoint.discriminator)
    found = importance(generator, score, samples, grid, seed, lambda share: report(0.7 * share))
    posters = latents(range(STUDY_SEED, STUDY_SEED + POSTERS), checkpoint.config)
    slopes = local_sensitivity(generator, posters, lambda share: report(0.7 + 0.1 * share))
    width = max(2000, 4 * checkpoint.config.latent)
    directions = study_directions(
        generator, score, Sizes(samples=width), seed, slopes.gram, lambda done: report(0.8 + 0.2 * done)
    )
    return LatentStudy(checkpoint.digest, found, slopes, directions)


def _packed(study: LatentStudy) -> tuple[Arrays, dict[str, Any]]:
    arrays: Arrays = {"rms": study.local.rms.numpy(), "error": study.local.error.numpy()}
    arrays["gram"] = study.local.gram.numpy()
    for part in ("statistics", "cells", "picture"):
        index: Index = getattr(study.importance, part)
        for name in INDEX_PARTS:
            arrays[f"{part}_{name}"] = getattr(index, name).astype(np.float32)
    directions = study.directions.directions
    names = list(study.directions.spread)
    arrays["vectors"] = np.stack([one.vector for one in directions])
    effects: list[Mapping[str, StatisticChange]] = [one.effects or {} for one in directions]
    arrays["effects"] = np.array([[(e[name].value, e[name].low, e[name].high) for name in names] for e in effects])
    record = {
        "format": FORMAT,
        "digest": study.digest,
        "names": study.importance.names,
        "samples": study.importance.samples,
        "seconds": [study.importance.seconds, study.directions.seconds],
        "directions": [[one.name, one.family, one.strength, one.label, one.r2] for one in directions],
        "threshold": study.directions.threshold,
        "spread": dict(study.directions.spread),
        "top": study.directions.agreement.top,
    }
    return arrays, record


def _unpacked(arrays: Arrays, record: dict[str, Any]) -> LatentStudy:
    if record["format"] != FORMAT:
        raise ValueError(f"format {record['format']}")
    indices = [
        Index(*(arrays[f"{part}_{name}"].astype(np.float64) for name in INDEX_PARTS))
        for part in ("statistics", "cells", "picture")
    ]
    seconds = record["seconds"]
    latent, count = len(arrays["rms"]), len(record["names"])
    shapes = [index.value.shape for index in indices]
    if shapes[0] != (latent, count) or shapes[2] != (latent,) or arrays["gram"].shape != (latent, latent):
        raise ValueError(f"shapes {shapes}")
    found = Importance(tuple(record["names"]), indices[0], indices[1], indices[2], record["samples"], seconds[0])
    slopes = LocalSensitivity(*(torch.from_numpy(arrays[name]) for name in ("rms", "error", "gram")))
    directions = tuple(
        Direction(name, family, vector, strength, label, _effects(record["spread"], rows), r2)
        for (name, family, strength, label, r2), vector, rows in zip(
            record["directions"], arrays["vectors"], arrays["effects"], strict=True
        )
    )
    compared = compare_families([one for one in directions if one.family != CONTROL], record["top"])
    every = DirectionStudy(directions, record["threshold"], record["spread"], compared, seconds[1])
    return LatentStudy(record["digest"], found, slopes, every)


def _effects(names: Mapping[str, float], rows: NDArray[np.float64]) -> dict[str, StatisticChange]:
    return {name: StatisticChange(*row) for name, row in zip(names, rows.tolist(), strict=True)}
