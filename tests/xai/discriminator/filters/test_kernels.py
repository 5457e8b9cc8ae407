"""Kernels: what is shown is what the filters compute, with BatchNorm folded in."""

import numpy as np
import pytest
import torch

import xai
from tests.xai.discriminator.judges import GREEN_CORNER, LAYER, RED, SILENT, judge
from tests.xai.nets import discriminator, given_discriminator, noise
from xai.discriminator.filters.kernels import colour_kernels, inputs


def test_a_filter_that_fires_on_red_has_a_red_kernel_and_an_empty_one_is_grey() -> None:
    kernels = colour_kernels(xai.Score(judge()))
    assert (kernels.layer, kernels.weights.shape) == (LAYER, (7, 4, 4, 3))
    pictures = kernels.pictures()
    assert (pictures[RED] == [255, 0, 0]).all()
    assert (pictures[GREEN_CORNER] == [0, 255, 0]).all()
    assert (pictures[SILENT] == 128).all()


def test_on_a_shared_scale_a_weaker_kernel_is_paler() -> None:
    network = judge()
    with torch.no_grad():
        network.layers[0].weight[RED] /= 4
    kernels = colour_kernels(xai.Score(network))
    assert (kernels.pictures()[RED] == [255, 0, 0]).all()
    assert 128 < kernels.pictures(shared=True)[RED, 0, 0, 0] < 160


@pytest.mark.parametrize("network", [discriminator(32), given_discriminator(32)], ids=["norm", "2:3"])
def test_the_inputs_of_a_filter_make_its_response(network: torch.nn.Module) -> None:
    score = xai.Score(network)
    images = noise(2, 3, *network.config.size)
    names = ["layers.1", "layers.4" if network.config.norm_d else "layers.3"]
    with xai.capture(network, names) as maps, torch.no_grad():
        network(images)
    feeding = inputs(score, names[1], 3)
    assert feeding.layer == names[0]
    assert (np.diff(np.abs(feeding.weights)) <= 0).all()
    assert sorted(feeding.units.tolist()) == list(range(4))
    weight = torch.from_numpy(feeding.kernels)[None]
    response = torch.conv2d(maps[names[0]][:, feeding.units.copy()], weight, stride=2, padding=1) + feeding.bias
    expected = torch.nn.functional.leaky_relu(response[:, 0], 0.2)
    assert expected.numpy() == pytest.approx(maps[names[1]][:, 3].numpy(), abs=1e-5)


def test_an_input_that_is_taken_with_negative_weights_has_a_negative_weight() -> None:
    feeding = inputs(xai.Score(judge()), LAYER, RED)
    assert feeding.layer == ""
    assert dict(zip(feeding.units.tolist(), feeding.weights.tolist(), strict=True)) == pytest.approx(
        {0: 0.25, 1: -0.25, 2: -0.25}
    )
    assert feeding.mean == pytest.approx(np.full((4, 4), 1 / 16))


def test_what_is_no_filter_is_refused_in_a_sentence() -> None:
    score = xai.Score(judge())
    with pytest.raises(xai.ExplanationError, match=r"layers\.0 is no activation layer; there are layers\.1"):
        inputs(score, "layers.0", 0)
    with pytest.raises(xai.ExplanationError, match="filters 0 to 6; 7 is none"):
        inputs(score, LAYER, 7)
