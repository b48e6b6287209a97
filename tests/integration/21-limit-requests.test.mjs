// How many requests of one client and of all may be unanswered, and how much memory an incomplete
// message may take.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { frame, OP } from './support/frames.mjs';
import { httpPost } from './support/http.mjs';
import { startRedis } from './support/redis.mjs';
import { numbered, openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { openSocket, openWebSocket, requestHead } from './support/socket.mjs';
import { eventually, SANITIZED } from './support/wait.mjs';

const MB = 1024 * 1024;
const PATIENT = { WORKER_THREADS: '1', BROKER_TIMEOUT: '300', MAX_CACHE_LENGTH: '1' };

/** Publishes all texts at once; resolves when all are answered. */
function publishAtOnce(client, texts) {
  return client.publishAll('topic', texts, { window: texts.length });
}

test('stops reading a client with 256 unanswered requests', async (t) => {
  const redis = await startRedis(t);
  const server = await startServer(t, { ...redis.options, ...PATIENT });
  const client = await openClient(t, server);
  await redis.freeze();
  const all = publishAtOnce(client, numbered('message', 400));
  await server.untilMetric('the client is not read', (now) => now.reads_paused_total === 1);
  assert.equal((await server.metrics()).websocket_messages_received_total, 256);
  redis.thaw();
  assert.equal(new Set(await all).size, 400, 'all are done afterwards');
});

test('stops reading the clients of a worker with 64 MiB of unanswered requests', async (t) => {
  const redis = await startRedis(t);
  const server = await startServer(t, { ...redis.options, ...PATIENT });
  const clients = await Promise.all([1, 2, 3].map(() => openClient(t, server)));
  await redis.freeze();
  const text = 'x'.repeat(MB - 1000);
  const all = clients.map((client) => publishAtOnce(client, Array(24).fill(text)));
  await server.untilMetric('clients are not read', (now) => now.reads_paused_total >= 1);
  const { status, json } = await httpPost(server, '/topic', 'x');
  assert.deepEqual({ status, json }, { status: 503, json: { error: 'not published' } });
  assert.equal((await server.metrics()).refused_requests_total.broker_unavailable, 1);
  redis.thaw();
  assert.equal((await Promise.all(all)).flat().length, 72);
});

test('serves waiting connections when descriptors are available again', async (t) => {
  const server = await startServer(t, { WORKER_THREADS: '1' }, { ulimit: '-n 40' });
  const asker = await openSocket(t, server);
  const metrics = async () => {
    await asker.send(requestHead('GET /metrics?format=json HTTP/1.1', { Host: 'x' }));
    return JSON.parse((await asker.readResponse()).body);
  };
  const sockets = [];
  while ((await metrics()).accept_exhausted_total === 0) sockets.push(await openSocket(t, server));
  const last = await openSocket(t, server);
  await last.send(requestHead('GET /healthz HTTP/1.1', { Host: 'x' }));
  for (const { socket } of sockets) socket.destroy();
  assert.equal((await last.readResponse()).status, 200);
});

/** Messages of the largest size that lack their last byte. */
const HALVES = [
  ['a WebSocket message', openHalfMessage, 4 * MB],
  ['a body', openHalfBody, 4 * MB],
];
const HOLDERS = 16;
const BESIDES = 64 * 1024; // docs/limits.md: what a connection takes besides

async function openHalfMessage(t, server, size) {
  const socket = await openWebSocket(t, server);
  const half = 'x'.repeat(size / 2);
  await socket.send(frame(OP.TEXT, half, { fin: false }));
  await socket.send(frame(OP.CONT, half).subarray(0, -1));
}

async function openHalfBody(t, server, size) {
  const socket = await openSocket(t, server);
  const head = requestHead('POST /a HTTP/1.1', { Host: 'x', 'Content-Length': String(size) });
  await socket.send(head + 'x'.repeat(size - 1));
}

for (const [what, open, size] of HALVES) {
  test(`bounds the memory of ${what} that is incomplete`, { skip: SANITIZED }, async (t) => {
    const server = await startServer(t,
      { WORKER_THREADS: '1', MAX_MESSAGE_SIZE: String(size), WEBSOCKET_HANDSHAKE_TIMEOUT: '60' });
    const before = server.residentBytes();
    const { received_bytes_total: from } = await server.metrics();
    await Promise.all(Array.from({ length: HOLDERS }, () => open(t, server, size)));
    await server.untilMetric('all bytes are received', (now) =>
      now.received_bytes_total - from >= HOLDERS * (size - 1));
    const held = server.residentBytes() - before;
    assert.ok(held <= HOLDERS * (2 * size + BESIDES), `${held} bytes are held`);
  });
}

test('releases the memory of incomplete messages at their timeout', { skip: SANITIZED }, async (t) => {
  const size = 4 * MB;
  const server = await startServer(t,
    { PING_INTERVAL: '2', WORKER_THREADS: '1', MAX_MESSAGE_SIZE: String(size) });
  const before = server.residentBytes();
  // All at once: if some ended while others began, the heap could have holes that it keeps.
  await Promise.all(Array.from({ length: HOLDERS }, () => openHalfMessage(t, server, size)));
  await server.untilMetric('all are dropped', ({ disconnects_total: ended }) =>
    ended.message_timeout + ended.timeout === HOLDERS);
  await eventually('the memory is released', () => server.residentBytes() - before < 2 * size);
});
