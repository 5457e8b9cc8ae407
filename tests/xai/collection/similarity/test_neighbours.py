"""Neighbours: those that a search by hand finds, without the poster's copies; hubs, and fewer of them after scaling."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

from xai import ExplanationError
from xai.collection.similarity.neighbours import (
    AllNeighbours,
    Hubness,
    Occurrence,
    Table,
    all_neighbours,
    hubness,
    open_radii,
)
from xai.collection.similarity.spaces import Space


def cloud(count: int, dimensions: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, dimensions)).astype(np.float32)


def space_of(rows: np.ndarray, name: str = "colour") -> Space:
    return Space(name, "colours", "visual", rows)


def kept(folder: Any, rows: np.ndarray, groups: np.ndarray | None = None) -> AllNeighbours:
    index: Any = Rows(folder, len(rows))
    return all_neighbours(index, [space_of(rows)], np.arange(len(rows)) if groups is None else groups)["colour"]


class Rows:
    """As much of an index as is asked for."""

    def __init__(self, folder: Any, count: int) -> None:
        self.folder, self.count = folder, count

    def __len__(self) -> int:
        return self.count


@given(st.integers(2, 60), st.integers(1, 40), st.integers(0, 100))
def test_the_neighbours_are_those_that_scikit_learn_finds(count: int, dimensions: int, seed: int) -> None:
    rows, queries = cloud(count, dimensions, seed), cloud(7, dimensions, seed + 1)
    found = Table.of(rows).search(queries, 5)
    distances, _ = NearestNeighbors(n_neighbors=min(5, count)).fit(rows).kneighbors(queries)
    assert found.distances == pytest.approx(distances, abs=2e-3)
    assert np.linalg.norm(rows[found.indices] - queries[:, None], axis=2) == pytest.approx(distances, abs=2e-3)


def test_what_is_left_out_is_not_found_and_the_rest_is() -> None:
    rows = cloud(30, 4)
    found = Table.of(rows).search(rows[:2], 28, [[0, 7], [1]])
    assert set(found.indices[0].tolist()) == set(range(30)) - {0, 7}
    assert 1 not in found.indices[1]


def test_one_poster_is_too_few() -> None:
    with pytest.raises(ExplanationError, match="two pictures"):
        Table.of(cloud(1, 4)).search(cloud(1, 4), 3, [[0]])


def test_local_scaling_is_the_distance_in_units_of_both_neighbourhoods() -> None:
    rows, query = cloud(40, 3), cloud(1, 3, 5)
    radii = np.linspace(0.5, 2, 40).astype(np.float32)
    plain = np.linalg.norm(rows - query, axis=1)
    own = np.sort(plain)[:10].mean()
    expected = plain / np.sqrt(own * radii)
    found = Table.of(rows).search(query, 6, radii=radii)
    assert found.indices[0].tolist() == np.argsort(expected)[:6].tolist()
    assert found.distances[0] == pytest.approx(np.sort(expected)[:6], rel=1e-4)


def test_radii_of_the_queries_are_measured_where_they_are_not_given() -> None:
    rows = cloud(40, 3)
    alone = [[row] for row in range(40)]
    table = Table.of(rows)
    radii = table.search(rows, 10, alone).distances.mean(1)
    measured, given = table.search(rows, 6, alone, radii), table.search(rows, 6, alone, radii, radii)
    np.testing.assert_array_equal(measured.indices, given.indices)
    assert measured.distances == pytest.approx(given.distances, rel=1e-5)


def test_the_poster_itself_and_its_copies_are_no_neighbours_of_it(tmp_path: Any) -> None:
    rows = cloud(50, 6)
    rows[20] = rows[3]
    rows[41] = rows[3]
    groups = np.arange(50)
    groups[[20, 41]] = 3
    found = kept(tmp_path, rows, groups)
    for row in (3, 20, 41):
        assert not {3, 20, 41} & set(found.nearest[row].tolist())
        assert not {3, 20, 41} & set(found.scaled[row].tolist())
    assert all(row not in found.nearest[row] for row in range(50))


def test_they_are_kept_and_opened_again(tmp_path: Any) -> None:
    rows = cloud(50, 6)
    found, index = kept(tmp_path, rows), Rows(tmp_path, 50)
    again = open_radii(index)  # type: ignore[arg-type]
    assert set(again) == {"colour"}
    np.testing.assert_array_equal(again["colour"], found.radii)
    assert found.radii == pytest.approx(
        NearestNeighbors(n_neighbors=11).fit(rows).kneighbors(rows)[0][:, 1:].mean(1), abs=1e-3
    )


def test_all_the_same_picture_has_no_neighbours(tmp_path: Any) -> None:
    with pytest.raises(ExplanationError, match="two different pictures"):
        kept(tmp_path, cloud(3, 4), np.zeros(3, np.intp))


def test_many_dimensions_have_hubs_few_have_none_and_local_scaling_takes_them_away(tmp_path: Any) -> None:
    many, few = (
        hubness("a", kept(tmp_path / "many", cloud(800, 300))),
        hubness("b", kept(tmp_path / "few", cloud(800, 2))),
    )
    assert many.plain.skewness > 2
    assert many.scaled.skewness < many.plain.skewness / 2
    assert many.scaled.never < many.plain.never
    assert few.plain.skewness < 1
    assert many.text.startswith(f"There are hubs: one poster is among the 10 nearest of {many.plain.most} others")
    assert "With local scaling fewer" in many.text
    assert few.text.startswith("No hubs")


def test_the_poster_that_is_everybodys_neighbour_is_named(tmp_path: Any) -> None:
    rows = np.concatenate([np.zeros((1, 60), np.float32), 10 * np.eye(60, dtype=np.float32)])
    found = hubness("a", kept(tmp_path, rows))
    assert (found.plain.row, found.plain.most) == (0, 60)


def test_rings_in_which_every_poster_comes_up_equally_often_have_no_skewness(tmp_path: Any) -> None:
    angles = np.arange(100) * 2 * np.pi / 100
    found = hubness("a", kept(tmp_path, np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)))
    assert found.plain.never == 0
    assert found.plain.most == 10
    assert found.plain.skewness == 0


@pytest.mark.parametrize(("after", "effect"), [(0.5, "fewer"), (3.0, "no fewer")])
def test_what_local_scaling_does_to_hubs_is_said_either_way(after: float, effect: str) -> None:
    found = Hubness("a", "colours", 10, Occurrence(2.0, 90, 3, 0.1), Occurrence(after, 40, 5, 0.02))
    assert f"With local scaling {effect}: 40 others, and 2%." in found.text
