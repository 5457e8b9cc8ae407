"""What each interaction sends to the browser; seconds are printed by scripts/benchmark.py --only pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import PATIENCE, browser_path
from xai.bench.pages import browser as bench

pytestmark = pytest.mark.browser


@pytest.fixture
def window() -> Iterator[Page]:
    browser_path()
    with bench.window() as page:
        yield page


def test_no_interaction_sends_more_than_its_ceiling(address: str, window: Page) -> None:
    traffic = bench.Traffic(window)
    bench.first_paint(window, address, "[role=gridcell]")
    for cost in bench.interactions(window, traffic):
        one = cost.interaction
        print(f"{one.name}: {cost.seconds:.1f} s, {cost.websocket} and {cost.http} bytes")
        assert cost.websocket < 1000 * one.websocket, one.name
        assert cost.http < 1000 * one.http, one.name


def test_a_sheet_is_fetched_once_and_by_its_address(address: str, window: Page) -> None:
    fetched: list[str] = []
    window.on("response", lambda response: fetched.append(response.url))
    window.goto(address, wait_until="commit")
    first = window.get_by_role("gridcell", name="seed 0", exact=True)
    expect(first).to_be_visible(timeout=PATIENCE)
    bench.settle(window)
    sheet = str(first.evaluate("cell => getComputedStyle(cell).backgroundImage")).removeprefix('url("')[:-2]
    assert "/media/" in sheet
    window.get_by_role("gridcell", name="seed 3", exact=True).click()
    expect(window.get_by_text("seed 3", exact=True).first).to_be_visible()
    bench.settle(window)
    assert fetched.count(sheet) == 1
