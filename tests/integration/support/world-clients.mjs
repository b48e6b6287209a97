// The clients of a run in a world: publishers, subscribers and readers of the log. They run by themselves
// until they are stopped, and write everything down in the history. Each has its own random numbers.

import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';

import { httpRequest } from './http.mjs';
import { randomSource } from './random.mjs';
import { RpcClient } from './rpc.mjs';
import { openStream } from './sse.mjs';

const RETRY_MS = 60; // between two attempts with the same key
const ATTEMPTS = 200;
/** Filters that nobody has had before, each with a topic that it matches. */
const FRESH = [
  (n) => [`n/${n}`, `n/${n}`],
  (n) => [`n${n}`, `n${n}`],
  (n) => [`a/${n}`, `a/${n}`],
  (n) => [`n/${n}/#`, `n/${n}/x`],
  (n) => [`b/+/${n}`, `b/x/${n}`],
  (n) => [`n${n}/#`, `n${n}`],
];

/** 'ok', 'not published' or 'unknown'; anything else fails the run. */
function outcomeOf({ result, error }) {
  if (result) {
    assert.equal(result.status, 'ok');
    return 'ok';
  }
  if (error.code === 0) return 'unknown'; // the connection ended first
  assert.equal(error.code, -32603, JSON.stringify(error));
  if (/^not published/.test(error.data)) return 'not published';
  assert.match(error.data, /^outcome unknown/);
  return 'unknown';
}

class Client {
  #failure = null;
  isStopped = false;

  constructor(run, name, seed) {
    Object.assign(this, { run, name, random: randomSource(seed), history: run.history });
  }

  /** Runs it in the background; its failure makes stop() fail. */
  start(loop) {
    this.done = loop.catch((error) => this.fail(error));
  }

  fail(error) {
    this.#failure ??= error;
    this.run.fail(error);
  }

  async stop() {
    this.isStopped = true;
    await this.done;
    if (this.#failure) throw this.#failure;
  }

  get anyNode() {
    return this.random.below(this.run.nodes.length);
  }
}

/**
 * Publishes to random topics, several at a time. `node`: its own, or null for any. `via`: 'ws' or 'post'.
 * `isKeyed`: each publish has a key and is sent again, to any node, until it is answered ok.
 */
export class Publisher extends Client {
  #sockets = new Map();
  #count = 0;
  #opened = 0;
  underWay = new Set();
  isPaused = false;
  passed = 0; // publishes answered ok

  constructor(run, name, seed, { node, via = 'ws', isKeyed = false, pauseMs }) {
    super(run, name, seed);
    Object.assign(this, { node, via, isKeyed, pauseMs });
    this.start(this.#loop());
  }

  async #loop() {
    while (!this.isStopped) {
      await delay(this.pauseMs / 2 + this.random.below(this.pauseMs));
      const burst = this.random.below(40) === 0 ? 15 : 1;
      for (let i = 0; i < burst && !this.isPaused && !this.isStopped; i++) this.publish();
    }
    await Promise.all(this.underWay);
  }

  publish({ size = 0, topic = this.run.pickTopic(this.random) } = {}) {
    const key = `${this.name} ${this.#count++}`; // short enough for any key
    const text = `${key}${size ? ` ${'x'.repeat(size)}` : ''}`;
    const publish = this.history.addPublish(topic, text, { key: this.isKeyed ? key : null });
    const one = this.send(publish).finally(() => this.underWay.delete(one));
    this.underWay.add(one);
    one.catch(() => {}); // reported by the loop
  }

  /** Resolves to the id, or null if it is not answered ok. */
  async send(publish, node = this.node ?? this.anyNode) {
    for (let i = 0; i < ATTEMPTS; i++) {
      const id = await (this.via === 'ws' ? this.#call(publish, node) : this.#post(publish, node));
      if (id) this.passed++;
      if (id || !this.isKeyed) return id;
      node = this.anyNode;
      await delay(RETRY_MS);
    }
    return null;
  }

  /** The connection to this node, and its name. */
  #socket(node) {
    if (!this.#sockets.has(node) || this.#sockets.get(node).client.closed) {
      const client = new RpcClient(this.run.t, this.run.nodes[node]);
      const opened = client.untilOpen();
      opened.catch(() => {});
      this.#sockets.set(node, { client, opened, line: `${this.name}#${this.#opened++}` });
    }
    return this.#sockets.get(node);
  }

