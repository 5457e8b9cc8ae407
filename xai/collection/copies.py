"""Whether generated posters are copies of training posters, by pixels and by features.

    found = find_copies(checkpoint, posters_of(checkpoint, "posters.zip").posters)
    found.text                                  # the answer in words
    found.pixels.rate                           # of posters nearer to a training poster than nearly all held-out ones
    found.closest[0]                            # the nearest pair: seed and poster number, both distances

How near is too near? Held-out posters are new by construction, and some of them are near to a training poster, too. A
generated poster counts as a near copy where it is nearer to its nearest training poster than all but 1 % of the
held-out ones are to theirs; of posters that are as new as those 1 % are expected to be. Held-out posters that are in
the training as well, the same picture under another name, are left out: they are not new.

Plain pictures are near to everything. So this alone is no evidence: a generator that copies is, besides, nearer to
training posters than to held-out ones, which it has never seen. gan/evaluation/samples/memorization.py has both.

Pixels are compared in thumbnails of 32 x 32: a picture that is shifted by a pixel, sharpened or given noise is still
the same one, and they cost a quarter. Features are those of EfficientNet-Lite1, where it is installed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gan.checkpoints.record import Checkpoint
from gan.data.posters import PosterSet
from gan.errors import MetricsUnavailableError, counted
from gan.evaluation.estimates import Estimate, Floats
from gan.evaluation.features import PART, Features, Sampler, generated_features, poster_batches, poster_features
from gan.evaluation.samples.diversity import thumbnails
from gan.evaluation.samples.memorization import (
    QUANTILE,
    Neighbours,
    held_out_nearest,
    near_copies,
    nearest,
    relative_wins,
)
from gan.networks.seeds import reserved
from gan.progress import Progress
from xai.errors import ExplanationError

SEEDS = PART  # generated posters; as many as are kept together in the cache of features
FIRST = reserved("collection").start
CLOSEST = 12  # pairs, by pixels and by features
BINS = 40
FEWEST = 20  # held-out posters
SAME = 2 / 255  # root mean square difference of two thumbnails of the same picture: a grey level


@dataclass(frozen=True, eq=False)
class Histogram:
    """Proportions of generated and of held-out posters in bins of equal width around their middles."""

    middles: Floats
    width: float
    generated: Floats
    held_out: Floats


@dataclass(frozen=True, eq=False)
class Nearness:
    """How near N generated posters and M held-out ones are to the training posters, in one way of measuring.

    distance, poster : of each generated one from its nearest training poster, and that one's number. unseen : distances
    of the held-out ones. threshold : of a near copy. rate : proportion of near copies, 1 % by chance; its interval is
    at least Wilson's, and wider because the threshold is measured, too. relative : how often a generated poster's
    nearest real one is held out, relative to chance; 1 without copying. relative_near : the same, of those that are
    nearer than the threshold to any real poster, among which a few copies show; NaN without any.
    """

    distance: Floats
    poster: NDArray[np.int64]
    unseen: Floats
    threshold: float
    rate: Estimate
    relative: Estimate
    relative_near: Estimate

    @property
    def copied(self) -> bool:
        """Whether near copies are more than by chance, and follow the training posters rather than held-out ones."""
        return self.rate.low > QUANTILE and min(self.relative.high, self.relative_near.high) < 1

    @property
    def histogram(self) -> Histogram:
        """Of the distances of generated and of held-out posters."""
        ends = np.linspace(0, float(max(self.distance.max(), self.unseen.max())) or 1.0, BINS + 1)
        of_generated, of_held_out = (np.histogram(one, ends)[0] / len(one) for one in (self.distance, self.unseen))
        return Histogram((ends[:-1] + ends[1:]) / 2, float(ends[1]), of_generated, of_held_out)

    @property
    def near(self) -> NDArray[np.bool_]:
        """(N,), which generated posters are near copies."""
        return self.distance < self.threshold

    def percentile(self, distance: float) -> float:
        """Proportion of held-out posters at least as near to a training poster."""
        return float((self.unseen <= distance).mean())


@dataclass(frozen=True)
class Pair:
    """A generated poster and a training poster, which is its nearest ``by`` "pixels" or "features".

    pixels, features : their distances; NaN where there are no features. pixels_unseen, features_unseen : proportion of
    held-out posters that are at least as near to a training poster.
    """

    seed: int
    poster: int
    by: str
    pixels: float
    pixels_unseen: float
    features: float
    features_unseen: float


def pair_words(pair: Pair) -> str:
    """A pair with its distances, and what part of the held-out posters is as near to a training poster."""
    features = "" if np.isnan(pair.features) else f"; features {pair.features:.1f}, as near {pair.features_unseen:.1%}"
    return (
        f"seed {pair.seed} and poster {pair.poster}: pixels {pair.pixels:.1f}, as near {pair.pixels_unseen:.1%} of the "
        f"held-out ones{features}"
    )


@dataclass(frozen=True, eq=False)
class Copies:
    """Of the generated posters of ``seeds`` (N,); features : None where EfficientNet-Lite1 is not installed.

    held_out : number of held-out posters. left_out : how many of them are in the training, too, and were left out.
    closest : the nearest pairs by either, beginning with what is rarest among held-out posters.
    """

    seeds: NDArray[np.int64]
    pixels: Nearness
    features: Nearness | None
    held_out: int
    left_out: int
    closest: tuple[Pair, ...]

    @property
    def ways(self) -> dict[str, Nearness]:
        """Those that were measured, by name."""
        return {"pixels": self.pixels} | ({} if self.features is None else {"features": self.features})

    @property
    def copied(self) -> bool:
        """Whether there are copies, by either."""
        return any(one.copied for one in self.ways.values())

    @property
    def text(self) -> str:
        """In words."""
        rates = " and ".join(f"{_percent(one.rate)} by {name}" for name, one in self.ways.items())
        measured = (
            f"Of {counted(len(self.seeds), 'generated poster')} {rates} are nearer to a training poster than all but "
            f"{QUANTILE:.0%} of the held-out posters are, where {QUANTILE:.0%} is expected."
        )
        above = {name: one for name, one in self.ways.items() if one.rate.low > QUANTILE}
        relative = " and ".join(f"{_times(one.relative_near)} by {name}" for name, one in above.items())
        rival = f"The real poster nearest to one of these is held out {relative} as often as by chance"
        if self.left_out:
            also = f"{'is' if self.left_out == 1 else 'are'} in the training, too, and left out"
            measured += f" ({self.left_out} of the {counted(self.held_out, 'held-out poster')} {also}.)"
        if self.copied:
            return f"There are copies. {measured} {rival}: they follow the posters of the training."
        if above:
            return f"No sign of copies, but of plain pictures. {measured} {rival}: G has never seen those."
        most = max(one.rate.high for one in self.ways.values())
        return f"No sign of copies. {measured} Not excluded is a proportion of up to {most:.1%}."


def _percent(rate: Estimate) -> str:
    return f"{rate.value:.1%} ({rate.low:.1%} to {rate.high:.1%})"


def _times(relative: Estimate) -> str:
    return f"{relative.value:.2f} times ({relative.low:.2f} to {relative.high:.2f})"


@dataclass(frozen=True, eq=False)
class Views:
    """Posters as they are compared: thumbnails (N, P), and features (N, D), or None."""

    pixels: Features
    features: Features | None

    def rows(self, chosen: NDArray[np.bool_]) -> Views:
        """Of some of the posters."""
        return Views(self.pixels[chosen], None if self.features is None else self.features[chosen])


def find_copies(
    checkpoint: Checkpoint, posters: PosterSet, count: int = SEEDS, progress: Progress = lambda done: None
) -> Copies:
    """Of ``count`` generated posters, those of the first seeds reserved for the collection.

    Features that are not in the cache are computed, which takes a quarter of an hour for 20,000 posters.

    Raises
    ------
    ExplanationError
        If there are no training posters, or too few held-out ones for a threshold.
    """
    training, held_out = posters.split()
    _check(len(training), len(held_out))
    generator = checkpoint.need_generator()

    def of_posters(some: PosterSet, first: float, last: float) -> Views:
        pixels = _thumbnails(some)
        progress(first)
        return Views(pixels, _where_installed(lambda: poster_features(some, progress=_part(progress, first, last))))

    known, unseen = of_posters(training, 0.05, 0.6), of_posters(held_out, 0.6, 0.65)
    drawn = thumbnails(Sampler(generator, count, FIRST).batches())
    described = _where_installed(
        lambda: generated_features(
            generator, count, FIRST, weights=checkpoint.digest, progress=_part(progress, 0.65, 0.7)
        )
    )
    numbers = np.flatnonzero(~posters.held_out)
    found = among(known, unseen, Views(drawn, described), numbers, np.arange(FIRST, FIRST + count))
    progress(1.0)
    return found


def _thumbnails(posters: PosterSet) -> Features:
    """Of all posters, into one array: parts that are joined take the memory twice."""
    first = thumbnails([posters.tensor([0])])
    found = np.empty((len(posters), first.shape[1]), np.float32)
    for start in range(0, len(posters), PART):
        found[start : start + PART] = thumbnails(poster_batches(posters, start, min(start + PART, len(posters))))
    return found


def _check(training: int, held_out: int) -> None:
    if not training or held_out < FEWEST:
        raise ExplanationError(
            f"Copies are told by training posters and at least {counted(FEWEST, 'held-out one')}; there are "
            f"{counted(training, 'training poster')} and {held_out} held out."
        )


def _part(progress: Progress, first: float, last: float) -> Progress:
    return lambda done: progress(first + (last - first) * done)


def _where_installed(compute: Callable[[], Features]) -> Features | None:
    try:
        return compute()
    except MetricsUnavailableError:
        return None


def among(
    training: Views, held_out: Views, generated: Views, numbers: NDArray[np.int64], seeds: NDArray[np.int64]
) -> Copies:
    """The same from what was measured of the posters; ``numbers`` of the training posters, ``seeds`` of the others.

    Raises
    ------
    ExplanationError
        If too few of the held-out posters are new.
    """
    everyone = len(held_out.pixels)
    gap, _ = nearest(held_out.pixels, training.pixels)
    held_out = held_out.rows(gap >= SAME * training.pixels.shape[1] ** 0.5)
    _check(len(training.pixels), len(held_out.pixels))
    given = {
        name: [getattr(views, name) for views in (training, held_out, generated)] for name in ("pixels", "features")
    }
    ways = {
        name: _nearness(known, unseen, made, numbers)
        for name, (known, unseen, made) in given.items()
        if not (known is None or unseen is None or made is None)
    }
    row_of = {number: row for row, number in enumerate(numbers.tolist())}

    def pair(by: str, one: int) -> Pair:
        poster = int(ways[by].poster[one])
        figures = {"features": np.nan, "features_unseen": np.nan}
        for name, way in ways.items():
            known, _, made = given[name]
            distance = float(np.linalg.norm(made[one].astype(float) - known[row_of[poster]]))
            figures |= {name: distance, f"{name}_unseen": way.percentile(distance)}
        return Pair(int(seeds[one]), poster, by, **figures)

    pairs = [pair(by, one) for by, way in ways.items() for one in np.argsort(way.distance, kind="stable")[:CLOSEST]]
    pairs.sort(key=lambda one: getattr(one, f"{one.by}_unseen"))
    left_out = everyone - len(held_out.pixels)
    return Copies(seeds, ways["pixels"], ways.get("features"), everyone, left_out, tuple(pairs))


def _nearness(training: Features, held_out: Features, generated: Features, numbers: NDArray[np.int64]) -> Nearness:
    neighbours = Neighbours.of(training, held_out, generated)
    gap, _ = nearest(generated, held_out)
    threshold = float(np.quantile(neighbours.unseen, QUANTILE))
    near = np.minimum(neighbours.distance, gap) < threshold
    by_chance = Estimate(np.nan, np.nan, np.nan)
    if near.any():
        by_chance = relative_wins(neighbours.winners[near], len(training), len(held_out))
    return Nearness(
        neighbours.distance,
        numbers[neighbours.index],
        neighbours.unseen,
        threshold,
        near_copies(neighbours),
        held_out_nearest(neighbours),
        by_chance,
    )
