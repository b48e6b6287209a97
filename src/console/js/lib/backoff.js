// backoff.js - how long to wait before the next attempt to connect. Pure.

const FIRST_MS = 500;
const MOST_MS = 30000;

/**
 * The wait in ms before attempt `n` (0 is the first one after a failure): twice as long each time, at
 * most 30 s, and somewhere in the upper half of that, so that the pages of a server that restarts do
 * not all come back at the same moment. `random` is from 0 to 1.
 */
export function backoffMs(n, random = Math.random()) {
  const longest = Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(n, 16));
  return Math.round(longest * (0.5 + random / 2));
}
