// Waiting is always for a condition, up to a generous deadline; nothing here sleeps for a while and
// hopes. Under a sanitizer everything is several times slower, and so are the deadlines.

import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const DEV_BINARY = fileURLToPath(new URL('../../../build/dev/eventhub', import.meta.url));
export const BINARY = process.env.EVENTHUB_BIN ?? DEV_BINARY;

export const SANITIZED = /__(asan|tsan)_init/.test(readFileSync(BINARY).toString('latin1'));
export const DEADLINE_MS = SANITIZED ? 90_000 : 30_000;

const POLL_MS = 10;

/** A load that takes about as long under a sanitizer as without. */
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

/** Asks again and again until the condition returns (or resolves to) something true. */
export async function eventually(what, condition, deadlineMs = DEADLINE_MS) {
  const giveUpAt = Date.now() + deadlineMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > giveUpAt) throw new Error(`${what}: not within ${deadlineMs} ms`);
    await delay(POLL_MS);
  }
}

/** Something that changes through events: until() looks at its condition at each change. */
export class Watched {
  #waiters = new Set();
  ended = false;

  changed() {
    for (const look of [...this.#waiters]) look();
  }

  /** Nothing will change any more: whoever still waits for something else is told. */
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
