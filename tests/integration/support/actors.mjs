// Clients of the model test. Each performs operations of the schedule, and reports its requests and
// their results to the model.

import assert from 'node:assert/strict';

import { httpRequest } from './http.mjs';
import { rankOf, View } from './model.mjs';
import { RpcClient } from './rpc.mjs';
import { openStream } from './sse.mjs';

/** The outcome of a publish: an id, null (certainly not published) or undefined (unknown). */
function outcomeOf({ result, error }) {
  if (result) {
    assert.equal(result.status, 'ok');
    return result.id;
  }
  if (error.code === 0) return undefined; // the connection ended first
  assert.equal(error.code, -32603, JSON.stringify(error));
  if (error.data === 'not published') return null;
  assert.equal(error.data, 'outcome unknown');
  return undefined;
}

class Actor {
  #underWay = [];
  #failure = null;

  constructor(t, world, index) {
    Object.assign(this, { t, world, index, model: world.model });
  }

  /** Tracks a request that is answered later; its failure makes the next settle() fail. */
  async(promise) {
    this.#underWay.push(promise.catch((error) => (this.#failure ??= error)));
  }

  async settle() {
    await Promise.all(this.#underWay.splice(0));
    if (this.#failure) throw this.#failure;
  }

  get server() {
    return this.world.nodes[this.node];
  }

  /** Where a history begins: the kind comes from the schedule, the value from what was received. */
  from({ history }, lastId) {
    const after = lastId ?? this.world.beginId;
    if (history === 'begin') return { after: this.world.beginId };
    if (history === 'last') return { after };
    if (history === 'since') return { since: Number(after.split('-')[0]) };
    return undefined;
  }

  post({ topic, text }) {
    const publish = this.model.sends(topic, text);
    this.async(httpRequest(this.server, 'POST', `/${topic}`, {}, text).then(
      ({ status, body }) => {
        const { id, error } = JSON.parse(body);
        assert.ok(status === 200 || status === 503, `${status} ${body}`);
        const known = error === 'not published' ? null : undefined;
        this.model.answers(publish, status === 200 ? id : known);
      },
      () => {})); // cut off: the outcome is unknown
  }
}

function sinceAndLimit({ from, limit }) {
  return { ...(limit && { limit }), ...(from?.since && { since: from.since }) };
}

function paramsOf(view) {
  return { ...sinceAndLimit(view), ...(view.from?.after && { sinceEventId: view.from.after }) };
}

export class WebSocketActor extends Actor {
  #client = null;
  #subs = new Map(); // filter to { view, stream }
  #ended = []; // { view, client, by, id }: no message has this id after the answer to `by`

  get isGone() {
    return !this.#client || this.#client.closed || this.#client.isLeaving;
  }

  async do(op) {
    if (this.isGone) await this.#comeBack(op);
    await this[op.kind](op);
  }

  /** Opens a new connection and resumes each subscription where the last one ended. */
  async #comeBack({ node }) {
    const before = [...this.#subs];
    this.#subs.clear();
    this.node = node;
    this.#client = await new RpcClient(this.t, this.server).untilOpen();
    for (const [filter, { view }] of before) {
      const after = view.lastId ?? view.from?.after ?? this.world.beginId;
      this.#subscribe(new View(filter, { from: { after } }));
    }
  }

  #answered(method, params, id, then) {
    this.async(this.#client.request(method, params, id).then((response) => {
      if (response.error?.code !== 0) then(response); // otherwise the connection ended first
    }));
  }

  /** Records that a subscription gets nothing after the answer with the id `by`. */
  #ends({ view, stream }, by) {
    this.#ended.push({ view, client: this.#client, by, id: stream.id });
  }

  #subscribe(view) {
    const client = this.#client;
    const replaced = this.#subs.get(view.filter);
    const sub = { view };
    this.model.asks(view);
    const asked = client.subscribe(view.filter, paramsOf(view), { confirmed: false });
    this.async(asked.then((subscription) => {
      sub.stream = subscription;
      view.messages = subscription.messages;
      if (replaced) this.#ends(replaced, subscription.id);
      return subscription.answer.then(
        (answer) => this.model.confirms(view, answer.recovered),
        (error) => assert.equal(error.code, 0, error)); // only if the connection ended
    }));
    this.#subs.set(view.filter, sub);
  }

  subscribe(op) {
    const lastId = this.#subs.get(op.filter)?.view.lastId;
    this.#subscribe(new View(op.filter, { from: this.from(op, lastId), limit: op.limit }));
  }

  #unsubscribe(method, params, filters) {
    const ended = filters.filter((filter) => this.#subs.has(filter));
    const id = `end ${this.model.tick()}`;
    for (const filter of ended) {
      this.#ends(this.#subs.get(filter), id);
      this.#subs.delete(filter);
    }
    this.#answered(method, params, id, ({ result }) =>
      assert.equal(result.unsubscribe_count, ended.length));
  }

  unsubscribe({ filter, filter2 }) {
    this.#unsubscribe('unsubscribe', [filter, filter2], [...new Set([filter, filter2])]);
  }

  unsubscribeAll() {
    this.#unsubscribe('unsubscribeAll', [], [...this.#subs.keys()]);
  }

  list() {
    const filters = [...this.#subs.keys()].sort();
    this.#answered('list', [], undefined, ({ result }) => assert.deepEqual(result.sort(), filters));
  }

  publish({ topic, text, key, ttl, age }) {
    const timestamp = age === undefined ? undefined : Date.now() - age;
    const publish = this.model.sends(topic, text, { ttl, timestamp });
    const params = { topic, message: text, key, ttl, timestamp: publish.timestamp };
    this.async(this.#client.request('publish', params).then((response) =>
      this.model.answers(publish, outcomeOf(response))));
    return publish;
  }

  eventlog(op) {
    const lastId = this.#subs.get(op.filter)?.view.lastId;
    const from = this.from({ history: op.history ?? 'begin' }, lastId);
    const view = new View(op.filter, { from, limit: op.limit, isLog: true });
    const sent = this.model.tick();
    view.sentMs = Date.now();
    this.#answered('eventlog', { topic: op.filter, ...paramsOf(view) }, undefined, ({ result, error }) => {
      if (error) {
        assert.equal(error.code, -32603, JSON.stringify(error));
        return;
      }
      const { sentMs } = view;
      const { items: messages } = result;
      Object.assign(this.model.asks(view), { sentAt: sent, sentMs, messages });
      this.model.confirms(view, result.recovered);
    });
  }

  leave() {
    this.#client.socket.terminate();
    this.#client.isLeaving = true;
  }

  disconnect() {
    this.#client.notify('disconnect', []);
    this.#client.isLeaving = true;
  }

  ping() {} // do() has reconnected if necessary

  /** Waits until each subscription has received everything up to the last matching marker. */
  async untilMarkers(lastMatching) {
    for (const { view, stream } of this.#subs.values()) {
      await untilMarker(view, stream, lastMatching(view.filter));
    }
  }

  finish() {
    for (const { view, client, by, id } of this.#ended) {
      const ids = client.received.map((response) => response.id);
      const at = ids.indexOf(by);
      assert.ok(at < 0 || !ids.includes(id, at), `a message came after the end of its subscription:\n${view}`);
    }
  }
}

