"""Approximate search: nearly what the exact one finds, and which part is said; used for very many rows only."""

from __future__ import annotations

import numpy as np
import pytest

from xai.collection.similarity import approximate
from xai.collection.similarity.approximate import Approximate, is_approximate, recall, search_words
from xai.collection.similarity.neighbours import Table

ROWS, NUMBERS = 3000, 30  # 30 is no multiple of 4


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    """Around sixty centres."""
    random = np.random.default_rng(0)
    centres = 3 * random.standard_normal((60, NUMBERS))
    return (centres[random.integers(60, size=ROWS)] + random.standard_normal((ROWS, NUMBERS))).astype(np.float32)


@pytest.fixture(scope="module")
def tables(rows: np.ndarray) -> tuple[Table, Table]:
    """Exact, and approximate."""
    pytest.importorskip("faiss")
    exact = Table.of(rows)
    assert exact.approximate is None
    return exact, Table(exact.rows, exact.squared_lengths, Approximate.of(rows))


def test_nearly_all_neighbours_are_found_and_their_distances_are_exact(
    rows: np.ndarray, tables: tuple[Table, Table]
) -> None:
    exact, found = (table.search(rows[:200], 10, [[row] for row in range(200)]) for table in tables)
    part = recall(found.indices, exact.indices)
    assert part.value > 0.95
    assert part.low <= part.value <= part.high
    apart = np.linalg.norm(rows[found.indices] - rows[:200, None], axis=2)
    assert found.distances == pytest.approx(apart, abs=1e-4)
    assert not (found.indices == np.arange(200)[:, None]).any()


def test_local_scaling_is_that_of_the_exact_search(rows: np.ndarray, tables: tuple[Table, Table]) -> None:
    radii = np.random.default_rng(1).uniform(0.5, 1.5, ROWS).astype(np.float32)
    exact, found = (table.search(rows[:100], 5, [[row] for row in range(100)], radii) for table in tables)
    same = exact.indices == found.indices
    assert same.mean() > 0.8  # scaling brings rows near that are no candidates
    assert found.distances[same] == pytest.approx(exact.distances[same], rel=0.02)


def test_the_rest_of_a_list_that_is_too_short_is_infinitely_far(rows: np.ndarray, tables: tuple[Table, Table]) -> None:
    found = tables[1].search(rows[:2], 2999, [[0], [1]])
    assert np.isfinite(found.distances[:, 0]).all()
    assert np.isinf(found.distances[:, -1]).all()


def test_recall_is_the_proportion_of_the_exact_neighbours_that_are_found() -> None:
    exact = np.array([[1, 2, 3, 4], [5, 6, 7, 8]])
    assert recall(exact[:, ::-1], exact).value == 1.0
    assert recall(np.array([[1, 2, 9, 10], [8, 0, 11, 12]]), exact).value == pytest.approx(0.375)
    assert recall(exact + 100, exact).value == 0.0


def test_only_very_many_rows_are_searched_approximately_and_only_with_faiss(
    rows: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approximate, "find_spec", lambda name: object())
    assert [is_approximate(count) for count in (20_649, 499_999, 500_000)] == [False, False, True]
    assert search_words(20_649) == "20,649 posters, searched exactly"
    assert search_words(600_000) == "600,000 posters, searched approximately with faiss"
    monkeypatch.setattr(approximate, "find_spec", lambda name: None)
    monkeypatch.setattr(approximate, "FROM", 1000)
    assert Table.of(rows).approximate is None
    assert search_words(ROWS).endswith("the extra faiss is not installed")


def test_a_table_of_very_many_rows_is_arranged_by_itself(rows: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("faiss")
    monkeypatch.setattr(approximate, "FROM", 1000)
    assert Table.of(rows).approximate is not None
