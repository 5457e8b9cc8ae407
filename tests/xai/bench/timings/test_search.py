"""The measurement of the approximate search: what it draws, and what it says."""

from __future__ import annotations

import numpy as np
import pytest

from xai.bench.timings.search import DRAWN, Size, measure


@pytest.mark.parametrize("kind", list(DRAWN))
def test_rows_are_of_unit_length_and_the_same_for_the_same_seed(kind: str) -> None:
    rows = DRAWN[kind](np.random.default_rng(3), 900, 24)
    assert rows.shape == (900, 24)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-5)
    np.testing.assert_array_equal(rows, DRAWN[kind](np.random.default_rng(3), 900, 24))


def test_more_is_found_where_rows_have_structure_than_where_they_have_none() -> None:
    pytest.importorskip("faiss")
    clustered, uniform = (measure(kind, Size(6000, 128, 40)) for kind in DRAWN)
    assert clustered.recall.value > 0.9 > uniform.recall.value + 0.05
    assert 32 <= clustered.bytes_a_row < 70  # 128 numbers in half a byte each two, and the row's number
    assert clustered.text.startswith("6,000 clustered rows of 128: arranged in ")
    assert f"recall of 10 nearest {uniform.recall.value:.3f}" in uniform.text
