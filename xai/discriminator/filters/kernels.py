"""What a filter of a discriminator computes: the first layer's kernels as colours, and which filters feed a deeper one.

    kernels = colour_kernels(score)
    kernels.weights[5]                                  # (4, 4, 3) of filter 5 of the first activation layer
    kernels.pictures()[5]                               # uint8 (4, 4, 3): grey is 0, the kernel's largest weight full
    feeding = inputs(score, "layers.7", 12)
    feeding.units[:5], feeding.weights[:5]              # the strongest filters of layers.4 that feed it, signed
    feeding.kernels[0]                                  # (4, 4), how the first of them is taken; feeding.mean is of all

BatchNorm is folded into the convolution before it, so that these are the weights that are at work.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xai.discriminator.responses import FilterLayer, filter_layers
from xai.errors import ExplanationError
from xai.networks.score import Score
from xai.networks.steps import Convolution
from xai.render import Pixels, weights_rgb

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ColourKernels:
    """Kernels of the first activation layer: weights (U, h, w, 3) of red, green and blue; their largest size (U,)."""

    layer: str
    weights: Floats
    largest: Floats

    def pictures(self, shared: bool = False) -> Pixels:
        """uint8 RGB (U, h, w, 3): grey is 0; the full colour is the kernel's largest weight, or that of all kernels.

        A kernel without weights is grey.
        """
        ends = np.full_like(self.largest, self.largest.max()) if shared else self.largest
        ends = np.where(ends > 0, ends, 1)
        return np.stack([weights_rgb(one, end) for one, end in zip(self.weights, ends.tolist(), strict=True)])


@dataclass(frozen=True, eq=False)
class FilterInputs:
    """The filters of the layer before that feed a filter, the strongest first.

    layer : the activation layer before; "" where pixels feed it, and the units are red, green and blue.
    units : (C,). kernels : (C, h, w), the weights of each. weights : (C,), a kernel's norm, with the sign of its sum.
    mean : (h, w), the mean over all C of the absolute weights: which places count. bias : added everywhere.
    """

    layer: str
    units: NDArray[np.intp]
    weights: Floats
    kernels: Floats
    mean: Floats
    bias: float


def colour_kernels(score: Score) -> ColourKernels:
    """The kernels of the first activation layer's filters.

    Raises
    ------
    ExplanationError
        As :func:`xai.discriminator.responses.filter_layers`.
    """
    first = filter_layers(score)[0]
    weights = np.ascontiguousarray(_convolution(score, first).weight.permute(0, 2, 3, 1).numpy())
    return ColourKernels(first.name, weights, np.abs(weights).max((1, 2, 3)))


def inputs(score: Score, layer: str, unit: int) -> FilterInputs:
    """What feeds a filter of an activation layer.

    Raises
    ------
    ExplanationError
        If there is no such activation layer or filter, or as :func:`xai.discriminator.responses.filter_layers`.
    """
    layers = filter_layers(score)
    names = [one.name for one in layers]
    if layer not in names:
        raise ExplanationError(f"{layer} is no activation layer; there are {', '.join(names)}.")
    index = names.index(layer)
    if not 0 <= unit < layers[index].units:
        raise ExplanationError(f"{layer} has filters 0 to {layers[index].units - 1}; {unit} is none of them.")
    convolution = _convolution(score, layers[index])
    kernels = convolution.weight[unit].numpy()
    norms = np.sqrt((kernels**2).sum((1, 2)))
    order = np.argsort(-norms, kind="stable")
    signed = np.where(kernels.sum((1, 2)) < 0, -norms, norms)
    bias = 0.0 if convolution.bias is None else float(convolution.bias[unit])
    before = names[index - 1] if index else ""
    return FilterInputs(before, order, signed[order], kernels[order], np.abs(kernels).mean(0), bias)


def _convolution(score: Score, layer: FilterLayer) -> Convolution:
    """The step whose output the layer's activation function takes."""
    assert score.chain is not None  # checked by filter_layers
    step = score.chain.steps[layer.after - 2]
    if not isinstance(step, Convolution) or step.groups != 1:
        raise ExplanationError(f"{layer.name} does not follow an ordinary convolution.")
    return step
