// How violations of RFC 6455 are counted. tests/conformance tests the rules themselves.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { frame, OP } from './support/frames.mjs';
import { startServer } from './support/server.mjs';
import { openWebSocket } from './support/socket.mjs';

const WHY = {
  1002: 'malformed frame',
  1003: 'text frames only',
  1007: 'text must be UTF-8 and, if compressed, inflate',
  1009: 'message larger than MAX_MESSAGE_SIZE',
};

test('counts violations by their reason, and tells it to the client', async (t) => {
  const server = await startServer(t, { MAX_MESSAGE_SIZE: '1k' });
  const violations = [
    ['protocol', frame(OP.TEXT, '', { masked: false })],
    ['protocol', frame(OP.TEXT, Buffer.of(0xff))],
    ['protocol', frame(OP.BINARY, '')],
    ['too_big', frame(OP.TEXT, '', { announced: 1025 })],
  ];
  for (const [, bytes] of violations) {
    const socket = await openWebSocket(t, server);
    await socket.send(bytes);
    const { code, reason } = await socket.readClose();
    assert.equal(reason, WHY[code]);
    socket.socket.destroy();
  }
  await server.until('the binary message in the log',
    () => /info event=ws_violation peer=\S+ code=1003 why="text frames only"/.test(server.stderr));
  await server.untilMetric('all violations', ({ disconnects_total: ended }) =>
    ended.protocol === 3 && ended.too_big === 1);
});
