// Decides which messages of a fast stream the page keeps, so that a person can still read the list and
// the page has time for clicks.
//
// A bucket holds a burst of messages and is refilled at the rate that the page shows. As long as it is
// not half empty, every message is admitted. Then one in `stride` is, evenly spread, so that the ones
// kept are a fair sample: the stride follows the rate of the last quarter of a second. At the sudden
// beginning of a flood the bucket alone decides.

const WINDOW_MS = 250;
const TOLERANCE = 0.1; // 5,010 messages a second are one in 5, not one in 6

export class Sampler {
  stride = 1; // one message in this many is admitted; 1: all
  #perSecond;
  #burst;
  #tokens;
  #refilledAt = null;
  #windowFrom = null;
  #arrived = 0;

  constructor(perSecond = 1000, burst = 3000) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = burst;
  }

  /** Reports whether the message that arrives at `now` (ms) is kept. Time does not run backwards. */
  admit(now) {
    this.#refill(now);
    this.#measure(now);
    this.#arrived++;
    if (this.#arrived % this.stride !== 0 || this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  #refill(now) {
    const elapsed = now - (this.#refilledAt ?? now);
    this.#tokens = Math.min(this.#burst, this.#tokens + (elapsed * this.#perSecond) / 1000);
    this.#refilledAt = now;
  }

  /** Sets the stride when a window ends. */
  #measure(now) {
    this.#windowFrom ??= now;
    const elapsed = now - this.#windowFrom;
    if (elapsed < WINDOW_MS) return;
    const rate = (this.#arrived * 1000) / elapsed;
    const isFull = this.#tokens > this.#burst / 2 && this.stride === 1;
    this.stride = isFull ? 1 : Math.max(1, Math.ceil(rate / this.#perSecond - TOLERANCE));
    this.#windowFrom = now;
    this.#arrived = 0;
  }
}
