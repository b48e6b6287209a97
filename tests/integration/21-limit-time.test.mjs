// Clients that send a byte now and then: one deadline for the whole request, not one for each byte.

import assert from 'node:assert/strict';
import { setInterval } from 'node:timers';
import { test } from 'node:test';

import { defer } from './support/cleanup.mjs';
import { frame, OP, parseClose } from './support/frames.mjs';
import { metricsOf, startWithInternal } from './support/internal.mjs';
import { openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { openSocket, openWebSocket, requestHead } from './support/socket.mjs';
import { startTlsServer } from './support/tls.mjs';
import { eventually, within } from './support/wait.mjs';

const TRICKLE_MS = 50;

/** Sends a byte of `bytes` now and then, and the last one repeatedly, until the socket ends. */
function trickle(t, socket, bytes) {
  const all = Buffer.from(bytes);
  let sent = 0;
  const timer = setInterval(() => {
    socket.socket.write(all.subarray(sent, sent + 1));
    if (sent < all.length - 1) sent++;
  }, TRICKLE_MS);
  defer(t, () => clearInterval(timer));
}

/** Asserts that the connection ends, but not before its time; `startedAt`: before it was opened. */
async function assertEndsAfter(socket, seconds, startedAt) {
  await within(socket.untilEnd(), 'the end of the slow connection');
  assert.ok(Date.now() - startedAt >= seconds * 1000 - 100, 'not before the deadline');
}

const HASTY = { WEBSOCKET_HANDSHAKE_TIMEOUT: '1' };
const HELLO = Buffer.concat([Buffer.from('1603010200010001fc0303', 'hex'), Buffer.alloc(400, 7)]);
const CHUNKED = requestHead('POST /topic HTTP/1.1', { Host: 'x', 'Transfer-Encoding': 'chunked' });

const SLOW = [
  ['a body in chunks of one byte', {}, CHUNKED, '1\r\nx\r\n'.repeat(1000)],
  ['a PROXY header', { PROXY_PROTOCOL: 'true' }, '', `PROXY UNKNOWN ${'x'.repeat(100)}`],
  ['a head behind a PROXY header', { PROXY_PROTOCOL: 'true' }, 'PROXY UNKNOWN\r\n', 'GET / HTTP'],
];

for (const [what, options, before, slowly] of SLOW) {
  test(`drops ${what} that comes a byte at a time`, async (t) => {
    const { server, internal } = await startWithInternal(t, { ...HASTY, ...options });
    const startedAt = Date.now();
    const socket = await openSocket(t, server);
    await socket.send(before);
    trickle(t, socket, slowly);
    await assertEndsAfter(socket, 1, startedAt);
    await eventually('it is counted', async () =>
      (await metricsOf(internal)).disconnects_total.handshake_timeout === 1);
  });
}

test('drops a TLS handshake that comes a byte at a time', async (t) => {
  const server = await startTlsServer(t, HASTY);
  const startedAt = Date.now();
  const socket = await openSocket(t, { port: server.tlsPort });
  trickle(t, socket, HELLO);
  await assertEndsAfter(socket, 1, startedAt);
});

const PING_INTERVAL = 1;

async function readUntilClose(socket) {
  for (;;) {
    const received = await socket.readFrame();
    if (received.op === OP.CLOSE) return parseClose(received);
    assert.equal(received.op, OP.PING);
  }
}

/** Asserts that the server closes a stalled message; `startedAt`: before its first byte was sent. */
async function assertStalled(server, socket, startedAt) {
  const close = await within(readUntilClose(socket), 'the Close');
  assert.deepEqual(close, { code: 1008, reason: 'message not finished' });
  assert.ok(Date.now() - startedAt >= 2 * PING_INTERVAL * 1000 - 100, 'not before two intervals');
  await server.untilMetric('the timeout is counted', (now) => now.disconnects_total.message_timeout >= 1);
}

test('WebSocket messages that come slowly', async (t) => {
  const server = await startServer(t, { PING_INTERVAL: String(PING_INTERVAL) });

  await t.test('closes on a frame that comes a byte at a time', async (t) => {
    const socket = await openWebSocket(t, server);
    const startedAt = Date.now();
    trickle(t, socket, frame(OP.TEXT, ' '.repeat(60_000)));
    await assertStalled(server, socket, startedAt);
  });

  await t.test('closes on fragments that never end, with pongs in between', async (t) => {
    const socket = await openWebSocket(t, server);
    const startedAt = Date.now();
    await socket.send(frame(OP.TEXT, ' ', { fin: false }));
    const step = Buffer.concat([frame(OP.CONT, ' ', { fin: false }), frame(OP.PONG, '')]);
    const timer = setInterval(() => socket.socket.write(step), TRICKLE_MS);
    defer(t, () => clearInterval(timer));
    await assertStalled(server, socket, startedAt);
  });

  await t.test('keeps a client whose messages each come in time', async (t) => {
    const socket = await openWebSocket(t, server);
    const one = frame(OP.TEXT, '{"jsonrpc":"2.0","method":"ping"}');
    const next = Buffer.concat([one.subarray(10), one.subarray(0, 10)]);
    await socket.send(one.subarray(0, 10));
    for (let pings = 0; pings < 5; pings++) {
      assert.equal((await socket.readFrame()).op, OP.PING);
      await socket.send(next);
    }
  });
});

const MUCH = 80;
const SIZE = 500_000;

test('sends remaining output to a client that closes, but only for two ping intervals', async (t) => {
  const server = await startServer(t,
    { PING_INTERVAL: '1', MAX_OUTPUT_QUEUE: '64m', MAX_CACHE_LENGTH: '1' });
  const socket = await openWebSocket(t, server);
  const subscribe = { jsonrpc: '2.0', id: 1, method: 'subscribe', params: { topic: 'much' } };
  await socket.send(frame(OP.TEXT, JSON.stringify(subscribe)));
  await socket.readJson();
  socket.socket.pause().removeAllListeners('data');
  const alive = setInterval(() => socket.socket.write(frame(OP.PONG)), 300);
  defer(t, () => clearInterval(alive));
  const publisher = await openClient(t, server);
  await publisher.publishAll('much', Array(MUCH).fill('x'.repeat(SIZE)), { window: 4 }); // with its pongs in between
  await server.untilMetric('much output waits for it', (now) => now.output_memory_bytes > 10_000_000);
  clearInterval(alive);
  const startedAt = Date.now();
  await socket.send(frame(OP.CLOSE));

  const sip = setInterval(() => socket.socket.read(), 25); // 64 KiB at most
  defer(t, () => clearInterval(sip));
  await server.untilMetric('the client is gone', (now) => now.output_memory_bytes === 0);
  assert.ok(Date.now() - startedAt >= 2 * PING_INTERVAL * 1000 - 100, 'not before two intervals');
  assert.ok((await server.metrics()).sent_bytes_total < MUCH * SIZE, 'not everything is sent');
});
