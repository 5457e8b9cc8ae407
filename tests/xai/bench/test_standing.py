"""A method's standing at a detail: found beside the weights, better or worse only where that was measured."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from xai.bench.standing import LocalisationStanding, against_control, keep, standing
from xai.errors import ExplanationError

HOUSE = Path(__file__).parents[3]
CASES = 40


def study() -> dict[str, object]:
    random = np.random.default_rng(0)
    edges = random.uniform(0.2, 0.4, CASES)
    noise = random.normal(0, 0.02, CASES)
    better, worse, level = ({"rank": list(edges + shift + noise)} for shift in (0.1, -0.1, 0.0))
    measures = {"better": better, "worse": worse, "level": level, "edges": {"rank": list(edges)}}
    named = {"checkpoint": "some", "digest": "these weights", "hosts": "posters", "reference": "posters", "seed": 0}
    return {
        "settings": named | {"methods": {name: {} for name in ("better", "worse", "level")}},
        "cases": [{}] * CASES,
        "measures": measures,
    }


@pytest.mark.parametrize("name", ["better", "worse", "level"])
def test_a_method_is_compared_with_the_edge_detector(tmp_path: Path, name: str) -> None:
    keep(study(), tmp_path)
    found = standing(tmp_path, name, 1, "these weights")
    assert found is not None
    assert found.compared == name
    assert found.low <= found.value <= found.high


def test_what_was_not_measured_has_no_standing(tmp_path: Path) -> None:
    assert standing(tmp_path, "better", 1) is None
    keep(study(), tmp_path)
    assert standing(tmp_path, "better", 8) is None
    assert standing(tmp_path, "unknown", 1) is None
    assert standing(tmp_path, "edges", 1) is None
    assert standing(tmp_path, "better", 1, "other weights") is None


@pytest.mark.parametrize("content", ["", "[]", "null", '{"digest": 1, "methods": {"better": {"1": [1]}}}'])
def test_a_damaged_file_has_no_standings(tmp_path: Path, content: str) -> None:
    (tmp_path / "localisation.json").write_text(content)
    assert standing(tmp_path, "better", 1) is None


def test_a_file_of_something_else_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(ExplanationError, match=r"other\.json holds no study of localisation"):
        keep(tmp_path / "other.json", tmp_path)


def test_what_ships_with_the_checkpoint_is_what_the_documentation_says() -> None:
    """Where it fails: ``keep("docs/attribution.json", "checkpoints/dcgan-64")`` of xai.bench.standing."""
    shipped = json.loads((HOUSE / "checkpoints/dcgan-64/localisation.json").read_text())
    assert shipped == against_control(json.loads((HOUSE / "docs/attribution.json").read_text()))


def test_an_interval_that_holds_nothing_is_neither_better_nor_worse() -> None:
    assert LocalisationStanding(8, 0.1, -0.01, 0.2).compared == "level"
