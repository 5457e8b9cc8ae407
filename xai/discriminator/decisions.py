"""How good a discriminator's verdicts are, and on which posters: by group, calibration, the worst errors, memorising.

    real = Verdicts("held-out posters", True, logits, {"Horror": is_horror, "dark": is_dark})
    accuracy_by_group(real)[0].accuracy                 # Estimate: proportion of right verdicts, with its interval
    calibration_curve(real.logits, generated.logits)    # the probability that D gives, and how often it is right
    most_wrong(real, 12)                                # indices of the real posters that D calls fake most firmly
    memorising(training.logits, held_out.logits).found  # whether D knows its training posters from others

A verdict is right where a real poster's logit is above 0, or a generated one's is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan.checkpoints.record import Checkpoint
from gan.data.posters import PosterSet, evenly_spaced
from gan.errors import counted
from gan.evaluation.estimates import Estimate, Floats, proportion, proportion_difference, roc_auc, with_interval
from gan.evaluation.features import poster_batches
from gan.networks.dcgan import Generator, latents
from gan.networks.seeds import reserved
from gan.progress import Progress
from xai.errors import ExplanationError
from xai.latents.picture_statistics import measure_statistics, names
from xai.networks.batches import at_once
from xai.networks.score import Score

GENERATED, HELD_OUT, TRAINING = "generated posters", "held-out posters", "training posters"
LEAST = 20  # posters of a group, and outside it, below which its accuracy says nothing
BINS = 10
GROUPS = {  # by the quarter of the posters that has least or most of a statistic
    "dark": ("brightness", -1), "bright": ("brightness", 1), "low contrast": ("contrast", -1),
    "high contrast": ("contrast", 1), "grey": ("saturation", -1), "saturated": ("saturation", 1),
    "cold colours": ("warmth", -1), "warm colours": ("warmth", 1), "quiet title band": ("title_edges", -1),
    "busy title band": ("title_edges", 1),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Verdicts:
    """D's logits (N,) on posters that are all real, or all generated; ``groups`` are masks (N,) by name."""

    name: str
    real: bool
    logits: Floats
    groups: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)

    @property
    def right(self) -> NDArray[np.bool_]:
        """For each poster whether D is right."""
        return self.logits > 0 if self.real else self.logits <= 0

    @property
    def accuracy(self) -> Estimate:
        """How often D is right."""
        return proportion(self.right)


@dataclass(frozen=True, eq=False)
class Looked:
    """What was measured of N posters: (N, S), the logit last (xai.latents.picture_statistics.measure_statistics)."""

    statistics: Floats

    @property
    def logits(self) -> Floats:
        return self.statistics[:, -1]


@dataclass(frozen=True)
class GroupAccuracy:
    """How often D is right on the ``count`` posters of a group, and how much more often than on all others.

    accuracy : proportion, with its 95 % interval. difference : of the proportions, with the interval that holds for
    all groups of the table together (Bonferroni).
    """

    group: str
    count: int
    accuracy: Estimate
    difference: Estimate

    @property
    def differs(self) -> bool:
        """Whether D is better or worse on this group than on others, beyond chance."""
        return not self.difference.low <= 0 <= self.difference.high


@dataclass(frozen=True)
class CalibrationBin:
    """Posters that D gives about the same probability: its mean, and how many of them are real."""

    predicted: float
    observed: Estimate
    count: int

    @property
    def agrees(self) -> bool:
        """Whether the probability lies in the interval of what was observed."""
        return self.observed.low <= self.predicted <= self.observed.high


@dataclass(frozen=True)
class Memorising:
    """Whether D gives training posters higher logits than held-out ones.

    auc : of a training and a held-out poster, how often the training poster has the higher logit; 0.5 is what a network
    without memory has.
    """

    auc: Estimate

    @property
    def found(self) -> bool:
        """Whether that is beyond chance."""
        return self.auc.low > 0.5

    @property
    def text(self) -> str:
        answer = "There are signs of it" if self.found else "There is no sign of it"
        return (
            f"{answer}: of a training and a held-out poster, the training poster has the higher logit in "
            f"{self.auc.value:.1%} of all pairs ({self.auc.low:.1%} to {self.auc.high:.1%}; 50% without memory)."
        )


@dataclass(frozen=True, eq=False)
class Judged:
    """D's verdicts on generated posters, on held-out ones and on those of its training, as far as there are any.

    numbers : by the name of the verdicts, what each poster is called: its seed, or its row in the data set.
    """

    generated: Verdicts
    real: Verdicts | None
    training: Verdicts | None
    numbers: Mapping[str, NDArray[np.int_]]

    @property
    def of(self) -> list[Verdicts]:
        """Those on posters that D was not trained on."""
        return [verdicts for verdicts in (self.real, self.generated) if verdicts is not None]


