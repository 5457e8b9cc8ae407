"""Clusters that come back: k-means, with its number of clusters chosen by stability under resampling.

    found = clusters(rows)                      # rows (N, D) float32
    found.stable                                # whether any number of clusters comes back
    found.labels                                # (N,), the largest cluster is 0; -1 everywhere where nothing is stable
    found.label(others)                         # (M,), of rows that had no part in it
    found.valid                                 # (K,), which of the clusters come back by themselves
    found.text

k-means cuts any cloud into as many parts as it is asked for. A cut is worth a name only where another half of the rows
leads to the same cut: for each number of clusters it is fitted to random halves, every fit labels all rows, and the
labelings are compared in pairs by the adjusted Rand index (Hubert, Arabie 1985), which is 0 by chance. A number is
stable where the interval of the mean index lies above 0.8 ("good", Steinley 2004). A cluster is valid where it comes
back in the halves with a mean Jaccard index of at least 0.75 (Hennig 2007). The largest stable number is taken
(Ben-Hur, Elisseeff, Guyon 2002), if there is one the largest of which all clusters are valid.

Beside it stands a control, the same rows with every column shuffled by itself: where it is stable, too, single columns
make the clusters, and not what goes together.
That a cut is stable does not mean that there are gaps: a long cloud is cut across its length again and again, and all
the more so the larger the halves are (Ben-David, von Luxburg, Pal 2006). Hence ``separation``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan.data.posters import evenly_spaced
from gan.errors import counted
from gan.evaluation.estimates import Estimate, jackknife_pairs, mean_t
from gan.files import write_file
from gan.progress import Progress
from xai.errors import ExplanationError

Rows = NDArray[np.float32]
Labels = NDArray[np.int64]

COUNTS = tuple(range(2, 9))
GOOD_RAND = 0.8  # Steinley 2004
VALID_JACCARD = 0.75  # Hennig 2007
HALVES = 10  # random halves that k-means is fitted to
STARTS = 4  # of each fit, of which the best is kept
FITTED = 10_000  # rows of a half, fewer of small sets
COMPARED = 20_000  # rows whose labelings are compared
ROWS_EACH = 10  # at least as many rows a cluster, or it is not looked for
CLOUDS = 8  # drawn for ``separation``
GAPS = 1.1  # ``separation`` from which clusters are more than parts of one cloud
SMALLEST = 1e-9  # of a spread: rows that are the same


@dataclass(frozen=True)
class Stability:
    """How well a number of clusters comes back.

    clusters : the number. agreement : adjusted Rand index of the labelings that two random halves lead to.
    control : the same, where every column of the rows is shuffled by itself: nothing goes together any more.
    """

    clusters: int
    agreement: Estimate
    control: Estimate

    @property
    def stable(self) -> bool:
        return self.agreement.low >= GOOD_RAND


@dataclass(frozen=True, eq=False)
class Clusters:
    """K clusters of N rows, or none.

    centres : float32 (K, D). labels : int64 (N,), 0 to K - 1, the largest cluster first; -1 where K is 0.
    jaccard : K, how well each comes back. tried : one for each number of clusters that was looked for.
    separation : spread within the clusters of a Gaussian cloud of the same covariance, relative to that of these rows:
    about 1 where one cloud was cut, more where there are gaps; NaN where K is 0.
    """

    centres: Rows
    labels: Labels
    jaccard: tuple[Estimate, ...]
    tried: tuple[Stability, ...]
    separation: Estimate

    def __len__(self) -> int:
        return len(self.centres)

    @property
    def stable(self) -> bool:
        return len(self) > 0

    @property
    def valid(self) -> NDArray[np.bool_]:
        """(K,), which clusters come back by themselves."""
        return np.array([one.value >= VALID_JACCARD for one in self.jaccard], bool)

    @property
    def chosen(self) -> Stability:
        """Of the number that was taken, or, where none is stable, of the one that comes back best."""
        own = [one for one in self.tried if one.clusters == len(self)]
        return own[0] if own else max(self.tried, key=lambda one: one.agreement.value)

    def label(self, rows: Rows) -> Labels:
        """The cluster (M,) of each of other rows (M, D): that of the nearest centre; -1 where there are none."""
        return nearest_centre(rows, self.centres) if self.stable else np.full(len(rows), -1, np.int64)

    def save(self, path: Path) -> None:
        """Write all of it as an .npz file, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, Any] = {
            "centres": self.centres, "labels": self.labels, "jaccard": _numbers(*self.jaccard),
            "counts": np.array([one.clusters for one in self.tried]),
            "agreement": _numbers(*(one.agreement for one in self.tried)),
            "control": _numbers(*(one.control for one in self.tried)), "separation": _numbers(self.separation),
        }  # fmt: skip
        write_file(path, lambda file: np.savez(file, **arrays))

    @classmethod
    def load(cls, path: Path) -> Clusters | None:
        """What ``save`` wrote; None where there is no such file, or it cannot be read."""
        try:
            with np.load(path) as stored:
                arrays = {name: stored[name] for name in stored.files}
            agreement, control = _estimates(arrays["agreement"]), _estimates(arrays["control"])
            tried = tuple(map(Stability, arrays["counts"].tolist(), agreement, control))
            (separation,) = _estimates(arrays["separation"])
            return cls(arrays["centres"], arrays["labels"], _estimates(arrays["jaccard"]), tried, separation)
        except Exception:  # absent, or whatever is wrong with it
            return None

    @property
    def text(self) -> str:
        """In words."""
        best = self.chosen
        rand = f"{best.agreement.value:.2f} ({best.agreement.low:.2f} to {best.agreement.high:.2f})"
        control = f"{best.control.value:.2f} with the columns shuffled"
        if not self.stable:
            first, last = self.tried[0].clusters, self.tried[-1].clusters
            return (
                f"No stable clusters: of {first} to {last} the best, {best.clusters}, come back from other halves with "
                f"an adjusted Rand index of {rand}, against {control}."
            )
        gaps = (
            "with gaps between them" if self.separation.low > GAPS
            else "though without gaps between them: the parts of one cloud, cut at the same places each time"
        )  # fmt: skip
        return (
            f"{counted(len(self), 'cluster')} that come back from other halves with an adjusted Rand index of {rand}, "
            f"against {control}; {gaps}."
        )


