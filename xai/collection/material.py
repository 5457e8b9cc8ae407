"""What a study of a collection is made from: the networks, posters, their indexes, and features of another network.

    material = Material.of(checkpoint, posters_of(checkpoint, "posters.zip"), progress=progress)
    material.real.responses, material.generated.responses     # what D answers
    material.extract(progress).held_out                  # (M, 1280), features of EfficientNet-Lite1

Without posters ``real`` is None, and what needs real posters is left out of the study.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from gan.checkpoints.dataset import CheckpointPosters, fingerprint
from gan.checkpoints.record import Checkpoint
from gan.data.posters import PosterSet
from gan.evaluation.features import Features, generated_features, poster_features
from gan.files import cache_directory
from gan.networks.seeds import reserved
from gan.progress import Progress, StageProgress, as_one
from xai.collection.index import SEEDS, Index, Population, build_index, generated_posters, real_posters, usual_reference
from xai.errors import ExplanationError
from xai.methods.references import Reference

DRAWN = 20_000  # seeds whose features show what the generator draws
VERSION = 1  # of what is computed; to be counted up when it is computed otherwise
INDEXES = ("index of real posters", "index of generated posters")  # stages of the progress


@dataclass(frozen=True, eq=False)
class Extracted:
    """Features (N, 1280) of a network that had no part in the training: of real posters and of those of many seeds."""

    held_out: Features
    training: Features
    drawn: Features
    seeds: range


@dataclass(frozen=True, eq=False)
class Material:
    """The networks, the posters, and the indexes of both kinds with the reference that they were made with.

    populations : the pictures of :attr:`indexes`. drawn : number of seeds for the features.
    """

    checkpoint: Checkpoint
    posters: CheckpointPosters | None
    real: Index | None
    generated: Index
    populations: tuple[Population, ...]
    reference: Reference
    drawn: int = DRAWN

    @classmethod
    def of(
        cls,
        checkpoint: Checkpoint,
        posters: CheckpointPosters | None,
        seeds: int = SEEDS,
        drawn: int = DRAWN,
        progress: StageProgress = lambda stage, done: None,
    ) -> Material:
        """Make what is missing of the indexes; ExplanationError as :func:`xai.collection.index.build_index`."""
        generator, _ = checkpoint.need_both()
        reference = usual_reference(checkpoint, None if posters is None else posters.training)
        populations = [] if posters is None else [real_posters(posters.posters)]
        populations.append(generated_posters(generator, reserved("collection")[:seeds]))
        *real, generated = (
            build_index(checkpoint, population, reference, partial(progress, INDEXES[0 if population.real else 1]))
            for population in populations
        )
        return cls(checkpoint, posters, real[0] if real else None, generated, tuple(populations), reference, drawn)

    @property
    def folder(self) -> Path:
        """Where the parts of its study are kept."""
        return study_folder(None if self.real is None else self.real.folder, self.generated.folder, self.drawn)

    @property
    def indexes(self) -> tuple[Index, ...]:
        """Of real posters, where there are any, and of generated ones."""
        return (self.generated,) if self.real is None else (self.real, self.generated)

    @property
    def fingerprint(self) -> str:
        """JSON that says which posters these are; "" without posters."""
        return "" if self.posters is None else fingerprint_text(self.posters.posters, self.checkpoint.config.genres)

    def need_real(self, what: str) -> tuple[CheckpointPosters, Index]:
        """The real posters and their index; ExplanationError that says ``what`` needs them."""
        if self.posters is None or self.real is None:
            raise ExplanationError(f"{what} needs real posters.")
        return self.posters, self.real

    @cached_property
    def held_out(self) -> PosterSet:
        """Posters that D was not trained on; all, where none is held out."""
        posters, _ = self.need_real("This")
        rows = np.flatnonzero(posters.posters.held_out)
        return posters.posters.select(rows if len(rows) else np.arange(len(posters.posters)))

    def extract(self, progress: Progress) -> Extracted:
        """Features of all posters and seeds, kept on disk by parts.

        Raises
        ------
        ExplanationError
            If there are no real posters.
        MetricsUnavailableError
            If the extra ``metrics`` is not installed.
        """
        posters, _ = self.need_real("What the generator cannot draw")
        checkpoint, seeds = self.checkpoint, reserved("collection")[: self.drawn]
        count = len(posters.posters) + len(seeds)
        of_held_out, of_training = len(self.held_out) / count, len(posters.training) / count
        stages = as_one(progress, {"held-out": of_held_out, "training": of_training, "drawn": len(seeds) / count})
        return Extracted(
            poster_features(self.held_out, progress=partial(stages, "held-out")),
            poster_features(posters.training, progress=partial(stages, "training")),
            generated_features(
                checkpoint.need_generator(), len(seeds), seeds.start, weights=checkpoint.digest,
                progress=partial(stages, "drawn"),
            ),
            seeds,
        )  # fmt: skip


def study_folder(real: Path | None, generated: Path, drawn: int = DRAWN) -> Path:
    """Where the study of these two indexes is kept, or would be; without posters of the generated one alone."""
    key = json.dumps([VERSION, "" if real is None else real.name, generated.name, drawn])
    return cache_directory() / "collection" / hashlib.sha256(key.encode()).hexdigest()[:24]


def fingerprint_text(posters: PosterSet, genres: Sequence[str]) -> str:
    """JSON that says which posters these are."""
    return json.dumps(fingerprint(posters, genres), sort_keys=True)
