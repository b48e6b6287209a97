// HTTP as bytes: pipelining, limits, what is not HTTP, and requests that arrive in pieces.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { frame, OP } from './support/frames.mjs';
import { startServer } from './support/server.mjs';
import { openBarrier, openSocket, requestHead } from './support/socket.mjs';

const GET_HEALTH = requestHead('GET /healthz HTTP/1.1', { Host: 'x' });

async function assertServes(t, server) {
  const socket = await openSocket(t, server);
  await socket.send(GET_HEALTH);
  assert.equal((await socket.readResponse()).status, 200);
}

/** Sends bytes on a new connection: one error comes back and the connection ends. */
async function assertRefused(t, server, bytes, status) {
  const socket = await openSocket(t, server);
  await socket.send(bytes);
  const answer = await socket.readResponse();
  assert.equal(answer.status, status);
  assert.equal(answer.headers.connection, 'close');
  assert.equal(typeof JSON.parse(answer.body).error, 'string');
  await socket.untilEnd();
  assert.equal(socket.received.length, 0, 'one answer, not more');
}

test('keep-alive', async (t) => {
  const server = await startServer(t);

  await t.test('pipelined requests are answered in their order', async (t) => {
    const socket = await openSocket(t, server);
    const paths = Array.from({ length: 50 }, (_, i) => (i % 3 === 0 ? '/nowhere' : '/healthz'));
    const heads = paths.map((path) => requestHead(`GET ${path} HTTP/1.1`, { Host: 'x' }));
    await socket.send(heads.join(''));
    for (const path of paths) {
      const { status } = await socket.readResponse();
      assert.equal(status, path === '/healthz' ? 200 : 404);
    }
  });

  await t.test('Connection: close is obeyed', async (t) => {
    const socket = await openSocket(t, server);
    await socket.send(requestHead('GET /healthz HTTP/1.1', { Host: 'x', Connection: 'close' }));
    const answer = await socket.readResponse();
    assert.equal(answer.headers.connection, 'close');
    await socket.untilEnd();
  });

  await t.test('HTTP/1.0 ends after one answer', async (t) => {
    const socket = await openSocket(t, server);
    await socket.send('GET /healthz HTTP/1.0\r\n\r\n');
    assert.equal((await socket.readResponse()).status, 200);
    await socket.untilEnd();
  });

  await t.test('a client that closes its half after the request is answered', async (t) => {
    const socket = await openSocket(t, server);
    socket.socket.end(GET_HEALTH);
    assert.equal((await socket.readResponse()).status, 200);
    await socket.untilEnd();
  });
});

test('what is refused', async (t) => {
  const server = await startServer(t, { MAX_HEADER_SIZE: '4k' });
  const cases = [
    ['TLS on the plain port', Buffer.from('16030100a5010000a10303', 'hex'), 400],
    ['zero bytes', Buffer.alloc(64), 400],
    ['an SSH greeting', 'SSH-2.0-OpenSSH_9.2\r\n', 400],
    ['a WebSocket frame without a handshake', frame(OP.TEXT, 'hello\r\n'), 400],
    ['bare line feeds', 'GET /healthz HTTP/1.1\nHost: x\n\n', 400],
    ['no Host', 'GET /healthz HTTP/1.1\r\n\r\n', 400],
    ['two Hosts', 'GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n', 400],
    ['a space before the colon', 'GET /healthz HTTP/1.1\r\nHost : x\r\n\r\n', 400],
    ['a folded field', 'GET /healthz HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n', 400],
    ['a control in the target', 'GET /heal\x01thz HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    ['a NUL in a field', 'GET /healthz HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n', 400],
    ['Content-Length that contradicts itself',
      'GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', 400],
    ['Content-Length and Transfer-Encoding',
      'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n', 400],
    ['an unknown transfer coding',
      'GET /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: rot13\r\n\r\n', 501],
    ['HTTP/2.0', 'GET /healthz HTTP/2.0\r\nHost: x\r\n\r\n', 505],
    ['a target over the limit', `GET /${'a'.repeat(5000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 414],
    ['a target over the limit that never ends', `GET /${'a'.repeat(8000)}`, 414],
    ['a field over the limit', `GET / HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(5000)}\r\n\r\n`, 431],
    ['a field over the limit that never ends',
      `GET / HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(5000)}`, 431],
    ['many fields over the limit',
      `GET / HTTP/1.1\r\nHost: x\r\n${'A: b\r\n'.repeat(1000)}\r\n`, 431],
  ];
  for (const [name, bytes, status] of cases) {
    await t.test(`${name}: ${status}`, (t) => assertRefused(t, server, bytes, status));
  }

  await t.test('what was asked before the garbage is answered', async (t) => {
    const socket = await openSocket(t, server);
    await socket.send(`${GET_HEALTH}${GET_HEALTH}\0\0\0\0`);
    assert.equal((await socket.readResponse()).status, 200);
    assert.equal((await socket.readResponse()).status, 200);
    assert.equal((await socket.readResponse()).status, 400);
    await socket.untilEnd();
  });

  await t.test('and the server goes on', (t) => assertServes(t, server));
});

test('requests in pieces', async (t) => {
  const server = await startServer(t, { WORKER_THREADS: '1' });
  const barrier = await openBarrier(t, server);

  await t.test('cut in two at every byte', async (t) => {
    const socket = await openSocket(t, server);
    for (let cut = 1; cut < GET_HEALTH.length; cut++) {
      await socket.send(GET_HEALTH.slice(0, cut));
      await barrier();
      assert.equal(socket.received.length, 0, `no answer to ${cut} bytes`);
      await socket.send(GET_HEALTH.slice(cut));
      assert.equal((await socket.readResponse()).status, 200, `cut at ${cut}`);
    }
  });

  await t.test('byte by byte', async (t) => {
    const socket = await openSocket(t, server);
    for (const byte of GET_HEALTH) {
      await socket.send(byte);
      await barrier();
    }
    assert.equal((await socket.readResponse()).status, 200);
  });

  await t.test('a client that goes away at every byte', async (t) => {
    for (let cut = 0; cut < GET_HEALTH.length; cut++) {
      const socket = await openSocket(t, server);
      await socket.send(GET_HEALTH.slice(0, cut));
      if (cut % 2 === 0) socket.socket.end();
      else socket.socket.resetAndDestroy();
    }
    await server.untilMetric('all are gone', (now) => now.current_connections_count <= 2);
    await assertServes(t, server);
  });
});

test('WEBSOCKET_HANDSHAKE_TIMEOUT', async (t) => {
  const server = await startServer(t, { WEBSOCKET_HANDSHAKE_TIMEOUT: '1' });

  async function assertDropped(t, begin, whileWaiting = async () => {}) {
    const startedAt = Date.now();
    const socket = await openSocket(t, server);
    await socket.send(begin);
    await Promise.all([socket.untilEnd(), whileWaiting(socket)]);
    assert.ok(Date.now() - startedAt >= 900, 'not before its time');
  }

  await t.test('drops who sends nothing', (t) => assertDropped(t, ''));
  await t.test('drops who sends half a request', (t) =>
    assertDropped(t, 'GET / HTTP/1.1\r\nHost: x\r\n'));
  await t.test('drops who sends a byte now and then', (t) =>
    assertDropped(t, 'GET / HTTP/1.1\r\nA: ', async (socket) => {
      const drip = setInterval(() => socket.socket.write('a'), 100);
      await socket.untilEnd().finally(() => clearInterval(drip));
    }));
  await t.test('and counts them', () =>
    server.untilMetric('three in the metrics', ({ disconnects_total: ended }) =>
      ended.handshake_timeout >= 3));
});
