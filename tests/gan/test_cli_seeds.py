from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gan.cli import MAX_SEED, MAX_SEEDS, parse_seeds


def test_seeds_are_numbers_and_ranges_in_the_order_given() -> None:
    assert parse_seeds("1,5, 10-12 ,3") == [1, 5, 10, 11, 12, 3]
    assert parse_seeds("4294967295") == [2**32 - 1]


@given(st.lists(st.integers(0, MAX_SEED), min_size=1))
def test_what_is_written_as_numbers_is_read_back(seeds: list[int]) -> None:
    assert parse_seeds(",".join(map(str, seeds))) == seeds


@given(st.integers(0, MAX_SEED - 999), st.integers(0, 999))
def test_a_range_holds_both_of_its_ends(first: int, more: int) -> None:
    assert parse_seeds(f"{first}-{first + more}") == list(range(first, first + more + 1))


@pytest.mark.parametrize("text", ["", "x", "1,,2", "9-3", "-4", "1-", "1.5", "\u0663", "4294967296", "1-99999999999"])
def test_nonsense_is_refused_by_its_name(text: str) -> None:
    with pytest.raises(ValueError, match="in --seeds is neither a seed nor a range from low to high"):
        parse_seeds(text)


def test_no_more_seeds_are_listed_than_are_drawn_at_once() -> None:
    assert len(parse_seeds(f"0-{MAX_SEEDS - 1}")) == MAX_SEEDS
    with pytest.raises(ValueError, match="names 100,001 posters; at most 100,000 are drawn at once"):
        parse_seeds("0-99999,1")
