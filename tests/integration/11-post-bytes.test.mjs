// The bytes of POST: bodies in pieces, chunks, pipelining, 100-continue, deadlines.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startRedis } from './support/redis.mjs';
import { numbered, openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { handshake, openBarrier, openSocket, requestHead } from './support/socket.mjs';

const GET_HEALTH = requestHead('GET /healthz HTTP/1.1', { Host: 'x' });

function post(path, body, fields = {}) {
  const length = Buffer.byteLength(body);
  return requestHead(`POST ${path} HTTP/1.1`, { Host: 'x', 'Content-Length': length, ...fields }) +
    body;
}

function postChunked(path, chunks, { last = '0\r\n\r\n', fields = {} } = {}) {
  const body = chunks.map((text) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`);
  const head = { Host: 'x', 'Transfer-Encoding': 'chunked', ...fields };
  return requestHead(`POST ${path} HTTP/1.1`, head) + body.join('') + last;
}

async function readStatuses(socket, count) {
  const statuses = [];
  for (let i = 0; i < count; i++) statuses.push((await socket.readResponse()).status);
  return statuses;
}

test('bodies in pieces', async (t) => {
  const server = await startServer(t, { WORKER_THREADS: '1' });
  const barrier = await openBarrier(t, server);
  const subscription = await (await openClient(t, server)).subscribe('cut');
  const requests = [
    post('/cut', 'Grüße'),
    postChunked('/cut', ['Grü', 'ße'], { last: '0;x=y\r\nTrailer: dropped\r\n\r\n' }),
  ];
  let count = 0;

  for (const [i, request] of requests.entries()) {
    const bytes = Buffer.from(request);
    await t.test(`accepts a ${i ? 'chunked body' : 'body with a length'} cut in two at every byte`, async (t) => {
      const socket = await openSocket(t, server);
      for (let cut = 1; cut < bytes.length; cut++) {
        await socket.send(bytes.subarray(0, cut));
        await barrier();
        assert.equal(socket.received.length, 0, `no answer to ${cut} bytes`);
        await socket.send(bytes.subarray(cut));
        assert.equal((await socket.readResponse()).status, 200, `cut at ${cut}`);
        count++;
      }
    });

    await t.test(`accepts a ${i ? 'chunked body' : 'body with a length'} byte by byte`, async (t) => {
      const socket = await openSocket(t, server);
      for (const byte of bytes) {
        await socket.send(Buffer.of(byte));
        await barrier();
      }
      assert.equal((await socket.readResponse()).status, 200);
      count++;
    });

    await t.test(`survives a ${i ? 'chunked body' : 'body with a length'} that ends at any byte`, async (t) => {
      for (let cut = 0; cut < bytes.length; cut++) {
        const socket = await openSocket(t, server);
        await socket.send(bytes.subarray(0, cut));
        if (cut % 2) socket.socket.end();
        else socket.socket.resetAndDestroy();
      }
      await server.untilMetric('all connections are closed', (now) => now.current_connections_count <= 3);
    });
  }

  await t.test('publishes each complete body once', async () => {
    await subscription.untilCount(count);
    assert.deepEqual(new Set(subscription.texts), new Set(['Grüße']));
    assert.equal((await server.metrics()).publish_count, count);
  });
});

test('pipelining', async (t) => {
  const redis = await startRedis(t);
  const server = await startServer(t, { ...redis.options, WORKER_THREADS: '1' });
  const subscription = await (await openClient(t, server)).subscribe('pipe');

  await t.test('answers pipelined requests in order', async (t) => {
    const socket = await openSocket(t, server);
    const texts = numbered('m', 200);
    const requests = texts.map((text, i) => [
      i % 2 ? post('/pipe', text) : postChunked('/pipe', [text]),
      i % 3 === 0 ? GET_HEALTH : '',
      i % 5 === 0 ? post('/pipe', '') : '',
      i % 7 === 0 ? post('/elsewhere', 'x') : '',
    ].join(''));
    await socket.send(requests.join(''));
    for (let i = 0; i < texts.length; i++) {
      const want = [200, ...(i % 3 ? [] : [200]), ...(i % 5 ? [] : [400]), ...(i % 7 ? [] : [200])];
      assert.deepEqual(await readStatuses(socket, want.length), want, `request ${i}`);
    }
    await subscription.untilText(texts.at(-1));
    assert.deepEqual(subscription.texts, texts);
  });

  await t.test('answers the next request only after the previous one', async (t) => {
    const socket = await openSocket(t, server);
    await redis.freeze();
    await socket.send(post('/pipe', 'slow') + GET_HEALTH.repeat(3));
    for (let i = 0; i < 20; i++) await socket.send(GET_HEALTH); // read later
    const barrier = await openBarrier(t, server);
    await barrier();
    assert.equal(socket.received.length, 0);
    redis.thaw();
    const answer = await socket.readResponse();
    assert.equal(JSON.parse(answer.body).action, 'publish');
    for (let i = 0; i < 23; i++) {
      assert.equal((await socket.readResponse()).body, '{"status":"ok"}');
    }
  });

  await t.test('publishes the body of a client that disconnects before the answer', async (t) => {
    const socket = await openSocket(t, server);
    await redis.freeze();
    await socket.send(post('/pipe', 'left behind'));
    const barrier = await openBarrier(t, server);
    await barrier();
    socket.socket.resetAndDestroy();
    await barrier();
    redis.thaw();
    await subscription.untilText('left behind');
  });

  await t.test('upgrades the same connection to a WebSocket', async (t) => {
    const socket = await openSocket(t, server);
    await socket.send(post('/pipe', 'x') + handshake());
    assert.deepEqual(await readStatuses(socket, 2), [200, 101]);
  });
});

test('Expect: 100-continue', async (t) => {
  const server = await startServer(t, { MAX_MESSAGE_SIZE: '1k' });
  const EXPECT = { Expect: '100-continue' };
  const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';

  async function sendHead(t, request) {
    const socket = await openSocket(t, server);
    await socket.send(request.slice(0, request.indexOf('\r\n\r\n') + 4));
    return socket;
  }

  async function readContinue(socket) {
    await socket.until('100', () => socket.received.length >= CONTINUE.length);
    assert.equal(socket.received.toString(), CONTINUE);
    socket.received = Buffer.alloc(0);
  }

  await t.test('sends 100 when it is going to read the body', async (t) => {
    for (const request of [post('/a', 'x', EXPECT), postChunked('/a', ['x'], { fields: EXPECT })]) {
      const socket = await sendHead(t, request);
      await readContinue(socket);
      await socket.send(request.slice(request.indexOf('\r\n\r\n') + 4));
      assert.equal((await socket.readResponse()).status, 200);
    }
  });
});

test('answers 408 to a client whose body does not come within the deadline', async (t) => {
  const server = await startServer(t, { WEBSOCKET_HANDSHAKE_TIMEOUT: '1', WORKER_THREADS: '1' });
  const startedAt = Date.now();
  const socket = await openSocket(t, server);
  await socket.send(post('/a', 'x'.repeat(10_000)).slice(0, 200));
  const drip = setInterval(() => socket.socket.write('x'), 50);
  await socket.untilEnd().finally(() => clearInterval(drip));
  assert.ok(Date.now() - startedAt >= 900, 'not before the deadline');
  assert.equal((await socket.readResponse()).status, 408);
  socket.socket.end();
  await server.untilMetric('it is counted', (now) => now.disconnects_total.handshake_timeout === 1);
});

test('does not apply that deadline to the broker', async (t) => {
  const redis = await startRedis(t);
  const server = await startServer(t, {
    ...redis.options, WEBSOCKET_HANDSHAKE_TIMEOUT: '1', BROKER_TIMEOUT: '3',
  });
  const socket = await openSocket(t, server);
  await redis.freeze();
  const startedAt = Date.now();
  await socket.send(post('/a', 'x'));
  const answer = await socket.readResponse();
  redis.thaw();
  assert.equal(answer.status, 503);
  assert.ok(Date.now() - startedAt >= 2000);
  await socket.send(GET_HEALTH);
  assert.equal((await socket.readResponse()).status, 200, 'the connection stays usable');
});

test('answers POST requests during a drain', async (t) => {
  const redis = await startRedis(t);
  const server = await startServer(t, { ...redis.options, SHUTDOWN_TIMEOUT: '8' });
  const [waiting, reading] = [await openSocket(t, server), await openSocket(t, server)];
  await redis.freeze();
  await waiting.send(post('/a', 'waiting'));
  await reading.send(post('/a', 'reading').slice(0, -3));
  await server.untilMetric('both are accepted', (now) => now.current_connections_count === 3);
  server.signal('SIGTERM');
  await server.until('the drain', () => server.stderr.includes('event=stopping'));
  redis.thaw();
  await reading.send('ing');
  for (const socket of [waiting, reading]) {
    const answer = await socket.readResponse();
    assert.equal(answer.status, 200);
    await socket.untilEnd();
  }
});
