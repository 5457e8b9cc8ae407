"""A large map whose values are read under the pointer, by arrow keys or at a touch; a click goes on.

    value_map(
        overlay(poster, values, end), values, "map", caption="what filter 7 contributed", unit="logit",
        on_pick=lambda row, column: ..., action="see which filters contributed here",
    )

``values`` (h, w) may have fewer places than the picture has pixels: each place lies over its part of the picture. Of a
map that was averaged over blocks, ``pool(values, block)[::block, ::block]`` are the values.

They are fetched when they are first asked for, as two bytes each, by an address that stays the same for the same
values; a rerun sends nothing again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from dashboard.components import media
from dashboard.components.triggers import trigger_value

CSS = """
figure { margin: 0; font: 0.85rem var(--st-font, sans-serif); color: var(--st-text-color, #222); }
.frame { position: relative; border-radius: 2px; outline: 1px solid var(--st-border-color, #8885); cursor: crosshair;
  touch-action: manipulation; }
.frame.goes { cursor: pointer; }
.frame:focus-visible { outline: 3px solid var(--st-primary-color, #5b3fa8); outline-offset: 2px; }
img { display: block; width: 100%; image-rendering: pixelated; border-radius: 2px; }
.place { position: absolute; box-sizing: border-box; pointer-events: none; outline: 2px solid #fff;
  box-shadow: 0 0 0 4px #000; min-width: 4px; min-height: 4px; }
figcaption { text-align: center; padding-top: 6px; line-height: 1.4; }
.note { text-align: center; min-height: 2.8em; line-height: 1.4; font-variant-numeric: tabular-nums; }
.note.idle { color: color-mix(in srgb, currentColor 80%, transparent); }
"""

JS = """
export default function ({ data, parentElement, setTriggerValue }) {
  const map = parentElement.map ??= build(parentElement);
  map.pick = (place) => setTriggerValue('picked', place);
  map.show(data);
}

function build(parentElement) {
  const make = (kind, className, inside) => {
    const element = inside.appendChild(document.createElement(kind));
    element.className = className;
    return element;
  };
  const root = make('figure', '', parentElement), frame = make('div', 'frame', root), image = make('img', '', frame);
  const place = make('div', 'place', frame), caption = make('figcaption', '', root), note = make('div', 'note', root);
  let data = {}, values, at = null, before = null;
  const map = { pick: () => {} };
  frame.tabIndex = 0;
  frame.setAttribute('role', 'application');
  frame.setAttribute('aria-roledescription', 'map of values');
  note.setAttribute('aria-live', 'polite');

  const text = ([row, column]) => {
    const { rows, columns, low, high, digits, unit } = data, where = `row ${row + 1}, column ${column + 1}`;
    const level = values && values.length === rows * columns ? values[row * columns + column] / 65535 : NaN;
    if (Number.isNaN(level)) return `${where} of ${rows} × ${columns}`;
    const value = (low + level * (high - low)).toFixed(digits).replace(/^-(?=[0.]+$)/, '');
    return `${value > 0 ? '+' : ''}${value}${unit ? ` ${unit}` : ''} · ${where} of ${rows} × ${columns}`;
  };
  const draw = () => {
    place.hidden = !at;
    note.classList.toggle('idle', !at);
    note.textContent = at ? text(at) : data.hint;
    if (!at) return;
    const wide = 100 / data.columns, tall = 100 / data.rows;
    Object.assign(place.style, {
      left: `${at[1] * wide}%`, top: `${at[0] * tall}%`, width: `${wide}%`, height: `${tall}%`,
    });
  };
  const fetched = async () => {  // when the map is first pointed at, and after its values have changed
    const { address } = data;
    if (values?.address === address) return;
    values = Object.assign([], { address });
    const answer = await fetch(address);
    if (!answer.ok || data.address !== address) return;
    values = Object.assign(new Uint16Array(await answer.arrayBuffer()), { address });
    draw();
  };
  const read = (next) => {
    at = next;
    if (at) fetched();
    draw();
  };
  const placeOf = (event) => {
    const box = frame.getBoundingClientRect(), { rows, columns } = data;
    const part = (offset, side, count) => Math.min(Math.max(Math.floor((offset / side) * count), 0), count - 1);
    return [part(event.clientY - box.top, box.height, rows), part(event.clientX - box.left, box.width, columns)];
  };

  frame.onpointermove = (event) => read(placeOf(event));
  frame.onpointerdown = (event) => {
    before = event.pointerType === 'mouse' ? placeOf(event) : at;  // a touch reads first, and goes on at the second
    read(placeOf(event));
  };
  frame.onpointerleave = (event) => {
    if (event.pointerType === 'mouse' && !frame.matches(':focus-visible')) read(null);
  };
  frame.onclick = (event) => {
    const here = placeOf(event);
    if (data.goes && before?.join() === here.join()) map.pick(here);
  };
  frame.onfocus = () => { if (frame.matches(':focus-visible')) read(at ?? [0, 0]); };
  frame.onblur = () => read(null);
  frame.onkeydown = (event) => {
    const move = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
    const goes = data.goes && at && (event.key === 'Enter' || event.key === ' ');
    if (event.key === 'Escape') read(null);
    if (!move && !goes) return;
    event.preventDefault();
    if (goes) return map.pick(at);
    const [row, column] = at ?? [0, 0], inside = (to, count) => Math.min(Math.max(to, 0), count - 1);
    read([inside(row + move[0], data.rows), inside(column + move[1], data.columns)]);
  };

  map.show = (given) => {
    data = given;
    image.src = data.picture;
    image.alt = data.alt;
    caption.textContent = data.caption;
    caption.hidden = !data.caption;
    frame.classList.toggle('goes', data.goes);
    frame.setAttribute('aria-label', `${data.alt}; arrow keys read its values${data.goes ? ', Enter goes on' : ''}`);
    if (at && (at[0] >= data.rows || at[1] >= data.columns)) at = null;
    if (at) fetched();
    draw();
  };
  return map;
}
"""

_mount = st.components.v2.component("posterlens_value_map", css=CSS, js=JS)
POINT = "Point at it to read a value"


def value_map(  # noqa: PLR0913 - a component's properties, all but three by keyword
    picture: Any,
    values: Any,
    key: str,
    *,
    alt: str = "",
    caption: str = "",
    unit: str = "",
    on_pick: Callable[[int, int], Any] | None = None,
    action: str = "",
) -> None:
    """Show a picture, uint8 RGB (H, W, 3), enlarged without smoothing, and the values (h, w) that it was drawn from.

    Pointing at it, or arrow keys, say the value, its ``unit``, and its place. ``on_pick`` is called with the row and
    the column that were clicked (touched twice, or left with Enter), before the page runs again; ``action`` says what
    it then does, as in "see which filters drew this place". ``alt`` names the picture where no ``caption`` does.
    """
    from xai.render import pack, png

    def picked() -> None:
        place = trigger_value(key, "picked")
        if on_pick is not None and isinstance(place, list) and len(place) == 2:
            row, column = (int(number) for number in place)
            if 0 <= row < rows and 0 <= column < columns:
                on_pick(row, column)

    rows, columns = values.shape
    packed = pack(values)
    _mount(
        key=key,
        data={
            "picture": media.address(png(picture), "image/png", key),
            "address": media.address(packed.content, "application/octet-stream", f"{key}-values"),
            "rows": rows,
            "columns": columns,
            "low": packed.low,
            "high": packed.high,
            "digits": packed.digits,
            "unit": unit,
            "alt": alt or caption,
            "caption": caption,
            "goes": on_pick is not None,
            "hint": f"{POINT}{f'; click to {action}' if action else ''}.",
        },
        on_picked_change=picked,
    )
