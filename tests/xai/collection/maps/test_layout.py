"""A collection on a plane: principal components, t-SNE, what survives on it, and one map over another."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gan.evaluation.estimates import Estimate
from xai.collection.maps.layout import (
    Neighbourhoods,
    aligned,
    is_tsne_kept,
    middle_first,
    neighbourhoods,
    principal_components,
    tsne,
)
from xai.errors import ExplanationError

Rows = NDArray[np.float32]


def cloud(count: int = 200, width: int = 20, seed: int = 0) -> Rows:
    """Rows with another spread along each direction."""
    random = np.random.default_rng(seed)
    spread = np.linspace(3, 0.2, width)
    turned = np.linalg.qr(random.normal(size=(width, width)))[0]
    return np.asarray((random.normal(size=(count, width)) * spread) @ turned + 5, np.float32)


def islands(count: int = 60, seed: int = 0) -> tuple[Rows, NDArray[np.int64]]:
    """Three clouds far from each other, and which of them each row is of."""
    random = np.random.default_rng(seed)
    own = np.arange(count) % 3
    return np.asarray(random.normal(size=(count, 8)) + 30 * np.eye(8)[own], np.float32), own


def test_the_axes_are_those_of_sklearn_up_to_their_sign() -> None:
    from sklearn.decomposition import PCA

    rows = cloud()
    plane, peer = principal_components(rows), PCA(2).fit(rows)
    np.testing.assert_allclose(plane.explained, peer.explained_variance_ratio_, rtol=1e-5)
    theirs = peer.transform(rows)
    signs = np.sign((plane.points * theirs).sum(0))
    np.testing.assert_allclose(plane.points, theirs * signs, atol=1e-3)


@given(st.integers(0, 9))
def test_the_same_rows_in_another_order_give_the_same_axes(seed: int) -> None:
    rows = cloud(seed=seed)
    order = np.random.default_rng(seed).permutation(len(rows))
    np.testing.assert_allclose(
        principal_components(rows[order]).points, principal_components(rows).points[order], atol=1e-3
    )


def test_a_poster_that_is_placed_again_lands_on_itself_and_nothing_moves() -> None:
    rows = cloud()
    plane = principal_components(rows)
    before = plane.points.copy()
    np.testing.assert_allclose(plane.place(rows[:7]), plane.points[:7], atol=1e-4)
    np.testing.assert_array_equal(plane.points, before)
    wide = principal_components(rows, 5)
    assert wide.place(rows[:7]).shape == (7, 2)
    np.testing.assert_allclose(wide.reduce(rows[:7]), wide.reduced[:7], atol=1e-4)


@pytest.mark.parametrize(
    ("rows", "words"),
    [(np.zeros((2, 4), np.float32), "at least 3 posters; there are 2"), (np.ones((9, 4), np.float32), "all the same")],
)
def test_what_cannot_be_laid_out_is_one_sentence(rows: Rows, words: str) -> None:
    with pytest.raises(ExplanationError, match=words):
        principal_components(rows)


def test_a_single_column_makes_a_line() -> None:
    plane = principal_components(cloud(20, 1))
    assert plane.points.shape == (20, 2)
    assert plane.explained.tolist() == [1, 0]
    assert not plane.points[:, 1].any()


def test_tsne_keeps_islands_apart_is_the_same_each_time_and_places_new_rows_on_their_island(
    private_cache: Path,
) -> None:
    pytest.importorskip("openTSNE")
    rows, own = islands()
    done: list[float] = []
    plane = tsne(rows, done.append)
    assert done == sorted(done)
    assert done[-1] == 1.0
    assert np.isfinite(plane.points).all()
    for kept in private_cache.glob("tsne-*"):
        kept.unlink()
    np.testing.assert_array_equal(plane.points, tsne(rows).points)
    np.testing.assert_array_equal(plane.place(rows[:9]), plane.points[:9])
    more, islands_of_more = islands(30, seed=1)
    placed = plane.place(more)
    nearest = np.linalg.norm(placed[:, None] - plane.points[None], axis=2).argmin(1)
    assert (own[nearest] == islands_of_more).all()


def test_tsne_is_kept_by_what_is_laid_out_and_read_without_being_computed(
    private_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the extra has gone meanwhile; a file that is damaged is no map."""
    pytest.importorskip("openTSNE")
    rows, _ = islands()
    assert not is_tsne_kept(rows)
    plane = tsne(rows)
    assert is_tsne_kept(rows)
    assert not is_tsne_kept(rows + np.eye(*rows.shape, dtype=np.float32))
    assert not is_tsne_kept(rows, seed=1)
    monkeypatch.setitem(sys.modules, "openTSNE", None)
    np.testing.assert_array_equal(tsne(rows).points, plane.points)
    [kept] = private_cache.glob("tsne-*")
    kept.write_bytes(kept.read_bytes()[:200])
    with pytest.raises(ExplanationError, match="extra maps"):
        tsne(rows)


