"""A network as a chain of linear steps and nonlinearities, differentiated in both modes without a hook.

    chain = Chain.of(network)                  # None where the network is not such a chain
    chain(images)                              # the network's outputs
    chain.gradient(images)                     # (outputs, gradients at the input): reverse mode
    trace, base = chain.trace(images), chain.trace(references)
    *_, change = chain.push(trace, 0, steps)   # Jacobian-vector products: forward mode
    chain.multipliers(trace, base)             # DeepLIFT's multipliers at the input

A nonlinearity is an elementwise activation function; everything else is linear and is
reversed by its transpose. Both networks of a DCGAN are chains, each alone and one after the other.
BatchNorm is folded into the convolution before it; genres that are built in are a constant of the first step. No
state is kept between calls, so a chain is safe in any number of threads.
Bias, stride, padding, dilation, groups and output padding are taken from the
module; a module of any other kind, or one that carries hooks, means that the network is no chain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from gan.networks.dcgan import ConditionedConvTranspose2d
from gan.networks.own import Rescale
from xai.networks.steps import Convolution, Flatten, Linear, Matrix, Nonlinearity, Scale, Step, Unflatten

MANY = 16  # rows from which channels_last is the faster format for every step


@dataclass(frozen=True, eq=False)
class Trace:
    """The intermediate values of a forward pass: ``before[i]`` is the input of step i, ``before[-1]`` the output."""

    before: list[Tensor]

    @property
    def output(self) -> Tensor:
        return self.before[-1]

    def rows(self, index: Tensor | slice) -> Trace:
        """The trace of these rows only."""
        return Trace([x[index] for x in self.before])


@dataclass(frozen=True, eq=False)
class Chain:
    """The steps of a network in the order in which they run; ``names`` are the modules' dotted names, one a step."""

    steps: tuple[Step, ...]
    names: tuple[str, ...]

    @staticmethod
    def of(network: nn.Module) -> Chain | None:
        """The network as a chain, in eval mode; None where it is none. Folded weights are copies."""
        links: list[tuple[str, Step]] = []
        for name, module in _leaves(network, ""):
            step = None if module is None else _step(module)
            if step is None:
                return None
            links += [(name, step)] if not isinstance(step, _Identity) else []
        links = _folded(links)
        return Chain(tuple(step for _, step in links), tuple(name for name, _ in links)) if links else None

    def is_nonlinearity(self, index: int) -> bool:
        """Whether a step is an activation function."""
        return isinstance(self.steps[index], Nonlinearity)

    def __call__(self, x: Tensor, start: int = 0, stop: int | None = None) -> Tensor:
        """The network's output for ``x`` (N, ...), without gradients.

        Given ``start`` and ``stop``, ``x`` is the input of step ``start``, and the result that of step ``stop``.
        """
        for output in self.outputs(x, len(x) >= MANY, start, stop):
            x = output
        return x

    @torch.no_grad()
    def outputs(self, x: Tensor, many: bool, start: int = 0, stop: int | None = None) -> Iterator[Tensor]:
        """Each step's output in turn; the next step may overwrite it. :meth:`trace` keeps them all, and takes longer.

        ``many`` as there, ``start`` and ``stop`` as above.
        """
        ours = False
        for step in self.steps[start:stop]:
            # In place where the tensor is ours: allocating costs as much as the activation.
            x = step.in_place(x) if ours and isinstance(step, Nonlinearity) else step.forward(x, many)
            ours = isinstance(step, Convolution) or (ours and isinstance(step, Nonlinearity))
            yield x

    @torch.no_grad()
    def trace(self, x: Tensor, many: bool = False) -> Trace:
        """Run forwards and keep every step's input.

        A row's bits do not depend on the other rows in the networks of a DCGAN (a library is free to sum up
        in another order for other shapes). ``many`` chooses the format that is faster for many.
        """
        before = [x.detach()]
        for step in self.steps:
            before.append(step.forward(before[-1], many))
        return Trace(before)

    @torch.no_grad()
    def multipliers(
        self, trace: Trace, base: Trace, places: Sequence[int] = (0,), given: tuple[int, Tensor] | None = None
    ) -> dict[int, Tensor]:
        """DeepLIFT's multipliers (rescale rule) between two traces of equally many rows, or one and many.

        Returns, for each of ``places``, the multipliers at that step's input: times the difference of the
        two inputs there, summed, they give the difference of the outputs. The output is one number a row.

        given : a place and the multipliers there, to start from in place of the output: as many rows as the traces
            have, or any number where these have one.
        """
        return self._backward(
            trace.before,
            lambda i, step: step.rescale(trace.before[i], trace.before[i + 1], base.before[i], base.before[i + 1]),
            given or self._of_output(trace, max(len(trace.output), len(base.output))),
            places,
        )

    @torch.no_grad()
    def gradient(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Reverse mode: (outputs (N,), d output / d x in the shape of ``x``). The output is one number a row."""
        trace = self.trace(x, len(x) >= MANY)
        before, one = trace.before, self._of_output(trace, len(x))
        gradients = self._backward(before, lambda i, step: step.local_gradient(before[i]), one, (0,))
        return before[-1].reshape(-1), gradients[0]

    @torch.no_grad()
    def push(self, trace: Trace, start: int, tangents: Tensor) -> Iterator[Tensor]:
        """Forward mode: carry tangents (T, ...) at the input of step ``start`` to each later input and the output.

        Exact Jacobian-vector products at the one row of ``trace``: linear steps without their bias, nonlinearities
        by their local gradient.
        """
        for index in range(start, len(self.steps)):
            step = self.steps[index]
            if isinstance(step, Nonlinearity):
                tangents = tangents * step.local_gradient(trace.before[index])
            elif isinstance(step, Convolution):
                tangents = step.without_bias().forward(tangents, True)
            else:  # linear, with an offset of an unknown kind
                tangents = step.forward(tangents, True) - step.forward(torch.zeros_like(tangents[:1]), True)
            yield tangents

    def _of_output(self, trace: Trace, rows: int) -> tuple[int, Tensor]:
        """The output's place, and its multipliers by itself."""
        return len(self.steps), torch.ones_like(trace.output[:1]).expand(rows, *trace.output.shape[1:])

    def _backward(
        self, before: list[Tensor], factor: Callable[[int, Nonlinearity], Tensor], given: tuple[int, Tensor],
        places: Sequence[int],
    ) -> dict[int, Tensor]:  # fmt: skip
        start, m = given
        multipliers: dict[int, Tensor] = {start: m} if start in places else {}
        for i in range(start - 1, min(places) - 1, -1):
            step = self.steps[i]
            if isinstance(step, Linear):
                m = step.backward(m, before[i].shape[1:])
            elif isinstance(step, Nonlinearity):
                by = factor(i, step)
                m = by.mul_(m) if by.shape == m.shape else m * by
            if i in places:
                multipliers[i] = m
        return multipliers


class _Identity(Step):
    """Modules that do nothing in eval mode."""

    def forward(self, x: Tensor, many: bool) -> Tensor:
        return x


def _leaves(module: nn.Module, name: str) -> Iterator[tuple[str, nn.Module | None]]:
    """The modules of nested Sequentials in the order in which they run; None for what is not one."""
    hooked = module._forward_hooks or module._forward_pre_hooks or module._backward_hooks or module._backward_pre_hooks
    if type(module) is nn.Sequential and not hooked:
        for key, child in module._modules.items():  # named_children() leaves out a module that comes twice
            assert child is not None  # a Sequential has no empty places
            yield from _leaves(child, f"{name}.{key}" if name else key)
    else:
        yield name, None if hooked else module


def not_a_step(network: nn.Module, name: str = "") -> str:
    """The first module that keeps a network from being a chain: "layers.4 is a ResidualBlock"; "" where none does."""
    for path, module in _leaves(network, name):
        if module is None:
            return f"{path} carries a hook"
        if _step(module) is None:
            kind = type(module).__name__
            return f"{path} is {'an' if kind[:1] in 'AEIOU' else 'a'} {kind}"
    return ""


def _step(module: nn.Module) -> Step | None:
    """The module as a step; None for an unknown kind. Subclasses may compute something else: exact types only."""
    kind = type(module)
    if kind in (nn.Conv2d, nn.ConvTranspose2d, ConditionedConvTranspose2d):
        return _convolution(module)  # type: ignore[arg-type]  # checked in the line above
    if kind is nn.Linear and isinstance(module, nn.Linear):
        return Matrix(module.weight.detach(), None if module.bias is None else module.bias.detach())
    if kind is nn.BatchNorm2d and module.running_mean is not None:
        return _scale(module)  # type: ignore[arg-type]  # checked in the line above
    if isinstance(module, nn.Flatten) and (module.start_dim, module.end_dim) == (1, -1):
        return Flatten()
    if kind is nn.Unflatten and isinstance(module, nn.Unflatten) and module.dim == 1:
        return Unflatten(tuple(module.unflattened_size)) if isinstance(module.unflattened_size[0], int) else None
    if kind is Rescale and isinstance(module, Rescale):
        return Scale(module.factor, module.offset)
    if kind in (nn.Identity, nn.Dropout, nn.Dropout2d):
        return _Identity()
    return _nonlinearity(module)


def _convolution(module: nn.Conv2d | nn.ConvTranspose2d) -> Convolution | None:
    if module.padding_mode != "zeros" or isinstance(module.padding, str):
        return None
    weight = module.weight.detach()
    return Convolution(
        weight,
        weight.contiguous(memory_format=torch.channels_last),
        None if module.bias is None else module.bias.detach(),
        module.constant.detach() if isinstance(module, ConditionedConvTranspose2d) else None,
        isinstance(module, nn.ConvTranspose2d),
        module.stride,
        module.padding,
        module.output_padding,
        module.dilation,
        module.groups,
    )


def _scale(module: nn.BatchNorm2d) -> Scale:
    assert module.running_mean is not None and module.running_var is not None  # checked by _step
    factor = (module.running_var.detach() + module.eps).rsqrt()
    offset = -module.running_mean.detach() * factor
    if module.affine:
        factor, offset = factor * module.weight.detach(), offset * module.weight.detach() + module.bias.detach()
    return Scale(factor[:, None, None], offset[:, None, None])


def _nonlinearity(module: nn.Module) -> Nonlinearity | None:
    """The activation functions that captum's and shap's DeepLIFT know too."""
    kind = type(module)
    if kind is nn.ReLU:
        return Nonlinearity(torch.relu, lambda x: (x > 0).to(x.dtype), torch.relu_)
    if kind is nn.LeakyReLU:
        low: Any = module.negative_slope
        return Nonlinearity(
            lambda x: functional.leaky_relu(x, low),
            lambda x: torch.where(x > 0, x.new_ones(()), low),
            lambda x: functional.leaky_relu_(x, low),
        )
    if kind is nn.ELU:
        alpha: Any = module.alpha
        return Nonlinearity(
            lambda x: functional.elu(x, alpha),
            lambda x: torch.where(x > 0, 1.0, alpha * x.exp()),
            lambda x: functional.elu_(x, alpha),
        )
    if kind is nn.Sigmoid:
        return Nonlinearity(torch.sigmoid, lambda x: x.sigmoid() * (1 - x.sigmoid()), torch.sigmoid_)
    if kind is nn.Tanh:
        return Nonlinearity(torch.tanh, lambda x: 1 - x.tanh() ** 2, torch.tanh_)
    return None


def _folded(links: list[tuple[str, Step]]) -> list[tuple[str, Step]]:
    """Every BatchNorm that follows a convolution becomes part of it, under the BatchNorm's name."""
    folded: list[tuple[str, Step]] = []
    for name, step in links:
        before = folded[-1][1] if folded else None
        if isinstance(step, Scale) and isinstance(before, Convolution):
            folded[-1] = name, _scaled(before, step)
        else:
            folded.append((name, step))
    return folded


def _scaled(step: Convolution, scale: Scale) -> Convolution:
    factor, offset = scale.factor.flatten(), scale.offset.flatten()
    if step.transposed:  # (in, out / groups, h, w): the outputs of a group stand beside each other
        grouped = factor.reshape(step.groups, 1, -1, 1, 1)
        weight = (step.weight.reshape(step.groups, -1, *step.weight.shape[1:]) * grouped).reshape(step.weight.shape)
    else:
        weight = step.weight * factor[:, None, None, None]
    last = weight.contiguous(memory_format=torch.channels_last)
    bias = offset if step.bias is None else step.bias * factor + offset
    constant = None if step.constant is None else step.constant * scale.factor
    return replace(step, weight=weight, weight_last=last, bias=bias, constant=constant)
