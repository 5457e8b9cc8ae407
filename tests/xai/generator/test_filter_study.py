from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import gan
import xai
from tests.xai import built, nets
from tests.xai.nets import one_sentence
from xai.generator.ablation import Ablation, ablate
from xai.generator.filter_study import GREY_LEVEL, filters_table
from xai.generator.filter_table import FilterTable
from xai.generator.filter_verdicts import ESSENTIAL_EFFECT


@pytest.fixture(scope="module", params=["1:1", "2:3"])
def table(request: pytest.FixtureRequest) -> FilterTable:
    return filters_table(built.checkpoint(request.param), latents=64)


def row(table: FilterTable, unit: int) -> dict[str, Any]:
    return table.find(built.LAYER, unit)


# ---- verdicts where the truth is known ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "verdict"),
    [
        (built.PATCH, "essential"),
        (built.DEAD, "dead"),
        (built.CONSTANT, "constant"),
        (built.TWIN, "redundant"),
        (built.OTHER_TWIN, "redundant"),
        (built.HATED, "harmful"),
        (built.WEAK, "useful"),
    ],
)
def test_every_filter_gets_the_verdict_that_it_was_built_for(table: FilterTable, unit: int, verdict: str) -> None:
    found = row(table, unit)
    assert found["verdict"] == verdict
    assert found["confidence"] > 0.95


def test_a_dead_filter_never_answers_and_is_not_missed(table: FilterTable) -> None:
    found = row(table, built.DEAD)
    assert [found[key] for key in ("mean", "spread", "largest", "active", "effect", "logit_change")] == [0] * 6


def test_a_constant_filter_is_always_on_and_not_missed_at_its_mean(table: FilterTable) -> None:
    found = row(table, built.CONSTANT)
    assert (found["mean"], found["active"]) == (pytest.approx(2.0, abs=1e-4), 1.0)
    assert found["spread"] < 1e-5
    assert found["effect"] < 1e-3


def test_twins_name_each_other_and_cost_nothing_to_replace(table: FilterTable) -> None:
    for unit, other in ((built.TWIN, built.OTHER_TWIN), (built.OTHER_TWIN, built.TWIN)):
        found = row(table, unit)
        assert found["partner"] == other
        assert found["correlation"] == pytest.approx(1, abs=1e-6)
        assert (found["factor"], found["offset"]) == (pytest.approx(1, abs=1e-5), pytest.approx(0, abs=1e-5))
        assert found["replaced"] < 1e-3 < 1 < found["effect"]


def test_a_filter_without_a_twin_is_not_replaced_for_free(table: FilterTable) -> None:
    found = row(table, built.PATCH)
    assert abs(found["correlation"]) < 0.3
    assert found["replaced"] > ESSENTIAL_EFFECT
    assert row(table, built.DEAD)["partner"] == row(table, built.CONSTANT)["partner"] == -1


def test_only_the_filter_that_the_discriminator_dislikes_raises_the_logit_when_it_goes(table: FilterTable) -> None:
    assert row(table, built.HATED)["logit_low"] > 0
    assert row(table, built.PATCH)["logit_high"] < 0  # its mean, held everywhere, reaches the place that is apply_rule


def test_the_strongest_seeds_are_those_whose_latent_drives_the_filter(table: FilterTable) -> None:
    drive = gan.latents(range(1000), built.generator().config)[:, built.DRIVES_PATCH, 0, 0]
    found = row(table, built.PATCH)
    assert found["strongest"] == drive.argsort(descending=True)[:8].tolist()
    assert (drive[found["weakest"]] <= 0).all()


def test_a_larger_study_of_two_halves_agrees_with_itself() -> None:
    one, other = (filters_table(built.checkpoint(), 32, first_seed=seed) for seed in (10, 5000))
    assert one.verdict.tolist() == other.verdict.tolist()
    assert not np.array_equal(one.effect, other.effect)


def test_a_verdict_that_hangs_on_few_posters_is_not_confident() -> None:
    found = filters_table(built.checkpoint(), 4, first_seed=10)
    assert found.confidence.min() < 1


# ---- equal to the slow way ---------------------------------------------------------------------------


