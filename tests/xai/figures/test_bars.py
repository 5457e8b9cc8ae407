"""Bars begin and end where their numbers say, at every width."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import xai
from xai.figures.bars import Bars, bars_panel, digits, strongest_bars, waterfall_bars
from xai.figures.figure import Figure, Source
from xai.figures.fonts import font
from xai.render import CHANGE, ORANGE_HEX, VERDICT, rgb_of

RED, BLUE = VERDICT.hex[::-1]


def across(bars: Bars, colour: str, place: int, width: int = 640) -> tuple[int, int]:
    """First and last pixel of a colour in the row of a bar."""
    picture = np.asarray(bars.drawn(width, font(13)))
    row = picture[round(len(picture) / (len(bars.names) + 2) * (place + 0.5))]
    found = np.flatnonzero((row == rgb_of(colour)).all(1))
    return int(found[0]), int(found[-1])


def test_a_bar_is_as_long_as_its_number_and_begins_at_zero() -> None:
    bars = Bars(["a", "b"], [1.0, 2.0], "x", [ORANGE_HEX] * 2)
    (first, short), (start, long) = across(bars, ORANGE_HEX, 0), across(bars, ORANGE_HEX, 1)
    assert abs(first - start) <= 1
    assert (long - start) / (short - first) == pytest.approx(2, rel=0.02)


def test_a_waterfall_begins_each_bar_where_the_one_above_ends() -> None:
    bars = waterfall_bars(["reference", "up", "down", "poster"], [0.5, 1.0, -0.25, 1.25], "logit", VERDICT)
    assert bars.values == [0.5, 1.5, 1.25, 1.25]
    assert bars.starts == [0.0, 0.5, 1.5, 0.0]
    assert bars.texts == ["+0.500", "+1.00", "−0.250", "+1.25"]
    assert abs(across(bars, RED, 1)[1] - across(bars, BLUE, 2)[1]) <= 1


def test_equal_ratios_are_equally_long_on_a_logarithmic_axis() -> None:
    bars = Bars(["half", "twice"], [0.5, 2.0], "times", [ORANGE_HEX] * 2, start=1.0, logarithmic=True)
    lengths = [end - start for start, end in (across(bars, ORANGE_HEX, place) for place in (0, 1))]
    assert abs(lengths[0] - lengths[1]) <= 2


def test_of_many_numbers_the_largest_by_size_are_drawn() -> None:
    bars = strongest_bars([0.1, -3.0, *[0.0] * 20, 2.0], "filter", "x")
    assert list(bars.names[:3]) == ["filter 1", "filter 22", "filter 0"]
    assert list(bars.colours[:2]) == list(CHANGE.hex)
    assert len(bars.names) == 12


def test_a_name_of_any_length_and_script_leaves_room_for_its_bar() -> None:
    for name in ("Horror " * 40, "電影" * 60, "", "a\nb"):
        bars = Bars([name], [1.0], "a label that is longer than the picture is wide " * 3, [ORANGE_HEX])
        start, end = across_first(bars)
        assert end - start > 100


def across_first(bars: Bars) -> tuple[int, int]:
    found = np.flatnonzero((np.asarray(bars.drawn(400, font(13))) == rgb_of(ORANGE_HEX)).all(2).any(0))
    return int(found[0]), int(found[-1])


def test_a_file_has_the_bars_at_its_own_width_and_not_an_enlarged_picture(tmp_path: Path) -> None:
    bars = Bars(["a"], [1.0], "x", [ORANGE_HEX])
    figure = Figure("bars", Source(), (bars_panel(bars),))
    wide = xai.save(figure, tmp_path / "wide.png", width=1600, framed=False)
    with Image.open(wide) as picture:
        drawn = bars.drawn(1600, font(12))
        assert picture.size == drawn.size
        assert (np.asarray(picture.convert("RGB")) == np.asarray(drawn)).all()


def test_numbers_have_three_digits() -> None:
    assert [digits(value) for value in (0.0, 1.0, 0.08, 123.0, -0.00228)] == ["0", "1.00", "0.0800", "123", "−0.00228"]
    assert digits(0.5, "+") == "+0.500"
