// All that a person has chosen, as one plain object, and as the part of the address behind the #.
//
//     const state = fromHash(location.hash, facts);
//     history.replaceState(null, '', toHash(state, facts));

import { parse, serialise } from './edits.js';

export const MOST_SEED = 2 ** 32 - 1;
export const LARGEST = 4;  // of a latent value that a slider gives: one normal value of 16,000 is farther from 0
export const TABS = ['latent', 'filters'];

export function initial(facts) {
  return {
    seed: facts.seed,
    to: facts.seed + 1,
    walk: 0,               // 0 at the seed, 1 at the one walked to
    set: new Map(),        // latent values that were set, by dimension
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
  if (state.set.size) query.set('z', [...state.set].map(([index, value]) => `${index}.${hundredths(value)}`).join('_'));
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
  for (const part of query.get('z')?.split('_') ?? []) {
    const [index, value] = part.split('.').map((text) => (/^-?\d+$/.test(text) ? Number(text) : NaN));
    if (index >= 0 && index < facts.latent && Math.abs(value) <= 100 * LARGEST) state.set.set(index, value / 100);
  }
  state.edits = parse(query.get('edits') ?? '', facts);
  return state;
}

const hundredths = (value) => Math.round(100 * value);

export function whole(text, most) {
  const number = /^\d{1,10}$/.test(text ?? '') ? Number(text) : NaN;
  return number <= most ? number : undefined;
}
