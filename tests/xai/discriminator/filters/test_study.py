"""The study of D's filters and its table, on a network whose filters are known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import gan
import xai
from tests.xai.discriminator.judges import (
    BLAMES,
    EITHER,
    GREEN_CORNER,
    IGNORED,
    LAYER,
    PRAISES,
    REFERENCE,
    SILENT,
    judge,
    patches,
)
from tests.xai.nets import given_discriminator, given_generator
from xai.discriminator.filters import table as filter_table
from xai.discriminator.filters.exemplars import KINDS
from xai.discriminator.filters.study import Explained, discriminator_table, measured, study
from xai.discriminator.filters.table import DiscriminatorTable
from xai.discriminator.receptive_field import receptive_fields

REAL, GENERATED = patches(90, 0.6, 0), patches(60, 0.3, 1)
REAL[17], GENERATED[5] = -1.0, -1.0
REAL[17, 1, :4, :4] = GENERATED[5, 1, 4:, 4:] = 1.0  # green, in the corner and elsewhere
HELD_OUT = np.arange(90) % 2 == 0
POSTERS = {"posters": 90, "sha256_of_names": "abc"}
SEEDS = np.arange(60) + 5_000


@pytest.fixture(scope="module")
def table() -> DiscriminatorTable:
    by = Explained(xai.Score(judge()), REFERENCE, "a black picture", "0" * 64)
    real = measured(by, lambda rows: REAL[torch.from_numpy(rows)], np.arange(90))
    generated = measured(by, lambda rows: GENERATED[torch.from_numpy(rows)], SEEDS)
    return discriminator_table(by, real, generated, HELD_OUT, POSTERS)


def test_every_filter_is_in_the_table_with_what_it_was_built_for(table: DiscriminatorTable) -> None:
    assert [table.find(LAYER, unit)["says"] for unit in (PRAISES, BLAMES, EITHER, SILENT)] == [
        "for real", "for fake", "it depends", "silent",
    ]  # fmt: skip
    ignored = table.find(LAYER, IGNORED)
    assert (ignored["unused"], ignored["activation_rank"], ignored["proportion"]) == (True, 1, 0)
    assert table.counts() == table.counts(LAYER)
    assert sum(table.counts().values()) == len(table) == 7
    assert table.summary() == "layers.1: 2 for real, 1 for fake, 3 it depends, 1 silent; 2 not used"


def test_evidence_is_of_held_out_posters_and_exemplars_are_of_all(table: DiscriminatorTable) -> None:
    assert (table.real, table.held_out, table.generated, table.first_seed) == (90, 45, 60, 5_000)
    assert table.real_counts.sum(1).tolist() == [45] * 7
    assert table.generated_counts.sum(1).tolist() == [60] * 7
    assert not HELD_OUT[17]
    assert table.picks("strongest").rows[GREEN_CORNER][0] == 17


def test_generated_posters_are_named_by_their_seeds(table: DiscriminatorTable) -> None:
    assert table.picks("strongest", generated=True).rows[GREEN_CORNER][0] == 5_005
    shown = table.picks("strongest", generated=True).rows
    assert set(shown.flat) <= {-1, *SEEDS}


def test_the_place_of_a_contribution_is_where_it_was_made(table: DiscriminatorTable) -> None:
    fields = receptive_fields(xai.Score(judge()), LAYER)
    first = table.picks("mattered").of(GREEN_CORNER, fields)[0]
    assert (first.row, first.place) == (17, (0, 0))
    assert first.value > 0.05
    assert table.picks("against").values[BLAMES][0] < 0
    assert not (table.picks("mattered").rows[IGNORED] >= 0).any()


def test_rows_are_plain_single_values_for_a_data_frame(table: DiscriminatorTable) -> None:
    rows = table.rows()
    json.dumps(rows)
    assert len(rows) == 7
    assert not any(isinstance(value, list) for value in rows[0].values())
    assert {"layer", "unit", "auc", "auc_low", "says", "logit_effect_high", "proportion", "unused", "silent"} <= set(
        rows[0]
    )
    assert not any(isinstance(value, float) and not np.isfinite(value) for row in rows for value in row.values())


def test_a_table_comes_back_as_it_was_saved(table: DiscriminatorTable, tmp_path: Path) -> None:
    table.save(tmp_path / filter_table.FILE)
    again = DiscriminatorTable.load(tmp_path / filter_table.FILE)
    assert again.rows() == table.rows()
    assert (again.posters, again.reference, again.rules) == (POSTERS, "a black picture", filter_table.RULES)
    for kind in KINDS:
        assert (again.picks(kind).rows == table.picks(kind).rows).all()


def test_a_histogram_holds_all_posters_between_the_least_and_the_greatest_response(table: DiscriminatorTable) -> None:
    for row in table.rows():
        found = table.histogram(row["layer"], row["unit"])
        assert found.real.sum() == pytest.approx(1)
        assert found.generated.sum() == pytest.approx(1)
        index = table.index(row["layer"], row["unit"])
        assert found.middles[0] - found.width / 2 == pytest.approx(table.bins_low[index], abs=1e-5)
        assert found.middles[-1] + found.width / 2 == pytest.approx(table.bins_high[index], abs=1e-5)


def test_only_the_table_of_these_weights_and_these_rules_is_taken(
    table: DiscriminatorTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert DiscriminatorTable.beside(tmp_path, table.digest) is None
    table.save(tmp_path / filter_table.FILE)
    assert DiscriminatorTable.beside(tmp_path, table.digest) is not None
    assert DiscriminatorTable.beside(tmp_path, "1" * 64) is None
    monkeypatch.setattr(filter_table, "RULES", ("another",))
    assert DiscriminatorTable.beside(tmp_path, table.digest) is None


@pytest.mark.parametrize(
    "damage",
    [
        {"says": np.full(7, "<b>")},
        {"real_posters": np.zeros((7, 3, 4), np.int64)},
        {"auc": np.zeros(5, np.float32)},
        {"real_places": np.zeros((7, 3, 9))},
    ],
)
def test_a_damaged_table_is_refused(table: DiscriminatorTable, tmp_path: Path, damage: dict[str, Any]) -> None:
    table.save(tmp_path / "table.npz")
    with np.load(tmp_path / "table.npz") as file:
        arrays = dict(file)
    np.savez(tmp_path / "table.npz", **arrays | damage)
    with pytest.raises(xai.ExplanationError, match="damaged or holds no table"):
        DiscriminatorTable.load(tmp_path / "table.npz")


def test_without_held_out_posters_all_are_taken_and_the_table_says_so() -> None:
    by = Explained(xai.Score(judge()), REFERENCE, "a black picture", "0" * 64)
    real = measured(by, lambda rows: REAL[torch.from_numpy(rows)], np.arange(90))
    table = discriminator_table(by, real, real, np.zeros(90, bool), {})
    assert (table.held_out, int(table.real_counts[0].sum())) == (0, 90)
    assert table.auc[PRAISES] == 0.5


def test_a_study_that_is_stopped_says_how_far_it_is_and_ends() -> None:
    by = Explained(xai.Score(judge()), REFERENCE, "a black picture", "0" * 64)
    fractions: list[float] = []
    real = measured(by, lambda rows: REAL[torch.from_numpy(rows)], np.arange(90), progress=fractions.append)
    assert fractions[-1] == 1

    def stop(done: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        discriminator_table(by, real, real, HELD_OUT, {}, stop)


def test_the_table_that_ships_is_of_its_weights_and_holds_numbers_and_no_names_of_posters() -> None:
    folder = Path(__file__).parents[4] / "checkpoints/dcgan-64"
    table = DiscriminatorTable.beside(folder, gan.load(folder).digest)
    assert table is not None
    assert (len(table), table.held_out) == (960, 1060)
    assert (folder / filter_table.FILE).stat().st_size < 1_000_000
    words = {name for name, column in table.stored().items() if column.dtype.kind == "U"}
    assert words == {"layer", "says"}
    assert all(len(str(value)) in (5, 64) for value in table.posters.values())  # a number, and digests


def test_a_study_works_at_2_to_3_with_genres_built_in_and_without_batchnorm() -> None:
    generator, discriminator = given_generator(32), given_discriminator(32)
    checkpoint = gan.Checkpoint(generator, discriminator, generator.config, name="oblong", digest="0" * 64)
    table = study(checkpoint, generated=12)
    assert list(dict.fromkeys(table.layer.tolist())) == ["layers.1", "layers.3", "layers.5"]
    assert (table.posters, table.real, table.held_out) == ({}, 12, 0)
    for layer in ("layers.1", "layers.5"):
        fields = receptive_fields(xai.Score(discriminator), layer)
        for one in table.picks("strongest", generated=True).of(table.index(layer, 0), fields):
            assert 0 <= one.box.top < one.box.bottom <= 48
            assert 0 <= one.box.left < one.box.right <= 32
