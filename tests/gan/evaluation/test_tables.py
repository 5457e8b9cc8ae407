from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gan.evaluation.conditioning import GenreEstimates
from gan.evaluation.estimates import Estimate
from gan.evaluation.metrics import GROUPS, METRICS, in_group
from gan.evaluation.report import read
from gan.evaluation.tables import adherence, genre_lines, section, table

SHIPPED = Path(__file__).parents[3] / "checkpoints/genres-64"


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.1, 0.3, "adherent: requesting it moves posters 20% of the way [10%, 30%]"),
        (-0.3, -0.1, "reversed: requesting it moves posters -20% of the way"),
        (-0.1, 0.1, "no significant effect: requesting it"),
    ],
)
def test_a_genre_is_called_adherent_only_where_its_interval_allows(low: float, high: float, words: str) -> None:
    one = GenreEstimates("Horror", 60, 500, Estimate((low + high) / 2, low, high), Estimate(1.0, 0.5, 1.5))
    assert adherence(one).startswith(words)
    [title, line, _] = genre_lines((one,))
    assert title.startswith("Genres")
    assert "60 real posters" in line


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("value", [0.0, 0.5, 123456.0])
def test_the_columns_of_a_table_are_straight_however_long_labels_and_values_are(
    group: str, value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *_ = in_group(group)
    monkeypatch.setitem(METRICS, first.name, replace(first, label="a label of " + "many " * 20 + "words"))
    found = {one.name: Estimate(value * place, -value, value) for place, one in enumerate(in_group(group), 1)}
    _, *lines, _ = section("Title", found, found)
    values = [METRICS[name].with_interval(one) for name, one in found.items()]
    assert len({line.index(f"  {amount}") for line, amount in zip(lines, values, strict=True)}) == 1
    assert len({line.index("  floor ") for line in lines}) == 1


def test_a_floor_of_fewer_posters_is_named_as_such() -> None:
    """As evaluations of version 0.1 stored it, where there were fewer training posters than generated ones."""
    equal = read(SHIPPED)
    assert equal is not None
    assert "the floor: as many training posters against" in table(equal)[1]
    assert "the floor: only 600 training posters" in table(replace(equal, training=600))[1]


@pytest.mark.parametrize("folder", sorted(SHIPPED.parent.glob("*/evaluate.json")), ids=lambda path: path.parent.name)
def test_what_is_shipped_has_no_interval_of_no_width(folder: Path) -> None:
    found = read(folder.parent)
    assert found is not None
    for group in (found.generated, found.floor, found.discriminator or {}, found.memorization, found.diversity):
        assert all(one.low <= one.value <= one.high > one.low for one in group.values())
