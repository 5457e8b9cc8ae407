"""Pruning is physical, equal to masking, and saved as a normal checkpoint; the bench finds what is known to be true."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

import gan
import xai
from gan.evaluation.estimates import Estimate
from tests.xai import built
from tests.xai.nets import discriminator, generator, snapshot
from xai.bench.pruning import bench, unnoticed
from xai.generator import pruning
from xai.generator.filter_study import filters_table
from xai.generator.filter_table import FilterTable
from xai.generator.pruning_curves import Point
from xai.networks.layers import unit_means

SIDE = 16


def drawn(network: gan.Generator, count: int = 4) -> torch.Tensor:
    with torch.no_grad():
        return network(gan.latents(range(count), network.config))


def masked(network: gan.Generator, removed: dict[str, list[int]]) -> torch.Tensor:
    """The pictures of the whole network with these filters held at 0."""
    private = xai.private_copy(network)
    z = gan.latents(range(4), network.config)
    for layer, units in removed.items():
        xai.networks.hooks.find_layer(private, layer).register_forward_hook(
            lambda module, inputs, output, units=units: output.index_fill(1, torch.tensor(units, dtype=torch.long), 0.0)
        )
    with torch.no_grad():
        return private(z)


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_a_sliced_network_draws_what_the_masked_one_draws(data: st.DataObject) -> None:
    network = generator(SIDE)
    removed = {
        layer: sorted(data.draw(st.sets(st.integers(0, count - 1), max_size=count - 1)))
        for layer, count in pruning.activation_layers(network).items()
    }
    smaller = pruning.prune(network, removed, "none")
    assert torch.allclose(drawn(smaller), masked(network, removed), atol=1e-5)
    counts = pruning.activation_layers(network)
    assert pruning.activation_layers(smaller) == {layer: counts[layer] - len(removed[layer]) for layer in counts}


def test_nothing_removed_is_the_same_network() -> None:
    network = generator(SIDE)
    assert torch.equal(drawn(pruning.prune(network, {})), drawn(network))


def test_the_given_generator_stays_as_it_is() -> None:
    network = generator(SIDE)
    before = snapshot(network)
    pruning.prune(network, {"layers.2": [0, 3]})
    assert snapshot(network) == before


def with_constant_filter() -> gan.Generator:
    """Filter 1 of layers.2 answers 0.7 everywhere, for every seed."""
    network = generator(SIDE)
    with torch.no_grad():
        network.layers[1].weight[1], network.layers[1].bias[1] = 0.0, 0.7
    return network


def test_a_constant_filter_is_folded_exactly_on_average_away_from_the_border() -> None:
    network = with_constant_filter()
    assert unit_means(network, "layers.2")[1] == pytest.approx(0.7)
    before = xai.activations(network, gan.latents(range(4), network.config), ["layers.4"])["layers.4"]
    smaller = pruning.prune(network, {"layers.2": [1]}, "mean")
    after = xai.activations(smaller, gan.latents(range(4), network.config), ["layers.4"])["layers.4"]
    inner = [torch.nn.functional.avg_pool2d(maps[..., 1:-1, 1:-1], 2) for maps in (before, after)]
    assert torch.allclose(*inner, atol=1e-5)
    assert not torch.allclose(before, after, atol=1e-3)  # places and border differ, and that is measured:
    z, means = gan.latents(range(16), network.config), pruning.unit_statistics(network).mean["layers.2"]
    held = xai.private_copy(network)
    with torch.no_grad(), xai.edit(held, "layers.2", [1], float(means[1])):
        assert 0 < (smaller(z) - held(z)).square().mean().sqrt() < 0.5


def test_in_the_last_layer_the_filters_that_stay_take_over_a_mean() -> None:
    """Filter 1 of layers.5 answers 0.7, filter 3 always 1.4: with twice as much read from it, nothing is missing."""
    network = generator(SIDE)
    with torch.no_grad():
        network.layers[4].weight[[1, 3]], network.layers[4].bias[[1, 3]] = 0.0, torch.tensor([0.7, 1.4])
    gone = {"layers.5": [1]}
    assert (drawn(network) - drawn(pruning.prune(network, gone))).abs().max() < 0.02  # the ridge
    assert (drawn(network) - drawn(pruning.prune(network, gone, "mean"))).abs().max() > 0.1
    order, costs = pruning.replacements(network, "layers.5")
    assert order[0] in (1, 3)
    assert costs[0] < 0.02 * costs[1]


def test_folding_is_nearer_to_the_truth_than_dropping() -> None:
    network, removed = generator(SIDE, width=8), {"layers.2": [0, 1, 2, 3]}
    truth = drawn(network, 32)
    folds: list[pruning.Fold] = ["regression", "mean", "none"]
    errors = [float((drawn(pruning.prune(network, removed, fold), 32) - truth).square().mean()) for fold in folds]
    assert errors == sorted(errors)
    assert errors[0] < errors[2]


def test_a_filter_that_another_one_repeats_can_go_without_a_trace() -> None:
    network = generator(SIDE, width=8)
    with torch.no_grad():
        network.layers[0].weight[:, 2] = 3 * network.layers[0].weight[:, 5]
        for name, factor in (("weight", 3), ("bias", 3), ("running_mean", 3), ("running_var", 9)):
            network.layers[1].state_dict()[name][2] = factor * network.layers[1].state_dict()[name][5]
        network.layers[1].weight[2] /= 3  # eps apart, filter 2 is three times filter 5
    gone = {"layers.2": [2]}
    whole, spare = drawn(network), drawn(pruning.prune(network, gone))
    assert (whole - spare).abs().max() < 0.05  # the ridge, and the border
    assert (whole - drawn(pruning.prune(network, gone, "none"))).abs().max() > 0.2


# ---- rankings ----------------------------------------------------------------------------------------


def with_equal_filters(*units: int) -> gan.Generator:
    """These filters of layers.2 answer alike."""
    network = generator(SIDE)
    with torch.no_grad():
        for unit in units[1:]:
            network.layers[0].weight[:, unit] = network.layers[0].weight[:, units[0]]
            for tensor in network.layers[1].state_dict().values():
                if tensor.ndim:
                    tensor[unit] = tensor[units[0]]
    return network


def most_of_the_ridge(network: gan.Generator, unit: int) -> float:
    """What a filter of layers.2 costs at most that one other filter repeats: the penalty on a coefficient of 1."""
    variance = pruning.unit_statistics(network).covariance["layers.2"].diagonal()
    reads = network.layers[3].weight.detach().double().square().sum((1, 2, 3))
    return float(pruning.RIDGE * variance.mean() * reads[unit] / (reads @ variance))


def test_of_two_equal_filters_exactly_one_goes_first_and_costs_nothing_but_the_ridge() -> None:
    network = with_equal_filters(2, 5)
    order, costs = pruning.replacements(network, "layers.2")
    assert order[0] in (2, 5)
    assert costs[0] <= most_of_the_ridge(network, order[0]) < 0.1 * costs[1]
    other = 7 - order[0]
    assert costs[order.index(other)] > 100 * costs[0]  # nobody repeats it any more
    assert pruning.ranking(network, "duplicates")[0] == ("layers.2", order[0])


def test_of_three_equal_filters_two_go_first() -> None:
    network = with_equal_filters(1, 4, 6)
    order, costs = pruning.replacements(network, "layers.2")
    assert len({1, 4, 6} & set(order[:2])) == 2
    assert sum(costs[:2]) <= sum(most_of_the_ridge(network, unit) for unit in order[:2]) < 0.1 * costs[2]


def test_a_dead_filter_and_one_that_nobody_reads_cost_nothing() -> None:
    network = generator(SIDE)
    with torch.no_grad():
        network.layers[1].weight[3], network.layers[1].bias[3] = 0.0, -1.0
        network.layers[3].weight[6] = 0
    order, costs = pruning.replacements(network, "layers.2")
    assert set(order[:2]) == {3, 6}
    assert costs[:2] == pytest.approx([0, 0], abs=1e-12)
    assert costs[2] > 1e-5


def error_of(covariance: Tensor, reads: Tensor, gone: list[int]) -> float:
    """Brute force: each filter that is gone, by ridge regression on those that stay, on the covariance itself."""
    stays = [unit for unit in range(len(covariance)) if unit not in gone]
    ridge = pruning.RIDGE * covariance.diagonal().mean()
    error = 0.0
    for unit in gone:
        inner = covariance[stays][:, stays] + ridge * torch.eye(len(stays), dtype=torch.double)
        share = torch.linalg.lstsq(inner, covariance[stays, unit]).solution if stays else torch.zeros(0).double()
        left = covariance[unit, unit] - 2 * share @ covariance[stays, unit]
        left = left + share @ covariance[stays][:, stays] @ share + ridge * share @ share
        error += float(reads[unit] * left)
    return error / float(reads @ covariance.diagonal())


@pytest.mark.parametrize("seed", range(3))
def test_the_downdated_costs_are_those_of_brute_force(seed: int) -> None:
    network = generator(SIDE, seed=seed)
    known = pruning.unit_statistics(network)
    order, costs = pruning.replacements(network, "layers.2", known)
    covariance, reads = known.covariance["layers.2"], network.layers[3].weight.detach().double().square().sum((1, 2, 3))
    gone: list[int] = []
    for unit, cost in zip(order, costs, strict=True):
        rest = [other for other in range(len(order)) if other not in gone]
        before = error_of(covariance, reads, gone)
        prices = {other: error_of(covariance, reads, [*gone, other]) - before for other in rest}
        assert unit == min(prices, key=prices.__getitem__)
        assert cost == pytest.approx(prices[unit], rel=1e-6, abs=1e-12)
        gone.append(unit)
    assert sum(costs) == pytest.approx(1)  # with all of them everything is gone


def test_moments_are_those_of_all_maps_at_once() -> None:
    network = generator(SIDE)
    known = pruning.unit_statistics(network)
    z = gan.latents(pruning.FOLD_SEEDS, network.config)
    for layer, maps in xai.activations(network, z, list(pruning.activation_layers(network))).items():
        flat = maps.transpose(0, 1).flatten(1).double()
        assert torch.allclose(known.mean[layer], flat.mean(1))
        assert torch.allclose(known.covariance[layer], flat.cov(correction=0), atol=1e-7)


def test_moments_that_are_known_change_nothing() -> None:
    network, removed = generator(SIDE), {"layers.2": [1, 2]}
    known = pruning.unit_statistics(network)
    assert torch.equal(drawn(pruning.prune(network, removed, statistics=known)), drawn(pruning.prune(network, removed)))
    assert pruning.ranking(network, "duplicates", statistics=known) == pruning.ranking(network, "duplicates")


def test_filters_that_nobody_reads_go_first_by_norm() -> None:
    network = generator(SIDE)
    with torch.no_grad():
        network.layers[3].weight[6] = 0
    assert pruning.ranking(network, "norm")[0] == ("layers.2", 6)


def test_the_least_effect_goes_first() -> None:
    network = generator(SIDE)
    layers = pruning.activation_layers(network)
    effects = {layer: torch.arange(count, 0, -1.0) + index * 0.5 for index, (layer, count) in enumerate(layers.items())}
    order = pruning.ranking(network, "effect", effects)
    values = [float(effects[layer][unit]) for layer, unit in order]
    assert values == sorted(values)
    assert len(order) == sum(layers.values())


@pytest.fixture(scope="module")
def table() -> FilterTable:
    """Of the generator built by hand."""
    return filters_table(built.checkpoint(), latents=8)


def test_the_table_of_filters_gives_the_effects(table: FilterTable) -> None:
    network = built.generator()
    order = pruning.ranking(network, "effect", pruning.effects(table))
    assert {unit for _, unit in order[:2]} == {built.DEAD, built.CONSTANT}
    assert order[2] == (built.LAYER, built.WEAK)
    with pytest.raises(xai.ExplanationError, match="another generator"):
        pruning.ranking(generator(SIDE), "effect", pruning.effects(table))


@pytest.mark.parametrize("by", ["duplicates", "norm", "random"])
def test_a_ranking_names_every_filter_once_and_is_the_same_each_time(by: str) -> None:
    network = generator(SIDE)
    order = pruning.ranking(network, by)
    assert sorted(order) == sorted(
        (layer, u) for layer, n in pruning.activation_layers(network).items() for u in range(n)
    )
    assert order == pruning.ranking(network, by)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_layer_never_loses_its_last_filter(share: float) -> None:
    network = generator(SIDE)
    order = pruning.ranking(network, "random")
    chosen = pruning.first_of(network, order, share)
    smaller = pruning.prune(network, chosen)
    assert min(pruning.activation_layers(smaller).values()) >= 1
    if share < 0.5:
        assert sum(map(len, chosen.values())) == round(share * len(order))


def test_a_smaller_network_costs_less_and_the_count_is_right() -> None:
    network = generator(SIDE)
    smaller = pruning.prune(network, {"layers.2": [0], "layers.5": [1]})
    before, after = pruning.costs(network, smaller)
    assert before.parameters == sum(p.numel() for p in network.parameters())
    latent, (first, second) = network.config.latent, pruning.activation_layers(network).values()
    assert before.multiply_adds == 16 * (latent * first + first * second * 16 + second * 3 * 64)
    assert after.multiply_adds < before.multiply_adds
    assert after.parameters < before.parameters
    assert before.milliseconds > 0


def test_costs_are_in_the_order_of_the_networks() -> None:
    network = generator(SIDE)
    smaller = pruning.prune(network, {"layers.2": [0]}, "none")
    sizes = [price.parameters for price in pruning.costs(smaller, network, smaller)]
    assert sizes[0] == sizes[2] < sizes[1]


def test_a_pruned_checkpoint_is_a_normal_one(tmp_path: Path) -> None:
    network = generator(SIDE)
    smaller = pruning.prune(network, {"layers.2": [0, 4], "layers.5": [2]})
    gan.save(tmp_path / "smaller", smaller, discriminator(SIDE))
    loaded = gan.load(tmp_path / "smaller")
    assert loaded.generator is not None
    assert loaded.discriminator is not None
    assert torch.equal(drawn(loaded.generator), drawn(smaller))
    assert loaded.config.generator_channels == (3, 6)
    assert json.loads((tmp_path / "smaller/config.json").read_text())["model"]["generator_channels"] == [3, 6]


@pytest.mark.parametrize(
    ("removed", "words"),
    [
        ({"layers.3": [0]}, "layers.3"),
        ({"layers.2": [8]}, "0 to 7; 8"),
        ({"layers.2": [-1]}, "0 to 7; -1"),
        ({"layers.5": [0, 1, 2, 3]}, "layers.5 would be left"),
    ],
)
def test_what_cannot_be_pruned_is_one_sentence(removed: dict[str, list[int]], words: str) -> None:
    with pytest.raises(xai.ExplanationError, match=words):
        pruning.prune(generator(SIDE), removed)


def test_an_unknown_ranking_and_missing_effects_are_refused() -> None:
    with pytest.raises(xai.ExplanationError, match="astrology"):
        pruning.ranking(generator(SIDE), "astrology")
    with pytest.raises(xai.ExplanationError, match="effects"):
        pruning.ranking(generator(SIDE), "effect")


@pytest.mark.parametrize("channels", [(4,), (4, 0), (4, 8, 16)])
def test_channels_that_do_not_fit_the_resolution_are_refused(channels: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="generator_channels"):
        gan.ModelConfig(resolution=SIDE, width=4, generator_channels=channels)


# ---- the bench ---------------------------------------------------------------------------------------

BY_HAND = [built.DEAD, built.TWIN, built.PATCH, built.CONSTANT, built.HATED, built.WEAK, built.OTHER_TWIN]


def pixels(network: gan.Generator, first: int = 0, count: int = 64) -> np.ndarray:
    """A judge that looks at pixels."""
    with torch.no_grad():
        pictures: np.ndarray = network(gan.latents(range(first, first + count), network.config)).flatten(1).numpy()
    return pictures


def judged(orders: list[list[int]], shares: list[float], **settings: Any) -> list[Point]:
    network = built.generator()
    named = [[(built.LAYER, unit) for unit in order] for order in orders]
    return bench(network, named, shares, pixels, pixels(network, first=1000), **settings)


def test_the_judge_notices_when_a_filter_goes_that_draws_something_and_not_before() -> None:
    told: list[float] = []
    points = judged([BY_HAND], [0.0, 1 / 7, 2 / 7, 3 / 7], progress=told.append)
    whole, dead, twin, patch = points
    assert (whole.worse, whole.worse_low, whole.worse_high, whole.change) == (0, 0, 0, 0)
    assert whole.diversity == pytest.approx(1)
    assert dead.change < 1e-6
    assert dead.worse == pytest.approx(0, abs=1e-5)
    assert twin.change < 0.01  # the ridge, and the border
    assert patch.worse_low > 0
    assert patch.diversity_high < 1
    assert patch.change > 0.1
    assert unnoticed([whole, dead, replace(twin, worse_low=0.0), patch]) == pytest.approx(2 / 7)
    assert patch.worse == pytest.approx(patch.quality - whole.quality)
    assert patch.low < patch.quality < patch.high
    assert told == [0.25, 0.5, 0.75, 1.0]


def test_the_largest_share_that_is_not_noticed_vouches_for_smaller_ones() -> None:
    [point] = judged([BY_HAND], [0.0])
    marks = [(0.0, 0.0), (0.1, 0.1), (0.2, -1.0), (0.3, 0.5)]
    assert unnoticed([replace(point, share=share, worse_low=low) for share, low in marks]) == 0.2
    assert unnoticed([]) == 0.0


def test_several_orders_give_their_mean_and_an_interval_that_holds_them() -> None:
    harmless, harmful = BY_HAND, [built.PATCH, *[unit for unit in BY_HAND if unit != built.PATCH]]
    [one], [other], [both] = (judged(orders, [1 / 7]) for orders in ([harmless], [harmful], [harmless, harmful]))
    assert both.quality == pytest.approx((one.quality + other.quality) / 2)
    assert both.worse_low < one.worse < other.worse < both.worse_high
    assert both.high - both.low > max(point.high - point.low for point in (one, other))


def test_what_is_known_of_the_whole_network_is_not_measured_again() -> None:
    network = built.generator()
    given = {"known": pruning.unit_statistics(network), "whole": pixels(network)}
    timeless = {"milliseconds": 0.0, "speed": 0.0}
    plain, spared = judged([BY_HAND], [0.0, 2 / 7]), judged([BY_HAND], [0.0, 2 / 7], **given)
    assert [asdict(point) | timeless for point in plain] == [asdict(point) | timeless for point in spared]


def test_genres_that_are_built_in_stay_built_in(tmp_path: Path) -> None:
    config = gan.ModelConfig(16, 8, 4, genres=("Comedy", "Drama"), aspect="2:3")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        asked, judge = (
            gan.Generator(config).eval().with_genres([1.0, -1.0]),
            gan.Discriminator(config).with_genres([1.0, -1.0]),
        )
    removed = {"layers.2": [0, 3], "layers.5": [1]}
    smaller = pruning.prune(asked, removed, "none")
    assert torch.allclose(drawn(smaller), masked(asked, removed), atol=1e-6)
    gan.save(tmp_path / "smaller", smaller, judge)
    assert torch.equal(drawn(gan.load(tmp_path / "smaller").generator), drawn(smaller))


def test_a_generator_that_waits_for_genres_is_not_pruned() -> None:
    with pytest.raises(xai.ExplanationError, match="with_genres"):
        pruning.prune(gan.Generator(gan.ModelConfig(16, 8, 4, genres=("Comedy",))), {})


@pytest.mark.parametrize("aspect", ["1:1", "2:3"])
@pytest.mark.parametrize("genres", [(), ("Comedy", "Horror")])
def test_multiply_adds_are_those_that_torch_counts(aspect: str, genres: tuple[str, ...]) -> None:
    network = gan.Generator(gan.ModelConfig(16, latent=5, width=4, aspect=aspect, genres=genres)).eval()
    z = torch.zeros(1, 5, 1, 1)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(z)
    assert 2 * pruning.counts(network)[1] == counter.get_total_flops() > 0
    assert not any(module._forward_hooks for module in network.modules())


def test_the_cost_of_whole_posters_counts_all_their_places() -> None:
    network = gan.Generator(gan.ModelConfig(8, latent=5, width=4, aspect="2:3")).eval()
    assert network(torch.zeros(1, 5, 1, 1)).shape == (1, 3, 12, 8)
    places, kernel = 6 * 4, 4 * 4
    assert pruning.costs(network)[0].multiply_adds == 5 * 4 * places + 4 * 3 * kernel * places


def timed(monkeypatch: pytest.MonkeyPatch, ratio: float, noise: float) -> Estimate:
    """The change of time between two networks whose times are made up."""
    draw = np.random.default_rng(0)

    def times(generators: object, turns: int) -> list[list[float]]:
        load = draw.uniform(1, 3, turns)  # what slows the machine slows both
        return [list(load), list(load * ratio * draw.normal(1, noise, turns))]

    monkeypatch.setattr(pruning, "_times", times)
    return pruning.time_change(generator(SIDE), generator(SIDE))


def test_a_gain_in_time_is_told_from_none(monkeypatch: pytest.MonkeyPatch) -> None:
    gain = timed(monkeypatch, 0.7, 0.05)
    assert gain.low < gain.value < gain.high < 0
    assert gain.value == pytest.approx(-0.3, abs=0.03)
    none = timed(monkeypatch, 1.0, 0.05)
    assert none.low < 0 < none.high
