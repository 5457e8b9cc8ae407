"""Judge a whole checkpoint: quality, what D knows, copies of training posters, collapse, genres.

    evaluation = evaluate(load("checkpoints/dcgan-64"), training, held_out)
    evaluation.generated["fd_lite1"].value, evaluation.floor["fd_lite1"].value
    write(evaluation, Path("checkpoints/dcgan-64"))
    read("checkpoints/dcgan-64")                    # None where nobody has measured yet

Every figure comes from fixed seeds, has a 95 % interval, and is the same on every run. docs/evaluation.md says what
each one means and what it cannot say.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gan.checkpoints.record import Checkpoint
from gan.data.images import Fit
from gan.data.posters import PosterSet
from gan.errors import CheckpointError, DataError
from gan.evaluation.conditioning import GenreFigure, genre_figures
from gan.evaluation.discriminator import what_d_knows
from gan.evaluation.distances import compare
from gan.evaluation.diversity import collapse, thumbnails
from gan.evaluation.estimates import Figure, Figures, subsample_evenly, with_intervals
from gan.evaluation.features import Device, draw, generated_features, poster_batches, poster_features, random_labels
from gan.evaluation.memorization import Pair, memorisation
from gan.files import write_json
from gan.networks.dcgan import Generator
from gan.progress import StageProgress

FILE = "evaluate.json"
SAMPLES = 5000
FIRST_SEED = 2_000_000  # not those by which a run chooses its best state
FEWEST = 10  # held-out posters: an interval is made from halves

# What the figures are called in a table, and what they are for a perfect generator where that is known.
WORDS: dict[str, tuple[str, str]] = {
    "fd_lite1": ("distance of all posters together (fd_lite1)", "the floor"),
    "kid_lite1": ("kernel distance (kid_lite1)", "0"),
    "precision": ("generated posters that look like a poster (precision)", "the floor"),
    "recall": ("real posters that it could have drawn (recall)", "the floor"),
    "density": ("how deep among the real ones (density)", "1"),
    "coverage": ("real posters with a generated one near by (coverage)", "the floor"),
    "accuracy_training": ("training posters that D calls real", ""),
    "accuracy_held_out": ("held-out posters that D calls real", ""),
    "accuracy_generated": ("generated posters that D calls fake", ""),
    "ranking_training": ("training above generated posters (AUC)", "50 %"),
    "ranking_held_out": ("held-out above generated posters (AUC)", "50 %"),
    "best_training": ("called rightly at the best threshold, training posters", "50 %"),
    "best_held_out": ("called rightly at that threshold, held-out posters", "50 %"),
    "nearer": ("nearer to a training poster than a new real poster is", "50 %"),
    "suspicious": ("nearer than all but 1 % of new real posters", "1 %"),
    "held_out_nearest": ("a held-out poster is the nearest one, of how often it would be by chance", "100 %"),
    "diversity_features": ("distance of two posters in features, of that of real ones", "100 %"),
    "diversity_pixels": ("distance of two posters in pixels, of that of real ones", "100 %"),
    "near_identical": ("pairs that are nearly the same poster", "0.1 %"),
}
IN_UNITS = frozenset({"fd_lite1", "kid_lite1", "density"})  # the others are shares, shown in per cent


@dataclass(frozen=True)
class Evaluation:
    """All figures of a checkpoint.

    name, digest : which checkpoint; the SHA-256 of its weights.
    training, held_out, samples, first_seed : what was compared; ``samples`` generated posters from that seed on.
    generated, floor : figures of ``gan.evaluation.distances.compare`` for generated posters and, at the same counts, for training
        posters against the held-out ones; the floor is what a perfect generator would get.
    discriminator : D's accuracies and rankings (see :mod:`gan.evaluation.discriminator`); None where there is no D.
    threshold : logit above which the last two accuracies call a poster real; None where there is no D.
    memorisation : see :func:`gan.evaluation.memorization.memorisation`. closest : the generated posters nearest to a training poster.
    collapse : see :func:`gan.evaluation.diversity.collapse`. genres : where the generator is conditional.
    inception : the true FID against as many training posters; None where it was not asked for.
    """

    name: str
    digest: str
    training: int
    held_out: int
    samples: int
    first_seed: int
    generated: Figures
    floor: Figures
    discriminator: Figures | None
    threshold: float | None
    memorisation: Figures
    closest: tuple[Pair, ...]
    collapse: Figures
    genres: tuple[GenreFigure, ...] = ()
    inception: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain lists, numbers and texts for ``evaluate.json``."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Evaluation:
        """The inverse of :meth:`to_json`; KeyError, TypeError or AttributeError if the record is not one."""
        values = dict(record)
        for name in ("generated", "floor", "discriminator", "memorisation", "collapse"):
            if values[name] is not None:
                values[name] = {key: Figure(**figure) for key, figure in values[name].items()}
        values["closest"] = tuple(Pair(**pair) for pair in values["closest"])
        values["genres"] = tuple(GenreFigure.from_json(genre) for genre in values["genres"])
        return cls(**values)


def read(directory: str | Path) -> Evaluation | None:
    """What was measured of the checkpoint in this folder; None where nothing was.

    Raises
    ------
    CheckpointError
        If there is an ``evaluate.json`` that cannot be understood.
    """
    path = Path(directory) / FILE
    try:
        return Evaluation.from_json(json.loads(path.read_text()))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path} is not an evaluation; measure it again with scripts/evaluate.py.") from error


def write(evaluation: Evaluation, path: Path) -> Path:
    """Write ``evaluate.json`` into the folder, or to the file that ``path`` names, complete or not at all."""
    path = path / FILE if path.is_dir() else path
    write_json(path, evaluation.to_json())
    return path


def evaluate(
    checkpoint: Checkpoint,
    training: PosterSet,
    held_out: PosterSet,
    samples: int = SAMPLES,
    first_seed: int = FIRST_SEED,
    device: Device = "cpu",
    progress: StageProgress | None = None,
) -> Evaluation:
    """Measure everything.

    Posters must have the size of the generator's pictures. The features of all training posters are computed once and
    kept on disk. ``progress`` is told what is being done and the finished fraction of that.

    Raises
    ------
    CheckpointError
        If the checkpoint has no generator.
    DataError
        If the posters have another size than the generator's pictures, or too few are held out or to train on.
    MetricsUnavailableError
        If the extra ``metrics`` is not installed.
    """
    tell = progress or (lambda what, part: None)
    generator = copy.deepcopy(checkpoint.need_generator()).to(device)
    _check(generator, training, held_out, samples)

    real = poster_features(held_out, device, lambda part: tell("held-out posters", part))
    known = poster_features(training, device, lambda part: tell("training posters", part))
    labels = random_labels(training, generator.config.genres, samples, first_seed)
    made = generated_features(
        generator, samples, first_seed, labels, checkpoint.digest, lambda part: tell("generated posters", part)
    )

    tell("distances", 0)
    generated = with_intervals(compare, real, made)
    tell("distances of training posters", 0)
    floor = with_intervals(compare, real, subsample_evenly(known, samples))
    tell("copies", 0)
    copied, closest = memorisation(known, real, made, training.names, first_seed)
    tell("collapse", 0)
    collapsed = collapse(
        real, made, thumbnails(poster_batches(held_out)), thumbnails(draw(generator, samples, first_seed, labels))
    )
    judged, threshold = what_d_knows(checkpoint, generator, training, held_out, samples, first_seed, labels, tell)
    return Evaluation(
        name=checkpoint.name,
        digest=checkpoint.digest,
        training=len(training),
        held_out=len(held_out),
        samples=samples,
        first_seed=first_seed,
        generated=generated,
        floor=floor,
        discriminator=judged,
        threshold=threshold,
        memorisation=copied,
        closest=closest,
        collapse=collapsed,
        genres=genre_figures(generator, training, known, checkpoint.digest, tell),
    )


def some_of(posters: PosterSet, count: int | None) -> PosterSet:
    """So many of the posters, evenly chosen; all of them where there are no more, or ``count`` is None.

    Raises
    ------
    DataError
        If ``count`` is below 1.
    """
    if count is None or count >= len(posters):
        return posters
    if count < 1:
        raise DataError(f"At least 1 training poster is needed to judge by, not {count}.")
    return posters.evenly(count, round_down=True)


def taken_as(checkpoint: Checkpoint, fit: Fit | None = None, genres: str | None = None) -> tuple[Fit, list[str]]:
    """How posters are brought to size and which are taken: as told or, where it is None, as the checkpoint remembers.

    genres : joined by commas, as ``info["only_genres"]`` has them; "" for all posters.
    """
    known: Fit = checkpoint.info.get("fit", "crop") if fit is None else fit
    wanted = checkpoint.info.get("only_genres", "") if genres is None else genres
    return known, [name.strip() for name in str(wanted).split(",") if name.strip()]


def _check(generator: Generator, training: PosterSet, held_out: PosterSet, samples: int) -> None:
    size = tuple(generator.config.size)
    for posters in (training, held_out):
        if tuple(posters.images.shape[1:3]) != size:
            found = " x ".join(map(str, posters.images.shape[1:3]))
            raise DataError(f"The generator draws {' x '.join(map(str, size))}; the posters are {found}.")
    if len(held_out) < FEWEST or len(training) < len(held_out):
        raise DataError(
            f"At least {FEWEST} held-out posters and as many training posters are needed to judge by, not "
            f"{len(held_out)} and {len(training)}."
        )
    if samples < FEWEST:
        raise DataError(f"At least {FEWEST} generated posters are needed to judge by, not {samples}.")
