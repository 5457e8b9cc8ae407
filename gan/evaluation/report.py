"""Evaluation of a whole checkpoint: quality, discriminator, memorization, diversity, genres.

    evaluation = evaluate(load("checkpoints/dcgan-64"), training, held_out)
    evaluation.generated["fd_lite1"].value, evaluation.floor["fd_lite1"].value
    write(evaluation, Path("checkpoints/dcgan-64"))
    read("checkpoints/dcgan-64")                    # None where it was not evaluated yet

Every estimate comes from fixed seeds, has a 95 % interval, and is the same on every run. gan/evaluation/metrics.py is
the registry, docs/evaluation.md says what each metric means and what it cannot say.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gan.checkpoints.dataset import OTHER, UNKNOWN
from gan.checkpoints.listing import EVALUATION
from gan.checkpoints.record import Checkpoint
from gan.data.posters import PosterSet
from gan.errors import CheckpointError, DataError
from gan.evaluation.conditioning import GenreEstimates, genre_estimates
from gan.evaluation.discriminator import evaluate_discriminator
from gan.evaluation.estimates import Estimate, Estimates, subsample_evenly
from gan.evaluation.features import Device, Sampler, generated_features, poster_batches, poster_features, random_labels
from gan.evaluation.metrics import METRICS, compute
from gan.evaluation.samples.distances import compare_with_intervals
from gan.evaluation.samples.diversity import diversity, thumbnails
from gan.evaluation.samples.memorization import ClosestPair, Neighbours, closest_pairs
from gan.files import write_json
from gan.networks.dcgan import Generator
from gan.networks.seeds import reserved
from gan.progress import StageProgress

FILE = EVALUATION
SAMPLES = 5000
FIRST_SEED = reserved("evaluation").start  # not those by which a run chooses its best state
FEWEST = 10  # held-out posters: an interval is made from halves
OLD_KEYS = {  # of evaluate.json in version 0.1; read until 0.3
    "memorisation": "memorization",
    "collapse": "diversity",
    "inception": "inception_fid",
    "ranking_training": "roc_auc_training",
    "ranking_held_out": "roc_auc_held_out",
    "best_training": "balanced_accuracy_training",
    "best_held_out": "balanced_accuracy_held_out",
    "nearer": "nearer_than_held_out",
    "suspicious": "near_copies",
    "followed": "adherence",
}


@dataclass(frozen=True)
class Evaluation:
    """All metrics of a checkpoint.

    name, digest : which checkpoint; the SHA-256 of its weights.
    training, held_out, samples, first_seed : what was compared; ``samples`` generated posters from that seed on, at
        most as many as there are training posters, so that the floor has the same count.
    generated, floor : the metrics of the group "quality" for generated posters and, at the same counts, for training
        posters against the held-out ones; the floor is what a perfect generator would get.
    discriminator, memorization, diversity : the metrics of these groups; the first is None where there is no D.
    threshold : logit with the best balanced accuracy; None where there is no D.
    closest : the generated posters nearest to a training poster. genres : where the generator is conditional.
    origin, source : whether the posters are those of the training (gan.checkpoints.dataset), and the name of their
        folder or zip.
    inception_fid : the FID on Inception features against as many training posters; None where it was not requested.
    """

    name: str
    digest: str
    training: int
    held_out: int
    samples: int
    first_seed: int
    generated: Estimates
    floor: Estimates
    discriminator: Estimates | None
    threshold: float | None
    memorization: Estimates
    closest: tuple[ClosestPair, ...]
    diversity: Estimates
    genres: tuple[GenreEstimates, ...] = ()
    inception_fid: float | None = None
    origin: str = UNKNOWN
    source: str = ""

    @property
    def other(self) -> str:
        """The name of the posters where they are not those of the training; "" otherwise."""
        return self.source if self.origin == OTHER else ""

    def to_json(self) -> dict[str, Any]:
        """Plain lists, numbers and texts for ``evaluate.json``."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Evaluation:
        """The inverse of :meth:`to_json`; KeyError, TypeError or AttributeError if the record is not one."""
        values = _renamed(dict(record))
        for part in ("generated", "floor", "discriminator", "memorization", "diversity"):
            if values[part] is not None:
                values[part] = {METRICS[name].name: Estimate(**one) for name, one in values[part].items()}
        values["closest"] = tuple(ClosestPair(**pair) for pair in values["closest"])
        values["genres"] = tuple(GenreEstimates.from_json(genre) for genre in values["genres"])
        return cls(**values)


def _renamed(record: Any) -> Any:
    """The record with the keys of version 0.1 brought to those of today."""
    if isinstance(record, dict):
        return {OLD_KEYS.get(key, key): _renamed(value) for key, value in record.items()}
    return [_renamed(value) for value in record] if isinstance(record, list) else record


