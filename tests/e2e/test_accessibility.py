"""Every page, light and dark, as axe-core sees it: no violation that an empty Streamlit app does not have as well."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from dashboard.pages import PAGES
from tests.e2e.conftest import PATIENCE, settle, started

pytestmark = pytest.mark.browser
EMPTY = 'import streamlit as st\nst.title("Empty")\nst.sidebar.write("Nothing")\n'
PLANTED = '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=" style="width: 9px">'
QUICK = {"methods": "DeepLIFT", "check": "false"}
SECTIONS = [
    ("compare", {"more": "Agreement", "methods": ["DeepLIFT", "Gradient × input", "Activation map"]}),
    ("generator", {"lab": "All filters"}),
    ("generator", {"lab": "Inputs to this filter"}),
    ("generator", {"lab": "Paint with this filter"}),
    ("latent", {"noise": "Importance"}),
    ("latent", {"noise": "Directions"}),
    ("collection", {"c_lab": "Map", "brushed": "s1.2.3"}),
]
one_theme = pytest.mark.parametrize("window", ["light"], indirect=True)
Found = dict[str, list[str]]  # the nodes that violate each rule


@pytest.fixture(scope="module")
def addresses(address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The app, and an empty one."""
    empty = tmp_path_factory.mktemp("empty")
    (empty / "empty.py").write_text(EMPTY)
    (empty / ".streamlit").mkdir()
    (empty / ".streamlit/config.toml").write_text("[browser]\ngatherUsageStats = false\n")
    with started([], empty, empty, "empty.py") as nothing:
        yield address, nothing


@pytest.fixture(scope="module", params=["light", "dark"])
def window(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, color_scheme=request.param, reduced_motion="reduce"
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    yield page
    context.close()


@pytest.fixture(scope="module")
def unavoidable(window: Page, addresses: tuple[str, str]) -> set[str]:
    window.goto(addresses[1])
    expect(window.get_by_role("heading", name="Empty")).to_be_visible()
    settle(window)
    return set(violations(window))


def violations(page: Page) -> Found:
    found = Axe().run(page).response["violations"]
    return {rule["id"]: [f"{node['target']} {node['html'][:200]}" for node in rule["nodes"]] for rule in found}


def assert_no_more_than(unavoidable: set[str], page: Page) -> None:
    added = {rule: nodes for rule, nodes in violations(page).items() if rule not in unavoidable}
    assert not added, "\n".join(f"{rule}: {len(nodes)}\n  " + "\n  ".join(nodes) for rule, nodes in added.items())


def visit(page: Page, home: str, name: str, **query: Any) -> None:
    page.goto(f"{home}/{'' if name == 'start' else name}?{urlencode(QUICK | query, doseq=True)}")
    expect(page.get_by_test_id("stSidebar").get_by_text("D finds it")).to_be_visible()
    settle(page)


@pytest.mark.parametrize("name", PAGES)
def test_pages_add_no_violation_to_an_empty_app(
    window: Page, addresses: tuple[str, str], unavoidable: set[str], name: str
) -> None:
    visit(window, addresses[0], name)
    assert_no_more_than(unavoidable, window)


@pytest.mark.parametrize("window", ["dark"], indirect=True)
@pytest.mark.parametrize(("name", "query"), SECTIONS)
def test_sections_add_no_violation_to_an_empty_app(
    window: Page, addresses: tuple[str, str], unavoidable: set[str], name: str, query: dict[str, Any]
) -> None:
    visit(window, addresses[0], name, **query)
    for summary in window.get_by_test_id("stMain").locator("summary").all():
        summary.click()
        settle(window)
    assert_no_more_than(unavoidable, window)


@pytest.mark.parametrize("window", ["dark"], indirect=True)
def test_the_evidence_adds_no_violation_to_an_empty_app(
    window: Page, addresses: tuple[str, str], unavoidable: set[str]
) -> None:
    visit(window, addresses[0], "compare", check="true")
    window.get_by_role("button", name="Evidence").first.click()
    expect(window.get_by_role("dialog")).to_be_visible()
    settle(window)
    assert_no_more_than(unavoidable, window)


@pytest.mark.parametrize("window", ["dark"], indirect=True)
def test_an_export_that_is_open_and_what_it_pins_add_no_violation_to_an_empty_app(
    window: Page, addresses: tuple[str, str], unavoidable: set[str]
) -> None:
    visit(window, addresses[0], "start")
    allowed = unavoidable | {"region"}  # Streamlit opens a popover beside the page's landmarks
    window.get_by_role("button", name="Export the machine").click()
    pin = window.get_by_role("button", name="Pin", exact=True)
    expect(pin).to_be_visible()
    settle(window)
    assert_no_more_than(allowed, window)
    pin.click()
    expect(window.get_by_role("button", name="Unpin")).to_be_visible()
    settle(window)
    assert_no_more_than(allowed, window)


@one_theme
def test_a_picture_without_an_alternative_text_is_found(window: Page, addresses: tuple[str, str]) -> None:
    window.goto(addresses[1])
    expect(window.get_by_role("heading", name="Empty")).to_be_visible()
    window.get_by_test_id("stMain").evaluate(
        "(main, planted) => main.insertAdjacentHTML('beforeend', planted)", PLANTED
    )
    assert "image-alt" in violations(window)


@one_theme
@pytest.mark.parametrize(
    ("name", "title"), [("start", "generated posters"), ("discriminator", "filters"), ("generator", "filters")]
)
def test_after_enter_the_focus_stays_on_the_cell_that_was_chosen(
    window: Page, addresses: tuple[str, str], name: str, title: str
) -> None:
    visit(window, addresses[0], name)
    cell = window.get_by_role("grid", name=title).get_by_role("gridcell").nth(3)
    cell.focus()
    cell.press("Enter")
    expect(cell).to_have_attribute("aria-selected", "true")
    settle(window)
    expect(cell).to_be_focused()
    cell.press("ArrowRight")
    expect(window.get_by_role("grid", name=title).get_by_role("gridcell").nth(4)).to_be_focused()


@one_theme
def test_after_enter_on_a_look_alike_the_focus_is_on_the_sheet_that_takes_its_place(
    window: Page, addresses: tuple[str, str]
) -> None:
    visit(window, addresses[0], "discriminator")
    window.get_by_text("Posters that look alike").click()
    grid = window.get_by_role("grid", name=re.compile("posters alike by"))
    cell = grid.get_by_role("gridcell").nth(2)
    before = cell.get_attribute("aria-label")
    cell.focus()
    cell.press("Enter")
    expect(cell).not_to_have_attribute("aria-label", str(before))
    settle(window)
    expect(grid.locator("[role=gridcell]:focus")).to_have_count(1)


@one_theme
def test_a_button_with_an_icon_alone_has_a_name(window: Page, addresses: tuple[str, str]) -> None:
    visit(window, addresses[0], "start")
    sidebar = window.get_by_test_id("stSidebar")
    dice, seed = sidebar.get_by_role("button", name="Another one", exact=True), sidebar.get_by_label("Seed", exact=True)
    before = seed.last.input_value()
    dice.click()
    expect(seed.last).not_to_have_value(before)
