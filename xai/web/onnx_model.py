"""The two networks as ONNX: for a browser, or any other program that runs such files.

    Path("generator.onnx").write_bytes(generator_model(checkpoint.generator))
    Path("discriminator.onnx").write_bytes(discriminator_model(checkpoint.discriminator))

Computed is in single precision, stored in 16 bits a weight: in half precision where that is exact, as it is for weights
that a checkpoint has in half precision, else as whole numbers with a scale for each filter, which are finer. BatchNorm
is a factor and an offset of the convolution before it, in single precision; a runtime multiplies them in when it loads
the file.

The generator takes ``z`` (N, latent, 1, 1) and, for each of its activation layers i = 0, 1 ..., ``keep_i`` and
``add_i``: the layer's maps h become h * keep + add, which is every ablation and every painting. Both may be of any
shape that broadcasts to that of the maps (1, U, h, w), down to (1, 1, 1, 1): ones and zeros change nothing. It returns
``picture`` (N, 3, H, W) and, where they are asked for, ``response_i``: the maps before the change.
The discriminator takes ``picture`` and returns ``logit`` (N,).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gan.errors import PosterLensError
from gan.networks.dcgan import ConditionedConvTranspose2d, Discriminator, Generator
from xai.errors import ExplanationError
from xai.networks.hooks import check_given

OPSET, IR_VERSION = 17, 8  # old enough for every runtime of the last years
LARGEST = 32767  # of a signed whole number of 16 bits
Array = NDArray[Any]


class OnnxUnavailableError(PosterLensError):
    """The package onnx is not installed (optional extra ``web``)."""


def check_installed() -> None:
    """Raise OnnxUnavailableError where ONNX files cannot be written."""
    _onnx()


def generator_model(generator: Generator) -> bytes:
    """The generator as an ONNX file.

    Raises
    ------
    ExplanationError
        If it waits for genres, or holds modules that are not those of a DCGAN.
    OnnxUnavailableError
        If onnx is not installed.
    """
    check_given(generator)
    graph = _Graph()
    graph.takes("z", ["N", generator.config.latent, 1, 1])
    h = "z"
    blocks = list(_blocks(generator.layers))
    for number, block in enumerate(blocks[:-1]):
        response = graph.block(h, block, f"response_{number}")
        graph.returns(response, ["N", block.units, None, None])
        h = graph.edited(response, number)
    graph.block(h, blocks[-1], "picture")
    graph.returns("picture", ["N", 3, *generator.config.size], first=True)
    return graph.serialised("generator", {"layers": ",".join(activation_layers(generator))})


def discriminator_model(discriminator: Discriminator) -> bytes:
    """The discriminator up to its logit, without the Sigmoid, as an ONNX file; raises as :func:`generator_model`."""
    check_given(discriminator)
    graph = _Graph()
    graph.takes("picture", ["N", 3, *discriminator.config.size])
    h = "picture"
    for number, block in enumerate(_blocks(discriminator.layers[:-1])):
        h = graph.block(h, block, f"maps_{number}")
    graph.node("Reshape", [h, graph.constant("flat", np.array([-1]))], "logit")
    graph.returns("logit", ["N"])
    return graph.serialised("discriminator", {})


def activation_layers(generator: Generator) -> list[str]:
    """Names of the layers whose maps can be changed, in the order of ``keep_0``, ``keep_1`` ..."""
    return [block.name for block in _blocks(generator.layers)][:-1]


# ---- what is written ---------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Block:
    """A convolution, the BatchNorm after it if any, and the activation function after that if any.

    name : of the last of them.
    """

    name: str
    convolution: nn.Conv2d | nn.ConvTranspose2d
    norm: nn.BatchNorm2d | None
    activation: nn.Module | None

    @property
    def units(self) -> int:
        return self.convolution.out_channels

    def factor_and_offset(self) -> tuple[Tensor, Tensor]:
        """(U,) each: what the convolution's output is multiplied by, and what is added then, its own bias included."""
        bias = self.convolution.bias
        offset = torch.zeros(self.units) if bias is None else bias.detach()
        if self.norm is None:
            return torch.ones(self.units), offset
        norm = self.norm
        assert norm.running_mean is not None and norm.running_var is not None  # a DCGAN's have both
        factor = (norm.running_var + norm.eps).rsqrt() * norm.weight.detach()
        return factor, (offset - norm.running_mean) * factor + norm.bias.detach()


def _blocks(layers: nn.Sequential) -> Iterator[_Block]:
    """The network cut behind every activation function; ExplanationError where it is no such network."""
    convolution: nn.Conv2d | nn.ConvTranspose2d | None = None
    norm: nn.BatchNorm2d | None = None
    for index, module in enumerate(layers):
        last = index == len(layers) - 1
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and convolution is None:
            convolution, norm = module, None
            if last:
                yield _Block(f"layers.{index}", module, None, None)
        elif isinstance(module, nn.BatchNorm2d) and convolution is not None and norm is None:
            norm = module
        elif type(module) in ACTIVATIONS and convolution is not None:
            yield _Block(f"layers.{index}", convolution, norm, module)
            convolution = None
        else:
            raise ExplanationError(f"layers.{index} is a {type(module).__name__} in a place where a DCGAN has none.")


