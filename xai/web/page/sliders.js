// A slider for each dimension of a latent that somebody wants to turn, the most influential ones first.
//
//     const sliders = sliderList({ list, dimensions, change });
//     sliders.add([6, 36]);
//     sliders.show(values, set);          after every change: the values before any was set, and those that were
//     sliders.hidden();                   the dimensions that have none yet
//
// dimensions: [{ index, rms }, ...] in the order of their influence. change(mutate) is given what alters the map ``set``.

import { LARGEST } from './turned.js';

const signed = (value) => value.toFixed(2).replace(/^-(?=[0.]+$)/, '').replace('-', '−');

export function sliderList({ list, dimensions, change }) {
  const rows = new Map();
  const add = (indices) => {
    dimensions.forEach(({ index, rms }, place) => {
      if (!indices.includes(index) || rows.has(index)) return;
      rows.set(index, sliderRow(index, rms, change));
      const later = dimensions.slice(place + 1).find((other) => rows.has(other.index));
      list.insertBefore(rows.get(index).item, later ? rows.get(later.index).item : null);
    });
  };
  return {
    add,
    hidden: () => dimensions.map(({ index }) => index).filter((index) => !rows.has(index)),
    focus: (index) => rows.get(index)?.slider.focus(),
    show(values, set) {
      add([...set.keys()]);  // a link may have set others
      for (const [index, row] of rows) row.show(values[index], set.get(index));
    },
  };
}

function sliderRow(index, rms, change) {
  const item = document.createElement('li');
  const label = document.createElement('label'), name = document.createElement('span'), value = document.createElement('output');
  const slider = document.createElement('input'), back = document.createElement('button');
  const id = `z-${index}`;
  name.textContent = `Dimension ${index}`;
  item.title = `A step of 1 changes a pixel by about ${(rms * 50).toFixed(1)} % of black to white`;
  label.htmlFor = id;
  label.append(name, value);
  Object.assign(slider, { id, type: 'range', min: -LARGEST, max: LARGEST, step: 0.01 });
  slider.setAttribute('aria-label', `Dimension ${index}`);  // without the value, which a slider says itself
  slider.oninput = () => change((set) => { set.set(index, Number(slider.value)); });
  Object.assign(back, { type: 'button', textContent: '↺', title: `Reset dimension ${index}` });
  back.setAttribute('aria-label', `Reset dimension ${index}`);
  back.onclick = () => {
    change((set) => { set.delete(index); });
    slider.focus();
  };
  item.append(label, document.createElement('span'), slider, back);
  const show = (usual, set) => {
    const now = set ?? usual;
    if (Number(slider.value) !== now) slider.value = now;
    value.textContent = signed(now);
    back.disabled = set === undefined;
  };
  return { item, slider, show };
}
