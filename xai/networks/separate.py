"""A network in which every activation function is a module of its own, as the libraries' DeepLIFT needs it.

    separated(network, image)               # the same function; one module for each call of an activation function
    unsupported(network)                    # ["GELU"]: what DeepLIFT's rules do not know

captum and shap hook modules. What a forward computes by a function (``torch.relu``) they do not see, a module that is
called twice (the ``relu`` of ResNet's blocks) they cannot tell apart, where a block's input goes into a function and
past it they lose what goes past, and in a MaxPool2d whose windows overlap what one pixel gives to two windows: each
gives wrong sums without a word.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional

LOWEST = -1e30  # in place of the -inf around a MaxPool2d's input, whose differences are no numbers
OURS = ("torch.nn", "xai.", "gan.")  # modules that are not looked into
SHARED = (nn.ReLU, nn.LeakyReLU, nn.ELU, nn.Sigmoid, nn.Tanh, nn.Softplus, nn.MaxPool2d)  # DeepLIFT's rules know them
Make = Callable[..., nn.Module]


def _relu(inplace: bool = False) -> nn.Module:
    return nn.ReLU()


def _leaky_relu(negative_slope: float = 0.01, inplace: bool = False) -> nn.Module:
    return nn.LeakyReLU(negative_slope)


def _elu(alpha: float = 1.0, inplace: bool = False) -> nn.Module:
    return nn.ELU(alpha)


def _max_pool(
    kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False, **_: Any
) -> nn.Module:
    return nn.MaxPool2d(kernel_size, stride, padding, dilation, ceil_mode=ceil_mode)


FUNCTIONS: Mapping[Any, Make] = {  # functions and, by their names, methods of tensors
    **dict.fromkeys((functional.relu, torch.relu, functional.relu_, torch.relu_, "relu", "relu_"), _relu),
    **dict.fromkeys((functional.leaky_relu, functional.leaky_relu_), _leaky_relu),
    **dict.fromkeys((functional.elu, functional.elu_), _elu),
    **dict.fromkeys((torch.sigmoid, functional.sigmoid, "sigmoid", "sigmoid_"), nn.Sigmoid),
    **dict.fromkeys((torch.tanh, functional.tanh, "tanh", "tanh_"), nn.Tanh),
    **dict.fromkeys((functional.max_pool2d, torch.max_pool2d), _max_pool),
}
LINEAR_MODULES = (
    nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.BatchNorm1d, nn.BatchNorm2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d,
    nn.Identity, nn.Dropout, nn.Dropout2d, nn.Flatten, nn.Unflatten, nn.Upsample, nn.ZeroPad2d, nn.ReflectionPad2d,
    nn.PixelShuffle, nn.PixelUnshuffle,
)  # fmt: skip
LINEAR = {
    operator.add, operator.iadd, operator.sub, operator.getitem, getattr, torch.add, torch.sub, torch.flatten,
    torch.reshape, torch.cat, torch.mean, torch.sum, torch.squeeze, torch.unsqueeze, functional.avg_pool2d,
    functional.adaptive_avg_pool2d, functional.dropout, functional.dropout2d, functional.interpolate, functional.pad,
    functional.pixel_shuffle, "view", "reshape", "flatten", "squeeze", "unsqueeze", "mean", "sum", "size", "contiguous",
    "permute", "transpose", "add", "add_", "sub", "dim", "clone",
}  # fmt: skip
PRODUCTS = (operator.mul, operator.truediv, torch.mul, torch.div, "mul", "div")  # linear where one factor is a number


class _Tracer(fx.Tracer):
    """Looks into modules that are not torch's and not ours."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return type(m).__module__.startswith(OURS) and not isinstance(m, nn.Sequential)


class SeparateWindows(nn.Module):
    """The same as a MaxPool2d, on a copy of each window: a pixel in two windows counts in both."""

    def __init__(self, like: nn.MaxPool2d) -> None:
        super().__init__()
        (self.high, self.wide), (self.down, self.right) = _pair(like.kernel_size), _pair(like.stride)
        top, left = _pair(like.padding)
        self.pad = (left, left, top, top)
        self.pool = nn.MaxPool1d(self.high * self.wide)

    def forward(self, x: Tensor) -> Tensor:
        windows = functional.pad(x, self.pad, value=LOWEST).unfold(2, self.high, self.down)
        windows = windows.unfold(3, self.wide, self.right)
        largest: Tensor = self.pool(windows.reshape(len(x), -1, self.high * self.wide))
        return largest.reshape(windows.shape[:4])


def separated(network: nn.Module, image: Tensor) -> nn.Module:
    """The network with a module for each call of an activation function; itself where it cannot be read."""
    traced = _traced(network)
    if traced is None:
        return network
    for node in list(traced.graph.nodes):
        module = _own_module(traced, node)
        if module is not None:
            name = f"separate_{node.name}"
            traced.add_module(name, module)
            with traced.graph.inserting_before(node):
                given = traced.graph.call_method("clone", (node.args[0] if node.args else node.kwargs["input"],))
                new = traced.graph.call_module(name, (given,))
            node.replace_all_uses_with(new)
            traced.graph.erase_node(node)
    traced.recompile()
    with torch.no_grad():
        same = torch.allclose(traced(image), network(image), 1e-4, 1e-5)
    return traced.eval() if same else network


def _traced(network: nn.Module) -> fx.GraphModule | None:
    copied = copy.deepcopy(network)
    try:
        return fx.GraphModule(copied, _Tracer().trace(copied))
    except Exception:  # a forward that asks its input questions cannot be read, and fails in any way
        return None


def _own_module(traced: fx.GraphModule, node: fx.Node) -> nn.Module | None:
    """What takes a node's place, if anything does: a module for a function, a copy for each call of one."""
    if node.op in ("call_function", "call_method") and node.target in FUNCTIONS:
        make: Any = FUNCTIONS[node.target]
        settings = {key: value for key, value in node.kwargs.items() if key != "input"}
        module: nn.Module = make(*node.args[1:], **settings)
        return SeparateWindows(module) if isinstance(module, nn.MaxPool2d) and _overlaps(module) else module
    if node.op != "call_module":
        return None
    module = traced.get_submodule(str(node.target))
    if isinstance(module, nn.MaxPool2d) and _overlaps(module):
        return SeparateWindows(module)
    return copy.deepcopy(module) if isinstance(module, SHARED) else None


def _overlaps(pool: nn.MaxPool2d) -> bool:
    plain = not pool.ceil_mode and _pair(pool.dilation) == (1, 1)
    return plain and _pair(pool.stride) < _pair(pool.kernel_size)


def _pair(size: Any) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def unsupported(network: nn.Module) -> list[str]:
    """Names of what is neither linear nor known to DeepLIFT's rules; [] where the network cannot be read."""
    traced, names = _traced(network), []
    for node in traced.graph.nodes if traced is not None else ():
        if node.op == "call_module":
            module = network.get_submodule(str(node.target))
            if not isinstance(module, (*SHARED, *LINEAR_MODULES)) and not type(module).__module__.startswith(OURS[1:]):
                names.append(type(module).__name__)
        elif node.op in ("call_function", "call_method") and not _is_known(node):
            names.append(str(getattr(node.target, "__name__", node.target)))
    return list(dict.fromkeys(names))


def _is_known(node: fx.Node) -> bool:
    scaled = node.target in PRODUCTS and len([one for one in node.args if isinstance(one, fx.Node)]) == 1
    return scaled or node.target in FUNCTIONS or node.target in LINEAR
