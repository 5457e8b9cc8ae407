"""Every page, light and dark, as axe-core sees it: no violation that an empty Streamlit app does not have as well."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from dashboard.pages import PAGES
from tests.e2e.conftest import HOUSE, PATIENCE, browser_path, settle, started

pytestmark = pytest.mark.browser
EMPTY = 'import streamlit as st\nst.title("Empty")\nst.sidebar.write("Nothing")\n'
PLANTED = '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=" style="width: 9px">'
QUICK = {"methods": "DeepLIFT", "check": "false"}
Found = dict[str, list[str]]  # the nodes that violate each rule


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The app, and an empty one."""
    browser_path()
    empty = tmp_path_factory.mktemp("empty")
    (empty / "empty.py").write_text(EMPTY)
    (empty / ".streamlit").mkdir()
    (empty / ".streamlit/config.toml").write_text("[browser]\ngatherUsageStats = false\n")
    with (
        started([], tmp_path_factory.mktemp("app"), HOUSE) as app,
        started([], empty, empty, "empty.py") as nothing,
    ):
        yield app, nothing


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


def visit(page: Page, home: str, name: str) -> None:
    page.goto(f"{home}/{'' if name == 'start' else name}?{urlencode(QUICK)}")
    expect(page.get_by_test_id("stSidebar").get_by_text("D finds it")).to_be_visible()
    settle(page)


@pytest.mark.parametrize("name", PAGES)
def test_pages_add_no_violation_to_an_empty_app(
    window: Page, addresses: tuple[str, str], unavoidable: set[str], name: str
) -> None:
    visit(window, addresses[0], name)
    added = {rule: nodes for rule, nodes in violations(window).items() if rule not in unavoidable}
    assert not added, "\n".join(f"{rule}: {len(nodes)}\n  " + "\n  ".join(nodes) for rule, nodes in added.items())


def test_a_picture_without_an_alternative_text_is_found(window: Page, addresses: tuple[str, str]) -> None:
    window.goto(addresses[1])
    expect(window.get_by_role("heading", name="Empty")).to_be_visible()
    window.get_by_test_id("stMain").evaluate(
        "(main, planted) => main.insertAdjacentHTML('beforeend', planted)", PLANTED
    )
    assert "image-alt" in violations(window)
