// The page: state in, poster and verdict out. Every change of the state goes through app.change, which shows it in the
// controls, draws the poster as soon as the networks are free, and writes the link.

import { tensorsOf } from './edits.js';
import { filtersTab } from './filters_tab.js';
import { latentFor } from './latents.js';
import { latentTab } from './latent_tab.js';
import { load, newestOnly } from './networks.js';
import { drawDifference, drawPicture } from './pictures.js';
import { fromHash, initial, MOST_SEED, TABS, toHash, whole } from './state.js';
import { showVerdict } from './verdict.js';

const LINK_PAUSE = 250;  // milliseconds: browsers refuse to change the address at every frame
const MOST_DICE = 1_000_000;

const by = (id) => document.getElementById(id);

// ---- the networks ------------------------------------------------------------------------------------

function feedsOf(state, facts) {
  const feeds = { z: { data: latentFor(state, facts.latent), dims: [1, facts.latent, 1, 1] } };
  facts.layers.forEach((layer, number) => {
    const { keep, add } = tensorsOf(number, state.edits, layer);
    Object.assign(feeds, { [`keep_${number}`]: keep, [`add_${number}`]: add });
  });
  return feeds;
}

const dims = (size) => [1, 3, ...size];

async function logitOf(discriminator, picture, size) {
  const { logit } = await discriminator.run({ picture: { data: picture, dims: dims(size) } }, ['logit']);
  return logit.data[0];
}

// ---- the page ----------------------------------------------------------------------------------------

function stage(app, generator, discriminator) {
  const { facts } = app, { size } = facts;
  let start = { seed: -1 }, latest;

  const judge = newestOnly(async () => {
    const shown = latest, from = start;
    const logit = await logitOf(discriminator, shown, size);
    showVerdict(logit, from.logit);
    window.dispatchEvent(new CustomEvent('judged', { detail: { logit, settled: shown === latest } }));
  });

  const beginAt = async (seed) => {
    const { picture } = await generator.run(feedsOf({ ...initial(facts), seed }, facts), ['picture']);
    start = { seed, picture: picture.data, logit: await logitOf(discriminator, picture.data, size) };
    drawPicture(by('start'), start.picture, size);
    by('start-name').textContent = `seed ${seed}, logit ${start.logit.toFixed(2).replace('-', '−')}`;
  };

  return newestOnly(async () => {
    const { state, filters } = app, { layer } = state, responses = state.tab === 'filters' ? [`response_${layer}`] : [];
    if (start.seed !== state.seed) await beginAt(state.seed);
    const outputs = await generator.run(feedsOf(state, facts), ['picture', ...responses]);
    latest = outputs.picture.data;
    drawPicture(by('poster'), latest, size);
    const end = drawDifference(by('difference'), latest, start.picture, size);
    by('difference-end').textContent = end ? `full colour is ${(end * 50).toFixed(0)} % of black to white` : 'none yet';
    if (state.layer === layer) for (const name of responses) filters.draw(outputs[name].data);
    judge();
    window.dispatchEvent(new CustomEvent('drawn'));
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
  const [generator, discriminator] = await load(['generator.onnx', 'discriminator.onnx'], progress);

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
  const draw = stage(app, generator, discriminator);
  connect(app);
  by('status').hidden = true;
  by('app').hidden = false;
  app.change(() => {});
}

main().catch(fail);
