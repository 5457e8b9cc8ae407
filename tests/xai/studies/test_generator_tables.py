"""The documentation's tables of one generator hold what its studies hold, and come out otherwise where these do."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import gan
from xai.generator.filter_table import FilterTable
from xai.generator.pruning_curves import PruningCurves
from xai.studies.generator_tables import NONE, TABLES

SHIPPED = Path("checkpoints/dcgan-64")
DIGEST = gan.load(SHIPPED).digest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The same networks, without studies."""
    for name in ("config.json", "generator.safetensors", "discriminator.safetensors"):
        shutil.copy(SHIPPED / name, tmp_path)
    return tmp_path


def known_filters() -> FilterTable:
    found = FilterTable.beside(SHIPPED, DIGEST)
    assert found is not None
    return found


def known_curves() -> PruningCurves:
    found = PruningCurves.beside(SHIPPED, DIGEST)
    assert found is not None
    return found


def lines(text: str) -> dict[str, list[str]]:
    """The cells of each line of a table, by its first one."""
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]
    return {first: rest for first, *rest in rows}


@pytest.mark.parametrize("name", sorted(TABLES))
def test_what_is_missing_or_of_other_weights_is_a_dash(name: str, folder: Path) -> None:
    assert TABLES[name](folder) == NONE
    for file in ("filters.npz", "pruning.json", "latents.npz"):
        shutil.copy(f"checkpoints/whole-64/{file}", folder)
    assert TABLES[name](folder) == NONE


def test_filters_are_counted_by_layer_with_their_effects(folder: Path) -> None:
    table = known_filters()
    first = table.layer == "layers.2"
    verdict = np.full(len(table), "useful", table.verdict.dtype)
    verdict[:5], verdict[-2:] = "dead", "harmful"
    logit_change = np.zeros(len(table), np.float32)
    logit_change[-2:] = 0.5, 0.25
    active = np.full(len(table), 0.5, np.float32)
    active[600] = 0.03
    changed = replace(
        table,
        verdict=verdict,
        effect=np.where(first, 2, 8).astype(np.float32) + 12 * (np.arange(len(table)) == 7),
        replaced=np.where(first, 1, 6).astype(np.float32),
        logit_change=logit_change,
        active=active,
    )
    changed.save(folder / "filters.npz")
    text = TABLES["filters by layer"](folder)
    assert lines(text)["`layers.2`, 4 x 4"] == ["512", "5", "0", "0", "0", "0", "507", "2.00", "0.50"]
    assert lines(text)["`layers.11`, 32 x 32"] == ["64", "0", "0", "2", "0", "0", "62", "8.00", "0.75"]
    assert "The strongest filter is 7 of `layers.2`: without it the poster changes by 14 grey levels." in text
    assert (
        f"The least active one, {table.unit[600]} of `{table.layer[600]}`, is above 0 at 3% of all positions." in text
    )
    assert "one filter at a time: 2 are" in text
    assert "The logit rises by at most 0.50 without one of them." in text


def test_losses_are_those_of_every_ranking_at_every_proportion(folder: Path) -> None:
    curves = known_curves()
    whole = replace(curves.rankings["norm"][0], quality=50.0)
    points = (whole, replace(whole, share=0.25, worse=2.0, worse_low=-1.0, worse_high=5.04))
    replace(curves, unnoticed={"effect": 0.25, "norm": 0.0}, rankings=dict.fromkeys(("effect", "norm"), points)).write(
        folder / "pruning.json"
    )
    text = TABLES["pruning losses"](folder)
    assert lines(text)["pruned"] == ["effect", "norm"]
    assert lines(text)["25%"] == ["+2.0 (-1.0 to +5.0)"] * 2
    assert lines(text)["**no measurable loss up to**"] == ["**25%**", "**0%**"]
    assert "of the whole generator 50.0; of random rankings the mean of 3." in text


def test_savings_are_of_the_ranking_by_which_most_may_go(folder: Path) -> None:
    curves = known_curves()
    whole = replace(curves.rankings["norm"][0], parameters=1000, multiply_adds=400)
    point = replace(
        whole, share=0.1, parameters=250, multiply_adds=300, change=0.1,
        diversity=0.9, diversity_low=0.8, diversity_high=1.0,
    )  # fmt: skip
    shares = {"effect": 0.0, "norm": 0.1}
    replace(curves, unnoticed=shares, rankings=dict.fromkeys(shares, (whole, point))).write(folder / "pruning.json")
    text = TABLES["pruning savings"](folder)
    assert lines(text)["pruned by norm"][:2] == ["weights", "multiply-adds"]
    assert lines(text)["10%"] == ["-75%", "-25%", "12.8", "0.90 (0.80 to 1.00)"]
    assert "Of the filters that go at 10% are by norm" in text


def test_where_the_filters_go_is_counted_by_their_effects(folder: Path) -> None:
    curves, table = known_curves(), known_filters()
    effect = np.full(len(table), 5, np.float32)
    effect[table.layer == "layers.8"] = 1  # 128 of 960 filters
    replace(table, effect=effect).save(folder / "filters.npz")
    whole = curves.rankings["norm"][0]
    rankings = {"effect": (whole, replace(whole, share=0.1))}
    replace(curves, unnoticed={"effect": 0.1}, rankings=rankings).write(folder / "pruning.json")
    assert TABLES["pruning savings"](folder).endswith("Of the filters that go at 10% are by effect 96 of `layers.8`.")


def test_latents_are_as_the_study_prints_them() -> None:
    text = TABLES["latents"](SHIPPED)
    assert text.startswith("```text\ndimension 81: 6.6% of the variance")
    assert "warmth" in text
