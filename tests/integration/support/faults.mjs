// A cluster of two nodes that is watched during a fault. Both nodes publish all the time. Each message
// is recorded as answered ok, refused, or of unknown outcome.

import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';

import { assertIncreasing, openClient, RpcError } from './rpc.mjs';
import { startServer } from './server.mjs';
import { eventually, SANITIZED, watchDelays } from './wait.mjs';

export const BROKER_TIMEOUT_MS = 1000;
const SLACK_MS = SANITIZED ? 4000 : 900; // beyond the delays of this process
const PAUSE_MS = 15; // between the publishes of one client

/** Publishes messages until it is stopped, without waiting for the answer to the previous one. */
class Publisher {
  outcomes = []; // { text, id } or { text, error }, with took
  #isStopped = false;
  #done;

  constructor(client, name) {
    this.client = client;
    this.name = name;
    this.#done = this.#run();
  }

  async #run() {
    const underWay = new Set();
    for (let i = 0; !this.#isStopped && !this.client.closed; i++) {
      const one = this.#publish(`${this.name} ${i}`).finally(() => underWay.delete(one));
      underWay.add(one);
      await delay(PAUSE_MS);
    }
    await Promise.all(underWay);
  }

  async #publish(text) {
    const startedAt = performance.now();
    const outcome = await this.client.publish(`fault/${this.name}`, text).then(
      (id) => ({ text, id }),
      (error) => {
        if (!(error instanceof RpcError)) throw error;
        return { text, error };
      });
    this.outcomes.push({ ...outcome, took: performance.now() - startedAt });
  }

  stop() {
    this.#isStopped = true;
    return this.#done;
  }
}

/** Pings until it is stopped, and records how long the slowest ping took. */
class Pinger {
  worst = 0;
  count = 0;
  #isStopped = false;
  #done;

  constructor(client) {
    this.client = client;
    this.#done = this.#run();
  }

  async #run() {
    while (!this.#isStopped && !this.client.closed) {
      const startedAt = performance.now();
      await this.client.roundTrip().catch(() => {}); // assertPromises() checks that it is open
      this.worst = Math.max(this.worst, performance.now() - startedAt);
      this.count++;
      await delay(PAUSE_MS);
    }
  }

  stop() {
    this.#isStopped = true;
    return this.#done;
  }
}

const errorsOf = (publishers) =>
  publishers.flatMap(({ outcomes }) => outcomes.filter(({ error }) => error));

export class Cluster {
  clients = [];
  publishers = [];
  pingers = [];
  delayMs = watchDelays();

  static async start(t, options) {
    const cluster = new Cluster();
    cluster.nodes = await Promise.all(['a', 'b'].map(() => startServer(t, {
      MAX_CACHE_LENGTH: '0', BROKER_TIMEOUT: String(BROKER_TIMEOUT_MS / 1000), ...options,
    })));
    const open = async (node) => {
      const client = await openClient(t, node);
      cluster.clients.push(client);
      return client;
    };
    cluster.seen = [];
    for (const node of cluster.nodes) {
      cluster.seen.push(await (await open(node)).subscribe('fault/#', { gaps: true }));
    }
    for (const [i, node] of cluster.nodes.entries()) {
      cluster.publishers.push(new Publisher(await open(node), `of-${'ab'[i]}`));
      cluster.pingers.push(new Pinger(await open(node)));
    }
    await cluster.untilAllPass(10);
    return cluster;
  }

  /** Waits until `more` further publishes of each node are answered ok. */
  untilAllPass(more) {
    const wanted = this.publishers.map(({ outcomes }) => this.#passed(outcomes) + more);
    return eventually('publishes are answered ok', () =>
      this.publishers.every(({ outcomes }, i) => this.#passed(outcomes) >= wanted[i]));
  }

  #passed(outcomes) {
    return outcomes.filter(({ id }) => id).length;
  }

  untilFailures(count) {
    return eventually(`${count} publishes fail`, () => errorsOf(this.publishers).length >= count);
  }

  untilReadiness(status) {
    return Promise.all(this.nodes.map((node) => node.untilReadiness(status)));
  }

  async stop() {
    await Promise.all([...this.publishers, ...this.pingers].map((each) => each.stop()));
    for (const [i, { client }] of this.publishers.entries()) {
      await eventually('a last publish', () =>
        client.publish('fault/end', `end ${i}`).then(() => true, () => false));
    }
    const ends = this.seen.flatMap((seen) => [0, 1].map((i) => seen.untilText(`end ${i}`)));
    await Promise.all(ends);
  }

  get worstPing() {
    return Math.max(...this.pingers.map(({ worst }) => worst));
  }

  get errors() {
    return errorsOf(this.publishers);
  }

  get worstFailure() {
    return Math.max(0, ...this.errors.map(({ took }) => took));
  }

  /** Asserts everything that holds whatever the fault was. */
  assertPromises() {
    for (const client of this.clients) assert.equal(client.closed, null, 'clients stay connected');
    const slackMs = SLACK_MS + this.delayMs();
    assert.ok(this.worstPing < BROKER_TIMEOUT_MS / 2 + slackMs, `a ping took ${this.worstPing} ms`);
    for (const { text, error, took } of this.errors) {
      assert.equal(error.code, -32603, `${text}: ${error}`);
      assert.match(error.data, /^(not published|outcome unknown)/);
      assert.ok(took <= BROKER_TIMEOUT_MS + slackMs, `${text} was answered after ${took} ms`);
    }
    for (const { messages } of this.seen) {
      assertIncreasing(messages.filter(({ id }) => id).map(({ id }) => id)); // so no message comes twice
    }
  }

  /**
   * Asserts that `texts`, received by one subscriber or read from the log, hold every message answered
   * ok and none that was refused. `mayLose`: messages answered ok may be missing.
   */
  assertHolds(texts, { mayLose = false } = {}) {
    const held = new Set(texts);
    const outcomes = this.publishers.flatMap((publisher) => publisher.outcomes);
    assert.equal(held.size, texts.length, 'no message twice');
    for (const { text, id, error } of outcomes) {
      if (id && !mayLose) assert.ok(held.has(text), `${text} was answered ok`);
      if (error && /^not published/.test(error.data)) {
        assert.ok(!held.has(text), `${text} was refused`);
      }
    }
    const known = new Set(outcomes.map(({ text }) => text));
    for (const text of held) assert.ok(known.has(text) || /^end/.test(text), text);
  }

  get gaps() {
    return this.seen.map(({ messages }) => messages.filter(({ action }) => action === 'gap'));
  }

  /** The texts of all messages in the log. */
  async logged() {
    const texts = [];
    const [{ client }] = this.publishers;
    for (let after = '0-1'; ;) {
      const page = await client.call('eventlog', { topic: 'fault/#', sinceEventId: after });
      texts.push(...page.items.map(({ message }) => message));
      if (!page.more) return texts;
      after = page.items.at(-1).id;
    }
  }
}
