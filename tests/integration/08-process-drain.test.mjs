// Draining: when each client is closed, what is answered before that, and what is cut off in the end.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { closeFrame, frame, OP } from './support/frames.mjs';
import { startRedis } from './support/redis.mjs';
import { errorOf, numbered, openClient } from './support/rpc.mjs';
import { Process, startServer } from './support/server.mjs';
import { openSocket, openWebSocket, requestHead } from './support/socket.mjs';
import { openStream } from './support/sse.mjs';
import { eventually } from './support/wait.mjs';

const GET = requestHead('GET /healthz HTTP/1.1', { Host: 'x' });

function post(target, body) {
  return requestHead(`POST ${target} HTTP/1.1`, { Host: 'x', 'Content-Length': body.length }) + body;
}

function openClients(t, server, count) {
  return Promise.all(Array.from({ length: count }, () => openClient(t, server)));
}

/** Waits until the server has read `count` messages of WebSockets. */
function untilTaken(server, count) {
  return server.untilMetric(`${count} messages are read`,
    (now) => now.websocket_messages_received_total >= count);
}

/** Counts the clients that were closed in each tenth of the time from the first close to the last. */
async function histogram(clients) {
  const times = await Promise.all(
    clients.map((client) => client.untilClosed().then(() => Date.now())));
  const [first, last] = [Math.min(...times), Math.max(...times)];
  const tenths = Array(10).fill(0);
  for (const time of times) tenths[Math.min(9, Math.floor((10 * (time - first)) / (last - first)))]++;
  return { tenths, took: last - first };
}

test('spreads closes evenly, even after most clients have disconnected', async (t) => {
  const server = await startServer(t, { SHUTDOWN_TIMEOUT: '6', WORKER_THREADS: '2' });
  const clients = await openClients(t, server, 50);
  const others = await openClients(t, server, 450);
  for (const { socket } of others) socket.close();
  await Promise.all(others.map((other) => other.untilClosed()));
  await server.untilMetric('50 clients are left', (now) => now.current_connections_count <= 51);
  server.signal('SIGTERM');
  const { tenths, took } = await histogram(clients);
  t.diagnostic(`closes in each tenth of ${took} ms: ${tenths}`);
  assert.ok(took >= 2100, `it uses half of the time: ${took} ms`);
  assert.ok(Math.max(...tenths) <= 20, `${tenths}`);
  assert.ok(tenths.filter((count) => count > 0).length >= 6, `${tenths}`);
  for (const { closed } of clients) assert.equal(closed.code, 1001);
});

test('spreads closes over workers that have one client each', async (t) => {
  const server = await startServer(t, { SHUTDOWN_TIMEOUT: '6', WORKER_THREADS: '8' });
  const clients = await openClients(t, server, 8); // round-robin: each worker may have one
  server.signal('SIGTERM');
  await Promise.race(clients.map((client) => client.untilClosed()));
  const served = await Promise.all(
    clients.map((client) => client.roundTrip().then(() => true, () => false)));
  assert.ok(served.filter(Boolean).length >= 4, `still served: ${served}`);
  await Promise.all(clients.map((client) => client.untilClosed()));
});

test('closes a single client at once, whichever worker serves it', async (t) => {
  const server = await startServer(t, { SHUTDOWN_TIMEOUT: '600', WORKER_THREADS: '4' });
  const client = await openClient(t, server);
  server.signal('SIGTERM');
  await client.untilClosed(); // not a quarter of 420 s later
  assert.equal(client.closed.code, 1001);
});