def test_tsne_ends_when_its_progress_says_so() -> None:
    pytest.importorskip("openTSNE")

    def stop(done: float) -> None:
        if done > 0.2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tsne(islands()[0], stop)


def test_without_opentsne_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openTSNE", None)
    with pytest.raises(ExplanationError, match=r"pip install 'posterlens\[maps\]'"):
        tsne(islands()[0])


def test_trustworthiness_is_that_of_sklearn() -> None:
    from sklearn.manifold import trustworthiness

    rows = cloud(150)
    points = principal_components(rows).points
    assert neighbourhoods(rows, points).trustworthiness.value == pytest.approx(
        trustworthiness(rows, points, n_neighbors=10), abs=1e-6
    )


def test_a_plane_that_is_a_plane_loses_nothing_and_points_without_order_keep_what_chance_keeps() -> None:
    flat = np.pad(cloud(300, 2), [(0, 0), (0, 6)])
    found = neighbourhoods(flat, principal_components(flat).points)
    assert found.preserved.value > 0.99
    assert "Near points are posters that are much alike." in found.text
    without = neighbourhoods(flat, cloud(300, 2, seed=5))
    assert without.preserved.low < without.chance < without.preserved.high
    assert "no more than by chance" in without.text
    assert "Near points need not be posters that are alike" in without.text


def test_an_upright_claim_needs_the_whole_interval() -> None:
    flat = cloud(300, 2)
    found = neighbourhoods(flat, flat, sample=100)
    assert isinstance(found, Neighbourhoods)
    assert (found.sample, found.nearest) == (100, 10)


@given(st.floats(0, 6.28), st.floats(0.1, 9), st.booleans(), st.floats(-5, 5))
def test_a_map_that_was_turned_mirrored_scaled_and_shifted_is_laid_back(
    angle: float, scale: float, mirror: bool, shift: float
) -> None:
    points = cloud(40, 2)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    moved = np.asarray(points @ turn @ np.diag([1, -1 if mirror else 1]) * scale + shift, np.float32)
    np.testing.assert_allclose(aligned(moved, points), points, atol=1e-3)


def test_maps_are_laid_over_each_other_by_the_posters_that_both_have() -> None:
    points = cloud(40, 2)
    ours, theirs = np.arange(10, 40), np.arange(30)
    moved = np.asarray(points[ours] @ np.array([[0, 1], [-1, 0]]), np.float32)
    common = np.arange(10, 30)
    pairs = common - 10, common
    np.testing.assert_allclose(aligned(moved, points[theirs], pairs), points[ours], atol=1e-3)
    with pytest.raises(ExplanationError, match="at least three posters in common; there are 2"):
        aligned(moved, points, (pairs[0][:2], pairs[1][:2]))


def test_of_a_brushed_set_those_in_its_middle_come_first() -> None:
    points = np.array([[0, 0], [9, 0], [4, 0], [5, 0], [50, 50]], np.float32)
    assert middle_first(points, np.array([0, 1, 2, 3])).tolist() in ([2, 3, 0, 1], [3, 2, 0, 1], [2, 3, 1, 0])
    assert middle_first(points, np.array([], np.intp)).tolist() == []


def test_the_words_say_what_an_axis_is_and_that_those_of_tsne_are_nothing() -> None:
    rows = cloud()
    plane = principal_components(rows)
    assert f"{plane.explained[0]:.0%} and {plane.explained[1]:.0%} of the variance" in plane.text
    assert "axes mean nothing" in replace(plane, method="tsne").text


@pytest.mark.parametrize(
    ("trusted", "kept", "words"),
    [
        (0.97, 0.5, "Near points are posters that are much alike."),
        (0.85, 0.2, "Near points are often, but not always, posters that are alike."),
        (0.6, 0.05, "look at the regions, not at the neighbours."),
    ],
)
def test_how_far_a_plane_can_be_believed_is_said_three_ways(trusted: float, kept: float, words: str) -> None:
    found = Neighbourhoods(Estimate(kept, kept, kept), Estimate(trusted, trusted, trusted), 0.01, 10, 100)
    assert found.text.endswith(words)
    assert "by chance 1.0%" in found.text


def test_a_plane_that_keeps_what_chance_keeps_says_so() -> None:
    found = Neighbourhoods(Estimate(0.01, 0.005, 0.015), Estimate(0.5, 0.45, 0.55), 0.01, 10, 100)
    assert "no more than by chance" in found.text
