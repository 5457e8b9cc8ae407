"""A heavy job of one person in a real Chromium: others are answered meanwhile, can join it, and it ends with them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import HOUSE, PATIENCE, browser_path, started

pytestmark = pytest.mark.browser
ALL_FILTERS = "generator?lab=All+filters"
STUDIES = shutil.ignore_patterns("filters.npz", "latents.npz")


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one checkpoint, of which two studies take minutes."""
    folder = tmp_path_factory.mktemp("unstudied")
    shutil.copytree(HOUSE / "checkpoints/dcgan-64", folder / "dcgan-64", ignore=STUDIES)
    return folder


@pytest.fixture(scope="module")
def address(checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    browser_path()
    with started(["--", "--checkpoints", str(checkpoints)], tmp_path_factory.mktemp("app")) as address:
        yield address
    until(lambda: not children(checkpoints), "a job outlives its server")


@pytest.fixture
def visit(address: str, browser: Browser) -> Iterator[Callable[[str], Page]]:
    """Open a page as another person."""
    contexts = []

    def open_page(path: str) -> Page:
        contexts.append(browser.new_context(viewport={"width": 1280, "height": 900}))
        page = contexts[-1].new_page()
        page.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        page.goto(f"{address}/{path}")
        return page

    yield open_page
    for context in contexts:
        context.close()


def children(checkpoints: Path) -> list[int]:
    """Processes of jobs of this app."""
    if not Path("/proc/self").exists():
        pytest.skip("processes are found in /proc")
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:  # it has ended meanwhile
            continue
        if "dashboard.jobs.child" in words and str(checkpoints) in words:
            found.append(int(path.parent.name))
    return found


def until(happened: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE / 1000
    while not happened():
        assert time.monotonic() < end, what
        time.sleep(0.2)


def test_while_one_persons_study_runs_others_are_answered_and_it_ends_with_who_waits_for_it(
    visit: Callable[[str], Page], checkpoints: Path
) -> None:
    ann = visit(ALL_FILTERS)
    ann.get_by_role("button", name="Measure all filters").click()
    cancel = ann.get_by_role("button", name="Cancel")
    expect(cancel).to_be_visible()
    expect(ann.get_by_text("Ablating every filter in 256 posters: ")).to_be_visible()
    until(lambda: len(children(checkpoints)) == 1, "the study has not begun")

    bob = visit("?seed=1")
    sidebar = bob.get_by_test_id("stSidebar")
    expect(sidebar.get_by_text("D finds it")).to_be_visible()
    sidebar.get_by_test_id("stNumberInputStepUp").click()
    expect(sidebar.get_by_text("seed 2", exact=True)).to_be_visible()
    ann.get_by_test_id("stSidebar").get_by_test_id("stNumberInputStepUp").click()  # her own page is usable, too
    expect(ann.get_by_test_id("stSidebar").get_by_text("seed 1", exact=True)).to_be_visible()
    expect(cancel).to_be_visible()
    assert len(children(checkpoints)) == 1  # it was running all the time

    eve = visit(ALL_FILTERS)  # who sees it waits for it, too
    expect(eve.get_by_text("1 other person waits for it, too")).to_be_visible()
    eve.goto(f"{eve.url.split('/generator')[0]}/latent?noise=Importance")
    eve.get_by_role("button", name="Measure all latent dimensions").click()
    expect(eve.get_by_text("waiting, 1 job before it")).to_be_visible()

    ann.context.close()
    eve.get_by_role("button", name="Cancel").click()
    expect(eve.get_by_role("button", name="Measure all latent dimensions")).to_be_visible()
    eve.context.close()
    until(lambda: not children(checkpoints), "the study goes on for nobody")
