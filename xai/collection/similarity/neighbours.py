"""Which posters are nearest to one, in a space: exact search, local scaling against hubs, and how many hubs there are.

    table = Table.of(space.rows)
    table.search(space.place(upload), count=10).indices                     # (1, 10), nearest first
    kept = all_neighbours(index, spaces, copies(posters), progress)         # of every poster, kept beside the index
    table.search(space.place(upload), 10, radii=kept["layers.4"].radii)     # with local scaling
    hubness("layers.4", kept["layers.4"]).text

In many dimensions a few rows are among the nearest of very many others, and come up as everybody's neighbours: hubs
(Radovanovic, Nanopoulos, Ivanovic 2010). Local scaling measures a distance in units of how far away the neighbours of
both posters are: d(x, y) / sqrt(r(x) r(y)) (NICDM; Schnitzer, Flexer, Schedl, Widmer 2012).

Where there are half a million rows and more, faiss names candidates, and the distances decide among these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan.errors import counted
from gan.progress import Progress
from xai.collection import rows as row_files
from xai.collection.index import Index
from xai.collection.similarity.approximate import Approximate, is_approximate
from xai.collection.similarity.spaces import Rows, Space
from xai.errors import ExplanationError

COUNT = 10  # neighbours of each poster that are kept, and whose mean distance is its radius
QUERIES = 512  # whose distances to all rows are in memory at once
CANDIDATE_QUERIES = 64  # the same, of the rows of their candidates
HUBS = 1.0  # skewness of the k-occurrence from which a collection has hubs
SMALLEST = 1e-12  # of a radius: posters that are the same

Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest rows of Q queries, nearest first.

    indices : (Q, K). distances : float32 (Q, K), Euclidean, or scaled ones where they were searched by those.
    """

    indices: Indices
    distances: Rows


