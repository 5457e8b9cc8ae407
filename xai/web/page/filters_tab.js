// The tab of the filters: a sheet of one layer's responses to this poster, and what can be done with one of them.
//
//     const tab = filtersTab(app);
//     tab.show();                     after every change of app.state
//     tab.draw(responses);            (U, h, w) of the layer that is shown, after every picture

import { posterBrush } from './brush.js';
import { isAblation } from './edits.js';
import { drawResponse } from './pictures.js';

const by = (id) => document.getElementById(id);
const SHEET_PAUSE = 100;  // milliseconds: hundreds of small pictures at every frame would halve the frames
const LEVELS = { mean: 'its mean', off: 'zero', strong: 'strong' };

export function filtersTab(app) {
  const { facts } = app;
  let cells = [], shownLayer = -1, shownMarks, painting = false, latest, timer;

  const layerOf = () => facts.layers[app.state.layer];
  const isMine = (edit) => edit.layer === app.state.layer && edit.unit === app.state.unit;
  const drawOne = (canvas, unit) => {
    const { height, width } = layerOf(), size = height * width;
    return drawResponse(canvas, latest.subarray(unit * size, (unit + 1) * size), height, width);
  };
  const drawSheet = () => {
    timer = undefined;
    if (latest.length === cells.length * layerOf().height * layerOf().width) {
      cells.forEach((cell, unit) => drawOne(cell.firstChild, unit));
    }
  };
  const pick = (unit) => app.change((state) => { state.unit = unit; });

  by('layer').append(...facts.layers.map(({ name, units, height, width }, number) => {
    const size = `${height} × ${width}`;
    return new Option(`${name}: ${units} filters of ${size}`, number);
  }));
  by('layer').onchange = ({ target }) => app.change((state) => Object.assign(state, { layer: Number(target.value), unit: 0 }));

  by('ablate').onclick = () => app.change((state) => {
    const ablated = state.edits.some((edit) => isMine(edit) && isAblation(edit));
    state.edits = state.edits.filter((edit) => !(isMine(edit) && isAblation(edit)));
    if (!ablated) state.edits.push({ layer: state.layer, unit: state.unit, value: by('ablate-by').value, cells: null });
  });
  by('ablate-by').onchange = ({ target }) => app.change((state) => {
    for (const edit of state.edits) if (isMine(edit) && isAblation(edit)) edit.value = target.value;
  });
  by('undo').onclick = () => app.change((state) => { state.edits.pop(); });
  by('clear').onclick = () => app.change((state) => { state.edits = []; });

  const brush = posterBrush({
    layerOf,
    begin: () => app.change(({ edits, layer, unit }) => {
      edits.push({ layer, unit, value: by('paint-as').value, cells: new Set() });
    }),
    add: (under) => app.change(({ edits }) => under.forEach((cell) => edits.at(-1).cells.add(cell))),
    end: () => {},
  });
  by('paint').onclick = () => {
    painting = !painting;
    tab.show();
  };

  const tab = {
    show() {
      const { state } = app;
      if (shownLayer !== state.layer) {
        shownLayer = state.layer;
        cells = sheet(layerOf(), pick);
        shownMarks = undefined;
        by('layer').value = state.layer;
      }
      const edited = new Set(state.edits.filter((edit) => edit.layer === state.layer).map((edit) => edit.unit));
      const marks = [...edited, `chosen ${state.unit}`].join();
      if (marks !== shownMarks) cells.forEach((cell, unit) => mark(cell, unit, unit === state.unit, edited.has(unit)));
      shownMarks = marks;
      const ablation = state.edits.find((edit) => isMine(edit) && isAblation(edit));
      by('ablate').setAttribute('aria-pressed', Boolean(ablation));
      if (ablation) by('ablate-by').value = ablation.value;
      by('unit-name').textContent = `Filter ${state.unit} of ${layerOf().name}`;
      by('undo').disabled = by('clear').disabled = !state.edits.length;
      showEdits(app);
      const enabled = painting && state.tab === 'filters';
      by('paint').setAttribute('aria-pressed', painting);
      if (enabled !== by('poster').classList.contains('painting')) brush.enable(enabled);
    },
    draw(responses) {
      const { unit } = app.state, { mean, strong } = layerOf();
      latest = responses;
      const largest = drawOne(by('response'), unit);
      by('response').setAttribute('aria-label', `Response of filter ${unit}`);
      by('unit-facts').textContent = `Largest response here ${largest.toFixed(2)}; in 64 posters `
        + `${strong[unit].toFixed(2)}, on average ${mean[unit].toFixed(2)}.`;
      timer ??= setTimeout(drawSheet, SHEET_PAUSE);
    },
  };
  return tab;
}

// The cells of a new layer; arrow keys move between them.
function sheet({ units }, pick) {
  const cells = Array.from({ length: units }, (_, unit) => {
    const cell = document.createElement('div');
    cell.setAttribute('role', 'option');
    cell.append(document.createElement('canvas'));
    cell.onclick = () => pick(unit);
    return cell;
  });
  by('sheet').onkeydown = (event) => {
    const columns = getComputedStyle(by('sheet')).gridTemplateColumns.split(' ').length;
    const moves = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, Home: -units, End: units };
    if (!(event.key in moves)) return;
    event.preventDefault();
    const here = cells.indexOf(event.target), wanted = here + moves[event.key];
    const next = Math.min(Math.max(wanted, 0), units - 1);
    if (Math.abs(moves[event.key]) === columns && next !== wanted) return;
    pick(next);
    cells[next].focus();
  };
  by('sheet').replaceChildren(...cells);
  return cells;
}

function mark(cell, unit, chosen, edited) {
  cell.setAttribute('aria-selected', chosen);
  cell.setAttribute('aria-label', `Filter ${unit}${edited ? ', changed' : ''}`);
  cell.tabIndex = chosen ? 0 : -1;
  cell.classList.toggle('edited', edited);
}

function showEdits(app) {
  const { state, facts } = app;
  const items = state.edits.map((edit, place) => {
    const item = document.createElement('li'), remove = document.createElement('button');
    const name = `${facts.layers[edit.layer].name}, filter ${edit.unit}`;
    item.textContent = isAblation(edit)
      ? `${name}: ablated by ${LEVELS[edit.value]}`
      : `${name}: painted as ${LEVELS[edit.value]} in ${edit.cells.size} ${edit.cells.size === 1 ? 'place' : 'places'}`;
    Object.assign(remove, { type: 'button', textContent: 'Remove' });
    remove.setAttribute('aria-label', `Remove change ${place + 1}`);
    remove.onclick = () => app.change(({ edits }) => edits.splice(place, 1));
    item.append(remove);
    return item;
  });
  if (!items.length) items.push(Object.assign(document.createElement('li'), { textContent: 'None yet.' }));
  document.getElementById('edits').replaceChildren(...items);
}
