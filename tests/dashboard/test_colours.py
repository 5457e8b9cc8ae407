"""Red says real and blue says fake, and nothing else on the pages is red or blue; what is written can be read."""

from __future__ import annotations

import ast
import colorsys
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard.panels.compare import trust
from dashboard.panels.generator import filters
from xai import render
from xai.widgets.browser import browser_text
from xai.widgets.sheet import STRONGEST

DASHBOARD = Path(__file__).parents[2] / "dashboard"
IN_NOTEBOOKS = re.search(r"--accent: var\(--st-primary-color, (#[0-9a-f]{6})\)", browser_text("scrubber.css"))[1]  # type: ignore[index]
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


def is_red_or_blue(colour: str) -> bool:
    hue, _, saturation = colorsys.rgb_to_hls(*rgb(colour))
    return saturation > 0.3 and not (20 < 360 * hue < 200 or 245 < 360 * hue < 340)


def calls(name: str) -> Iterator[tuple[str, ast.Call]]:
    """Every call of a function or method on the pages, with its file."""
    for path in DASHBOARD.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and name in (getattr(node.func, "id", ""), getattr(node.func, "attr", "")):
                yield path.name, node


@pytest.mark.parametrize(
    ("accent", "background", "on_it"),
    [
        (THEME["primaryColor"], THEME["light"]["backgroundColor"], "#ffffff"),
        (THEME["dark"]["primaryColor"], THEME["dark"]["backgroundColor"], "#000000"),
    ],
)
def test_the_accent_is_neither_red_nor_blue_and_can_be_read(accent: str, background: str, on_it: str) -> None:
    assert not is_red_or_blue(accent)
    assert contrast(accent, background) >= 4.5
    assert contrast(accent, on_it) >= 4.5


@pytest.mark.parametrize(
    ("accent", "background", "text"),
    [
        (THEME["primaryColor"], THEME["light"]["backgroundColor"], "#31333f"),  # Streamlit's own text colours
        (THEME["dark"]["primaryColor"], THEME["dark"]["backgroundColor"], "#fafafa"),
        (IN_NOTEBOOKS, "#ffffff", "#1f1f1f"),
        (IN_NOTEBOOKS, "#111111", "#ffffff"),
    ],
)
@pytest.mark.parametrize("heat", [0.0, 0.5, 1.0])
def test_the_number_in_a_square_can_be_read_however_strong_it_is(
    accent: str, background: str, text: str, heat: float
) -> None:
    part = heat * STRONGEST
    mixed = (part * above + (1 - part) * below for above, below in zip(rgb(accent), rgb(background), strict=True))
    assert contrast("#" + "".join(f"{round(255 * one):02x}" for one in mixed), text) >= 4.5


@pytest.mark.parametrize("background", ["#ffffff", "#111111"])
def test_the_accent_of_a_widget_can_be_seen_on_light_and_on_dark_notebooks(background: str) -> None:
    assert not is_red_or_blue(IN_NOTEBOOKS)
    assert contrast(IN_NOTEBOOKS, background) >= 3  # of a line; no text is written in it


def test_no_verdict_on_a_filter_or_a_map_is_red_or_blue() -> None:
    colours = {*filters.COLOURS.values(), *(look[0] for look in (*trust.LOOKS.values(), *trust.LEVELS.values()))}
    assert not colours & {"red", "blue"}


def test_only_the_verdict_on_a_poster_is_written_in_red_or_blue() -> None:
    found = [
        path.name
        for path in DASHBOARD.rglob("*.py")
        if re.search(r':(red|blue)(-badge|-background)?\[|"(red|blue)"', path.read_text())
    ]
    assert sorted(found) == [
        "filter_card.py",
        "poster_strip.py",
        "text.py",
        "ui.py",
    ]  # of a filter, of the poster, an example, the verdict


def test_no_colour_that_is_written_out_is_red_or_blue() -> None:
    places = [*DASHBOARD.rglob("*.py"), *DASHBOARD.rglob("*.toml"), Path(render.__file__)]
    found = {colour for path in places for colour in re.findall(r"#[0-9a-f]{6}\b", path.read_text())}
    assert len(found) > 10
    assert not [colour for colour in found if is_red_or_blue(colour)]
    assert not [colour for colour in render.CHANGE.hex if is_red_or_blue(colour)]
    assert all(is_red_or_blue(colour) for colour in render.VERDICT.hex)


def test_only_contributions_to_the_logit_are_drawn_in_the_colours_of_real_and_fake() -> None:
    named = [path.name for path in DASHBOARD.rglob("*.py") if re.search(r"\bVERDICT\b", path.read_text())]
    # What gave a fake away; contributions of D's filters; real and generated posters beside each other.
    assert sorted(named) == ["comparisons.py", "counterfactual.py", "filter_card.py", "strategies.py", "verdict.py"]


@pytest.mark.parametrize(("function", "parameters"), [("overlay", 5), ("diverging", 3)])
def test_every_signed_picture_names_its_scale(function: str, parameters: int) -> None:
    found = [(file, node) for file, node in calls(function)]
    assert len(found) > 2
    assert not [(file, node.lineno) for file, node in found if len(node.args) < parameters]


def test_charts_name_no_red_or_blue_scale_of_plotly() -> None:
    scales = r"Reds|Blues|RdBu|RdYlBu|Bluered|Picnic|Portland|Jet|Hot|balance|icefire"
    assert not [path.name for path in DASHBOARD.rglob("*.py") if re.search(rf'"({scales})(_r)?"', path.read_text())]
    assert render.SINGLE_HUE == "Purples"


def test_no_figure_changes_in_green_or_red() -> None:
    found = [(file, node) for name in ("metric", "_metric") for file, node in calls(name)]
    changes = [(file, node) for file, node in found if len(node.args) > 2 or {"delta"} & {k.arg for k in node.keywords}]
    bare = [
        (file, node.lineno)
        for file, node in changes
        if getattr(node.func, "attr", "") == "metric" and not any(getattr(a, "value", "") == "off" for a in node.args)
    ]
    assert changes
    assert not bare