def _numbers(*estimates: Estimate) -> NDArray[np.float64]:
    """(N, 3): value, low and high of each."""
    return np.array([(one.value, one.low, one.high) for one in estimates], np.float64).reshape(-1, 3)


def _estimates(numbers: NDArray[np.float64]) -> tuple[Estimate, ...]:
    return tuple(Estimate(*row) for row in numbers.tolist())


def clusters(
    rows: Rows, counts: Sequence[int] = COUNTS, seed: int = 0, progress: Progress = lambda done: None
) -> Clusters:
    """The clusters of rows (N, D); Euclidean distances. Of many columns (features), take principal components first.

    counts : numbers of clusters to look for. Those that leave fewer than ``ROWS_EACH`` rows a cluster are left out.

    Raises
    ------
    ExplanationError
        If there are too few rows for two clusters, or they are all the same.
    """
    if len(rows) < 2 * ROWS_EACH:
        raise ExplanationError(
            f"Clusters need at least {counted(2 * ROWS_EACH, 'picture')}, {ROWS_EACH} in each; there are {len(rows)}."
        )
    rows = np.ascontiguousarray(rows, np.float32)
    different = len(np.unique(_part(rows, COMPARED), axis=0))
    if different < 2:
        raise ExplanationError("Clusters need pictures that differ; these are all the same in what is compared.")
    usable = [count for count in counts if count * ROWS_EACH <= len(rows) and count <= different]
    shuffled = np.random.default_rng(seed).permuted(rows, axis=0)
    tried, labelings = [], {}
    for done, count in enumerate(usable):
        progress(done / (len(usable) + 1))
        labelings[count] = _labelings(rows, count, seed)
        control = _agreement(_labelings(shuffled, count, seed))
        tried.append(Stability(count, _agreement(labelings[count]), control))
    progress(len(usable) / (len(usable) + 1))
    stable = [one.clusters for one in reversed(tried) if one.stable]
    found = [_taken(rows, count, labelings[count], tried, seed) for count in stable]
    progress(1.0)
    return next((one for one in found if one.valid.all()), found[0] if found else _none(rows, tried))


def nearest_centre(rows: Rows, centres: Rows) -> Labels:
    """Index (N,) of the centre (K, D) that is nearest to each row (N, D)."""
    lengths = np.square(centres, dtype=np.float64).sum(1)
    found: Labels = (lengths - 2 * (rows.astype(np.float32) @ centres.T)).argmin(1)
    return found


