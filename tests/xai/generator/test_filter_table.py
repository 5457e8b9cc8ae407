from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xai
from tests.xai import built
from tests.xai.nets import one_sentence
from xai.generator import filter_table
from xai.generator.filter_study import FIRST_SEED, filters_table
from xai.generator.filter_table import FilterTable
from xai.generator.filter_verdicts import RULE


@pytest.fixture(scope="module")
def table() -> FilterTable:
    return filters_table(built.checkpoint(), latents=64)


def test_a_table_comes_back_as_it_was_saved(table: FilterTable, tmp_path: Path) -> None:
    table.save(tmp_path / "filters.npz")
    again = FilterTable.load(tmp_path / "filters.npz")
    assert again.rows() == table.rows()
    assert (again.digest, again.latents, again.first_seed, again.rule) == (
        "0" * 64,
        64,
        FIRST_SEED,
        RULE,
    )
    assert [path.name for path in tmp_path.iterdir()] == ["filters.npz"]


def test_rows_are_plain_values_for_a_data_frame(table: FilterTable) -> None:
    rows = table.rows()
    assert len(rows) == len(table) == 7
    json.dumps(rows)
    assert table.counts() == table.counts(built.LAYER)
    assert table.counts() == {
        "dead": 1, "constant": 1, "harmful": 1, "redundant": 2, "essential": 1, "useful": 1,
    }  # fmt: skip


def test_harmful_filters_are_counted_beside_those_of_chance(table: FilterTable) -> None:
    assert table.multiplicity == (
        "Harmful was tested 7 times, one filter at a time: 1 are; by chance alone, at most 0.035 would be."
    )
    alone = replace(table, logit_change=np.full_like(table.logit_change, np.nan))
    assert alone.multiplicity == ""


@pytest.mark.parametrize(("layer", "unit"), [("layers.2", 7), ("layers.2", -1), ("layers.9", 0)])
def test_a_filter_that_is_not_in_the_table_is_not_found(table: FilterTable, layer: str, unit: int) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        table.find(layer, unit)
    assert f"unit {unit} of {layer}" in one_sentence(caught.value)


def test_only_the_table_of_these_weights_and_this_rule_is_taken(
    table: FilterTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert FilterTable.beside(tmp_path, table.digest) is None
    table.save(tmp_path / filter_table.FILE)
    found = FilterTable.beside(tmp_path, table.digest)
    assert found is not None
    assert found.rows() == table.rows()
    assert FilterTable.beside(tmp_path, "1" * 64) is None
    monkeypatch.setattr(filter_table, "RULE", "another")
    assert FilterTable.beside(tmp_path, table.digest) is None


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def _text(path: Path) -> None:
    path.write_text("not a table")


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _another(path: Path) -> None:
    np.savez(path, record=np.frombuffer(b"{}", np.uint8))


def _uneven(path: Path) -> None:
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **arrays | {"effect": arrays["effect"][:3]})


def _of_another_kind(path: Path) -> None:
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **arrays | {"partner": arrays["partner"].astype(str)})


def _of_unknown_verdicts(path: Path) -> None:
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **arrays | {"verdict": np.full(7, "<b>")})


def _huge(path: Path) -> None:
    with np.load(path) as file:
        arrays = dict(file)
    np.savez_compressed(path, **arrays | {"effect": np.zeros(filter_table.MOST_BYTES // 4, np.float32)})


def _pickled(path: Path) -> None:
    np.save(path.with_suffix(".npy"), np.array([{}], dtype=object))
    path.with_suffix(".npy").replace(path)


@pytest.mark.parametrize(
    "damage",
    [
        _truncated,
        _text,
        _empty,
        _another,
        _uneven,
        _of_another_kind,
        _of_unknown_verdicts,
        _huge,
        _pickled,
        Path.unlink,
    ],
)
def test_a_damaged_table_is_refused(table: FilterTable, tmp_path: Path, damage: Any) -> None:
    path = tmp_path / "filters.npz"
    table.save(path)
    damage(path)
    with pytest.raises(xai.ExplanationError) as caught:
        FilterTable.load(path)
    assert "filters.npz" in str(caught.value)
    assert str(caught.value).endswith(".")


def test_a_threshold_takes_the_filters_that_its_percent_says(table: FilterTable) -> None:
    ranked = sorted(table.effect.tolist())
    assert table.effect_at(1) == ranked[0]
    assert table.effect_at(100) == ranked[-1]
    assert table.threshold_at(0) == 0
    assert table.percent_below(0.0) == 0
    for percent in (14, 29, 43, 57, 71, 86, 100):  # of 7 filters
        threshold = table.threshold_at(percent)
        assert table.effect_at(percent) < threshold <= table.effect_at(percent) + 0.011
        assert table.percent_below(threshold) >= percent - 1


def test_a_table_whose_record_is_still_called_facts_is_read(table: FilterTable, tmp_path: Path) -> None:
    table.save(tmp_path / "filters.npz")
    with np.load(tmp_path / "filters.npz") as file:
        arrays = dict(file)
    facts = arrays.pop("record").tobytes().decode()
    np.savez(tmp_path / "old.npz", facts=np.array(facts), **arrays)
    again = FilterTable.load(tmp_path / "old.npz")
    assert again.rows() == table.rows()
    assert again.digest == table.digest
