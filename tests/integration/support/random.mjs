// Random numbers that are the same in every run, so that a failure can be reproduced.

export function randomSource(seed) {
  let state = seed;
  const below = (n) => { // splitmix32: consecutive draws are independent enough
    state = (state + 0x9e3779b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return Math.floor((((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32) * n);
  };
  return { below, pick: (list) => list[below(list.length)] };
}
