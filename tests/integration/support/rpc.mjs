// JSON-RPC over a WebSocket (npm package `ws`).

import assert from 'node:assert/strict';
import WebSocket from 'ws';

import { defer } from './cleanup.mjs';
import { eventually, Watched, within } from './wait.mjs';

export class RpcError extends Error {
  constructor({ code, message, data }) {
    super(`${code} ${message}: ${data}`);
    Object.assign(this, { code, phrase: message, data });
  }
}

/** What arrives under the id of one `subscribe`: its answer, then messages. */
class Subscription extends Watched {
  messages = [];

  constructor(id) {
    super();
    this.id = id;
  }

  deliver(result) {
    this.messages.push(result);
    this.changed();
  }

  get texts() {
    return this.messages.map((message) => message.message);
  }

  get ids() {
    return this.messages.map((message) => message.id);
  }

  get lastId() {
    return this.messages.at(-1)?.id ?? null;
  }

  untilCount(count) {
    return this.until(`${count} messages (${this.messages.length} so far)`,
      () => this.messages.length >= count);
  }

  untilText(text) {
    let looked = 0;
    return this.until(`the message ${text}`, () => {
      while (looked < this.messages.length) {
        if (this.messages[looked++].message === text) return true;
      }
      return false;
    });
  }
}

export class RpcClient extends Watched {
  received = []; // every response and message, in order
  texts = []; // the same as raw text
  closed = null; // { code, reason }
  #nextId = 1;
  #pending = new Map();
  #subscriptions = new Map();
  #batch = null; // texts of the batch that is being made

