"""A collection on a plane: principal components, or t-SNE; new posters are placed in it, two can be aligned.

    space = layer_spaces(index.responses)[-1]
    plane = principal_components(space.rows)            # a second for 20,000 posters
    plane.points, plane.explained                       # (N, 2), and what proportion of the variance each axis has
    plane.place(space.place(responses(score, upload)))  # (1, 2); nothing else moves
    plane = tsne(space.rows, progress)                  # a minute or two, once; the extra ``maps``
    kept = neighbourhoods(space.rows, plane.points)     # how far the plane can be believed
    aligned(plane.points, onto=other.points)            # turned, mirrored and scaled, for two maps of the same posters

t-SNE as Kobak and Berens (2019, The art of using t-SNE for single-cell transcriptomics) recommend it: it begins with
the principal components, with a learning rate of N / 12, and new rows go to the median of their nearest neighbours.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gan.data.posters import evenly_spaced
from gan.errors import counted
from gan.evaluation.estimates import Estimate, mean_t
from gan.files import cache_directory, cached_array
from gan.progress import Progress
from xai.collection.similarity.neighbours import Table
from xai.errors import ExplanationError

Rows = NDArray[np.float32]
Method = Literal["pca", "tsne"]

VERSION = 1  # of t-SNE's points in the cache; to be counted up when they are computed otherwise
AXES = 2
REDUCED = 50  # principal components that t-SNE begins with
BLOCK = 4096  # rows in double precision at once
PERPLEXITY, LARGE, EXAGGERATION = 30.0, 100 * 1000, 4.0  # exaggerated to the end from LARGE rows on
STEPS_EARLY, STEPS = 250, 500
STEP = 10  # of the optimiser, after which it reports
NEAREST = 10  # neighbours that a new row is placed between, and whose survival is counted
SAME = 1e-3  # of the typical length of a row: it is a row of the map
SAMPLE = 1000


@dataclass(frozen=True, eq=False)
class Layout:
    """N posters on a plane.

    points : (N, 2). method : "pca" or "tsne". centre : (D,); axes : (D, K), unit columns, the principal components.
    explained : (K,), the proportion of the variance of each. reduced : (N, K), rows by the principal components.
    """

    method: Method
    points: Rows
    centre: Rows
    axes: Rows
    explained: NDArray[np.float64]
    reduced: Rows

    @property
    def text(self) -> str:
        """What the plane shows and what not, in words."""
        if self.method == "pca":
            across, up = self.explained[:AXES]
            return (
                "Across and up are the two directions in which posters differ most (principal components): "
                f"{across:.0%} and {up:.0%} of the variance. The rest, {max(0.0, 1 - across - up):.0%}, cannot be seen "
                "here, so posters that differ may lie on each other."
            )
        return (
            "t-SNE puts neighbours beside each other. Its axes mean nothing; how large an island is, how dense, and "
            "how far it is from another does not say how different posters are."
        )

    def reduce(self, rows: Rows) -> Rows:
        """Other rows (M, D) by the principal components, (M, K)."""
        return np.asarray((rows - self.centre) @ self.axes, np.float32)

    def place(self, rows: Rows) -> Rows:
        """Where other rows (M, D) belong, (M, 2): their principal components, or between their nearest neighbours."""
        reduced = self.reduce(rows)
        if self.method == "pca":
            return reduced[:, :AXES]
        found = Table.of(self.reduced).search(reduced, NEAREST)
        placed = np.median(self.points[found.indices], axis=1)
        same = found.distances[:, 0] <= SAME * np.sqrt(np.square(self.reduced).sum(1).mean())
        return np.asarray(np.where(same[:, None], self.points[found.indices[:, 0]], placed), np.float32)


def principal_components(rows: Rows, count: int = AXES) -> Layout:
    """The plane of the largest variance of rows (N, D); of the further components up to ``count`` the rows are kept.

    Each axis points to where its largest weight is positive, so that the same rows give the same plane everywhere.

    Raises
    ------
    ExplanationError
        If there are fewer than three rows, or they are all the same.
    """
    if len(rows) < AXES + 1:
        raise ExplanationError(f"A map needs at least {counted(AXES + 1, 'poster')}; there are {len(rows)}.")
    if not np.ptp(rows, axis=0).any():
        raise ExplanationError("A map needs posters that differ; these are all the same in what is compared.")
    from sklearn.decomposition import PCA  # imports for a second

    found = PCA(min(max(count, AXES), *rows.shape), svd_solver="covariance_eigh").fit(rows.astype(np.float64))
    axes = found.components_.T
    axes *= np.where(axes[np.abs(axes).argmax(0), np.arange(axes.shape[1])] < 0, -1, 1)
    missing = max(0, AXES - axes.shape[1])  # of rows with a single column
    axes = np.pad(axes, [(0, 0), (0, missing)]).astype(np.float32)
    centre, explained = found.mean_.astype(np.float32), np.pad(found.explained_variance_ratio_, (0, missing))
    reduced = np.asarray((rows - centre) @ axes, np.float32)
    return Layout("pca", reduced[:, :AXES], centre, axes, explained, reduced)


def tsne(rows: Rows, progress: Progress = lambda done: None, seed: int = 0) -> Layout:
    """t-SNE (van der Maaten, Hinton 2008) of rows (N, D), by their first 50 principal components; kept in the cache.

    progress : what it raises ends the work.

    Raises
    ------
    ExplanationError
        If openTSNE is not installed and the cache has no such map; if there are fewer than a dozen rows, or they are
        all the same.
    """
    if len(rows) < 12:
        raise ExplanationError(f"t-SNE needs at least 12 posters; there are {counted(len(rows), 'poster')}.")
    plane = principal_components(rows, REDUCED)
    points = cached_array(_tsne_name(rows, seed), len(rows), lambda: _tsne_points(plane, progress, seed))
    progress(1.0)
    return Layout("tsne", points, plane.centre, plane.axes, plane.explained, plane.reduced)


def is_tsne_kept(rows: Rows, seed: int = 0) -> bool:
    """Whether t-SNE of these rows (N, D) is in the cache."""
    return (cache_directory() / f"{_tsne_name(rows, seed)}.npz").is_file()


def _tsne_name(rows: Rows, seed: int) -> str:
    digest = hashlib.sha256(np.ascontiguousarray(rows).tobytes())
    return f"tsne-v{VERSION}-{digest.hexdigest()[:24]}-{seed}"


def _tsne_points(plane: Layout, progress: Progress, seed: int) -> Rows:
    """Points (N, 2) by the rows' principal components."""
    try:
        import openTSNE
    except ImportError:
        raise ExplanationError("t-SNE needs the extra maps: pip install 'posterlens[maps]'.") from None
    count, done = len(plane.reduced), 0

    def report(*_: Any) -> bool:
        nonlocal done
        done = min(done + STEP, STEPS_EARLY + STEPS)
        progress(0.1 + 0.9 * done / (STEPS_EARLY + STEPS))
        return False

    exaggeration = EXAGGERATION if count >= LARGE else None
    progress(0.0)
    affinities = openTSNE.affinity.PerplexityBasedNN(
        plane.reduced, min(PERPLEXITY, (count - 1) / 3), random_state=seed, n_jobs=1
    )
    progress(0.1)
    begin = plane.points / plane.points[:, 0].std() * 1e-4
    found = openTSNE.TSNE(
        initialization=np.asarray(begin, np.float64), early_exaggeration_iter=STEPS_EARLY, n_iter=STEPS,
        exaggeration=exaggeration, random_state=seed, n_jobs=1, callbacks=report, callbacks_every_iters=STEP,
    ).fit(affinities=affinities)  # fmt: skip
    points: Rows = np.asarray(found, np.float32)
    return np.asarray(points - points.mean(0), np.float32)


