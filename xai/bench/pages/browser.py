"""What the pages cost a person: seconds until they show something, and bytes on the way, in a real Chromium.

    with app([]) as address, window() as page:
        for cost in interactions(page, address):
            print(cost.name, cost.seconds, cost.websocket)

Bytes are the same on every machine and have ceilings; seconds have goals, which a quiet machine should meet.
Playwright and a Chromium are needed.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from xai.bench.timings.timing import Row, Times
from xai.errors import ExplanationError

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page, Request, WebSocket

HOUSE = Path(__file__).resolve().parents[3]
PATIENCE = 240_000  # milliseconds
EMPTY = 'import streamlit as st\nst.title("Nothing")\n'
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")


@dataclass(frozen=True)
class Interaction:
    """One thing that a person does, and what it may cost.

    act : does it. shown : what is on the page once it is answered. websocket, http : ceilings in kB.
    goal : seconds until ``shown``, on two idle cores.
    """

    name: str
    act: Callable[[Page], object]
    shown: Callable[[Page], Locator]
    websocket: int
    http: int
    goal: float


@dataclass(frozen=True)
class Cost:
    """What it took. seconds : until it was answered; settled : until the page was at rest. Bytes : received."""

    interaction: Interaction
    seconds: float
    settled: float
    websocket: int
    http: int


def cell(name: str) -> Callable[[Page], Locator]:
    """A cell of a sheet."""
    return lambda page: page.get_by_role("gridcell", name=name, exact=True)


def heading(name: str | re.Pattern[str]) -> Callable[[Page], Locator]:
    return lambda page: page.get_by_role("heading", name=name)


def open_page(name: str) -> Callable[[Page], object]:
    """By the menu."""
    return lambda page: page.get_by_test_id("stSidebarNav").get_by_role("link", name=name).click()


def dimension_slider(page: Page) -> Locator:
    return page.get_by_test_id("stMain").get_by_role("slider", name="Latent dimension").first


def next_dimension(page: Page) -> None:
    slider = dimension_slider(page)
    slider.focus()
    slider.press("ArrowRight")


def chosen_dimension(page: Page) -> Locator:
    """What is shown of the dimension at which the slider stands, which differs from checkpoint to checkpoint."""
    at = dimension_slider(page).evaluate("slider => slider.value ?? slider.getAttribute('aria-valuenow')")
    return heading(f"Where dimension {at} acts")(page)


def next_seed(page: Page) -> None:
    page.get_by_test_id("stSidebar").get_by_test_id("stNumberInputStepUp").click()


def next_seed_at_once(page: Page) -> None:
    """The next seed, whose poster must stand there before its sweeps."""
    next_seed(page)
    poster_alone(page).wait_for()


def poster_alone(page: Page) -> Locator:
    """What stands on the Latent page until the sweeps are there."""
    return page.get_by_text("this poster; its sweeps follow")


def caption(text: str) -> Callable[[Page], Locator]:
    return lambda page: page.get_by_text(text, exact=True).first


INTERACTIONS = (
    Interaction("Compare, first heat map", open_page("Compare"), lambda page: pictures(page).nth(1), 60, 1200, 3.0),
    Interaction("Start, back again", open_page("Start"), cell("seed 4"), 30, 200, 1.0),
    Interaction("Start, another seed", lambda page: cell("seed 4")(page).click(), caption("seed 4"), 45, 50, 0.5),
    Interaction(
        "Discriminator", open_page("Discriminator"), heading(re.compile(r"Filter \d+ of layers\.4")), 72, 5400, 1.0,
    ),
    Interaction(
        "Discriminator, another filter", lambda page: cell("filter 5")(page).click(), heading("Filter 5 of layers.4"),
        62, 450, 0.3,
    ),
    Interaction("Generator", open_page("Generator"), heading(re.compile(r"Filter \d+ of layers\.5")), 58, 290, 1.0),
    Interaction(
        "Generator, another filter", lambda page: cell("filter 5")(page).click(), heading("Filter 5 of layers.5"),
        57, 240, 0.3,
    ),
    Interaction(
        "Latent, first picture", open_page("Latent"), lambda page: pictures(page).first, 70, 21_000, 1.0,
    ),
    Interaction(
        "Latent, another dimension", next_dimension, chosen_dimension, 62, 30, 0.3,
    ),
    Interaction("Latent, another seed: its poster", next_seed, poster_alone, 75, 3300, 0.5),
    Interaction(
        "Latent, another seed: its sweeps", next_seed_at_once,
        lambda page: page.locator(".scrubber"), 75, 3300, 4.0,
    ),
)  # fmt: skip


def pictures(page: Page) -> Locator:
    """Those in sight: the strip of the poster is there for phones only."""
    return page.get_by_test_id("stMain").get_by_test_id("stImage").filter(visible=True)


class Traffic:
    """Bytes that a page received since the last ``taken``."""

    def __init__(self, page: Page) -> None:
        self.websocket = self.http = 0
        page.on("websocket", self._listen)
        page.on("requestfinished", self._finished)

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framereceived", self._frame)

    def _frame(self, content: str | bytes) -> None:
        self.websocket += len(content)

    def _finished(self, request: Request) -> None:
        self.http += request.sizes()["responseBodySize"]

    def taken(self) -> tuple[int, int]:
        counted = self.websocket, self.http
        self.websocket = self.http = 0
        return counted


def interactions(page: Page, traffic: Traffic) -> Iterator[Cost]:
    """Do them all, one after the other, on an app whose Start page is open."""
    for one in INTERACTIONS:
        settle(page)
        traffic.taken()
        start = time.perf_counter()
        one.act(page)
        one.shown(page).wait_for()
        seconds = time.perf_counter() - start
        settle(page)
        yield Cost(one, seconds, time.perf_counter() - start, *traffic.taken())


def settle(page: Page) -> None:
    """Wait until the app is at rest, and has been for a moment."""
    page.wait_for_timeout(150)
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
    page.wait_for_timeout(200)


def first_paint(page: Page, address: str, *shown: str) -> list[float]:
    """Seconds from asking for the page until each of these selectors is there."""
    start, seconds = time.perf_counter(), []
    page.goto(address, wait_until="commit")
    for selector in shown:
        page.wait_for_selector(selector)
        seconds.append(time.perf_counter() - start)
    return seconds


def rows(paints: int = 6) -> Iterator[Row]:
    """All of it as rows; a first paint is the median over fresh servers, in turns with an empty app."""
    ours, empty = HOUSE / "dashboard/app.py", []
    titles, posters = [], []
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "empty.py"
        script.write_text(EMPTY, encoding="utf-8")
        for _ in range(paints):
            empty += fresh_paint(script, "h1")
            first, second = fresh_paint(ours, "h1", "[role=gridcell]")
            titles.append(first)
            posters.append(second)
    title, poster, nothing = (Times(tuple(1000 * one for one in seconds)) for seconds in (titles, posters, empty))
    yield Row.beside("Start, fresh server: title", title, "an empty Streamlit app", nothing, "500 ms more")
    with app(ours) as address, window() as page:
        traffic = Traffic(page)
        first_paint(page, address, "[role=gridcell]")
        settle(page)
        yield Row.alone("Start, fresh server: first poster", poster, "under 2,500 ms", _traffic(*traffic.taken()))
        for cost in interactions(page, traffic):
            one = cost.interaction
            most = f"{_traffic(cost.websocket, cost.http)}, at most {one.websocket} and {one.http} kB"
            note = f"{most}; at rest after {cost.settled:.1f} s"
            yield Row(one.name, 1000 * cost.seconds, "", None, f"under {1000 * one.goal:,.0f} ms", note)


def fresh_paint(script: Path, *shown: str) -> list[float]:
    """Seconds until a server that was just started shows these selectors in a browser that was just opened."""
    with app(script) as address, window() as page:
        return first_paint(page, address, *shown)


def ceilings() -> str:
    """What each interaction may send, as Markdown."""
    lines = ["| interaction | websocket, at most | HTTP, at most | goal |", "| --- | ---: | ---: | ---: |"]
    lines += [f"| {one.name} | {one.websocket} kB | {one.http:,} kB | {one.goal:g} s |" for one in INTERACTIONS]
    return "\n".join(lines)


def _traffic(websocket: int, http: int) -> str:
    return f"{websocket / 1000:.0f} kB by websocket, {http / 1000:.0f} kB by HTTP"


def chromium() -> str:
    """Path of the browser.

    Raises
    ------
    ExplanationError
        If none is installed.
    """
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        raise ExplanationError("The pages are measured in Chromium, and none is installed.")
    return found


@contextmanager
def window() -> Iterator[Page]:
    """A fresh browser with an empty cache."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(PATIENCE)
        yield page
        browser.close()


