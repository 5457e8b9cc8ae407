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
import importlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from gan.checkpoint import Checkpoint
from gan.data import PosterSet
from gan.errors import CheckpointError, DataError, MetricsUnavailableError
from gan.images import to_uint8
from gan.logger import write_json
from gan.metrics import (
    Array,
    Device,
    Features,
    Figure,
    compare,
    distances,
    draw,
    equally_many,
    evenly,
    frechet_distance,
    generated_features,
    kid,
    poster_batches,
    poster_features,
    random_labels,
    with_intervals,
)
from gan.models import Discriminator, Generator

Figures = Mapping[str, Figure]
Floats = NDArray[np.float64]
Told = Callable[[str, float], object]

FILE = "evaluate.json"
SAMPLES = 5000
FIRST_SEED = 2_000_000  # not those by which a run chooses its best state
OTHER_SEEDS = 2_500_000  # generated posters by which the threshold is chosen, never those it is tried on
GENRE_SEEDS = 2_700_000
FEWEST = 10  # held-out posters: an interval is made from halves
GENRE_POSTERS = 50  # held-out posters that a genre needs, with it and without it
GENRE_SAMPLES = 500
THUMBNAIL = 32  # pixels a side at which pictures are compared
CLOSEST = 20
RARE = 0.001  # share of pairs of real posters that count as near-identical
QUANTILE = 0.01  # of held-out posters' distances to the training posters: nearer than this is suspicious
CHUNK = 512  # rows whose distances to all training posters are in memory at once
SHUFFLES = 2000


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
class Pair:
    """A generated poster, the training poster nearest to it, and their distance in feature space.

    held_out : share of held-out posters that lie at least as near to a training poster.
    """

    seed: int
    poster: str
    distance: float
    held_out: float


@dataclass(frozen=True)
class GenreFigure:
    """One genre that was asked for.

    posters : held-out posters with it, all of their genres known. samples : generated ones.
    kid_with, kid_without : KID of the generated posters to held-out ones with the genre and without it.
    closer : ``kid_without - kid_with``; above 0, the posters look more like the genre than like the rest.
    closer_real : the same for training posters of the genre: what could be reached.
    diversity : mean distance of two of the generated posters as a share of that of two held-out ones with the genre.
    """

    genre: str
    posters: int
    samples: int
    kid_with: Figure
    kid_without: Figure
    closer: Figure
    closer_real: Figure
    diversity: Figure


