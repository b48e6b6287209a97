// METRICS_LISTEN_PORT: a port that serves health and metrics, and nothing else.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { httpGet, httpRequest } from './support/http.mjs';
import { metricsOf, startWithInternal } from './support/internal.mjs';
import { openClient } from './support/rpc.mjs';
import { runToExit, startServer } from './support/server.mjs';
import { handshake, openSocket, openWebSocket, requestHead } from './support/socket.mjs';
import { eventually } from './support/wait.mjs';

const PATHS = ['/healthz', '/readyz', '/metrics', '/metrics?format=json'];

test('serves health and metrics on the internal port only', async (t) => {
  const { server, internal } = await startWithInternal(t);
  for (const path of PATHS) {
    assert.equal((await httpGet(internal, path)).status, 200, path);
    assert.equal((await httpRequest(internal, 'HEAD', path)).status, 200, path);
    assert.equal((await httpGet(server, path)).status, 404, path);
  }
  assert.match(server.stderr, /event=metrics_listening address="?127\.0\.0\.1/);
});

test('treats the paths of health and metrics as topics on the public port', async (t) => {
  const { server } = await startWithInternal(t);
  const client = await openClient(t, server, { target: '/metrics' });
  const subscription = await client.subscribe('healthz');
  await httpRequest(server, 'POST', '/healthz', { 'Content-Length': '0' });
  await client.publish('healthz', 'a topic');
  await subscription.untilText('a topic');
});

test('other requests on the internal port', async (t) => {
  const { internal } = await startWithInternal(t);

  for (const path of ['/', '/nowhere', '/metrics/x', '/metrics//', '/Healthz']) {
    await t.test(`answers 404 to GET ${path}`, async () =>
      assert.equal((await httpGet(internal, path)).status, 404));
  }

  await t.test('answers 404 to a handshake', async (t) => {
    const socket = await openSocket(t, internal);
    await socket.send(handshake());
    assert.equal((await socket.readResponse()).status, 404);
  });

  await t.test('answers 404 to a request for a stream', async () => {
    const answer = await httpGet(internal, '/topic', { Accept: 'text/event-stream' });
    assert.equal(answer.status, 404);
  });

  await t.test('answers 404 or 405 to POST', async () => {
    const post = (path) => httpRequest(internal, 'POST', path, { 'Content-Length': '0' });
    assert.equal((await post('/topic')).status, 404);
    assert.equal((await post('/metrics')).status, 405);
  });
});

test('does not count connections to the internal port as clients', async (t) => {
  const { server, internal } = await startWithInternal(t,
    { MAX_CONNECTIONS: '1', WORKER_THREADS: '1' });
  const before = await metricsOf(internal);
  assert.equal(before.current_connections_count, 0);
  assert.equal(before.total_connect_count, 0);
  assert.equal(before.total_disconnect_count, 0);

  await openWebSocket(t, server);
  const refused = await openSocket(t, server);
  await refused.untilEnd();
  const after = await metricsOf(internal);
  assert.equal(after.current_connections_count, 1);
  assert.equal(after.refused_requests_total.too_many_connections, 1);

  await t.test('limits the connections to the internal port separately', async (t) => {
    const request = requestHead('GET /healthz HTTP/1.1', { Host: 'x' });
    const all = [];
    for (let i = 0; i < 64; i++) {
      all.push(await openSocket(t, internal));
      await all[i].send(request);
      assert.equal((await all[i].readResponse()).status, 200, `connection ${i}`);
    }
    const over = await openSocket(t, internal);
    await over.untilEnd();
    await all[0].send(request);
    assert.equal((await all[0].readResponse()).status, 200);
  });
});

test('expects no PROXY header on the internal port', async (t) => {
  const { internal } = await startWithInternal(t, { PROXY_PROTOCOL: 'true' });
  assert.equal((await httpGet(internal, '/metrics')).status, 200);
});

test('answers 503 to /readyz, and still 200 to /healthz, while it drains', async (t) => {
  const { server, internal } = await startWithInternal(t,
    { DRAIN_DELAY: '5', SHUTDOWN_TIMEOUT: '10' });
  server.signal('SIGTERM');
  await eventually('/readyz answers 503', () =>
    httpGet(internal, '/readyz').then(({ status }) => status === 503));
  assert.equal((await httpGet(internal, '/healthz')).status, 200);
});

test('exits with status 1 and names the port when the port is in use', async (t) => {
  const first = await startServer(t);
  const { code, stderr } = await runToExit({
    BROKER: 'memory', LISTEN_ADDRESS: '127.0.0.1', LISTEN_PORT: '0',
    METRICS_LISTEN_PORT: String(first.port),
  });
  assert.equal(code, 1);
  assert.match(stderr, new RegExp(`listen_failed .*port=${first.port}\\b`));
});
