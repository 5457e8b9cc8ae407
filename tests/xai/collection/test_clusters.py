"""Clusters are found where there are some, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import xai
from tests.xai.nets import one_sentence
from xai.collection import clusters as module
from xai.collection.clusters import Clusters, clusters

Rows = NDArray[np.float32]


def blobs(sizes: tuple[int, ...], columns: int = 6, apart: float = 8.0) -> tuple[Rows, NDArray[np.int64]]:
    random = np.random.default_rng(0)
    which = np.repeat(np.arange(len(sizes)), sizes)
    rows = random.standard_normal((len(which), columns)) + apart * np.eye(columns)[which]
    return rows.astype(np.float32), which


def cloud(count: int = 400, columns: int = 6, stretched: float = 1.0) -> Rows:
    rows = np.random.default_rng(1).standard_normal((count, columns)).astype(np.float32)
    rows[:, 0] *= stretched
    return rows


@pytest.fixture(scope="module")
def three() -> Clusters:
    return clusters(blobs((60, 200, 120))[0])


def test_as_many_clusters_as_there_are_blobs_are_found_the_largest_first(three: Clusters) -> None:
    _, which = blobs((60, 200, 120))
    assert len(three) == 3
    assert three.labels.tolist() == np.array([2, 0, 1])[which].tolist()
    assert three.valid.all()
    assert three.chosen.agreement.low > 0.95
    assert "3 clusters that come back" in three.text


def test_gaps_between_clusters_are_told_from_cuts_through_one_cloud(three: Clusters) -> None:
    assert three.separation.low > 1.5
    assert "with gaps between them" in three.text
    stretched = clusters(cloud(2000, stretched=12.0), counts=(2,))
    assert stretched.stable
    assert stretched.separation.value == pytest.approx(1, abs=0.15)
    assert "though without gaps" in stretched.text


def test_rows_that_had_no_part_are_labelled_as_those_beside_them(three: Clusters) -> None:
    others = 8 * np.eye(6, dtype=np.float32)[[1, 0, 2, 2]] + 0.1
    assert three.label(others).tolist() == [0, 2, 1, 1]
    assert three.label(blobs((60, 200, 120))[0]).tolist() == three.labels.tolist()


@pytest.mark.parametrize("stable", [True, False])
def test_what_was_kept_is_what_was_found(three: Clusters, tmp_path: Path, stable: bool) -> None:
    found = three if stable else clusters(cloud())
    found.save(tmp_path / "cache/clusters.npz")
    kept = Clusters.load(tmp_path / "cache/clusters.npz")
    assert kept is not None
    assert kept.text == found.text
    assert (kept.jaccard, kept.tried) == (found.jaccard, found.tried)
    assert np.array_equal(kept.labels, found.labels)
    assert np.array_equal(kept.label(cloud()), found.label(cloud()))


def test_kept_clusters_that_are_damaged_or_gone_are_none(three: Clusters, tmp_path: Path) -> None:
    path = tmp_path / "clusters.npz"
    assert Clusters.load(path) is None
    three.save(path)
    path.write_bytes(path.read_bytes()[:-100])
    assert Clusters.load(path) is None


def test_a_round_cloud_has_no_stable_clusters_and_the_answer_says_so() -> None:
    found = clusters(cloud())
    assert not found.stable
    assert (found.labels == -1).all()
    assert (found.label(cloud(5)) == -1).all()
    assert len(found.tried) == 7
    assert "No stable clusters: of 2 to 8 the best" in found.text


def test_rows_that_are_all_the_same_are_refused_in_a_sentence() -> None:
    with pytest.raises(xai.ExplanationError, match="all the same") as caught:
        clusters(np.ones((40, 3), np.float32))
    one_sentence(caught.value)


def test_few_points_taken_again_and_again_are_their_own_clusters() -> None:
    found = clusters(np.repeat(np.eye(3, dtype=np.float32), 20, 0))
    assert len(found) == 3
    assert all(one.value == 1 for one in found.jaccard)


def test_of_a_stable_number_only_the_parts_that_come_back_are_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GOOD_RAND", 0.0)
    cut = clusters(blobs((400, 60, 60))[0], counts=(4,))  # one of the three blobs is cut in two, anywhere
    assert cut.valid.tolist() == [False, False, True, True]
    assert cut.jaccard[0].high < 0.75 < cut.jaccard[3].low


def test_it_is_the_same_every_time_and_no_global_random_state_moves(three: Clusters) -> None:
    before = np.random.get_state()[1].tolist()  # type: ignore[index]
    again = clusters(blobs((60, 200, 120))[0])
    assert np.random.get_state()[1].tolist() == before  # type: ignore[index]
    assert np.array_equal(again.centres, three.centres)
    assert again.tried == three.tried


def test_too_few_rows_are_refused_in_a_sentence_and_few_have_few_clusters() -> None:
    with pytest.raises(xai.ExplanationError, match="at least 20 pictures, 10 in each; there are 12") as caught:
        clusters(cloud(12))
    one_sentence(caught.value)
    assert [one.clusters for one in clusters(blobs((20, 15))[0]).tried] == [2, 3]


def test_it_says_how_far_it_is_and_can_be_cancelled() -> None:
    seen: list[float] = []
    clusters(blobs((20, 15))[0], progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1

    def cancel(done: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        clusters(cloud(), progress=cancel)
