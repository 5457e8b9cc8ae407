// One network in a thread of its own, so that the page answers while it computes.
//
//     postMessage({ wasm, model })                        once: the runtime's and the network's bytes
//     postMessage({ feeds: { z: { data, dims } }, fetches: ['picture'] })    then, as often as needed, one at a time

import * as ort from './vendor/ort.wasm.bundle.min.mjs';

let session;

async function start({ wasm, model }) {
  ort.env.wasm.wasmBinary = wasm;
  ort.env.wasm.numThreads = 1;  // more need headers that most file servers do not send
  session = await ort.InferenceSession.create(model, { executionProviders: ['wasm'] });
  return {};
}

async function run({ feeds, fetches }) {
  const inputs = {};
  for (const [name, { data, dims }] of Object.entries(feeds)) inputs[name] = new ort.Tensor('float32', data, dims);
  const outputs = await session.run(inputs, fetches);
  return Object.fromEntries(fetches.map((name) => [name, { data: outputs[name].data, dims: outputs[name].dims }]));
}

onmessage = async ({ data }) => {
  try {
    postMessage({ outputs: await (session ? run(data) : start(data)) });
  } catch (error) {
    postMessage({ error: String(error?.message ?? error) });
  }
};
