from __future__ import annotations

from pathlib import Path

import pytest

from gan.evaluation import report
from gan.evaluation.estimates import Estimate
from gan.evaluation.metrics import GROUPS, METRICS, Metric, documentation, in_group, metric, ranges

DOCS = Path(__file__).parents[3] / "docs/evaluation.md"
assert report  # fills the registry


@pytest.mark.parametrize("one", METRICS.values(), ids=list(METRICS))
def test_a_metric_describes_itself(one: Metric) -> None:
    low, high = one.limits
    assert low < high
    assert one.group in GROUPS
    assert one.label
    assert one.description
    assert isinstance(one.perfect, str | None) or low <= one.perfect <= high
    assert bool(one.title) == bool(one.plain)


def test_the_documentation_has_the_registrys_table() -> None:
    assert documentation() in DOCS.read_text()


def test_a_metric_is_added_by_one_decorated_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gan.evaluation.metrics.METRICS", dict(METRICS))

    @metric("quality", "largest value", "the largest value", limits=(0.0, 5.0), percent=False, digits=2)
    def largest(values: list[float]) -> float:
        return max(values)

    assert in_group("quality")[-1].compute([1, 3]) == 3
    assert ranges("quality")["largest"] == (0.0, 5.0)
    assert "| `largest` | the largest value |" in documentation()
    with pytest.raises(ValueError, match=r"^There are two metrics largest\.$"):
        metric("quality", "again", "again")(largest)


def test_values_are_written_with_their_unit() -> None:
    assert METRICS["precision"].with_interval(Estimate(0.5, 0.25, 1.0)) == "50.0% [25.0%, 100.0%]"
    assert METRICS["near_identical"].format(0.00123) == "0.12%"
    assert METRICS["fd_lite1"].format(78.52) == "78.5"
    assert METRICS["precision"].format(0.567, 0) == "57%"
    ideals = {name: METRICS[name].ideal for name in ("precision", "near_copies", "density", "accuracy_training")}
    assert ideals == {"precision": "the floor", "near_copies": "1 %", "density": "1", "accuracy_training": ""}
