// Reads the server's figures, and keeps those of the last 15 minutes.
//
// A scrape that fails breaks the series, and the next one that succeeds is the first again: what
// happened between them is not known, and a mean over a pause would show a calm that nobody saw.

import { pointBetween } from './rates.js';
import { Series } from './series.js';

const INTERVAL_MS = 2000;
const HIDDEN_INTERVAL_MS = 15_000;

export class Scraper {
  series = new Series();
  scrape = null; // the last one that succeeded: { at, metrics }
  failure = null; // { why, since }, while scrapes fail

  #read;
  #now;
  #before = null;

  /** `read` resolves to the metrics, or rejects with a message for people. */
  constructor(read, now = Date.now) {
    this.#read = read;
    this.#now = now;
  }

  async take() {
    try {
      this.#succeed(await this.#read());
    } catch (error) {
      this.#fail(error.message);
    }
  }

  #succeed(metrics) {
    const scrape = { at: this.#now(), metrics };
    const point = pointBetween(this.#before, scrape);
    if (point.why) this.series.breakAt(scrape.at);
    this.series.push(point);
    this.scrape = scrape;
    this.#before = scrape;
    this.failure = null;
  }

  #fail(why) {
    const at = this.#now();
    this.series.breakAt(at);
    this.#before = null;
    this.failure = { why, since: this.failure?.since ?? at };
  }
}

/**
 * Scrapes for as long as the page lives, and calls `changed` after each scrape. A hidden page scrapes
 * less often; browsers then delay timers up to a minute, which does not matter because rates are
 * divided by the time that has really passed. A page that is shown again scrapes at once.
 */
export function scrapeForever(scraper, page, changed) {
  let timer = null;
  let isTaking = false;
  const take = async () => {
    if (isTaking) return;
    isTaking = true;
    clearTimeout(timer);
    await scraper.take();
    isTaking = false;
    timer = setTimeout(take, page.hidden ? HIDDEN_INTERVAL_MS : INTERVAL_MS);
    changed();
  };
  page.addEventListener('visibilitychange', () => {
    if (!page.hidden) take();
  });
  take();
}
