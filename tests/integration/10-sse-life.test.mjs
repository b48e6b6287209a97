// Long-lived event streams: pings, clients that do not read, draining, outages of Redis.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { httpPost } from './support/http.mjs';
import { startRedis } from './support/redis.mjs';
import { numbered, openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { openStream } from './support/sse.mjs';

const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always'];

test('sends pings as comments and keeps a stream that never answers', async (t) => {
  const server = await startServer(t, { PING_INTERVAL: '1' });
  const stream = await openStream(t, server, '/a');
  for (let i = 0; i < 4; i++) await stream.untilPing();
  assert.match(stream.text, /^:ok\n\nretry: \d+\n\nid: \d+-\d+\n\n(:\n\n){4}/);
  await (await openClient(t, server)).publish('a', 'still here');
  await stream.untilText('still here');
});

test('tells each stream another time to wait before it reconnects', async (t) => {
  const server = await startServer(t);
  const times = new Set();
  for (let i = 0; i < 16; i++) {
    const stream = await openStream(t, server, '/a');
    const ms = await stream.until('the time', () => stream.retry);
    assert.ok(ms >= 1000 && ms <= 5000, `${ms}`);
    times.add(ms);
  }
  assert.ok(times.size >= 4, [...times].join(' ')); // 16 times out of 4001
});

test('drops a stream that is not read, and delays nobody else', async (t) => {
  const server = await startServer(t, { MAX_OUTPUT_QUEUE: '256k', MAX_CACHE_LENGTH: '10' });
  const slow = await openStream(t, server, '/flood');
  const reader = await openStream(t, server, '/flood');
  slow.socket.socket.pause();
  const publisher = await openClient(t, server);
  const filler = 'x'.repeat(64 * 1024);
  let count = 0;
  await server.untilMetric('the slow stream is dropped', async (now) => {
    if (now.disconnects_total.slow_reader === 1) return true;
    for (let i = 0; i < 3; i++) await publisher.publish('flood', `${count++} ${filler}`);
    await reader.untilCount(count); // or this one might become slow, too
    return false;
  });
  assert.deepEqual(reader.texts.map((text) => parseInt(text, 10)),
    Array.from({ length: count }, (_, i) => i));
  slow.socket.socket.resume();
  await slow.untilEnd();
  assert.ok(slow.messages.length < count);
  slow.texts.forEach((text, i) => assert.equal(parseInt(text, 10), i));
});

test('drops a stream from which nothing is read for two ping intervals', async (t) => {
  const server = await startServer(t, {
    PING_INTERVAL: '1', MAX_OUTPUT_QUEUE: '64m', MAX_CACHE_LENGTH: '1',
  });
  const dead = await openStream(t, server, '/flood');
  dead.socket.socket.pause(); // the TCP window closes and stays closed
  for (const text of numbered('x'.repeat(500_000), 24)) { // with POST: no other client can be dropped
    assert.equal((await httpPost(server, '/flood', text)).status, 200);
  }
  await server.untilMetric('the stream is dropped', (now) => now.disconnects_total.timeout === 1);
  assert.equal((await server.metrics()).disconnects_total.slow_reader, 0);
});

test('delivers published messages before a drain ends streams', async (t) => {
  const server = await startServer(t);
  const publisher = await openClient(t, server);
  const stream = await openStream(t, server, '/a');
  await publisher.publish('a', 'last');
  await stream.untilText('last');
  server.signal('SIGTERM');
  await stream.untilEnd();
});

test('lets streams resume after a restart of the server', async (t) => {
  const redis = await startRedis(t);
  const first = await startServer(t, redis.options);
  const publisher = await openClient(t, first);
  const before = await openStream(t, first, '/kept/%23');
  const ids = await publisher.publishAll('kept/1', numbered('m', 10));
  await before.untilCount(10);
  await first.stop();
  await before.untilEnd();

  const second = await startServer(t, redis.options);
  await (await openClient(t, second)).publish('kept/2', 'while away');
  const after = await openStream(t, second, '/kept/%23', { 'Last-Event-ID': before.lastId });
  await after.untilText('while away');
  assert.deepEqual(after.texts, ['while away']);
  assert.ok(!after.isIncomplete);

  const middle = await openStream(t, second, '/kept/%23', { 'Last-Event-ID': ids[4] });
  await middle.untilText('while away');
  assert.deepEqual(middle.texts, [...numbered('m', 5, 5), 'while away']);
});

test('keeps and opens streams while Redis is away', async (t) => {
  const redis = await startRedis(t, { args: DURABLE });
  const server = await startServer(t, redis.options);
  const publisher = await openClient(t, server);
  const stays = await openStream(t, server, '/away');
  const begin = await publisher.publish('away', 'before');
  await publisher.publish('away', 'logged');
  await stays.untilText('logged');
  await redis.kill();
  await server.untilReadiness(503);

  const plain = await openStream(t, server, '/away');
  const joins = await openStream(t, server, '/away', { 'Last-Event-ID': begin });
  assert.equal(joins.text, `:ok\n\nretry: ${joins.retry}\n\nid: ${begin}\n\n`,
    'the stream is open and waits for the log');

  await redis.start();
  await server.untilReadiness(200);
  await publisher.publish('away', 'after');
  for (const [stream, want] of [
    [stays, ['before', 'logged', 'after']], [plain, ['after']], [joins, ['logged', 'after']],
  ]) {
    await stream.untilText('after');
    assert.deepEqual(stream.texts, want);
  }
});

test('sends a message of another implementation without an id to resume from', async (t) => {
  const redis = await startRedis(t);
  const server = await startServer(t, redis.options);
  const stream = await openStream(t, server, '/mixed');
  const json = await openStream(t, server, '/mixed?format=json');
  const ours = await (await openClient(t, server)).publish('mixed', 'ours');
  await stream.untilText('ours');
  const legacy = { id: '9999999999999-0', message: 'line\n"two"', topic: 'mixed' };
  await redis.command('PUBLISH', 'eventhub:mixed', JSON.stringify(legacy));
  await stream.untilCount(2);
  await json.untilCount(2);
  assert.deepEqual(stream.messages[1], { id: undefined, event: 'message', data: legacy.message });
  assert.deepEqual(JSON.parse(json.texts[1]), legacy);
  assert.equal(stream.lastId, ours);
});
