// How violations of RFC 6455 are counted. tests/conformance tests the rules themselves.

import { test } from 'node:test';

import { frame, OP } from './support/frames.mjs';
import { startServer } from './support/server.mjs';
import { openWebSocket } from './support/socket.mjs';

test('counts violations by their reason', async (t) => {
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
    await socket.readClose();
    socket.socket.destroy();
  }
  await server.untilMetric('all violations', ({ disconnects_total: ended }) =>
    ended.protocol === 3 && ended.too_big === 1);
});