@dataclass(frozen=True)
class Server:
    """A running app. pid : of its process."""

    address: str
    pid: int


@contextmanager
def served(script: Path, arguments: Sequence[str] = (), cache: Path | None = None) -> Iterator[Server]:
    """A Streamlit app on a free port.

    arguments : of the script. cache : a folder that stays; without it, the app has an empty one.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    address = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as empty:
        options = {"PORT": str(port), "ADDRESS": "127.0.0.1", "HEADLESS": "true"}
        environment = os.environ | {f"STREAMLIT_SERVER_{key}": value for key, value in options.items()}
        process = subprocess.Popen(  # noqa: S603 - our own
            [sys.executable, "-m", "streamlit", "run", str(script), "--", *arguments], cwd=HOUSE,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=environment | {"POSTERLENS_CACHE": str(cache or empty), "PYTHONPATH": str(HOUSE)},
        )  # fmt: skip
        try:
            _wait_for(f"{address}/_stcore/health", process)
            yield Server(address, process.pid)
        finally:
            process.terminate()
            process.wait(20)


@contextmanager
def app(script: Path) -> Iterator[str]:
    """The address of a Streamlit app that is served as ``served`` does."""
    with served(script) as server:
        yield server.address


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=2)  # noqa: S310 - our own server
            return
        except OSError:
            time.sleep(0.1)
    raise ExplanationError("The app ended before it answered.")
