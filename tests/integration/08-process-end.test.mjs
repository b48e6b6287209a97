// The end of the process, and running out of descriptors.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { frame, OP } from './support/frames.mjs';
import { httpGet } from './support/http.mjs';
import { numbered, openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { openSocket, openWebSocket, requestHead } from './support/socket.mjs';
import { eventually, SANITIZED, watchDelays } from './support/wait.mjs';

const SLACK_MS = SANITIZED ? 8000 : 1500;
const delayMs = watchDelays();

async function assertExitsWithin(server, ms, startedAt) {
  await server.stop(); // asserts the exit status, too
  const took = Date.now() - startedAt;
  assert.ok(took <= ms + SLACK_MS + delayMs(), `it took ${took} ms`);
}

test('exits at once on SIGTERM when there are no clients', async (t) => {
  const server = await startServer(t, { SHUTDOWN_TIMEOUT: '30' });
  server.signal('SIGTERM');
  await assertExitsWithin(server, 0, Date.now());
});

for (const signal of ['SIGTERM', 'SIGINT']) {
  test(`drains on ${signal}: answers 503, closes with 1001, exits with 0`, async (t) => {
    const server = await startServer(t, { DRAIN_DELAY: '3', SHUTDOWN_TIMEOUT: '4' });
    const clients = await Promise.all(Array.from({ length: 50 }, () => openClient(t, server)));
    const deaf = await openWebSocket(t, server); // never answers a Close
    const half = await openSocket(t, server);
    await half.send('GET / HTTP/1.1\r\n');
    const startedAt = Date.now();
    server.signal(signal);

    await server.untilReadiness(503); // it still accepts connections
    assert.match(JSON.parse((await httpGet(server, '/readyz')).body).error, /drain/i);
    assert.equal((await httpGet(server, '/healthz')).status, 200);
    assert.equal(clients.filter(({ closed }) => closed).length, 0, 'no client is closed yet');
    await clients[0].publish('a', 'still served');

    await Promise.all(clients.map((client) => client.untilClosed()));
    for (const { closed } of clients) assert.equal(closed.code, 1001);
    await Promise.all([deaf.untilEnd(), half.untilEnd()]);
    await assertExitsWithin(server, 7000, startedAt);
    await assert.rejects(httpGet(server, '/healthz'), 'the port is closed');
  });
}

test('delivers messages published before the drain before the Close', async (t) => {
  const server = await startServer(t);
  const client = await openClient(t, server);
  const subscription = await client.subscribe('last');
  const publisher = await openClient(t, server);
  await publisher.publishAll('last', numbered('m', 500));
  server.signal('SIGTERM');
  await client.untilClosed();
  assert.deepEqual(subscription.texts, numbered('m', 500));
  assert.equal(client.closed.code, 1001);
});

test('exits at once on a second SIGTERM', async (t) => {
  const server = await startServer(t, { DRAIN_DELAY: '60', SHUTDOWN_TIMEOUT: '60' });
  const client = await openClient(t, server);
  server.signal('SIGTERM');
  await server.untilReadiness(503);
  server.expectedCode = 1; // the status of a drain that was cut short
  server.signal('SIGTERM');
  await assertExitsWithin(server, 2000, Date.now());
  await client.untilClosed();
});

test('resets and counts a client that does not read in the end', async (t) => {
  const server = await startServer(t, { SHUTDOWN_TIMEOUT: '1', MAX_OUTPUT_QUEUE: '64m' });
  const slow = await openWebSocket(t, server);
  slow.socket.pause();
  const subscribe = { jsonrpc: '2.0', id: 1, method: 'subscribe', params: { topic: 'flood' } };
  await slow.send(frame(OP.TEXT, JSON.stringify(subscribe)));
  const publisher = await openClient(t, server);
  await server.untilMetric('the subscription', (now) => now.subscriptions === 1);
  await publisher.publishAll('flood', numbered('x'.repeat(100_000), 200), { window: 8 }); // 20 MB
  publisher.socket.terminate();
  server.signal('SIGTERM');
  await assertExitsWithin(server, 1000, Date.now());
  assert.match(server.stderr, /event=stopped reset=1/);
});

test('refuses connections beyond MAX_CONNECTIONS until there is room', async (t) => {
  const server = await startServer(t, { MAX_CONNECTIONS: '3', WORKER_THREADS: '1' });
  const clients = [];
  for (let i = 0; i < 3; i++) clients.push(await openClient(t, server));
  const refused = await openSocket(t, server);
  await refused.untilEnd();
  assert.equal(refused.received.length, 0);
  for (const client of clients) await client.roundTrip();
  clients[0].socket.close();
  await eventually('there is room again', () =>
    httpGet(server, '/healthz').then(({ status }) => status === 200, () => false));
});

/** CPU time used per second of wall time, in ms, measured over at least one second. */
async function cpuOfOneSecond(server) {
  const cpu = server.cpuMs();
  const startedAt = performance.now();
  await eventually('a second has passed', () => performance.now() >= startedAt + 1000);
  return ((server.cpuMs() - cpu) * 1000) / (performance.now() - startedAt);
}

test('uses no CPU while it is idle', async (t) => {
  const server = await startServer(t);
  await openClient(t, server);
  const used = await cpuOfOneSecond(server);
  assert.ok(used <= 50, `${used} ms of CPU in a second`);
});

test('waits without spinning when it runs out of descriptors', async (t) => {
  const server = await startServer(t, { WORKER_THREADS: '1' }, { ulimit: '-n 64' });
  const early = await openClient(t, server);
  const sockets = [];
  for (let i = 0; i < 120; i++) {
    const socket = await openSocket(t, server); // the kernel completes the connection in any case
    socket.send(requestHead('GET /healthz HTTP/1.1', { Host: 'x' })).catch(() => {});
    sockets.push(socket);
  }
  const answered = () => sockets.filter(({ received }) => received.length > 0);
  await eventually('requests are served', () => answered().length >= 20);
  assert.ok(answered().length < 64, 'not more than there are descriptors');

  const used = await cpuOfOneSecond(server);
  assert.ok(used <= 200, `${used} ms of CPU in a second`);
  await early.roundTrip();

  for (const { socket } of sockets) socket.destroy();
  await eventually('a new client is served', () =>
    httpGet(server, '/healthz').then(({ status }) => status === 200, () => false));
  await early.roundTrip();
});
