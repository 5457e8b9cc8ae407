"""Colours of the points of a map."""

from __future__ import annotations

import numpy as np

from xai.collection.maps.colouring import LEVELS, by_group, by_number
from xai.render import CATEGORY_HEX, GREY_HEX, rgb_of


def test_below_zero_is_blue_above_is_red_and_zero_is_grey() -> None:
    found = by_number("logit", np.array([-4.0, 0.0, 4.0]), ("fake", "real"))
    low, middle, high = (found.palette[code].astype(int) for code in found.codes)
    assert low[2] > low[0]
    assert high[0] > high[2]
    assert middle.min() == middle.max()
    assert found.codes.tolist() == [0, LEVELS // 2, LEVELS - 1]
    assert (found.low, found.high) == (-4.0, 4.0)


def test_each_group_has_its_colour_and_those_without_one_are_grey() -> None:
    found = by_group("kind", np.array([1, 0, -1]), ["a", "b"])
    assert found.labels == ("a", "b", "none")
    assert [tuple(found.palette[code]) for code in found.codes] == [
        rgb_of(colour) for colour in (CATEGORY_HEX[1], CATEGORY_HEX[0], GREY_HEX)
    ]
    assert by_group("kind", np.array([1, 0]), ["a", "b"]).labels == ("a", "b")


def test_of_many_groups_the_largest_are_shown() -> None:
    count = len(CATEGORY_HEX) + 3
    groups = np.concatenate([np.full(one + 1, one) for one in range(count)])
    found = by_group("genre", groups, [f"g{one}" for one in range(count)])
    assert found.labels == (*(f"g{one}" for one in reversed(range(3, count))), "others")
    assert (found.codes[groups < 3] == len(CATEGORY_HEX)).all()


def test_it_is_sent_as_a_palette_and_a_byte_a_point() -> None:
    assert len(by_group("kind", np.zeros(7, int), ["a"]).packed) == 3 * 256 + 7
