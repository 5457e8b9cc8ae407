// What goes into the generator: the latent of a seed, on the way to that of another one, with what was changed of it.
//
//     latentFor({ seed: 7, to: 12, walk: 0.5, length: 1, set: new Map([[17, 1.25]]) }, 100)

import { latentOf } from './seeds.js';
import { turn } from './turned.js';

const PARALLEL = 1e-6;  // radians; below, a great circle is a straight line

const norm = (values) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));

// The great circle from a to b, as xai.latents.paths.slerp: straight lines lead through latents that are too short.
export function slerp(a, b, t) {
  if (t === 0) return Float32Array.from(a);
  if (t === 1) return Float32Array.from(b);
  const lengths = [norm(a), norm(b)];
  const from = Array.from(a, (value) => value / lengths[0]), to = Array.from(b, (value) => value / lengths[1]);
  const angle = 2 * Math.atan2(norm(from.map((x, i) => x - to[i])), norm(from.map((x, i) => x + to[i])));
  const [left, right] = angle < PARALLEL
    ? [1 - t, t]
    : [Math.sin((1 - t) * angle) / Math.sin(angle), Math.sin(t * angle) / Math.sin(angle)];
  const length = lengths[0] + t * (lengths[1] - lengths[0]);
  return Float32Array.from(from, (x, i) => (left * x + right * to[i]) * length);
}

// Before it is changed.
export function walked({ seed, to, walk }, count) {
  const start = latentOf(seed, count);
  return walk ? slerp(start, latentOf(to, count), walk) : start;
}

export const latentFor = (state, count) => turn(walked(state, count), state);
