// Changes of the generator's filters: an edit sets one filter's map to a value, everywhere or in some cells.
//
//     const edit = { layer: 1, unit: 7, value: 'strong', cells: new Set([0, 1, 8]) };     cells: null for everywhere
//     const { keep, add } = tensorsOf(1, [edit], facts.layers[1]);                        h * keep + add
//     parse(serialise([edit]), facts)                                                     the edits again, from a link
//
// The values are those of xai.generator.painting: off (0), mean and strong (mean and largest over 64 posters).

export const VALUES = ['off', 'mean', 'strong'];
const MOST_EDITS = 1000;
const EVERYWHERE = 'all';

export const isAblation = (edit) => edit.cells === null;

export const levelOf = (edit, layer) => (edit.value === 'off' ? 0 : layer[edit.value][edit.unit]);

// What the maps of a layer are multiplied by, and what is added: later edits over earlier ones. One number each where
// nothing is changed.
export function tensorsOf(number, edits, layer) {
  const mine = edits.filter((edit) => edit.layer === number);
  if (!mine.length) {
    const dims = [1, 1, 1, 1];
    return { keep: { data: Float32Array.of(1), dims }, add: { data: Float32Array.of(0), dims } };
  }
  const size = layer.height * layer.width, dims = [1, layer.units, layer.height, layer.width];
  const keep = new Float32Array(layer.units * size).fill(1), add = new Float32Array(layer.units * size);
  for (const edit of mine) {
    const level = levelOf(edit, layer), start = edit.unit * size;
    for (const cell of edit.cells ?? Array(size).keys()) {
      keep[start + cell] = 0;
      add[start + cell] = level;
    }
  }
  return { keep: { data: keep, dims }, add: { data: add, dims } };
}

// All that goes into the generator.
export function feedsOf(latent, edits, layers) {
  const feeds = { z: { data: latent, dims: [1, latent.length, 1, 1] } };
  layers.forEach((layer, number) => {
    const { keep, add } = tensorsOf(number, edits, layer);
    Object.assign(feeds, { [`keep_${number}`]: keep, [`add_${number}`]: add });
  });
  return feeds;
}

// The cells of a map that a round brush covers; x, y and radius as parts of the picture's width.
export function cellsUnder(x, y, radius, layer) {
  const cell = 1 / layer.width, cells = [];
  for (let row = 0; row < layer.height; row++) {
    for (let column = 0; column < layer.width; column++) {
      const [left, top] = [column * cell, row * cell];
      const inside = x >= left && x < left + cell && y >= top && y < top + cell;
      const near = Math.hypot(left + cell / 2 - x, top + cell / 2 - y) <= radius;
      if (inside || near) cells.push(row * layer.width + column);
    }
  }
  return cells;
}

// ---- links -------------------------------------------------------------------------------------------

// Lengths of runs of cells that are not and are in the set, in turn.
function runsOf(cells, size) {
  const runs = [];
  let inside = false, length = 0;
  for (let cell = 0; cell < size; cell++) {
    if (cells.has(cell) !== inside) {
      runs.push(length.toString(36));
      inside = !inside;
      length = 0;
    }
    length++;
  }
  if (inside) runs.push(length.toString(36));
  return runs;
}

function cellsOf(runs, size) {
  const cells = new Set();
  let cell = 0;
  for (const [place, run] of runs.entries()) {
    const end = cell + parseInt(run, 36);
    if (!(end <= size)) return null;
    if (place % 2) for (let inside = cell; inside < end; inside++) cells.add(inside);
    cell = end;
  }
  return cells;
}

export function serialise(edits, facts) {
  return edits.map(({ layer, unit, value, cells }) => {
    const { height, width } = facts.layers[layer];
    return [layer, unit, value, ...(cells ? runsOf(cells, height * width) : [EVERYWHERE])].join('.');
  }).join('_');
}

// The edits of a link; what is no edit of these networks is left out.
export function parse(text, facts) {
  const edits = [];
  for (const part of text.split('_').slice(0, MOST_EDITS)) {
    const [layer, unit, value, ...runs] = part.split('.');
    const of = /^\d+$/.test(layer) ? facts.layers[layer] : undefined;
    if (!of || !/^\d+$/.test(unit) || unit >= of.units || !VALUES.includes(value)) continue;
    const cells = runs[0] === EVERYWHERE ? null : cellsOf(runs, of.height * of.width);
    if (cells?.size === 0 || (!cells && runs[0] !== EVERYWHERE)) continue;
    edits.push({ layer: Number(layer), unit: Number(unit), value, cells });
  }
  return edits;
}
