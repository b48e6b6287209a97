// Requests that are never completed.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startServer } from './support/server.mjs';
import { openSocket, requestHead } from './support/socket.mjs';

const GET_HEALTH = requestHead('GET /healthz HTTP/1.1', { Host: 'x' });

async function assertServes(t, server) {
  const socket = await openSocket(t, server);
  await socket.send(GET_HEALTH);
  assert.equal((await socket.readResponse()).status, 200);
}

test('survives clients that disconnect after any byte of a request', async (t) => {
  const server = await startServer(t);
  for (let cut = 0; cut < GET_HEALTH.length; cut++) {
    const socket = await openSocket(t, server);
    await socket.send(GET_HEALTH.slice(0, cut));
    if (cut % 2 === 0) socket.socket.end();
    else socket.socket.resetAndDestroy();
  }
  await server.untilMetric('all have disconnected', (now) => now.current_connections_count <= 1);
  await assertServes(t, server);
});

test('WEBSOCKET_HANDSHAKE_TIMEOUT', async (t) => {
  const server = await startServer(t, { WEBSOCKET_HANDSHAKE_TIMEOUT: '1' });

  async function assertDropped(t, begin, whileWaiting = async () => {}) {
    const startedAt = Date.now();
    const socket = await openSocket(t, server);
    await socket.send(begin);
    await Promise.all([socket.untilEnd(), whileWaiting(socket)]);
    assert.ok(Date.now() - startedAt >= 900, 'not before the timeout');
  }

  await t.test('drops a client that sends nothing', (t) => assertDropped(t, ''));
  await t.test('drops a client that sends half a request', (t) =>
    assertDropped(t, 'GET / HTTP/1.1\r\nHost: x\r\n'));
  await t.test('drops a client that sends a byte now and then', (t) =>
    assertDropped(t, 'GET / HTTP/1.1\r\nA: ', async (socket) => {
      const drip = setInterval(() => socket.socket.write('a'), 100);
      await socket.untilEnd().finally(() => clearInterval(drip));
    }));
  await t.test('counts the dropped clients', () =>
    server.untilMetric('three dropped clients', ({ disconnects_total: ended }) =>
      ended.handshake_timeout >= 3));
});
