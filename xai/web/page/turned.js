// What was changed of a latent: dimensions that were set, and how long the rest of it is.
//
//     const turned = parse('length:0.8,6:1.5,36:-2', 100);      { length: 0.8, set: Map { 6 => 1.5, 36 => -2 } }
//     serialise(turned)                                         the same word again
//     turn(values, turned)                                      what goes into the generator
//
// As xai.latents.turning has it, so that one word stands for one picture, here and in Python.

export const LARGEST = 4;  // of a value that a slider gives: one normal value of 16,000 is farther from 0
export const LONGEST = 2;  // times its own length
const NUMBER = /^-?\d{1,3}(\.\d{1,6})?$/;

export const unturned = () => ({ length: 1, set: new Map() });
export const isTurned = ({ length, set }) => length !== 1 || set.size > 0;

// What is no change of such a latent is left out.
export function parse(text, count) {
  const turned = unturned();
  for (const part of (text ?? '').split(',')) {
    const [name, number] = part.split(':'), value = NUMBER.test(number ?? '') ? Number(number) : NaN;
    if (name === 'length' && value >= 0 && value <= LONGEST) turned.length = value;
    else if (/^\d{1,5}$/.test(name) && name < count && Math.abs(value) <= LARGEST) turned.set.set(Number(name), value);
  }
  return turned;
}

export function serialise({ length, set }) {
  const parts = [...set].map(([index, value]) => `${index}:${hundredths(value)}`);
  return [...(length === 1 ? [] : [`length:${hundredths(length)}`]), ...parts].join(',');
}

export function turn(values, { length, set }) {
  const turned = Float32Array.from(values, (value) => length * value);
  for (const [index, value] of set) turned[index] = value;
  return turned;
}

const hundredths = (value) => String(Math.round(100 * value) / 100);
