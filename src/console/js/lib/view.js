// The part of a store that a list shows: all of it, or the entries that a filter matches.
//
// A filter over 100,000 messages takes longer than a frame. So the view works through the store in
// slices (`advance`), from the oldest entry to the newest, and takes new entries in the same way. While
// it is behind, the list shows what has been found so far.
//
//   store   first                    scanned            limit        end
//           |------ in #matches ------|--- not yet ------|-- paused --|

const SLICE = 500;

export class View {
  #store;
  #filter = null;
  #matches = []; // sequence numbers; the first #head of them are of dropped entries
  #head = 0;
  #droppedBefore = 0;
  #scanned = 0;
  #frozenEnd = Infinity;

  constructor(store) {
    this.#store = store;
  }

  /** The end of what is shown: of the store, or the place where it was paused. */
  get limit() {
    return Math.max(this.#store.first, Math.min(this.#store.end, this.#frozenEnd));
  }

  get isPaused() {
    return this.#frozenEnd !== Infinity;
  }

  /** The number of entries added to the store since the pause. */
  get waiting() {
    return this.#store.end - this.limit;
  }

  get length() {
    return this.#filter ? this.#matches.length - this.#head : this.limit - this.#store.first;
  }

  /** The number of entries that have left the front of the view: a list moves its rows up by it. */
  get dropped() {
    return this.#filter ? this.#droppedBefore + this.#head : this.#store.first;
  }

  /** The sequence number of the entry at this index. */
  sequence(index) {
    return this.#filter ? this.#matches[this.#head + index] : this.#store.first + index;
  }

  at(index) {
    return this.#store.get(this.sequence(index));
  }

  /** The index of the entry with this sequence number, or the one that it would have. */
  indexOf(sequence) {
    if (!this.#filter) return sequence - this.#store.first;
    let low = this.#head;
    let high = this.#matches.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#matches[middle] < sequence) low = middle + 1;
      else high = middle;
    }
    return low - this.#head;
  }

  pause() {
    this.#frozenEnd = this.#store.end;
  }

  resume() {
    this.#frozenEnd = Infinity;
  }

  /** Shows the entries for which filter(entry) is true; null: all. */
  setFilter(filter) {
    this.#filter = filter;
    this.#matches = [];
    this.#head = 0;
    this.#droppedBefore = 0;
    this.#scanned = this.#store.first;
  }

  /** Works through new entries until `isTimeUp()`; reports whether it is done. */
  advance(isTimeUp) {
    this.#forget();
    if (!this.#filter) return true;
    while (this.#scanned < this.limit) {
      const end = Math.min(this.#scanned + SLICE, this.limit);
      for (; this.#scanned < end; this.#scanned++) {
        if (this.#filter(this.#store.get(this.#scanned))) this.#matches.push(this.#scanned);
      }
      if (isTimeUp()) return this.#scanned >= this.limit;
    }
    return true;
  }

  /** Leaves out what the store has dropped. */
  #forget() {
    const { first } = this.#store;
    this.#scanned = Math.max(this.#scanned, first);
    while (this.#head < this.#matches.length && this.#matches[this.#head] < first) this.#head++;
    if (this.#head > 1000 && this.#head > this.#matches.length / 2) {
      this.#matches.splice(0, this.#head);
      this.#droppedBefore += this.#head;
      this.#head = 0;
    }
  }
}
