// hub.js - the connection of the page: JSON-RPC over the WebSocket endpoint `socket`, which connects
// again by itself.
//
//   const hub = new Hub();
//   hub.connect(token);                                   // or without a token
//   hub.addEventListener('state', () => hub.state);       // { name, reason, retryAt }
//   await hub.call('publish', { topic, message });        // the result, or throws a HubError
//   hub.subscribe('news/#', { since: -60000 }, { message(m) { … } });
//
//   state.name   idle (nobody asked for a connection), connecting, open, waiting (failed, tries again
//                at retryAt), refused (the server does not let the page in; `reason` says why, and
//                `isOfToken` whether another token may help), expired (the token was good until now)
//
// The token stays in this object. It travels as a subprotocol of the handshake, which is the only
// place where a page can put it apart from the URL, and URLs end up in logs. A browser does not tell a
// page why a handshake failed, so after a failure the page asks `socket` again with fetch, which may
// say it.

import { addressOf } from './address.js';
import { backoffMs } from './lib/backoff.js';
import { idTime } from './lib/ids.js';
import { cleanToken, readToken } from './lib/jwt.js';
import { Subscription } from './subscription.js';

const PING_MS = 10000;
const SLOW_MS = 2500;
const HANDSHAKE_FAILED =
  'the WebSocket handshake failed, perhaps because a proxy in front does not pass it on with its Host';
const GARBAGE = 'the server sent something that no Eventhub sends; perhaps another program answers there';
const SILENT = 'the server does not answer';
const FINAL = [400, 401, 403, 404, 431]; // statuses: to try again would change nothing
const OF_TOKEN = [400, 401, 431];
const LATE = 'answers come late, because the server, the network or this page cannot keep up';

/** The failure of a call. `message` is for people; `code` is the one of JSON-RPC, 0 without an answer. */
class HubError extends Error {
  constructor(message, code = 0) {
    super(message);
    this.code = code;
  }
}

export class Hub extends EventTarget {
  state = { name: 'idle', reason: '', retryAt: 0, isOfToken: false };
  slow = ''; // why everything takes long; '' when it does not
  roundTripMs = null;
  #url;
  #answerMs;
  #token = '';
  #socket = null;
  #failures = 0;
  #retry = 0;
  #handshake = 0;
  #ping = 0;
  #clockAhead = 0; // of the server, in ms
  #lag = 0;
  #nextId = 1;
  #calls = new Map(); // request id -> { resolve, reject, timer, method }
  #subscriptions = new Map(); // topic -> Subscription
  #byRequest = new Map(); // request id -> Subscription

  /** `url` is http(s), of the endpoint. A handshake or a call fails without an answer within `answerMs`. */
  constructor(url = addressOf('socket'), answerMs = 15_000) {
    super();
    this.#url = url;
    this.#answerMs = answerMs;
  }

  get isOpen() {
    return this.state.name === 'open';
  }

  get hasToken() {
    return this.#token !== '';
  }