def judge(
    checkpoint: Checkpoint,
    posters: PosterSet | None = None,
    generated: int = 1000,
    progress: Progress = lambda done: None,
) -> Judged:
    """D's verdicts on generated posters, and on real ones of its size where there are ``posters``.

    Held-out posters count as real ones that D never saw; where none is held out, all do. As many training posters are
    looked at, at most twice as many as ``generated``. Groups are quarters of the real posters' statistics, and genres.
    """
    generator, discriminator = checkpoint.need_both()
    score, seeds = Score(discriminator), np.array(reserved("discriminator study")[:generated])
    kinds: dict[str, tuple[PosterSet, NDArray[np.int_]]] = {}
    if posters is not None:
        held_out = posters.held_out if posters.held_out.any() else np.ones(len(posters), bool)
        for name, rows in ((HELD_OUT, held_out), (TRAINING, ~held_out)):
            numbers = np.flatnonzero(rows)
            numbers = numbers[evenly_spaced(len(numbers), 2 * generated)]
            kinds |= {name: (posters.select(numbers), numbers)} if len(numbers) else {}
    looked = {name: look_at(score, poster_batches(some)) for name, (some, _) in kinds.items()}
    progress(0.6 if kinds else 0.0)
    looked[GENERATED] = look_at(score, _generated(generator, seeds))
    progress(1.0)
    among = looked.get(HELD_OUT, looked[GENERATED])
    found = {}
    for name, one in looked.items():
        groups = picture_groups(one, among)
        if name in kinds:
            some, genres = kinds[name][0], list(kinds[name][0].genre_counts())
            groups |= genre_groups(genres, some.genre_labels(genres))
        found[name] = Verdicts(name, name in kinds, one.logits, groups)
    numbers_of = {GENERATED: seeds, **{name: rows for name, (_, rows) in kinds.items()}}
    return Judged(found[GENERATED], found.get(HELD_OUT), found.get(TRAINING), numbers_of)


@torch.no_grad()
def _generated(generator: Generator, seeds: NDArray[np.int_]) -> Iterator[Tensor]:
    z = latents(seeds.tolist(), generator.config)
    for part in torch.split(z, at_once(64, generator.config.size)):
        yield generator(part)


def accuracy_by_group(verdicts: Verdicts) -> list[GroupAccuracy]:
    """The groups that are large enough, those on which D is worst first."""
    right = verdicts.right
    masks = {name: mask for name, mask in verdicts.groups.items() if min(mask.sum(), (~mask).sum()) >= LEAST}
    groups = [
        GroupAccuracy(
            name, int(mask.sum()), proportion(right[mask]), proportion_difference(right[mask], right[~mask], len(masks))
        )
        for name, mask in masks.items()
    ]
    return sorted(groups, key=lambda group: group.accuracy.value)


def sentence_on_groups(groups: Sequence[GroupAccuracy]) -> str:
    """On which groups D is worse and on which it is better than on all other posters, beyond chance."""
    differing = [group for group in groups if group.differs]
    named = {
        "worse on": [group.group for group in differing if group.difference.value < 0],
        "better on": [group.group for group in differing if group.difference.value > 0],
    }
    parts = [f"{how}: {', '.join(names)}" for how, names in named.items() if names]
    if not parts:
        return "On no kind of poster is it better or worse than on the others, beyond chance."
    return f"Coloured where it differs from all other posters beyond chance: {'; '.join(parts)}."


def calibration_curve(real: Floats, generated: Floats, bins: int = BINS) -> list[CalibrationBin]:
    """How often posters are real among those that D gives about the same probability, the least probable first.

    As many real as generated posters count, evenly spaced by logit where there are more of one kind; bins hold equal
    numbers of posters.

    Raises
    ------
    ExplanationError
        If there are fewer posters of a kind than bins.
    """
    count = min(len(real), len(generated))
    if count < bins:
        raise ExplanationError(
            f"A calibration curve needs {counted(bins, 'real poster')} or more, and as many generated ones."
        )
    logits = np.concatenate([_evenly(real, count), _evenly(generated, count)])
    is_real = np.repeat([True, False], count)
    order = np.argsort(logits, kind="stable")
    probability = 0.5 * (1 + np.tanh(logits / 2))
    return [
        CalibrationBin(float(probability[part].mean()), proportion(is_real[part]), len(part))
        for part in np.array_split(order, bins)
    ]


def most_wrong(verdicts: Verdicts, count: int) -> NDArray[np.intp]:
    """Indices of the posters on which D is wrong, the firmest wrong verdict first; at most ``count``."""
    wrong = np.flatnonzero(~verdicts.right)
    sign = 1 if verdicts.real else -1
    return wrong[np.argsort(sign * verdicts.logits[wrong], kind="stable")][:count]


def memorising(training: Floats, held_out: Floats) -> Memorising:
    """Compare logits of training posters with those of posters that D never saw."""
    return Memorising(with_interval(roc_auc, training, held_out, limits=(0.0, 1.0)))


def look_at(score: Score, batches: Iterable[Tensor]) -> Looked:
    """The logits and the statistics of posters that come in batches (n, 3, H, W) in [-1, 1]."""
    parts = [measure_statistics(images, score) for images in batches]
    return Looked(torch.cat(parts).double().numpy())


def picture_groups(looked: Looked, among: Looked) -> dict[str, NDArray[np.bool_]]:
    """Which posters are dark, bright, grey and so on: see GROUPS; the quarters of ``among`` decide."""
    groups = {}
    for name, (statistic, sign) in GROUPS.items():
        column = names().index(statistic)
        values, usual = (sign * some.statistics[:, column] for some in (looked, among))
        groups[name] = np.asarray(values > np.quantile(usual, 0.75))
    return groups


def genre_groups(genres: list[str], labels: NDArray[np.int8]) -> dict[str, NDArray[np.bool_]]:
    """The posters that are known to have each genre, from ``PosterSet.genre_labels``."""
    return {genre: labels[:, column] == 1 for column, genre in enumerate(genres)}


def _evenly(logits: Floats, count: int) -> Floats:
    places = np.linspace(0, len(logits) - 1, count).round().astype(int)
    return np.asarray(np.sort(logits)[places], np.float64)
