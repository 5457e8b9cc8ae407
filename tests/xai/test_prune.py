"""Pruning is physical, equal to masking, and saved as a normal checkpoint."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import gan
import xai
from tests.xai.nets import discriminator, generator, snapshot
from xai import prune
from xai.units import unit_means

SIDE = 16


def drawn(network: gan.Generator, count: int = 4) -> torch.Tensor:
    with torch.no_grad():
        return network(gan.latents(range(count), network.config))


def masked(network: gan.Generator, removed: dict[str, list[int]]) -> torch.Tensor:
    """The pictures of the whole network with these filters held at 0."""
    private = xai.private_copy(network)
    z = gan.latents(range(4), network.config)
    for layer, units in removed.items():
        xai.hooks.find_layer(private, layer).register_forward_hook(
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
        for layer, count in prune.activation_layers(network).items()
    }
    smaller = prune.prune(network, removed, "none")
    assert torch.allclose(drawn(smaller), masked(network, removed), atol=1e-5)
    counts = prune.activation_layers(network)
    assert prune.activation_layers(smaller) == {layer: counts[layer] - len(removed[layer]) for layer in counts}


def test_nothing_removed_is_the_same_network() -> None:
    network = generator(SIDE)
    assert torch.equal(drawn(prune.prune(network, {})), drawn(network))


def test_the_given_generator_stays_as_it_is() -> None:
    network = generator(SIDE)
    before = snapshot(network)
    prune.prune(network, {"layers.2": [0, 3]})
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
    smaller = prune.prune(network, {"layers.2": [1]}, "mean")
    after = xai.activations(smaller, gan.latents(range(4), network.config), ["layers.4"])["layers.4"]
    inner = [torch.nn.functional.avg_pool2d(maps[..., 1:-1, 1:-1], 2) for maps in (before, after)]
    assert torch.allclose(*inner, atol=1e-5)
    assert not torch.allclose(before, after, atol=1e-3)  # places and border differ, and that is measured:
    assert 0 < prune.fold_error(network, "layers.2", 1) < 0.5


def test_folding_is_nearer_to_the_truth_than_dropping() -> None:
    network, removed = generator(SIDE, width=8), {"layers.2": [0, 1, 2, 3]}
    truth = drawn(network, 32)
    folds: list[prune.Fold] = ["regression", "mean", "none"]
    errors = [float((drawn(prune.prune(network, removed, fold), 32) - truth).square().mean()) for fold in folds]
    assert errors == sorted(errors) and errors[0] < errors[2]


def test_a_filter_that_another_one_repeats_can_go_without_a_trace() -> None:
    network = generator(SIDE, width=8)
    with torch.no_grad():
        network.layers[0].weight[:, 2] = 3 * network.layers[0].weight[:, 5]
        for name, factor in (("weight", 3), ("bias", 3), ("running_mean", 3), ("running_var", 9)):
            network.layers[1].state_dict()[name][2] = factor * network.layers[1].state_dict()[name][5]
        network.layers[1].weight[2] /= 3  # eps apart, filter 2 is three times filter 5
    gone = {"layers.2": [2]}
    whole, spare = drawn(network), drawn(prune.prune(network, gone))
    assert (whole - spare).abs().max() < 0.05  # the ridge, and the border
    assert (whole - drawn(prune.prune(network, gone, "none"))).abs().max() > 0.2


def test_equal_filters_are_found_as_each_others_duplicates() -> None:
    network = generator(SIDE)
    with torch.no_grad():
        network.layers[0].weight[:, 2] = network.layers[0].weight[:, 5]
        for name, tensor in network.layers[1].state_dict().items():
            if tensor.ndim:
                network.layers[1].state_dict()[name][2] = tensor[5]
        network.layers[1].weight[3], network.layers[1].bias[3] = 0.0, -1.0  # dead
    correlation, partner = prune.duplicates(network, "layers.2")
    assert correlation[2] == pytest.approx(1, abs=1e-5) and correlation[5] == pytest.approx(1, abs=1e-5)
    assert (int(partner[2]), int(partner[5])) == (5, 2)
    assert correlation[3] == 0
    assert prune.ranking(network, "duplicates")[0][1] in (2, 5)


def test_filters_that_nobody_reads_go_first_by_norm() -> None:
    network = generator(SIDE)
    with torch.no_grad():
        network.layers[3].weight[6] = 0
    assert prune.ranking(network, "norm")[0] == ("layers.2", 6)


def test_the_least_effect_goes_first() -> None:
    network = generator(SIDE)
    layers = prune.activation_layers(network)
    effects = {layer: torch.arange(count, 0, -1.0) + index * 0.5 for index, (layer, count) in enumerate(layers.items())}
    order = prune.ranking(network, "effect", effects)
    values = [float(effects[layer][unit]) for layer, unit in order]
    assert values == sorted(values) and len(order) == sum(layers.values())


@pytest.mark.parametrize("by", ["duplicates", "norm", "random"])
def test_a_ranking_names_every_filter_once_and_is_the_same_each_time(by: str) -> None:
    network = generator(SIDE)
    order = prune.ranking(network, by)
    assert sorted(order) == sorted(
        (layer, u) for layer, n in prune.activation_layers(network).items() for u in range(n)
    )
    assert order == prune.ranking(network, by)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_layer_never_loses_its_last_filter(share: float) -> None:
    network = generator(SIDE)
    order = prune.ranking(network, "random")
    chosen = prune.first_of(network, order, share)
    smaller = prune.prune(network, chosen)
    assert min(prune.activation_layers(smaller).values()) >= 1
    if share < 0.5:
        assert sum(map(len, chosen.values())) == round(share * len(order))


def test_a_smaller_network_costs_less_and_the_count_is_right() -> None:
    network = generator(SIDE)
    smaller = prune.prune(network, {"layers.2": [0], "layers.5": [1]})
    before, after = prune.cost(network), prune.cost(smaller)
    assert before.parameters == sum(p.numel() for p in network.parameters())
    latent, (first, second) = network.config.latent, prune.activation_layers(network).values()
    assert before.multiply_adds == 16 * (latent * first + first * second * 16 + second * 3 * 64)
    assert after.multiply_adds < before.multiply_adds and after.parameters < before.parameters
    assert before.milliseconds > 0


def test_a_pruned_checkpoint_is_a_normal_one(tmp_path: Path) -> None:
    network = generator(SIDE)
    smaller = prune.prune(network, {"layers.2": [0, 4], "layers.5": [2]})
    gan.save(tmp_path / "smaller", smaller, discriminator(SIDE))
    loaded = gan.load(tmp_path / "smaller")
    assert loaded.generator is not None and loaded.discriminator is not None
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
        prune.prune(generator(SIDE), removed)


def test_an_unknown_ranking_and_missing_effects_are_refused() -> None:
    with pytest.raises(xai.ExplanationError, match="astrology"):
        prune.ranking(generator(SIDE), "astrology")
    with pytest.raises(xai.ExplanationError, match="effects"):
        prune.ranking(generator(SIDE), "effect")


@pytest.mark.parametrize("channels", [(4,), (4, 0), (4, 8, 16)])
def test_channels_that_do_not_fit_the_resolution_are_refused(channels: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="generator_channels"):
        gan.ModelConfig(resolution=SIDE, width=4, generator_channels=channels)
