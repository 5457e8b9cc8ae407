// All that a person has chosen, as one plain object, and as the part of the address behind the #.
//
//     const state = fromHash(location.hash, facts);
//     history.replaceState(null, '', toHash(state, facts));

import { parse, serialise } from './edits.js';
import * as turned from './turned.js';

export const MOST_SEED = 2 ** 32 - 1;
export const TABS = ['latent', 'filters'];

export function initial(facts) {
  return {
    seed: facts.seed,
    to: facts.seed + 1,
    walk: 0,               // 0 at the seed, 1 at the one walked to
    ...turned.unturned(),  // what was changed of the latent
    edits: [],             // see edits.js
    tab: 'latent',
    layer: Math.max(0, facts.layers.length - 2),
    unit: 0,
  };
}

export function toHash(state, facts) {
  const usual = initial(facts), query = new URLSearchParams();
  for (const name of ['seed', 'to', 'walk', 'tab', 'layer', 'unit']) {
    if (state[name] !== usual[name]) query.set(name, state[name]);
  }
  if (turned.isTurned(state)) query.set('turned', turned.serialise(state));
  if (state.edits.length) query.set('edits', serialise(state.edits, facts));
  return `#${query}`;
}

// The state of a link; what it asks for and is not here stays as usual.
export function fromHash(hash, facts) {
  const state = initial(facts), query = new URLSearchParams(hash.replace(/^#/, ''));
  state.seed = whole(query.get('seed'), MOST_SEED) ?? state.seed;
  state.to = whole(query.get('to'), MOST_SEED) ?? state.to;
  const walk = Number(query.get('walk'));
  if (walk > 0 && walk <= 1) state.walk = walk;
  if (TABS.includes(query.get('tab'))) state.tab = query.get('tab');
  state.layer = whole(query.get('layer'), facts.layers.length - 1) ?? state.layer;
  state.unit = whole(query.get('unit'), facts.layers[state.layer].units - 1) ?? 0;
  Object.assign(state, turned.parse(query.get('turned'), facts.latent));
  state.edits = parse(query.get('edits') ?? '', facts);
  return state;
}

export function whole(text, most) {
  const number = /^\d{1,10}$/.test(text ?? '') ? Number(text) : NaN;
  return number <= most ? number : undefined;
}