@dataclass(frozen=True, eq=False)
class Table:
    """Rows (N, D) that are searched by distances to all of them, or, of very many, to candidates."""

    rows: Tensor
    squared_lengths: Tensor
    approximate: Approximate | None = None

    @classmethod
    def of(cls, rows: Rows) -> Table:
        """Rows (N, D), which are not copied where they are float32; arranging very many takes minutes."""
        array = np.require(rows, np.float32, ["C", "W"])
        table = torch.from_numpy(array)
        squared_lengths = torch.linalg.vector_norm(table, dim=1).square_()
        return cls(table, squared_lengths, Approximate.of(array) if is_approximate(len(array)) else None)

    def search(
        self,
        queries: Rows,
        count: int,
        without: Sequence[Sequence[int]] | None = None,
        radii: Rows | None = None,
        own_radii: Rows | None = None,
    ) -> Neighbours:
        """The ``count`` rows nearest to each query (Q, D); fewer where there are no more.

        without : for each query the rows that are left out, such as the poster itself and its copies.
        radii : (N,), each row's mean distance to its neighbours; with them distances are scaled locally.
        own_radii : (Q,), those of the queries; measured where not given.

        Raises
        ------
        ExplanationError
            If no row remains.
        """
        left_out = [()] * len(queries) if without is None else without
        count = min(count, len(self.rows) - max((len(set(one)) for one in left_out), default=0))
        if count < 1:
            raise ExplanationError("At least two pictures are needed to compare with.")
        scale = None if radii is None else torch.from_numpy(np.array(radii))
        if self.approximate is not None:
            return self._among_candidates(queries, count, left_out, scale, own_radii)
        found = []
        for start in range(0, len(queries), QUERIES):
            some = slice(start, start + QUERIES)
            distances = self.distances(queries[some], left_out[some])
            if scale is not None:
                own = _radii(distances) if own_radii is None else torch.from_numpy(np.array(own_radii[some]))
                distances /= (own[:, None] * scale).sqrt_().clamp_min_(SMALLEST)
            found.append(distances.topk(count, 1, largest=False))
        return Neighbours(
            torch.cat([one.indices for one in found]).numpy(), torch.cat([one.values for one in found]).numpy()
        )

    def distances(self, queries: Rows, left_out: Sequence[Sequence[int]] = ()) -> Tensor:
        """Of queries (q, D) from all rows, (q, N); infinite to what is left out."""
        block = torch.from_numpy(np.array(queries, np.float32))
        squared = torch.addmm(self.squared_lengths, block, self.rows.T, alpha=-2) + block.square().sum(1, keepdim=True)
        distances = squared.clamp_min_(0).sqrt_()
        places = [(query, row) for query, rows in enumerate(left_out) for row in rows]
        if places:
            at = torch.tensor(places).T
            distances[at[0], at[1]] = torch.inf
        return distances

    def _among_candidates(
        self,
        queries: Rows,
        count: int,
        left_out: Sequence[Sequence[int]],
        scale: Tensor | None,
        own_radii: Rows | None,
    ) -> Neighbours:
        """The same; infinitely far are the last where there are too few candidates."""
        assert self.approximate is not None  # asked by search
        wanted = max(count, COUNT) + max(map(len, left_out))
        indices, nearest = [], []
        for start in range(0, len(queries), CANDIDATE_QUERIES):
            some = slice(start, start + CANDIDATE_QUERIES)
            block = torch.from_numpy(np.array(queries[some], np.float32))
            candidates = self.approximate.candidates(block.numpy(), wanted)
            rows = candidates.clamp_min(0)
            distances = (self.rows[rows] - block[:, None]).square_().sum(2).sqrt_()
            for query, absent in enumerate(left_out[some]):
                distances[query, torch.isin(candidates[query], torch.tensor([-1, *absent]))] = torch.inf
            if scale is not None:
                own = _radii(distances) if own_radii is None else torch.from_numpy(np.array(own_radii[some]))
                distances /= (own[:, None] * scale[rows]).sqrt_().clamp_min_(SMALLEST)
            found = distances.topk(count, 1, largest=False)
            indices.append(rows.gather(1, found.indices))
            nearest.append(found.values)
        return Neighbours(torch.cat(indices).numpy(), torch.cat(nearest).numpy())


def _radii(distances: Tensor) -> Tensor:
    """Mean distance (q,) to the nearest ``COUNT`` rows, of distances (q, N)."""
    nearest = distances.topk(min(COUNT, distances.shape[1]), 1, largest=False).values
    return nearest.nan_to_num(posinf=0).sum(1) / nearest.isfinite().sum(1).clamp_min(1)


# ---- of all posters --------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class AllNeighbours:
    """Of each of N posters the nearest K others in a space, copies left out; memory-mapped.

    nearest : int32 (N, K). radii : float32 (N,), mean distance to them. scaled : int32 (N, K), by local scaling.
    """

    title: str
    nearest: NDArray[np.int32]
    radii: Rows
    scaled: NDArray[np.int32]


def all_neighbours(
    index: Index, spaces: Sequence[Space], groups: NDArray[np.intp], progress: Progress = lambda done: None
) -> dict[str, AllNeighbours]:
    """By the name of the space; computed where they are not kept beside the index.

    groups : (N,), equal for posters that are the same picture, which are no neighbours of each other.

    Raises
    ------
    ExplanationError
        If there are fewer than two pictures, or as :func:`xai.collection.rows.fill`.
    """
    members: dict[int, list[int]] = {}
    for row, group in enumerate(groups.tolist()):
        members.setdefault(group, []).append(row)
    left_out = [members[group] for group in groups.tolist()]
    fewest = len(groups) - max(map(len, left_out))
    if fewest < 1:
        raise ExplanationError("At least two different pictures are needed to compare with.")
    count = min(COUNT, fewest)
    found = {}
    for done, space in enumerate(spaces):

        def report(part: float, done: int = done) -> None:
            progress((done + part) / len(spaces))

        found[space.name] = _of_space(index, space, left_out, count, report)
    return found


