"""What ONNX Runtime computes of the files is what torch computes of the networks, with and without edits."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import gan
from gan.checkpoints.conditioning import with_genres
from gan.networks.dcgan import latents
from tests.xai import built
from tests.xai.nets import (
    conditional,
    discriminator,
    generator,
    given_discriminator,
    given_generator,
    noise,
    oblong,
    one_sentence,
    scramble,
)
from xai.errors import ExplanationError
from xai.generator.ablation import ablate
from xai.generator.painting import Edit, paint
from xai.networks.hooks import activations
from xai.web.onnx_model import (
    OnnxUnavailableError,
    activation_layers,
    discriminator_model,
    generator_model,
    in_16_bits,
)

SHIPPED = Path(__file__).parents[3] / "checkpoints"
CLOSE = 1e-3
Inputs = dict[str, NDArray[np.float32]]


def biased(side: int = 16) -> gan.ModelConfig:
    return gan.ModelConfig(side, 6, 4, biased=True)


def pruned() -> gan.Generator:
    config = gan.ModelConfig(16, 6, 4, generator_channels=(3, 5))
    return scramble(lambda: gan.Generator(config), 1).eval()


GENERATORS: dict[str, Callable[[], gan.Generator]] = {
    "8 x 8": generator,
    "16 x 16": lambda: generator(16),
    "32 x 32": lambda: generator(32, seed=3),
    "2:3 with genres built in": given_generator,
    "pruned": pruned,
    "with biases": lambda: scramble(lambda: gan.Generator(biased())).eval(),
    "built by hand": built.generator,
}
DISCRIMINATORS: dict[str, Callable[[], gan.Discriminator]] = {
    "BatchNorm": discriminator,
    "2:3 without BatchNorm, genres built in": given_discriminator,
    "2:3 with BatchNorm": lambda: scramble(lambda: gan.Discriminator(oblong(norm_d=True, genres=()))).eval(),
    "with biases": lambda: scramble(lambda: gan.Discriminator(biased())).eval(),
    "calibrated": lambda: scramble(lambda: gan.Discriminator(replace(biased(), calibrated=True))).eval(),
    "built by hand": built.discriminator,
}
PLAIN = ("dcgan-64", "wider-64", "whole-64", "dcgan-128", "whole-128")
CHECKPOINTS = dict.fromkeys(PLAIN, "") | {"genres-64": "Horror"}


def session(model: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def feeds(z: Tensor, layers: int, edits: Inputs | None = None) -> Inputs:
    """The inputs of a generator's file; layers without an edit are left as they are, by a single 1 and a single 0."""
    one, zero = np.ones((1, 1, 1, 1), np.float32), np.zeros((1, 1, 1, 1), np.float32)
    usual = {f"{name}_{i}": value for i in range(layers) for name, value in (("keep", one), ("add", zero))}
    return {"z": z.numpy(), **usual, **(edits or {})}


def drawn(model: gan.Generator, z: Tensor, edits: Inputs | None = None) -> NDArray[np.float32]:
    inputs = feeds(z, len(activation_layers(model)), edits)
    return np.asarray(session(generator_model(model)).run(["picture"], inputs)[0])


@torch.no_grad()
def edited_by_hand(network: gan.Generator, z: Tensor, edits: Inputs) -> Tensor:
    """The layers one after the other in torch, each activation layer's maps times keep plus add."""
    h, names = z, activation_layers(network)
    for index, module in enumerate(network.layers):
        h = module(h.clone())
        if f"layers.{index}" in names:
            number = names.index(f"layers.{index}")
            h = h * torch.from_numpy(edits[f"keep_{number}"]) + torch.from_numpy(edits[f"add_{number}"])
    return h


@pytest.mark.parametrize("name", GENERATORS)
def test_pictures_are_torchs(name: str) -> None:
    network = GENERATORS[name]()
    z = latents(range(5), network.config)
    with torch.no_grad():
        expected = network(z).numpy()
    assert np.abs(expected).max() > 0.02
    assert np.abs(drawn(network, z) - expected).max() < CLOSE


@pytest.mark.parametrize("name", GENERATORS)
def test_pictures_with_every_filter_changed_are_torchs(name: str) -> None:
    network = GENERATORS[name]()
    z = latents([3], network.config)
    maps = activations(network, z, activation_layers(network))
    edits = {}
    for number, layer in enumerate(activation_layers(network)):
        shape = tuple(maps[layer].shape)
        edits[f"keep_{number}"] = (noise(*shape, seed=number) > 0).float().numpy()
        edits[f"add_{number}"] = (0.3 * noise(*shape, seed=10 + number).abs()).numpy()
    expected = edited_by_hand(network, z, edits).numpy()
    assert np.abs(drawn(network, z, edits) - expected).max() < CLOSE
    assert np.abs(drawn(network, z) - expected).max() > CLOSE


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_logits_are_torchs(name: str) -> None:
    network = DISCRIMINATORS[name]()
    images = noise(4, 3, *network.config.size).tanh()
    with torch.no_grad():
        expected = network.logit(images).numpy()
    (logit,) = session(discriminator_model(network)).run(["logit"], {"picture": images.numpy()})
    assert logit.shape == (4,)
    assert np.abs(logit - expected).max() < CLOSE


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_the_shipped_networks_are_equal_to_torch_and_half_as_large(name: str) -> None:
    checkpoint = with_genres(gan.load(SHIPPED / name), CHECKPOINTS[name])
    network, judge = checkpoint.need_both()
    z = latents(range(8), checkpoint.config)
    pictures = drawn(network, z)
    with torch.no_grad():
        expected = network(z)
        logits = judge.logit(expected).numpy()
    assert np.abs(pictures - expected.numpy()).max() < CLOSE
    (found,) = session(discriminator_model(judge)).run(None, {"picture": pictures})
    assert np.abs(found - logits).max() < CLOSE
    for model, weights in ((generator_model(network), network), (discriminator_model(judge), judge)):
        single = sum(4 * parameter.numel() for parameter in weights.parameters())
        assert len(model) < 0.53 * single