def can_tsne() -> bool:
    """Whether openTSNE is installed."""
    from importlib.util import find_spec

    return find_spec("openTSNE") is not None


@dataclass(frozen=True)
class Neighbourhoods:
    """How much of who is near to whom survives on a plane, averaged over a sample of its posters.

    preserved : proportion of the ``nearest`` nearest posters that are among the nearest on the plane, too.
    chance : that of points without order. trustworthiness : Venna and Kaski 2001; 1 where all neighbours on the plane
    are neighbours, 0.5 or so for points without order.
    """

    preserved: Estimate
    trustworthiness: Estimate
    chance: float
    nearest: int
    sample: int

    @property
    def text(self) -> str:
        """In words."""
        kept, times = self.preserved, self.preserved.low / self.chance
        beside = "no more than by chance" if times <= 1 else f"by chance {_percent(self.chance)}"
        verdict = (
            "Near points are posters that are much alike."
            if self.trustworthiness.low >= 0.95
            else "Near points are often, but not always, posters that are alike."
            if self.trustworthiness.low >= 0.8
            else "Near points need not be posters that are alike: look at the regions, not at the neighbours."
        )
        return (
            f"Of the {counted(self.nearest, 'poster')} nearest to one, {_percent(kept.value)} are among its nearest "
            f"here ({_percent(kept.low)} to {_percent(kept.high)}; {beside}). Trustworthiness "
            f"{self.trustworthiness.value:.2f} of 1. {verdict}"
        )