  async #call(publish, node) {
    const { client, opened, line } = this.#socket(node);
    await opened;
    const attempt = this.history.addAttempt(publish, { node, line });
    const { topic, text: message, key } = publish;
    const response = await client.request('publish', { topic, message, ...(key && { key }) });
    const id = response.result?.id ?? null;
    this.history.answers(attempt, outcomeOf(response), id);
    return id;
  }

  async #post(publish, node) {
    const attempt = this.history.addAttempt(publish, { node });
    const query = publish.key ? `?key=${encodeURIComponent(publish.key)}` : '';
    const path = `/${publish.topic}${query}`;
    const answer = await httpRequest(this.run.nodes[node], 'POST', path, {}, publish.text).catch(() => null);
    if (!answer) return null; // cut off: the outcome is unknown
    const { id = null, error = '' } = JSON.parse(answer.body);
    assert.ok(answer.status === 200 || answer.status === 503, `${answer.status} ${answer.body}`);
    const refusal = /^not published/.test(error) ? 'not published' : 'unknown';
    this.history.answers(attempt, id ? 'ok' : refusal, id);
    return id;
  }

  /** Publishes no more, and waits until everything is answered. */
  async rest() {
    this.isPaused = true;
    while (this.underWay.size > 0) await Promise.all(this.underWay);
  }
}

/**
 * Has one subscription over a WebSocket, or an event stream, at a time. `node`: where; null: anywhere.
 * leave() ends the connection, come() opens the next one, which resumes after the last id received. Without
 * a `filter` it often takes a new one instead, and as soon as it has subscribed, somebody publishes to it.
 */
class Subscriber extends Client {
  view = null;
  isResting = false;
  done = Promise.resolve();

  constructor(run, name, seed, { node = null, filter = null, gaps = false, isLive = false }) {
    super(run, name, seed);
    // isLive: the first view begins with live messages, not with history
    Object.assign(this, { node, filter, gaps, isLive, isFickle: !filter });
  }

  get isHere() {
    return this.view !== null && this.view.endedAt === null;
  }

  /** Where the next view begins. */
  get #from() {
    const { view } = this;
    if (!view) return this.isLive ? null : this.run.beginId;
    const last = view.events.findLast(({ id }) => id)?.id;
    return view.position ?? last ?? view.start ?? view.from;
  }

  #drawFilter() {
    const [filter, topic] = this.random.pick(FRESH)(this.run.topics.length);
    const [gaps, isLive] = [this.random.below(2) === 0, this.random.below(3) > 0];
    Object.assign(this, { filter, topic, gaps, isLive, view: null });
    this.run.topics.push(topic);
  }

  async come() {
    if (this.isHere) return;
    if (this.isFickle && (!this.filter || this.random.below(3) > 0)) this.#drawFilter();
    const { filter, gaps, kind } = this;
    const node = this.node ?? this.anyNode;
    const [from, resumes] = [this.#from, this.view?.name];
    this.view = this.history.addView({ kind, client: this.name, node, filter, gaps, from, resumes });
    await this.open(this.view, this.run.nodes[node]);
  }

  confirmed() {
    if (this.isFickle) this.run.publishTo(this.topic, this.random);
  }

  leave() {
    if (!this.isHere) return;
    this.view.endedAt = this.history.now();
    this.close();
  }

  /** Comes and goes at random until it is stopped; stays while `isResting`. */
  wander(pauseMs) {
    const loop = async () => {
      while (!this.isStopped) {
        await this.come();
        await delay(pauseMs / 2 + this.random.below(pauseMs));
        if (this.isStopped || this.isResting) continue;
        this.leave();
        await delay(this.random.below(pauseMs / 2));
      }
    };
    this.start(loop());
  }

  has(marker) {
    return this.view.events.some(({ id }) => id === marker.id);
  }

  record(view, event) {
    if (view.endedAt === null) view.events.push({ at: this.history.now(), ...event });
  }
}