def read(directory: str | Path) -> Evaluation | None:
    """The evaluation of the checkpoint in this folder; None where there is none.

    Raises
    ------
    CheckpointError
        If there is an ``evaluate.json`` that cannot be read.
    """
    path = Path(directory) / FILE
    try:
        return Evaluation.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path} is not an evaluation; evaluate it again with scripts/evaluate.py.") from error


def write(evaluation: Evaluation, path: Path) -> Path:
    """Write ``evaluate.json`` into the folder, or to the file that ``path`` names, complete or not at all."""
    path = path / FILE if path.is_dir() else path
    write_json(path, evaluation.to_json())
    return path


def evaluate(  # noqa: PLR0913 - the last four have defaults that nearly every caller takes; read top to bottom
    checkpoint: Checkpoint,
    training: PosterSet,
    held_out: PosterSet,
    samples: int = SAMPLES,
    first_seed: int = FIRST_SEED,
    device: Device = "cpu",
    progress: StageProgress = lambda stage, part: None,
) -> Evaluation:
    """Compute all metrics.

    Posters must have the size of the generator's pictures. No more are generated than there are training posters: most
    metrics depend on the count, and the floor must have the same. The features of all training posters are computed
    once and cached on disk. ``progress`` is called with the stage and its finished fraction.

    Raises
    ------
    CheckpointError
        If the checkpoint has no generator.
    DataError
        If the posters have another size than the generator's pictures, or too few are held out or to train on.
    MetricsUnavailableError
        If the extra ``metrics`` is not installed.
    """
    generator = copy.deepcopy(checkpoint.need_generator()).to(device)
    _check(generator, training, held_out, samples)
    samples = min(samples, len(training))
    labels = random_labels(training, generator.config.genres, samples, first_seed)
    sampler = Sampler(generator, samples, first_seed, labels)

    real = poster_features(held_out, device, lambda part: progress("held-out posters", part))
    known = poster_features(training, device, lambda part: progress("training posters", part))
    made = generated_features(
        generator, samples, first_seed, labels, checkpoint.digest, lambda part: progress("generated posters", part)
    )
    progress("quality", 0)
    quality = compare_with_intervals(real, made)
    progress("floor", 0)
    floor = compare_with_intervals(real, subsample_evenly(known, samples))
    progress("memorization", 0)
    neighbours = Neighbours.of(known, real, made)
    memorization = compute("memorization", neighbours)
    progress("diversity", 0)
    varied = diversity(real, made, thumbnails(poster_batches(held_out)), thumbnails(sampler.batches()))
    logits = None
    if checkpoint.discriminator is not None:
        discriminator = copy.deepcopy(checkpoint.discriminator).to(device)
        logits = evaluate_discriminator(discriminator, sampler, training, held_out, progress)
    return Evaluation(
        name=checkpoint.name,
        digest=checkpoint.digest,
        training=len(training),
        held_out=len(held_out),
        samples=samples,
        first_seed=first_seed,
        generated=quality,
        floor=floor,
        discriminator=None if logits is None else compute("discriminator", logits),
        threshold=None if logits is None else logits.threshold,
        memorization=memorization,
        closest=closest_pairs(neighbours.distance, neighbours.index, neighbours.unseen, training.names, first_seed),
        diversity=varied,
        genres=genre_estimates(generator, training, known, checkpoint.digest, progress),
    )


def subsample(posters: PosterSet, count: int | None) -> PosterSet:
    """``count`` of the training posters, evenly spaced; all of them where there are no more, or ``count`` is None.

    Raises
    ------
    DataError
        If ``count`` is below 1.
    """
    if count is None or count >= len(posters):
        return posters
    if count < 1:
        raise DataError(f"An evaluation needs at least 1 training poster, not {count}.")
    return posters.evenly(count, round_down=True)


def _check(generator: Generator, training: PosterSet, held_out: PosterSet, samples: int) -> None:
    size = tuple(generator.config.size)
    for posters in (training, held_out):
        if tuple(posters.images.shape[1:3]) != size:
            shape = " x ".join(map(str, posters.images.shape[1:3]))
            raise DataError(f"The generator's pictures are {' x '.join(map(str, size))}; the posters are {shape}.")
    if len(held_out) < FEWEST or len(training) < len(held_out):
        raise DataError(
            f"An evaluation needs at least {FEWEST} held-out posters and as many training posters, not "
            f"{len(held_out)} and {len(training)}."
        )
    if samples < FEWEST:
        raise DataError(f"An evaluation needs at least {FEWEST} generated posters, not {samples}.")
