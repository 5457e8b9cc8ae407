from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
from torch import Tensor

import gan
import xai
from tests.xai.latent_nets import AMOUNT, corners, painted
from tests.xai.nets import discriminator, generator, in_threads, noise, one_sentence, snapshot
from xai import directions as d
from xai.importance import local

LATENT = 60  # of which most are dead, so that a random direction moves little
RED_AND_BLUE, GREY, GREEN = 7, 20, 33


@functools.cache
def three_colours() -> gan.Generator:
    """Value 7 makes pictures warmer, 20 brighter and 33 greener, everywhere; the others are dead."""
    places, colours = torch.zeros(LATENT, 4, 4), torch.ones(LATENT, 3)
    places[RED_AND_BLUE], places[GREY], places[GREEN] = 1.0, 2.0, 0.5
    colours[RED_AND_BLUE] = torch.tensor([1.0, 0.0, -1.0])
    colours[GREEN] = torch.tensor([-0.5, 1.0, -0.5])
    return painted(places, colours)


@functools.cache
def studied() -> d.Directions:
    return d.study(three_colours(), count=3, samples=400, held_out=12, posters=2, controls=20)


def axis(index: int, latent: int = LATENT) -> np.ndarray:
    return np.eye(latent)[index]


def direction(vector: np.ndarray, family: str = "pca", name: str = "one") -> d.Direction:
    return d.Direction(name, family, vector / np.linalg.norm(vector), 1.0)


# ---- each family ---------------------------------------------------------------------------------------


def test_the_closed_form_finds_the_values_that_the_first_layer_stretches_most() -> None:
    found = d.closed_form(three_colours(), 5)
    assert len(found) == 3  # the other values are not stretched at all
    for one, index in zip(found, (GREY, RED_AND_BLUE, GREEN), strict=True):
        assert np.abs(one.vector) == pytest.approx(axis(index), abs=1e-6)
    assert [one.strength for one in found] == pytest.approx([4 / 5.25, 1 / 5.25, 0.25 / 5.25])


def test_the_closed_form_looks_through_the_batch_norm() -> None:
    network = painted(torch.ones(3, 4, 4) * torch.tensor([1.0, 2.0, 3.0])[:, None, None], torch.ones(3, 3))
    network.layers[1].running_var[2] = 100.0  # the strongest kernel is divided by 10
    assert np.abs(d.closed_form(network, 3)[0].vector) == pytest.approx(axis(1, 3), abs=1e-6)


def test_the_closed_form_is_the_singular_vectors_of_the_first_layers_own_change() -> None:
    network = generator(16)
    z = gan.latents([0], network.config)
    with torch.no_grad():
        change = network.layers[:2](torch.eye(6)[:, :, None, None] + z) - network.layers[:2](z)
    left, sizes, _ = np.linalg.svd(change.double().flatten(1).numpy(), full_matrices=False)
    found = d.closed_form(network, 6)
    assert [one.strength for one in found] == pytest.approx(sizes**2 / (sizes**2).sum(), rel=1e-3)
    assert [abs(one.vector @ column) for one, column in zip(found, left.T, strict=True)] == pytest.approx([1] * 6)


def test_jacobian_directions_are_the_eigenvectors_of_the_mean_gram() -> None:
    network = corners()
    gram = local(network, torch.zeros(1, 6, 1, 1)).gram
    maps = torch.zeros(6, 4, 4)
    maps[0, :2, :2], maps[1, 2:, 2:], maps[2] = 1.0, 2.0, 0.5
    by_hand = (maps.flatten(1) @ maps.flatten(1).T).double().numpy() * 12 * AMOUNT**2  # 4 pixels of 3 colours
    energy, vectors = np.linalg.eigh(by_hand)
    found = d.jacobian_directions(gram, 3)
    for rank, one in enumerate(found, 1):
        assert abs(one.vector @ vectors[:, -rank]) == pytest.approx(1, abs=1e-4)
        assert one.strength == pytest.approx(energy[-rank] / energy.sum(), rel=1e-3)


def test_pca_of_an_affine_layer_is_the_closed_form() -> None:
    network = three_colours()
    found = d.pca(network, gan.latents(range(2000), network.config), "layers.2", 3)
    for one, other in zip(found, d.closed_form(network, 3), strict=True):
        assert abs(one.vector @ other.vector) > 0.95
        assert one.strength == pytest.approx(other.strength, rel=0.2)


