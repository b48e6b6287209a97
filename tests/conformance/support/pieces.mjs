// One exchange with its bytes whole, cut in two at every byte, and byte by byte: the answers must be
// the same. All cuts are tested at once, each on its own connection. A barrier makes sure that the
// server has read the first pieces before the rest is sent.

import assert from 'node:assert/strict';

import { randomSource } from '../../integration/support/random.mjs';

const CUT_EVERYWHERE = 160; // bytes; longer ones are cut in a few places
const SOME_CUTS = 12;

export function cutsOf(length) {
  if (length <= CUT_EVERYWHERE) return Array.from({ length: Math.max(length - 1, 0) }, (_, i) => i + 1);
  const random = randomSource(length);
  const cuts = Array.from({ length: SOME_CUTS }, () => 1 + random.below(length - 1));
  return [1, length - 1, ...cuts];
}

/** Everything received until the server ends the connection, which must not be a reset. */
export async function readToEnd(socket) {
  let reset = null;
  socket.socket.on('error', (error) => (reset = error));
  await socket.untilEnd();
  assert.equal(reset, null, 'the connection ends without a reset');
  socket.socket.destroy();
  return socket.received;
}

/** `open` resolves to a new RawSocket. */
export async function exchange(open, bytes) {
  const socket = await open();
  await socket.send(bytes);
  return readToEnd(socket);
}

/**
 * Sends the bytes on one connection for each cut. `look` gets what was received when the server had
 * read the first piece, `check` everything that was received; both get the cut.
 */
export async function exchangeCut(open, barrier, bytes, check, look = () => {}) {
  const cuts = cutsOf(bytes.length);
  const sockets = await Promise.all(cuts.map(() => open()));
  const each = (fn) => Promise.all(cuts.map((cut, i) => fn(sockets[i], cut)));
  await each((socket, cut) => socket.send(bytes.subarray(0, cut)));
  await barrier();
  await each(async (socket, cut) => look(socket.received, cut));
  await each((socket, cut) => socket.send(bytes.subarray(cut)));
  await each(async (socket, cut) => check(await readToEnd(socket), cut));
}

export async function exchangeByteByByte(open, barrier, bytes) {
  const socket = await open();
  for (const byte of bytes) {
    await socket.send(Buffer.of(byte));
    await barrier();
  }
  return readToEnd(socket);
}
