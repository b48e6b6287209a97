// A proxy between WebSocket clients and the server that loses, doubles or swaps one message.

import { connect, createServer } from 'node:net';

import { defer } from './cleanup.mjs';
import { OP, parseFrame } from './frames.mjs';

/** The result of each fault for two messages that follow each other, as lists of frames. */
export const FAULTS = {
  none: (first, second) => [first, second],
  lose: (first, second) => [second],
  double: (first, second) => [first, first, second],
  swap: (first, second) => [second, first],
};

/** Passes on the bytes of the server, and plants the fault in the messages number `at` and the next. */
class Direction {
  #rest = Buffer.alloc(0);
  #isUpgraded = false;
  #seen = 0;
  #kept = null;

  constructor(to, fault, at) {
    Object.assign(this, { to, fault, at });
  }

  take(bytes) {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    if (!this.#isUpgraded) {
      const end = this.#rest.indexOf('\r\n\r\n');
      if (end < 0) return;
      this.#isUpgraded = true;
      this.#pass(end + 4);
    }
    for (let frame; (frame = parseFrame(this.#rest));) this.#takeFrame(frame);
  }

  #pass(size) {
    this.to.write(this.#rest.subarray(0, size));
    this.#rest = this.#rest.subarray(size);
  }

  #takeFrame({ op, payload, size }) {
    const isMessage = op === OP.TEXT && payload.includes('"message":');
    if (isMessage) this.#seen++;
    if (!isMessage || this.#seen < this.at || this.#seen > this.at + 1) {
      this.#pass(size);
      return;
    }
    const bytes = this.#rest.subarray(0, size);
    this.#rest = this.#rest.subarray(size);
    if (this.#seen === this.at) this.#kept = bytes;
    else for (const frame of this.fault(this.#kept, bytes)) this.to.write(frame);
  }
}

/** Starts it; only the first connection that receives messages has the fault. Returns its URL. */
export async function startFrameFaults(t, server, fault, at = 3) {
  const sockets = new Set();
  let left = fault;
  const listener = createServer((near) => {
    const far = connect(server.port, '127.0.0.1');
    const direction = new Direction(near, (...frames) => {
      const planted = left ?? FAULTS.none;
      left = null;
      return planted(...frames);
    }, at);
    for (const socket of [near, far]) sockets.add(socket.setNoDelay().on('error', () => {}));
    near.on('data', (bytes) => far.write(bytes)).on('close', () => far.destroy());
    far.on('data', (bytes) => direction.take(bytes)).on('close', () => near.destroy());
  });
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
  defer(t, () => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => listener.close(resolve));
  });
  return `ws://127.0.0.1:${listener.address().port}`;
}
