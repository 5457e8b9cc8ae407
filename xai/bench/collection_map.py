"""The map of a collection in a real Chromium: milliseconds a frame while it moves and zooms, and what a brush costs.

for row in collection_map():
    print(table([row]))                        # xai.bench.timing

The points are drawn at random, as many as the data set has posters, and 2,000 seeds.
"""

from __future__ import annotations

import re
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from xai.bench.browser import app, settle, window
from xai.bench.timing import Row

if TYPE_CHECKING:
    from playwright.sync_api import Page

POINTS = 22_649
FRAMES = 120
BRUSHES = 5
# A page for `streamlit run`, in a process of its own: what it imports, xai does not.
SCRIPT = f"""
import time
import numpy as np
import streamlit as st
from dashboard.components.collection_map import Plot, collection_map, packed
from dashboard.components.sprite_grid import sprite_grid
from xai.collection.maps.colouring import by_number
from xai.collection.maps.thumbnails import Thumbnails
from xai.render import jpeg, sprite

@st.cache_resource
def made():
    random = np.random.default_rng(0)
    points = random.normal(size=({POINTS}, 2)).astype(np.float32)
    tiles = random.integers(0, 256, ({POINTS}, 1, 1, 3), np.uint8).repeat(32, 1).repeat(32, 2)
    sheet = sprite(tiles)
    colours = by_number("logit", random.normal(size={POINTS}), ("fake", "real"))
    places = packed(points, np.arange({POINTS}))
    return Plot(places, {POINTS}, {POINTS} - 2000, colours, Thumbnails(jpeg(sheet.pixels), sheet.columns, (32, 32)))

def brushed(rows):
    st.session_state.update(rows=rows, start=time.perf_counter())

rows = st.session_state.get("rows", [])
collection_map(made(), "map", brushed, lambda row: None, marked=rows)
if rows:
    tiles = np.zeros((60, 64, 64, 3), np.uint8)
    sprite_grid(sprite(tiles), [f"poster {{row}}" for row in range(60)], "list")
    st.text(f"{{len(rows)}} brushed in {{1000 * (time.perf_counter() - st.session_state.start):.1f}} ms")
"""
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
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "map.py"
        script.write_text(SCRIPT)
        with app(script) as address, window() as page:
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
