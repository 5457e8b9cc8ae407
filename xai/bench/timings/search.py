"""How fast and how complete the approximate search is, measured on vectors that are drawn at random.

    for kind in DRAWN:
        print(measure(kind, Size(10**6, 512, 100)).text)

Two kinds, of unit length: around thousands of centres, in a few directions more than in others, as features of
pictures are; and without any structure, the worst case, in which the nearest row is hardly nearer than any other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from gan.errors import counted
from gan.evaluation.estimates import Estimate
from xai.collection.similarity.approximate import Approximate, recall
from xai.collection.similarity.neighbours import Table

COUNT = 10
BLOCK = 10_000
ROWS_A_CENTRE, SPREAD, DIRECTIONS = 200, 0.7, 32

Rows = NDArray[np.float32]


@dataclass(frozen=True)
class Size:
    """Of a collection that is drawn, and how many queries, drawn alike, are made."""

    rows: int
    dimensions: int
    queries: int


@dataclass(frozen=True)
class SearchFigures:
    """Processor seconds and milliseconds a query (exact and approximate), bytes a row beside the row itself."""

    kind: str
    size: Size
    build_seconds: float
    bytes_a_row: float
    exact_ms: float
    approximate_ms: float
    recall: Estimate

    @property
    def text(self) -> str:
        """In a line."""
        size, found = self.size, self.recall
        rows, queries = counted(size.rows, f"{self.kind} row"), counted(size.queries, "query", "queries")
        return (
            f"{rows} of {size.dimensions}: arranged in {self.build_seconds:.0f} processor s, {self.bytes_a_row:.0f} "
            f"bytes a row beside {4 * size.dimensions:,}; a query {self.approximate_ms:.1f} ms (exact "
            f"{self.exact_ms:.0f} ms); recall of {COUNT} nearest {found.value:.3f} ({found.low:.3f} to "
            f"{found.high:.3f}, {queries})"
        )


def measure(kind: str, size: Size, seed: int = 0) -> SearchFigures:
    """Draw rows and queries of a kind (:data:`DRAWN`), arrange the rows, and search them both ways."""
    drawn = DRAWN[kind](np.random.default_rng(seed), size.rows + size.queries, size.dimensions)
    rows, queries = drawn[: size.rows], drawn[size.rows :]
    return of_rows(kind, rows, queries)


def of_rows(kind: str, rows: Rows, queries: Rows) -> SearchFigures:
    """The same of given rows (N, D) and queries (Q, D)."""
    table = torch.from_numpy(rows)
    exact = Table(table, torch.linalg.vector_norm(table, dim=1).square_())
    with _seconds() as exactly:
        truth = exact.search(queries, COUNT)
    with _seconds() as building:
        arranged = Approximate.of(rows)
    approximate = Table(exact.rows, exact.squared_lengths, arranged)
    with _seconds() as searching:
        found = [approximate.search(query[None], COUNT).indices for query in queries]
    per_query = 1000 / len(queries)
    return SearchFigures(
        kind,
        Size(len(rows), rows.shape[1], len(queries)),
        building[0],
        arranged.bytes / len(rows),
        exactly[0] * per_query,
        searching[0] * per_query,
        recall(np.concatenate(found), truth.indices),
    )


@contextmanager
def _seconds() -> Iterator[list[float]]:
    """Processor seconds of what is inside, known after it."""
    found: list[float] = []
    start = time.process_time()
    yield found
    found.append(time.process_time() - start)


# ---- rows drawn at random --------------------------------------------------------------------------------


def clustered(random: np.random.Generator, count: int, dimensions: int) -> Rows:
    """Unit rows (N, D) around a centre for each 200 of them, spread along 32 directions, the first ones the most."""
    centres = random.standard_normal((max(1, count // ROWS_A_CENTRE), dimensions), np.float32)
    directions = random.standard_normal((DIRECTIONS, dimensions), np.float32)
    directions *= SPREAD / np.sqrt(np.arange(1, DIRECTIONS + 1, dtype=np.float32))[:, None]

    def block(size: int) -> Rows:
        along = random.standard_normal((size, DIRECTIONS), np.float32) @ directions
        return centres[random.integers(len(centres), size=size)] + along

    return _unit(block, count, dimensions)


def uniform(random: np.random.Generator, count: int, dimensions: int) -> Rows:
    """Unit rows (N, D) in all directions alike."""
    return _unit(lambda size: random.standard_normal((size, dimensions), np.float32), count, dimensions)


def _unit(draw: Callable[[int], Rows], count: int, dimensions: int) -> Rows:
    """Blocks of rows brought to unit length; no more than a block is in memory twice."""
    rows = np.empty((count, dimensions), np.float32)
    for start in range(0, count, BLOCK):
        block = draw(min(BLOCK, count - start))
        rows[start : start + BLOCK] = block / np.linalg.norm(block, axis=1, keepdims=True)
    return rows


DRAWN = {"clustered": clustered, "uniform": uniform}
