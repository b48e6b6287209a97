// A TCP proxy between a node and its Redis. A test can cut and restore the connections, lead them to
// another Redis, hold back answers, cut an answer in the middle, pass data on late and in pieces, change
// them, or keep connections open without data.

import { connect, createServer } from 'node:net';

import { defer } from './cleanup.mjs';

/** One direction of a connection. */
class Stream {
  #late = []; // pieces that are passed on later, in order
  #dueAt = 0;

  constructor(socket) {
    this.socket = socket;
  }

  /** `lag` cuts data into pieces with a delay each, [bytes, ms]; null: all passes at once. */
  pass(bytes, lag) {
    if (!lag && this.#late.length === 0) {
      this.socket.write(bytes);
      return;
    }
    for (const [piece, ms] of lag ? lag(bytes) : [[bytes, 0]]) {
      const now = performance.now();
      this.#dueAt = Math.max(this.#dueAt, now + ms);
      this.#late.push(piece);
      setTimeout(() => this.socket.write(this.#late.shift()), this.#dueAt - now);
    }
  }
}

/** One connection: `near` is the end of the node, `far` that of Redis. */
class Pair {
  kind = 'commands'; // or 'feed'
  isMute = false; // no data passes either way
  held = null; // answers held back; null: all pass
  left = Infinity; // bytes of answers until the cut

  constructor(near, far) {
    Object.assign(this, { near, far, toNear: new Stream(near), toFar: new Stream(far) });
  }

  get sockets() {
    return [this.near, this.far];
  }

  ask(bytes, lag) {
    if (!this.isMute) this.toFar.pass(bytes, lag);
  }

  answer(bytes, lag = null) {
    if (this.isMute) return;
    if (this.held) {
      this.held.push(bytes);
      return;
    }
    if (bytes.length < this.left) {
      this.toNear.pass(bytes, lag);
      this.left -= bytes.length;
      return;
    }
    this.near.end(bytes.subarray(0, this.left));
    this.left = 0;
    this.far.destroy();
  }
}

class Proxy {
  #pairs = new Set();
  #isCut = false;
  #heldText = null;
  #cutting = null; // { text, after, inAnswer }
  #lags = {}; // by kind
  #changes = {}; // by kind

  constructor(targetPort) {
    this.targetPort = targetPort;
    this.cuts = 0;
    this.listener = createServer((near) => this.#join(near));
  }

  get port() {
    return this.listener.address().port;
  }

  #join(near) {
    if (this.#isCut) {
      near.destroy();
      return;
    }
    const pair = new Pair(near, connect(this.targetPort, '127.0.0.1'));
    const drop = () => {
      this.#pairs.delete(pair);
      pair.far.destroy();
      if (near.writableEnded) near.destroySoon(); // sends the remaining bytes first
      else near.destroy();
    };
    this.#pairs.add(pair);
    for (const socket of pair.sockets) socket.setNoDelay().on('error', drop).on('close', drop);
    near.on('data', (bytes) => this.#ask(pair, bytes));
    pair.far.on('data', (bytes) => this.#answer(pair, bytes));
  }

  #ask(pair, bytes) {
    if (bytes.includes('SUBSCRIBE')) pair.kind = 'feed';
    if (this.#heldText && bytes.includes(this.#heldText)) pair.held ??= [];
    if (this.#cutting && !this.#cutting.inAnswer) this.#arm(pair, bytes);
    pair.ask(bytes, this.#lags[pair.kind]);
  }

  #answer(pair, bytes) {
    const change = this.#changes[pair.kind];
    if (change) bytes = Buffer.from(change(bytes.toString('latin1')), 'latin1');
    if (this.#cutting?.inAnswer) this.#arm(pair, bytes);
    pair.answer(bytes, this.#lags[pair.kind]);
  }

  #arm(pair, bytes) {
    if (!bytes.includes(this.#cutting.text)) return;
    pair.left = this.#cutting.after;
    this.#cutting = null;
    this.cuts++;
  }

  /** Cuts the connection `after` bytes into the answer to the next request that contains `text`. */
  cutAnswerTo(text, after) {
    this.#cutting = { text, after, inAnswer: false };
  }

  /** Cuts the connection `after` bytes into the next data from Redis that contain `text`. */
  cutAnswerWith(text, after) {
    this.#cutting = { text, after, inAnswer: true };
  }

  /** Holds back all answers on a connection after a request that contains `text`, until release(). */
  holdAnswersTo(text) {
    this.#heldText = text;
  }

  /** Holds back all data for connections of this kind ('feed' or 'commands') until release(). */
  hold(kind) {
    for (const pair of this.#pairs) if (pair.kind === kind) pair.held ??= [];
  }

  /** The ports from which it is connected to Redis. */
  get farPorts() {
    return [...this.#pairs].map(({ far }) => far.localPort);
  }

  /** Whether data that contain `text` are held back. */
  hasHeld(text) {
    return [...this.#pairs].some(({ held }) => held && Buffer.concat(held).includes(text));
  }

  /** How often the data that are held back contain `text`. */
  countHeld(text) {
    const all = [...this.#pairs].map(({ held }) => Buffer.concat(held ?? []).toString('latin1'));
    return all.join('\n').split(text).length - 1;
  }

  /** The number of connections whose answers are held back. */
  get holding() {
    return [...this.#pairs].filter(({ held }) => held).length;
  }

  get isHolding() {
    return this.holding > 0;
  }

  release() {
    this.#heldText = null;
    for (const pair of this.#pairs) {
      const held = pair.held ?? [];
      pair.held = null;
      for (const bytes of held) pair.answer(bytes);
    }
  }

  /** Keeps the connections of this kind ('feed' or 'commands') open, but passes no more data. */
  mute(kind) {
    const pairs = [...this.#pairs].filter((pair) => pair.kind === kind);
    for (const pair of pairs) pair.isMute = true;
    return pairs.length;
  }

  /**
   * From now on, data for connections of this kind, and from them, are passed on late. `lag` cuts data into
   * pieces with a delay each: [[bytes, ms], …].
   */
  delay(kind, lag) {
    this.#lags[kind] = lag;
  }

  /** From now on, passes on `change(text)` instead of each piece of data from Redis, for this kind. */
  change(kind, change) {
    this.#changes[kind] = change;
  }

  /** Sends something to the node that Redis has not sent. */
  inject(kind, text) {
    for (const pair of this.#pairs) if (pair.kind === kind) pair.answer(Buffer.from(text, 'latin1'));
  }

  /** Ends the connections of this kind; new ones are accepted. */
  drop(kind) {
    for (const pair of [...this.#pairs].filter((one) => one.kind === kind)) pair.near.destroy();
  }

  /** Ends all connections and refuses new ones until restore(). */
  cut() {
    this.#isCut = true;
    for (const pair of [...this.#pairs]) for (const socket of pair.sockets) socket.destroy();
  }

  /** Accepts connections again; `port`: leads them to another Redis. */
  restore(port = this.targetPort) {
    this.targetPort = port;
    this.#isCut = false;
  }

  async done() {
    this.cut();
    await new Promise((resolve) => this.listener.close(resolve));
  }
}

export async function startProxy(t, targetPort) {
  const proxy = new Proxy(targetPort);
  await new Promise((resolve) => proxy.listener.listen(0, '127.0.0.1', resolve));
  defer(t, () => proxy.done());
  return proxy;
}
