"""The notebook's scrubber in a real Chromium, mounted as a notebook mounts it, with a model in place of the kernel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

import gan
import xai
from tests.e2e.conftest import HOUSE
from tests.e2e.test_accessibility import violations
from xai.latents.sweeps import LatentSweeps

pytestmark = pytest.mark.browser
SEED, STEPS = 3, (-3.0, -1.0, 1.0, 3.0)
NEAR = 8.0  # grey levels: the sheet is a WebP
HOST = """<!doctype html><html lang="en"><title>notebook</title>
<body style="background: {0}; color: {1}"><main><h1>A notebook</h1><div id="output"></div></main></body></html>"""
# As Backbone's, on which Jupyter's models are built: a change of a value is told to who listens, and sent when saved.
MOUNT = """
async ([esm, state]) => {
  const url = URL.createObjectURL(new Blob([esm], { type: 'text/javascript' }));
  const listeners = {};
  globalThis.sent = [];
  globalThis.model = {
    get: (name) => state[name],
    set: (name, value) => {
      if (state[name] === value) return;
      state[name] = value;
      (listeners[`change:${name}`] ?? []).forEach((listener) => listener());
    },
    save_changes: () => sent.push(state.dimension),
    on: (name, listener) => { (listeners[name] ??= []).push(listener); },
    off: (name, listener) => { listeners[name] = listeners[name].filter((one) => one !== listener); },
    listening: () => Object.values(listeners).flat().length,
  };
  const { default: widget } = await import(url);
  globalThis.unmount = widget.render({ model, el: document.querySelector("#output") });
}
"""


@dataclass
class Mounted:
    """The widget in a window of its own, and what it was made from."""

    page: Page
    sweeps: LatentSweeps
    dimension: int

    @property
    def picture(self) -> Locator:
        return self.page.locator("canvas")

    def away(self, pictures: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """How far each of these (N, H, W, 3) is from what is shown: the mean difference in grey levels."""
        height, width, data = self.picture.evaluate(
            """(canvas) => {
                const { height, width } = canvas;
                return [height, width, Array.from(canvas.getContext('2d').getImageData(0, 0, width, height).data)];
            }"""
        )
        shown = np.array(data, np.uint8).reshape(height, width, 4)[..., :3].astype(int)
        return np.array(np.abs(pictures - shown).mean((1, 2, 3)))

    def assert_poster(self) -> None:
        assert self.away(self.sweeps.poster[None]) < min(NEAR, self.away(self.sweeps.pixels[self.dimension]).min())
        expect(self.page.get_by_text("as in this poster")).to_be_visible()

    def assert_at(self, dimension: int, step: int) -> None:
        away = self.away(self.sweeps.pixels[dimension])
        assert away.argmin() == step
        assert away[step] < NEAR
        expect(self.page.get_by_text(f"dimension {dimension} at {STEPS[step]:.1f} (this poster")).to_be_visible()

    @property
    def sent(self) -> list[int]:
        """What was told to Python."""
        return list(self.page.evaluate("sent"))


@pytest.fixture(scope="module")
def widget() -> Any:
    return xai.scrubber(gan.load(HOUSE / "checkpoints/wider-64"), SEED, STEPS)


@pytest.fixture(params=[("#ffffff", "#1f1f1f")])
def mounted(widget: Any, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Mounted]:
    page = browser.new_page(viewport={"width": 900, "height": 700})
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.set_content(HOST.format(*request.param))
    page.add_style_tag(content=widget._css)
    first = int(widget.dimension)
    page.evaluate(MOUNT, [widget._esm, {"sheet": widget.sheet, "dimension": first}])
    expect(page.get_by_text("as in this poster")).to_be_visible()
    page.wait_for_function("document.querySelector('canvas').getContext('2d').getImageData(9, 9, 1, 1).data[3] > 0")
    yield Mounted(page, widget.sweeps, first)
    page.close()
    assert not complaints


def test_the_picture_follows_the_pointer(mounted: Mounted) -> None:
    mounted.assert_poster()
    box = mounted.picture.bounding_box()
    assert box is not None
    for step in range(len(STEPS)):
        x = box["x"] + (step / (len(STEPS) - 1) * 0.98 + 0.01) * box["width"]
        mounted.page.mouse.move(x, box["y"] + box["height"] / 2)
        mounted.assert_at(mounted.dimension, step)
    mounted.page.get_by_role("button", name="Reset").click()
    mounted.assert_poster()
    assert mounted.sent == []


def test_the_picture_follows_the_keys_and_enter_tells_python(mounted: Mounted) -> None:
    mounted.picture.focus()
    mounted.picture.press("ArrowRight")
    now = mounted.sweeps.now[mounted.dimension]
    step = int(np.abs(np.array(STEPS) - now).argmin()) + 1
    mounted.assert_at(mounted.dimension, min(step, len(STEPS) - 1))
    mounted.picture.press("Home")
    mounted.assert_poster()
    other = mounted.dimension + (1 if mounted.dimension < 99 else -1)
    mounted.picture.press("ArrowDown" if other > mounted.dimension else "ArrowUp")
    for _ in STEPS:
        mounted.picture.press("ArrowLeft")
    mounted.assert_at(other, 0)
    assert mounted.sent == []
    mounted.picture.press("Enter")
    assert mounted.sent == [other]
    mounted.assert_at(other, 0)


def test_a_click_on_a_square_tells_python_and_python_chooses_another(mounted: Mounted) -> None:
    mounted.page.get_by_role("radio", name="dimension 42", exact=True).click()
    assert mounted.sent == [42]
    mounted.page.evaluate("model.set('dimension', 17)")
    expect(mounted.page.get_by_role("radio", name="dimension 17", exact=True)).to_be_checked()
    slider = mounted.page.get_by_role("slider", name="the latent value", exact=True)
    slider.fill("3")
    mounted.assert_at(17, 3)
    assert mounted.sent == [42]
    mounted.page.evaluate("unmount()")
    assert mounted.page.evaluate("model.listening()") == 0


@pytest.mark.parametrize("mounted", [("#ffffff", "#1f1f1f"), ("#111111", "#ffffff")], indirect=True)
def test_it_is_accessible_on_light_and_on_dark_notebooks_and_styles_nothing_else(mounted: Mounted) -> None:
    assert not violations(mounted.page)
    mounted.page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<p class=\"left value say\">a cell</p><input type=range>')"
    )
    looks = "(one) => [getComputedStyle(one).maxWidth, getComputedStyle(one).cursor]"
    assert mounted.page.locator("p.left").evaluate(looks) == ["none", "auto"]
    assert mounted.page.locator(".scrubber .left").evaluate(looks) == ["420px", "auto"]