test('answers publishes that wait for Redis before the Close', async (t) => {
  const redis = await startRedis(t);
  const server = await startServer(t, { ...redis.options, SHUTDOWN_TIMEOUT: '20' });
  const client = await openClient(t, server);
  await redis.freeze();
  const answers = numbered('m', 100).map((text) => client.publish('a', text));
  client.sendText(JSON.stringify(numbered('b', 3).map((message, id) => (
    { jsonrpc: '2.0', id: `b${id}`, method: 'publish', params: { topic: 'a', message } }))));
  await untilTaken(server, 101);
  server.signal('SIGTERM');
  await server.until('the drain begins', () => server.stderr.includes('event=draining'));
  redis.thaw();
  const ids = await Promise.all(answers);
  assert.equal(new Set(ids).size, 100);
  await client.untilClosed();
  assert.equal(client.closed.code, 1001);
  assert.ok(Array.isArray(client.received.at(-1)), 'the answers to the batch come last');
});

test('fails publishes within BROKER_TIMEOUT before the Close when Redis stays away', async (t) => {
  const redis = await startRedis(t);
  const options = { ...redis.options, BROKER_TIMEOUT: '1', SHUTDOWN_TIMEOUT: '20' };
  const server = await startServer(t, options);
  const client = await openClient(t, server);
  await redis.freeze();
  const refused = errorOf(client.publish('a', 'x'));
  await untilTaken(server, 1);
  server.signal('SIGTERM');
  assert.match((await refused).data, /outcome unknown/);
  await client.untilClosed();
  assert.equal(client.closed.code, 1001);
});

test('closes with 1001 and exits with 0 when Redis stays away until the end', async (t) => {
  const redis = await startRedis(t);
  const options = { ...redis.options, BROKER_TIMEOUT: '60', SHUTDOWN_TIMEOUT: '3' };
  const server = await startServer(t, options);
  const client = await openClient(t, server);
  const posting = await openSocket(t, server);
  await redis.freeze();
  client.notify('publish', { topic: 'a', message: 'x' });
  await untilTaken(server, 1);
  await posting.send(post('/a', 'x'));
  server.signal('SIGTERM');
  await client.untilClosed();
  assert.equal(client.closed.code, 1001);
  const answer = await posting.readResponse();
  assert.equal(answer.status, 503);
  assert.match(answer.body, /outcome unknown/);
  await posting.untilEnd();
});

test('reports no loss to a subscribe that waits for Redis until the Close', async (t) => {
  const redis = await startRedis(t);
  const options = { ...redis.options, BROKER_TIMEOUT: '1', SHUTDOWN_TIMEOUT: '5' };
  const server = await startServer(t, options);
  const client = await openClient(t, server);
  const leaving = await openWebSocket(t, server);
  const sinceEventId = await client.publish('a', 'x');
  const stream = await openStream(t, server, '/a');
  await redis.freeze();
  const resumed = await openStream(t, server, '/+', { 'Last-Event-ID': sinceEventId });
  const joined = await client.subscribe('+', { sinceEventId, gaps: true }, { confirmed: false });
  const batched = { jsonrpc: '2.0', id: 'b', method: 'subscribe', params: { topic: 'b', since: -1000 } };
  client.sendText(JSON.stringify([batched, { ...batched, id: 'c', params: { topic: 'c' } }]));
  await leaving.send(frame(OP.TEXT, JSON.stringify(batched)));
  await leaving.send(closeFrame(3000)); // at the client's own Close as well
  await untilTaken(server, 4);
  server.signal('SIGTERM');
  await client.untilClosed();
  assert.equal(client.closed.code, 1001);
  assert.equal((await errorOf(joined.answer)).phrase, 'closed', 'without an answer');
  assert.deepEqual(client.received.at(-1), [
    { id: 'c', jsonrpc: '2.0', result: { action: 'subscribe', status: 'ok', topic: 'c' } },
  ]);
  assert.equal((await leaving.readClose()).code, 3000);
  for (const each of [stream, resumed]) {
    await each.untilEnd();
    assert.deepEqual(each.events, []);
  }
});

