"""Red says real and blue says fake, and nothing else on the pages is red or blue; what is written can be read."""

from __future__ import annotations

import colorsys
import re
import tomllib
from pathlib import Path

import pytest

from dashboard.panels import filters, trust

DASHBOARD = Path(__file__).parents[2] / "dashboard"
THEME = tomllib.loads((DASHBOARD / ".streamlit/config.toml").read_text())["theme"]


def rgb(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return red, green, blue


def luminance(colour: str) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(
    ("accent", "background", "on_it"),
    [
        (THEME["primaryColor"], THEME["light"]["backgroundColor"], "#ffffff"),
        (THEME["dark"]["primaryColor"], THEME["dark"]["backgroundColor"], "#000000"),
    ],
)
def test_the_accent_is_neither_red_nor_blue_and_can_be_read(accent: str, background: str, on_it: str) -> None:
    hue = 360 * colorsys.rgb_to_hls(*rgb(accent))[0]
    assert 20 < hue < 200 or 245 < hue < 340
    assert contrast(accent, background) >= 4.5
    assert contrast(accent, on_it) >= 4.5


def test_no_verdict_on_a_filter_or_a_map_is_red_or_blue() -> None:
    colours = {*filters.COLOURS.values(), *(look[0] for look in (*trust.LOOKS.values(), *trust.LEVELS.values()))}
    assert not colours & {"red", "blue"}


def test_only_the_verdict_on_a_poster_is_written_in_red_or_blue() -> None:
    found = [
        path.name
        for path in DASHBOARD.rglob("*.py")
        if re.search(r':(red|blue)(-badge|-background)?\[|"(red|blue)"', path.read_text())
    ]
    assert sorted(found) == ["text.py", "ui.py"]  # an example of a mark, and the verdict