async function untilMarker(view, stream, marker) {
  await stream.until(`${marker.text} at ${view.filter}`, () =>
    stream.lastId && rankOf(stream.lastId) >= rankOf(marker.id));
  view.upTo = marker.id;
}

/** A listener with one event stream at a time. */
export class StreamActor extends Actor {
  #view = null;
  #stream = null;
  #isOpening = false;
  #all = []; // { view, stream }

  get isGone() {
    return !this.#isOpening && (!this.#stream || this.#stream.ended);
  }

  async do(op) {
    if (op.kind === 'leave') this.#stream?.leave();
    else if (this.isGone) this.#open(op);
  }

  /** Resumes where the last stream ended, as a browser does; the schedule gives the first beginning. */
  #open(op) {
    this.node = op.node;
    const before = this.#view;
    const after = this.#stream?.lastId ?? before?.from?.after ?? this.world.beginId;
    const first = { from: this.from(op), limit: op.history && op.limit };
    const how = before ? { from: { after } } : first;
    this.#view = this.model.asks(new View(before?.filter ?? op.filter, how));
    this.#isOpening = true;
    this.async(this.#untilOpen(this.#view, this.server).finally(() => (this.#isOpening = false)));
  }

  async #untilOpen(view, server) {
    const query = new URLSearchParams({ format: 'json', ...sinceAndLimit(view) });
    const headers = view.from?.after ? { 'Last-Event-ID': view.from.after } : {};
    const path = `/${encodeURIComponent(view.filter)}?${query}`;
    this.#stream = null;
    try {
      this.#stream = await openStream(this.t, server, path, headers);
      this.#stream.socket.socket.on('end', () => this.#stream.leave()); // as a browser does
      if (!view.from) this.model.confirms(view); // otherwise the log is still being read
      this.#all.push({ view, stream: this.#stream });
    } catch (error) {
      if (!server.isStopping) throw error;
    }
  }

  async untilMarkers(lastMatching) {
    if (this.#view) await untilMarker(this.#view, this.#stream, lastMatching(this.#view.filter));
  }

  finish() {
    for (const { view, stream } of this.#all) {
      view.messages = stream.messages.map(({ data }) => JSON.parse(data));
      if (view.from && view.messages.length > 0) view.recovered = !stream.isIncomplete;
    }
  }
}
