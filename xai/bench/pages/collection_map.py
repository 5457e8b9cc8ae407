"""The map of a collection in a real Chromium: milliseconds a frame while it moves and zooms, and what a brush costs.

for row in collection_map():
    print(table([row]))                        # xai.bench.timings.timing

The points are drawn at random, as many as the data set has posters, and 2,000 seeds.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator
from typing import TYPE_CHECKING

from xai.bench.pages.browser import HOUSE, app, settle, window
from xai.bench.timings.timing import Row

if TYPE_CHECKING:
    from playwright.sync_api import Page

PAGE = HOUSE / "scripts/pages/collection_map.py"
POINTS = 22_649  # of that page
FRAMES = 120
BRUSHES = 5
MOVE = """async ({ kind, frames }) => {
  const plane = [...document.querySelectorAll('*')].map((one) => one.shadowRoot?.querySelector('.plane')).find(Boolean)
    ?? document.querySelector('.plane');
  const box = plane.getBoundingClientRect(), taken = [];
  const place = (x, y) => ({ clientX: box.left + x, clientY: box.top + y, bubbles: true, cancelable: true });
  const pointer = (type, x, y) => plane.dispatchEvent(new PointerEvent(type, { ...place(x, y), pointerId: 1 }));
  if (kind === 'pan') pointer('pointerdown', 360, 300);
  let last = await new Promise(requestAnimationFrame);
  for (let frame = 0; frame < frames; frame++) {
    if (kind === 'pan') pointer('pointermove', 300 + 60 * Math.cos(frame / 8), 300 + 60 * Math.sin(frame / 8));
    else plane.dispatchEvent(new WheelEvent('wheel', { ...place(400, 300), deltaY: frame % 80 < 40 ? -20 : 20 }));
    const now = await new Promise(requestAnimationFrame);
    taken.push(now - last);
    last = now;
  }
  if (kind === 'pan') pointer('pointerup', 360, 300);
  return taken.reduce((sum, one) => sum + one, 0) / frames;
}"""


def collection_map() -> Iterator[Row]:
    """Frames while the map moves and zooms, and the server's part of a brush with the list of its first posters."""
    with app(PAGE) as address, window() as page:
        page.goto(address)
        page.locator(".dot").first.wait_for()
        settle(page)
        for kind, title in (("pan", "moving"), ("zoom", "zooming")):
            frame = float(page.evaluate(MOVE, {"kind": kind, "frames": FRAMES}))
            note = f"{1000 / frame:.0f} frames a second"
            yield Row(f"Map of {POINTS:,} posters, {title}: a frame", frame, "", None, "under 33 ms", note)
        yield _brush(page)


def _brush(page: Page) -> Row:
    """The median over several, each of fewer posters."""
    counts, milliseconds = [], []
    page.get_by_role("button", name="Whole map").click()
    for _ in range(BRUSHES):
        page.get_by_role("button", name="Brush what is in view").click()
        settle(page)
        text = str(page.get_by_text(re.compile(r"^\d+ brushed in")).text_content())
        count, time = re.findall(r"[\d.]+", text)
        counts.append(int(count))
        milliseconds.append(float(time))
        page.get_by_role("button", name="zoom in").click()
    note = f"{counts[0]:,} to {counts[-1]:,} of them; the map and its list, without the rest of the page"
    return Row(
        f"Map of {POINTS:,} posters, a brush: server", statistics.median(milliseconds), "", None, "under 150 ms", note
    )
