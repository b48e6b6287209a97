// A TCP proxy between a node and its Redis: a test can cut and mend it, or hold back answers.

import { connect, createServer } from 'node:net';

import { defer } from './cleanup.mjs';

class Proxy {
  #pairs = new Set();
  #isCut = false;
  #heldText = null;
  #held = new Set(); // pairs from whose Redis nothing comes

  constructor(targetPort) {
    this.listener = createServer((near) => this.#join(near, targetPort));
  }

  get port() {
    return this.listener.address().port;
  }

  #join(near, targetPort) {
    if (this.#isCut) {
      near.destroy();
      return;
    }
    const pair = [near, connect(targetPort, '127.0.0.1')];
    const drop = () => {
      this.#pairs.delete(pair);
      for (const socket of pair) socket.destroy();
    };
    this.#pairs.add(pair);
    for (const socket of pair) socket.setNoDelay().on('error', drop).on('close', drop);
    near.on('data', (bytes) => {
      if (this.#heldText && bytes.includes(this.#heldText)) this.#hold(pair);
    });
    pair[0].pipe(pair[1]).pipe(pair[0]);
  }

  #hold(pair) {
    pair[1].unpipe(pair[0]);
    this.#held.add(pair);
  }

  /** Where a request has this text in it, nothing is answered any more until release(). */
  holdAnswersTo(text) {
    this.#heldText = text;
  }

  get isHolding() {
    return this.#held.size > 0;
  }

  release() {
    this.#heldText = null;
    for (const [near, far] of this.#held) far.pipe(near);
    this.#held.clear();
  }

  /** Ends all connections and refuses new ones until mended. */
  cut() {
    this.#isCut = true;
    for (const pair of [...this.#pairs]) for (const socket of pair) socket.destroy();
  }

  mend() {
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