export class WebSocketSubscriber extends Subscriber {
  kind = 'ws';
  #client = null;

  async open(view, server) {
    const client = await new RpcClient(this.run.t, server).untilOpen();
    this.#client = client;
    const params = { ...(view.gaps && { gaps: true }), ...(view.from && { sinceEventId: view.from }) };
    const subscription = await client.subscribe(view.filter, params, { confirmed: false });
    subscription.deliver = ({ action, id, topic, message: text }) =>
      this.record(view, action === 'gap' ? { gap: topic } : { id, topic, text });
    const { answer } = subscription;
    const answered = answer.then(({ recovered = null, lastEventId = null }) => {
      if (view.endedAt !== null) return;
      // The answer came before the messages that this client has received already.
      Object.assign(view, { confirmedAt: view.events[0]?.at ?? this.history.now(), recovered, start: lastEventId });
      this.confirmed();
    }, (error) => {
      if (error.code !== 0) this.fail(error); // not cut off: a refusal
    });
    if (!view.from) await answered;
  }

  close() {
    this.#client.socket.terminate();
  }
}

export class StreamSubscriber extends Subscriber {
  kind = 'sse';
  #stream = null;

  async open(view, server) {
    const query = new URLSearchParams({ format: 'json', ...(view.gaps && { gaps: 'true' }) });
    const headers = view.from ? { 'Last-Event-ID': view.from } : {};
    const path = `/${encodeURIComponent(view.filter)}?${query}`;
    const stream = await openStream(this.run.t, server, path, headers);
    this.#stream = stream;
    if (!view.from) view.confirmedAt = this.history.now();
    this.confirmed();
    let taken = 0;
    const take = () => {
      for (; taken < stream.events.length; taken++) this.#take(view, stream.events[taken]);
      if (view.endedAt !== null || !stream.lastId) return;
      view.confirmedAt ??= this.history.now();
      if (view.events.length === 0) view.start ??= stream.lastId;
      view.position = stream.lastId;
    };
    stream.changed = () => {
      take();
      Object.getPrototypeOf(stream).changed.call(stream);
    };
    take();
  }

  #take(view, { id, event, data }) {
    if (view.endedAt !== null) return;
    view.confirmedAt ??= this.history.now();
    if (event === 'recovered') view.recovered = JSON.parse(data).recovered;
    else if (event === 'gap') this.record(view, { gap: JSON.parse(data).topic });
    else this.record(view, { id, topic: JSON.parse(data).topic, text: JSON.parse(data).message });
  }

  close() {
    this.#stream.leave();
  }
}

/** Reads pages of the log, after an id that it has from an answer. */
export class Reader extends Client {
  constructor(run, name, seed, { filters, pauseMs }) {
    super(run, name, seed);
    Object.assign(this, { filters, pauseMs });
  }

  read() {
    this.start(this.#loop());
  }

  async #loop() {
    const clients = this.run.nodes.map((node) => new RpcClient(this.run.t, node));
    await Promise.all(clients.map((client) => client.untilOpen()));
    while (!this.isStopped) {
      const node = this.anyNode;
      await this.#read(clients[node], node);
      await delay(this.pauseMs / 2 + this.random.below(this.pauseMs));
    }
  }

  async #read(client, node) {
    const { publishes } = this.history;
    const recent = publishes.slice(-200).flatMap(({ attempts }) => attempts.flatMap(({ id }) => id ?? []));
    const from = this.random.below(4) === 0 || recent.length === 0 ? this.run.beginId : this.random.pick(recent);
    const log = { node, filter: this.random.pick(this.filters), from, askedAt: this.history.now() };
    const params = { topic: log.filter, sinceEventId: from };
    const { result, error } = await client.request('eventlog', params);
    if (error) {
      assert.ok(error.code === -32603 || error.code === 0, JSON.stringify(error));
      return;
    }
    const { recovered, more = false } = result;
    const items = result.items.map(({ id, topic, message: text }) => ({ id, topic, text }));
    this.history.logs.push({ ...log, answeredAt: this.history.now(), recovered, more, items });
  }
}
