// eventhub-jsclient reconnects by itself. This class adds the rest, which the application needs:
// - It remembers the position of each subscription, also before the first message and over several reconnects.
// - It reports that messages are missing, when the server no longer has all of them.
// - It waits for a random time before it reconnects, so that the clients of a server that ended do not all come
//   back at the same moment.

import { Eventhub } from 'eventhub-jsclient';

const LONGEST_WAIT_MS = 30_000;
const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class ResumingHub extends Eventhub {
  #followed = new Map(); // by topic: { position, history, onMissing }
  #wasConnected = false;
  #isClosed = false;

  /** Tries once. The client also calls this when it has lost its connection: then it tries until it succeeds. */
  async connect() {
    if (!this.#wasConnected) return (this.#wasConnected = await super.connect());
    for (let wait = 1000; ; wait = Math.min(2 * wait, LONGEST_WAIT_MS)) {
      await delay(Math.random() * wait);
      if (this.#isClosed) return false;
      try {
        return await super.connect();
      } catch {
        // The event "offline" has given the reason.
      }
    }
  }

  /**
   * Subscribes after `position`, an id. Without one, the subscription begins with `history` ({ since, limit }, as in
   * docs/protocol.md) or with live messages. `onMissing` is called when messages after the position are missing.
   */
  follow(topic, { position, history, onMessage, onMissing }) {
    const place = { position, history, onMissing };
    this.#followed.set(topic, place);
    return this.subscribe(topic, (message) => {
      place.position = message.id;
      onMessage(message);
    });
  }

  /** The client also calls this for each of its subscriptions when it has reconnected. */
  async subscribe(topic, callback) {
    const place = this.#followed.get(topic);
    const from = place.position ? { sinceEventId: place.position } : place.history;
    const answer = await super.subscribe(topic, callback, { ...from, gaps: true }); // gaps: adds lastEventId
    if (from?.sinceEventId && !answer.recovered) place.onMissing();
    place.position ??= answer.lastEventId;
    return answer;
  }

  disconnect() {
    this.#isClosed = true;
    return super.disconnect();
  }
}
