"""Curves of removal: orders, ends, exact sums where the rest is linear, and a filter that fires and is not used."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import xai
from tests.xai.discriminator import built
from tests.xai.nets import discriminator, given_discriminator, noise, one_sentence, pictures, tall_pictures
from xai.discriminator.counterfactuals.removal import (
    ACTIVITY,
    ALL_LAYERS,
    CHANGE,
    CONTRIBUTION,
    ORDERS,
    RANDOM,
    counts_up_to,
    removal_curves,
)
from xai.discriminator.counterfactuals.removal_study import removal_table, study_removal
from xai.discriminator.counterfactuals.replacement import by_mean, by_reference
from xai.discriminator.relevance import filter_contributions


def test_counts_double_up_to_all() -> None:
    assert counts_up_to(1) == (1,)
    assert counts_up_to(6) == (1, 2, 4, 6)
    assert counts_up_to(8) == (1, 2, 4, 8)


@pytest.mark.parametrize("kind", ["BatchNorm", "2:3, no BatchNorm, genres built in"])
def test_with_all_filters_replaced_by_the_references_every_order_ends_at_its_logit(kind: str) -> None:
    plain = kind == "BatchNorm"
    score = xai.Score(discriminator() if plain else given_discriminator())
    image, reference = (pictures(1, 32, n) if plain else tall_pictures(1, 32, n) for n in (0, 5))
    replacement = by_reference(score, reference)
    for layer in (*(one.name for one in replacement.layers), ALL_LAYERS):
        curves = removal_curves(replacement, image, reference, layer)
        assert set(curves.logits) == set(ORDERS)
        for order in ORDERS:
            assert curves.logits[order][-1] == pytest.approx(curves.base_logit, abs=1e-4)
            assert curves.moved(order)[-1] == pytest.approx(abs(curves.logit - curves.base_logit), abs=1e-4)


def test_of_the_last_layer_the_logit_moves_by_the_sum_of_the_contributions_and_no_order_moves_it_farther() -> None:
    score, image, reference = xai.Score(discriminator(32, 4)), pictures(1, 32), pictures(1, 32, 9)
    curves = removal_curves(by_reference(score, reference), image, reference, "layers.7")
    found = filter_contributions(score, image, reference)
    largest = np.sort(found.of("layers.7").values * found.direction)[::-1]
    assert curves.moved(CONTRIBUTION) == pytest.approx(largest.cumsum()[np.array(curves.counts) - 1], abs=1e-4)
    for order in (CHANGE, ACTIVITY, RANDOM):
        assert (curves.moved(order) < curves.moved(CONTRIBUTION) + 1e-4).all()
        assert (curves.moved(order)[:-1] < curves.moved(CONTRIBUTION)[:-1] - 1e-3).any()


@pytest.mark.parametrize("aspect", ["1:1", "2:3"])
def test_the_filter_that_fires_most_and_is_ignored_is_first_by_activity_and_changes_nothing(aspect: str) -> None:
    score, reference = xai.Score(built.discriminator(aspect)), built.grey(aspect)
    curves = removal_curves(by_mean(score, reference), built.red(aspect), reference, built.LAYER)
    assert curves.counts == (1, 2, 4, 5)
    assert curves.logits[ACTIVITY][0] == pytest.approx(curves.logit, abs=1e-6)  # of another batch, so to rounding
    assert curves.logits[CONTRIBUTION][0] < curves.logit - 1
    assert curves.logits[CONTRIBUTION][2] == pytest.approx(curves.logits[CONTRIBUTION][3])  # IGNORED comes last
    assert curves.turned(CONTRIBUTION).tolist() == [False, True, True, True]
    assert not curves.turned(ACTIVITY)[:1].any()


def test_most_changed_is_first_what_differs_most_from_the_reference() -> None:
    score = xai.Score(built.discriminator())
    curves = removal_curves(by_reference(score, built.grey()), built.red(), built.grey(), built.LAYER)
    assert curves.logits[CHANGE][:2] == pytest.approx(curves.logits[CONTRIBUTION][:2], abs=1e-5)  # ONE and OTHER


def test_random_orders_are_those_of_their_seed() -> None:
    score, image, reference = xai.Score(discriminator()), pictures(1, 32), noise(1, 3, 32, 32)
    first, again, other = (
        removal_curves(by_reference(score, reference), image, reference, seed=seed).logits[RANDOM] for seed in (0, 0, 1)
    )
    assert (first == again).all()
    assert (first != other).any()


def test_a_layer_that_is_not_there_is_refused_in_a_sentence() -> None:
    score, image, reference = xai.Score(discriminator()), pictures(1, 32), noise(1, 3, 32, 32)
    with pytest.raises(xai.ExplanationError, match="or all layers") as error:
        removal_curves(by_reference(score, reference), image, reference, "layers.0")
    one_sentence(error.value)


# --- over many posters


def test_a_study_is_the_mean_of_its_posters_curves_with_intervals() -> None:
    score, images, reference = xai.Score(discriminator(32, 4)), pictures(5, 32), noise(1, 3, 32, 32)
    replacements = [by_reference(score, reference), by_mean(score, images)]
    told: list[float] = []
    groups = {"held-out": images[:2], "generated": images[2:]}
    study = study_removal(groups, replacements, reference, progress=told.append)
    assert told == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert study.posters == {"held-out": 2, "generated": 3, "all": 5}
    assert study.layers == ("layers.1", "layers.4", "layers.7", ALL_LAYERS)
    for replacement in replacements:
        alone = [
            removal_curves(replacement, image[None], reference, "layers.4", row) for row, image in enumerate(images)
        ]
        for order in ORDERS:
            moved = np.array([curves.moved(order)[1] for curves in alone])
            best = np.array([curves.moved(CONTRIBUTION)[1] for curves in alone])
            point = study.point("layers.4", replacement.name, order, 2)
            assert point.moved.value == pytest.approx(moved.mean(), abs=1e-5)
            assert point.moved.low < point.moved.value < point.moved.high
            assert point.behind.value == pytest.approx((best - moved).mean(), abs=1e-5)
            assert point.turned.value == np.mean([curves.turned(order)[1] for curves in alone])
            part = study.point("layers.4", replacement.name, order, 2, "generated")
            assert part.moved.value == pytest.approx(moved[2:].mean(), abs=1e-5)


def test_a_table_of_the_study_names_layers_orders_and_posters() -> None:
    score, reference = xai.Score(discriminator(32, 4)), noise(1, 3, 32, 32)
    study = study_removal({"generated": pictures(3, 32)}, [by_reference(score, reference)], reference)
    table = removal_table(study)
    assert table.startswith("Means over 3 generated posters, with 95 % intervals")
    for words in (*ORDERS.values(), "| layers.4 | 4 |", "| all layers | 16 |", "their maps of the reference"):
        assert words in table
    header, rule = (line for line in table.splitlines() if line.startswith(("| layer |", "| ---")))
    assert header.count("|") == rule.count("|")
    assert study.record()["posters"] == {"generated": 3}


def test_contributions_go_farther_than_other_orders_where_they_are_exact_and_not_where_all_filters_are_alike() -> None:
    score, reference = xai.Score(built.discriminator()), built.grey()
    images = torch.cat([built.red() * factor for factor in (0.8, 0.9, 1.0)])
    study = study_removal({"drawn": images}, [by_reference(score, reference)], reference)
    farther, compared = study.farther("drawn")
    assert compared == 9  # three other orders, for 1, 2 and 4 of 5 filters
    assert 3 <= farther < compared  # most changed are the same two filters
    alike = study_removal({"drawn": torch.cat([reference] * 3)}, [by_reference(score, reference)], reference)
    assert alike.farther("drawn") == (0, 9)
    assert "at 0 of 9 points" in removal_table(alike)


def test_one_poster_is_no_study_and_a_point_that_was_not_measured_is_named() -> None:
    score, reference = xai.Score(built.discriminator()), built.grey()
    replacements = [by_reference(score, reference)]
    with pytest.raises(xai.ExplanationError, match="at least 2 posters; held-out has 1") as error:
        study_removal({"held-out": built.red()}, replacements, reference)
    one_sentence(error.value)
    study = study_removal({"held-out": torch.cat([built.red()] * 2)}, replacements, reference)
    assert study.layers == (built.LAYER,)
    with pytest.raises(xai.ExplanationError, match="no point"):
        study.point(ALL_LAYERS, "reference", CONTRIBUTION, 1)
