from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gan.checkpoints.folder import load
from gan.evaluation.conditioning import GenreEstimates
from gan.evaluation.estimates import Estimate
from gan.evaluation.metrics import GROUPS, METRICS, in_group
from gan.evaluation.model_card import card
from gan.evaluation.report import Evaluation, read
from gan.evaluation.samples.support import BOTH, NEEDED, support
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


def test_an_evaluation_from_before_a_metric_was_added_is_shown_without_it() -> None:
    found, checkpoint = read(SHIPPED), load(SHIPPED)
    assert found is not None
    lacking = {"symmetric_precision", "symmetric_recall", "clipped_density", "clipped_coverage", "feature_variance"}
    record = found.to_json()
    for side in ("generated", "floor"):
        record[side] = {name: one for name, one in record[side].items() if name not in lacking}
    old = Evaluation.from_json(record)
    for text in ("\n".join(table(old)), card(checkpoint, old, SHIPPED)):
        assert METRICS["precision"].label in text
        assert not any(METRICS[name].label in text for name in lacking)
        assert "narrow" not in text
        assert "clipped density" not in text


def test_the_verdict_stands_below_the_figures_in_the_table_and_in_the_card() -> None:
    found, checkpoint = read(SHIPPED), load(SHIPPED)
    assert found is not None
    needed = {name: (Estimate(0.5, 0.48, 0.52), Estimate(0.9, 0.88, 0.92)) for name in NEEDED}
    generated = {**found.generated, **{name: ours for name, (ours, _) in needed.items()}}
    floor = {**found.floor, **{name: real for name, (_, real) in needed.items()}}
    told = replace(found, generated=generated, floor=floor)
    sentence = support(generated, floor)
    assert sentence.startswith(f"{BOTH}: clipped density 50% (real posters 90%)")
    assert sentence in "\n".join(table(told))
    assert f"\n\n{sentence}\n\n" in card(checkpoint, told, SHIPPED)


def test_a_card_says_which_genres_are_followed_beyond_doubt() -> None:
    found, checkpoint = read(SHIPPED), load(SHIPPED)
    assert found is not None
    assert "Requested alone" not in card(checkpoint, replace(found, genres=()), SHIPPED)
    sure, unsure = (
        GenreEstimates(genre, 1234, 250, Estimate(value, low, 2.0), Estimate(0.9, 0.8, 1.0))
        for genre, value, low in (("Horror", 0.5, 0.01), ("Western", 0.7, -0.01))
    )
    text = card(checkpoint, replace(found, genres=(sure, unsure)), SHIPPED)
    assert "Requested alone, 1 of 2 genres move posters towards the real ones" in text
    assert text.index("| Western | 70%") < text.index("| Horror |")
    assert "| 1,234 |" in text
    assert "Requested alone, 2 of 2" in card(checkpoint, replace(found, genres=(sure, sure)), SHIPPED)


@pytest.mark.parametrize("folder", sorted(SHIPPED.parent.glob("*/evaluate.json")), ids=lambda path: path.parent.name)
def test_what_is_shipped_has_no_interval_of_no_width(folder: Path) -> None:
    found = read(folder.parent)
    assert found is not None
    for group in (found.generated, found.floor, found.discriminator or {}, found.memorization, found.diversity):
        assert all(one.low <= one.value <= one.high > one.low for one in group.values())
