"""The links of a chain: convolutions, matrices, scales, and nonlinearities with DeepLIFT's rescale rule.

    step = Convolution(weight, ...)
    step.forward(x, many=True)              # its output
    step.backward(m, x.shape[1:])           # multipliers or gradients at its output become those at its input

Every linear step is reversed by its transpose. Steps keep no state between calls.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

FEW_PLACES = 256  # up to here a picture of few places is faster in the contiguous format, if rows are few
TINY = 1e-10  # captum's: below this difference of the inputs the local gradient takes the place of the ratio


class Step(ABC):
    """One link of a chain."""

    @abstractmethod
    def forward(self, x: Tensor, many: bool) -> Tensor: ...


class Linear(Step):
    """A linear step knows how multipliers (or gradients) of its output become those of its input."""

    @abstractmethod
    def backward(self, m: Tensor, shape: torch.Size) -> Tensor:
        """``m`` at the output to the input's ``shape`` (without rows)."""


@dataclass(frozen=True, eq=False)
class Convolution(Linear):
    """A convolution, or a transposed one; the weight is kept in both memory formats.

    ``bias`` (C,) is added at every place, ``constant`` (1, C, h, w) at its own.
    """

    weight: Tensor
    weight_last: Tensor
    bias: Tensor | None
    constant: Tensor | None
    transposed: bool
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    output_padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int

    def forward(self, x: Tensor, many: bool) -> Tensor:
        if many or x.shape[-2] * x.shape[-1] > FEW_PLACES:
            x, weight = x.contiguous(memory_format=torch.channels_last), self.weight_last
        else:
            x, weight = x.contiguous(), self.weight
        y = torch.convolution(
            x, weight, self.bias, self.stride, self.padding, self.dilation,
            self.transposed, self.output_padding, self.groups,
        )  # fmt: skip
        y = y if self.constant is None else y + self.constant
        return y.contiguous(memory_format=torch.channels_last)  # the format of multipliers on their way back

    def without_bias(self) -> Convolution:
        """The same step without bias and constant: how tangents pass."""
        return replace(self, bias=None, constant=None)

    def backward(self, m: Tensor, shape: torch.Size) -> Tensor:
        # The transpose leaves open how many places the stride has skipped at the end.
        skipped = (0, 0) if self.transposed else self._skipped(m.shape[-2:], shape[-2:])
        m = m.contiguous(memory_format=torch.channels_last)
        at_input = torch.convolution(
            m, self.weight_last, None, self.stride, self.padding, self.dilation,
            not self.transposed, skipped, self.groups,
        )  # fmt: skip
        return at_input[..., : shape[-2], : shape[-1]]  # an output padding beyond the stride has no input

    def _skipped(self, small: Sequence[int], large: Sequence[int]) -> tuple[int, ...]:
        kernel = self.weight.shape[-2:]
        return tuple(
            large[i] - ((small[i] - 1) * self.stride[i] - 2 * self.padding[i] + self.dilation[i] * (kernel[i] - 1) + 1)
            for i in range(2)
        )


@dataclass(frozen=True, eq=False)
class Matrix(Linear):
    """A fully connected step on (N, features); row by row, for the bits of a product depend on the number of rows."""

    weight: Tensor
    bias: Tensor | None

    def forward(self, x: Tensor, many: bool) -> Tensor:
        if many:
            return functional.linear(x, self.weight, self.bias)
        return torch.cat([functional.linear(row, self.weight, self.bias) for row in torch.split(x, 1)])

    def backward(self, m: Tensor, shape: torch.Size) -> Tensor:
        return torch.cat([row @ self.weight for row in torch.split(m, 1)])


@dataclass(frozen=True, eq=False)
class Scale(Linear):
    """A BatchNorm in eval mode that no convolution comes before."""

    factor: Tensor
    offset: Tensor

    def forward(self, x: Tensor, many: bool) -> Tensor:
        return x * self.factor + self.offset

    def backward(self, m: Tensor, shape: torch.Size) -> Tensor:
        return m * self.factor


@dataclass(frozen=True, eq=False)
class Flatten(Linear):
    """Maps (N, C, H, W) as vectors (N, C * H * W)."""

    def forward(self, x: Tensor, many: bool) -> Tensor:
        return x.flatten(1)

    def backward(self, m: Tensor, shape: torch.Size) -> Tensor:
        return m.reshape(len(m), *shape)


@dataclass(frozen=True, eq=False)
class Unflatten(Linear):
    """Vectors (N, C * H * W) as maps of ``shape`` (C, H, W)."""

    shape: tuple[int, ...]

    def forward(self, x: Tensor, many: bool) -> Tensor:
        return x.reshape(len(x), *self.shape)

    def backward(self, m: Tensor, shape: torch.Size) -> Tensor:
        return m.reshape(len(m), *shape)


@dataclass(frozen=True, eq=False)
class Nonlinearity(Step):
    """An activation function, its local gradient d function(x) / dx, and the function in place."""

    function: Callable[[Tensor], Tensor]
    local_gradient: Callable[[Tensor], Tensor]
    in_place: Callable[[Tensor], Tensor]

    def forward(self, x: Tensor, many: bool) -> Tensor:
        return self.function(x)

    def rescale(self, x: Tensor, y: Tensor, x0: Tensor, y0: Tensor) -> Tensor:
        """Change of the output over change of the input: DeepLIFT's rescale rule. The result is nobody else's."""
        change = x - x0
        size = change.abs()
        unchanged = size < TINY if float(size.min()) < TINY else None  # hardly ever any
        ratio = torch.sub(y, y0, out=size).div_(change)  # memory that is there: new memory costs as much as the sum
        return ratio if unchanged is None else torch.where(unchanged, self.local_gradient(x), ratio)