def _percent(part: float) -> str:
    return f"{part:.2%}" if part < 0.01 else f"{part:.1%}" if part < 0.1 else f"{part:.0%}"


def neighbourhoods(rows: Rows, points: Rows, nearest: int = NEAREST, sample: int = SAMPLE) -> Neighbourhoods:
    """Compare the nearest of a sample of rows (N, D) with the nearest of their points (N, 2).

    Raises
    ------
    ExplanationError
        If there are too few rows.
    """
    count = len(rows)
    nearest = min(nearest, (count - 1) // 2)
    if nearest < 1:
        raise ExplanationError(f"Neighbourhoods need at least three posters; there are {count}.")
    chosen = evenly_spaced(count, min(sample, count))
    above, below = Table.of(rows), Table.of(points)
    kept, trusted = [], []
    for start in range(0, len(chosen), BLOCK // 16):
        some = np.asarray(chosen[start : start + BLOCK // 16])
        own = [[row] for row in some.tolist()]
        distances = above.distances(rows[some], own)
        near = distances.topk(nearest, 1, largest=False).indices.numpy()
        shown = below.search(points[some], nearest, own).indices
        kept.append((near[:, :, None] == shown[:, None]).any(2).mean(1))
        of_shown = np.take_along_axis(distances.numpy(), shown, 1)
        ranks = np.stack([(distances.numpy() < of_shown[:, [place]]).sum(1) + 1 for place in range(nearest)], 1)
        trusted.append((ranks - nearest).clip(0).sum(1))
    scale = 2.0 / (nearest * (2 * count - 3 * nearest - 1))
    return Neighbourhoods(
        mean_t(np.concatenate(kept)), mean_t(1 - scale * np.concatenate(trusted)), nearest / (count - 1), nearest,
        len(chosen),
    )  # fmt: skip


def middle_first(points: Rows, rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Some rows (K,) of a map, those nearest to their common middle first."""
    if not len(rows):
        return rows
    some = points[rows]
    return rows[np.argsort(np.linalg.norm(some - np.median(some, axis=0), axis=1), kind="stable")]


def aligned(points: Rows, onto: Rows, pairs: tuple[NDArray[np.intp], NDArray[np.intp]] | None = None) -> Rows:
    """Points (N, 2) turned, mirrored, scaled and shifted to lie best over other points (M, 2).

    pairs : which rows of both belong together; all in their order where it is not given. Orthogonal Procrustes
    (Schoenemann 1966): distances within the map stay in proportion.

    Raises
    ------
    ExplanationError
        If fewer than three posters are in both maps.
    """
    ours, theirs = (points, onto) if pairs is None else (points[pairs[0]], onto[pairs[1]])
    if len(ours) < 3:
        raise ExplanationError(f"Two maps need at least three posters in common; there are {len(ours)}.")
    from scipy.linalg import orthogonal_procrustes

    here, there = ours.mean(0, dtype=np.float64), theirs.mean(0, dtype=np.float64)
    rotation, scale = orthogonal_procrustes(ours - here, theirs - there)
    size = max(float(np.square(ours - here).sum()), np.finfo(float).tiny)
    return np.asarray((points - here) @ rotation * (scale / size) + there, np.float32)
