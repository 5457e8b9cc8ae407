// The page: state in, poster and verdict out. Every change of the state goes through app.change, which shows it in the
// controls, draws the poster as soon as the networks are free, and writes the link.

import { feedsOf } from './edits.js';
import { filtersTab } from './filters_tab.js';
import { latentFor } from './latents.js';
import { latentTab } from './latent_tab.js';
import { load } from './networks.js';
import { stage } from './stage.js';
import { fromHash, initial, MOST_SEED, TABS, toHash, whole } from './state.js';

const LINK_PAUSE = 250;  // milliseconds: browsers refuse to change the address at every frame
const MOST_DICE = 1_000_000;

const by = (id) => document.getElementById(id);

// ---- the networks ------------------------------------------------------------------------------------

const feeds = (state, facts) => feedsOf(latentFor(state, facts.latent), state.edits, facts.layers);

// ---- the page ----------------------------------------------------------------------------------------

function stageOf(app, networks) {
  const { facts } = app;
  let layer;  // whose responses were asked for
  return stage({
    networks,
    size: facts.size,
    by,
    ask: () => {
      const { state } = app;
      layer = state.layer;
      return {
        start: `seed ${state.seed}`,
        before: () => feeds({ ...initial(facts), seed: state.seed }, facts),
        feeds: feeds(state, facts),
        fetches: state.tab === 'filters' ? [`response_${layer}`] : [],
      };
    },
    drawn: (outputs) => {
      const response = outputs[`response_${layer}`];
      if (response && app.state.layer === layer) app.filters.draw(response.data);
    },
  });
}

function connect(app) {
  by('seed').onchange = ({ target }) => {
    const seed = whole(target.value, MOST_SEED);
    app.change((state) => { state.seed = seed ?? state.seed; });
  };
  by('dice').onclick = () => app.change((state) => { state.seed = app.dice(); });
  by('reset').onclick = () => app.change((state) => Object.assign(state, initial(app.facts), { tab: state.tab, seed: state.seed }));
  TABS.forEach((name, place) => {
    const tab = by(`tab-${name}`);
    tab.onclick = () => app.change((state) => { state.tab = name; });
    tab.onkeydown = (event) => {
      if (event.key !== 'ArrowRight' && event.key !== 'ArrowLeft') return;
      const other = TABS[(place + 1) % TABS.length];
      app.change((state) => { state.tab = other; });
      by(`tab-${other}`).focus();
    };
  });
  window.addEventListener('hashchange', () => {
    if (location.hash !== app.link()) app.change((state) => Object.assign(state, fromHash(location.hash, app.facts)));
  });
}

function show(app) {
  const { state } = app;
  by('seed').value = state.seed;
  for (const name of TABS) {
    const chosen = name === state.tab;
    by(name).hidden = !chosen;
    by(`tab-${name}`).setAttribute('aria-selected', chosen);
    by(`tab-${name}`).tabIndex = chosen ? 0 : -1;
  }
  app.latent.show();
  app.filters.show();
}

function progress(done, whole) {
  const [mb, all] = [done, whole].map((bytes) => (bytes / 1e6).toFixed(1));
  by('status').textContent = `Loading the networks: ${mb} of ${all} MB`;
}

function fail(error) {
  by('status').hidden = false;
  by('status').textContent = `The networks cannot run here: ${error.message}`;
}

async function main() {
  const facts = await (await fetch('page.json')).json();
  by('name').textContent = facts.name;
  by('genres').textContent = facts.genres ? `They are conditioned on genres: ${facts.genres}.` : '';
  document.title = `PosterLens: ${facts.name}`;
  const networks = await load(['generator.onnx', 'discriminator.onnx'], progress);

  let timer;
  const app = {
    facts,
    state: fromHash(location.hash, facts),
    dice: () => crypto.getRandomValues(new Uint32Array(1))[0] % MOST_DICE,
    link: () => toHash(app.state, facts),
    change(mutate) {
      mutate(app.state);
      show(app);
      draw().catch(fail);
      clearTimeout(timer);
      timer = setTimeout(() => history.replaceState(null, '', app.link()), LINK_PAUSE);
    },
  };
  app.latent = latentTab(app);
  app.filters = filtersTab(app);
  const draw = stageOf(app, networks);
  connect(app);
  by('status').hidden = true;
  by('app').hidden = false;
  app.change(() => {});
}

main().catch(fail);
