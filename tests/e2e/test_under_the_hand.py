"""Reading a map's values, painting with a brush, and a phone, in a real Chromium."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import settle

pytestmark = pytest.mark.browser
VALUE = re.compile(r"^[+-]\d+\.\d+ activation · row \d+, column \d+ of 16 × 16$")


def open_generator(page: Page, words: str = "") -> None:
    page.goto(
        f"{page.url.split('?')[0].rstrip('/')}/generator?checkpoint=wider-64&seed=7&g_layer=layers.8&g_unit=14{words}"
    )
    expect(page.get_by_role("application", name="its map over the poster")).to_be_visible()
    settle(page)


def test_values_are_read_by_pointer_and_keyboard_and_a_click_asks_who_drew_the_place(page: Page) -> None:
    open_generator(page)
    values = page.get_by_role("application", name="its map over the poster")
    values.hover(position={"x": 4, "y": 4})
    expect(page.get_by_text(VALUE)).to_contain_text("row 1, column 1 of")
    values.focus()
    values.press("ArrowRight")
    values.press("ArrowDown")
    expect(page.get_by_text(VALUE)).to_contain_text("row 2, column 2 of")
    values.press("Enter")
    expect(page.get_by_text("Filters of layers.8 that contribute most")).to_be_visible()
    settle(page)
    for name in ("Across, percent", "Down, percent"):
        ends = page.get_by_test_id("stSlider").filter(has_text=name).get_by_role("slider")
        expect(ends.nth(0)).to_have_value("3")
        expect(ends.nth(1)).to_have_value("16")


def test_a_stroke_is_previewed_painted_and_undone(page: Page) -> None:
    open_generator(page, "&lab=Paint+with+this+filter")
    poster = page.get_by_role("application", name="The poster, to paint on")
    poster.scroll_into_view_if_needed()
    paint = page.get_by_role("button", name="Paint", exact=True)
    expect(paint).to_be_disabled()
    ink, paper = (paint.evaluate(f"(one) => getComputedStyle(one).{name}") for name in ("color", "backgroundColor"))
    assert ink not in (paper, "rgb(255, 255, 255)")  # its word can be read, though nothing is to be painted yet
    place = poster.bounding_box()
    assert place is not None
    page.mouse.move(place["x"] + 60, place["y"] + 60)
    page.mouse.down()
    page.mouse.move(place["x"] + 160, place["y"] + 60, steps=5)
    page.mouse.up()
    expect(page.get_by_text("preview: not painted yet")).to_be_visible()
    expect(page).to_have_url(re.compile(r"[?&]mask=16x16\.\w+"))
    page.get_by_role("button", name="Undo stroke").click()
    expect(page.get_by_text("preview: not painted yet")).to_have_count(0)
    settle(page)
    poster.press("Space")  # where the brush was left
    expect(page.get_by_text("preview: not painted yet")).to_be_visible()
    settle(page)
    page.get_by_role("button", name="Paint", exact=True).click()
    expect(page.get_by_text("with 1 edit")).to_be_visible()
    expect(page).not_to_have_url(re.compile("mask="))


def test_on_a_phone_the_poster_and_its_controls_stay_in_sight(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    open_generator(page)
    poster = page.get_by_role("img", name="the poster, seed 7")
    following = page.get_by_role("button", name="Next seed")
    page.get_by_text("Weakest of a thousand seeds").scroll_into_view_if_needed()
    expect(poster).to_be_in_viewport(ratio=1)
    expect(following).to_be_in_viewport(ratio=1)
    following.click()
    expect(page.get_by_role("img", name="the poster, seed 8")).to_be_in_viewport()
    page.set_viewport_size({"width": 1280, "height": 900})
    expect(following).to_be_hidden()


def test_a_pins_link_opens_the_choices_that_it_was_pinned_from(page: Page) -> None:
    page.goto(f"{page.url.split('?')[0].rstrip('/')}/generator?g_layer=layers.8&g_unit=5")
    expect(page.get_by_role("application", name="its map over the poster")).to_be_visible()
    settle(page)
    page.get_by_role("button", name="Export").first.click()
    page.get_by_role("button", name="Pin", exact=True).click()
    expect(page.get_by_text("Pinned:")).to_be_visible()
    settle(page)
    page.get_by_text("zero", exact=True).first.click()
    expect(page).to_have_url(re.compile("removal=zero"))
    settle(page)
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Open", exact=False).filter(has_text="open_in_new").click()
    expect(opened.value.get_by_role("radio", name="mean", exact=True)).to_be_checked()
    expect(opened.value.get_by_text("Filter 5 of layers.8")).to_be_visible()
