"""The sliders of latent dimensions in a real Chromium: how many posters a second follow a hand that moves all the time.

    for row in live_latents("dcgan-64", Path("site")):
        print(table([row]))                        # xai.bench.timings.timing

On the Latent page, and on the page without Python that ``scripts/export.py --web site`` wrote. A slider is
moved at every frame that the browser shows; a poster counts when its picture and the difference to the start are drawn.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

from xai.bench.pages.browser import HOUSE, app, settle, window
from xai.bench.timings.timing import Row

if TYPE_CHECKING:
    from playwright.sync_api import Locator

SECONDS = 5.0
GOAL = 30  # frames a second
MOVE = """async (slider, seconds) => {
  let drawn = 0, judged = 0, frames = 0;
  const counts = { drawn: () => { drawn++; }, judged: () => { judged++; } };
  for (const [name, count] of Object.entries(counts)) addEventListener(name, count);
  const start = await new Promise(requestAnimationFrame);
  let now = start;
  while (now - start < 1000 * seconds) {
    slider.value = 2 * Math.sin((now - start) / 400);
    slider.dispatchEvent(new Event('input', { bubbles: true }));
    frames++;
    now = await new Promise(requestAnimationFrame);
  }
  for (const [name, count] of Object.entries(counts)) removeEventListener(name, count);
  return [drawn, judged, frames].map((count) => (1000 * count) / (now - start));
}"""


def live_latents(name: str, site: Path) -> Iterator[Row]:
    """Both pages, for a checkpoint that is shipped, and the folder of its page."""
    yield _row("Latent page", name, _on_the_page(name))
    yield _row("page without Python", name, _on_the_static_page(site))


def _row(page: str, name: str, rates: tuple[float, float, float]) -> Row:
    posters, verdicts, frames = rates
    note = f"a second: posters {posters:.0f}, verdicts {verdicts:.0f}, frames of the browser {frames:.0f}"
    goal = f"under {1000 / GOAL:.0f} ms"
    return Row(f"A latent of {name} turned on the {page}: a poster", 1000 / posters, "", None, goal, note)


def _rates(slider: Locator) -> tuple[float, float, float]:
    """Posters, verdicts and frames a second, after a second in which all gets warm."""
    slider.evaluate(MOVE, 1.0)
    posters, verdicts, frames = slider.evaluate(MOVE, SECONDS)
    return posters, verdicts, frames


def _on_the_page(name: str) -> tuple[float, float, float]:
    with app(HOUSE / "dashboard/app.py") as address, window() as page:
        page.goto(f"{address}/latent?checkpoint={name}&seed=7")
        page.locator(".turning #logit:not(:empty)").wait_for()
        settle(page)
        return _rates(page.locator(".turning .sliders input").nth(1))


def _on_the_static_page(site: Path) -> tuple[float, float, float]:
    with _served(site) as address, window() as page:
        page.goto(f"{address}/#seed=7")
        page.locator("#logit:not(:empty)").wait_for()
        return _rates(page.locator("#sliders input").first)


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """The address of a file server of this folder."""
    quiet = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
