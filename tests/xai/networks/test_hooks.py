from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import gan
import xai
from tests.xai.nets import (
    conditional,
    discriminator,
    generator,
    given_discriminator,
    given_generator,
    hooks,
    noise,
    oblong,
    one_sentence,
    pictures,
    scramble,
    snapshot,
    tall_pictures,
)
from xai import ExplanationError
from xai.collection.similarity.alike import describe
from xai.generator.ablation import ablate
from xai.generator.folded import FoldedGenerator
from xai.generator.painting import paint
from xai.latents.directions import closed_form
from xai.latents.inversion import invert
from xai.latents.sobol import importance
from xai.latents.sweeps import latent_sweeps
from xai.networks import layers
from xai.networks.jacobian import jacobian

NETWORKS = ["generator", "discriminator", "generator of a genre", "discriminator without BatchNorm"]


def network_and_input(name: str) -> tuple[nn.Module, Tensor]:
    if name == "generator":
        network = generator(16)
        return network, gan.latents([1, 2], network.config)
    if name == "generator of a genre":
        return given_generator(), gan.latents([1, 2], given_generator().config)
    if name == "discriminator without BatchNorm":
        return given_discriminator(), tall_pictures(2, 32)
    return discriminator(32), pictures(2, 32)


def by_hand(network: nn.Module, inputs: Tensor) -> dict[str, Tensor]:
    """Every layer's output, kept before the next layer can write into it.

    Without the Discriminator's Sigmoid, a layer whose place a function takes in the forward.
    """
    outputs, h = {}, inputs
    with torch.no_grad():
        for index, layer in enumerate(network.layers):
            h = layer(h.clone())
            outputs[f"layers.{index}"] = h.clone()
    if isinstance(network, gan.Discriminator):
        del outputs[f"layers.{index}"]
    return outputs


@pytest.mark.parametrize("name", NETWORKS)
def test_captured_maps_are_each_layers_own_output_though_the_next_one_works_in_place(name: str) -> None:
    network, inputs = network_and_input(name)
    expected = by_hand(network, inputs)
    with torch.no_grad(), xai.capture(network, list(expected)) as maps:
        network(inputs)
    assert maps.keys() == expected.keys()
    assert all(torch.equal(maps[layer], expected[layer]) for layer in expected)
    assert expected["layers.3"].min() < 0  # a BatchNorm or a convolution: what comes next would have changed it


def test_captured_maps_are_detached_clones() -> None:
    network, z = network_and_input("generator")
    expected = network(z)
    with xai.capture(network, ["layers.0", "layers.7"]) as maps:
        picture = network(z)
        maps["layers.0"].zero_()
    assert not maps["layers.0"].requires_grad
    assert torch.equal(picture, expected)
    maps["layers.7"].zero_()
    assert torch.equal(picture, expected)


def test_capture_keeps_the_latest_forward_and_nothing_before_the_first() -> None:
    network, z = network_and_input("generator")
    with torch.no_grad(), xai.capture(network, ["layers.0"]) as maps:
        assert maps == {}
        network(z)
        network(z[:1])
    assert torch.equal(maps["layers.0"], by_hand(network, z[:1])["layers.0"])


@pytest.mark.parametrize("name", NETWORKS)
def test_capture_does_not_change_what_the_network_answers(name: str) -> None:
    network, inputs = network_and_input(name)
    expected = network(inputs)
    with xai.capture(network, list(by_hand(network, inputs))):
        assert torch.equal(network(inputs), expected)


def test_an_edit_to_zero_silences_the_chosen_units_only() -> None:
    network, z = network_and_input("generator")
    expected = by_hand(network, z)["layers.1"]
    with torch.no_grad(), xai.edit(network, "layers.1", [0, 3], 0.0), xai.capture(network, ["layers.1"]) as maps:
        network(z)
    others = [unit for unit in range(expected.shape[1]) if unit not in (0, 3)]
    assert (maps["layers.1"][:, [0, 3]] == 0).all()
    assert torch.equal(maps["layers.1"][:, others], expected[:, others])


def test_an_edit_reaches_what_comes_after_and_nothing_before() -> None:
    network, z = network_and_input("generator")
    expected = by_hand(network, z)
    with torch.no_grad(), xai.edit(network, "layers.3", [1], 5.0), xai.capture(network, list(expected)) as maps:
        network(z)
    changed = {layer for layer in expected if not torch.equal(maps[layer], expected[layer])}
    assert changed == {f"layers.{index}" for index in range(3, len(expected))}


