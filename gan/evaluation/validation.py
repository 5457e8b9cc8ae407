"""How a run is judged while it goes on: the figures, their floor, and what comes nearest to a training poster.

    found = judge(generator, training, held_out, samples=2000)
    found.figures["fd_lite1"], found.floor["fd_lite1"], found.closest[0].poster

Numbers alone, without intervals, and by a part of the training posters, so that a run is not held up;
gan/evaluation/report.py judges a checkpoint by all of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gan.data.posters import PosterSet
from gan.errors import CheckpointError, MetricsUnavailableError
from gan.evaluation.distances import compare, spread
from gan.evaluation.features import generated_features, poster_features, random_labels
from gan.evaluation.memorization import Pair, closest_pairs, nearest
from gan.networks.dcgan import Generator

FILE = "judgement.json"  # in the checkpoint folder of a run's best state


@dataclass(frozen=True)
class Judgement:
    """Figures of gan.evaluation.distances.compare for ``samples`` generated posters against all held-out ones.

    floor : the same figures for training posters in place of generated ones, as many or all there are.
    closest : generated posters that come nearest to one of these training posters.
    training, held_out : how many of each were looked at. first_seed : of the generated posters.
    """

    figures: Mapping[str, float]
    floor: Mapping[str, float]
    closest: tuple[Pair, ...]
    samples: int
    training: int
    held_out: int
    first_seed: int

    def to_json(self) -> dict[str, Any]:
        """Plain lists, numbers and texts for ``judgement.json``."""
        return asdict(self)


def judge(
    generator: Generator, training: PosterSet, held_out: PosterSet, samples: int = 2000, first_seed: int = 0
) -> Judgement:
    """Judge posters of the seeds from ``first_seed`` on, on the generator's device.

    A conditional generator is asked for the genres of random training posters. The features of real posters are
    computed once and kept on disk.

    Raises
    ------
    MetricsUnavailableError
        If the extra ``metrics`` is not installed, or there are fewer than two posters of either kind.
    """
    if min(len(training), len(held_out)) < 2:
        raise MetricsUnavailableError("At least two held-out posters and two to train on are needed to judge by.")
    device = next(generator.parameters()).device
    some = spread(training, samples)
    real, known = poster_features(held_out, device), poster_features(some, device)
    labels = random_labels(training, generator.config.genres, samples, first_seed)
    made = generated_features(generator, samples, first_seed, labels)
    distance, which = nearest(made, known)
    return Judgement(
        figures=compare(real, made),
        floor=compare(real, known),
        closest=closest_pairs(distance, which, nearest(real, known)[0], some.names, first_seed),
        samples=samples,
        training=len(some),
        held_out=len(held_out),
        first_seed=first_seed,
    )


def read(directory: Path) -> Judgement | None:
    """What was found when the state in this checkpoint folder was judged; None where nothing was kept.

    Raises
    ------
    CheckpointError
        If there is a ``judgement.json`` that cannot be understood.
    """
    path = directory / FILE
    try:
        record = json.loads(path.read_text())
        return Judgement(**record | {"closest": tuple(Pair(**pair) for pair in record["closest"])})
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is not a judgement; the run's next one replaces it.") from error
