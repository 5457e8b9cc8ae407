"""The Training page has a chart for every number that a step or a validation logs."""

from __future__ import annotations

from dashboard.panels.training import CURVES, TERMS
from gan.training.step import STEP_METRICS

UNSEEN = {"skipped_d", "logit_gap"}  # of guard rails, and the difference of two lines that are drawn


def test_every_term_of_the_losses_has_a_curve() -> None:
    drawn = {key for curves in (CURVES | TERMS).values() for key in curves}
    assert set(STEP_METRICS) - UNSEEN <= drawn
    assert set(TERMS).isdisjoint(CURVES)
