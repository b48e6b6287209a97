// The messages that the page keeps: a ring of the newest ones, bounded in number and in characters.
//
// Every entry gets the next sequence number when it is added, and keeps it. Entries first … end - 1 are
// there. So a list that remembers sequence numbers finds its entries again after old ones are dropped.

export const MOST_ENTRIES = 100_000;
const MOST_CHARACTERS = 64 * 1024 * 1024;

export class Store {
  first = 0;
  end = 0;
  #most;
  #mostCharacters;
  #characters = 0;
  #ring = [];

  constructor(most = MOST_ENTRIES, mostCharacters = MOST_CHARACTERS) {
    this.#most = most;
    this.#mostCharacters = mostCharacters;
  }

  get length() {
    return this.end - this.first;
  }

  /** Adds an entry, which has a `text`; the oldest ones go when there are too many. */
  push(entry) {
    if (this.length === this.#most) this.#drop();
    this.#ring[this.end % this.#most] = entry;
    this.end++;
    this.#characters += entry.text.length;
    while (this.#characters > this.#mostCharacters && this.length > 1) this.#drop();
  }

  /** The entry with this sequence number; undefined if it is no longer there, or not yet. */
  get(sequence) {
    if (sequence < this.first || sequence >= this.end) return undefined;
    return this.#ring[sequence % this.#most];
  }

  clear() {
    this.first = this.end;
    this.#ring = [];
    this.#characters = 0;
  }

  #drop() {
    const slot = this.first % this.#most;
    this.#characters -= this.#ring[slot].text.length;
    this.#ring[slot] = undefined;
    this.first++;
  }
}
