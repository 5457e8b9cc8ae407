"""The browser's side of the map of a collection: how it looks, and what knows nothing of its state."""

CSS = """
.map { font: 0.85rem var(--st-font, sans-serif); color: var(--st-text-color, #222); }
.tools { display: flex; flex-wrap: wrap; gap: 0.35rem; margin-bottom: 0.4rem; align-items: center; }
.tools .gap { flex: 0 0 0.5rem; }
button { border: 1px solid var(--st-border-color, #8888); border-radius: 6px; background: transparent; color: inherit;
  padding: 0.2rem 0.6rem; min-height: 2rem; min-width: 2rem; cursor: pointer; font: inherit; }
button:hover { border-color: var(--st-primary-color, #5b3fa8); }
button[aria-pressed="true"] { box-shadow: inset 0 0 0 2px var(--st-primary-color, #5b3fa8); }
button:focus-visible, canvas:focus-visible { outline: 3px solid var(--st-primary-color, #5b3fa8); outline-offset: 1px; }
.stage { position: relative; height: clamp(300px, min(62vh, 100vw), 680px);
  border: 1px solid var(--st-border-color, #8885); border-radius: 8px;
  overflow: hidden; background: var(--st-secondary-background-color, #f6f6f6); }
.plane { position: absolute; inset: 0; width: 100%; height: 100%; touch-action: none; cursor: grab;
  border-radius: 8px; }
.plane:focus-visible { outline-offset: -3px; }
.drawing .plane { cursor: crosshair; }
.tip { position: absolute; display: none; pointer-events: none; padding: 5px; border-radius: 8px; max-width: 150px;
  background: var(--st-background-color, #fff); border: 1px solid var(--st-border-color, #8888);
  box-shadow: 0 2px 10px #0005; font-size: 0.8rem; }
.tip canvas { display: block; width: 128px; border-radius: 4px; margin-bottom: 3px; }
.legend { display: flex; flex-wrap: wrap; gap: 0.3rem; margin-top: 0.45rem; align-items: center; }
.legend button { display: inline-flex; gap: 0.4rem; align-items: center; }
.dot { width: 12px; height: 12px; border-radius: 3px; flex: none; }
.hollow { background: transparent; border: 3px solid currentColor; width: 6px; height: 6px; border-radius: 50%; }
.bar { width: min(220px, 40vw); height: 12px; border-radius: 3px; }
.key { display: inline-flex; gap: 0.35rem; align-items: center; margin-right: 0.6rem; }
.say { min-height: 1.5em; padding: 3px; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
"""

FUNCTIONS = """
const kept = globalThis.posterlensMaps ??= new Map();  // whoever comes back to the page fetches nothing again
const once = (address, make) => {
  if (!kept.has(address)) {
    kept.set(address, make(address).catch((error) => { kept.delete(address); throw error; }));
    if (kept.size > 12) kept.delete(kept.keys().next().value);
  }
  return kept.get(address);
};
const bytes = (address) => once(address, async (url) => {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(answer.status);
  return answer.arrayBuffer();
});
const picture = (address) => once(address, async (url) => {
  const image = new Image();
  image.src = url;
  await image.decode();
  return image;
});
const fromBits = (text, count) => {
  if (!text) return null;
  const raw = atob(text), marks = new Uint8Array(count);
  for (let i = 0; i < count; i++) marks[i] = (raw.charCodeAt(i >> 3) >> (7 - (i & 7))) & 1;
  return marks;
};
const toBits = (marks) => {
  const raw = new Uint8Array(Math.ceil(marks.length / 8));
  marks.forEach((mark, i) => { if (mark) raw[i >> 3] |= 128 >> (i & 7); });
  let text = '';
  raw.forEach((byte) => { text += String.fromCharCode(byte); });
  return btoa(text);
};

// Where all but the outermost two in a thousand lie.
const mostOf = (values) => {
  const sorted = values.slice().sort(), out = Math.floor(values.length / 500);
  return [sorted[out], sorted[values.length - 1 - out]];
};
// Of the points in each square cell the one nearest to its middle; unmarked ones only where there are no others.
const oneEachCell = (x, y, cell, marks) => {
  const best = new Map(), across = Math.ceil(65535 / cell) + 1;
  for (let i = 0; i < x.length; i++) {
    const cx = Math.floor(x[i] / cell), cy = Math.floor(y[i] / cell), key = cy * across + cx;
    const dx = x[i] / cell - cx - 0.5, dy = y[i] / cell - cy - 0.5;
    const far = dx * dx + dy * dy + (marks && !marks[i] ? 9 : 0), held = best.get(key);
    if (held === undefined || far < held[1]) best.set(key, [i, far]);
  }
  return [...best.values()].map(([row]) => row);
};
const inPolygon = (corners, x, y) => {
  let odd = false;
  for (let a = 0, b = corners.length - 1; a < corners.length; b = a++) {
    const [xa, ya] = corners[a], [xb, yb] = corners[b];
    if ((ya > y) !== (yb > y) && x < ((xb - xa) * (y - ya)) / (yb - ya) + xa) odd = !odd;
  }
  return odd;
};
const MARKUP = `
  <div class="tools" role="toolbar" aria-label="tools of the map">
    <button data-do="in" aria-label="zoom in">+</button><button data-do="out" aria-label="zoom out">−</button>
    <button data-do="fit">Whole map</button><span class="gap"></span>
    <button data-mode="move" aria-pressed="true">Move</button>
    <button data-mode="box" aria-pressed="false">Box</button>
    <button data-mode="lasso" aria-pressed="false">Lasso</button><span class="gap"></span>
    <button data-do="view">Brush what is in view</button><button data-do="clear">Clear brush</button>
    <span class="gap"></span><button data-do="posters" aria-pressed="true">Thumbnails</button>
  </div>
  <div class="stage"><canvas class="plane" tabindex="0" role="application"></canvas>
    <div class="tip"><canvas width="128" height="128"></canvas><div class="label"></div></div></div>
  <div class="legend" role="group" aria-label="colours; choose one to brush its posters"></div>
  <div class="say" aria-live="polite"></div>`;
"""
