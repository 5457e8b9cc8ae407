"""What a browser asks for, on every page: the app's own server and nobody else, whatever names it is shown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, Error, Page, expect

from dashboard.pages import PAGES
from tests.dashboard.test_foreign_text import EDITS, FOLDER, GENRE, PICTURE, arguments
from tests.dashboard.test_foreign_text import hostile as hostile
from tests.e2e.conftest import HOUSE, PATIENCE, browser_path, settle, started

pytestmark = pytest.mark.browser
APP = str(HOUSE / "dashboard/app.py")
QUICK = {"methods": "DeepLIFT", "check": "false"}


@pytest.fixture
def any_address(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, hostile: Path
) -> Iterator[str]:
    browser_path()
    folder = tmp_path_factory.mktemp("elsewhere")
    place = HOUSE if request.param == "from the house" else folder
    with started(["--", *arguments(hostile)], folder, place, APP) as address:
        yield address


@contextmanager
def watched(browser: Browser, theme: Literal["light", "dark"] = "light") -> Iterator[tuple[Page, list[str]]]:
    """A window, and the addresses beyond this machine that it asks for; the browser of these tests reaches none."""
    asked: list[str] = []

    def note(url: str) -> None:
        if urlsplit(url).hostname not in ("127.0.0.1", None):
            asked.append(url)

    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=theme)
    context.on("request", lambda request: note(request.url))
    page = context.new_page()
    page.on("websocket", lambda socket: note(socket.url))
    page.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
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


# A theme at each of the two places: what is asked for does not depend on both at once.
@pytest.mark.parametrize(
    ("any_address", "theme"), [("from the house", "light"), ("from another folder", "dark")], indirect=["any_address"]
)
def test_pages_ask_nobody_but_their_server(any_address: str, browser: Browser, theme: Literal["light", "dark"]) -> None:
    with watched(browser, theme) as (page, asked):
        for name, query in visits():
            page.goto(f"{any_address}/{name}?{urlencode(query)}")
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


def test_a_foreign_host_is_named_and_not_reached(browser: Browser) -> None:
    with watched(browser) as (page, asked):
        page.set_content("<a href='http://own.test/?a=http://evil.test'>ours</a><img src='http://evil.test/a.png'>")
        assert hosts_elsewhere(page) == ["evil.test"]
        with pytest.raises(Error, match="ERR_NAME_NOT_RESOLVED"):
            page.goto("http://example.org/")
    assert asked == ["http://evil.test/a.png", "http://example.org/"]