  /**
   * With `ca`, over TLS to the server's tlsPort. `deflate`: perMessageDeflate of `ws`, for
   * messages of any size.
   */
  constructor(t, server, { target = '/', headers = {}, ca, deflate } = {}) {
    super();
    const origin = ca ? `wss://127.0.0.1:${server.tlsPort}` : `ws://127.0.0.1:${server.port}`;
    const perMessageDeflate = deflate ? { threshold: 0, ...deflate } : false;
    this.socket = new WebSocket(origin + target, { headers, ca, perMessageDeflate });
    this.socket.on('open', () => this.changed());
    this.socket.on('message', (data) => this.#onText(data.toString()));
    this.socket.on('close', (code, reason) => this.#onClose(code, reason.toString()));
    this.socket.on('error', (error) => (this.error = error)); // 'close' follows
    defer(t, () => this.socket.terminate());
  }

  async untilOpen() {
    await this.until('the WebSocket is open', () => this.socket.readyState === WebSocket.OPEN);
    return this;
  }

  #onText(text) {
    const response = JSON.parse(text);
    this.texts.push(text);
    this.received.push(response);
    if (Array.isArray(response)) for (const one of response) this.#answer(one);
    else if (!this.#answer(response)) this.#subscriptions.get(response.id)?.deliver(response.result);
    this.changed();
  }

  /** Returns false if it answers no request. */
  #answer(response) {
    const answered = this.#pending.get(response.id);
    this.#pending.delete(response.id);
    answered?.(response);
    return answered !== undefined;
  }

  #onClose(code, reason) {
    this.closed = { code, reason };
    this.end();
    for (const subscription of this.#subscriptions.values()) subscription.end();
    for (const answered of this.#pending.values()) answered(this.#noAnswer());
    this.#pending.clear();
  }

  #noAnswer() {
    const { code, reason } = this.closed;
    return { error: { code: 0, message: 'closed', data: `${code} ${reason}` } };
  }

  sendText(text) {
    if (this.#batch) this.#batch.push(text);
    else this.socket.send(text);
  }

  /** Sends everything that `ask` sends as one batch; returns what it returns. */
  batch(ask) {
    this.#batch = [];
    const asked = ask();
    this.socket.send(`[${this.#batch.join(',')}]`);
    this.#batch = null;
    return asked;
  }

  /** Sends a request and resolves to the whole response, a result or an error. */
  request(method, params, id = this.#nextId++) {
    if (this.closed) return Promise.resolve(this.#noAnswer());
    const response = new Promise((resolve) => this.#pending.set(id, resolve));
    this.sendText(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
    return within(response, `answer to ${method}`);
  }

  async call(method, params) {
    const response = await this.request(method, params);
    if (response.error) throw new RpcError(response.error);
    return response.result;
  }

  notify(method, params) {
    this.sendText(JSON.stringify({ jsonrpc: '2.0', method, params }));
  }

  /** Sends any text and resolves to the next response or message. */
  async exchange(text) {
    const before = this.received.length;
    this.sendText(text);
    await this.until(`an answer to ${text.slice(0, 100)}`, () => this.received.length > before);
    return this.received[before];
  }

  /**
   * Subscribes and resolves when the server confirms it; `answer` is the confirmation. With
   * `confirmed: false` it resolves at once, and `answer` is a promise.
   */
  async subscribe(topic, params = {}, { confirmed = true } = {}) {
    const id = this.#nextId++;
    const subscription = new Subscription(id);
    this.#subscriptions.set(id, subscription);
    const answered = this.request('subscribe', { topic, ...params }, id).then((response) => {
      if (response.error) throw new RpcError(response.error);
      assert.equal(response.result.action, 'subscribe', 'the confirmation comes first');
      return response.result;
    });
    answered.catch(() => {}); // the test may never await it
    subscription.answer = confirmed ? await answered : answered;
    return subscription;
  }

  async publish(topic, message, more = {}) {
    const result = await this.call('publish', { topic, message, ...more });
    assert.equal(result.status, 'ok');
    return result.id;
  }

  /** Publishes until it succeeds; the key makes sure that it is delivered once. Resolves to the id. */
  untilPublished(topic, text) {
    return eventually(`a publish of ${text}`, () => this.publish(topic, text, { key: text }).catch(() => null));
  }

  /** Publishes texts in order, at most `window` unanswered at a time; resolves to their ids. */
  async publishAll(topic, texts, { window = 64 } = {}) {
    const ids = [];
    const underWay = [];
    for (const text of texts) {
      if (underWay.length >= window) ids.push(await underWay.shift());
      const answered = this.publish(topic, text);
      answered.catch(() => {}); // awaited in its turn
      underWay.push(answered);
    }
    return [...ids, ...(await Promise.all(underWay))];
  }

  /** Resolves when everything that the server has sent so far has arrived. */
  async roundTrip() {
    await this.call('ping');
  }

  untilClosed() {
    return this.until('the WebSocket is closed', () => this.closed);
  }
}

export function openClient(t, server, how) {
  return new RpcClient(t, server, how).untilOpen();
}

/** The error of a request: { code, phrase, data }. Fails the test if the request succeeds. */
export async function errorOf(promise) {
  try {
    await promise;
  } catch (error) {
    if (error instanceof RpcError) return error;
    throw error;
  }
  return assert.fail('the request should have been refused');
}

/** `prefix 0`, `prefix 1`, … */
export function numbered(prefix, count, from = 0) {
  return Array.from({ length: count }, (_, i) => `${prefix} ${from + i}`);
}

/** Compares ids `<ms>-<seq>` as two numbers. */
export function compareIds(a, b) {
  const [aMs, aSeq] = a.split('-').map(BigInt);
  const [bMs, bSeq] = b.split('-').map(BigInt);
  if (aMs !== bMs) return aMs < bMs ? -1 : 1;
  return aSeq < bSeq ? -1 : Number(aSeq > bSeq);
}

export function assertIncreasing(ids) {
  for (let i = 1; i < ids.length; i++) {
    assert.ok(compareIds(ids[i - 1], ids[i]) < 0, `${ids[i]} comes after ${ids[i - 1]}`);
  }
}
