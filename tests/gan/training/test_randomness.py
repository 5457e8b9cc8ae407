from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gan.training.distributed import World
from gan.training.randomness import BatchRandom, ReplayedRandom


def everything(rng: BatchRandom) -> list[torch.Tensor]:
    return [rng.normal(5, 1, 1), rng.uniform(1), rng.integers(-2, 3, 2), rng.uniform(1, 1, 1), rng.normal(2)]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 3))
def test_processes_together_see_what_one_sees_alone(seed: int, size: int, part: int) -> None:
    count = size * part
    alone = everything(BatchRandom.of_batch(count, seed))
    shares = [everything(BatchRandom.of_batch(count, seed, rows=World(rank, size).rows(count))) for rank in range(size)]
    for number, whole in enumerate(alone):
        assert len(whole) == count
        assert torch.equal(torch.cat([share[number] for share in shares]), whole)


def test_the_numbers_are_those_that_their_names_say() -> None:
    rng = BatchRandom.of_batch(4000, 1)
    normal, uniform, whole = rng.normal(3), rng.uniform(3), rng.integers(-1, 2, 3)
    assert normal.mean().item() == pytest.approx(0, abs=0.03)
    assert normal.std().item() == pytest.approx(1, abs=0.03)
    assert uniform.min() >= 0
    assert uniform.max() < 1
    assert uniform.mean().item() == pytest.approx(0.5, abs=0.02)
    assert whole.unique().tolist() == [-1, 0, 1, 2]


def test_the_seed_names_the_numbers_and_the_global_random_state_is_left_alone() -> None:
    before = torch.get_rng_state()
    first, again, other = (BatchRandom.of_batch(3, seed).normal(4) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_numbers_are_those_of_runs_that_were_begun_long_ago() -> None:
    """A state from then must resume bit for bit, so they are torch's own, in this order and from these calls."""
    numbers = torch.Generator().manual_seed(9)
    expected = [
        torch.randn(3, 5, 1, 1, generator=numbers),
        torch.rand(3, 1, generator=numbers),
        torch.randint(-2, 4, (3, 2), generator=numbers),
        torch.rand(3, 1, 1, 1, generator=numbers),
        torch.randn(3, 2, generator=numbers),
    ]
    for found, as_before in zip(everything(BatchRandom.of_batch(3, 9)), expected, strict=True):
        assert torch.equal(found, as_before)
        assert found.dtype == as_before.dtype


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 2**32 - 1), min_size=2, max_size=4), st.integers(1, 2))
def test_a_replayed_holds_the_numbers_of_each_seed_in_the_same_place(seeds: list[int], size: int) -> None:
    rows = World(size - 1, size).rows(4)
    replayed = ReplayedRandom.of_batch(4, 0, rows=rows)
    places = set()
    for seed in seeds:
        replayed.reseed(seed)
        found = everything(replayed)
        places.add(tuple(numbers.data_ptr() for numbers in found))
        for on_replayed, drawn in zip(found, everything(BatchRandom.of_batch(4, seed, rows=rows)), strict=True):
            assert torch.equal(on_replayed, drawn)
    assert len(places) == 1


def test_what_was_read_from_a_replayed_is_filled_with_the_next_numbers_without_being_asked_for_again() -> None:
    replayed = ReplayedRandom.of_batch(4, 0)
    replayed.reseed(1)
    kept = replayed.normal(3)
    replayed.reseed(2)
    assert torch.equal(kept, BatchRandom.of_batch(4, 2).normal(3))


def test_a_step_that_draws_other_numbers_than_the_first_is_refused() -> None:
    replayed = ReplayedRandom.of_batch(4, 0)
    replayed.reseed(1)
    replayed.normal(3)
    replayed.reseed(2)
    with pytest.raises(ValueError, match=r"^The first step drew numbers of shape \(3,\) here, not \(2,\)\.$"):
        replayed.normal(2)
