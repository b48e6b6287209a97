// Plain HTTP: health, readiness, metrics, CORS, and unknown routes.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { httpGet, httpRequest } from './support/http.mjs';
import { parsePrometheus } from './support/metrics.mjs';
import { openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { openSocket, requestHead } from './support/socket.mjs';

const UPSTREAM_METRICS = [
  'worker_count', 'publish_count', 'redis_connection_fail_count', 'redis_publish_delay_ms',
  'current_connections_count', 'total_connect_count', 'total_disconnect_count',
  'eventloop_delay_ms',
];

function assertJsonError(answer) {
  const { error } = JSON.parse(answer.body);
  assert.equal(typeof error, 'string');
  assert.notEqual(error, '');
}

test('routes', async (t) => {
  const server = await startServer(t, { DISABLE_AUTH: 'false' });

  await t.test('answers 200 to GET /healthz without a token', async () => {
    const answer = await httpGet(server, '/healthz');
    assert.equal(answer.status, 200);
    assert.match(answer.headers['content-type'], /^application\/json/);
    assert.deepEqual(JSON.parse(answer.body), { status: 'ok' });
  });

  await t.test('answers 200 to GET /readyz while the broker is connected', async () => {
    assert.equal((await httpGet(server, '/readyz')).status, 200);
  });

  await t.test('finds a route whatever its query is', async () => {
    assert.equal((await httpGet(server, '/healthz?from=balancer')).status, 200);
  });

  for (const path of ['/nowhere', '/healthz//', '/metrics/x', '/readyzz', '/']) {
    await t.test(`answers 404 to GET ${path}`, async () => {
      const answer = await httpGet(server, path);
      assert.equal(answer.status, 404);
      assertJsonError(answer);
    });
  }

  for (const path of ['/healthz/', '/readyz/', '/metrics/', '/metrics/?format=json']) {
    await t.test(`answers 200 to GET ${path}`, async () => {
      const [answer, plain] =
        [await httpGet(server, path), await httpGet(server, path.replace('/?', '?').replace(/\/$/, ''))];
      assert.equal(answer.status, 200);
      assert.equal(answer.headers['content-type'], plain.headers['content-type']);
    });
  }

  for (const path of ['/healthz', '/readyz', '/metrics']) {
    await t.test(`answers 405 to DELETE ${path} and names the allowed methods`, async () => {
      const answer = await httpRequest(server, 'DELETE', path);
      assert.equal(answer.status, 405);
      const allowed = answer.headers.allow.split(/, */);
      for (const method of ['GET', 'HEAD', 'OPTIONS']) assert.ok(allowed.includes(method), method);
      assertJsonError(answer);
    });
  }

  for (const path of ['/', '/some/topic', '/metrics']) {
    await t.test(`answers 204 with CORS fields to OPTIONS ${path}`, async () => {
      const answer = await httpRequest(server, 'OPTIONS', path, { Origin: 'https://app.example' });
      assert.equal(answer.status, 204);
      assert.equal(answer.body, '');
      assert.equal(answer.headers['access-control-allow-origin'], '*');
      const methods = answer.headers['access-control-allow-methods'].split(/, */);
      assert.deepEqual(methods.sort(), ['GET', 'OPTIONS', 'POST']);
      const headers = answer.headers['access-control-allow-headers'].toLowerCase().split(/, */);
      assert.deepEqual(headers.sort(),
        ['authorization', 'cache-control', 'content-type', 'last-event-id']);
    });
  }

  for (const path of ['/healthz', '/metrics', '/nowhere']) {
    await t.test(`answers HEAD ${path} like GET, without the body`, async (t) => {
      const socket = await openSocket(t, server);
      await socket.send(requestHead(`GET ${path} HTTP/1.1`, { Host: 'x' }));
      const got = await socket.readResponse();
      await socket.send(requestHead(`HEAD ${path} HTTP/1.1`, { Host: 'x' }) +
        requestHead('GET /healthz HTTP/1.1', { Host: 'x' }));
      const head = await socket.readResponse({ head: true });
      assert.equal(head.status, got.status);
      assert.equal(head.headers['content-type'], got.headers['content-type']);
      assert.ok(Number(head.headers['content-length']) > 0);
      // The next answer begins right after the head.
      assert.equal((await socket.readResponse()).body, '{"status":"ok"}');
    });
  }
});

test('metrics', async (t) => {
  const server = await startServer(t, { WORKER_THREADS: '2', PROMETHEUS_METRIC_PREFIX: 'hub_1' });

  await t.test('serves well-formed Prometheus text with the eight metrics of the C++ Eventhub', async () => {
    const answer = await httpGet(server, '/metrics');
    assert.equal(answer.status, 200);
    assert.match(answer.headers['content-type'], /^text\/plain;.*version=0\.0\.4/);
    const families = parsePrometheus(answer.body);
    for (const name of UPSTREAM_METRICS) assert.ok(families.has(`hub_1_${name}`), name);
    assert.equal(families.get('hub_1_worker_count').samples[0].value, 2);
    assert.ok(families.has('process_start_time_seconds'), 'metrics of the process have no prefix');
    for (const { samples } of families.values()) {
      for (const { labels } of samples) assert.equal(labels.instance, undefined);
    }
  });

  await t.test('serves the same metrics as JSON, without the prefix', async () => {
    const families = parsePrometheus((await httpGet(server, '/metrics')).body);
    const answer = await httpGet(server, '/metrics?format=json');
    assert.match(answer.headers['content-type'], /^application\/json/);
    const figures = JSON.parse(answer.body);
    const names = [...families.keys()].map((name) => name.replace(/^hub_1_/, ''));
    assert.deepEqual(Object.keys(figures).sort(), names.sort());
    assert.equal(figures.worker_count, 2);
  });

  await t.test('counts publishes, deliveries, subscriptions and connections', async (t) => {
    const before = await server.metrics();
    const client = await openClient(t, server);
    const subscription = await client.subscribe('counted/#');
    for (let i = 0; i < 3; i++) await client.publish('counted/topic', 'x');
    await subscription.untilCount(3);
    // Each scrape opens its own connection, which these two figures may include.
    const during = await server.metrics();
    assert.equal(during.publish_count - before.publish_count, 3);
    assert.equal(during.deliveries_total - before.deliveries_total, 3);
    assert.equal(during.subscriptions - before.subscriptions, 1);
    assert.ok(during.current_connections_count >= 1);
    assert.ok(during.total_connect_count > before.total_connect_count);
    client.socket.close();
    await client.untilClosed();
    await server.untilMetric('the client is counted as disconnected', (now) =>
      now.subscriptions === before.subscriptions &&
      now.disconnects_total.client > before.disconnects_total.client);
  });
});