  /** The claims that the token makes, which nobody has checked here; null without a readable token. */
  get claims() {
    return readToken(this.#token).claims ?? null;
  }

  /** The time by the clock of the server, in ms since the epoch. */
  now() {
    return Date.now() + this.#clockAhead;
  }

  /** Connects with this token ('' for none), instead of the present connection. */
  connect(token = '') {
    this.#drop();
    this.#token = cleanToken(token);
    this.#failures = 0;
    this.#open();
  }

  /** Ends the connection and forgets the token. Subscriptions stay and wait. */
  disconnect() {
    this.#drop();
    this.#token = '';
    this.#set('idle');
  }

  /** Tries again now, with the same token: rather than at retryAt, or after a refusal. */
  retryNow() {
    if (!['waiting', 'refused', 'expired'].includes(this.state.name)) return;
    clearTimeout(this.#retry);
    this.#open();
  }

  /** Sends a request; resolves to the result. */
  call(method, params) {
    if (!this.isOpen) return Promise.reject(new HubError('not connected'));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#settle(id, (call) => call.reject(
        new HubError(`no answer for ${this.#answerMs / 1000} seconds`))), this.#answerMs);
      this.#calls.set(id, { resolve, reject, timer });
      this.#send(id, method, params);
    });
  }

  /**
   * Subscribes to a topic or pattern, now or as soon as there is a connection, and again after each
   * reconnect. A subscription to the same topic is replaced. `history` is {} or has since or
   * sinceEventId, and limit.
   */
  subscribe(topic, history, listener) {
    this.#remove(topic);
    const subscription = new Subscription(topic, history, listener);
    this.#subscriptions.set(topic, subscription);
    if (this.isOpen) this.#join(subscription);
    return subscription;
  }

  unsubscribe(subscription) {
    if (this.#subscriptions.get(subscription.topic) !== subscription) return;
    const wasSent = this.isOpen && subscription.state !== 'refused';
    this.#remove(subscription.topic);
    if (wasSent) this.call('unsubscribe', [subscription.topic]).catch(() => {});
  }

  #remove(topic) {
    this.#byRequest.delete(this.#subscriptions.get(topic)?.requestId);
    this.#subscriptions.delete(topic);
  }

  #join(subscription) {
    const id = this.#nextId++;
    this.#byRequest.delete(subscription.requestId);
    this.#byRequest.set(id, subscription);
    subscription.joining(id);
    this.#send(id, 'subscribe', subscription.params());
  }

  #send(id, method, params) {
    this.#socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
  }

  #open() {
    const url = new URL(this.#url);
    url.protocol = url.protocol.replace('http', 'ws');
    const protocols = this.#token ? ['eventhub', `bearer.${this.#token}`] : ['eventhub'];
    this.#set('connecting', { reason: this.state.reason });
    let socket;
    try {
      socket = new WebSocket(url, protocols);
    } catch {
      this.#refuse('the token contains a character that no token has; copy it again', true);
      return;
    }
    this.#socket = socket;
    this.#handshake = setTimeout(() => this.#giveUp(socket, SILENT), this.#answerMs);
    socket.onopen = () => this.#onOpen();
    socket.onmessage = ({ data }) => {
      const answer = readAnswer(data);
      if (answer) this.#onAnswer(answer);
      else this.#giveUp(socket, GARBAGE);
    };
    socket.onclose = (event) => this.#onClose(socket, event);
  }

  #onOpen() {
    clearTimeout(this.#handshake);
    this.#failures = 0;
    this.#set('open');
    this.#measure();
    this.#ping = setInterval(() => this.#measure(), PING_MS);
    for (const subscription of this.#subscriptions.values()) this.#join(subscription);
  }

  #onAnswer(answer) {
    const subscription = this.#byRequest.get(answer.id);
    if (!subscription) {
      this.#settle(answer.id, (call) => (answer.error
        ? call.reject(errorOf(answer.error)) : call.resolve(answer.result)));
    } else if (answer.error) {
      this.#byRequest.delete(answer.id);
      subscription.refuse(errorOf(answer.error).message);
    } else if (answer.result.action === 'subscribe') {
      subscription.confirm(answer.result, this.now());
    } else {
      const { id } = answer.result;
      if (id && subscription.isLive(id)) this.#lag = this.now() - idTime(id);
      subscription.take(answer.result);
    }
  }

  #settle(id, how) {
    const call = this.#calls.get(id);
    if (!call) return;
    this.#calls.delete(id);
    clearTimeout(call.timer);
    how(call);
  }

  async #onClose(socket, { code, reason }) {
    if (socket !== this.#socket) return; // another one has taken its place
    const wasOpen = this.isOpen;
    this.#release();
    if (wasOpen && code === 1008 && reason.includes('expired')) return this.#set('expired', { reason });
    if (wasOpen) return this.#retryLater(closeReason(code, reason));
    const { status, why } = await this.#askWhy();
    if (this.#socket || this.state.name !== 'connecting') return; // connect() or disconnect() meanwhile
    if (FINAL.includes(status)) this.#refuse(why, OF_TOKEN.includes(status));
    else this.#retryLater(why);
  }

  /** Asks over plain HTTP why the handshake failed. */
  async #askWhy() {
    const headers = this.#token ? { Authorization: `Bearer ${this.#token}` } : {};
    let answer;
    try {
      answer = await fetch(this.#url, { headers, cache: 'no-store', signal: AbortSignal.timeout(this.#answerMs) });
    } catch {
      return { status: 0, why: SILENT };
    }
    const { status } = answer;
    const isRefusal = FINAL.includes(status) || status === 429 || status >= 500;
    const { error } = isRefusal ? await answer.json().catch(() => null) ?? {} : {};
    return { status, why: !isRefusal ? HANDSHAKE_FAILED : error ?? `the server answers with status ${status}` };
  }

  #refuse(why, isOfToken) {
    this.#set('refused', { reason: why, isOfToken });
  }

  #retryLater(reason) {
    const wait = backoffMs(this.#failures++);
    this.#set('waiting', { reason, retryAt: Date.now() + wait });
    this.#retry = setTimeout(() => this.#open(), wait);
  }

  /** Measures the round trip and the server's clock, and whether answers and messages come late. */
  async #measure() {
    const socket = this.#socket;
    const sent = Date.now();
    const late = setTimeout(() => this.#setSlow(LATE), SLOW_MS);
    try {
      const { pong } = await this.call('ping');
      const now = Date.now();
      this.roundTripMs = now - sent;
      this.#clockAhead = pong - (sent + now) / 2;
      if (this.roundTripMs < SLOW_MS) {
        this.#setSlow(this.#lag > SLOW_MS
          ? `messages arrive ${(this.#lag / 1000).toFixed(1)} s after they were published` : '');
      }
      this.#lag = 0;
      this.#tell();
    } catch {
      this.#giveUp(socket, SILENT);
    } finally {
      clearTimeout(late);
    }
  }

  /** Leaves a connection that is of no use: after a change of networks it may be dead without a sign. */
  #giveUp(socket, why) {
    if (socket !== this.#socket) return; // it has ended by itself
    this.#release();
    socket.close();
    this.#retryLater(why);
  }

  #setSlow(why) {
    if (this.slow === why) return;
    this.slow = why;
    this.#tell();
  }

  /** Closes the connection on the user's wish. */
  #drop() {
    clearTimeout(this.#retry);
    const socket = this.#socket;
    this.#release();
    socket?.close(1000);
  }

  /** Forgets the socket, and fails what waits for it. */
  #release() {
    this.#socket = null;
    clearTimeout(this.#handshake);
    clearInterval(this.#ping);
    this.slow = '';
    this.roundTripMs = null;
    this.#byRequest.clear();
    for (const id of [...this.#calls.keys()]) {
      this.#settle(id, (call) => call.reject(new HubError('the connection ended before the answer')));
    }
    for (const subscription of this.#subscriptions.values()) subscription.wait();
  }

  #set(name, { reason = '', retryAt = 0, isOfToken = false } = {}) {
    this.state = { name, reason, retryAt, isOfToken };
    this.#tell();
  }

  #tell() {
    this.dispatchEvent(new Event('state'));
  }
}

/** The answer in a text of the socket; null if it is not one. */
function readAnswer(text) {
  try {
    const { id, result, error } = JSON.parse(text);
    return typeof (result ?? error) === 'object' ? { id, result, error } : null;
  } catch {
    return null;
  }
}

function errorOf({ code, message, data }) {
  return new HubError(data ?? message, code);
}

function closeReason(code, reason) {
  if (code === 1001) return 'the server is going away';
  if (code === 1013) return 'the page read too slowly, so the server closed the connection';
  return reason || 'the connection broke';
}
