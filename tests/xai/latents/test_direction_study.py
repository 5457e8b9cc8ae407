from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import gan
import xai
from tests.xai.latent_nets import GREEN, GREY, LATENT, axis, corners, three_colours
from tests.xai.nets import discriminator, generator, in_threads, one_sentence, snapshot
from xai.latents import direction_study as d
from xai.latents.directions import FAMILIES, Direction, StatisticChange, random_directions


@functools.cache
def studied() -> d.DirectionStudy:
    return d.study_directions(three_colours(), sizes=d.Sizes(3, 400, 12, 2, 20))


def direction(vector: np.ndarray, family: str = "pca", name: str = "one") -> Direction:
    return Direction(name, family, vector / np.linalg.norm(vector), 1.0)


# ---- labels --------------------------------------------------------------------------------------------


def test_directions_that_change_one_thing_are_named_after_it() -> None:
    found = studied()
    labels = {(one.family, int(np.abs(one.vector).argmax())): one.label for one in found.directions if one.label}
    for family in ("closed_form", "jacobian"):
        assert labels[family, GREY] == "brightness"
        assert labels[family, GREEN] == "greenness"
    measured = {one.name: one.label for one in found.of("measured")}
    assert measured["brightness"] == "brightness"
    assert measured["greenness"] == "greenness"


def test_a_labelled_direction_points_to_where_its_statistic_grows() -> None:
    named = [one for one in studied().directions if one.label]
    assert len(named) > 5
    for one in named:
        effect = one.effects[one.label]
        assert effect.low >= studied().threshold
        assert effect.value == max(abs(other.value) for other in one.effects.values())


def test_turning_along_a_straight_direction_moves_its_statistic_by_four_deviations() -> None:
    (found,) = [one for one in studied().of("measured") if one.name == "greenness"]
    assert found.effects["greenness"].value == pytest.approx(4, rel=0.1)


def test_random_directions_are_never_named_and_set_the_threshold() -> None:
    control = studied().of("random")
    assert len(control) == 20
    assert all(one.label is None and one.effects for one in control)
    largest = [max(abs(effect.value) for effect in one.effects.values()) for one in control]
    assert studied().threshold == pytest.approx(max(1.0, np.quantile(largest, 0.95)))


def test_where_random_directions_reach_far_a_label_must_reach_farther() -> None:
    found = d.study_directions(corners(), sizes=d.Sizes(2, 100, 10, 2, 20))
    largest = [max(abs(effect.value) for effect in one.effects.values()) for one in found.of("random")]
    assert found.threshold == pytest.approx(np.quantile(largest, 0.95))
    assert found.threshold > 1
    named = [one for one in found.directions if one.label]
    assert all(one.effects[one.label].low >= found.threshold for one in named)


def test_a_dead_direction_has_no_label_and_no_effect() -> None:
    network = three_colours()
    spread = torch.ones(9)
    z = gan.latents(range(5), network.config)
    (effects,) = d.measure_effects(network, [direction(axis(0))], z, spread)
    assert all(effect.value == effect.low == effect.high == 0 for effect in effects.values())
    assert d.labelled(direction(axis(0)), effects, 1.0).label is None


def test_a_label_needs_an_interval_above_the_threshold() -> None:
    vector = axis(0)
    sure, unsure = StatisticChange(-2.0, -2.5, -1.5), StatisticChange(-2.0, -3.5, -0.5)
    small = StatisticChange(0.5, 0.4, 0.6)
    found = d.labelled(direction(vector), {"warmth": sure, "contrast": small}, 1.0)
    assert found.label == "warmth"
    assert (found.vector == -vector).all()
    assert found.effects["warmth"].value == 2
    assert found.effects["contrast"] == StatisticChange(-0.5, -0.6, -0.4)
    assert d.labelled(direction(vector), {"warmth": unsure, "contrast": small}, 1.0).label is None


def test_side_effects_are_the_other_certain_changes_largest_first() -> None:
    effects = {
        "warmth": StatisticChange(4.0, 3.0, 5.0),
        "contrast": StatisticChange(-2.0, -2.5, -1.5),
        "symmetry": StatisticChange(3.0, 2.0, 4.0),
        "saturation": StatisticChange(1.2, 0.2, 2.2),
    }
    found = d.labelled(direction(axis(0)), effects, 1.0)
    assert list(found.side_effects()) == ["symmetry", "contrast"]


