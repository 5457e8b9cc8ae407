"""Progress of stages as that of the whole job."""

from __future__ import annotations

import pytest

from gan.progress import as_one


def test_stages_follow_each_other_and_end_at_one() -> None:
    reported: list[float] = []
    update = as_one(reported.append, {"read": 0.5, "nothing": 0.0, "look": 0.3, "write": 0.2})
    for stage in ("read", "look", "write"):
        for done in (0.0, 0.5, 1.0):
            update(stage, done)
    assert reported == pytest.approx([0, 0.25, 0.5, 0.5, 0.65, 0.8, 0.8, 0.9, 1.0])


def test_a_stage_that_nobody_named_is_an_error() -> None:
    with pytest.raises(ValueError, match="sleep"):
        as_one(print, {"read": 1.0})("sleep", 0.5)
