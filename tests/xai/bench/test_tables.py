"""How a study of localisation reads."""

from __future__ import annotations

from gan.evaluation.estimates import Estimate
from xai.bench.tables import beyond, signed


def test_intervals_above_zero_stand_out_and_minus_is_a_minus() -> None:
    assert beyond(Estimate(0.1, 0.02, 0.2)) == "**0.10 (0.02 to 0.20)**"
    assert beyond(Estimate(0.1, -0.02, 0.2)) == "0.10 (−0.02 to 0.20)"
    assert signed(-0.001) == "0.00"
