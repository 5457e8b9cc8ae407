"""Validation during a training run: metrics, their floor, and the generated posters nearest to training posters.

    validation = validate(generator, training, held_out, samples=2000)
    validation.metrics["fd_lite1"], validation.floor["fd_lite1"], validation.closest[0].poster

Values alone, without intervals, and on a subset of the training posters, so that a run is not held up;
gan/evaluation/report.py evaluates a checkpoint on all of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gan.data.posters import PosterSet
from gan.errors import CheckpointError, MetricsUnavailableError
from gan.evaluation.features import generated_features, poster_features, random_labels
from gan.evaluation.samples.distances import compare
from gan.evaluation.samples.memorization import ClosestPair, closest_pairs, nearest
from gan.networks.dcgan import Generator

FILE = "validation.json"  # in the checkpoint folder of a run's best state
OLD_FILE = "judgement.json"  # of version 0.1, with "figures" for "metrics"; read until 0.3


@dataclass(frozen=True)
class Validation:
    """What :func:`gan.evaluation.samples.distances.compare` says of ``samples`` generated and all held-out posters.

    floor : the same metrics for as many training posters in place of generated ones.
    closest : generated posters nearest to one of these training posters.
    training, held_out : how many of each were used. first_seed : of the generated posters.
    """

    metrics: Mapping[str, float]
    floor: Mapping[str, float]
    closest: tuple[ClosestPair, ...]
    samples: int
    training: int
    held_out: int
    first_seed: int

    def to_json(self) -> dict[str, Any]:
        """Plain lists, numbers and texts for ``validation.json``."""
        return asdict(self)


def validate(
    generator: Generator, training: PosterSet, held_out: PosterSet, samples: int = 2000, first_seed: int = 0
) -> Validation:
    """Evaluate posters of the seeds from ``first_seed`` on, on the generator's device.

    A conditional generator is given the genres of random training posters. The features of real posters are computed
    once and cached on disk.

    Raises
    ------
    MetricsUnavailableError
        If the extra ``metrics`` is not installed, or there are fewer than two posters of either kind.
    """
    if min(len(training), len(held_out)) < 2:
        raise MetricsUnavailableError("Validation needs at least two held-out and two training posters.")
    device = next(generator.parameters()).device
    samples = min(samples, len(training))  # the floor has the same count
    subset = training.evenly(samples)
    real, known = poster_features(held_out, device), poster_features(subset, device)
    labels = random_labels(training, generator.config.genres, samples, first_seed)
    made = generated_features(generator, samples, first_seed, labels)
    distance, which = nearest(made, known)
    return Validation(
        metrics=compare(real, made),
        floor=compare(real, known),
        closest=closest_pairs(distance, which, nearest(real, known)[0], subset.names, first_seed),
        samples=samples,
        training=len(subset),
        held_out=len(held_out),
        first_seed=first_seed,
    )


def read(directory: Path) -> Validation | None:
    """The validation of the state in this checkpoint folder; None where there is none.

    Raises
    ------
    CheckpointError
        If there is a ``validation.json`` that cannot be read.
    """
    path = directory / FILE
    if not path.exists():
        path = directory / OLD_FILE
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        record = {"metrics" if key == "figures" else key: value for key, value in record.items()}
        return Validation(**record | {"closest": tuple(ClosestPair(**pair) for pair in record["closest"])})
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path} is not a validation; the run's next one replaces it.") from error