def test_ablating_a_filter_is_xais_ablation() -> None:
    network = given_generator()
    z, layer, unit = latents([5], network.config), activation_layers(network)[1], 2
    expected = ablate(network, z, layer, unit)
    shape = (1, *activations(network, z, [layer])[layer].shape[1:])
    keep, add = np.ones(shape, np.float32), np.zeros(shape, np.float32)
    keep[0, unit], add[0, unit] = 0, expected.removed
    changed = drawn(network, z, {"keep_1": keep, "add_1": add})
    assert np.abs(changed - expected.after.numpy()).max() < CLOSE
    assert np.abs(changed - expected.before.numpy()).max() > CLOSE


def test_painting_with_a_filter_is_xais_painting() -> None:
    network = generator(32)
    z, layer = latents([5], network.config), activation_layers(network)[0]
    edit = Edit(layer, 3, (0.0, 0.5, 0.5, 1.0), 2.5)
    maps = activations(network, z, [layer])[layer]
    keep, add = np.ones(tuple(maps.shape), np.float32), np.zeros(tuple(maps.shape), np.float32)
    inside = edit.inside(*maps.shape[2:]).numpy()
    keep[0, 3, inside], add[0, 3, inside] = 0, 2.5
    expected = paint(network, z, [edit]).numpy()
    assert np.abs(drawn(network, z, {"keep_0": keep, "add_0": add}) - expected).max() < CLOSE


def test_responses_are_the_maps_before_their_own_change() -> None:
    network = generator(16)
    z, layers = latents([2], network.config), activation_layers(network)
    maps = activations(network, z, layers)
    changed = {"keep_0": np.zeros((1, 1, 1, 1), np.float32)}
    run = session(generator_model(network)).run
    first, second = run(["response_0", "response_1"], feeds(z, 2, changed))
    assert np.abs(first - maps[layers[0]].numpy()).max() < CLOSE
    assert np.abs(second - maps[layers[1]].numpy()).max() > CLOSE  # it follows the change of the first


# ---- how weights are stored --------------------------------------------------------------------------


@pytest.mark.parametrize("exact", [True, False])
def test_weights_take_16_bits_and_are_exact_where_half_precision_holds_them(exact: bool) -> None:
    weight = noise(6, 5, 4, 4)
    weight = weight.half().float() if exact else weight
    numbers, scale = in_16_bits(weight, 0)
    assert numbers.dtype == (np.float16 if exact else np.int16)
    error = np.abs(numbers.astype(np.float32) * scale[:, None, None, None] - weight.numpy())
    assert error.max() == 0 if exact else 0 < error.max() < 1e-4
    coarser = np.abs(weight.half().float().numpy() - weight.numpy()).max()
    assert error.max() <= coarser


def test_the_scale_is_each_filters_own_and_a_filter_of_zeros_stays_one() -> None:
    weight = noise(5, 4, 2, 2) * torch.tensor([1e-4, 0.0, 1.0, 300.0])[:, None, None]
    numbers, scale = in_16_bits(weight, 1)
    stored = numbers.astype(np.float32) * scale[:, None, None]
    assert np.abs(stored - weight.numpy()).max((0, 2, 3)) == pytest.approx(0, abs=0.02)
    for unit in (0, 2, 3):
        largest = float(weight[:, unit].abs().max())
        assert np.abs(stored[:, unit] - weight[:, unit].numpy()).max() < largest / 60_000
    assert not stored[:, 1].any()


def test_no_large_constant_is_in_single_precision() -> None:
    model = onnx.load_from_string(generator_model(generator(32)))
    wide = [one.name for one in model.graph.initializer if len(one.dims) == 4 and one.dims[-1] > 1]
    kinds = {one.data_type for one in model.graph.initializer if one.name in wide}
    assert len(wide) == 4
    assert kinds == {onnx.TensorProto.INT16}


# ---- what is refused ---------------------------------------------------------------------------------


def test_a_network_that_waits_for_genres_is_refused() -> None:
    with pytest.raises(ExplanationError) as error:
        generator_model(conditional())
    assert "with_genres" in one_sentence(error.value)


def test_a_network_of_other_modules_is_refused() -> None:
    network = generator()
    network.layers.insert(1, nn.Dropout())
    with pytest.raises(ExplanationError) as error:
        generator_model(network)
    assert "layers.1 is a Dropout" in one_sentence(error.value)


def test_without_onnx_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(OnnxUnavailableError) as error:
        discriminator_model(discriminator())
    assert ".[web]" in one_sentence(error.value)


def test_the_network_is_left_as_it_is() -> None:
    network = generator()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    generator_model(network)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
