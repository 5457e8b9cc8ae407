// The latent of a seed, as gan.latents draws it: torch.randn on the CPU after manual_seed. A seed names one poster, here
// and in Python.
//
//     latentOf(7, 100)                 Float32Array of 100

const LENGTH = 624;

// Mersenne Twister (Matsumoto, Nishimura 1998): whole numbers of 32 bits, one a call.
function mersenneTwister(seed) {
  const state = new Uint32Array(LENGTH);
  state[0] = seed;
  for (let i = 1; i < LENGTH; i++) {
    const before = state[i - 1] ^ (state[i - 1] >>> 30);
    state[i] = Math.imul(before, 1812433253) + i;
  }
  let next = LENGTH;
  const renew = () => {
    for (let i = 0; i < LENGTH; i++) {
      const mixed = (state[i] & 0x80000000) | (state[(i + 1) % LENGTH] & 0x7fffffff);
      state[i] = state[(i + 397) % LENGTH] ^ (mixed >>> 1) ^ (mixed & 1 ? 0x9908b0df : 0);
    }
    next = 0;
  };
  return () => {
    if (next === LENGTH) renew();
    let y = state[next++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  };
}

// Sixteen normal values of sixteen uniform ones (Box, Muller 1958), as torch pairs them.
function fillSixteen(values, start, draw) {
  const uniform = Float32Array.from({ length: 16 }, () => (draw() & 0xffffff) / 2 ** 24);
  for (let i = 0; i < 8; i++) {
    const radius = Math.sqrt(-2 * Math.log(1 - uniform[i]));
    const angle = 2 * Math.PI * uniform[i + 8];
    values[start + i] = radius * Math.cos(angle);
    values[start + i + 8] = radius * Math.sin(angle);
  }
}

// torch takes another way for fewer than 16 values: one by one, in double precision.
function fillFew(values, draw) {
  const uniform = () => {
    const high = draw(), low = draw();
    return ((high & 0x1fffff) * 2 ** 32 + low) / 2 ** 53;
  };
  for (let i = 0; i < values.length; i += 2) {
    const angle = 2 * Math.PI * uniform();
    const radius = Math.sqrt(-2 * Math.log1p(-uniform()));
    values[i] = radius * Math.cos(angle);
    if (i + 1 < values.length) values[i + 1] = radius * Math.sin(angle);
  }
}

export function latentOf(seed, count) {
  const values = new Float32Array(count), draw = mersenneTwister(seed);
  if (count < 16) {
    fillFew(values, draw);
    return values;
  }
  for (let start = 0; start + 16 <= count; start += 16) fillSixteen(values, start, draw);
  if (count % 16) {
    for (let i = 0; i < count % 16; i++) draw();  // torch draws for these, too, and then the last sixteen anew
    fillSixteen(values, count - 16, draw);
  }
  return values;
}
