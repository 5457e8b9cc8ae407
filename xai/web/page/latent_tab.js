// The tab in which the latent is turned: a walk to another seed, its length, and a slider for each dimension.
//
//     const tab = latentTab(app);
//     tab.show();                     after every change of app.state

import { walked } from './latents.js';
import { sliderList } from './sliders.js';
import { MOST_SEED, whole } from './state.js';
import { isTurned, turn, unturned } from './turned.js';

const FIRST = 8, MORE = 12;  // sliders at first, and how many more at a time

const by = (id) => document.getElementById(id);

export function latentTab(app) {
  const { facts } = app;
  const sliders = sliderList({
    list: by('sliders'),
    dimensions: facts.dimensions,
    change: (mutate) => app.change((state) => mutate(state.set)),
  });
  sliders.add(sliders.hidden().slice(0, FIRST));

  by('more').onclick = () => {
    const next = sliders.hidden().slice(0, MORE);
    sliders.add(next);
    tab.show();
    sliders.focus(next[0]);
  };
  by('reset-latent').onclick = () => app.change((state) => Object.assign(state, unturned(), { walk: 0 }));
  by('walk').oninput = ({ target }) => app.change((state) => { state.walk = Number(target.value); });
  by('length').oninput = ({ target }) => app.change((state) => { state.length = Number(target.value); });
  by('to').onchange = ({ target }) => {
    const seed = whole(target.value, MOST_SEED);
    app.change((state) => { state.to = seed ?? state.to; });
  };
  by('dice-to').onclick = () => app.change((state) => { state.to = app.dice(); });

  const tab = {
    show() {
      const { state } = app;
      sliders.show(turn(walked(state, facts.latent), { length: state.length, set: new Map() }), state.set);
      by('more').hidden = !sliders.hidden().length;
      by('to').value = state.to;
      by('walk').value = state.walk;
      by('walk-value').textContent = `${Math.round(100 * state.walk)} %`;
      by('length').value = state.length;
      by('length-value').textContent = `${state.length.toFixed(2)} times`;
      by('reset-latent').disabled = !isTurned(state) && !state.walk;
    },
  };
  return tab;
}
