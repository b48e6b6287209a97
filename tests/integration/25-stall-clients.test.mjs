// A node that was frozen reads what came in the meantime before it judges a client by the clock, and the
// time for which it was frozen does not count against anybody.

import assert from 'node:assert/strict';
import { setInterval } from 'node:timers';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';

import { defer } from './support/cleanup.mjs';
import { closeFrame, frame, OP, parseClose } from './support/frames.mjs';
import { freezeFor } from './support/freeze.mjs';
import { secondsFromNow, SECRET, signToken } from './support/jwt.mjs';
import { startProxy } from './support/proxy.mjs';
import { startRedis } from './support/redis.mjs';
import { openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { handshake, openSocket, openWebSocket, requestHead } from './support/socket.mjs';
import { openStream } from './support/sse.mjs';
import { startTlsServer } from './support/tls.mjs';
import { eventually, scaled, watchDelays, within } from './support/wait.mjs';

const FROZEN_S = 4; // longer than all deadlines here
const GET = requestHead('GET /healthz HTTP/1.1', { Host: 'x' });
const HASTY = { WEBSOCKET_HANDSHAKE_TIMEOUT: '1', WORKER_THREADS: '1' };

function repeat(t, ms, action) {
  const timer = setInterval(action, ms);
  defer(t, () => clearInterval(timer));
}

function openClients(t, server, count) {
  return Promise.all(Array.from({ length: count }, () => openClient(t, server)));
}

async function assertNoTimeout(server, clients) {
  await Promise.all(clients.map((client) => client.roundTrip()));
  assert.equal((await server.metrics()).disconnects_total.timeout, 0);
}

test('keeps clients that sent a ping a second while it was frozen', async (t) => {
  const server = await startServer(t, { PING_INTERVAL: '2' });
  const clients = await openClients(t, server, 20);
  for (const client of clients) repeat(t, 1000, () => client.notify('ping'));
  await freezeFor(server, 7);
  await assertNoTimeout(server, clients);
});

test('keeps clients that only answer pings, and were sent none while it was frozen', async (t) => {
  const server = await startServer(t, { PING_INTERVAL: '1' });
  const clients = await openClients(t, server, 20);
  for (let i = 0; i < 3; i++) {
    await freezeFor(server, FROZEN_S - 1);
    await assertNoTimeout(server, clients.slice(i, i + 1)); // the others still only answer pings
    await delay(1500);
  }
  await assertNoTimeout(server, clients);
});

test('keeps more clients than one epoll_wait returns', async (t) => {
  const server = await startServer(t, { PING_INTERVAL: '1', WORKER_THREADS: '1' });
  const clients = await openClients(t, server, scaled(700));
  await freezeFor(server, FROZEN_S, () => clients.forEach((client) => client.notify('ping')));
  await assertNoTimeout(server, clients);
});

test('still drops a client that is silent before and after', async (t) => {
  const server = await startServer(t, { PING_INTERVAL: '1' });
  const socket = await openWebSocket(t, server);
  await freezeFor(server, FROZEN_S);
  const delayMs = watchDelays();
  const thawedAt = Date.now();
  await socket.untilEnd();
  assert.ok(Date.now() - thawedAt < 4000 + delayMs(), 'not a whole freeze later');
  await server.untilMetric('the timeout is counted', (now) => now.disconnects_total.timeout === 1);
});

for (const when of ['while it was frozen', 'just afterwards']) {
  async function send(server, action) {
    if (when === 'just afterwards') await freezeFor(server, FROZEN_S).then(action);
    else await freezeFor(server, FROZEN_S, action);
  }

  test(`serves requests that came ${when}`, async (t) => {
    const server = await startServer(t, HASTY);
    const sockets = await Promise.all(Array.from({ length: 300 }, () => openSocket(t, server)));
    await server.untilMetric('all are accepted', (now) => now.current_connections_count >= 300);
    await send(server, () => sockets.forEach(({ socket }, i) => socket.write(i % 2 ? GET : handshake())));
    for (const [i, socket] of sockets.entries()) {
      assert.equal((await socket.readResponse()).status, i % 2 ? 200 : 101);
    }
    assert.equal((await server.metrics()).disconnects_total.handshake_timeout, 0);
  });

  test(`serves a request behind a PROXY header that came ${when}`, async (t) => {
    const server = await startServer(t, { ...HASTY, PROXY_PROTOCOL: 'true', METRICS_LISTEN_PORT: undefined },
      { ready: false });
    const socket = await openSocket(t, server);
    await delay(300); // it is accepted
    await send(server, () => socket.socket.write(`PROXY UNKNOWN\r\n${GET}`));
    assert.equal((await socket.readResponse()).status, 200);
  });

  test(`finishes a TLS handshake that came ${when}`, async (t) => {
    const server = await startTlsServer(t, HASTY);
    const { socket } = await openSocket(t, { port: server.tlsPort });
    socket.removeAllListeners('data');
    await server.untilMetric('it is accepted', (now) => now.current_connections_count >= 2);
    let tls;
    await send(server, () => (tls = connectTls({ socket, ca: server.ca, host: '127.0.0.1' })));
    defer(t, () => tls.destroy());
    tls.write(GET);
    const answer = await within(new Promise((resolve, reject) =>
      tls.once('data', resolve).once('error', reject).once('close', () => resolve(''))), 'an answer');
    assert.match(answer.toString(), /^HTTP\/1\.1 200 /);
  });

  test(`serves a next request that came ${when}`, async (t) => {
    const server = await startServer(t, { HTTP_KEEPALIVE_TIMEOUT: '1' });
    const socket = await openSocket(t, server);
    await socket.send(GET);
    assert.equal((await socket.readResponse()).status, 200);
    await send(server, () => void socket.socket.write(GET));
    assert.equal((await socket.readResponse()).status, 200);
  });

  test(`takes a body that came ${when}`, async (t) => {
    const server = await startServer(t, HASTY);
    const socket = await openSocket(t, server);
    const body = 'x'.repeat(1_000_000);
    const fields = { Host: 'x', 'Content-Length': body.length, Expect: '100-continue' };
    await socket.send(requestHead('POST /a HTTP/1.1', fields));
    assert.equal((await socket.readResponse()).status, 100);
    await send(server, () => void socket.socket.write(body));
    assert.equal((await socket.readResponse()).status, 200);
  });
}

test('ends connections whose tokens expired while it was frozen', async (t) => {
  const options = { DISABLE_AUTH: 'false', JWT_SECRET: SECRET, PING_INTERVAL: '3600' };
  const server = await startServer(t, options);
  const exp = secondsFromNow(10);
  const token = signToken({ read: ['#'], write: ['#'], exp });
  const headers = { Authorization: `Bearer ${token}` };
  const client = await openClient(t, server, { headers });
  const stream = await openStream(t, server, '/a', headers);
  const renewed = await openClient(t, server, { headers });
  await freezeFor(server, exp + 0.5 - Date.now() / 1000,
    () => renewed.notify('auth', { token: signToken({ read: ['#'], exp: exp + 3600 }) }));
  const delayMs = watchDelays();
  const thawedAt = Date.now();
  assert.equal((await client.untilClosed()).code, 1008);
  await stream.untilEnd();
  assert.ok(Date.now() - thawedAt < 5000 + delayMs(), `${Date.now() - thawedAt} ms later`);
  await renewed.roundTrip();
});

test('reads the Close of a client before it gives up waiting for it', async (t) => {
  const server = await startServer(t, { SHUTDOWN_TIMEOUT: '20' });
  const socket = await openWebSocket(t, server);
  let error = null;
  socket.socket.on('error', (what) => (error = what));
  server.signal('SIGTERM');
  assert.equal(parseClose(await socket.readDataFrame()).code, 1001);
  await freezeFor(server, FROZEN_S, () => socket.send(closeFrame(1001)));
  await socket.untilEnd();
  await socket.send('x'); // lost if the connection was reset, ignored while it lingers
  await socket.send('x');
  assert.equal(error, null, 'no reset');
});

test('sends the rest of its output to a client that read on while it was frozen', async (t) => {
  const server = await startServer(t, { MAX_OUTPUT_QUEUE: '64m', MAX_CACHE_LENGTH: '1' });
  const socket = await openWebSocket(t, server);
  const subscribe = { jsonrpc: '2.0', id: 1, method: 'subscribe', params: { topic: 'much' } };
  await socket.send(frame(OP.TEXT, JSON.stringify(subscribe)));
  await socket.readJson();
  socket.socket.pause().removeAllListeners('data');
  const publisher = await openClient(t, server);
  await publisher.publishAll('much', Array(40).fill('x'.repeat(500_000)), { window: 4 });
  await server.untilMetric('much output waits', (now) => now.output_memory_bytes > 5_000_000);
  await socket.send(frame(OP.CLOSE));
  await server.untilMetric('it lingers', (now) => now.subscriptions === 0);
  let received = 0;
  socket.socket.on('data', (bytes) => (received += bytes.length));
  await freezeFor(server, FROZEN_S, () => socket.socket.resume());
  await socket.untilEnd();
  assert.ok(received > 40 * 500_000, `${received} bytes`);
});

test('answers what a leaving client asked before it was frozen', async (t) => {
  const redis = await startRedis(t);
  const proxy = await startProxy(t, redis.port);
  const options = { ...redis.options, REDIS_PORT: String(proxy.port), BROKER_TIMEOUT: '1' };
  const server = await startServer(t, options);
  const socket = await openWebSocket(t, server);
  proxy.hold('commands');
  const request = { jsonrpc: '2.0', id: 1, method: 'publish', params: { topic: 'a', message: 'm' } };
  await socket.send(Buffer.concat([frame(OP.TEXT, JSON.stringify(request)), closeFrame(1000)]));
  await eventually('Redis has answered', () => proxy.hasHeld('-0'));
  await freezeFor(server, FROZEN_S, () => proxy.release());
  assert.equal((await socket.readJson()).result?.status, 'ok');
  assert.equal((await socket.readClose()).code, 1000);
});

test('ends a drain in order', async (t) => {
  const server = await startServer(t, { SHUTDOWN_TIMEOUT: '3', WORKER_THREADS: '2' });
  const clients = await openClients(t, server, 20);
  const upload = await openSocket(t, server);
  await upload.send(requestHead('POST /a HTTP/1.1', { Host: 'x', 'Content-Length': 2 }) + 'x');
  await clients[0].roundTrip();
  server.signal('SIGTERM');
  await server.until('the drain begins', () => server.stderr.includes('event=draining'));
  await freezeFor(server, FROZEN_S, () => upload.send('x'));
  assert.equal((await upload.readResponse()).status, 200);
  for (const client of clients) assert.equal((await client.untilClosed()).code, 1001);
  await server.untilExit();
  assert.ok(!server.stderr.includes('drain_incomplete'), server.stderr);
});