@pytest.mark.parametrize("shape", [(2, 1, 1), (2, 4, 4), (1, 2, 4, 4), (3, 2, 4, 4)], ids=str)
def test_an_edit_puts_tensors_in_exactly(shape: tuple[int, ...]) -> None:
    network, value = generator(16), noise(*shape)
    z = gan.latents([1, 2, 3], network.config)
    with torch.no_grad(), xai.edit(network, "layers.1", [5, 2], value), xai.capture(network, ["layers.1"]) as maps:
        network(z)
    assert torch.equal(maps["layers.1"][:, [5, 2]], value.expand(3, 2, 4, 4))


def test_all_units_of_another_sample_draw_the_other_sample() -> None:
    network, z = network_and_input("generator")
    other = by_hand(network, z[1:])["layers.2"]
    with torch.no_grad(), xai.edit(network, "layers.2", range(other.shape[1]), other):
        drawn = network(z[:1])
    assert torch.equal(drawn, network(z[1:]))


def test_edits_of_one_layer_add_up_when_nested() -> None:
    network, z = network_and_input("generator")
    inner = xai.edit(network, "layers.2", [1], 2.0)
    with torch.no_grad(), xai.edit(network, "layers.2", [0], 1.0), inner, xai.capture(network, ["layers.2"]) as maps:
        network(z)
    assert (maps["layers.2"][:, 0] == 1).all()
    assert (maps["layers.2"][:, 1] == 2).all()


def test_leaving_the_inner_block_leaves_the_outer_one_working() -> None:
    network, z = network_and_input("generator")
    with torch.no_grad(), xai.edit(network, "layers.2", [0], 1.0), xai.capture(network, ["layers.2"]) as maps:
        with xai.edit(network, "layers.2", [0], 9.0), xai.capture(network, ["layers.0"]):
            network(z)
        network(z)
    assert (maps["layers.2"][:, 0] == 1).all()
    assert hooks(network) == 0


@pytest.mark.parametrize("context", ["capture", "edit"])
def test_the_network_is_itself_again_after_the_block_and_after_an_exception(context: str) -> None:
    network, z = network_and_input("generator")
    before, expected = snapshot(network), network(z)

    def block() -> object:
        return xai.capture(network, ["layers.1"]) if context == "capture" else xai.edit(network, "layers.1", [0], 9.0)

    with block():
        assert hooks(network) == 1
    assert snapshot(network) == before
    with pytest.raises(ZeroDivisionError), block():
        raise ZeroDivisionError
    assert snapshot(network) == before
    assert torch.equal(network(z), expected)


def test_a_failing_forward_leaves_no_hook() -> None:
    network, z = network_and_input("generator")
    with (
        pytest.raises(ExplanationError, match="another shape"),
        xai.edit(network, "layers.0", [0], noise(7, 7)),  # of no fitting shape
        xai.capture(network, ["layers.1"]),
    ):
        network(z)
    assert hooks(network) == 0


@pytest.mark.parametrize("unit", [-1, 8, 400])
def test_a_unit_that_does_not_exist_cannot_be_edited(unit: int) -> None:
    network, z = network_and_input("generator")
    with pytest.raises(xai.ExplanationError) as caught, xai.edit(network, "layers.1", [0, unit], 0.0):
        network(z)
    assert "units 0 to 7" in one_sentence(caught.value)
    assert str(unit) in str(caught.value)
    assert hooks(network) == 0


@pytest.mark.parametrize("layer", ["layers.99", "", "conv", "nowhere.3"])
def test_a_layer_that_does_not_exist_is_named_with_those_that_do(layer: str) -> None:
    network, z = network_and_input("generator")
    attempts = [
        lambda: xai.capture(network, ["layers.1", layer]).__enter__(),
        lambda: xai.edit(network, layer, [0], 0.0).__enter__(),
        lambda: xai.run_from(network, layer, z),
        lambda: xai.activations(network, z, [layer]),
    ]
    for attempt in attempts:
        with pytest.raises(xai.ExplanationError) as caught:
            attempt()
        assert repr(layer) in one_sentence(caught.value)
        assert "layers.7" in str(caught.value)
    assert hooks(network) == 0


@pytest.mark.parametrize("name", NETWORKS)
def test_activations_are_the_layers_outputs_and_the_network_is_left_alone(name: str) -> None:
    network, inputs = network_and_input(name)
    expected = by_hand(network, inputs)
    network.train()
    before = snapshot(network)
    found = xai.activations(network, inputs, list(expected))
    assert all(torch.equal(found[layer], expected[layer]) for layer in expected)
    assert snapshot(network) == before


@pytest.mark.parametrize("name", NETWORKS)
def test_running_from_any_layer_ends_where_the_whole_network_ends(name: str) -> None:
    network, inputs = network_and_input(name)
    maps = by_hand(network, inputs)
    end = network.layers(inputs)
    for layer, h in maps.items():
        kept = h.clone()
        assert torch.equal(xai.run_from(network, layer, h), end), layer
        assert torch.equal(h, kept), layer


