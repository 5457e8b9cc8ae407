"""Receptive fields: the pixels on which a neuron depends are those in its box, up to the box's borders."""

import numpy as np
import pytest
import torch

import gan
import xai
from tests.xai.nets import discriminator, given_discriminator, noise, scramble
from xai.discriminator.receptive_field import Box, receptive_fields

PLAIN = scramble(lambda: gan.Discriminator(gan.ModelConfig(resolution=32, width=4, norm_d=False)), 5).eval()
NETWORKS = {
    "square": discriminator(32),
    "without BatchNorm": PLAIN,
    "2:3 with genres": given_discriminator(32),
    "64 pixels": discriminator(64, width=2),
}


def odd() -> gan.Discriminator:
    """Another kernel, stride, padding and dilation in each layer, and along each axis."""
    network = discriminator(32)
    network.layers[0] = torch.nn.Conv2d(3, 4, (3, 5), stride=(2, 1), padding=(0, 2), dilation=(2, 1))
    network.layers[2] = torch.nn.Conv2d(4, 8, (2, 4), stride=(1, 3), padding=(1, 0), dilation=(1, 2), bias=False)
    height, width = network.layers[:-2](torch.zeros(1, 3, 32, 32)).shape[2:]
    network.layers[-2] = torch.nn.Conv2d(network.layers[-2].in_channels, 1, (height, width))
    return network.eval()


def pixels(network: gan.Discriminator, layer: str, row: int, column: int) -> Box:
    """The oracle: the box around the pixels at which the gradient of the neuron is not 0."""
    images = noise(1, 3, *network.config.size).requires_grad_()
    h = images
    for module in network.layers[: int(layer.removeprefix("layers.")) + 1]:
        h = torch.nn.functional.leaky_relu(h, 0.2) if isinstance(module, torch.nn.LeakyReLU) else module(h)
    (gradient,) = torch.autograd.grad(h[0, :, row, column].sum(), images)
    rows, columns = (gradient[0].abs().amax((0, axis)).nonzero().flatten().tolist() for axis in (2, 1))
    return Box(min(rows), min(columns), max(rows) + 1, max(columns) + 1)


@pytest.mark.parametrize("network", [*NETWORKS.values(), odd()], ids=[*NETWORKS, "odd strides and dilations"])
def test_a_neuron_depends_on_the_pixels_in_its_box_up_to_all_four_borders(network: gan.Discriminator) -> None:
    score = xai.Score(network)
    for index in range(len(network.layers) - 1):
        fields = receptive_fields(score, f"layers.{index}")
        height, width = len(fields.rows), len(fields.columns)
        for row in {0, height // 2, height - 1}:
            for column in {0, width // 2, width - 1}:
                assert fields.box(row, column) == pixels(network, fields.layer, row, column)


def test_sizes_are_those_of_the_field_that_no_border_cuts() -> None:
    score = xai.Score(NETWORKS["64 pixels"])
    fields = [receptive_fields(score, layer) for layer in ("layers.0", "layers.2", "layers.4", "layers.7", "layers.10")]
    assert [(one.height, one.width) for one in fields] == [(4, 4), (10, 10), (10, 10), (22, 22), (46, 46)]
    middle = fields[2].box(8, 8)
    assert (middle.height, middle.width) == (10, 10)
    assert fields[4].box(0, 0).height < 46


def test_a_place_of_responses_is_row_times_width_plus_column() -> None:
    fields = receptive_fields(xai.Score(NETWORKS["2:3 with genres"]), "layers.1")
    assert (len(fields.rows), len(fields.columns)) == (24, 16)
    assert fields.box_at(16 * 3 + 5) == fields.box(3, 5)


def test_a_patch_is_cut_out_of_a_picture() -> None:
    picture = np.arange(5 * 4 * 3).reshape(5, 4, 3)
    assert (Box(1, 2, 4, 4).cut(picture) == picture[1:4, 2:4]).all()


def test_what_has_no_receptive_field_is_refused_in_a_sentence() -> None:
    score = xai.Score(PLAIN)
    with pytest.raises(xai.ExplanationError, match=r"has no layer layers\.99; there are layers\.0"):
        receptive_fields(score, "layers.99")
    with pytest.raises(xai.ExplanationError, match=r"has places \(0, 0\) to \(15, 15\); \(16, 0\) is none of them"):
        receptive_fields(score, "layers.1").box(16, 0)
    with pytest.raises(xai.ExplanationError, match="flat is no layer of maps"):
        receptive_fields(score, "flat")
    with pytest.raises(xai.ExplanationError, match="made of convolutions"):
        receptive_fields(xai.Score(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 1))), "0")