test('waits for publishes of a client that has disconnected', async (t) => {
  const redis = await startRedis(t);
  const options = { ...redis.options, BROKER_TIMEOUT: '60', SHUTDOWN_TIMEOUT: '40' };
  const server = await startServer(t, options);
  const client = await openClient(t, server);
  await client.publish('a', 'before');
  await redis.freeze();
  const large = 'x'.repeat(500_000); // 20 MB: more than the sockets to Redis hold
  for (const message of numbered(large, 40)) client.notify('publish', { topic: 'a', message });
  await untilTaken(server, 41);
  client.socket.terminate();
  await server.untilMetric('the client is gone', (now) => now.current_connections_count <= 1);
  server.signal('SIGTERM');
  await server.until('the drain begins', () => server.stderr.includes('event=draining'));
  redis.thaw();
  await server.stop();
  assert.equal(await redis.command('XLEN', '{eventhub}:log:a'), '41');
});

test('answers requests that are incomplete when the drain begins, then closes', async (t) => {
  const server = await startServer(t, { SHUTDOWN_TIMEOUT: '20', WORKER_THREADS: '1' });
  const [half, fresh, idle] = await Promise.all(
    [1, 2, 3].map(() => openSocket(t, server)));
  await half.send(GET.slice(0, 10));
  await idle.send(GET);
  assert.equal((await idle.readResponse()).headers.connection, 'keep-alive');
  server.signal('SIGTERM');
  await idle.untilEnd(); // at once when the drain begins
  await Promise.all([half.send(GET.slice(10)), fresh.send(GET)]);
  for (const socket of [half, fresh]) {
    const { status, headers } = await socket.readResponse();
    assert.equal(status, 200);
    assert.equal(headers.connection, 'close');
    await socket.untilEnd();
  }
});

test('closes the connection after each answer from SIGTERM on', async (t) => {
  const server = await startServer(t, { DRAIN_DELAY: '4', SHUTDOWN_TIMEOUT: '5' });
  const socket = await openSocket(t, server);
  server.signal('SIGTERM');
  await server.untilReadiness(503);
  await socket.send(GET);
  assert.equal((await socket.readResponse()).headers.connection, 'close');
  await socket.untilEnd();
});

test('refuses an incomplete body at the end of the drain', async (t) => {
  // At 70 % of the time. The rest must be enough for this process to read the answer: then comes a reset.
  const server = await startServer(t, { SHUTDOWN_TIMEOUT: '6' });
  const socket = await openSocket(t, server);
  await socket.send(post('/a', 'whole').slice(0, -1));
  server.signal('SIGTERM');
  const { status, body } = await socket.readResponse();
  assert.equal(status, 503);
  assert.match(body, /not published/);
  await socket.untilEnd();
});

test('sends everything to event streams before it ends them', async (t) => {
  const server = await startServer(t);
  const stream = await openStream(t, server, '/a');
  const publisher = await openClient(t, server);
  await publisher.publishAll('a', numbered('m', 200));
  server.signal('SIGTERM');
  await stream.until('the end', () => stream.ended);
  assert.deepEqual(stream.texts, numbered('m', 200));
});

test('neither waits long for a client that ignores the Close nor resets it', async (t) => {
  // 95 % of 4 s leave time for one wait of 2 s, but not for two.
  const server = await startServer(t, { SHUTDOWN_TIMEOUT: '4' });
  const deaf = await openWebSocket(t, server);
  server.signal('SIGTERM');
  assert.equal((await deaf.readClose()).code, 1001);
  await server.stop();
  assert.match(server.stderr, /event=stopped reset=0/);
});

test('exits when SIGTERM comes at any moment of the start', async (t) => {
  const env = { BROKER: 'memory', LISTEN_ADDRESS: '127.0.0.1', LISTEN_PORT: '0' };
  for (let delay = 0; delay < 40; delay++) {
    const server = new Process(env);
    const due = Date.now() + delay;
    await eventually('the delay is over', () => Date.now() >= due);
    server.signal('SIGTERM');
    const { code, signal } = await server.untilExit();
    server.assertNoSanitizerReport();
    assert.ok(code === 0 || signal === 'SIGTERM', `${signal ?? code}: ${server.stderr}`);
  }
});
