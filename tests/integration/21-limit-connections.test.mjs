// MAX_CONNECTIONS_PER_IP, CONNECT_RATE, and connections while many requests for history wait.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { metricsOf, startWithInternal } from './support/internal.mjs';
import { startRedis } from './support/redis.mjs';
import { openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { handshake, openSocket, openWebSocket, requestHead, seenFrom } from './support/socket.mjs';
import { eventually } from './support/wait.mjs';

const MOST = 3;
const HEALTH = requestHead('GET /healthz HTTP/1.1', { Host: 'x' });

function startLimited(t, options = {}, how = {}) {
  const all = { MAX_CONNECTIONS_PER_IP: String(MOST), WORKER_THREADS: '2', ...options };
  return startServer(t, all, how);
}

/** Retries until the server has noticed that a connection ended. */
function untilAdmitted(socketOf) {
  return eventually('another connection is accepted', async () => {
    const socket = await socketOf();
    await socket.send(HEALTH);
    return socket.readResponse().then(({ status }) => status === 200, () => false);
  });
}

test('accepts MAX_CONNECTIONS_PER_IP connections of one address', async (t) => {
  const server = await startLimited(t);
  const crowd = seenFrom('127.0.0.2', server);
  const inside = [];
  for (let i = 0; i < MOST; i++) inside.push(await openWebSocket(t, crowd));

  const over = await openSocket(t, crowd);
  await over.untilEnd();
  assert.equal(over.received.length, 0, 'closed on arrival');
  assert.equal((await server.metrics()).refused_requests_total.too_many_of_ip, 1);

  await openWebSocket(t, seenFrom('127.0.0.3', server)); // no limit for others

  inside[0].socket.destroy();
  await untilAdmitted(() => openSocket(t, crowd));
});

test('never exceeds the limit when many connections come to both workers at once', async (t) => {
  const server = await startLimited(t);
  const crowd = seenFrom('127.0.0.2', server);
  const sockets = await Promise.all(Array.from({ length: 40 }, () => openSocket(t, crowd)));
  await Promise.all(sockets.map((socket) => socket.send(HEALTH).catch(() => {})));
  const answers = await Promise.all(sockets.map((socket) => socket.readResponse().catch(() => null)));
  assert.equal(answers.filter(Boolean).length, MOST);
  assert.equal((await server.metrics()).refused_requests_total.too_many_of_ip, 40 - MOST);
});

test('counts connections by the address in the PROXY header', async (t) => {
  const server = await startLimited(t, { PROXY_PROTOCOL: 'true' }, { ready: false });
  const openAs = async (ip) => {
    const socket = await openSocket(t, server);
    await socket.send(`PROXY TCP6 ${ip} ::1 4711 80\r\n`);
    return socket;
  };
  const isServed = async (socket) => {
    await socket.send(HEALTH).catch(() => {});
    return socket.readResponse().then(() => true, () => false);
  };

  for (let i = 1; i <= MOST; i++) {
    assert.ok(await isServed(await openAs(`2001:db8::${i}`)), 'addresses of one /64');
  }
  assert.equal(await isServed(await openAs('2001:db8::ffff')), false);
  const other = await openAs('2001:db8:0:1::1');
  assert.ok(await isServed(other), 'an address of the next /64');

  await other.send(requestHead('GET /metrics?format=json HTTP/1.1', { Host: 'x' }));
  const metrics = JSON.parse((await other.readResponse()).body);
  assert.equal(metrics.refused_requests_total.too_many_of_ip, 1);
  assert.equal(metrics.disconnects_total.server, 1);
});

test('counts connections of a trusted proxy by the address in each request', async (t) => {
  const server = await startLimited(t, { TRUSTED_PROXIES: '127.0.0.1' });
  const openAs = (ip) => openWebSocket(t, server, { fields: { 'X-Forwarded-For': ip } });
  const first = await openAs('1.2.3.4');
  for (let i = 1; i < MOST; i++) await openAs('1.2.3.4');

  const over = await openSocket(t, server);
  await over.send(handshake({ 'X-Forwarded-For': '1.2.3.4' }));
  assert.equal((await over.readResponse()).status, 429);
  await over.untilEnd();
  await openAs('1.2.3.5');
  for (let i = 0; i <= MOST; i++) {
    const socket = await openSocket(t, server); // the proxy itself has no limit
    await socket.send(HEALTH);
    assert.equal((await socket.readResponse()).status, 200);
  }

  await t.test('counts streams, and releases a connection between requests', async (t) => {
    const socket = await openSocket(t, server);
    const post = (ip) => requestHead('POST /topic HTTP/1.1',
      { Host: 'x', 'Content-Length': '1', 'X-Forwarded-For': ip });
    for (let i = 0; i <= MOST; i++) { // between requests it belongs to nobody
      await socket.send(`${post('1.2.3.6')}x`);
      assert.equal((await socket.readResponse()).status, 200);
    }
    for (let i = 0; i < MOST; i++) await openAs('1.2.3.6');
    const stream = await openSocket(t, server);
    await stream.send(requestHead('GET /topic HTTP/1.1',
      { Host: 'x', Accept: 'text/event-stream', 'X-Forwarded-For': '1.2.3.4' }));
    const { status, headers, body } = await stream.readResponse();
    assert.equal(status, 200, 'EventSource gives up on any other status');
    assert.equal(headers['content-type'], 'text/event-stream');
    assert.equal(body, 'retry: 5000\nevent: refused\n' +
      'data: {"error":"too many connections from this address","status":429}\n\n');
    const { refused_requests_total: refused } = await server.metrics();
    await stream.send(requestHead('HEAD /topic HTTP/1.1',
      { Host: 'x', Accept: 'text/event-stream', 'X-Forwarded-For': '1.2.3.4' }));
    assert.equal((await stream.readResponse({ head: true })).status, 200, 'it is used again');
    await server.untilMetric('both are counted', ({ refused_requests_total: now }) =>
      now.too_many_of_ip === refused.too_many_of_ip + 1);
  });

  first.socket.destroy();
  await eventually('another connection is accepted', async () => {
    const socket = await openSocket(t, server);
    await socket.send(handshake({ 'X-Forwarded-For': '1.2.3.4' }));
    return (await socket.readResponse()).status === 101;
  });
});

test('answers connections that wait for CONNECT_RATE when it shuts down', async (t) => {
  const server = await startServer(t, { CONNECT_RATE: '1', SHUTDOWN_TIMEOUT: '5' });
  const sockets = await Promise.all(Array.from({ length: 5 }, () => openSocket(t, server)));
  server.signal('SIGTERM');
  for (const socket of sockets) {
    await socket.send(requestHead('GET /healthz HTTP/1.1', { Host: 'x' }));
    assert.ok((await socket.readResponse()).status >= 200);
  }
});

test('makes connections beyond CONNECT_RATE wait and refuses none', async (t) => {
  const rate = 5;
  const count = 12;
  const { server, internal } = await startWithInternal(t, { CONNECT_RATE: String(rate) });
  const startedAt = Date.now();
  const cpuBefore = server.cpuMs();
  const sockets = await Promise.all(Array.from({ length: count }, () => openSocket(t, server)));
  const opened = sockets.map(async (socket) => {
    await socket.send(handshake());
    assert.equal((await socket.readResponse()).status, 101);
  });
  await metricsOf(internal); // the internal port has no rate
  await Promise.all(opened);
  const tookMs = Date.now() - startedAt;
  assert.ok(tookMs >= ((count - 1) / rate) * 1000 - 100, `no faster than the rate: ${tookMs} ms`);
  assert.ok(server.cpuMs() - cpuBefore < tookMs / 2, 'no thread spins');

  const after = await metricsOf(internal);
  assert.ok(after.accept_paced_total > 0);
  assert.equal(after.current_connections_count, count);
  assert.equal(after.refused_requests_total.too_many_connections, 0);
});

test('lets new clients wait while more than 2000 requests for history do', async (t) => {
  const redis = await startRedis(t);
  const publisher = await openClient(t, await startServer(t, redis.options));
  const [first] = await publisher.publishAll('a', ['first', 'second']);
  const { server, internal } = await startWithInternal(t, redis.options); // knows none of them
  const bystander = await openClient(t, server);
  const herd = [];
  while (herd.length < 2001) {
    herd.push(...await Promise.all(Array.from({ length: 87 }, () => openSocket(t, server))));
  }

  await redis.freeze();
  await Promise.all(herd.map((socket, i) => socket.send(requestHead(`GET /${i} HTTP/1.1`,
    { Host: 'x', Accept: 'text/event-stream', 'Last-Event-ID': first }))));
  await eventually('all of them wait', async () =>
    (await metricsOf(internal)).broker_queue_history === herd.length);
  const late = await openSocket(t, server);
  await late.send(HEALTH);
  await eventually('it is held', async () => (await metricsOf(internal)).accept_held === 1);
  assert.equal(late.received.length, 0);
  await bystander.call('ping');

  redis.thaw();
  await late.readResponse();
  await eventually('nobody waits', async () =>
    (await metricsOf(internal)).broker_queue_history === 0);
  const after = await metricsOf(internal);
  assert.equal(after.accept_held, 0);
  assert.ok(after.accept_held_total.history >= 1);
  await server.until('the log', () => /warn event=accept_held why=/.test(server.stderr));
});
