// ws_echo: the server with an echo in place of JSON-RPC, and what tests need to talk to it.

import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';

import { frame, OP } from '../../integration/support/frames.mjs';
import { startServer } from '../../integration/support/server.mjs';
import { BINARY } from '../../integration/support/wait.mjs';

const ECHO = join(dirname(BINARY), 'tests/conformance/ws_echo');

/** One worker, unless told otherwise: the barrier of tests/integration needs that. */
export function startEcho(t, options = {}) {
  const env = { WORKER_THREADS: '1', MAX_MESSAGE_SIZE: '64m', MAX_OUTPUT_QUEUE: '512m', ...options };
  return startServer(t, env, { binary: ECHO });
}

/** Bytes that are easily told apart: where they went wrong can be seen. As text, all are ASCII. */
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

/** The next frame is the whole message, as it was sent. */
export async function readEcho(socket, op, payload) {
  const received = await socket.readFrame();
  assert.deepEqual([received.op, received.fin, received.payload.length], [op, true, payload.length]);
  assert.ok(received.payload.equals(payload), 'the payload comes back as it was sent');
}
