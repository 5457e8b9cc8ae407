"""Measures of maps where the right answer is known: affine scores, brute force over orders, hand-made tables."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from torch import Tensor, nn

import gan
import xai
from gan.progress import Progress
from tests.xai.nets import affine, discriminator, generator, noise, pictures, quick, weights
from xai.methods.base import Attribution, Result
from xai.methods.perturbation.coalitions import Game, every_mask, shapley
from xai.methods.perturbation.segments import grid
from xai.trust.agreement import coarse, rank_correlation, similarity, top_overlap
from xai.trust.checks import Check
from xai.trust.faithfulness import curves, grid_correlation, share_of_best, unexplained
from xai.trust.robustness import cascade, interval, sensitivity, stability
from xai.trust.verdict import Trust

SIDE = 16
small_maps = arrays(np.float64, (8, 8), elements=st.floats(-5, 5))


@dataclass(frozen=True, eq=False)
class Edges(Attribution):
    """A control: looks at the picture only, never at the network."""

    name, title, promise, caveat = "edges", "Edges", "", ""

    def _attribute(self, image: Tensor, progress: Progress) -> Result:
        return Result(image.diff(dim=-1, prepend=image[..., :1]).abs())


@dataclass(frozen=True, eq=False)
class Chance(Attribution):
    """A control: noise."""

    name, title, promise, caveat, stochastic = "chance", "Chance", "", "", True

    def _attribute(self, image: Tensor, progress: Progress) -> Result:
        return Result(torch.randn(image.shape, generator=torch.Generator().manual_seed(self.seed)))


def judged(seed: int = 0) -> tuple[nn.Sequential, xai.Score, Tensor]:
    network = affine(SIDE, seed)
    return network, xai.Score(network), noise(1, 3, SIDE, SIDE, seed=seed + 1)


def exact_heat(network: nn.Sequential, image: Tensor) -> NDArray[np.float32]:
    """What each pixel adds to an affine score over the grey picture."""
    return np.asarray((weights(network, SIDE) * image)[0].sum(0))


# --- agreement


@given(small_maps)
@settings(deadline=None)
def test_a_map_agrees_with_itself(values: NDArray[np.float64]) -> None:
    if np.ptp(values) > 1e-6:
        assert rank_correlation(values, values) == pytest.approx(1)
        assert rank_correlation(values, -values) == pytest.approx(-1)
    assert top_overlap(values, values) == 1
    assert similarity(values, values) == pytest.approx(1)


def test_a_map_that_is_the_same_everywhere_has_no_order() -> None:
    assert math.isnan(rank_correlation(np.zeros((8, 8)), np.arange(64.0).reshape(8, 8)))


def test_the_strongest_places_are_found_by_size_whatever_their_sign() -> None:
    one, other = np.zeros((8, 8)), np.zeros((8, 8))
    one[0, :6], other[0, 3:6], other[1, :3] = -5, 5, -5
    assert top_overlap(one, other) == pytest.approx(0.5)  # six places each, three in common


@given(arrays(np.float32, (13, 17), elements=st.floats(-5, 5, width=32)), st.integers(1, 13))
@settings(deadline=None)
def test_coarse_maps_keep_the_sum(values: NDArray[np.float32], cells: int) -> None:
    found = coarse(values, cells)
    assert found.shape == (cells, cells)
    assert found.sum() == pytest.approx(values.sum(dtype=np.float64), abs=1e-4)


def test_a_tile_is_the_sum_of_its_pixels() -> None:
    values = np.random.default_rng(0).normal(size=(16, 16)).astype(np.float32)
    assert coarse(values)[2, 5] == pytest.approx(values[4:6, 10:12].sum(), abs=1e-5)


def test_equal_maps_have_a_consensus_and_no_disagreement() -> None:
    values = np.random.default_rng(0).normal(size=(16, 16)).astype(np.float32)
    found = xai.compare({"one": values, "twice": 2 * values})
    assert np.allclose(found.rank, 1) and np.allclose(found.overlap, 1) and np.allclose(found.ssim, 1)
    assert np.allclose(found.disagreement, 0)
    assert (found.consensus**2).mean() == pytest.approx(1)


def test_opposite_maps_have_no_consensus() -> None:
    values = np.random.default_rng(0).normal(size=(16, 16)).astype(np.float32)
    found = xai.compare({"one": values, "turned": -values, "empty": 0 * values})
    assert np.allclose(found.consensus, 0)
    assert found.rank[0, 1] == pytest.approx(-1)
    assert math.isnan(found.rank[0, 2])


def test_nothing_cannot_be_compared() -> None:
    with pytest.raises(xai.ExplanationError):
        xai.compare({})


# --- insertion and deletion


def test_the_exact_map_of_an_affine_score_gains_what_can_be_gained() -> None:
    network, score, image = judged()
    heat, hidden = exact_heat(network, image), torch.zeros_like(image)
    found = curves(score, image, heat, hidden)
    cells = np.sort(coarse(heat).ravel())[::-1]
    shown = float(score(hidden)) + np.concatenate([[0], np.cumsum(cells)])
    assert np.allclose(found.insertion, shown, atol=1e-3)
    assert np.allclose(found.deletion, shown[::-1][0] + shown[0] - shown, atol=1e-3)
    assert found.gain > 5 * found.random_spread
    assert curves(score, image, -heat, hidden).gain == pytest.approx(-found.gain, rel=1e-3)


def test_curves_begin_and_end_with_the_picture_and_the_reference() -> None:
    score, image, hidden = xai.Score(discriminator(32)), pictures(1, 32), pictures(1, 32, first=3)
    found = curves(score, image, np.random.default_rng(0).normal(size=(32, 32)).astype(np.float32), hidden)
    whole, empty = float(score(image)), float(score(hidden))
    ends = [found.insertion[0], found.insertion[-1], found.deletion[0], found.deletion[-1]]
    assert np.allclose(ends, [empty, whole, whole, empty], atol=1e-5)
    assert np.allclose(found.random[[0, -1]], [empty, whole], atol=1e-5)


@given(
    arrays(np.float64, 16, elements=st.floats(-3, 3)), arrays(np.float32, (4, 4), elements=st.floats(-3, 3, width=32))
)
@settings(max_examples=60, deadline=None)
def test_the_best_order_is_the_best_of_all_orders(table: NDArray[np.float64], heat: NDArray[np.float32]) -> None:
    def gain(order: tuple[int, ...]) -> float:
        masks = np.cumsum([1 << player for player in order])[:-1]
        return float((table[masks] - table[15 - masks]).sum())

    gains = [gain(order) for order in itertools.permutations(range(4))]
    assert np.mean(gains) == pytest.approx(0, abs=1e-9)  # what chance gains
    found = share_of_best(table, heat)
    if max(gains) > 1e-6:
        order = tuple(np.argsort(-coarse(heat, 2).ravel(), kind="stable"))
        assert found == pytest.approx(gain(order) / max(gains))
        assert found <= 1 + 1e-9


def test_where_all_orders_are_the_same_there_is_no_best() -> None:
    assert math.isnan(share_of_best(np.zeros(16), np.ones((4, 4), np.float32)))


def test_random_orders_are_asked_about_once_for_all_maps() -> None:
    score, image, hidden = xai.Score(affine(SIDE)), noise(1, 3, SIDE, SIDE), torch.zeros(1, 3, SIDE, SIDE)
    heat = np.ones((SIDE, SIDE), np.float32)
    first, second = curves(score, image, heat, hidden), curves(score, image, -heat, hidden)
    assert np.array_equal(first.random, second.random) and first.random_spread == second.random_spread


# --- infidelity, sensitivity, forgetting, seeds


def test_the_exact_map_foretells_everything_and_an_empty_one_nothing() -> None:
    network, score, image = judged()
    game = Game.of(score, image, torch.zeros_like(image), grid(SIDE, SIDE, 3))
    masks = every_mask(9)
    scores, heat = game.value(masks), exact_heat(network, image)
    assert unexplained(heat, game, masks, scores) == pytest.approx(0, abs=1e-5)
    assert unexplained(7 * heat, game, masks, scores) == pytest.approx(0, abs=1e-5)  # of any size
    assert unexplained(0 * heat, game, masks, scores) == pytest.approx(1)
    assert unexplained(-heat, game, masks, scores) == pytest.approx(1)  # turned over is no better than empty


def test_sensitivity_of_an_affine_score_is_that_of_its_pixels() -> None:
    network, score, image = judged()
    image = 0.5 * image.clamp(-1, 1)  # no pixel is cut off at the ends
    method = xai.attribution("deeplift", score)
    found = sensitivity(method, image, method.attribute(image), samples=3)
    random = torch.Generator().manual_seed(0)
    changes = [0.04 * (2 * torch.rand(image.shape, generator=random) - 1) for _ in range(3)]
    shares = weights(network, SIDE)
    exact = max(float((shares * change).norm() / (shares * image).norm()) for change in changes)
    assert found == pytest.approx(exact, rel=1e-3)


def test_a_map_that_ignores_the_network_stays_when_the_network_forgets() -> None:
    score, image = xai.Score(discriminator(32)), pictures(1, 32)
    method = Edges(score)
    assert np.allclose(cascade(method, image, method.attribute(image)), 1)


def test_a_map_of_the_network_changes_when_it_forgets() -> None:
    _, score, image = judged()
    method = xai.attribution("gradient_input", score)
    (left,) = cascade(method, torch.ones_like(image), method.attribute(torch.ones_like(image)))
    assert abs(left) < 0.3


def test_forgetting_reaches_one_linear_layer_more_at_a_time() -> None:
    score, image = xai.Score(discriminator(32)), pictures(1, 32)
    method = quick("deeplift", score)
    assert len(cascade(method, image, method.attribute(image))) == score.linear_layers


def test_seeds_that_agree_have_a_narrow_interval_and_noise_has_none_near_one() -> None:
    score, image = xai.Score(affine(SIDE)), noise(1, 3, SIDE, SIDE)
    still, chance = Edges(score), Chance(score)
    same = stability(still, image, still.attribute(image))
    assert (same.mean, same.low, same.high) == pytest.approx((1, 1, 1))
    drawn = stability(chance, image, chance.attribute(image))
    assert drawn.low < 0.2 and drawn.high < 0.6


def test_the_interval_is_the_jackknifes() -> None:
    matrix = np.array([[1, 0.9, 0.7], [0.9, 1, 0.8], [0.7, 0.8, 1]])
    left_out = np.array([0.8, 0.7, 0.9])  # the pair that stays without each row
    spread = 1.96 * np.sqrt(2 / 3 * ((left_out - 0.8) ** 2).sum())
    found = interval(matrix)
    assert (found.mean, found.low, found.high) == pytest.approx((0.8, 0.8 - spread, min(1, 0.8 + spread)))


def test_the_correlation_with_exact_values_is_that_of_the_tiles_sums() -> None:
    network, score, image = judged()
    table = Game.of(score, image, torch.zeros_like(image), grid(SIDE, SIDE, 3)).table()
    heat = exact_heat(network, image)
    assert grid_correlation(heat, shapley(table)) == pytest.approx(1, abs=1e-4)
    assert grid_correlation(-heat, shapley(table)) == pytest.approx(-1, abs=1e-4)
    assert math.isnan(grid_correlation(0 * heat, shapley(table)))


# --- the verdict


def check(value: float, higher: bool = True, essential: bool = False) -> Check:
    passes, fails = (0.8, 0.4) if higher else (0.4, 0.8)
    return Check("key", "Title", value, passes, fails, higher, essential, "")


@pytest.mark.parametrize(
    ("value", "higher", "level"),
    [
        (0.8, True, "pass"), (0.79, True, "doubt"), (0.4, True, "doubt"), (0.39, True, "fail"),
        (0.4, False, "pass"), (0.41, False, "doubt"), (0.8, False, "doubt"), (0.81, False, "fail"),
        (math.nan, True, "silent"), (math.nan, False, "silent"),
    ],
)  # fmt: skip
def test_a_value_is_judged_by_its_thresholds(value: float, higher: bool, level: str) -> None:
    assert check(value, higher).level == level


GOOD, DOUBT, BAD = 0.9, 0.5, 0.1


@pytest.mark.parametrize(
    ("values", "essential", "verdict"),
    [
        ([GOOD, GOOD, GOOD], False, "trust"),
        ([GOOD, GOOD, DOUBT], False, "trust"),
        ([GOOD, DOUBT, DOUBT], False, "caution"),
        ([GOOD, GOOD, BAD], False, "caution"),
        ([GOOD, BAD, BAD], False, "do not trust"),
        ([GOOD, GOOD, BAD], True, "do not trust"),
        ([math.nan, math.nan, GOOD], False, "trust"),
    ],
)
def test_the_verdict_follows_the_rule(values: list[float], essential: bool, verdict: str) -> None:
    checks = tuple(check(value, essential=essential and value == BAD) for value in values)
    assert Trust(checks, {}, (), np.zeros(9), np.zeros(9), 0.0).verdict == verdict


def test_exact_shares_are_trusted_and_chance_is_not() -> None:
    _, score, image = judged()
    good = xai.attribution("deeplift", score)
    found = xai.examine(good, image, good.attribute(image))
    assert found.verdict == "trust", found.reason
    assert np.allclose(found.shares, found.tiles, atol=1e-4)
    bad = Chance(score)
    found = xai.examine(bad, image, bad.attribute(image))
    assert found.verdict == "do not trust"
    assert "seed-to-seed correlation" in found.reason


def test_a_check_that_a_method_does_not_promise_is_left_out() -> None:
    _, score, image = judged()

    def keys(name: str) -> set[str]:
        method = quick(name, score)
        return {check.key for check in xai.examine(method, image, method.attribute(image)).checks}

    assert "completeness" in keys("deeplift") and "completeness" not in keys("occlusion")
    assert {"seeds", "r2", "segments", "split_half"} <= keys("lime")
    assert "seeds" not in keys("gradient_input")


def test_a_verdict_is_the_same_each_time_and_leaves_the_map_alone() -> None:
    score, image = xai.Score(discriminator(32)), pictures(1, 32)
    method = quick("lime", score)
    explanation = method.attribute(image)
    before = explanation.values.clone()
    one = xai.examine(method, image, explanation)
    other = xai.examine(replace(method, score=xai.Score(discriminator(32))), image, explanation)
    assert [c.value for c in one.checks] == [c.value for c in other.checks]
    assert torch.equal(explanation.values, before)


@pytest.mark.parametrize("name", list(xai.METHODS))
@pytest.mark.parametrize("level", [-1.0, 0.0])
def test_a_plain_picture_is_examined_without_a_crash(name: str, level: float) -> None:
    score, image = xai.Score(discriminator(32)), torch.full((1, 3, 32, 32), level)
    method = quick(name, score)
    found = xai.examine(method, image, method.attribute(image))
    assert found.verdict in ("trust", "caution", "do not trust")


def test_progress_runs_from_nothing_to_all_and_can_call_it_off() -> None:
    score, image = xai.Score(discriminator(32)), pictures(1, 32)
    method = quick("lime", score)
    told: list[float] = []
    explanation = method.attribute(image)
    xai.examine(method, image, explanation, told.append)
    assert told == sorted(told) and told[0] >= 0 and told[-1] == pytest.approx(1)

    def stop(part: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        xai.examine(quick("lime", xai.Score(discriminator(32))), image, explanation, stop)


# --- blame


def networks(side: int = 16) -> tuple[gan.Generator, gan.Discriminator]:
    return generator(side=side), discriminator(side=side)


def drawn(network: gan.Generator, *seeds: int) -> Tensor:
    return gan.latents(seeds, network.config)


def test_every_layer_shares_out_the_same_difference() -> None:
    painter, judge = networks()
    found = xai.blame(painter, judge, drawn(painter, 1), drawn(painter, 2, 3, 4))
    logits = judge.logit(painter(drawn(painter, 1, 2, 3, 4))).tolist()
    assert found.score == pytest.approx(logits[0], abs=1e-4)
    assert found.base_score == pytest.approx(np.mean(logits[1:]), abs=1e-4)
    difference = found.score - found.base_score
    assert abs(difference) > 1e-2
    for shares in (found.latents, *found.units.values()):
        assert float(shares.sum()) == pytest.approx(difference, abs=1e-4)
    assert max(abs(gap) for gap in found.gaps.values()) < 1e-4


def test_the_noise_gets_what_deepshap_gives_it() -> None:
    painter, judge = networks()
    others = drawn(painter, 2, 3)
    method = xai.attribution(
        "deepshap", xai.Score.of_latents(painter, judge), reference=xai.reference("own", images=others)
    )
    found = xai.blame(painter, judge, drawn(painter, 1), others)
    assert torch.allclose(found.latents, method.attribute(drawn(painter, 1)).values[0, :, 0, 0], atol=1e-5)


def test_a_filter_that_nothing_looks_at_gets_no_blame() -> None:
    painter, judge = networks()
    with torch.no_grad():
        painter.layers[3].weight[2] = 0  # the next layer does not read filter 2 of layers.2
    found = xai.blame(painter, judge, drawn(painter, 1), drawn(painter, 2, 3))
    assert found.units["layers.2"][2] == 0
    assert (found.units["layers.2"] != 0).sum() > 1


def test_a_noise_value_that_nothing_reads_gets_no_blame() -> None:
    painter, judge = networks()
    with torch.no_grad():
        painter.layers[0].weight[4] = 0
    found = xai.blame(painter, judge, drawn(painter, 1), drawn(painter, 2))
    assert found.latents[4] == 0 and (found.latents != 0).sum() == painter.config.latent - 1


def test_a_poster_compared_with_itself_has_nothing_to_share_out() -> None:
    painter, judge = networks()
    found = xai.blame(painter, judge, drawn(painter, 1), drawn(painter, 1))
    assert (found.latents == 0).all() and all((shares == 0).all() for shares in found.units.values())


def test_networks_that_do_not_fit_are_refused() -> None:
    painter, judge = generator(side=16), discriminator(side=32)
    with pytest.raises(xai.ExplanationError, match="16 pixels"):
        xai.blame(painter, judge, drawn(painter, 1), drawn(painter, 2))
