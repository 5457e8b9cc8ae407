"""The machine in a real Chromium: a click or Enter on a part opens its page about the same poster and filter."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import settle

pytestmark = pytest.mark.browser


def part(page: Page, name: str) -> Locator:
    return page.get_by_role("link", name=re.compile(f"^{name}"))


def test_a_tile_opens_its_page_with_its_layer_and_filter_about_the_same_poster(page: Page) -> None:
    page.goto(f"{page.url}?seed=7&checkpoint=dcgan-64")
    tile = part(page, r"discriminator, layers\.7, filter")
    expect(tile).to_be_visible()
    settle(page)
    label = str(tile.get_attribute("aria-label"))
    tile.hover()
    expect(page.get_by_text("Layer 3 of 4 of the discriminator")).to_be_visible()
    tile.click()
    expect(page.get_by_role("heading", name="Discriminator", level=1)).to_be_visible()
    unit = label.rsplit(" ", 1)[1]
    expect(page.get_by_role("heading", name=f"Filter {unit} of layers.7")).to_be_visible()
    expect(page.get_by_test_id("stSidebar").get_by_text("seed 7", exact=True)).to_be_visible()
    settle(page)
    for word in ("seed=7", "checkpoint=dcgan-64", "d_layer=layers.7", f"d_unit={unit}"):
        assert word in page.url

    page.get_by_test_id("stMain").get_by_role("link", name="noise").click()  # in the head of the page
    expect(page.get_by_role("heading", name="Latent", level=1)).to_be_visible()
    expect(page.get_by_test_id("stSidebar").get_by_text("seed 7", exact=True)).to_be_visible()


def test_enter_on_a_part_opens_its_page_and_its_address_opens_the_same(page: Page) -> None:
    page.goto(f"{page.url}?seed=7")
    tile = part(page, r"generator, layers\.8, filter")
    expect(tile).to_be_visible()
    settle(page)
    unit, address = str(tile.get_attribute("aria-label")).rsplit(" ", 1)[1], str(tile.get_attribute("href"))
    heading = page.get_by_role("heading", name=f"Filter {unit} of layers.8")
    tile.focus()
    tile.press("Enter")
    expect(heading).to_be_visible()
    page.goto("/".join(page.url.split("/")[:3]) + address)
    expect(heading).to_be_visible()
    expect(page.get_by_test_id("stSidebar").get_by_text("seed 7", exact=True)).to_be_visible()