@torch.no_grad()
def test_the_tables_numbers_are_those_of_plain_arithmetic(
    random_generator: gan.Generator, random_score: xai.Score
) -> None:
    judge = nets.discriminator(16)
    made = gan.Checkpoint(random_generator, judge, random_generator.config, digest="d")
    found = filters_table(made, latents=5, first_seed=50)
    z = gan.latents(range(50, 55), random_generator.config)
    maps = xai.activations(random_generator, z, ["layers.5"])["layers.5"]
    flat = maps.transpose(0, 1).flatten(1).double().numpy()
    here = found.layer == "layers.5"
    assert here.sum() == 20
    assert len(found) == 60
    np.testing.assert_allclose(found.mean[here], flat.mean(1), atol=1e-5)
    np.testing.assert_allclose(found.spread[here], flat.std(1), atol=1e-5)
    np.testing.assert_allclose(found.largest[here], flat.max(1), atol=1e-5)
    np.testing.assert_allclose(found.active[here], (flat > 0).mean(1), atol=1e-6)
    correlation = np.corrcoef(flat)
    np.fill_diagonal(correlation, 0)
    assert found.partner[here].tolist() == np.abs(correlation).argmax(1).tolist()
    unit = 11
    one = found.find("layers.5", unit)
    other = one["partner"]
    assert one["correlation"] == pytest.approx(correlation[unit, other], abs=1e-5)
    factor, offset = np.polyfit(flat[other], flat[unit], 1)
    assert (one["factor"], one["offset"]) == (pytest.approx(factor, abs=1e-4), pytest.approx(offset, abs=1e-4))
    slow = [ablate(random_generator, row[None], "layers.5", unit, Ablation("mean"), random_score) for row in z]
    effect = np.mean([float(one.difference.square().mean().sqrt()) for one in slow]) / GREY_LEVEL
    changes = [one.score_change for one in slow]
    assert one["effect"] == pytest.approx(effect, abs=1e-3)
    assert one["logit_change"] == pytest.approx(np.mean(changes), abs=1e-4)
    half = 4.604095 * np.std(changes, ddof=1) / 5**0.5  # t of 99 % with 4 degrees of freedom, from a printed table
    assert one["logit_low"] == pytest.approx(np.mean(changes) - half, abs=1e-3)
    private, by_twin = xai.private_copy(random_generator), maps.clone()
    replaced = torch.as_tensor(one["factor"] * by_twin[:, other] + one["offset"])[:, None]
    with xai.edit(private, "layers.5", [unit], replaced):
        error = (private(z) - random_generator(z)).square().mean((1, 2, 3)).sqrt().mean() / GREY_LEVEL
    assert one["replaced"] == pytest.approx(float(error), abs=1e-3)


def test_the_same_seeds_give_the_same_table() -> None:
    one, other = (filters_table(built.checkpoint(), 4) for _ in range(2))
    assert one.rows() == other.rows()


def test_progress_runs_from_nothing_to_all_and_can_call_the_study_off() -> None:
    told: list[float] = []
    filters_table(built.checkpoint(), 4, progress=told.append)
    assert told == sorted(told)
    assert 0 <= told[0] < 0.1
    assert told[-1] == 1

    def stop(part: float) -> None:
        if part > 0.3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        filters_table(built.checkpoint(), 4, progress=stop)


# ---- other networks, and bad input -------------------------------------------------------------------


def test_without_a_discriminator_nothing_is_harmful() -> None:
    made = built.checkpoint()
    found = filters_table(gan.Checkpoint(made.generator, None, made.config), 8)
    assert np.isnan(found.logit_change).all()
    assert np.isnan(found.logit_low).all()
    assert found.verdict[built.HATED] == "essential"
    assert found.verdict[built.DEAD] == "dead"


def test_a_layer_of_one_unit_has_no_twin() -> None:
    network = nets.generator(8, width=1)
    found = filters_table(gan.Checkpoint(network, None, network.config), 4)
    assert (len(found), found.partner.tolist(), found.correlation.tolist()) == (1, [-1], [0])


@pytest.mark.parametrize(
    ("latents", "first_seed", "says"),
    [(1, 0, "at least 2"), (0, 0, "at least 2"), (4, -1, "Seeds"), (4, 2**32, "Seeds")],
)
def test_a_study_that_cannot_be_made_says_why(latents: int, first_seed: int, says: str) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        filters_table(built.checkpoint(), latents, first_seed)
    assert says in one_sentence(caught.value)


def test_a_checkpoint_without_a_generator_has_no_filters_to_study() -> None:
    made = built.checkpoint()
    with pytest.raises(gan.CheckpointError) as caught:
        filters_table(gan.Checkpoint(None, made.discriminator, made.config))
    assert "generator" in one_sentence(caught.value)
