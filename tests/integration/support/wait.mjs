// Tests wait for a condition, up to a generous deadline; nothing sleeps and hopes. Sanitizers make
// everything several times slower, so deadlines are longer under them.

import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const DEV_BINARY = fileURLToPath(new URL('../../../build/dev/eventhub', import.meta.url));
export const BINARY = process.env.EVENTHUB_BIN ?? DEV_BINARY;

const SANITIZER = /__(asan|tsan)_init/.exec(readFileSync(BINARY).toString('latin1'))?.[1];
export const SANITIZED = SANITIZER !== undefined;
export const FINDS_RACES = SANITIZER === 'tsan';
export const DEADLINE_MS = SANITIZED ? 90_000 : 30_000;

const POLL_MS = 10;

/** A smaller count under a sanitizer, so that a test takes about as long as without. */
export function scaled(count) {
  return SANITIZED ? Math.ceil(count / 4) : count;
}

export function within(promise, what, deadlineMs = DEADLINE_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${deadlineMs} ms`)), deadlineMs);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Repeats the condition until it returns (or resolves to) a true value; resolves to that value. */
export async function eventually(what, condition, deadlineMs = DEADLINE_MS) {
  const giveUpAt = Date.now() + deadlineMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > giveUpAt) throw new Error(`${what}: not within ${deadlineMs} ms`);
    await delay(POLL_MS);
  }
}

/**
 * Starts to measure how long this process is kept from running; returns a function that returns the
 * worst time so far, in ms. A test that measures how long the server takes adds it to its bound: a
 * busy machine delays both processes alike, a slow server only itself.
 */
export function watchDelays() {
  const delays = monitorEventLoopDelay({ resolution: 10 });
  delays.enable();
  return () => delays.max / 1e6;
}

/** An object that changes through events: until() checks its condition at each change. */
export class Watched {
  #waiters = new Set();
  ended = false;

  changed() {
    for (const look of [...this.#waiters]) look();
  }

  /** Nothing changes after this: until() fails for conditions that do not hold by now. */
  end() {
    this.ended = true;
    this.changed();
  }

  until(what, condition, deadlineMs = DEADLINE_MS) {
    let look;
    const met = new Promise((resolve, reject) => {
      look = () => {
        try {
          const value = condition();
          if (value) resolve(value);
          else if (this.ended) reject(new Error(`${what}: it ended first`));
        } catch (error) {
          reject(error);
        }
      };
      this.#waiters.add(look);
      look();
    });
    return within(met, what, deadlineMs).finally(() => this.#waiters.delete(look));
  }
}
