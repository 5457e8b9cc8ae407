from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gan.evaluation import report
from gan.evaluation.conditioning import GenreFeatures
from gan.evaluation.discriminator import Logits
from gan.evaluation.estimates import Estimate
from gan.evaluation.metrics import GROUPS, METRICS, Metric, compute, documentation, in_group, metric, ranges
from gan.evaluation.samples.distances import compare_with_intervals
from gan.evaluation.samples.diversity import diversity
from gan.evaluation.samples.memorization import Neighbours
from tests.gan.small_judge import normal

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


GENERATED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "as good as real ones": lambda real: normal(9, len(real)),
    "far from all real ones": lambda real: normal(9, len(real)) + 1000,
    "the real ones themselves": lambda real: real,
    "all the same picture": lambda real: np.repeat(real[:1], len(real), 0),
    "two pictures by turns": lambda real: np.tile(real[:2], (len(real) // 2 + 1, 1))[: len(real)],
    "all one picture far away": lambda real: np.full_like(real, 1000),
}


@pytest.mark.parametrize("count", [10, 16, 45])
@pytest.mark.parametrize("kind", GENERATED)
def test_no_metric_has_an_interval_of_no_width_or_one_beside_its_value(kind: str, count: int) -> None:
    """Whatever is compared: perfect separation, copies, and halves that agree to the last bit."""
    held_out, training = normal(1, count), normal(2, 2 * count)
    made = GENERATED[kind](held_out)
    logits = Logits(*(rows.sum(1).astype(float) for rows in (training, held_out, made, made)))
    found = {
        **compare_with_intervals(held_out, made),
        **compute("discriminator", logits),
        **compute("memorization", Neighbours.of(training, held_out, made)),
        **diversity(held_out, made, held_out, made),
        **compute("genres", GenreFeatures(made, made, normal(3, 2 * count) + 2, normal(4, 2 * count))),
    }
    assert found.keys() == METRICS.keys()
    for name, one in found.items():
        low, high = METRICS[name].limits
        assert low <= one.low <= one.value <= one.high <= high, name
        assert one.high - one.low > 1e-3 * min(1, abs(one.value) or 1), name
