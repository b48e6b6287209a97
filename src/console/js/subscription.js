// subscription.js - one topic or pattern that the hub is subscribed to, over all of its connections.
//
// A subscription keeps the last id that it has seen. After a reconnect it asks for everything since
// then, so nothing is lost or shown twice as long as the log holds it; `recovered` says if it does not.

import { idTime, isLater } from './lib/ids.js';

export class Subscription {
  requestId = null; // of the subscribe request of the current connection
  state = 'waiting'; // waiting for a connection, joining, live, refused
  error = ''; // why it was refused
  lastId = null;
  #history; // since or sinceEventId, and limit, of the first time
  #listener;
  #liveFrom = Infinity;

  /**
   * `listener` has the functions message(message, subscription), gap(topic, subscription),
   * confirmed(result, subscription) and changed(subscription); all but the first are optional.
   */
  constructor(topic, history, listener) {
    this.topic = topic;
    this.#history = history;
    this.#listener = listener;
  }

  /** The parameters of the next subscribe request. */
  params() {
    const from = this.lastId ? { sinceEventId: this.lastId } : this.#history;
    return { topic: this.topic, gaps: true, ...from };
  }

  /** Takes the answer to the request, sent at `now` by the clock of the server. */
  confirm(result, now) {
    if (result.lastEventId && !this.lastId) this.lastId = result.lastEventId;
    this.#liveFrom = now;
    this.#set('live');
    this.#listener.confirmed?.(result, this);
  }

  /** Takes a result with the id of the request: a message, or the report of a gap. */
  take(result) {
    if (result.action === 'gap') return this.#listener.gap?.(result.topic, this);
    if (result.id && (!this.lastId || isLater(result.id, this.lastId))) this.lastId = result.id;
    return this.#listener.message(result, this);
  }

  /** Reports whether a message with this id is not history: the subscription took effect before it. */
  isLive(id) {
    return !id || idTime(id) >= this.#liveFrom;
  }

  joining(requestId) {
    this.requestId = requestId;
    this.#liveFrom = Infinity;
    this.#set('joining');
  }

  /** The connection has ended: the next one tries again, perhaps with another token. */
  wait() {
    this.#set('waiting');
  }

  refuse(error) {
    this.#set('refused', error);
  }

  #set(state, error = '') {
    this.state = state;
    this.error = error;
    this.#listener.changed?.(this);
  }
}
