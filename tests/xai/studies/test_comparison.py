"""What the tables say is counted again here, from rows and by hand, and comes out otherwise where a study does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gan
from xai.discriminator.concepts.table import NONE as NO_NAME
from xai.discriminator.concepts.table import ConceptTable
from xai.discriminator.filters.table import DiscriminatorTable
from xai.errors import ExplanationError
from xai.generator.filter_table import FilterTable
from xai.generator.pruning_curves import PruningCurves
from xai.latents.directions import CONTROL
from xai.latents.study import LatentStudy
from xai.studies.comparison import DISCRIMINATOR, GENERATOR, NONE, TABLES, Row, table
from xai.studies.listing import STUDIES, is_there

SHIPPED = Path("checkpoints/dcgan-64")
DIGEST = gan.load(SHIPPED).digest
READ = {name: STUDIES[name].read(SHIPPED, DIGEST) for name in STUDIES if name != "encoder"}


def cells(rows: tuple[Row, ...], studies: Mapping[str, Any] = READ) -> dict[str, str]:
    """What each row shows of these studies."""
    return {row.label: row.value(studies[row.study]) for row in rows}


def test_the_cells_of_a_table_are_those_of_its_checkpoints_in_their_order() -> None:
    text = table(GENERATOR, [SHIPPED, SHIPPED])
    head, rule, *lines = text.splitlines()
    assert head == "| | `dcgan-64` | `dcgan-64` |"
    assert rule == "| --- | ---: | ---: |"
    assert lines == [f"| {label} | {cell} | {cell} |" for label, cell in cells(GENERATOR).items()]


def test_filters_of_the_generator_are_counted_by_their_verdicts() -> None:
    known: FilterTable = READ["filters"]
    verdicts = np.full(len(known), "useful", dtype=known.verdict.dtype)
    verdicts[:3], verdicts[3:5], verdicts[5:9], verdicts[9:10] = "dead", "constant", "harmful", "redundant"
    effect = np.where(known.layer == "layers.2", 7, np.where(known.layer == "layers.11", 9, 8)).astype(np.float32)
    found = cells(GENERATOR, READ | {"filters": replace(known, verdict=verdicts, effect=effect)})
    assert found["filters"] == "960"
    assert found["dead or constant"] == "5"
    assert found["redundant: one other filter can replace it"] == "1"
    assert found["harmful: without it posters look more real to D"] == "4"
    assert found["essential"] == "0"
    assert found["median effect of a filter of the first layer, grey levels"] == "7.0"
    assert found["of the last layer"] == "9.0"


def test_pruning_is_by_the_ranking_of_which_most_may_go() -> None:
    curves: PruningCurves = READ["pruning"]
    point = curves.rankings["norm"][0]
    points = tuple(replace(point, share=share, parameters=int(1000 * (1 - share))) for share in (0.0, 0.1, 0.5))
    limits = {"effect": 0.1, "norm": 0.5, "random": 0.0}
    found = cells(
        GENERATOR, READ | {"pruning": replace(curves, unnoticed=limits, rankings=dict.fromkeys(limits, points))}
    )
    assert found["filters that can be pruned before `fd_lite1` shows a loss, by ranking"] == (
        "effect 10%, norm 50%, random 0%"
    )
    assert found["weights that go with them, by the best ranking"] == "50%"


def test_dimensions_and_directions_are_those_of_the_study() -> None:
    study: LatentStudy = READ["latents"]
    found = cells(GENERATOR)
    index = study.importance.picture
    assert found["largest total index of a latent dimension"].startswith(f"{max(index.value):.1%} (")
    assert (
        f"dimension {index.value.tolist().index(max(index.value))}"
        in found["largest total index of a latent dimension"]
    )
    labels = [one.label for one in study.directions.directions if one.family != CONTROL]
    assert found["directions with a label"] == f"{len(list(filter(None, labels)))} of {len(labels)}"
    assert f"warmth {labels.count('warmth')}" in found["their labels, the most frequent ones"]
    without = replace(
        study,
        directions=replace(
            study.directions, directions=tuple(replace(one, label="") for one in study.directions.directions)
        ),
    )
    found = cells(GENERATOR, READ | {"latents": without})
    assert found["directions with a label"] == f"0 of {len(labels)}"
    assert found["their labels, the most frequent ones"] == "none"


@pytest.mark.parametrize(("rows", "study"), [(GENERATOR, "generator concepts"), (DISCRIMINATOR, "concepts")])
def test_concepts_are_counted_by_name(rows: tuple[Row, ...], study: str) -> None:
    known: ConceptTable = READ[study]
    label = np.full(len(known), NO_NAME, np.int32)
    label[:6], label[6:8] = 1, 0
    changed = replace(known, label=label, controls=np.array([[3, 100], [0, 100]], np.int32))
    found = cells(rows, READ | {study: changed})
    assert found["filters with the name of a concept"] == f"8 of {len(known)} filters"
    assert found["their concepts, the most frequent ones"] == f"{known.concept[1]} 6, {known.concept[0]} 2"
    assert found["names that random weights get"].startswith("3.0% (")


def test_filters_of_the_discriminator_are_counted_by_what_they_say() -> None:
    known: DiscriminatorTable = READ["discriminator"]
    first, last = known.layer == "layers.1", known.layer == "layers.10"
    says = np.where(first, "for real", "for fake").astype(known.says.dtype)
    proportion = np.where(first, 1 / 64, 0).astype(np.float32)
    proportion[np.flatnonzero(last)[:4]] = 0.4, 0.3, 0.2, 0.1
    auc = np.full(len(known), 0.6, np.float32)
    auc[5] = 0.1
    telling = {"auc": auc, "auc_low": auc - 0.2, "auc_high": auc + 0.2}
    unused = np.arange(len(known)) < 7
    changed = replace(known, says=says, proportion=proportion, unused=unused, **telling)
    found = cells(DISCRIMINATOR, READ | {"discriminator": changed})
    assert found["first layer: filters that speak"] == "for real 64"
    assert found["last layer: filters that speak"] == "for fake 512"
    assert found["fire without being used"] == "7"
    assert found["tell real from generated on their own"] == "1 of 960 filters"
    assert found["AUC of one filter that is farthest from 0.5"] == "0.10"
    assert found["half of the first layer's contributions come from"] == "32 of 64"
    assert found["half of the last layer's contributions come from"] == "2 of 512"


def test_a_study_that_is_missing_or_of_other_weights_leaves_its_cells_empty(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in ("config.json", "generator.safetensors", "discriminator.safetensors", "pruning.json"):
        shutil.copy(SHIPPED / name, folder)
    study = json.loads((folder / "pruning.json").read_text())
    (folder / "pruning.json").write_text(json.dumps(study | {"digest": "0" * 64}))
    shutil.copy("checkpoints/whole-64/filters.npz", folder)
    for rows in TABLES.values():
        lines = table(rows, [folder]).splitlines()[2:]
        assert [line.split(" | ")[1] for line in lines] == [f"{NONE} |"] * len(rows)
    shutil.copy(SHIPPED / "filters.npz", folder)
    assert "| filters | 960 |" in table(GENERATOR, [folder])


def test_a_damaged_study_is_one_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(SHIPPED, folder, ignore=shutil.ignore_patterns("grids", "*.png"))
    (folder / "filters.npz").write_bytes(b"PK broken")
    with pytest.raises(ExplanationError, match=r"filters\.npz"):
        table(GENERATOR, [folder])


@pytest.mark.parametrize("text", ["{", "[]", "null", "\udcff"])
def test_a_pruning_study_that_is_damaged_is_as_good_as_missing(text: str, tmp_path: Path) -> None:
    (tmp_path / "pruning.json").write_bytes(text.encode(errors="surrogateescape"))
    assert STUDIES["pruning"].read(tmp_path, DIGEST) is None
    assert not is_there("pruning", tmp_path, DIGEST)
