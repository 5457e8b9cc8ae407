"""Scrub through every latent dimension of one poster: one sprite, and nothing is sent to the server on the way.

Drag over the picture, or move the slider, to set the value; click a square, or use the arrow keys, to choose another
dimension. Only a click on a square, or Enter, reports to the page.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

STRONGEST = 0.5  # of the primary colour, in a square: on more of it the number can no longer be read
CSS = """
.scrubber { display: flex; flex-wrap: wrap; gap: 1.2rem; align-items: flex-start;
  font: 0.9rem var(--st-font, sans-serif); color: var(--st-text-color, #222); }
.left { flex: 1 1 240px; max-width: 420px; }
.right { flex: 1 1 240px; max-width: 420px; }
.picture { width: 100%; border-radius: 8px; cursor: ew-resize; image-rendering: pixelated; touch-action: pan-y;
  outline-offset: 2px; }
.picture:focus-visible { outline: 3px solid var(--st-primary-color, #5b3fa8); }
input[type=range] { width: 100%; accent-color: var(--st-primary-color, #5b3fa8); }
.ticks { display: flex; justify-content: space-between; opacity: 0.7; font-size: 0.8rem; }
.values { display: grid; grid-template-columns: repeat(10, 1fr); gap: 3px; }
.value { aspect-ratio: 1; border: 0; border-radius: 3px; padding: 0; cursor: pointer; color: inherit;
  font: 0.72rem var(--st-font, sans-serif);
  background: color-mix(in srgb, var(--st-primary-color, #5b3fa8) var(--heat), transparent);
  outline: 1px solid var(--st-border-color, #8885); }
.value[aria-checked="true"] { outline: 3px solid var(--st-text-color, #222); font-weight: bold; }
.say { min-height: 1.5em; margin: 0.3rem 0; }
button.plain { border: 1px solid var(--st-border-color, #8888); border-radius: 6px; background: transparent;
  color: inherit; padding: 0.25rem 0.7rem; margin-right: 0.4rem; cursor: pointer; font: inherit; }
"""

JS = """
export default function ({ data, parentElement, setTriggerValue }) {
  const { chosen, ...atlas } = data;
  const shown = JSON.stringify(atlas);
  if (parentElement.scrubber?.shown !== shown) {
    parentElement.querySelectorAll('.scrubber').forEach((old) => old.remove());
    parentElement.scrubber = { shown, choose: build(atlas, chosen, parentElement) };
  }
  parentElement.scrubber.keep = (value) => setTriggerValue('kept', value);
  parentElement.scrubber.choose(chosen);
}

function build(data, chosen, parentElement) {
  const { uri, columns, cell: [height, width], steps, now, heat } = data;
  const OWN = null;  // in place of a step: the poster's own value, which is hardly ever one of the steps
  const nearest = (value) => {
    const away = steps.map((step) => Math.abs(step - now[value]));
    return away.indexOf(Math.min(...away));
  };
  let value = chosen, step = OWN;

  const root = document.createElement('div');
  root.className = 'scrubber';
  root.innerHTML = `
    <div class="left">
      <canvas class="picture" role="slider" tabindex="0" width="${width}" height="${height}"
        aria-label="the poster; arrow keys change the latent value, Enter takes the dimension"></canvas>
      <input type="range" min="0" max="${steps.length - 1}" step="any" aria-label="the latent value">
      <div class="ticks"><span>${steps[0]}</span><span>0</span><span>+${steps[steps.length - 1]}</span></div>
    </div>
    <div class="right">
      <div class="values" role="radiogroup" aria-label="latent dimensions"></div>
      <div class="say" aria-live="polite"></div>
      <button class="plain" data-do="reset">Reset</button>
    </div>`;
  parentElement.append(root);
  const picture = root.querySelector('.picture'), slider = root.querySelector('input');
  const say = root.querySelector('.say'), context = picture.getContext('2d');
  // The last sheet is kept: whoever comes back to the page, or was slow, does not fetch it again.
  const last = globalThis.posterlensSweeps, sheet = last?.uri === uri ? last.sheet : new Image();
  globalThis.posterlensSweeps = { uri, sheet };

  const cells = now.map((_, index) => {
    const cell = document.createElement('button');
    cell.className = 'value';
    cell.textContent = index;
    cell.setAttribute('role', 'radio');
    cell.setAttribute('aria-label', `dimension ${index}`);
    cell.style.setProperty('--heat', `${Math.round(100 * heat[index])}%`);
    cell.onfocus = () => choose(index);
    cell.onclick = () => { choose(index); parentElement.scrubber.keep(index); };
    return cell;
  });
  root.querySelector('.values').append(...cells);

  const draw = () => {
    const cell = step === OWN ? now.length * steps.length : value * steps.length + step;
    const column = cell % columns, row = Math.floor(cell / columns);
    if (sheet.naturalWidth) context.drawImage(sheet, column * width, row * height, width, height, 0, 0, width, height);
    const at = step === OWN ? now[value].toFixed(2) : steps[step].toFixed(1);
    picture.setAttribute('aria-valuenow', at);
    picture.setAttribute('aria-valuetext', `dimension ${value} at ${at}`);
    const first = steps[0], last = steps[steps.length - 1];
    slider.value = step ?? ((now[value] - first) / (last - first)) * (steps.length - 1);
    const beside = step === OWN ? ', as in this poster' : ` (this poster: ${now[value].toFixed(2)})`;
    say.textContent = `dimension ${value} at ${at}${beside}`;
    cells.forEach((cell, index) => {
      cell.setAttribute('aria-checked', index === value);
      cell.tabIndex = index === value ? 0 : -1;
    });
  };
  const choose = (index) => { if (index !== value) { value = index; step = OWN; draw(); } };
  const turn = (to) => { step = Math.max(0, Math.min(steps.length - 1, to)); draw(); };
  const reset = () => { step = OWN; draw(); };
  const by = (change) => turn((step ?? nearest(value)) + change);

  const at = (event) => {
    const box = picture.getBoundingClientRect();
    turn(Math.round(((event.clientX - box.left) / box.width) * (steps.length - 1)));
  };
  picture.onpointermove = (event) => { if (event.pointerType === 'mouse' || event.buttons) at(event); };
  picture.onpointerdown = (event) => { picture.setPointerCapture(event.pointerId); at(event); };
  slider.oninput = () => turn(Math.round(Number(slider.value)));
  const keys = (event) => {
    const moves = {
      ArrowRight: () => by(1), ArrowLeft: () => by(-1), Home: reset,
      Enter: () => parentElement.scrubber.keep(value),
      ArrowDown: () => choose(Math.min(now.length - 1, value + 1)), ArrowUp: () => choose(Math.max(0, value - 1)),
    };
    if (!(event.key in moves)) return;
    event.preventDefault();
    moves[event.key]();
  };
  picture.onkeydown = keys;
  root.querySelector('.values').onkeydown = (event) => {
    const move = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 10, ArrowUp: -10 }[event.key];
    if (!move) return;
    event.preventDefault();
    const next = cells[value + move];
    if (next) next.focus();
  };
  root.querySelector('[data-do=reset]').onclick = reset;
  sheet.addEventListener('load', draw);
  sheet.addEventListener('error', () => { delete globalThis.posterlensSweeps; });
  if (!sheet.src) sheet.src = uri;
  draw();
  return choose;
}
"""

_mount = st.components.v2.component("posterlens_scrubber", css=CSS, js=JS)


def scrubber(  # noqa: PLR0913 - a component's properties, all by keyword
    uri: str,
    columns: int,
    cell: tuple[int, int],
    steps: Sequence[float],
    now: Sequence[float],
    heat: Sequence[float],
    chosen: int,
    on_keep: Callable[[int], Any],
    key: str,
) -> None:
    """Show a sprite: its cell number ``value * len(steps) + step``, row by row, is that value at that step.

    After these comes the poster itself, from which the scrubber begins and to which Reset goes back. ``uri`` is the
    sheet's address (media.address).

    Cells are ``cell`` (height, width) pixels, ``columns`` in a row.

    ``now`` are the poster's own values, ``heat`` (0 to 1) colours the squares, ``chosen`` is looked at first;
    ``on_keep`` is called with the dimension that was clicked, before the page runs again.
    """

    def kept() -> None:
        value = st.session_state[key].kept
        if value is not None and 0 <= int(value) < len(now):
            on_keep(int(value))

    _mount(
        key=key,
        data={
            "uri": uri,
            "columns": columns,
            "cell": list(cell),
            "steps": [round(float(step), 4) for step in steps],
            "now": [round(float(value), 4) for value in now],
            "heat": [round(STRONGEST * float(share), 3) for share in heat],
            "chosen": chosen,
        },
        on_kept_change=kept,
    )
