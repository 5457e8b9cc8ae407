"""A brush on the poster: the places of a layer's maps that it covered, by pointer, touch or keyboard.

    brush(pixels, (16, 16), mask="16x16.2f.4", key="brush", on_change=lambda text: ...)

Nothing is sent while a stroke is drawn; at its end the page gets the mask's text (``xai.generator.regions.Mask``), ""
for none. The brush itself is that of the page without Python, ``xai/web/page/brush.js``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import streamlit as st

from dashboard.components import media
from dashboard.components.triggers import trigger_value

CSS = """
.brushing { font: 0.85rem var(--st-font, sans-serif); color: var(--st-text-color, #222); max-width: 420px; }
.frame { position: relative; overflow: hidden; border-radius: 2px; outline: 1px solid var(--st-border-color, #8885); }
canvas { display: block; width: 100%; image-rendering: pixelated; }
#poster { cursor: crosshair; touch-action: none; }
#poster:focus-visible { outline: 3px solid var(--st-primary-color, #5b3fa8); outline-offset: -3px; }
.mask { position: absolute; inset: 0; height: 100%; pointer-events: none; }
#brush { position: absolute; box-sizing: border-box; transform: translate(-50%, -50%); border: 2px solid #fff;
  box-shadow: 0 0 0 1px #000; border-radius: 50%; pointer-events: none; }
.tools { display: flex; flex-wrap: wrap; gap: 6px; align-items: center; padding-top: 8px; }
label { display: flex; gap: 6px; align-items: center; }
input { width: 7rem; accent-color: var(--st-primary-color, #5b3fa8); }
button { border: 1px solid var(--st-border-color, #8888); border-radius: 6px; background: transparent; color: inherit;
  padding: 0.25rem 0.7rem; min-height: 2.2rem; cursor: pointer; font: inherit; }
button[aria-pressed="true"] { outline: 2px solid var(--st-primary-color, #5b3fa8); font-weight: 600; }
button:disabled { opacity: 0.5; cursor: default; }
.note { min-height: 1.4em; padding-top: 4px; }
"""


def _script(name: str) -> str:
    """A module of the page without Python, to stand before what uses it."""
    text = files("xai.web").joinpath("page", name).read_text(encoding="utf-8")
    return re.sub(r"^export ", "", re.sub(r"^import .*\n", "", text, flags=re.M), flags=re.M)


JS = (
    _script("edits.js")
    + _script("brush.js")
    + """
export default function ({ data, parentElement, setTriggerValue }) {
  const brush = parentElement.brushing ??= brushing(parentElement);
  brush.send = (text) => setTriggerValue('mask', text);
  brush.show(data);
}

function brushing(parentElement) {
  const root = document.createElement('div'), sent = new Set();
  root.className = 'brushing';
  root.innerHTML = `
    <div class="frame"><canvas id="poster"></canvas><canvas class="mask"></canvas><div id="brush" hidden></div></div>
    <div class="tools">
      <label>Size <input id="brush-size" type="range" min="0.02" max="0.3" step="0.01" value="0.08"></label>
      <button data-do="erase" aria-pressed="false">Erase</button>
      <button data-do="undo">Undo stroke</button><button data-do="clear">Clear</button>
    </div>
    <div class="note" aria-live="polite"></div>`;
  parentElement.append(root);
  const find = (selector) => root.querySelector(selector);
  const poster = find('#poster'), mask = find('.mask'), tool = (name) => find(`[data-do=${name}]`);
  let cells = new Set(), before = [], erasing = false, data = { height: 1, width: 1 };

  const text = () => (cells.size
    ? `${data.height}x${data.width}.${runsOf(cells, data.height * data.width).join('.')}` : '');
  const draw = () => {
    const context = mask.getContext('2d');
    context.clearRect(0, 0, mask.width, mask.height);
    context.fillStyle = '#d97805aa';
    for (const cell of cells) context.fillRect(cell % data.width, Math.floor(cell / data.width), 1, 1);
    tool('undo').disabled = !before.length;
    tool('clear').disabled = !cells.size;
    find('.note').textContent = cells.size
      ? `${cells.size} of ${data.height * data.width} places of the map` : data.hint;
  };
  const tell = () => {
    draw();
    sent.add(text());
    brush.send(text());
  };
  const brush = { send: () => {} };
  const pointer = posterBrush({
    root,
    layerOf: () => data,
    begin: () => before.push(new Set(cells)),
    add: (under) => {
      under.forEach((cell) => (erasing ? cells.delete(cell) : cells.add(cell)));
      draw();
    },
    end: tell,
  });
  tool('erase').onclick = () => {
    erasing = !erasing;
    tool('erase').setAttribute('aria-pressed', erasing);
  };
  tool('undo').onclick = () => { cells = before.pop(); tell(); };
  tool('clear').onclick = () => { before.push(cells); cells = new Set(); tell(); };

  brush.show = (given) => {
    const last = data, adopted = given.mask !== last.mask && !sent.delete(given.mask);
    data = given;
    if (given.picture !== last.picture) {
      const image = new Image();
      image.onload = () => {
        Object.assign(poster, { width: image.naturalWidth, height: image.naturalHeight });
        poster.getContext('2d').drawImage(image, 0, 0);
      };
      image.src = given.picture;
    }
    if (given.width !== last.width || given.height !== last.height) {
      Object.assign(mask, { width: given.width, height: given.height });
    }
    if (adopted) {  // from a link, or cleared by the page
      before = [];
      cells = cellsOf(given.mask.split('.').slice(1), given.width * given.height) ?? new Set();
    }
    draw();
  };
  pointer.enable(true);
  return brush;
}
"""
)

_mount = st.components.v2.component("posterlens_brush", css=CSS, js=JS)
HINT = "Paint over the poster; with the keyboard, arrow keys move the brush and the space bar paints."


def brush(picture: Any, places: tuple[int, int], mask: str, key: str, on_change: Callable[[str], Any]) -> None:
    """Show the poster, uint8 RGB (H, W, 3), to paint on; ``places`` (h, w) of the map, ``mask`` of them is painted."""
    from xai.render import png

    def changed() -> None:
        text = trigger_value(key, "mask")
        if isinstance(text, str):
            on_change(text)

    height, width = places
    _mount(
        key=key,
        data={
            "picture": media.address(png(picture), "image/png", key),
            "height": height,
            "width": width,
            "mask": mask,
            "hint": HINT,
        },
        on_mask_change=changed,
    )
