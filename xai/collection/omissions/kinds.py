"""Which kinds of posters a generator draws too rarely, and which too often.

    found = kinds(material.extract(progress), posters, generator)
    found.text                                  # which it hardly draws, or that none differs beyond chance
    found.kinds[0].ratio                        # of the kind that is drawn most rarely, relative to real posters

A kind is a part of the real posters in one of three ways: a cluster in features that had no part in the training; a
genre or another label, estimated by a probe (:mod:`xai.collection.omissions.labels`); or a quarter of the posters in
brightness and the like, measured on the pictures. Clusters are made from training posters, so that neither the held-out
posters nor the generated ones, which are counted in them, had a part in making them: whatever the cut, the ratio is
fair. The same count of training posters is the floor: there it must be 1.

A generated poster counts to the cluster that is nearest, however far away: whether it is like those in it is another
question (precision and density in :mod:`gan.evaluation.samples.distances`).
Sharpness alone moves clusters: real posters of 64 pixels, shrunk to 48 and back, are in one of sixteen 0.6 to 1.6 times
as often as before. Of the five genres that were looked at in this way none moved beyond chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan.data.posters import PosterSet, evenly_spaced
from gan.errors import counted
from gan.evaluation.estimates import Estimate, mean_t, proportion, proportion_difference, proportion_ratio
from gan.evaluation.features import Features, Sampler, poster_batches
from gan.networks.dcgan import Generator
from gan.progress import Progress, as_one
from xai.collection.clusters import Labels, Stability, clusters, k_means, nearest_centre
from xai.collection.material import Extracted
from xai.collection.omissions.labels import ProbeSpace, probe
from xai.collection.omissions.sides import Numbers, Sides
from xai.discriminator.decisions import Looked, picture_groups
from xai.errors import ExplanationError
from xai.latents.picture_statistics import measure_statistics

KINDS = 16  # clusters; more than the most stable number, which is four broad ones
EACH = 20  # training posters a cluster, at least
AXES = 50  # principal components of the features, in which clusters are looked for
MEASURED = 4000  # training posters, and seeds, whose pictures are measured
LEAST = 50  # training posters that must be known to have a label, and not to have it
LEAST_HELD_OUT = 10  # the same of held-out posters
TELLS = 0.6  # lower end of the AUC from which a probe tells a label
HARDLY = 0.1  # ratio below which a kind is hardly drawn
EXEMPLARS = 12
LISTED = 5  # kinds in a sentence
MARKS = 3  # attributes by which a cluster is described

Bools = NDArray[np.bool_]
UNKNOWN = Estimate(np.nan, np.nan, np.nan)
STAGES = {"pictures": 0.4, "clusters": 0.4, "labels": 0.2}  # proportions of the time


@dataclass(frozen=True, eq=False)
class Kind:
    """A kind of posters, and how frequent it is.

    name : "kind 3", a label, or "dark". family : "cluster", "label" or "picture". marks : what the posters of a cluster
    are more often than others. real, generated : proportions among held-out and generated posters. ratio : how many
    times as frequent it is among generated ones; its interval holds for all kinds together; NaN where the probe cannot
    tell. floor : the same of training posters. auc : of the label's probe, on held-out posters; NaN where none is used.
    posters, seeds : examples, numbers of held-out posters and seeds.
    """

    name: str
    family: str
    marks: tuple[str, ...]
    real: Estimate
    generated: Estimate
    ratio: Estimate
    floor: Estimate
    auc: Estimate
    posters: Numbers
    seeds: Numbers

    @property
    def estimable(self) -> bool:
        """Whether its ratio could be estimated."""
        return bool(np.isfinite(self.ratio.value))

    @property
    def rare(self) -> bool:
        """Whether it is drawn too rarely, beyond chance."""
        return self.ratio.high < 1

    @property
    def frequent(self) -> bool:
        """Whether it is drawn too often, beyond chance."""
        return self.ratio.low > 1

    @property
    def differs(self) -> bool:
        return self.rare or self.frequent

    @property
    def floor_holds(self) -> bool:
        """Whether training posters are of this kind as often as held-out ones, as they must be."""
        return self.floor.low <= 1 <= self.floor.high

    @property
    def text(self) -> str:
        """In words."""
        ratio = f"{self.ratio.value:.2f} times as often ({self.ratio.low:.2f} to {self.ratio.high:.2f})"
        verdict = (
            "too rarely" if self.rare else "too often" if self.frequent else "as often as it should, as far as is seen"
        )
        shares = f"{self.real.value:.1%} of real posters, {self.generated.value:.1%} of generated ones"
        return f"{self.title}: {shares}, {ratio}: drawn {verdict}."

    @property
    def label(self) -> str:
        """The name and the first of what its posters are more often, for a chart."""
        return f"{self.name} ({self.marks[0]})" if self.marks else self.name

    @property
    def title(self) -> str:
        """The name, for clusters with what their posters are more often than others."""
        return f"{self.name} ({', '.join(self.marks)})" if self.marks else self.name


@dataclass(frozen=True, eq=False)
class Kinds:
    """All kinds, those drawn most rarely first, those that cannot be estimated last.

    held_out, training, generated : how many posters were counted in clusters. measured : seeds whose pictures were
    measured. stability : of the clusters.
    """

    kinds: tuple[Kind, ...]
    held_out: int
    training: int
    generated: int
    measured: int
    stability: Stability

    def of(self, family: str) -> tuple[Kind, ...]:
        """The kinds of a family."""
        return tuple(kind for kind in self.kinds if kind.family == family)

    @property
    def text(self) -> str:
        """In words."""
        return " ".join(self.sentences)

    @property
    def sentences(self) -> tuple[str, ...]:
        """What is drawn too rarely and too often, the floor, and what cannot be estimated."""
        parts = [
            _listed("Hardly drawn", [kind for kind in self.kinds if kind.rare and kind.ratio.value < HARDLY]),
            _listed("Drawn too rarely", [kind for kind in self.kinds if kind.rare and kind.ratio.value >= HARDLY]),
            _listed("Drawn too often", [kind for kind in self.kinds[::-1] if kind.frequent]),
        ]
        found = [part for part in parts if part] or [
            "No kind is drawn more rarely or more often than it is found among real posters, beyond chance."
        ]
        estimable = [kind for kind in self.kinds if kind.estimable]
        others = [kind.name for kind in self.kinds if not kind.estimable]
        holds = sum(kind.floor_holds for kind in estimable)
        found.append(
            f"For comparison: training posters have {holds} of {len(estimable)} kinds as often as held-out ones."
        )
        if others:
            found.append(f"Cannot be estimated, since not even real posters show it clearly: {', '.join(others)}.")
        return tuple(found)

    @property
    def clusters_text(self) -> str:
        """How far the clusters are to be believed."""
        one = self.stability
        rand = f"adjusted Rand index {one.agreement.value:.2f} ({one.agreement.low:.2f} to {one.agreement.high:.2f})"
        others = (
            f"Other halves of the posters lead to the same ones, {rand}."
            if one.stable
            else f"Other halves of the posters lead to others in part, {rand}: where one kind ends and the next begins "
            "means little, but whatever the cut, what is drawn is counted as what is real."
        )
        return f"The numbered kinds are {counted(one.clusters, 'cluster')} of training posters' features. {others}"


def _listed(drawn: str, some: Sequence[Kind]) -> str:
    each = [f"{kind.title}, {kind.ratio.value:.2f} times as often as real" for kind in some[:LISTED]]
    more = [f"and {len(some) - LISTED} more"] * (len(some) > LISTED)
    return f"{drawn}: {'; '.join(each + more)}." if some else ""


def kinds(
    extracted: Extracted,
    posters: PosterSet,
    generator: Generator,
    labels: Mapping[str, NDArray[np.int8]] | None = None,
    progress: Progress = lambda done: None,
) -> Kinds:
    """Kinds of ``posters``, whose features were extracted, among those of the seeds.

    labels : beside genres, (N,) of each poster: 1 has it, -1 has it not, 0 is not known.

    Raises
    ------
    ExplanationError
        If there are too few posters.
    """
    rows = Sides.of(posters, extracted.seeds)
    count = min(KINDS, len(rows.training) // EACH)
    if count < 2:
        raise ExplanationError(
            f"Kinds need at least {counted(2 * EACH, 'training poster')}; there are {len(rows.training)}."
        )
    stages = as_one(progress, STAGES)
    known = _genres(posters) | dict(labels or {})
    asked = {name: column for name, column in known.items() if _is_enough(column, rows)}
    groups = _measured(posters, generator, rows, partial(stages, "pictures"))
    comparisons = count + len(groups) + len(asked)
    cut = _Cut.of(extracted, count)
    stability = clusters(cut.training, (count,), progress=partial(stages, "clusters")).tried[0]
    found = [
        *cut.kinds(rows, _marks(cut.labels, groups, known, rows), comparisons),
        *(group.kind(comparisons) for group in groups),
        *_labelled(extracted, asked, rows, comparisons, partial(stages, "labels")),
    ]
    progress(1.0)
    found.sort(key=lambda kind: (not kind.estimable, kind.ratio.value if kind.estimable else -kind.auc.value))
    return Kinds(tuple(found), len(rows.held_out), len(rows.training), len(rows.seeds), len(groups[0].seeds), stability)


@dataclass(frozen=True, eq=False)
class _Group:
    """Which of some held-out, generated and training posters are of a kind; of the first two with numbers and seeds."""

    name: str
    family: str
    real: Bools
    drawn: Bools
    floor: Bools
    posters: Numbers
    seeds: Numbers

    def kind(self, comparisons: int) -> Kind:
        return Kind(
            self.name, self.family, (), proportion(self.real), proportion(self.drawn),
            proportion_ratio(self.drawn, self.real, comparisons), proportion_ratio(self.floor, self.real, comparisons),
            UNKNOWN, _some(self.posters[self.real]), _some(self.seeds[self.drawn]),
        )  # fmt: skip


def _some(numbers: Numbers) -> Numbers:
    return numbers[evenly_spaced(len(numbers), EXEMPLARS)] if len(numbers) else numbers


# ---- clusters ------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Cut:
    """Clusters of training posters, the largest first; all posters as principal components of their features."""

    centres: Features
    held_out: Features
    training: Features
    drawn: Features

    @classmethod
    def of(cls, extracted: Extracted, count: int) -> _Cut:
        from sklearn.decomposition import PCA

        axes = min(AXES, len(extracted.training) - 1, extracted.training.shape[1])
        found = PCA(axes, svd_solver="covariance_eigh").fit(extracted.training)
        sides = [
            np.asarray(found.transform(some), np.float32)
            for some in (extracted.held_out, extracted.training, extracted.drawn)
        ]
        centres = k_means(sides[1], count)
        sizes = np.bincount(nearest_centre(sides[1], centres), minlength=count)
        return cls(centres[np.argsort(-sizes, kind="stable")], *sides)

    @property
    def labels(self) -> Labels:
        """The cluster of each training poster."""
        return nearest_centre(self.training, self.centres)

    def kinds(self, rows: Sides, marks: Sequence[tuple[str, ...]], comparisons: int) -> Iterator[Kind]:
        """Each cluster as a kind; its examples are those nearest to its centre."""
        real, drawn, floor = (nearest_centre(some, self.centres) for some in (self.held_out, self.drawn, self.training))
        for cluster, centre in enumerate(self.centres):
            masks = real == cluster, drawn == cluster, floor == cluster
            group = _Group(f"kind {cluster + 1}", "cluster", *masks, rows.held_out, rows.seeds)
            posters = rows.held_out[masks[0]][_nearest(self.held_out[masks[0]], centre)]
            seeds = rows.seeds[masks[1]][_nearest(self.drawn[masks[1]], centre)]
            yield replace(group.kind(comparisons), marks=marks[cluster], posters=posters, seeds=seeds)


def _nearest(rows: Features, centre: Features) -> Numbers:
    order: Numbers = np.linalg.norm(rows - centre, axis=1).argsort(kind="stable")[:EXEMPLARS]
    return order


def _marks(
    labels: Labels, groups: Sequence[_Group], known: Mapping[str, NDArray[np.int8]], rows: Sides
) -> list[tuple[str, ...]]:
    """For each cluster of the training posters what its posters are more often than all others, most of all first."""
    measured = labels[evenly_spaced(len(labels), MEASURED)]
    attributes = [(group.name, group.floor, measured) for group in groups]
    for name, column in known.items():
        labelled = column[rows.training] != 0
        attributes.append((name, column[rows.training][labelled] == 1, labels[labelled]))
    usable = [(name, has_it, of) for name, has_it, of in attributes if len(of) and has_it.any()]
    count = int(labels.max()) + 1
    return [_marks_of(cluster, usable, count * len(usable)) for cluster in range(count)]


def _marks_of(cluster: int, attributes: Sequence[tuple[str, Bools, Labels]], comparisons: int) -> tuple[str, ...]:
    differences = {}
    for name, has_it, of in attributes:
        inside, outside = has_it[of == cluster], has_it[of != cluster]
        if len(inside) and len(outside):
            differences[name] = proportion_difference(inside, outside, comparisons)
    found = {name: one.value for name, one in differences.items() if one.low > 0}
    return tuple(sorted(found, key=lambda name: -found[name])[:MARKS])


# ---- pictures ------------------------------------------------------------------------------------------


def _measured(posters: PosterSet, generator: Generator, rows: Sides, progress: Progress) -> list[_Group]:
    """The quarters of training posters that are darkest, brightest and so on, and who else is as dark."""
    training = rows.training[evenly_spaced(len(rows.training), MEASURED)]
    seeds = rows.seeds[:MEASURED]
    count = len(training) + len(rows.held_out) + len(seeds)
    done = 0

    def measure(batches: Iterable[Tensor]) -> Looked:
        nonlocal done
        found = []
        for images in batches:
            found.append(measure_statistics(images))
            done += len(images)
            progress(done / count)
        return Looked(torch.cat(found).double().numpy())

    usual = measure(poster_batches(posters.select(training)))
    sides = (
        measure(poster_batches(posters.select(rows.held_out))),
        measure(Sampler(generator, len(seeds), int(seeds[0])).batches()),
        usual,
    )
    real, drawn, floor = (picture_groups(side, usual) for side in sides)
    return [_Group(name, "picture", real[name], drawn[name], floor[name], rows.held_out, seeds) for name in real]


# ---- labels --------------------------------------------------------------------------------------------


def _genres(posters: PosterSet) -> dict[str, NDArray[np.int8]]:
    """Labels (N,) of each genre; 0 where a poster may have more than are named: of those only some would count."""
    genres = list(posters.genre_counts())
    labels = np.where(np.asarray(posters.complete, bool)[:, None], posters.genre_labels(genres), np.int8(0))
    return dict(zip(genres, labels.T, strict=True))


def _is_enough(column: NDArray[np.int8], rows: Sides) -> bool:
    """Whether enough posters are known to have a label, and not to have it, for a probe and its test."""
    counts = [(column[side] == answer).sum() for side in (rows.training, rows.held_out) for answer in (1, -1)]
    return bool(min(counts[:2]) >= LEAST and min(counts[2:]) >= LEAST_HELD_OUT)


def _labelled(
    extracted: Extracted, labels: Mapping[str, NDArray[np.int8]], rows: Sides, comparisons: int, progress: Progress
) -> Iterator[Kind]:
    """Each label as a kind, estimated by a probe."""
    if not labels:
        return
    space = ProbeSpace.of(extracted.training)
    held_out, training, drawn = (
        space.place(some) for some in (extracted.held_out, extracted.training, extracted.drawn)
    )
    for done, (name, column) in enumerate(labels.items()):
        progress(done / len(labels))
        known, tested = (column[side] != 0 for side in (rows.training, rows.held_out))
        one = probe(training[known], column[rows.training][known] == 1)
        auc = one.auc(held_out[tested], column[rows.held_out][tested] == 1)
        tells = auc.low >= TELLS
        most = one.probabilities(drawn).argsort(kind="stable")[::-1]
        real, generated = (mean_t(one.probabilities(side)) for side in (held_out, drawn))
        ratio, floor = (one.ratio(side, held_out, comparisons) if tells else UNKNOWN for side in (drawn, training))
        yield Kind(
            name, "label", (), real, generated, ratio, floor, auc,
            posters=_some(rows.held_out[column[rows.held_out] == 1]),
            seeds=rows.seeds[most[:EXEMPLARS]] if tells else rows.seeds[:0],
        )  # fmt: skip