def test_pca_regresses_as_least_squares_would() -> None:
    network = generator(16, latent=5)
    z = gan.latents(range(40), network.config)
    found = d.pca(network, z, "layers.5", 4)
    maps = xai.activations(network, z, ["layers.5"])["layers.5"].flatten(1).double().numpy()
    maps = maps - maps.mean(0)
    _, _, components = np.linalg.svd(maps, full_matrices=False)
    coordinates = maps @ components[:4].T
    answer = np.linalg.lstsq(np.column_stack([coordinates, np.ones(40)]), z.double().flatten(1).numpy(), rcond=None)[0]
    for one, row in zip(found, answer[:4], strict=True):
        assert abs(one.vector @ row) / np.linalg.norm(row) == pytest.approx(1, abs=1e-5)


def test_the_middle_layer_is_an_activation_function() -> None:
    assert d.middle_layer(generator(64)) == "layers.8"
    assert d.middle_layer(generator(8)) == "layers.2"


def test_ridge_is_the_penalised_solution_with_the_least_error_left_out() -> None:
    x, y = noise(30, 8).double(), noise(30, seed=1).double()
    y = y + x[:, 0]

    def solve(x: Tensor, y: Tensor, penalty: float) -> tuple[Tensor, Tensor]:
        centred = x - x.mean(0)
        gram = centred.T @ centred + penalty * torch.eye(8, dtype=torch.double)
        return torch.linalg.solve(gram, centred.T @ (y - y.mean())), y.mean()

    def error(penalty: float) -> float:
        gone = []
        for i in range(30):
            rest = torch.arange(30) != i
            # Left out with the mean of all rows kept, as the formula does it.
            centred, target = x - x.mean(0), y - y.mean()
            wide = torch.cat([centred, torch.ones(30, 1, dtype=torch.double)], 1)
            gram = wide[rest].T @ wide[rest] + penalty * torch.diag(torch.tensor([1.0] * 8 + [0.0]).double())
            gone.append(target[i] - wide[i] @ torch.linalg.solve(gram, wide[rest].T @ target[rest]))
        return float(torch.stack(gone).square().mean())

    best = min(d.PENALTIES, key=error)
    assert torch.allclose(d.ridge(x, y), solve(x, y, best)[0])


def test_a_statistic_that_one_value_makes_is_regressed_on_that_value() -> None:
    network = three_colours()
    z = gan.latents(range(300), network.config)
    values = d.sample_statistics(network, z)
    found = {one.name: one for one in d.measured(z, values, tuple(xai.statistics.STATISTICS))}
    assert found["warmth"].r2 > 0.99 and found["greenness"].r2 > 0.99
    assert found["warmth"].vector[RED_AND_BLUE] > 0.999 and found["greenness"].vector[GREEN] > 0.999
    assert "symmetry" not in found and "top_light" not in found  # all these pictures are of one colour each


def test_what_noise_does_not_tell_has_no_held_out_r2() -> None:
    z = noise(400, 20, 1, 1)
    (found,) = d.measured(z, noise(400, 1, seed=9), ["chance"])
    assert found.r2 < 0.05


# ---- labels --------------------------------------------------------------------------------------------


def test_directions_that_change_one_thing_are_named_after_it() -> None:
    found = studied()
    labels = {(one.family, int(np.abs(one.vector).argmax())): one.label for one in found.directions if one.label}
    for family in ("closed_form", "jacobian"):
        assert labels[family, GREY] == "brightness"
        assert labels[family, GREEN] == "greenness"
    measured = {one.name: one.label for one in found.of("measured")}
    assert measured["brightness"] == "brightness" and measured["greenness"] == "greenness"


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
    assert len(control) == 20 and all(one.label is None and one.effects for one in control)
    largest = [max(abs(effect.value) for effect in one.effects.values()) for one in control]
    assert studied().threshold == pytest.approx(max(1.0, np.quantile(largest, 0.95)))


def test_where_random_directions_reach_far_a_label_must_reach_farther() -> None:
    found = d.study(corners(), count=2, samples=100, held_out=10, posters=2, controls=20)
    largest = [max(abs(effect.value) for effect in one.effects.values()) for one in found.of("random")]
    assert found.threshold == pytest.approx(np.quantile(largest, 0.95)) and found.threshold > 1
    named = [one for one in found.directions if one.label]
    assert all(one.effects[one.label].low >= found.threshold for one in named)


def test_a_dead_direction_has_no_label_and_no_effect() -> None:
    network = three_colours()
    spread = torch.ones(9)
    z = gan.latents(range(5), network.config)
    (effects,) = d.walk(network, [direction(axis(0))], z, spread)
    assert all(effect.value == effect.low == effect.high == 0 for effect in effects.values())
    assert d.named(direction(axis(0)), effects, 1.0).label is None


def test_a_label_needs_an_interval_above_the_threshold() -> None:
    vector = axis(0)
    sure, unsure = d.Effect(-2.0, -2.5, -1.5), d.Effect(-2.0, -3.5, -0.5)
    small = d.Effect(0.5, 0.4, 0.6)
    found = d.named(direction(vector), {"warmth": sure, "contrast": small}, 1.0)
    assert found.label == "warmth" and (found.vector == -vector).all() and found.effects["warmth"].value == 2
    assert found.effects["contrast"] == d.Effect(-0.5, -0.6, -0.4)
    assert d.named(direction(vector), {"warmth": unsure, "contrast": small}, 1.0).label is None