ACTIVATIONS: Mapping[type[nn.Module], str] = {nn.ReLU: "Relu", nn.LeakyReLU: "LeakyRelu", nn.Tanh: "Tanh"}


def in_16_bits(weight: Tensor, filters: int) -> tuple[Array, Array]:
    """A weight (4 dimensions) as numbers of 16 bits and a scale for each filter, whose product it is.

    It is so exactly, or up to 1/65534 of the largest number in the filter. ``filters`` is the dimension of the filters.
    """
    exact = weight.half()
    if torch.equal(exact.float(), weight):
        return exact.numpy(), np.ones(weight.shape[filters], np.float32)
    others = [dimension for dimension in range(4) if dimension != filters]
    scale = weight.abs().amax(others).clamp_min(1e-30) / LARGEST
    along = scale.reshape([-1 if dimension == filters else 1 for dimension in range(4)])
    return (weight / along).round().to(torch.int16).numpy(), scale.numpy()


class _Graph:
    """An ONNX graph while it is written: every method adds to it and returns the name of what it added."""

    def __init__(self) -> None:
        self.onnx = _onnx()
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []

    def takes(self, name: str, shape: Sequence[Any]) -> str:
        self.inputs.append(self._value(name, shape))
        return name

    def returns(self, name: str, shape: Sequence[Any], first: bool = False) -> None:
        self.outputs.insert(0 if first else len(self.outputs), self._value(name, shape))

    def constant(self, name: str, values: Array) -> str:
        self.constants.append(self.onnx.numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, kind: str, inputs: Sequence[str], name: str, **attributes: Any) -> str:
        self.nodes.append(self.onnx.helper.make_node(kind, inputs, [name], name, **attributes))
        return name

    def block(self, h: str, block: _Block, name: str) -> str:
        """A convolution with its BatchNorm and its activation function, whose output is called ``name``."""
        factor, offset = block.factor_and_offset()
        module = block.convolution
        weight = self._weight(module, factor, name)
        bias = self.constant(f"{name}_bias", offset.numpy())
        kind = "ConvTranspose" if isinstance(module, nn.ConvTranspose2d) else "Conv"
        convolved = f"{name}_convolved" if block.activation is not None else name
        self.node(kind, [h, weight, bias], convolved, **_attributes(module))
        if isinstance(module, ConditionedConvTranspose2d):
            constant = module.constant * factor[:, None, None]
            added = self.constant(f"{name}_constant", constant.numpy())
            convolved = self.node("Add", [convolved, added], f"{name}_conditioned")
        if block.activation is None:
            return convolved
        options = {"alpha": block.activation.negative_slope} if isinstance(block.activation, nn.LeakyReLU) else {}
        return self.node(ACTIVATIONS[type(block.activation)], [convolved], name, **options)

    def edited(self, response: str, number: int) -> str:
        """The maps of layer ``number`` times its ``keep`` plus its ``add``, which become inputs of the graph."""
        keep, add = (self.takes(f"{name}_{number}", [1, None, None, None]) for name in ("keep", "add"))
        return self.node("Add", [self.node("Mul", [response, keep], f"kept_{number}"), add], f"edited_{number}")

    def serialised(self, name: str, metadata: Mapping[str, str]) -> bytes:
        """The file's content, checked."""
        helper = self.onnx.helper
        graph = helper.make_graph(self.nodes, name, self.inputs, self.outputs, self.constants)
        opset = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION, producer_name="posterlens")
        helper.set_model_props(model, dict(metadata))
        self.onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString())

    def _weight(self, module: nn.Conv2d | nn.ConvTranspose2d, factor: Tensor, name: str) -> str:
        filters = 1 if isinstance(module, nn.ConvTranspose2d) else 0
        numbers, scale = in_16_bits(module.weight.detach(), filters)
        stored = self.constant(f"{name}_stored", numbers)
        single = self.node("Cast", [stored], f"{name}_single", to=self.onnx.TensorProto.FLOAT)
        along = [-1 if dimension == filters else 1 for dimension in range(4)]
        factors = self.constant(f"{name}_factor", (factor.numpy() * scale).reshape(along))
        return self.node("Mul", [single, factors], f"{name}_weight")

    def _value(self, name: str, shape: Sequence[Any]) -> Any:
        """A described tensor; None in the shape is a size that is not fixed, of a name of its own."""
        sizes = [f"{name}_{place}" if size is None else size for place, size in enumerate(shape)]
        return self.onnx.helper.make_tensor_value_info(name, self.onnx.TensorProto.FLOAT, sizes)


def _attributes(module: nn.Conv2d | nn.ConvTranspose2d) -> dict[str, Any]:
    padding = module.padding
    assert not isinstance(padding, str)  # "same" is never a DCGAN's
    attributes: dict[str, Any] = {"kernel_shape": list(module.kernel_size), "strides": list(module.stride)}
    return attributes | {"pads": [*padding, *padding], "dilations": list(module.dilation), "group": module.groups}


def _onnx() -> ModuleType:
    try:
        import onnx
    except ImportError:
        raise OnnxUnavailableError('Writing ONNX needs the package onnx: pip install -e ".[web]".') from None
    module: ModuleType = onnx
    return module
