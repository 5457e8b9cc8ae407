from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import gan
import xai
from tests.xai.latent_nets import AMOUNT, corners, painted
from tests.xai.nets import discriminator, generator, in_threads, one_sentence, snapshot
from xai.latents import picture_statistics
from xai.latents.sensitivity import latent_sensitivity
from xai.latents.sobol import Index, importance, local_sensitivity, total_indices


def of_function(function, inputs: int, samples: int = 2000, seed: int = 0) -> Index:
    """Total indices of points (n, inputs) -> (n,) or (n, Q)."""
    return total_indices(lambda x: [function(x).reshape(len(x), -1, 1)], inputs, samples, seed)[0]


def linear(*weights: float):
    return lambda x: x @ torch.tensor(weights)


# ---- the estimator -------------------------------------------------------------------------------------


def test_indices_of_a_linear_function_are_its_squared_weights() -> None:
    found = of_function(linear(3.0, 2.0, 1.0, 0.0), 4, 4000)
    assert found.value[:, 0] == pytest.approx([9 / 14, 4 / 14, 1 / 14, 0], abs=0.03)
    assert found.variance == pytest.approx([14], rel=0.05)


def test_an_input_without_effect_has_the_index_zero_exactly() -> None:
    found = of_function(linear(1.0, 0.0, 2.0), 3, 50)
    assert found.value[1] == found.low[1] == found.high[1] == 0


def test_inputs_that_act_only_together_have_all_of_the_variance_each() -> None:
    found = of_function(lambda x: x[:, 0] * x[:, 1], 2, 8000)  # E Var(f | x2) = E x2^2 = 1 = Var f
    assert found.value[:, 0] == pytest.approx([1, 1], abs=0.1)


def test_indices_of_the_ishigami_function_with_normal_inputs_are_the_analytic_ones() -> None:
    a, b = 2.0, 0.1
    found = of_function(lambda x: x[:, 0].sin() * (1 + b * x[:, 2] ** 4) + a * x[:, 1].sin() ** 2, 3, 10000)
    sine = (1 - math.exp(-2)) / 2  # E sin^2
    first = sine * (1 + 6 * b + 105 * b**2)  # E x^4 = 3, E x^8 = 105
    second = a**2 * ((1 + math.exp(-8)) / 2 - math.exp(-4)) / 4  # Var cos(2x) / 4
    third = sine * b**2 * 96
    expected = np.array([first, second, third]) / (first + second)
    assert found.value[:, 0] == pytest.approx(expected, abs=0.06)
    assert found.variance[0] == pytest.approx(first + second, rel=0.1)


WEIGHTS = st.floats(-3, 3).filter(lambda weight: weight == 0 or abs(weight) > 1e-6)  # smaller ones drown in the offset


@settings(max_examples=15, deadline=None)
@given(st.lists(WEIGHTS, min_size=3, max_size=6), st.floats(-5, 5), st.floats(0.1, 9))
def test_the_index_does_not_know_units(weights: list[float], offset: float, factor: float) -> None:
    plain = of_function(lambda x: linear(*weights)(x).double(), len(weights), 20)
    moved = of_function(lambda x: linear(*weights)(x).double() * factor + offset, len(weights), 20)
    assert np.allclose(plain.value, moved.value, rtol=1e-6, atol=1e-9)
    assert (plain.value >= 0).all()
    assert (plain.low <= plain.high).all()


def test_an_output_that_never_changes_has_no_indices() -> None:
    found = of_function(lambda x: torch.full((len(x),), 7.0), 3, 20)
    assert not found.value.any()
    assert not found.high.any()
    assert not found.variance.any()


def test_parts_of_one_output_are_weighed_by_their_variance() -> None:
    def two(x: Tensor) -> Tensor:
        return torch.stack([x[:, 0], 2 * x[:, 1] + x[:, 0]], 1)

    together = total_indices(lambda x: [two(x)[:, None]], 2, 200)[0]
    apart = of_function(two, 2, 200)
    expected = (apart.value * apart.variance).sum(1) / apart.variance.sum()
    assert together.value[:, 0] == pytest.approx(expected)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    found = [of_function(linear(2.0, 1.0, 1.0), 3, 100, seed) for seed in range(80)]
    held = np.mean([(one.low[0] <= 4 / 6) & (one.high[0] >= 4 / 6) for one in found])
    assert 0.87 <= held <= 1


