"""A network of somebody else's class as a list of modules that run one after the other.

    prepared(network)                       # a copy to work with: eval mode, CPU, normalisation of weights built in
    unfolded(network, example)              # [Conv2d, LeakyReLU, ResidualBlock, ...]
    without_end(network, example)           # the same network without its last Sigmoid or Softmax, and that

What runs after what is found by running it: the children of a module take its place where they, one after the other,
give what it gives. A residual block, or one that calls a function between its children, stays whole.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize, remove_spectral_norm, remove_weight_norm
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

ENDS = (nn.Sigmoid, nn.Softmax, nn.LogSoftmax)
STRONG = 1e4  # factor of the last weights; a logit grows with it, a probability cannot


def prepared(network: nn.Module) -> nn.Module:
    """A copy in eval mode, on the CPU, as float32; spectral and weight normalisation become part of the weights."""
    if isinstance(network, nn.DataParallel):
        network = network.module
    computed = [value for module in network.modules() for value in vars(module).values() if isinstance(value, Tensor)]
    tensors = itertools.chain(network.parameters(), network.buffers(), computed)
    copied = copy.deepcopy(network, {id(one): _copied(one) for one in tensors}).cpu().float().eval()
    for module in list(copied.modules()):
        if parametrize.is_parametrized(module):
            _build_in(module)
        for hook in list(module._forward_pre_hooks.values()):
            if isinstance(hook, SpectralNorm):
                remove_spectral_norm(module, hook.name)
            elif isinstance(hook, WeightNorm):
                remove_weight_norm(module, hook.name)
    return copied.requires_grad_(False)


@torch.no_grad()
def _build_in(module: nn.Module) -> None:
    """Parametrized tensors as parameters; torch's own removal changes the class, which is the original's as well."""
    parametrized: Any = module._modules["parametrizations"]
    found = {name: getattr(module, name).clone() for name in parametrized._modules}
    del module._modules["parametrizations"]
    module.__class__ = type(module).__bases__[0]
    for name, tensor in found.items():
        module.register_parameter(name, nn.Parameter(tensor))


def _copied(tensor: Tensor) -> Tensor:
    copied = tensor.detach().clone()
    return nn.Parameter(copied, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else copied


@torch.no_grad()
def unfolded(network: nn.Module, example: Tensor) -> list[nn.Module]:
    """The modules that give, one after the other, what ``network`` gives; itself alone where there are none."""
    modules = [one for one in _parts(network, example, flat=True) if not isinstance(one, nn.Identity)]
    return modules if _same(run(modules, example), network(example.clone()), flat=True) else [network]


def run(modules: Iterable[nn.Module], x: Tensor) -> Tensor:
    """The modules one after the other; the input stays as it is where they work in place."""
    x = x.clone()
    for module in modules:
        x = module(x)
    return x


def _parts(module: nn.Module, x: Tensor, flat: bool = False) -> list[nn.Module]:
    """The same of any module. flat : whether the answer may have another shape, with the same numbers."""
    children = [child for child in module._modules.values() if child is not None]
    if type(module) is nn.Sequential:
        steps = children
    else:
        steps = _steps(children, x)
        if not steps or not _same(run(steps, x), module(x.clone()), flat):
            return [module]
    parts = []
    for step in steps:
        parts += _parts(step, x)
        x = step(x.clone())
    return parts


def _steps(children: Sequence[nn.Module], x: Tensor) -> list[nn.Module]:
    """The children with the Flatten that a forward has before a Linear; none where they do not follow each other."""
    steps: list[nn.Module] = []
    try:
        for child in children:
            if isinstance(child, nn.Linear) and x.ndim > 2:
                steps.append(nn.Flatten())
                x = steps[-1](x)
            steps.append(child)
            x = child(x.clone())
            if not isinstance(x, Tensor):
                return []
    except Exception:  # children that were not made to run one after the other may fail in any way
        return []
    return steps


def _same(one: Tensor, other: Any, flat: bool) -> bool:
    if not isinstance(other, Tensor) or one.numel() != other.numel() or (not flat and one.shape != other.shape):
        return False
    # The same operations give the same bits; a tanh of small numbers is not the same as none.
    return torch.allclose(one.flatten(), other.flatten(), 0.0, 1e-6 * float(other.abs().max()))


@torch.no_grad()
def without_end(network: nn.Module, example: Tensor) -> tuple[nn.Module, nn.Module | None]:
    """The network (changed in place) without the Sigmoid or Softmax that gives its answer, and that; None for none."""
    calls: list[tuple[nn.Module, Tensor]] = []
    ends = [module for module in network.modules() if isinstance(module, ENDS)]
    handles = [one.register_forward_hook(lambda module, _, output: calls.append((module, output))) for one in ends]
    try:
        answer = network(example.clone())
    finally:
        for handle in handles:
            handle.remove()
    for end, output in calls:
        if _same(output, answer, flat=True) and [module for module, _ in calls].count(end) == 1:
            _replace(network, end)
            return network, end
    return network, None


def _replace(network: nn.Module, old: nn.Module) -> None:
    for parent in network.modules():
        for name, child in parent._modules.items():
            if child is old:
                parent._modules[name] = nn.Identity()


@torch.no_grad()
def gives_probabilities(network: nn.Module, example: Tensor) -> bool:
    """Whether answers are probabilities, or logarithms of such, however large the last weights: by a function."""
    used: list[nn.Module] = []
    strong = copy.deepcopy(network)
    for module in strong.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            module.register_forward_hook(lambda module, *_: used.append(module))
    strong(example.clone())
    for weight in used[-1].parameters() if used else ():
        weight.mul_(STRONG)
    answers = strong(example.clone()).reshape(len(example), -1)
    logarithms = answers.shape[1] > 1 and bool((answers.logsumexp(1).abs() < 1e-3).all())
    return logarithms or bool(((answers >= 0) & (answers <= 1)).all())
