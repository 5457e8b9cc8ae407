// Networks in threads of their own, and a way to ask for the newest only.
//
//     const [generator, discriminator] = await load(['generator.onnx', 'discriminator.onnx'], progress);
//     const { picture } = await generator.run({ z, ... }, ['picture']);
//     const draw = newestOnly(async () => { ... });       calls while one is running become one call after it

const RUNTIME = 'vendor/ort-wasm-simd-threaded.wasm.gz';
const GZIP = [0x1f, 0x8b];

class Network {
  constructor() {
    this.worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
    this.before = Promise.resolve();
  }

  // The answers come in the order of the questions.
  run(feeds, fetches) {
    return this.ask({ feeds, fetches });
  }

  ask(message) {
    const answer = this.before.catch(() => {}).then(() => new Promise((resolve, reject) => {
      this.worker.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data.outputs));
      this.worker.onerror = (event) => reject(new Error(event.message || 'The worker could not be started.'));
      this.worker.postMessage(message);
    }));
    this.before = answer;
    return answer;
  }

  close() {
    this.worker.terminate();
  }
}

// options: those of fetch, such as { cache: 'force-cache' } where a file's address changes with its content.
export async function load(files, progress, options = {}) {
  const received = new Map(), sizes = new Map();
  const tell = (file, part, whole) => {
    received.set(file, part);
    sizes.set(file, whole);
    const sum = (numbers) => [...numbers.values()].reduce((a, b) => a + b, 0);
    progress(sum(received), sum(sizes));
  };
  const [wasm, ...models] = await Promise.all([RUNTIME, ...files].map((file) => bytesOf(file, tell, options)));
  return Promise.all(models.map(async (model) => {
    const network = new Network();
    await network.ask({ wasm, model });
    return network;
  }));
}

async function bytesOf(file, tell, options) {
  const response = await fetch(new URL(file, import.meta.url), options);
  if (!response.ok) throw new Error(`${file} is not there (${response.status}).`);
  const whole = Number(response.headers.get('Content-Length')) || 0;
  const parts = [];
  let part = 0;
  for (const reader = response.body.getReader(); ;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    part += value.length;
    tell(file, part, Math.max(whole, part));
  }
  return unzipped(new Uint8Array(await new Blob(parts).arrayBuffer()));
}

// Some servers say of .gz that it is a compressed transfer: the browser has unpacked it then.
async function unzipped(bytes) {
  if (GZIP.some((value, place) => bytes[place] !== value)) return bytes;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

export function newestOnly(job) {
  let running = false, wanted = false;
  return async () => {
    wanted = true;
    if (running) return;
    running = true;
    try {
      while (wanted) {
        wanted = false;
        await job();
      }
    } finally {
      running = false;
    }
  };
}
