"""Where a map is strong is said as one would say it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from xai.collection.strategies.places import where

SQUARE, OBLONG = (8, 8), (12, 8)


def lit(shape: tuple[int, int], rows: slice, columns: slice) -> NDArray[np.float64]:
    values = np.zeros(shape)
    values[rows, columns] = 1
    return values


@pytest.mark.parametrize("shape", [SQUARE, OBLONG])
@pytest.mark.parametrize(
    ("rows", "columns", "name"),
    [
        (slice(-2, None), slice(2), "the bottom left corner"),
        (slice(2), slice(-2, None), "the top right corner"),
        (slice(None), slice(2), "the left edge"),
        (slice(-2, None), slice(None), "the bottom edge"),
        (slice(3, 5), slice(3, 5), "the centre"),
        (slice(4), slice(None), "the top half"),
        (slice(None), slice(None), "the whole picture, evenly"),
    ],
)
def test_a_place_is_named(shape: tuple[int, int], rows: slice, columns: slice, name: str) -> None:
    if name == "the centre":
        rows = slice(shape[0] // 2 - 1, shape[0] // 2 + 1)
    if name == "the top half":
        rows = slice(shape[0] // 2)
    values = lit(shape, rows, columns)
    for sign in (-1, 1):
        found = where(sign * values, sign)
        assert found is not None
        assert found.name == name
        assert found.proportion == 1


def test_a_ring_is_the_edges_and_single_cells_are_all_over_the_picture() -> None:
    ring = 1 - lit(SQUARE, slice(1, -1), slice(1, -1))
    scattered = lit(SQUARE, slice(0, 8, 4), slice(1, 8, 5)) + lit(SQUARE, slice(3, 8, 4), slice(1, 8, 5))
    names = [found.name for found in (where(ring, 1), where(scattered, 1)) if found is not None]
    assert names == ["the edges", "places all over the picture"]


def test_what_is_of_the_other_sign_does_not_count() -> None:
    values = lit(SQUARE, slice(2), slice(2)) - 5 * lit(SQUARE, slice(-2, None), slice(-2, None))
    names = [found.name for found in (where(values, 1), where(values, -1)) if found is not None]
    assert names == ["the top left corner", "the bottom right corner"]
    assert where(np.zeros(SQUARE), 1) is None
    assert where(np.ones(SQUARE), -1) is None


def test_noise_around_a_place_does_not_hide_it() -> None:
    noise = np.random.default_rng(0).standard_normal(SQUARE) * 0.02
    found = where(noise - lit(SQUARE, slice(-3, None), slice(3)), -1)
    assert found is not None
    assert found.name == "the bottom left corner"
    assert 0.6 < found.proportion < 1
    assert found.area == pytest.approx(9 / 64)
