// Counts the events of the last second.

const SLOTS = 10;
const SLOT_MS = 100;

export class RateMeter {
  #counts = new Array(SLOTS).fill(0);
  #slot = 0; // the number of the newest one

  add(now) {
    this.#move(now);
    this.#counts[this.#slot % SLOTS]++;
  }

  perSecond(now) {
    this.#move(now);
    return this.#counts.reduce((sum, count) => sum + count, 0);
  }

  /** Empties the slots whose time is over a second ago. */
  #move(now) {
    const slot = Math.floor(now / SLOT_MS);
    const from = Math.max(this.#slot, slot - SLOTS);
    for (let i = from + 1; i <= slot; i++) this.#counts[i % SLOTS] = 0;
    this.#slot = Math.max(this.#slot, slot);
  }
}
