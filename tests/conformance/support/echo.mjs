// Messages for an echo server.

import assert from 'node:assert/strict';

import { frame, OP } from '../../integration/support/frames.mjs';

/** A payload whose bytes differ from their neighbours, so that a fault is easy to locate; text is ASCII. */
export function payloadOf(op, size) {
  const step = op === OP.TEXT ? 95 : 251;
  const first = op === OP.TEXT ? 0x20 : 0;
  return Buffer.from({ length: size }, (_, i) => first + (i % step));
}

/** A message as frames, one for each of the pieces. */
export function fragments(op, pieces) {
  return pieces.map((piece, i) =>
    frame(i === 0 ? op : OP.CONT, piece, { fin: i === pieces.length - 1 }));
}

/** Cuts bytes into pieces of one size (the last may be shorter); at least one. */
export function piecesOf(bytes, size) {
  const count = Math.max(Math.ceil(bytes.length / size), 1);
  return Array.from({ length: count }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

/** Asserts that the next frame is the whole message, unchanged. */
export async function readEcho(socket, op, payload) {
  const received = await socket.readFrame();
  assert.deepEqual([received.op, received.fin, received.payload.length], [op, true, payload.length]);
  assert.ok(received.payload.equals(payload), 'the payload comes back unchanged');
}
