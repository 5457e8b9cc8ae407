"""What pruning costs, as it is kept beside the weights: read as it was written, or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import gan
from xai.generator.pruning_curves import FILE, RULE, Point, PruningCurves

DIGEST = "d" * 64


def point(share: float, parameters: int) -> Point:
    return Point(**{one.name: share for one in fields(Point)} | {"parameters": parameters, "multiply_adds": 7})


def curves() -> PruningCurves:
    rankings = {name: (point(0.0, 100), point(0.5, 60)) for name in ("effect", "norm")}
    limits = {"effect": 0.0, "norm": 0.5}
    return PruningCurves(DIGEST, 8, 20, "training", "posters.zip", 3, True, RULE, limits, rankings)


def test_they_are_read_as_they_were_written(tmp_path: Path) -> None:
    curves().write(tmp_path / FILE)
    assert PruningCurves.beside(tmp_path, DIGEST) == curves()


def test_there_are_none_in_an_empty_folder_or_of_other_weights(tmp_path: Path) -> None:
    assert PruningCurves.beside(tmp_path, DIGEST) is None
    curves().write(tmp_path / FILE)
    assert PruningCurves.beside(tmp_path, "e" * 64) is None


def test_the_best_ranking_is_the_one_by_which_most_can_go() -> None:
    assert curves().best == "norm"


def test_a_study_of_before_origins_were_kept_is_read() -> None:
    found = PruningCurves.beside("checkpoints/dcgan-64", gan.load("checkpoints/dcgan-64").digest)
    assert found is not None
    assert (found.origin, found.source, found.unnoticed["effect"]) == ("", "", 0.3)


DAMAGES: dict[str, Callable[[Any], Any]] = {
    "a list": lambda record: [record],
    "null": lambda record: None,
    "without points": lambda record: record | {"rankings": {"effect": []}},
    "without rankings": lambda record: record | {"rankings": {}},
    "a ranking that there is not": lambda record: record | {"rankings": {"luck": record["rankings"]["norm"]}},
    "points that are numbers": lambda record: record | {"rankings": {"effect": [1]}},
    "rankings in a list": lambda record: record | {"rankings": ["effect"]},
    "a point that lacks a field": lambda record: record | {"rankings": {"effect": [{"share": 0.1}]}},
    "a field that is a text": lambda record: _with(record, quality="good"),
    "a field that is not a number": lambda record: _with(record, worse_low=float("nan")),
    "a field that is infinite": lambda record: _with(record, milliseconds=float("inf")),
    "a number too large": lambda record: _with(record, parameters=10**400),
    "nothing unnoticed": lambda record: record | {"unnoticed": {}},
    "a proportion that was not measured": lambda record: record | {"unnoticed": {"effect": 0.4, "norm": 0.0}},
    "without the whole generator": lambda record: _with(record, share=0.5),
    "no count": lambda record: record | {"samples": None},
}


def _with(record: dict[str, Any], **changed: Any) -> dict[str, Any]:
    return record | {"rankings": {"effect": [record["rankings"]["effect"][0] | changed]}}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_ones_are_as_good_as_missing(damage: str, tmp_path: Path) -> None:
    curves().write(tmp_path / FILE)
    record = json.loads((tmp_path / FILE).read_text())
    (tmp_path / FILE).write_text(json.dumps(DAMAGES[damage](record)))
    assert PruningCurves.beside(tmp_path, DIGEST) is None
    (tmp_path / FILE).write_text(json.dumps(record))
    assert PruningCurves.beside(tmp_path, DIGEST) == curves()
