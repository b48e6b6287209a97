// Paths that do not upgrade, and the handshake timeout. tests/conformance tests the rules of the
// handshake itself.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { frame, OP } from './support/frames.mjs';
import { startServer } from './support/server.mjs';
import { handshake, openSocket, openWebSocket } from './support/socket.mjs';

const PING = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' });

for (const path of ['/metrics', '/healthz', '/readyz']) {
  test(`does not upgrade ${path}`, async (t) => {
    const server = await startServer(t);
    const socket = await openSocket(t, server);
    await socket.send(handshake({}, path));
    assert.equal((await socket.readResponse()).status, 200);
  });
}

test('does not apply the handshake timeout to an upgraded connection', async (t) => {
  const server = await startServer(t, { WEBSOCKET_HANDSHAKE_TIMEOUT: '1' });
  const upgraded = await openWebSocket(t, server);
  const silent = await openSocket(t, server); // connects later, and is dropped
  await silent.untilEnd();
  await upgraded.send(frame(OP.TEXT, PING));
  assert.equal((await upgraded.readJson()).id, 1);
});
