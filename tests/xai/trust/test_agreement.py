"""Maps compared: what is equal, opposite, empty."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

import xai
from tests.xai.nets import discriminator, one_sentence, quick
from xai.trust.agreement import coarse, in_consensus, rank_correlation, similarity, top_overlap

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


@given(arrays(np.float32, (16, 24), elements=st.floats(-5, 5, width=32)), st.sampled_from([1, 2, 4, 8]))
def test_means_over_equal_cells_keep_the_mean(values: NDArray[np.float32], cells: int) -> None:
    found = coarse(values, cells)
    assert found.shape == (cells, cells)
    assert found.mean() == pytest.approx(values.mean(dtype=np.float64), abs=1e-5)


@pytest.mark.parametrize("cells", [1, 3, 5, 8, 13])
def test_a_map_that_is_the_same_everywhere_is_so_on_any_grid(cells: int) -> None:
    found = coarse(np.full((13, 17), 0.3, np.float32), cells)
    assert found.shape == (cells, cells)
    assert np.allclose(found, 0.3)
    assert math.isnan(rank_correlation(np.round(found, 6), np.arange(cells**2).reshape(cells, cells)))


def test_a_cell_is_the_mean_of_its_pixels() -> None:
    values = np.random.default_rng(0).normal(size=(16, 16)).astype(np.float32)
    assert coarse(values)[2, 5] == pytest.approx(values[4:6, 10:12].mean(), abs=1e-5)


# --- who belongs into a consensus


@dataclass
class Judged:
    verdict: str


@pytest.mark.parametrize(
    ("name", "verdict", "alone", "asked_for"),
    [
        ("deeplift", None, True, True),
        ("deeplift", "trust", True, True),
        ("deeplift", "caution", True, True),
        ("deeplift", "do not trust", False, True),
        ("deeplift", "nothing to judge", False, False),
        ("activation", None, False, False),
        ("activation", "no claim", False, False),
        ("smoothgrad", None, False, False),
        ("gradcam", None, False, False),
    ],
)
def test_a_consensus_is_of_maps_that_divide_up_the_score_and_are_not_distrusted(
    name: str, verdict: str | None, alone: bool, asked_for: bool
) -> None:
    method = quick(name, xai.Score(discriminator()))
    trust = None if verdict is None else Judged(verdict)
    assert in_consensus(method, trust) == alone
    assert in_consensus(method, trust, include_distrusted=True) == asked_for


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


@pytest.mark.parametrize("shapes", [[(16, 16), (8, 8)], [(3, 16, 16)], [(4, 4)], [(16,)]])
def test_maps_that_are_not_of_one_picture_are_refused_in_a_sentence(shapes: list[tuple[int, ...]]) -> None:
    maps = {f"map {number}": np.ones(shape, np.float32) for number, shape in enumerate(shapes)}
    with pytest.raises(xai.ExplanationError) as caught:
        xai.compare(maps)
    assert "map 0" in one_sentence(caught.value)
