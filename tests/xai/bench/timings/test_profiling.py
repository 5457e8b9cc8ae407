"""Where the time of a step goes: networks that are known to take their time."""

from __future__ import annotations

import time
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import gan
from gan.training.state import new_state
from gan.training.step import step
from xai.bench.timings.profiling import Part, networks_of, profile

WAIT = 0.05


class Slow(torch.autograd.Function):
    """Waits forwards and backwards, as long as it is told."""

    @staticmethod
    def forward(context: Any, values: Tensor, before: float, after: float) -> Tensor:
        context.after = after
        time.sleep(before)
        return values * 2

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        time.sleep(context.after)
        return gradient * 2, None, None


class Waits(nn.Module):
    def __init__(self, before: float, after: float) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)
        self.before, self.after = before, after

    def forward(self, values: Tensor) -> Tensor:
        return Slow.apply(self.linear(values), self.before, self.after)  # type: ignore[no-any-return]


def test_each_network_has_its_own_time_forwards_and_backwards() -> None:
    first, second = nn.Sequential(Waits(WAIT, 0)), nn.Sequential(Waits(0, WAIT), Waits(0, WAIT))

    def one_step() -> None:
        second[0:](first(torch.ones(2, 3)).relu()).sum().backward()  # a slice: the Sequential itself is never called
        time.sleep(WAIT)

    parts = {part.name: part for part in profile(one_step, {"first": first, "second": second}, steps=3)}
    assert list(parts) == ["first", "second", "optimizers", "the rest"]
    assert WAIT <= parts["first"].forward < 2 * WAIT
    assert parts["first"].backward < WAIT / 2
    assert parts["second"].forward < WAIT / 2
    assert 2 * WAIT <= parts["second"].backward < 3 * WAIT
    assert WAIT <= parts["the rest"].forward < 2 * WAIT
    assert parts["optimizers"] == Part("optimizers", 0.0, 0.0)


def test_an_exception_leaves_no_hook() -> None:
    network = nn.Sequential(nn.Linear(3, 3))

    def fail() -> None:
        network(torch.ones(1, 3))
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011  # the step's own
        profile(fail, {"network": network})
    assert not network._forward_hooks
    assert not network[0]._forward_pre_hooks


def test_a_step_of_training_is_the_sum_of_its_parts() -> None:
    model, train = gan.ModelConfig(width=8), gan.TrainConfig(batch=4)
    state, real = new_state(model, train), torch.zeros(4, 3, 64, 64)
    parts = profile(lambda: step(state, real, None, train), networks_of(state), steps=2)
    assert [part.name for part in parts] == ["generator", "discriminator", "optimizers", "the rest"]
    assert all(part.forward > 0 for part in parts)
    assert [part.backward > 0 for part in parts] == [True, True, False, False]