def test_running_from_a_layer_with_a_unit_removed_is_the_same_as_editing_it() -> None:
    network, z = network_and_input("generator")
    h = by_hand(network, z)["layers.2"]
    h[:, 4] = 0
    with torch.no_grad(), xai.edit(network, "layers.2", [4], 0.0):
        expected = network(z)
    assert torch.equal(xai.run_from(network, "layers.2", h), expected)


def test_running_from_a_layer_of_a_network_in_train_mode_does_not_train_it() -> None:
    network, z = network_and_input("generator")
    expected, h = network(z), by_hand(network, z)["layers.0"]
    network.train()
    before = snapshot(network)
    assert torch.equal(xai.run_from(network, "layers.0", h), expected)
    assert snapshot(network) == before


def test_the_rest_of_something_that_is_no_sequential_is_unknown() -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        xai.run_from(nn.ModuleDict({"conv": nn.Conv2d(3, 1, 1)}), "conv", noise(1, 1, 2, 2))
    assert "Sequential" in one_sentence(caught.value)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_private_copy_shares_the_weights_memory_and_no_module(name: str) -> None:
    network, inputs = network_and_input(name)
    private = xai.private_copy(network)
    addresses = [tensor.data_ptr() for tensor in network.state_dict().values()]
    assert [tensor.data_ptr() for tensor in private.state_dict().values()] == addresses
    assert not set(map(id, network.modules())) & set(map(id, private.modules()))
    assert torch.equal(private(inputs), network(inputs))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_private_copy_is_in_eval_mode_writes_nothing_in_place_and_takes_no_gradients(name: str) -> None:
    network, _ = network_and_input(name)
    private = xai.private_copy(network.train())
    assert any(getattr(module, "inplace", False) for module in network.modules())
    assert not any(module.training or getattr(module, "inplace", False) for module in private.modules())
    assert not any(parameter.requires_grad for parameter in private.parameters())


def test_making_and_hooking_a_private_copy_leaves_the_network_alone() -> None:
    network = generator(16).train()
    next(network.parameters()).requires_grad_(False)
    before = snapshot(network)
    private = xai.private_copy(network)
    private.layers[0].register_forward_hook(lambda *_: None)
    private.layers[0].bias = None
    assert snapshot(network) == before


def test_a_private_copy_sees_what_the_weights_become() -> None:
    network, z = network_and_input("generator")
    private = xai.private_copy(network)
    with torch.no_grad():
        network.layers[0].weight.mul_(-1)
    assert torch.equal(private(z), network(z))


def test_a_private_copy_does_not_take_over_an_edit_or_a_capture_of_the_original() -> None:
    network, images = nn.Sequential(nn.Conv2d(3, 2, 1)), torch.ones(1, 3, 4, 4)
    expected = network(images).detach()
    with xai.edit(network, "0", [0, 1], 0.0), xai.capture(network, ["0"]) as maps:
        assert torch.equal(xai.private_copy(network)(images), expected)
    assert not maps


# ---- networks that wait for genres ---------------------------------------------------------------------

WAITING = {
    "activations": lambda g, d, z: xai.activations(g, z, ["layers.2"]),
    "run_from": lambda g, d, z: xai.run_from(g, "layers.2", z),
    "score": lambda g, d, z: xai.Score(d),
    "score of latents": lambda g, d, z: xai.Score.of_latents(g, given_discriminator()),
    "blame": lambda g, d, z: xai.blame(given_generator(), d, z, z),
    "reference": lambda g, d, z: xai.reference("generated", generator=g),
    "folded": lambda g, d, z: FoldedGenerator.of(g),
    "latent_sweeps": lambda g, d, z: latent_sweeps(g, z),
    "closed form": lambda g, d, z: closed_form(g),
    "inversion": lambda g, d, z: invert(g, torch.zeros(1, 3, 48, 32)),
    "jacobian": lambda g, d, z: jacobian(g, z),
    "paint": lambda g, d, z: paint(g, z, []),
    "importance": lambda g, d, z: importance(g, samples=2, grid=4),
    "units": lambda g, d, z: layers.layers(d, torch.zeros(1, 3, 48, 32)),
    "ablate": lambda g, d, z: ablate(g, z, "layers.2", 0),
    "describe": lambda g, d, z: describe(xai.Score(d), torch.zeros(1, 3, 48, 32)),
}


@pytest.mark.parametrize("asked", list(WAITING))
def test_a_network_that_waits_for_genres_is_refused_with_the_way_out(asked: str) -> None:
    waiting = conditional()
    judge = scramble(lambda: gan.Discriminator(oblong())).eval()
    with pytest.raises(xai.ExplanationError) as caught:
        WAITING[asked](waiting, judge, gan.latents([1], waiting.config))
    assert ".with_genres(labels)" in one_sentence(caught.value)
