// Painting on the poster with a pointer, or with the arrow keys and the space bar.
//
//     const brush = posterBrush({ layerOf, begin, add, end });          root: where its elements are, the document
//     brush.enable(true);
//
// begin() starts a stroke, add(cells) is called with the cells under the brush while it moves, end() ends it.

import { cellsUnder } from './edits.js';

const STEP = 1 / 32;  // of the poster's width, a press of an arrow key

export function posterBrush({ root = document, layerOf, begin, add, end }) {
  const by = (id) => root.querySelector(`#${id}`);
  const canvas = by('poster'), ring = by('brush'), size = by('brush-size');
  let enabled = false, painting = false, x = 0.5, y = 0.5;

  const tall = () => canvas.height / canvas.width;
  const showRing = (visible) => {
    ring.hidden = !enabled || !visible;
    const across = `${200 * size.value}%`;
    Object.assign(ring.style, { left: `${100 * x}%`, top: `${(100 * y) / tall()}%`, width: across, aspectRatio: 1 });
  };
  const dab = () => add(cellsUnder(x, y, Number(size.value), layerOf()));
  const follow = (event) => {
    const box = canvas.getBoundingClientRect();
    x = Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1 - 1e-6);
    y = Math.min(Math.max((event.clientY - box.top) / box.width, 0), tall() - 1e-6);
    showRing(true);
  };
  const stop = () => {
    if (painting) end();
    painting = false;
  };

  canvas.onpointerdown = (event) => {
    if (!enabled || event.button) return;
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    painting = true;
    follow(event);
    begin();
    dab();
  };
  canvas.onpointermove = (event) => {
    if (!enabled) return;
    for (const each of event.getCoalescedEvents?.() ?? []) if (painting) { follow(each); dab(); }
    follow(event);
    if (painting) dab();
  };
  canvas.onpointerup = stop;
  canvas.onpointercancel = stop;
  canvas.onpointerleave = () => showRing(painting || canvas.getRootNode().activeElement === canvas);
  canvas.onfocus = () => showRing(true);
  canvas.onblur = () => showRing(false);
  canvas.onkeydown = (event) => {
    const moves = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
    if (!enabled || !(event.key in moves || event.key === ' ')) return;
    event.preventDefault();
    if (event.key === ' ') {
      begin();
      dab();
      end();
      return;
    }
    const [across, down] = moves[event.key];
    x = Math.min(Math.max(x + across, 0), 1 - 1e-6);
    y = Math.min(Math.max(y + down, 0), tall() - 1e-6);
    showRing(true);
  };
  size.oninput = () => showRing(enabled);

  const enable = (wanted) => {
    enabled = wanted;
    stop();
    canvas.classList.toggle('painting', enabled);
    canvas.setAttribute('role', enabled ? 'application' : 'img');
    canvas.setAttribute('aria-label', enabled
      ? 'The poster, to paint on: arrow keys move the brush, the space bar paints' : 'The poster as it is now');
    if (enabled) canvas.tabIndex = 0;
    else canvas.removeAttribute('tabindex');
    showRing(false);
  };
  return { enable };
}