def _none(rows: Rows, tried: Sequence[Stability]) -> Clusters:
    unknown = Estimate(np.nan, np.nan, np.nan)
    return Clusters(rows[:0], np.full(len(rows), -1, np.int64), (), tuple(tried), unknown)


def _taken(rows: Rows, count: int, labelings: list[Labels], tried: Sequence[Stability], seed: int) -> Clusters:
    """k-means of all rows, the largest cluster first, and how well each comes back in the labelings."""
    centres = k_means(_part(rows, COMPARED), count, seed)
    sizes = np.bincount(nearest_centre(rows, centres), minlength=count)
    centres = centres[np.argsort(-sizes, kind="stable")]
    labels = nearest_centre(rows, centres)
    compared = nearest_centre(_part(rows, COMPARED), centres)
    jaccard = np.array([_best_jaccard(compared, other, count) for other in labelings])
    return Clusters(
        centres,
        labels,
        tuple(_within(mean_t(column)) for column in jaccard.T),
        tuple(tried),
        _separation(_part(rows, FITTED), count, seed),
    )


def k_means(rows: Rows, count: int, seed: int = 0) -> Rows:
    """``count`` centres (K, D) of rows (N, D), whether or not they come back."""
    from sklearn.cluster import KMeans  # imports for a second
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no stubs

    with threadpool_limits(1, "openmp"):  # threads that wait for each other took eighty times as long on a busy machine
        found = KMeans(count, n_init=STARTS, random_state=seed).fit(rows)
    return np.asarray(found.cluster_centers_, np.float32)


def _halves(count: int, seed: int) -> Iterator[NDArray[np.intp]]:
    random = np.random.default_rng(seed)
    for _ in range(HALVES):
        yield np.sort(random.permutation(count)[: min(count // 2, FITTED)])


def _labelings(rows: Rows, count: int, seed: int) -> list[Labels]:
    """Of some rows of all, by k-means fitted to each random half."""
    compared = _part(rows, COMPARED)
    return [
        nearest_centre(compared, k_means(rows[half], count, seed + start))
        for start, half in enumerate(_halves(len(rows), seed))
    ]


def _agreement(labelings: Sequence[Labels]) -> Estimate:
    from sklearn.metrics import adjusted_rand_score

    matrix = np.eye(len(labelings))
    for i, one in enumerate(labelings):
        for j, other in enumerate(labelings[:i]):
            matrix[i, j] = matrix[j, i] = adjusted_rand_score(one, other)
    return jackknife_pairs(matrix)


def _best_jaccard(labels: Labels, other: Labels, count: int) -> NDArray[np.float64]:
    """Of each cluster (K,), the Jaccard index with the cluster of the other labeling that is most like it."""
    shared = np.bincount(labels * count + other, minlength=count**2).reshape(count, count)
    joined = shared.sum(1)[:, None] + shared.sum(0) - shared
    return np.asarray((shared / np.maximum(joined, 1)).max(1), np.float64)


def _separation(rows: Rows, count: int, seed: int) -> Estimate:
    """Whether the clusters are tighter than those of one Gaussian: the question of Liu, Hayes, Nobel, Marron 2008."""
    random = np.random.default_rng(seed)
    deviations = rows - rows.mean(0)
    root, own = _root(deviations), max(_spread(deviations, count, seed), SMALLEST)
    clouds = (random.standard_normal(rows.shape, np.float32) @ root for _ in range(CLOUDS))
    return mean_t(np.array([_spread(cloud, count, seed) / own for cloud in clouds]))


def _root(deviations: Rows) -> Rows:
    """R (D, D) with R'R the covariance of deviations (N, D) from their mean."""
    values, vectors = np.linalg.eigh(np.cov(deviations.T.astype(float)).reshape(deviations.shape[1], -1))
    return np.asarray(np.sqrt(np.maximum(values, 0))[:, None] * vectors.T, np.float32)


def _spread(rows: Rows, count: int, seed: int) -> float:
    """Sum of squares within the clusters relative to that of all."""
    centres = k_means(rows, count, seed)
    within = np.square(rows - centres[nearest_centre(rows, centres)], dtype=np.float64).sum()
    return float(within / max(np.square(rows - rows.mean(0), dtype=np.float64).sum(), SMALLEST))


def _part(rows: Rows, most: int) -> Rows:
    return rows[np.asarray(evenly_spaced(len(rows), min(most, len(rows))))]


def _within(estimate: Estimate) -> Estimate:
    return Estimate(estimate.value, max(estimate.low, 0.0), min(estimate.high, 1.0))
