"""What a browser asks for, on every page: the app's own server and nobody else, whatever names it is shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from dashboard.pages import PAGES
from tests.dashboard.test_foreign_text import EDITS, FOLDER, GENRE, PICTURE, arguments
from tests.dashboard.test_foreign_text import hostile as hostile
from tests.e2e.conftest import HOUSE, PATIENCE, browser_path, settle, started

pytestmark = pytest.mark.browser
APP = str(HOUSE / "dashboard/app.py")
QUICK = {"methods": "DeepLIFT", "check": "false"}


@pytest.fixture(scope="module", params=["from the house", "from another folder"])
def any_address(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, hostile: Path
) -> Iterator[str]:
    browser_path()
    folder = tmp_path_factory.mktemp("elsewhere")
    place = HOUSE if request.param == "from the house" else folder
    with started(["--", *arguments(hostile)], folder, place, APP) as address:
        yield address


@pytest.fixture(params=["light", "dark"])
def watched(any_address: str, browser: Browser, request: pytest.FixtureRequest) -> Iterator[tuple[Page, list[str]]]:
    """A window that reaches only the app, and the addresses elsewhere that it asked for."""
    asked: list[str] = []

    def decide(route: Route) -> None:
        if urlsplit(route.request.url).hostname in ("127.0.0.1", None):
            route.continue_()
        else:
            asked.append(route.request.url)
            route.abort()

    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=request.param)
    context.route("**/*", decide)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    page.goto(any_address)
    yield page, asked
    context.close()


def visits() -> Iterator[tuple[str, dict[str, str]]]:
    for page in PAGES:
        yield "" if page == "start" else page, QUICK | {"source": "Poster", "genres": GENRE, "checkpoint": PICTURE}
    yield "generator", {"lab": "Paint with this filter", "edits": EDITS, "genres": PICTURE}
    yield "latent", {"noise": "Genres"}


def hosts_elsewhere(page: Page) -> list[str]:
    """Hosts of a foreign text's links and pictures; a link of ours may carry that text in its query."""
    hosts = page.eval_on_selector_all("a[href], img[src]", "all => all.map(e => new URL(e.href || e.src).hostname)")
    return [host for host in hosts if "evil" in host]


def test_pages_ask_nobody_but_their_server(watched: tuple[Page, list[str]]) -> None:
    page, asked = watched
    home = page.url.rstrip("/")
    for name, query in visits():
        page.goto(f"{home}/{name}?{urlencode(query)}")
        expect(page.get_by_test_id("stSidebar").get_by_text("D finds it")).to_be_visible()
        settle(page)
        assert hosts_elsewhere(page) == []
        if query.get("source") == "Poster":
            caption = page.get_by_test_id("stSidebar").get_by_test_id("stImageCaption").inner_text()
            shown = caption.replace("\u2060", "")
            assert PICTURE in shown
            assert GENRE in shown
        if name == "training":
            expect(page.get_by_role("combobox", name="Run")).to_have_value(f"runs/{FOLDER}")
    assert not asked


def test_a_foreign_host_is_named(browser: Browser) -> None:
    page = browser.new_page()
    page.route("**/*", lambda route: route.abort())
    page.set_content("<a href='http://own.test/?a=http://evil.test'>ours</a><img src='http://evil.test/a.png'>")
    assert hosts_elsewhere(page) == ["evil.test"]
    page.close()
