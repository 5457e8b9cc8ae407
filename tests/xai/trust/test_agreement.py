"""Maps compared: what is equal, opposite, empty."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

import xai
from xai.trust.agreement import coarse, rank_correlation, similarity, top_overlap

small_maps = arrays(np.float64, (8, 8), elements=st.floats(-5, 5))


@given(small_maps)
@settings(deadline=None)
def test_a_map_agrees_with_itself(values: NDArray[np.float64]) -> None:
    if np.ptp(values) > 1e-6:
        assert rank_correlation(values, values) == pytest.approx(1)
        assert rank_correlation(values, -values) == pytest.approx(-1)
    assert top_overlap(values, values) == 1
    assert similarity(values, values) == pytest.approx(1)


def test_a_map_that_is_the_same_everywhere_has_no_order() -> None:
    assert math.isnan(rank_correlation(np.zeros((8, 8)), np.arange(64.0).reshape(8, 8)))


def test_the_strongest_places_are_found_by_size_whatever_their_sign() -> None:
    one, other = np.zeros((8, 8)), np.zeros((8, 8))
    one[0, :6], other[0, 3:6], other[1, :3] = -5, 5, -5
    assert top_overlap(one, other) == pytest.approx(0.5)  # six places each, three in common


@given(arrays(np.float32, (13, 17), elements=st.floats(-5, 5, width=32)), st.integers(1, 13))
@settings(deadline=None)
def test_coarse_maps_keep_the_sum(values: NDArray[np.float32], cells: int) -> None:
    found = coarse(values, cells)
    assert found.shape == (cells, cells)
    assert found.sum() == pytest.approx(values.sum(dtype=np.float64), abs=1e-4)


def test_a_tile_is_the_sum_of_its_pixels() -> None:
    values = np.random.default_rng(0).normal(size=(16, 16)).astype(np.float32)
    assert coarse(values)[2, 5] == pytest.approx(values[4:6, 10:12].sum(), abs=1e-5)


def test_equal_maps_have_a_consensus_and_no_disagreement() -> None:
    values = np.random.default_rng(0).normal(size=(16, 16)).astype(np.float32)
    found = xai.compare({"one": values, "twice": 2 * values})
    assert np.allclose(found.rank, 1)
    assert np.allclose(found.overlap, 1)
    assert np.allclose(found.ssim, 1)
    assert np.allclose(found.disagreement, 0)
    assert (found.consensus**2).mean() == pytest.approx(1)


def test_opposite_maps_have_no_consensus() -> None:
    values = np.random.default_rng(0).normal(size=(16, 16)).astype(np.float32)
    found = xai.compare({"one": values, "turned": -values, "empty": 0 * values})
    assert np.allclose(found.consensus, 0)
    assert found.rank[0, 1] == pytest.approx(-1)
    assert math.isnan(found.rank[0, 2])


def test_nothing_cannot_be_compared() -> None:
    with pytest.raises(xai.ExplanationError):
        xai.compare({})
