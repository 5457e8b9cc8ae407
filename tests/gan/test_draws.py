from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gan.distributed import World
from gan.draws import Draws


def everything(draws: Draws) -> list[torch.Tensor]:
    return [draws.normal(5, 1, 1), draws.uniform(1), draws.integers(-2, 3, 2), draws.uniform(1, 1, 1), draws.normal(2)]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 3))
def test_processes_together_see_what_one_sees_alone(seed: int, size: int, part: int) -> None:
    count = size * part
    alone = everything(Draws.of_batch(count, seed))
    shares = [everything(Draws.of_batch(count, seed, rows=World(rank, size).rows(count))) for rank in range(size)]
    for number, whole in enumerate(alone):
        assert len(whole) == count
        assert torch.equal(torch.cat([share[number] for share in shares]), whole)


def test_the_numbers_are_those_that_their_names_say() -> None:
    draws = Draws.of_batch(4000, 1)
    normal, uniform, whole = draws.normal(3), draws.uniform(3), draws.integers(-1, 2, 3)
    assert normal.mean().item() == pytest.approx(0, abs=0.03)
    assert normal.std().item() == pytest.approx(1, abs=0.03)
    assert uniform.min() >= 0 and uniform.max() < 1
    assert uniform.mean().item() == pytest.approx(0.5, abs=0.02)
    assert whole.unique().tolist() == [-1, 0, 1, 2]


def test_the_seed_names_the_numbers_and_the_global_random_state_is_left_alone() -> None:
    before = torch.get_rng_state()
    first, again, other = (Draws.of_batch(3, seed).normal(4) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)