def test_four_times_the_sample_halves_the_interval() -> None:
    short, long = (of_function(linear(2.0, 1.0, 1.0), 3, samples) for samples in (1000, 4000))
    assert (short.high - short.low)[0] / (long.high - long.low)[0] == pytest.approx(2, rel=0.4)


def test_the_same_seed_gives_the_same_bits_and_the_global_state_stays() -> None:
    torch.manual_seed(5)
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].tolist()
    first, second, other = (of_function(linear(1.0, 2.0), 2, 50, seed) for seed in (1, 1, 2))
    assert (first.value == second.value).all()
    assert (first.low == second.low).all()
    assert (first.value != other.value).any()
    assert torch.equal(torch.get_rng_state(), before)
    assert np.random.get_state()[1].tolist() == numpy_before


def test_the_first_rows_do_not_depend_on_how_many_follow() -> None:
    seen: list[list[Tensor]] = []
    for samples in (10, 30):
        seen.append([])
        total_indices(lambda x: seen[-1].append(x) or [x[:, :, None]], 2, samples)
    assert torch.equal(torch.cat(seen[0]), torch.cat(seen[1])[: 10 * 7])


def test_no_more_points_are_in_memory_than_a_batch_or_a_row() -> None:
    sizes = []
    total_indices(lambda x: sizes.append(len(x)) or [x[:, :1, None]], 3, 300)
    assert max(sizes) <= 64
    assert sum(sizes) == 300 * 8


def test_one_sample_is_refused_in_one_sentence() -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        of_function(linear(1.0), 1, 1)
    one_sentence(caught.value)


# ---- of a generator ------------------------------------------------------------------------------------


def test_each_value_owns_the_quarter_that_it_paints() -> None:
    found = importance(corners(), samples=600, grid=2)
    # In the upper left quarter value 0 moves by 1 and value 2 by 1/2; in the lower right value 1 by 2.
    assert found.cells.value[:3, 0, 0] == pytest.approx([0.8, 0, 0.2], abs=0.1)
    assert found.cells.value[:3, 1, 1] == pytest.approx([0, 16 / 17, 1 / 17], abs=0.1)
    assert found.cells.value[:3, 0, 1] == pytest.approx([0, 0, 1], abs=0.1)
    assert found.most_influential.tolist() == [[0, 2], [2, 1]]
    assert found.certain.all()
    assert (found.largest.value == found.cells.value.max(0, keepdims=True)).all()
    assert (found.largest.low <= found.largest.value).all()
    assert (found.largest.value <= found.largest.high).all()
    assert not found.cells.value[3:].any()
    assert not found.picture.value[3:].any()


def test_the_index_of_the_picture_weighs_places_by_their_variance() -> None:
    found = importance(corners(), samples=600, grid=2)
    energies = np.array([1 * 0.25, 4 * 0.25, 0.25])  # squared strength times share of the picture
    assert found.picture.value[:3] == pytest.approx(energies / energies.sum(), abs=0.08)


def test_where_two_values_paint_alike_no_owner_is_clear() -> None:
    found = importance(painted(torch.ones(2, 4, 4), torch.ones(2, 3)), samples=50, grid=2)
    assert not found.certain.any()


def test_the_indices_of_one_statistic_are_its_column() -> None:
    found = importance(corners(), samples=50, grid=2)
    column = found.names.index("brightness")
    assert (found.of("brightness").high == found.statistics.high[:, column]).all()
    assert found.of("brightness").variance == found.statistics.variance[column]
    assert found.of() is found.picture


def test_a_value_that_makes_red_owns_the_warmth_and_one_that_makes_grey_the_brightness() -> None:
    network = painted(torch.ones(3, 4, 4), torch.tensor([[1.0, 0.0, -1.0], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]))
    found = importance(network, samples=150, grid=1)
    column = dict(zip(found.names, found.statistics.value.T, strict=True))
    assert column["warmth"] == pytest.approx([1, 0, 0], abs=0.15)
    weight = (0.299 - 0.114) ** 2
    assert column["brightness"] == pytest.approx([weight / (1 + weight), 1 / (1 + weight), 0], abs=0.15)


