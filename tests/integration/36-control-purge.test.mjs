// DELETE /api/log/<topic>: what is deleted, on which nodes, and what readers from before are told.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { testOnBothBrokers } from './support/brokers.mjs';
import { ADMIN, api, OPTIONS, RIGHTS } from './support/control.mjs';
import { freeze } from './support/freeze.mjs';
import { httpRequest } from './support/http.mjs';
import { metricsOf } from './support/internal.mjs';
import { signToken } from './support/jwt.mjs';
import { startProxy } from './support/proxy.mjs';
import { startRedis } from './support/redis.mjs';
import { compareIds, openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { openStream } from './support/sse.mjs';
import { eventually } from './support/wait.mjs';

const READER = signToken({ read: ['#'] });
const READING = { headers: { Authorization: `Bearer ${READER}` } };
const purge = (server, path, how) => api(server, 'DELETE', `/api/log/${path}`, undefined, how);

/** Publishes the texts to the topic; resolves to the ids. */
async function publish(server, topic, ...texts) {
  const { json } = await api(server, 'POST', '/api/publish', texts.map((message) => ({ topic, message })));
  return json.results.map(({ id }) => id);
}

testOnBothBrokers('deletes the log of one topic', async (t, broker) => {
  const server = await startServer(t, { ...OPTIONS, ...broker, WORKER_THREADS: '2' });
  const client = await openClient(t, server, READING);
  const live = await client.subscribe('room/#', { gaps: true });
  const [start] = await publish(server, 'else', 'start');
  const ids = await publish(server, 'room/1', 'a', 'b', 'c');
  const [other] = await publish(server, 'room/2', 'other');
  await live.untilCount(4);
  const log = (topic, sinceEventId) => client.call('eventlog', { topic, sinceEventId });
  const subscribe = async (topic, params) => (await openClient(t, server, READING)).subscribe(topic, params);

  await t.test('and tells everyone who asks from before', async () => {
    const { status, json, headers } = await purge(server, 'room%2F1');
    assert.equal(status, 200);
    assert.equal(headers['cache-control'], 'no-store');
    assert.deepEqual(json, { removed: 3, complete: true });
    for (const id of [start, ids[0], ids[1]]) {
      const { items, recovered } = await log('room/1', id);
      assert.deepEqual([items, recovered], [[], false], id);
      assert.equal((await subscribe('room/1', { sinceEventId: id })).answer.recovered, false, id);
    }
    const pattern = await log('room/+', start);
    assert.deepEqual([pattern.items.map(({ id }) => id), pattern.recovered], [[other], false]);
    assert.equal((await subscribe('room/1', { latest: true })).answer.recovered, false);
    const stream = await openStream(t, server, '/room/1', { ...READING.headers, 'Last-Event-ID': ids[0] });
    await stream.until('it is told', () => stream.isIncomplete);
  });

  await t.test('but nobody who has everything', async () => {
    assert.equal((await log('room/1', ids[2])).recovered, true);
    assert.equal((await subscribe('room/1', { sinceEventId: ids[2] })).answer.recovered, true);
    assert.equal((await log('room/2', start)).recovered, true);
    assert.equal((await log('else', start)).recovered, true);
  });

  await t.test('once, and the ids go on', async () => {
    assert.deepEqual((await purge(server, 'room/1')).json, { removed: 0, complete: true });
    assert.deepEqual((await purge(server, 'no/such/topic')).json, { removed: 0, complete: true });
    const [next] = await publish(server, 'room/1', 'd');
    assert.ok(compareIds(next, other) > 0);
    const joined = await subscribe('room/1', { sinceEventId: ids[1] });
    await joined.untilText('d');
    assert.deepEqual([joined.answer.recovered, joined.texts], [false, ['d']]);
    const latest = await subscribe('room/1', { latest: true });
    await latest.untilText('d');
    assert.equal(latest.answer.recovered, true);
    await live.untilText('d');
    assert.deepEqual(live.texts, ['a', 'b', 'c', 'other', 'd'], 'no gap for those who were there');
    assert.match(server.stderr, /event=control op=purge peer=127\.0\.0\.1:\d+ sub=backend topic=room\/1\n/);
    assert.equal((await metricsOf(server)).control_requests_total, 7);
  });
});

test('on all nodes', async (t) => {
  const { options, port } = await startRedis(t);
  const proxy = await startProxy(t, port);
  const near = await startServer(t, { ...OPTIONS, ...options });
  const far = await startServer(t, { ...OPTIONS, ...options, REDIS_PORT: String(proxy.port) });
  const [start] = await publish(near, 'else', 'start');
  const held = await (await openClient(t, far, READING)).subscribe('held');
  await publish(near, 'held', 'one', 'two');
  await held.untilCount(2);
  const subscribe = async (topic, sinceEventId, how) =>
    (await openClient(t, far, READING)).subscribe(topic, { sinceEventId }, how);

  await t.test('from their memory', async () => {
    const before = await subscribe('held', held.ids[0]);
    assert.equal(before.answer.recovered, true);
    await before.untilCount(1);
    await far.untilMetric('an answer from memory', (now) => now.history_tail_total.hit > 0);
    assert.deepEqual((await purge(near, 'held')).json, { removed: 2, complete: true });
    const after = await subscribe('held', held.ids[0]);
    assert.equal(after.answer.recovered, false);
    assert.equal((await subscribe('held', held.ids[1])).answer.recovered, true);
    await publish(near, 'held', 'three');
    await after.untilText('three');
    assert.deepEqual(after.texts, ['three']);
  });

  await t.test('from an answer that is on its way', async () => {
    await publish(near, 'read', 'one', 'two');
    proxy.holdAnswersTo('log:read');
    const reader = await subscribe('read', start, { confirmed: false });
    await eventually('Redis has answered', () => proxy.hasHeld('"two"'));
    assert.deepEqual((await purge(near, 'read')).json, { removed: 2, complete: true });
    proxy.release();
    assert.equal((await reader.answer).recovered, false);
    await publish(near, 'read', 'three');
    await reader.untilText('three');
    assert.deepEqual(reader.texts, ['three']);
  });

  await t.test('also to a node that was away', async () => {
    const live = await (await openClient(t, far, READING)).subscribe('away', { gaps: true });
    proxy.cut();
    await far.untilReadiness(503);
    await publish(near, 'away', 'one');
    assert.deepEqual((await purge(near, 'away')).json, { removed: 1, complete: true });
    proxy.restore();
    await far.untilReadiness(200);
    await publish(near, 'away', 'two');
    await live.untilText('two');
    assert.deepEqual(live.messages.map(({ action, message }) => action ?? message), ['gap', 'two']);
  });

  await t.test('or says that it does not know', async () => {
    await freeze(far.child);
    const { json } = await purge(near, 'read').finally(() => far.child.kill('SIGCONT'));
    assert.deepEqual(json, { removed: 1, complete: false });
    assert.deepEqual((await purge(near, 'read')).json, { removed: 0, complete: true });
  });
});

test('says whether it was done when Redis fails', async (t) => {
  const redis = await startRedis(t);
  const proxy = await startProxy(t, redis.port);
  const server = await startServer(t, { ...OPTIONS, ...redis.options, REDIS_PORT: String(proxy.port), BROKER_TIMEOUT: '1' });
  await publish(server, 'a', 'one');
  proxy.holdAnswersTo('$metrics$/history');
  const answer = purge(server, 'a');
  await eventually('Redis has done it', () => proxy.isHolding);
  await redis.kill();
  const { status, json } = await answer;
  assert.deepEqual([status, json.error], [503, 'outcome unknown']);
  proxy.release();
  await server.untilReadiness(503);
  const away = await purge(server, 'a');
  assert.deepEqual([away.status, away.json.error], [503, 'nothing was removed']);
  assert.match(server.stderr, /event=control_refused op=purge .* status=503 why="nothing was removed"/);
  await redis.start();
  await server.untilReadiness(200);
  await eventually('a purge', async () => (await purge(server, 'a')).status === 200);
});

test('refused requests', async (t) => {
  const server = await startServer(t, { ...OPTIONS, BROKER: 'memory', MAX_HEADER_SIZE: '16k' });
  await publish(server, 'a', 'stays');
  const without = signToken({ read: ['#'], write: ['#'], admin: RIGHTS.filter((right) => right !== 'log') });
  const before = await metricsOf(server);
  const rows = [
    ['no token', 401, 'a', { token: null }],
    ['a token in the query', 401, `a?auth=${ADMIN}`, { token: null }],
    ['a token without the right', 403, 'a', { token: without }],
    ['a token without admin', 403, 'a', { token: READER }],
    ['a pattern', 400, 'a/%23'], ['a pattern', 400, '+'], ['a pattern', 400, '%2B/a'], ['no topic', 400, ''],
    ['half an escape', 400, 'a%2'], ['a NUL', 400, 'a%00'], ['a space', 400, 'a%20b'], ['a slash at the end', 400, 'a/'],
    ['an escaped slash at the end', 400, 'a%2F'], ['not UTF-8', 400, 'a%ff'], ['encoded twice', 400, 'a%252Fb'],
    ['257 bytes', 400, 'x'.repeat(257)], ['10 kB', 400, 'x'.repeat(10_000)],
    ['a compressed body', 415, 'a', { headers: { 'Content-Encoding': 'gzip' } }],
  ];
  for (const [name, status, path, how] of rows) {
    await t.test(`answers ${status} to ${name} (${path.slice(0, 9)})`, async () => {
      const answer = await purge(server, path, how);
      assert.equal(answer.status, status, answer.body);
      assert.equal(answer.headers['access-control-allow-origin'], undefined);
    });
  }
  assert.match((await purge(server, 'a/%23')).json.error, /not a pattern/);

  await t.test('answers 405 to other methods, and 404 to other paths', async () => {
    for (const method of ['GET', 'POST', 'PUT', 'OPTIONS']) {
      const { status, headers } = await api(server, method, '/api/log/a');
      assert.deepEqual([status, headers.allow], [405, 'DELETE'], method);
    }
    for (const path of ['/api/log', '/api/logs/a', '/api/%6Cog/a', '/api%2Flog/a']) {
      const { status } = await httpRequest(server, 'DELETE', path, { Authorization: `Bearer ${ADMIN}` });
      assert.ok(status === 404 || (path.startsWith('/api%') && status === 405), `${status} ${path}`);
    }
  });

  await t.test('counts and logs them, and deletes nothing', async () => {
    const after = await metricsOf(server);
    const grown = (reason) => after.refused_requests_total[reason] - before.refused_requests_total[reason];
    assert.equal(after.control_requests_total, before.control_requests_total);
    assert.deepEqual([grown('unauthorized'), grown('not_allowed')], [2, 2]);
    assert.ok(grown('invalid_params') >= 14);
    assert.match(server.stderr, /event=control_refused op=purge .* status=403 why="the token's claim admin must list/);
    assert.ok(!server.stderr.includes(ADMIN.split('.')[2]), 'no token is logged');
    const client = await openClient(t, server, READING);
    const { items } = await client.call('eventlog', { topic: 'a', since: -60_000 });
    assert.deepEqual(items.map(({ message }) => message), ['stays']);
  });
});
