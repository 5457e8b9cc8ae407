"""The program's pictures, maps, verdicts, studies and weights are those of before, to the last bit."""

from __future__ import annotations

import json

import pytest

from tests.fixed_outputs import KEPT, digest, machine, outputs, statistics


def test_every_fixed_output_is_the_one_that_is_kept() -> None:
    kept = json.loads(KEPT.read_text())
    found = dict(outputs())
    assert list(found) == list(kept["outputs"])
    if machine() == kept["machine"]:
        assert [name for name, values in found.items() if digest(values) != kept["outputs"][name]["sha256"]] == []
    for name, values in found.items():
        expected = kept["outputs"][name]["statistics"]
        size = max(map(abs, expected), default=0.0)
        assert statistics(values) == pytest.approx(expected, rel=0.02, abs=0.02 * size), name