def test_side_effects_are_the_other_certain_changes_largest_first() -> None:
    effects = {
        "warmth": d.Effect(4.0, 3.0, 5.0),
        "contrast": d.Effect(-2.0, -2.5, -1.5),
        "symmetry": d.Effect(3.0, 2.0, 4.0),
        "saturation": d.Effect(1.2, 0.2, 2.2),
    }
    found = d.named(direction(axis(0)), effects, 1.0)
    assert list(found.side_effects()) == ["symmetry", "contrast"]


# ---- agreement -----------------------------------------------------------------------------------------


def test_the_same_span_overlaps_wholly_and_a_foreign_one_not_at_all() -> None:
    first = [direction(axis(0), "a", "a0"), direction(axis(1), "a", "a1")]
    mixed = [direction(axis(0) + axis(1), "b", "b0"), direction(axis(0) - 2 * axis(1), "b", "b1")]
    foreign = [direction(axis(5), "c", "c0"), direction(axis(6), "c", "c1")]
    found = d.agreement([*first, *mixed, *foreign], 2)
    assert found.families == ("a", "b", "c")
    assert found.overlap == pytest.approx(np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]]))
    assert found.matches["a", "b"][1] == ("a1", "b1", pytest.approx(2 / 5**0.5))
    assert found.matches["a", "c"][0][2] == 0


def test_random_spans_overlap_as_chance_says() -> None:
    overlaps = []
    for seed in range(40):
        drawn = d.random_directions(30, 10, seed)
        named = [direction(one.vector, "ab"[number // 5], str(number)) for number, one in enumerate(drawn)]
        found = d.agreement(named, 5)
        overlaps.append(found.overlap[0, 1])
    assert np.mean(overlaps) == pytest.approx(found.chance, abs=0.02)


def test_families_that_find_the_same_three_values_agree() -> None:
    found = studied().agreement
    rows = [found.families.index(name) for name in ("closed_form", "jacobian")]
    assert found.overlap[rows[0], rows[1]] == pytest.approx(1, abs=1e-3)
    assert found.chance == pytest.approx(3 / LATENT)


# ---- the study as a whole ------------------------------------------------------------------------------


def small_study(network: gan.Generator, **settings: object) -> d.Directions:
    return d.study(network, **({"count": 2, "samples": 40, "held_out": 4, "posters": 2, "controls": 5} | settings))


def test_all_vectors_are_of_norm_one_and_all_effects_are_measured() -> None:
    score = xai.Score(discriminator(32))
    found = small_study(generator(32), score=score)
    assert {one.family for one in found.directions} == {*d.FAMILIES, "random"}
    for one in found.directions:
        assert np.linalg.norm(one.vector) == pytest.approx(1)
        assert tuple(one.effects) == xai.statistics.names(score)


def test_the_same_seed_gives_the_same_study_in_every_thread_and_the_global_state_stays() -> None:
    network = generator(16)
    torch.manual_seed(3)
    state, before = torch.get_rng_state(), snapshot(network)
    first = small_study(network)
    assert torch.equal(torch.get_rng_state(), state) and snapshot(network) == before
    for other in in_threads(3, lambda _: small_study(network)):
        assert all((a.vector == b.vector).all() for a, b in zip(first.directions, other.directions, strict=True))
        assert [one.effects for one in first.directions] == [one.effects for one in other.directions]
    moved = small_study(network, seed=1)
    assert first.directions[0].effects != moved.directions[0].effects


def test_progress_rises_to_one() -> None:
    told: list[float] = []
    small_study(generator(8), progress=told.append)
    assert told == sorted(told) and told[-1] == pytest.approx(1)


@pytest.mark.parametrize("wrong", [{"count": 0}, {"samples": 10}, {"held_out": 2}, {"controls": 1}])
def test_a_study_that_is_too_small_is_refused_in_one_sentence(wrong: dict[str, int]) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        small_study(generator(8), **wrong)
    one_sentence(caught.value)


def test_pca_and_regression_refuse_too_few_posters_and_unknown_layers() -> None:
    network = generator(8)
    z = gan.latents(range(6), network.config)
    for job in (lambda: d.pca(network, z), lambda: d.measured(z, torch.zeros(6, 1), ["one"])):
        with pytest.raises(xai.ExplanationError) as caught:
            job()
        one_sentence(caught.value)
    with pytest.raises(xai.ExplanationError):
        d.pca(network, gan.latents(range(30), network.config), "layers.99")
