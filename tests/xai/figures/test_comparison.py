"""What is different between two figures: subtracted only where it means something, and said in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from xai.figures.comparison import compare, map_of
from xai.figures.figure import Array, Figure, Panel, Source
from xai.render import ORANGE, PURPLE

GREY = np.full((16, 16, 3), 100, np.uint8)


def of_map(values: Any, unit: str = "logit a pixel", score: float | None = None) -> Figure:
    columns = {} if score is None else {"score": [score]}
    arrays = {"poster": Array(GREY, "RGB, 0 to 255"), "deeplift": Array(np.asarray(values, np.float32), unit)}
    return Figure("a map", Source(), (Panel(GREY),), columns=columns, arrays=arrays)


def of_poster(*pixels: Any) -> Figure:
    return Figure("a poster", Source(), tuple(Panel(one, poster=True) for one in pixels))


def test_a_place_that_rose_is_orange_and_one_that_fell_is_purple() -> None:
    before, after = np.zeros((4, 4)), np.zeros((4, 4))
    after[0, 0], after[3, 3] = 1.0, -1.0
    found = compare(of_map(before), of_map(after))
    assert found.difference is not None
    pixels = found.difference.pixels
    assert pixels[0, 0].tolist() == pytest.approx((ORANGE * 255).tolist(), abs=1)
    assert pixels[3, 3].tolist() == pytest.approx((PURPLE * 255).tolist(), abs=1)
    assert found.difference.bar is not None
    assert found.difference.bar.high == pytest.approx(1.0)


def test_a_map_of_pixels_is_subtracted_in_blocks_whose_sums_stay() -> None:
    noise = np.random.default_rng(0).normal(size=(3, 64, 64)).astype(np.float32)
    cancelled = noise - noise.reshape(3, 8, 8, 8, 8).mean((2, 4)).repeat(8, 1).repeat(8, 2)  # its blocks sum to 0
    found = compare(of_map(noise * 0), of_map(cancelled))
    assert found.difference is not None
    assert found.difference.bar is not None
    assert found.difference.bar.high < 1e-5


def test_maps_in_other_units_or_sizes_are_not_subtracted_and_the_reason_is_said() -> None:
    units = compare(of_map(np.ones((4, 4))), of_map(np.ones((4, 4)), "activation"))
    assert units.difference is None
    assert units.sentence == "no difference of the maps: one is in logit a pixel, the other in activation"
    sizes = compare(of_map(np.ones((4, 4))), of_map(np.ones((6, 4))))
    assert sizes.difference is None
    assert sizes.sentence == "no difference of the maps: their sizes are 4 × 4 and 4 × 6"


def test_scores_are_told_in_their_order() -> None:
    zero = np.zeros((4, 4))
    assert compare(of_map(zero, score=-0.5), of_map(zero, score=1.0)).sentence == (
        "score -0.50, then +1.00: higher by 1.50; the two maps are the same"
    )
    assert "lower by 1.50" in compare(of_map(zero, score=1.0), of_map(zero, score=-0.5)).sentence
    assert "score +1.00 in both" in compare(of_map(zero, score=1.0), of_map(zero, score=1.0)).sentence


def test_posters_are_compared_by_brightness_where_their_sizes_agree() -> None:
    brighter = GREY.copy()
    brighter[2, 5] = 255
    found = compare(of_poster(GREY), of_poster(brighter))
    assert found.difference is not None
    assert found.difference.bar is not None
    assert (found.difference.bar.low_means, found.difference.bar.high_means) == ("darker", "brighter")
    assert (found.difference.pixels != 255).any(2).sum() == 1
    assert found.sentence == "their difference is shown"  # and not that there is nothing to subtract
    assert compare(of_poster(GREY), of_poster(GREY)).sentence == "the two posters are the same"
    assert compare(of_poster(GREY), of_poster(GREY[:8])).sentence == (
        "no difference of the posters: they have different sizes"
    )


def test_the_first_of_several_posters_does_not_stand_for_all() -> None:
    pair, several = of_poster(GREY, GREY), of_poster(GREY, GREY, GREY)
    assert compare(pair, pair).difference is not None
    for first, second in ((several, several), (of_poster(GREY), several), (several, pair)):
        found = compare(first, second)
        assert found.difference is None
        assert found.sentence == "no difference of the posters: there are several"


def test_a_map_and_a_table_have_nothing_to_subtract() -> None:
    table = Figure("a table", Source(), columns={"score": [1.0, 2.0]})
    assert compare(of_map(np.ones((4, 4))), table).sentence == "nothing to subtract"
    assert map_of(table) is None
