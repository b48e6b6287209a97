// feed.js - what arrives: keeps messages in the store, counts them, and marks the places where some are
// missing. It draws nothing.

import { idTime } from '../lib/ids.js';
import { RateMeter } from '../lib/rate.js';
import { Sampler } from '../lib/sampler.js';
import { Store } from '../lib/store.js';
import { View } from '../lib/view.js';

const MARK_MS = 1000;
const CALM = 500; // messages a second: below, every message is kept

export class Feed {
  store = new Store();
  view = new View(this.store);
  received = 0;
  #filter = null;
  #matching = new Sampler();
  #others = new Sampler();
  #rate = new RateMeter();
  #skipped = 0;
  #skippedSince = 0;
  #clock;

  /** `clock` gives ms that never run backwards. */
  constructor(clock = () => performance.now()) {
    this.#clock = clock;
  }

  get perSecond() {
    return this.#rate.perSecond(this.#clock());
  }

  /** N if the feed now keeps one message in N, matching or not; 1: it keeps all. */
  get stride() {
    return this.perSecond < CALM ? 1 : Math.max(this.#matching.stride, this.#others.stride);
  }

  /** Shows what the filter matches. Such messages are kept although others flood the page. */
  setFilter(filter) {
    this.#filter = filter;
    this.view.setFilter(filter);
  }

  clear() {
    this.store.clear();
    this.view.setFilter(this.#filter);
    this.view.resume();
    this.received = 0;
    this.#skipped = 0;
  }

  /** Takes a message of a source { tone, count }. `isLive`: it is not history. */
  message({ id = '', topic, origin = '', message }, source, isLive) {
    const now = this.#clock();
    const at = id ? idTime(id) : Date.now();
    const entry = { kind: 'message', id, at, topic, origin, text: message, tone: source.tone };
    this.received++;
    source.count++;
    this.#rate.add(now);
    if (isLive && !this.#isKept(entry, now)) this.#skip(now);
    else this.store.push(entry);
  }

  /** Marks a place where something happened: kind is gap, incomplete or skipped. */
  mark(kind, topic, text) {
    this.store.push({ kind, id: '', at: Date.now(), topic, origin: '', text, tone: 0 });
  }

  /** Marks that messages were left out, unless it has done so within the last second. */
  tick() {
    if (this.#skipped === 0 || this.#clock() - this.#skippedSince < MARK_MS) return;
    this.mark('skipped', '', `${this.#skipped.toLocaleString('en')} messages were counted here but not kept`);
    this.#skipped = 0;
  }

  #isKept(entry, now) {
    const isWanted = !this.#filter || this.#filter(entry);
    return (isWanted ? this.#matching : this.#others).admit(now);
  }

  #skip(now) {
    if (this.#skipped++ === 0) this.#skippedSince = now;
    this.tick();
  }
}
