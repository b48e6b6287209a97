// Pages of the event log. The log is read forwards, with the id of the last message as the next
// position, so a page that was read before can be read again from the position where it began.

const LAST_SEQ = '18446744073709551615';

/** The position before everything that was published at `ms` or later. */
export function positionBefore(ms) {
  return `${Math.max(1, Math.floor(ms)) - 1}-${LAST_SEQ}`;
}

/** The position before all messages: nothing is missing before the first one that the log has. */
export const BEGINNING = '0-1';

export class LogPages {
  items = [];
  isComplete = true; // nothing is missing between the position and the first item
  hasMore = false;
  #call;
  #topic;
  #limit;
  #positions; // where the pages up to this one begin

  /** `call` is that of the hub. */
  constructor(call, { topic, position, limit }) {
    this.#call = call;
    this.#topic = topic;
    this.#limit = limit;
    this.#positions = [position];
  }

  get number() {
    return this.#positions.length;
  }

  /** Reads the first page, or this one again. */
  read() {
    return this.#readAt(this.#positions);
  }

  /** Reads the page behind this one; one without messages is not entered. */
  async next() {
    const last = this.items.at(-1)?.id;
    if (!last) return this.read();
    return this.#readAt([...this.#positions, last]);
  }

  previous() {
    return this.#readAt(this.#positions.slice(0, -1));
  }

  /** Resolves to whether there were messages. */
  async #readAt(positions) {
    const { items, recovered, more = false } = await this.#call('eventlog', {
      topic: this.#topic, sinceEventId: positions.at(-1), limit: this.#limit,
    });
    if (items.length > 0 || positions.length === 1) {
      this.#positions = positions;
      this.items = items;
      this.isComplete = recovered || positions.at(-1) === BEGINNING;
    }
    this.hasMore = more;
    return items.length > 0;
  }
}
