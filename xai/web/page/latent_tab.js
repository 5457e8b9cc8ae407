// The tab in which the latent is turned: a walk to another seed, and a slider for each dimension.
//
//     const tab = latentTab(app);
//     tab.show();                     after every change of app.state

import { LARGEST, MOST_SEED, whole } from './state.js';
import { walked } from './latents.js';

const FIRST = 8, MORE = 12;  // sliders at first, and how many more at a time

const by = (id) => document.getElementById(id);

export function latentTab(app) {
  const { facts } = app, rows = [];
  const list = by('sliders');

  const shown = new Set();

  const addRows = (dimensions) => {
    for (const { index, rms } of dimensions) {
      const row = sliderRow(index, rms, app);
      rows.push(row);
      shown.add(index);
      list.append(row.item);
    }
    by('more').hidden = rows.length >= facts.dimensions.length;
  };
  const hidden = () => facts.dimensions.filter(({ index }) => !shown.has(index));
  addRows(facts.dimensions.slice(0, FIRST));

  by('more').onclick = () => {
    const next = rows.length;
    addRows(hidden().slice(0, MORE));
    tab.show();
    rows[next].slider.focus();
  };
  by('reset-latent').onclick = () => app.change((state) => {
    state.set.clear();
    state.walk = 0;
  });
  by('walk').oninput = ({ target }) => app.change((state) => { state.walk = Number(target.value); });
  by('to').onchange = ({ target }) => {
    const seed = whole(target.value, MOST_SEED);
    app.change((state) => { state.to = seed ?? state.to; });
  };
  by('dice-to').onclick = () => app.change((state) => { state.to = app.dice(); });

  const tab = {
    show() {
      const { state } = app, values = walked(state, facts.latent);
      addRows(hidden().filter(({ index }) => state.set.has(index)));  // a link may have set them
      by('to').value = state.to;
      by('walk').value = state.walk;
      by('walk-value').textContent = `${Math.round(100 * state.walk)} %`;
      by('reset-latent').disabled = !state.set.size && !state.walk;
      for (const row of rows) row.show(values[row.index], state.set.get(row.index));
    },
  };
  return tab;
}

function sliderRow(index, rms, app) {
  const item = document.createElement('li');
  const label = document.createElement('label'), name = document.createElement('span'), value = document.createElement('output');
  const slider = document.createElement('input'), back = document.createElement('button');
  const id = `z-${index}`;
  name.textContent = `Dimension ${index}`;
  item.title = `A step of 1 changes a pixel by about ${(rms * 50).toFixed(1)} % of black to white`;
  label.htmlFor = id;
  label.append(name, value);
  Object.assign(slider, { id, type: 'range', min: -LARGEST, max: LARGEST, step: 0.01 });
  slider.oninput = () => app.change((state) => { state.set.set(index, Number(slider.value)); });
  Object.assign(back, { type: 'button', textContent: '↺', title: `Reset dimension ${index}` });
  back.setAttribute('aria-label', `Reset dimension ${index}`);
  back.onclick = () => {
    app.change((state) => { state.set.delete(index); });
    slider.focus();
  };
  item.append(label, document.createElement('span'), slider, back);
  const show = (usual, set) => {
    const now = set ?? usual;
    if (Number(slider.value) !== now) slider.value = now;
    value.textContent = now.toFixed(2).replace('-', '−');
    back.disabled = set === undefined;
  };
  return { index, item, slider, show };
}
