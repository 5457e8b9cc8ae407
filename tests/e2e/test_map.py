"""The map of a collection in a real Chromium: a brush by mouse and by keyboard, and the set that goes along."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.conftest import HOUSE, PATIENCE, go_to, settle, started

pytestmark = pytest.mark.browser
ISLANDS = """
import numpy as np
import streamlit as st
from dashboard.components.collection_map import Plot, collection_map, packed
from xai.collection.maps.colouring import by_group
from xai.collection.maps.thumbnails import Thumbnails
from xai.render import jpeg, sprite

own = np.arange(300) % 3
islands = np.array([[0, 0], [100, 0], [100, 100]])[own]
points = (islands + np.random.default_rng(0).normal(size=(300, 2))).astype(np.float32)
sheet = sprite(np.zeros((300, 32, 32, 3), np.uint8))
plot = Plot(
    packed(points, np.arange(300)), 300, 300, by_group("island", own, ["west", "south", "north"]),
    Thumbnails(jpeg(sheet.pixels), sheet.columns, (32, 32)),
)
collection_map(
    plot, "map", lambda rows: st.session_state.update(rows=rows), lambda row: st.session_state.update(row=row),
    marked=st.session_state.get("rows", []),
)
rows = st.session_state.get("rows", [])
st.text(f"brushed {len(rows)} of {sorted(set(own[rows].tolist()))}, chosen {st.session_state.get('row')}")
"""


@pytest.fixture(scope="module")
def islands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("islands")
    script = folder / "islands.py"
    script.write_text(ISLANDS)
    with started([], folder, HOUSE, str(script)) as address:
        yield address


@pytest.fixture
def window(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    yield page
    context.close()


def opened(page: Page, address: str) -> Locator:
    """The map, once its points are there."""
    page.goto(address)
    expect(page.get_by_role("button", name="west")).to_be_visible()
    settle(page)
    return page.locator(".plane")


def box_of(plane: Locator) -> dict[str, float]:
    found = plane.bounding_box()
    assert found is not None
    return dict(found)


def test_a_box_drawn_with_the_mouse_brushes_the_island_in_it(window: Page, islands: str) -> None:
    box = box_of(opened(window, islands))
    corner = box["x"] + box["width"] - 5, box["y"] + 5
    window.keyboard.down("Shift")
    window.mouse.move(*corner)
    window.mouse.down()
    window.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=5)
    window.mouse.up()
    window.keyboard.up("Shift")
    expect(window.get_by_text("brushed 100 of [2]")).to_be_visible()
    window.get_by_role("button", name="Clear brush").click()
    expect(window.get_by_text("brushed 0 of []")).to_be_visible()


def test_a_lasso_brushes_what_is_inside(window: Page, islands: str) -> None:
    box = box_of(opened(window, islands))
    window.get_by_role("button", name="Lasso").click()
    across, down = box["width"], box["height"]
    window.mouse.move(box["x"] + 5, box["y"] + down / 2)
    window.mouse.down()
    for x, y in ((across / 2, down / 2), (across / 2, down - 5), (5, down - 5)):
        window.mouse.move(box["x"] + x, box["y"] + y, steps=4)
    window.mouse.up()
    expect(window.get_by_text("brushed 100 of [0]")).to_be_visible()


def test_by_keyboard_a_group_is_brushed_a_view_is_brushed_and_a_poster_is_chosen(window: Page, islands: str) -> None:
    plane = opened(window, islands)
    south = window.get_by_role("button", name="south")
    south.focus()
    south.press("Enter")
    expect(window.get_by_text("brushed 100 of [1]")).to_be_visible()
    plane.focus()
    plane.press("Escape")
    expect(window.get_by_text("brushed 0 of []")).to_be_visible()
    for _ in range(5):
        plane.press("Shift+ArrowUp")  # the lower islands leave the view
    plane.press("b")
    expect(window.get_by_text("brushed 100 of [2]")).to_be_visible()
    plane.press("0")
    plane.press("ArrowRight")
    plane.press("ArrowRight")
    expect(window.locator(".say")).to_have_text(re.compile(r"poster \d+, (west|south|north)"))
    number = re.findall(r"\d+", str(window.locator(".say").text_content()))[0]
    plane.press("Enter")
    expect(window.get_by_text(f"chosen {number}")).to_be_visible()
    expect(plane).to_be_focused()


def test_a_click_chooses_the_poster_that_is_pointed_at(window: Page, islands: str) -> None:
    plane = opened(window, islands)
    box = box_of(plane)
    away = (min(box["width"], box["height"]) - 70) / 2
    south = {"x": box["width"] / 2 + away, "y": box["height"] / 2 + away}
    plane.hover(position=south)
    expect(window.locator(".tip")).to_be_visible()
    expect(window.locator(".tip")).to_have_text(re.compile(r"poster \d+, south"))
    plane.click(position=south)
    expect(window.get_by_text(re.compile(r"chosen \d+"))).to_be_visible()


def test_the_brushed_set_goes_to_the_other_pages_and_is_stepped_through(page: Page, tmp_path: Path) -> None:
    page.goto(f"{page.url.rstrip('/')}/collection?c_lab=Map&seed=7777")
    plane = page.locator(".plane")  # of which that seed is no point, so the set begins with its first one
    expect(page.get_by_text("of the variance")).to_be_visible()
    settle(page)
    for _ in range(5):
        page.get_by_role("button", name="zoom in").click()
    plane.focus()
    plane.press("B")
    expect(page.get_by_test_id("stSidebar").get_by_text("Brushed on the map")).to_be_visible()
    expect(page).to_have_url(re.compile(r"brushed=s\d+"))
    first, second = re.findall(r"brushed=s(\d+)\.(\d+)", page.url)[0]
    go_to(page, "Compare")
    for expected in (first, second):
        settle(page)
        page.get_by_test_id("stSidebar").get_by_role("button", name="Next").click()
        expect(page).to_have_url(re.compile(rf"seed={expected}(&|$)"))
