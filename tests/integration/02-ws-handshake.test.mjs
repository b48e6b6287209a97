// Where a WebSocket may be opened, and for how long one may try. The rules of the handshake itself are in
// tests/conformance.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { frame, OP } from './support/frames.mjs';
import { startServer } from './support/server.mjs';
import { handshake, openSocket, openWebSocket } from './support/socket.mjs';

const PING = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' });

for (const path of ['/metrics', '/healthz', '/readyz']) {
  test(`${path} does not upgrade`, async (t) => {
    const server = await startServer(t);
    const socket = await openSocket(t, server);
    await socket.send(handshake({}, path));
    assert.equal((await socket.readResponse()).status, 200);
  });
}

test('the handshake timeout does not touch who has upgraded', async (t) => {
  const server = await startServer(t, { WEBSOCKET_HANDSHAKE_TIMEOUT: '1' });
  const upgraded = await openWebSocket(t, server);
  const silent = await openSocket(t, server); // came later, and is dropped
  await silent.untilEnd();
  await upgraded.send(frame(OP.TEXT, PING));
  assert.equal((await upgraded.readJson()).id, 1);
});