def test_with_a_score_the_logit_is_a_statistic_and_without_it_is_none() -> None:
    network, score = generator(32), xai.Score(discriminator(32))
    with_score, without = importance(network, score, 4), importance(network, None, 4)
    assert with_score.names == (*picture_statistics.STATISTICS, "logit")
    assert without.names == tuple(picture_statistics.STATISTICS)
    assert with_score.statistics.value.shape == (6, 10)
    assert without.statistics.value.shape == (6, 9)
    assert (with_score.statistics.value[:, :9] == without.statistics.value).all()


def test_importance_reports_progress_and_leaves_the_generator_alone() -> None:
    network, told = generator(8), []
    before = snapshot(network)
    importance(network, samples=8, progress=told.append)
    assert snapshot(network) == before
    assert told[0] == 0
    assert told[-1] == 1
    assert told == sorted(told)


def test_a_picture_that_cannot_be_cut_into_these_cells_is_refused() -> None:
    for grid in (0, 3, 16):
        with pytest.raises(xai.ExplanationError) as caught:
            importance(generator(8), samples=4, grid=grid)
        assert "8 pixels" in one_sentence(caught.value)


# ---- gradients --------------------------------------------------------------------------------------------


def test_slopes_of_a_straight_generator_are_its_strengths() -> None:
    found = local_sensitivity(corners(), torch.zeros(2, 6, 1, 1))
    assert torch.allclose(found.rms / AMOUNT, torch.tensor([0.5, 1.0, 0.5, 0, 0, 0]), atol=1e-4)
    assert torch.allclose(found.error, torch.zeros(6), atol=1e-6)
    assert torch.allclose(found.gram.diagonal(), found.rms**2 * 192, rtol=1e-4)


def test_slopes_are_averaged_over_posters_with_their_error() -> None:
    network = generator(16)
    z = gan.latents(range(4), network.config)
    found = local_sensitivity(network, z)
    each = torch.stack([latent_sensitivity(network, one).rms for one in z.split(1)])
    assert torch.allclose(found.rms, each.square().mean(0).sqrt(), rtol=1e-4)
    assert (found.error > 0).all()
    assert (found.error < found.rms).all()


def test_four_threads_get_the_slopes_that_one_gets() -> None:
    network = generator(8)
    z = gan.latents(range(3), network.config)
    expected = local_sensitivity(network, z).gram
    assert all(torch.equal(found.gram, expected) for found in in_threads(4, lambda _: local_sensitivity(network, z)))


def test_each_value_owns_the_quarter_of_an_oblong_poster_that_it_paints() -> None:
    places = torch.zeros(3, 6, 4)
    places[0, :3, :2], places[1, 3:, 2:], places[2] = 1.0, 2.0, 0.5
    found = importance(painted(places, torch.ones(3, 3)), samples=600, grid=2)
    assert found.most_influential.tolist() == [[0, 2], [2, 1]]
    assert found.certain.all()
    assert found.cells.value[:, 0, 0] == pytest.approx([0.8, 0, 0.2], abs=0.1)
    energies = np.array([1 * 0.25, 4 * 0.25, 0.25])
    assert found.picture.value == pytest.approx(energies / energies.sum(), abs=0.08)


def test_an_oblong_poster_is_cut_into_cells_only_where_both_sides_can_be() -> None:
    network = painted(torch.ones(2, 6, 4), torch.ones(2, 3))
    assert importance(network, samples=2, grid=4).cells.value.shape == (2, 4, 4)
    with pytest.raises(xai.ExplanationError, match="12 x 8 pixels cannot be cut into 8 x 8"):
        importance(network, samples=2, grid=8)


def test_pixels_are_judged_in_parts_as_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = importance(corners(), samples=8, grid=2).picture
    monkeypatch.setattr("xai.latents.sobol.COLUMNS", 50)  # of 192
    monkeypatch.setattr("xai.latents.sobol.GENERATED", 3)
    found = importance(corners(), samples=8, grid=2).picture
    assert np.allclose(found.value, whole.value, rtol=1e-5)
    assert np.allclose(found.variance, whole.variance, rtol=1e-5)