@dataclass(frozen=True)
class Evaluation:
    """All figures of a checkpoint.

    name, digest : which checkpoint; the SHA-256 of its weights.
    training, held_out, samples, first_seed : what was compared; ``samples`` generated posters from that seed on.
    generated, floor : figures of ``gan.metrics.compare`` for generated posters and, at the same counts, for training
        posters against the held-out ones; the floor is what a perfect generator would get.
    discriminator : D's accuracies and rankings (see :func:`discriminator_figures`); None where there is no D.
    threshold : logit above which the last two accuracies call a poster real; None where there is no D.
    memorisation : see :func:`memorisation`. closest : the generated posters nearest to a training poster.
    collapse : see :func:`collapse`. genres : where the generator is conditional.
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
        values["genres"] = tuple(_genre_from_json(genre) for genre in values["genres"])
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
    progress: Told | None = None,
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
    generator = copy.deepcopy(_generator(checkpoint)).to(device)
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
    floor = with_intervals(compare, real, evenly(known, samples))
    tell("copies", 0)
    copied, closest = memorisation(known, real, made, training.names, first_seed)
    tell("collapse", 0)
    collapsed = collapse(
        real, made, thumbnails(poster_batches(held_out)), thumbnails(draw(generator, samples, first_seed, labels))
    )
    judged, threshold = _what_d_knows(checkpoint, generator, training, held_out, samples, first_seed, labels, tell)
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
        genres=genre_figures(generator, (training, known), (held_out, real), checkpoint.digest, tell),
    )


# ---- D -----------------------------------------------------------------------------------------------


def discriminator_figures(training: Floats, held_out: Floats, made: Floats, other: Floats) -> tuple[Figures, float]:
    """What D's logits of training, held-out and generated posters, and of generated ones of other seeds, say.

    ``accuracy_training``, ``accuracy_held_out``, ``accuracy_generated``: shares that D calls rightly, at logit 0.
    ``ranking_training``, ``ranking_held_out``: share of pairs of such a real and a generated poster in which the real
    one has the higher logit (the area under the ROC curve), which does not depend on where the zero is.
    ``best_training``, ``best_held_out``: mean of the shares of real and of generated posters that are called rightly at
    the threshold that is best for training posters against generated ones of other seeds; the second of figures is
    that threshold. Shares have Wilson's intervals, their mean Newcombe's, rankings those from halves.
    """
    threshold = best_threshold(training, other)
    rightly = {
        "accuracy_training": training > 0,
        "accuracy_held_out": held_out > 0,
        "accuracy_generated": made <= 0,
    }
    rankings = {
        "ranking_training": with_intervals(_ranking, training, made)["ranking"],
        "ranking_held_out": with_intervals(_ranking, held_out, made)["ranking"],
    }
    best = {
        "best_training": _mean_share(training > threshold, other <= threshold),
        "best_held_out": _mean_share(held_out > threshold, made <= threshold),
    }
    return {key: share(found) for key, found in rightly.items()} | rankings | best, threshold


def best_threshold(real: Floats, fake: Floats) -> float:
    """Where the mean of the share of real ones above and of fake ones below is highest.

    In the middle between two neighbouring logits; the lowest of several that are equally good.
    """
    values = np.unique(np.concatenate([real, fake]))
    cuts = np.concatenate([[values[0] - 1], (values[:-1] + values[1:]) / 2, [values[-1] + 1]])
    above = 1 - np.searchsorted(np.sort(real), cuts, "right") / len(real)
    below = np.searchsorted(np.sort(fake), cuts, "right") / len(fake)
    return float(cuts[np.argmax(above + below)])


def ranking(higher: Floats, lower: Floats) -> float:
    """Share of pairs in which the first is the larger, ties as a half: the area under the ROC curve."""
    ordered = np.sort(lower)
    below = np.searchsorted(ordered, higher, "left") + np.searchsorted(ordered, higher, "right")
    return float(below.mean() / (2 * len(lower)))


def share(found: NDArray[np.bool_]) -> Figure:
    """The share that is true, with Wilson's interval (Wilson 1927)."""
    count, part, z = len(found), float(found.mean()), 1.96
    middle = (part + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * (part * (1 - part) / count + z**2 / (4 * count**2)) ** 0.5
    return Figure(part, max(middle - half, 0.0), min(middle + half, 1.0))


def _mean_share(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> Figure:
    """Mean of two shares; Newcombe 1998, method 10, for their sum."""
    a, b = share(one), share(other)
    value = (a.value + b.value) / 2
    down = ((a.value - a.low) ** 2 + (b.value - b.low) ** 2) ** 0.5 / 2
    up = ((a.high - a.value) ** 2 + (b.high - b.value) ** 2) ** 0.5 / 2
    return Figure(value, value - down, value + up)


def _ranking(higher: Floats, lower: Floats) -> dict[str, float]:
    return {"ranking": ranking(higher, lower)}


def logits(discriminator: Discriminator, batches: Iterable[Tensor], labels: Tensor | None = None) -> Floats:
    """D's logits for batches of pictures, one after the other; ``labels`` are those of all of them, or None."""
    device = next(discriminator.parameters()).device
    found, start = [], 0
    for images in batches:
        with torch.inference_mode():
            own = () if labels is None else (labels[start : start + len(images)].to(device),)
            found.append(discriminator.logit(images.to(device), *own).double().cpu())
        start += len(images)
    return torch.cat(found).numpy()


def _what_d_knows(
    checkpoint: Checkpoint,
    generator: Generator,
    training: PosterSet,
    held_out: PosterSet,
    samples: int,
    first_seed: int,
    labels: Tensor | None,
    tell: Told,
) -> tuple[Figures | None, float | None]:
    if checkpoint.discriminator is None:
        return None, None
    discriminator = copy.deepcopy(checkpoint.discriminator).to(next(generator.parameters()).device)
    genres = generator.config.genres
    some = training.select(evenly(np.arange(len(training)), samples))
    other = random_labels(training, genres, len(some), OTHER_SEEDS)
    asked = [
        (poster_batches(some), own_labels(some, genres)),
        (poster_batches(held_out), own_labels(held_out, genres)),
        (draw(generator, samples, first_seed, labels), labels),
        (draw(generator, len(some), OTHER_SEEDS, other), other),
    ]
    found = []
    for place, (pictures, own) in enumerate(asked):
        tell("what the discriminator knows", place / len(asked))
        found.append(logits(discriminator, pictures, own))
    return discriminator_figures(*found)


def own_labels(posters: PosterSet, genres: tuple[str, ...]) -> Tensor | None:
    """The posters' labels (N, genres) for a conditional network; None where no genre can be asked for."""
    return torch.from_numpy(posters.genre_labels(genres)).float() if genres else None


# ---- copies and collapse -----------------------------------------------------------------------------


def memorisation(
    training: Features, held_out: Features, made: Features, names: tuple[str, ...], first_seed: int
) -> tuple[Figures, tuple[Pair, ...]]:
    """Whether generated posters lie nearer to the training posters than new real posters do, and the closest pairs.

    ``nearer`` : share of pairs of a generated and a held-out poster in which the generated one lies nearer to its
        nearest training poster; 0.5 if they lie alike (the statistic of Meehan et al. 2020, over one cell). Blurred
        posters lie far from all real ones, which lowers it, copies or not.
    ``suspicious`` : share of generated posters nearer to a training poster than 1 % of the held-out ones are; 0.01.
    ``held_out_nearest`` : how often the nearest of all real posters is a held-out one, as a share of how often it would
        be by chance; 1 for a generator that knows the distribution but no poster of it, however blurred, and 0 for
        one that copies. The interval holds 1 in 95 % of cases where nothing is copied.
    """
    distance, which = nearest(made, training)
    unseen, _ = nearest(held_out, training)
    gap, rival = nearest(made, held_out)
    winners = np.where(gap < distance, len(training) + rival, which)
    figures = with_intervals(_nearness, distance, unseen)
    closest = tuple(
        Pair(first_seed + int(i), names[which[i]], float(distance[i]), float((unseen <= distance[i]).mean()))
        for i in np.argsort(distance, kind="stable")[:CLOSEST]
    )
    return figures | {"held_out_nearest": held_out_nearest(winners, len(training), len(held_out))}, closest


def held_out_nearest(winners: NDArray[np.int64], training: int, held_out: int, seed: int = 0) -> Figure:
    """How often the winners (N,) are held-out posters, as a share of how often they would be by chance.

    winners : for each generated poster the nearest real one: index 0 to ``training`` - 1 for training posters,
        from there on for held-out ones.

    Had the generator never seen either, which posters are called held out would be chance. So the interval is as wide
    as what ``SHUFFLES`` random choices give; a few real posters that are the nearest of many make it wide.
    """
    wins = np.bincount(winners, minlength=training + held_out)
    random = np.random.default_rng(seed)
    expected = len(winners) * held_out / len(wins)
    value = wins[training:].sum() / expected
    shuffled = [wins[random.permutation(len(wins))[:held_out]].sum() / expected for _ in range(SHUFFLES)]
    low, high = np.quantile(shuffled, [0.025, 0.975])
    return Figure(float(value), float(max(value - (high - 1), 0)), float(value + (1 - low)))


def nearest(rows: Features, among: Features) -> tuple[Floats, NDArray[np.int64]]:
    """Distance and index of the row of ``among`` (M, D) that is nearest to each of ``rows`` (N, D).

    Found in single precision; the distance, which may be 0, is then computed in double.
    """
    parts = torch.split(torch.from_numpy(rows), CHUNK)
    which: NDArray[np.int64] = torch.cat([distances(part, torch.from_numpy(among)).argmin(1) for part in parts]).numpy()
    return np.linalg.norm(rows.astype(float) - among[which], axis=1), which


def _nearness(distance: Floats, unseen: Floats) -> dict[str, float]:
    return {
        "nearer": ranking(unseen, distance),
        "suspicious": float((distance < np.quantile(unseen, QUANTILE)).mean()),
    }


def collapse(real: Features, made: Features, real_pictures: Features, made_pictures: Features) -> Figures:
    """Whether the generated posters are too alike, from features (N, D) and thumbnails (N, P) of as many of both.

    ``diversity_features``, ``diversity_pixels`` : mean distance of two generated posters as a share of that of two
        held-out ones; 1 for real posters, 0 for one poster again and again.
    ``near_identical`` : share of pairs of generated posters that lie nearer together in feature space than all but
        0.1 % of the pairs of held-out ones; 0.001 for real posters.
    """
    matrices = [
        _distances(rows, rows) for rows in (*equally_many(real, made), *equally_many(real_pictures, made_pictures))
    ]

    def figure(of_real: Array, of_made: Array) -> dict[str, float]:
        real_features, made_features, real_pixels, made_pixels = (
            _pairs(matrix, rows) for matrix, rows in zip(matrices, (of_real, of_made) * 2, strict=True)
        )
        return {
            "diversity_features": float(made_features.mean() / real_features.mean()),
            "diversity_pixels": float(made_pixels.mean() / real_pixels.mean()),
            "near_identical": float((made_features <= np.quantile(real_features, RARE)).mean()),
        }

    return with_intervals(figure, *(np.arange(len(matrices[0])),) * 2)


def thumbnails(batches: Iterable[Tensor]) -> Features:
    """Pictures (n, 3, H, W) as rows of at most 3 x 32 x 32 values in [-1, 1]: means over blocks of pixels."""
    found = []
    for images in batches:
        height, width = images.shape[2:]
        small = adaptive_avg_pool2d(images.float(), (min(height, THUMBNAIL), min(width, THUMBNAIL)))
        found.append(small.flatten(1).cpu())
    return torch.cat(found).numpy()


def _distances(a: Features, b: Features) -> Floats:
    x = torch.from_numpy(a).double()
    found: Floats = distances(x, x if a is b else torch.from_numpy(b).double()).numpy()
    return found


def _pairs(matrix: Floats, rows: Array) -> Floats:
    """The distance of every two different ones of the rows."""
    one, other = np.triu_indices(len(rows), 1)
    found: Floats = matrix[rows[one], rows[other]]
    return found


# ---- genres ------------------------------------------------------------------------------------------


def genre_figures(
    generator: Generator,
    training: tuple[PosterSet, Features],
    held_out: tuple[PosterSet, Features],
    weights: str = "",
    tell: Told = lambda what, part: None,
) -> tuple[GenreFigure, ...]:
    """For each genre that a generator was trained with: do posters asked for it look like it?

    Only the genre itself is asked for; all others are left open. Only posters of which all genres are known count, and
    only genres of which at least 50 held-out ones have the genre and 50 have not. () for a generator without genres.
    """
    genres = generator.config.genres
    if not genres:
        return ()
    with_it, without_it = _by_genre(held_out[0], genres)
    found = []
    for place, genre in enumerate(genres):
        tell("genres", place / len(genres))
        if min(with_it[:, place].sum(), without_it[:, place].sum()) < GENRE_POSTERS:
            continue
        asked = torch.zeros(GENRE_SAMPLES, len(genres))
        asked[:, place] = 1
        made = generated_features(generator, GENRE_SAMPLES, GENRE_SEEDS, asked, weights)
        known = evenly(training[1][_by_genre(training[0], genres)[0][:, place]], GENRE_SAMPLES)
        real, rest = held_out[1][with_it[:, place]], held_out[1][without_it[:, place]]
        found.append(_genre_figure(genre, made, known, real, rest))
    return tuple(found)


def _genre_figure(genre: str, made: Features, known: Features, real: Features, rest: Features) -> GenreFigure:
    asked, reached = with_intervals(_closer, made, real, rest), with_intervals(_closer, known, real, rest)
    spread = with_intervals(_diversity, *equally_many(made, real))["diversity"]
    return GenreFigure(
        genre=genre,
        posters=len(real),
        samples=len(made),
        kid_with=asked["with"],
        kid_without=asked["without"],
        closer=asked["closer"],
        closer_real=reached["closer"],
        diversity=spread,
    )


def _closer(made: Features, real: Features, rest: Features) -> dict[str, float]:
    near, far = kid(real, made), kid(rest, made)
    return {"with": near, "without": far, "closer": far - near}


def _diversity(made: Features, real: Features) -> dict[str, float]:
    means = [_pairs(_distances(rows, rows), np.arange(len(rows))).mean() for rows in (made, real)]
    return {"diversity": float(means[0] / means[1])}


def _by_genre(posters: PosterSet, genres: tuple[str, ...]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which posters (N, G) have each genre and which have it not, among those of which all genres are known."""
    labels = posters.genre_labels(genres)
    complete = (labels != 0).all(1, keepdims=True)
    return (labels == 1) & complete, (labels == -1) & complete


# ---- the true FID ------------------------------------------------------------------------------------


def inception_fid(
    checkpoint: Checkpoint,
    training: PosterSet,
    samples: int = SAMPLES,
    first_seed: int = FIRST_SEED,
    device: Device = "cpu",
) -> float:
    """FID as the field reports it: Inception features of torch-fidelity, training against generated posters.

    As many of both, at most ``samples``. Fetches the weights (90 MB) where they are not there yet; only ever called
    when a person asks for it.

    Raises
    ------
    MetricsUnavailableError
        If torch-fidelity is not installed or its weights cannot be fetched.
    """
    network = _inception().to(device)
    generator = copy.deepcopy(_generator(checkpoint)).to(device)
    some = training.select(evenly(np.arange(len(training)), samples))
    labels = random_labels(training, generator.config.genres, len(some), first_seed)
    real = _inception_features(network, poster_batches(some), device)
    made = _inception_features(network, draw(generator, len(some), first_seed, labels), device)
    return frechet_distance(real, made)


def _inception() -> Any:
    try:
        fidelity = importlib.import_module("torch_fidelity.feature_extractor_inceptionv3")
    except ImportError:
        raise MetricsUnavailableError(
            "For the true FID torch-fidelity is needed: pip install torch-fidelity."
        ) from None
    try:
        return fidelity.FeatureExtractorInceptionV3("inception-v3-compat", ["2048"])
    except (OSError, RuntimeError) as error:  # no network, or a file that was cut off
        raise MetricsUnavailableError(f"Inception's weights cannot be fetched: {error}.") from error


def _inception_features(network: Any, batches: Iterable[Tensor], device: Device) -> Features:
    found = []
    for images in batches:
        pixels = torch.from_numpy(to_uint8(images)).permute(0, 3, 1, 2).to(device)
        with torch.inference_mode():
            found.append(network(pixels)[0].float().cpu())
    return torch.cat(found).numpy()


# ---- small things ------------------------------------------------------------------------------------


def _generator(checkpoint: Checkpoint) -> Generator:
    if checkpoint.generator is None:
        raise CheckpointError(f"{checkpoint.name} has no generator to judge.")
    return checkpoint.generator


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


def _genre_from_json(record: Mapping[str, Any]) -> GenreFigure:
    values: dict[str, Any] = {
        key: Figure(**value) if isinstance(value, dict) else value for key, value in record.items()
    }
    return GenreFigure(**values)