def _of_space(
    index: Index, space: Space, left_out: Sequence[Sequence[int]], count: int, progress: Progress
) -> AllNeighbours:
    table, name = Table.of(space.rows), space.name

    def plain(some: slice) -> row_files.Arrays:
        found = table.search(space.rows[some], count, left_out[some])
        return {f"nearest_{name}": found.indices, f"radius_{name}": found.distances.mean(1)}

    columns = {f"nearest_{name}": row_files.Column("<i4", (count,)), f"radius_{name}": row_files.Column("<f4")}
    nearest, radii = _filled(index, f"neighbours_{name}", columns, plain, lambda done: progress(done / 2))

    def scaled(some: slice) -> row_files.Arrays:
        return {f"scaled_{name}": table.search(space.rows[some], count, left_out[some], radii, radii[some]).indices}

    columns = {f"scaled_{name}": row_files.Column("<i4", (count,))}
    (by_scaling,) = _filled(index, f"scaled_neighbours_{name}", columns, scaled, lambda done: progress((1 + done) / 2))
    return AllNeighbours(space.title, nearest, radii, by_scaling)


def _filled(
    index: Index, name: str, columns: dict[str, row_files.Column], compute: row_files.Compute, progress: Progress
) -> list[NDArray[Any]]:
    group = row_files.Group(index.folder, name, row_files.Plan(columns, len(index), 4 * QUERIES))
    row_files.fill(group, compute, {}, progress)
    return [group.mapped(column) for column in columns]


def open_radii(index: Index) -> dict[str, Rows]:
    """Each poster's mean distance to its neighbours, by the space's name, as far as they are kept beside the index."""
    found = {}
    for record in index.folder.glob("neighbours_*.json"):
        name = record.stem.removeprefix("neighbours_")
        stored = row_files.read(index.folder, record.stem)
        if stored is not None:
            found[name] = np.array(stored.arrays[f"radius_{name}"])
    return found


# ---- hubs ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Occurrence:
    """How often posters are among the nearest of others.

    skewness : of that number; 0 where all come up equally often. most : the largest number. row : whose it is.
    never : proportion of posters that are nobody's neighbour.
    """

    skewness: float
    most: int
    row: int
    never: float


@dataclass(frozen=True)
class Hubness:
    """Of all posters of a collection in a space, without and with local scaling; ``count`` neighbours each."""

    space: str
    title: str
    count: int
    plain: Occurrence
    scaled: Occurrence

    @property
    def text(self) -> str:
        """In words."""
        if self.plain.skewness <= HUBS:
            most = counted(self.plain.most, "other")
            return f"No hubs: no poster is among the {self.count} nearest of more than {most}."
        effect = "fewer" if self.scaled.skewness < self.plain.skewness else "no fewer"
        return (
            f"There are hubs: one poster is among the {self.count} nearest of {counted(self.plain.most, 'other')}, and "
            f"{self.plain.never:.0%} of the posters are nobody's neighbour. With local scaling {effect}: "
            f"{counted(self.scaled.most, 'other')}, and {self.scaled.never:.0%}."
        )


def hubness(space: str, found: AllNeighbours) -> Hubness:
    """Of the neighbours of all posters (Radovanovic, Nanopoulos, Ivanovic 2010)."""
    return Hubness(space, found.title, found.nearest.shape[1], _occurrence(found.nearest), _occurrence(found.scaled))


def _occurrence(neighbours: NDArray[np.int32]) -> Occurrence:
    from scipy.stats import skew  # imports for a second

    counts = np.bincount(np.asarray(neighbours).ravel(), minlength=len(neighbours))
    same = np.ptp(counts) == 0
    return Occurrence(
        0.0 if same else float(skew(counts)), int(counts.max()), int(counts.argmax()), float((counts == 0).mean())
    )
