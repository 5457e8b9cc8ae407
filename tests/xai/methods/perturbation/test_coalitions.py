"""Segments as players: what each is due, and masks that tell it."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import spearmanr
from torch import Tensor

import xai
from tests.xai.nets import affine, discriminator, in_threads, one_sentence, pictures, weights
from xai.methods.perturbation.coalitions import (
    Game,
    Masks,
    every_mask,
    foldover,
    kernel_pairs,
    kernel_sizes,
    parts_agree,
    shapley,
)
from xai.methods.perturbation.kernelshap import kernel_density, solve
from xai.methods.perturbation.segments import grid, spread

few = settings(deadline=None, max_examples=40, derandomize=True)


def table(players: int, seed: int) -> NDArray[np.float64]:
    """Any game: a score for each coalition."""
    return np.random.default_rng(seed).normal(size=2**players)


games = st.builds(table, st.integers(1, 6), st.integers(0, 999))


class CountingScore(xai.Score):
    """A score that knows how many pictures it was asked about."""

    asked = 0

    def __call__(self, images: Tensor) -> Tensor:
        self.asked += len(images)
        return super().__call__(images)


def a_game(side: int = 3, score: xai.Score | None = None) -> Game:
    """A poster on ``side`` x ``side`` tiles, masked with another one."""
    return Game.of(score or xai.Score(discriminator()), pictures(1, 32), pictures(1, 32, first=7), grid(32, 32, side))


# --- what each player is due


@given(games)
@few
def test_shapley_values_are_the_mean_gain_over_all_orders(scores: NDArray[np.float64]) -> None:
    players = int(math.log2(len(scores)))
    gains = np.zeros(players)
    for order in itertools.permutations(range(players)):
        coalition = 0
        for player in order:
            gains[player] += scores[coalition | 1 << player] - scores[coalition]
            coalition |= 1 << player
    assert np.allclose(shapley(scores), gains / math.factorial(players))


@given(games)
@few
def test_shapley_values_add_up_to_what_all_win_together(scores: NDArray[np.float64]) -> None:
    assert shapley(scores).sum() == pytest.approx(scores[-1] - scores[0])


@given(games, st.data())
@few
def test_a_player_who_changes_nothing_is_due_nothing(scores: NDArray[np.float64], data: st.DataObject) -> None:
    player = data.draw(st.integers(0, int(math.log2(len(scores))) - 1))
    index = np.arange(len(scores))
    assert shapley(scores[index & ~(1 << player)])[player] == pytest.approx(0)
    assert shapley(scores[index & ~(1 << player)] + 3.0 * (index >> player & 1))[player] == pytest.approx(3)


@given(games, st.data())
@few
def test_players_who_change_places_change_their_dues(scores: NDArray[np.float64], data: st.DataObject) -> None:
    players = int(math.log2(len(scores)))
    order = np.array(data.draw(st.permutations(range(players))))
    index = (every_mask(players)[:, order] << np.arange(players)).sum(1)  # order[p] plays the part of p
    assert np.allclose(shapley(scores[index])[order], shapley(scores))


@given(st.integers(1, 6), st.integers(0, 99), st.integers(0, 99), st.floats(-3, 3))
@few
def test_dues_of_two_games_add_up(players: int, one: int, other: int, factor: float) -> None:
    both = table(players, one) + factor * table(players, other)
    assert np.allclose(shapley(both), shapley(table(players, one)) + factor * shapley(table(players, other)))


def test_the_glove_game_has_the_shares_of_the_textbook() -> None:
    left, right_one, right_two = every_mask(3).T
    assert np.allclose(shapley((left & (right_one | right_two)).astype(float)), [2 / 3, 1 / 6, 1 / 6])


@pytest.mark.parametrize("players", [1, 2, 5])
def test_all_coalitions_come_in_the_order_of_their_binary_numbers(players: int) -> None:
    masks = every_mask(players)
    assert masks.shape == (2**players, players)
    assert masks.dtype == np.bool_
    assert [int("".join("01"[bit] for bit in row[::-1].astype(int)), 2) for row in masks] == list(range(2**players))


# --- masks


@given(st.integers(1, 70), st.integers(0, 99))
@few
def test_a_block_of_masks_is_balanced_alone_and_in_pairs_of_segments(players: int, seed: int) -> None:
    block = foldover(players, 10**6, np.random.default_rng(seed))
    signs = np.where(block, 1, -1)
    assert block.dtype == np.bool_
    assert len(block) == 2 * 2 ** max(1, math.ceil(math.log2(players)))
    assert (signs.T @ signs == len(block) * np.eye(players)).all()
    assert (signs.sum(0) == 0).all()


@given(st.integers(1, 40), st.integers(0, 99))
@few
def test_no_pair_of_segments_disturbs_what_a_block_says_of_a_third(players: int, seed: int) -> None:
    signs = np.where(foldover(players, 10**6, np.random.default_rng(seed)), 1, -1)
    assert (np.einsum("ma,mb,mc->abc", signs, signs, signs) == 0).all()


@given(st.integers(1, 70), st.integers(1, 60), st.integers(0, 99))
@few
def test_a_block_has_each_mask_beside_its_complement_and_no_more_rows_than_allowed(
    players: int, half: int, seed: int
) -> None:
    block = foldover(players, 2 * half, np.random.default_rng(seed))
    assert len(block) <= 2 * half
    assert len(block) % 2 == 0
    assert (block[0::2] == ~block[1::2]).all()


def test_a_mask_by_itself_hides_every_segment_half_of_the_time_and_independently() -> None:
    first = np.stack([foldover(12, 2, np.random.default_rng(seed))[0] for seed in range(4000)])
    signs = np.where(first, 1.0, -1.0)
    assert np.abs(signs.mean(0)).max() < 0.06
    assert np.abs(signs.T @ signs / len(signs) - np.eye(12)).max() < 0.07


def test_blocks_of_other_seeds_are_others() -> None:
    one, again, other = (foldover(50, 128, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_the_shapley_kernel_wants_very_small_and_very_large_coalitions_most() -> None:
    assert np.allclose(kernel_sizes(4), np.array([1 / 3, 1 / 4, 1 / 3]) / (11 / 12))
    density = kernel_density(every_mask(6))
    assert density.sum() == pytest.approx(1)
    assert density[0] == density[-1] == 0
    by_formula = [
        0.0 if size in (0, 6) else 5 / (math.comb(6, size) * size * (6 - size)) for size in every_mask(6).sum(1)
    ]
    assert np.allclose(density / density[1], np.array(by_formula) / by_formula[1])


@given(st.integers(2, 60), st.integers(1, 200), st.integers(0, 99))
@few
def test_coalitions_of_the_shapley_kernel_come_with_their_complements(players: int, half: int, seed: int) -> None:
    masks = kernel_pairs(players, 2 * half, np.random.default_rng(seed))
    assert masks.shape == (2 * half, players)
    assert (masks[0::2] == ~masks[1::2]).all()
    assert ((masks.sum(1) > 0) & (masks.sum(1) < players)).all()


@given(st.integers(2, 60), st.integers(0, 99))
@few
def test_each_size_of_coalition_comes_as_often_as_the_kernel_wants(players: int, seed: int) -> None:
    masks = kernel_pairs(players, 1000, np.random.default_rng(seed))
    counts = Counter(masks[0::2].sum(1).tolist())
    for size, probability in enumerate(kernel_sizes(players), 1):
        assert abs(counts[size] - 500 * probability) <= 1  # systematic: to the next whole number


def test_within_a_size_every_segment_has_the_same_chance() -> None:
    masks = kernel_pairs(8, 40_000, np.random.default_rng(0))
    assert np.abs(masks[0::2].mean(0) - 0.5).max() < 0.02
    pairs = masks[masks.sum(1) == 2]
    assert np.abs(pairs.mean(0) - 0.25).max() < 0.02


@given(games.filter(lambda scores: len(scores) > 2))
@few
def test_the_kernels_linear_model_of_all_coalitions_is_the_shapley_value(scores: NDArray[np.float64]) -> None:
    masks = every_mask(int(math.log2(len(scores))))[1:-1]
    found = solve(masks, scores[1:-1], kernel_density(masks), scores[-1], scores[0])
    assert np.allclose(found, shapley(scores), atol=1e-6)


# --- agreement of two halves


def test_halves_that_say_the_same_agree_and_halves_that_contradict_do_not() -> None:
    one = np.random.default_rng(0).normal(size=40)
    assert parts_agree(one, one**3) == pytest.approx(1)
    assert parts_agree(one, -one) == pytest.approx(-1)


def test_agreement_is_spearman_corrected_for_the_halves_length() -> None:
    random = np.random.default_rng(0)
    one = random.normal(size=40)
    other = one + random.normal(size=40)
    correlation = spearmanr(one, other).statistic
    assert parts_agree(one, other) == pytest.approx(2 * correlation / (1 + correlation))


def test_halves_predict_the_agreement_of_two_wholes() -> None:
    random, predicted, found = np.random.default_rng(0), [], []
    for _ in range(200):
        truth = random.normal(size=50)
        quarters = truth + random.normal(size=(4, 50))
        predicted.append(parts_agree(quarters[0], quarters[1]))
        found.append(spearmanr(quarters[:2].mean(0), quarters[2:].mean(0)).statistic)
    assert np.mean(predicted) == pytest.approx(np.mean(found), abs=0.02)


def test_many_parts_predict_the_agreement_of_two_wholes() -> None:
    random, predicted, found = np.random.default_rng(0), [], []
    for _ in range(200):
        truth = random.normal(size=50)
        parts = truth + 1.5 * random.normal(size=(10, 50))
        predicted.append(parts_agree(*parts[:5]))
        found.append(spearmanr(parts[:5].mean(0), parts[5:].mean(0)).statistic)
    assert np.mean(predicted) == pytest.approx(np.mean(found), abs=0.02)


def test_where_nothing_varies_parts_agree() -> None:
    flat, steep = np.zeros(5), np.arange(5.0)
    assert parts_agree(flat, flat + 1) == 1
    assert parts_agree(flat, steep) == parts_agree(steep, flat) == 0


# --- the picture


def test_the_value_of_a_mask_is_the_score_of_the_picture_put_together_by_hand() -> None:
    game = a_game()
    masks = np.random.default_rng(0).random((5, 9)) < 0.5
    image, baseline = pictures(1, 32), pictures(1, 32, first=7)
    for mask, value in zip(masks, game.value(masks), strict=True):
        composed = baseline.clone()
        for row, column in itertools.product(range(32), range(32)):
            if mask[game.labels[row, column]]:
                composed[..., row, column] = image[..., row, column]
        assert value == pytest.approx(float(game.score(composed)), abs=1e-5)


def test_all_in_sight_is_the_picture_and_none_its_reference() -> None:
    game = a_game()
    ends = game.value(np.array([[True] * 9, [False] * 9]))
    assert ends == pytest.approx([game.whole, game.empty], abs=1e-5)
    assert game.whole == pytest.approx(float(game.score(pictures(1, 32))))
    assert game.empty == pytest.approx(float(game.score(pictures(1, 32, first=7))))


def test_values_of_many_masks_tell_their_progress() -> None:
    told: list[float] = []
    game = a_game()
    values = game.value(every_mask(9)[:200], told.append)
    assert len(values) == 200
    assert len(told) == 4
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert np.allclose(values[150:], game.value(every_mask(9)[150:200]), atol=1e-5)


def test_what_was_asked_is_not_asked_again_whoever_asks() -> None:
    score = CountingScore(discriminator())
    drawn = 0

    def draw() -> Masks:
        nonlocal drawn
        drawn += 1
        return every_mask(9)[:50]

    first = a_game(3, score).shared("masks", draw)
    again = a_game(3, score).shared("masks", draw)
    assert drawn == 1
    assert score.asked == 50
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    a_game(2, score).shared("masks", lambda: every_mask(4))
    a_game(3, score).shared("others", draw)
    assert drawn == 2
    assert score.asked == 116


@pytest.mark.parametrize("changed", ["image", "baseline", "labels"])
def test_another_picture_reference_or_cut_is_another_game(changed: str) -> None:
    parts = {"image": pictures(1, 32), "baseline": torch.zeros(1, 3, 32, 32), "labels": grid(32, 32, 3)}
    score = xai.Score(discriminator())
    game, again = Game.of(score, **parts), Game.of(score, **parts)
    other = {"image": -parts["image"], "baseline": parts["baseline"] + 1, "labels": grid(32, 32, 3).T.copy()}
    assert game is again
    assert Game.of(score, **parts | {changed: other[changed]}) is not game
    assert Game.of(xai.Score(discriminator()), **parts) is not game


def test_the_table_has_every_coalition_and_is_asked_about_once() -> None:
    score = CountingScore(discriminator())
    game = a_game(2, score)
    scores = game.table()
    assert np.allclose(scores, game.value(every_mask(4)))
    assert score.asked == 32
    game.table()
    assert score.asked == 32


def test_a_table_of_17_players_is_refused() -> None:
    labels = np.minimum(grid(32, 32, 5), 16)
    with pytest.raises(xai.ExplanationError) as caught:
        Game.of(xai.Score(discriminator()), pictures(1, 32), torch.zeros(1, 3, 32, 32), labels).table()
    assert "17" in one_sentence(caught.value)
    assert "16" in str(caught.value)


def test_twelve_threads_in_one_game_get_what_one_gets() -> None:
    expected = a_game().table()
    score = xai.Score(discriminator())
    assert all(np.array_equal(found, expected) for found in in_threads(12, lambda _: a_game(3, score).table()))


@pytest.mark.parametrize("side", [1, 2, 3, 4])
def test_exact_values_of_an_affine_score_are_the_sums_over_the_tiles(side: int) -> None:
    network, image = affine(16), pictures(1, 16)
    found = xai.attribution("shapley", xai.Score(network), grid=side).attribute(image)
    exact = (weights(network, 16) * image).sum(1)[0]
    for tile in range(side**2):
        inside = found.segments[0] == tile
        assert found.values[0, 0][inside].sum() == pytest.approx(float(exact[inside].sum()), abs=2e-4)


def test_exact_values_of_a_deep_discriminator_are_those_of_its_game() -> None:
    game = a_game()
    reference = xai.reference("posters", images=pictures(1, 32, first=7))
    found = xai.attribution("shapley", game.score, reference=reference).attribute(pictures(1, 32))
    assert torch.equal(found.values, spread(shapley(game.table()), game.labels))
    assert found.gap.abs().max() < 1e-5
    assert found.diagnostics["segment_count"].tolist() == [9]


# --- cutting and spreading


@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 9))
@few
def test_a_grid_has_nearly_equal_tiles_row_by_row(height: int, width: int, side: int) -> None:
    side = min(side, height, width)
    labels = grid(height, width, side)
    assert labels.shape == (height, width)
    assert np.unique(labels).tolist() == list(range(side**2))
    tall = [len(np.unique(np.nonzero(labels == tile)[0])) for tile in range(side**2)]
    wide = [len(np.unique(np.nonzero(labels == tile)[1])) for tile in range(side**2)]
    assert max(tall) - min(tall) <= 1
    assert max(wide) - min(wide) <= 1
    assert labels[0, -1] == side - 1
    assert labels[-1, 0] == side * (side - 1)


def test_a_share_is_spread_evenly_over_its_segment() -> None:
    labels = np.array([[0, 0, 1], [0, 2, 2]])
    assert torch.allclose(spread(np.array([3.0, -1.0, 1.0]), labels), torch.tensor([[[[1, 1, -1], [1, 0.5, 0.5]]]]))
