"""What the latent dimensions and directions of a checkpoint do, measured once and kept beside its weights.

    study = latent_study(checkpoint, samples=256)
    study.save("checkpoints/dcgan-64/latents.npz")
    LatentStudy.beside("checkpoints/dcgan-64", checkpoint.digest)      # None where it is of other weights

The library behind it: total indices (``sobol``), local sensitivity, and directions (``direction_study``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from gan.checkpoints.record import Checkpoint
from gan.networks.dcgan import latents
from gan.progress import Progress
from xai.latents.direction_study import STUDY_SEED, DirectionStudy, Sizes, compare_families, study_directions
from xai.latents.directions import CONTROL, Direction, StatisticChange
from xai.latents.sobol import INDEX_PARTS, Importance, Index, LocalSensitivity, importance, local_sensitivity
from xai.networks.score import Score
from xai.networks.study_files import Arrays, Record, StudyFile

FILE = "latents.npz"
FORMAT = 1
POSTERS = 32  # for the local sensitivity
STUDY_FILE = StudyFile(FILE, "study of latents", most_bytes=100_000_000)


@dataclass(frozen=True, eq=False)
class LatentStudy:
    """Importance, local sensitivity and directions of one checkpoint; ``digest`` is that of its weights."""

    digest: str
    importance: Importance
    local: LocalSensitivity
    directions: DirectionStudy

    def summary(self) -> str:
        """The five most important dimensions, and the directions with a label, one a line."""
        lines, picture = [], self.importance.picture
        for index in (-picture.value).argsort()[:5]:
            low, high = picture.low[index], picture.high[index]
            lines.append(f"dimension {index}: {picture.value[index]:.1%} of the variance ({low:.1%} to {high:.1%})")
        for one in self.directions.directions:
            if one.family != CONTROL and one.label and one.effects:
                besides = ", ".join(one.side_effects()) or "nothing"
                change = one.effects[one.label].value
                lines.append(f"{one.name}: {one.label} {change:+z.1f} standard deviations; besides: {besides}")
        return "\n".join(lines)

    def save(self, path: str | Path) -> None:
        """Write one .npz, complete or not at all."""
        STUDY_FILE.write(path, *_packed(self))

    @staticmethod
    def load(path: str | Path) -> LatentStudy:
        """Read what ``save`` wrote.

        Raises
        ------
        ExplanationError
            If the file does not exist, is damaged, or holds no study.
        """
        return STUDY_FILE.read(path, _unpacked)

    @staticmethod
    def beside(folder: str | Path, digest: str) -> LatentStudy | None:
        """The study in a checkpoint's folder; None where there is none or it is of other weights.

        Raises
        ------
        ExplanationError
            If the file is damaged.
        """
        path = STUDY_FILE.beside(folder)
        study = None if path is None else LatentStudy.load(path)
        return study if study is not None and study.digest == digest else None


def latent_study(
    checkpoint: Checkpoint, samples: int = 256, grid: int = 8, seed: int = 0, progress: Progress | None = None
) -> LatentStudy:
    """Measure importance (``samples`` rows), local sensitivity and directions of a checkpoint's generator.

    About three minutes of one core for 256 samples at 64 x 64, half of it in the discriminator.

    Raises
    ------
    CheckpointError
        If the checkpoint has no generator.
    ExplanationError
        If a number is too small.
    """
    generator = checkpoint.need_generator()
    report = progress or (lambda done: None)
    score = None if checkpoint.discriminator is None else Score(checkpoint.discriminator)
    indices = importance(generator, score, samples, grid, seed, lambda done: report(0.7 * done))
    posters = latents(range(STUDY_SEED, STUDY_SEED + POSTERS), checkpoint.config)
    local = local_sensitivity(generator, posters, lambda done: report(0.7 + 0.1 * done))
    width = max(2000, 4 * checkpoint.config.latent)
    directions = study_directions(
        generator, score, Sizes(samples=width), seed, local.gram, lambda done: report(0.8 + 0.2 * done)
    )
    return LatentStudy(checkpoint.digest, indices, local, directions)


def _packed(study: LatentStudy) -> tuple[Arrays, Record]:
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


def _unpacked(arrays: Arrays, record: Record) -> LatentStudy:
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
    measured = Importance(tuple(record["names"]), indices[0], indices[1], indices[2], record["samples"], seconds[0])
    local = LocalSensitivity(*(torch.from_numpy(arrays[name]) for name in ("rms", "error", "gram")))
    directions = tuple(
        Direction(name, family, vector, strength, label, _effects(record["spread"], rows), r2)
        for (name, family, strength, label, r2), vector, rows in zip(
            record["directions"], arrays["vectors"], arrays["effects"], strict=True
        )
    )
    compared = compare_families([one for one in directions if one.family != CONTROL], record["top"])
    every = DirectionStudy(directions, record["threshold"], record["spread"], compared, seconds[1])
    return LatentStudy(record["digest"], measured, local, every)


def _effects(names: Mapping[str, float], rows: NDArray[np.float64]) -> dict[str, StatisticChange]:
    return {name: StatisticChange(*row) for name, row in zip(names, rows.tolist(), strict=True)}
