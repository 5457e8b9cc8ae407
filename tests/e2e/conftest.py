"""The app in a real Chromium: starting it, waiting for it, and what a person does on every page."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, TimeoutError, expect, sync_playwright

HOUSE = Path(__file__).parents[2]
PATIENCE = 240_000  # milliseconds; a machine that is busy with training paints an atlas for minutes
GLANCE = 5_000  # milliseconds after which a list that was opened must have closed again
REST = 400  # milliseconds without a run: one begins a little after the click that asks for it
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",  # nobody beyond this machine
)  # fmt: skip


def browser_path() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        if os.environ.get("POSTERLENS_BROWSER") == "required":
            pytest.fail("No Chromium is installed, and POSTERLENS_BROWSER=required.")
        pytest.skip("no Chromium is installed")
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = browser_path()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def checkpoints_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of checkpoints that a test may add to, with the shipped one in it."""
    folder = tmp_path_factory.mktemp("kept") / "checkpoints"
    shutil.copytree(HOUSE / "checkpoints/dcgan-64", folder / "dcgan-64")
    return folder


@pytest.fixture(scope="session")
def shared_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The app, started as the README says, for all modules: what a page computes at first, it computes once."""
    folder = tmp_path_factory.mktemp("app")
    with started([], folder) as address:
        yield address, folder / "log"


@pytest.fixture(scope="module")
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The shared app, or one of its own on a copy of the checkpoints for a module that WRITES_CHECKPOINTS."""
    browser_path()
    if getattr(request.module, "WRITES_CHECKPOINTS", False):
        arguments = ["--", "--checkpoints", str(request.getfixturevalue("checkpoints_copy"))]
        with started(arguments, tmp_path_factory.mktemp("app")) as address:
            yield address
        return
    address, log = request.getfixturevalue("shared_app")
    yield address
    assert_no_exception(log)


@contextmanager
def started(
    arguments: list[str],
    folder: Path,
    place: Path = HOUSE,
    script: str = "dashboard/app.py",
    command: Sequence[str] = (),
) -> Iterator[str]:
    """The app's address, started in ``place``; its log and its cache are kept in ``folder``.

    command : that opens the dashboard, in place of ``streamlit run SCRIPT``.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "POSTERLENS_CACHE": str(folder / "cache"),
        "STREAMLIT_SERVER_PORT": str(port),
        "STREAMLIT_SERVER_ADDRESS": "127.0.0.1",
        "STREAMLIT_SERVER_HEADLESS": "true",
        "STREAMLIT_LOGGER_ENABLE_RICH": "false",
    }
    log = folder / "log"
    with log.open("w") as output:
        line = [*(command or ("streamlit", "run", script)), *arguments]
        app = subprocess.Popen(line, cwd=place, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            wait_for(f"http://127.0.0.1:{port}/_stcore/health", app, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            app.terminate()
            app.wait(20)
    assert_no_exception(log)


def assert_no_exception(log: Path) -> None:
    """The app has raised nothing, on no page, whoever looked: a page that failed and was left again counts, too."""
    said = log.read_text()
    first = said.find("Traceback")
    assert first < 0, f"The app has raised:\n{said[max(0, first - 500) : first + 8000]}"


def wait_for(url: str, app: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(240):
        try:
            urllib.request.urlopen(url, timeout=2)
            return
        except OSError:
            assert app.poll() is None, log.read_text()
            time.sleep(0.5)
    pytest.fail(log.read_text())


@pytest.fixture
def page(address: str, browser: Browser) -> Iterator[Page]:
    """A fresh window on the Start page."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    page.goto(address)
    yield page
    context.close()


def settle(page: Page) -> None:
    """Wait until the app has answered: a click while an upload is on its way would be lost."""
    app, state = page.get_by_test_id("stApp"), "data-test-script-state"
    for _ in range(PATIENCE // REST):
        expect(app).to_have_attribute(state, "notRunning")
        page.wait_for_timeout(REST)
        if app.get_attribute(state) == "notRunning":
            return
    pytest.fail("the app does not come to rest")


def choose(page: Page, drop_down: Locator, option: str) -> None:
    """Take an option of a drop-down list.

    The list closes by itself whenever the page scrolls or grows below it, as it may under a test that is faster than
    any hand: then it is opened again.
    """
    wanted = page.get_by_role("option", name=option, exact=True)
    drop_down.scroll_into_view_if_needed()
    page.wait_for_timeout(200)  # the browser tells of having scrolled a little later
    for _ in range(PATIENCE // GLANCE):
        drop_down.press("ArrowDown")
        with suppress(TimeoutError):
            return wanted.click(timeout=GLANCE)
    pytest.fail(f"{option} was not in the list, however often it was opened")


def go_to(page: Page, name: str) -> None:
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()


def upload(page: Page, poster: Path) -> None:
    """Choose a picture in the sidebar, and wait until it is the subject."""
    sidebar = page.get_by_test_id("stSidebar")
    sidebar.get_by_text("Upload", exact=True).click()
    page.locator("input[type=file]").set_input_files(poster)
    # The verdict on the seed stands there until the upload has arrived; the poster's caption does not.
    expect(sidebar.get_by_role("paragraph").get_by_text(poster.name)).to_be_visible()
    expect(sidebar.get_by_text("D finds it")).to_be_visible()
    settle(page)