# ---- agreement -----------------------------------------------------------------------------------------


def test_the_same_span_overlaps_wholly_and_a_foreign_one_not_at_all() -> None:
    first = [direction(axis(0), "a", "a0"), direction(axis(1), "a", "a1")]
    mixed = [direction(axis(0) + axis(1), "b", "b0"), direction(axis(0) - 2 * axis(1), "b", "b1")]
    foreign = [direction(axis(5), "c", "c0"), direction(axis(6), "c", "c1")]
    found = d.compare_families([*first, *mixed, *foreign], 2)
    assert found.families == ("a", "b", "c")
    assert found.overlap == pytest.approx(np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]]))
    assert found.matches["a", "b"][1] == ("a1", "b1", pytest.approx(2 / 5**0.5))
    assert found.matches["a", "c"][0][2] == 0


def test_random_spans_overlap_as_chance_says() -> None:
    overlaps = []
    for seed in range(40):
        drawn = random_directions(30, 10, seed)
        named = [direction(one.vector, "ab"[number // 5], str(number)) for number, one in enumerate(drawn)]
        found = d.compare_families(named, 5)
        overlaps.append(found.overlap[0, 1])
    assert np.mean(overlaps) == pytest.approx(found.chance, abs=0.02)


def test_families_that_find_the_same_three_values_agree() -> None:
    found = studied().agreement
    rows = [found.families.index(name) for name in ("closed_form", "jacobian")]
    assert found.overlap[rows[0], rows[1]] == pytest.approx(1, abs=1e-3)
    assert found.chance == pytest.approx(3 / LATENT)


# ---- the study as a whole ------------------------------------------------------------------------------


SMALL = d.Sizes(directions=2, samples=40, held_out=4, posters=2, controls=5)


def small_study(network: gan.Generator, sizes: d.Sizes = SMALL, **settings: Any) -> d.DirectionStudy:
    return d.study_directions(network, sizes=sizes, **settings)


def test_all_vectors_are_of_norm_one_and_all_effects_are_measured() -> None:
    score = xai.Score(discriminator(32))
    found = small_study(generator(32), score=score)
    assert {one.family for one in found.directions} == {*FAMILIES, "random"}
    for one in found.directions:
        assert np.linalg.norm(one.vector) == pytest.approx(1)
        assert tuple(one.effects) == xai.latents.picture_statistics.names(score)


def test_the_same_seed_gives_the_same_study_in_every_thread_and_the_global_state_stays() -> None:
    network = generator(16)
    torch.manual_seed(3)
    state, before = torch.get_rng_state(), snapshot(network)
    first = small_study(network)
    assert torch.equal(torch.get_rng_state(), state)
    assert snapshot(network) == before
    for other in in_threads(3, lambda _: small_study(network)):
        assert all((a.vector == b.vector).all() for a, b in zip(first.directions, other.directions, strict=True))
        assert [one.effects for one in first.directions] == [one.effects for one in other.directions]
    moved = small_study(network, seed=1)
    assert first.directions[0].effects != moved.directions[0].effects


def test_labels_are_counted_beside_those_of_random_directions() -> None:
    study = studied()
    tried = [one for one in study.directions if one.family != "random"]
    labelled = sum(one.label is not None for one in tried)
    assert 0 < labelled < len(study.directions)
    assert study.multiplicity == (
        f"Of {len(tried)} directions {labelled} have a label; of as many random ones, at most {0.05 * len(tried):.2g} "
        "would."
    )
    none = replace(study, directions=tuple(replace(one, label=None) for one in study.directions))
    assert f"Of {len(tried)} directions 0 have a label" in none.multiplicity


def test_progress_rises_to_one() -> None:
    told: list[float] = []
    small_study(generator(8), progress=told.append)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1)


@pytest.mark.parametrize("wrong", [{"directions": 0}, {"samples": 10}, {"held_out": 2}, {"controls": 1}])
def test_a_study_that_is_too_small_is_refused_in_one_sentence(wrong: dict[str, int]) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        small_study(generator(8), replace(SMALL, **wrong))
    one_sentence(caught.value)
