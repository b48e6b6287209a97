// A publish with a key is executed once: a repeat on the same topic is answered with the first id.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { testOnBothBrokers } from './support/brokers.mjs';
import { httpPost } from './support/http.mjs';
import { SECRET, signToken } from './support/jwt.mjs';
import { startRedis } from './support/redis.mjs';
import { errorOf, openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';

for (const ENABLE_CACHE of ['true', 'false']) {
  testOnBothBrokers(`publishes once per key with ENABLE_CACHE=${ENABLE_CACHE}`, async (t, broker) => {
    const server = await startServer(t, { ...broker, ENABLE_CACHE });
    const client = await openClient(t, server);
    const other = await openClient(t, server);
    const all = await other.subscribe('#');

    const result = await client.call('publish', { topic: 'a', message: 'first', key: 'k' });
    assert.deepEqual(result, { action: 'publish', id: result.id, status: 'ok', topic: 'a' });
    for (const from of [client, other]) {
      assert.deepEqual(await from.call('publish', { topic: 'a', message: 'again', key: 'k' }),
        result);
    }
    assert.equal((await httpPost(server, '/a?key=k', 'again')).json.id, result.id);
    await client.publish('b', 'another topic', { key: 'k' });
    await client.publish('a', 'another key', { key: 'k ' });
    await client.publish('a', 'no key');
    await all.untilText('no key');
    assert.deepEqual(all.texts, ['first', 'another topic', 'another key', 'no key']);

    const now = await server.metrics();
    assert.equal(now.publish_count, 4);
    assert.equal(now.publish_repeats_total, 3);
  });
}

testOnBothBrokers('publishes once when many clients use a key at the same time', async (t, broker) => {
  const server = await startServer(t, broker);
  const clients = await Promise.all(Array.from({ length: 8 }, () => openClient(t, server)));
  const all = await clients[0].subscribe('#');
  const ids = await Promise.all(clients.flatMap((client) =>
    Array.from({ length: 25 }, () => client.publish('a', 'x', { key: 'the same' }))));
  assert.equal(new Set(ids).size, 1);
  await clients[0].publish('a', 'end');
  await all.untilText('end');
  assert.deepEqual(all.texts, ['x', 'end']);
});

testOnBothBrokers('does not count repeats against the rate limit', async (t, broker) => {
  const server = await startServer(t, { ...broker, DISABLE_AUTH: 'false', JWT_SECRET: SECRET });
  const rlimit = [{ topic: 't', max: 2, interval: 3600 }];
  const Authorization = signToken({ sub: 'a', write: ['#'], rlimit });
  const client = await openClient(t, server, { headers: { Authorization } });
  const statuses = [];
  for (const key of ['a', 'a', 'a', 'b', 'c', 'a', 'b', 'c']) {
    statuses.push((await client.call('publish', { topic: 't', message: 'x', key })).status);
  }
  const LIMITED = 'ERR_RATE_LIMIT_EXCEEDED';
  assert.deepEqual(statuses, ['ok', 'ok', 'ok', 'ok', LIMITED, 'ok', 'ok', LIMITED]);
});

test('valid and invalid keys', async (t) => {
  const server = await startServer(t);
  const client = await openClient(t, server);
  const good = ['x', ' ', '{"a":1}', 'a:b', 'ä'.repeat(32), 'k'.repeat(64), 'a\u0000b', '17'];
  for (const key of good) {
    await t.test(`accepts ${JSON.stringify(key)}`, async () => {
      const id = await client.publish('t', 'x', { key });
      assert.equal(await client.publish('t', 'x', { key }), id);
      const posted = await httpPost(server, `/t?key=${encodeURIComponent(key)}`, 'x');
      assert.equal(posted.json.id, id);
    });
  }
  const bad = ['', 'k'.repeat(65), 'ä'.repeat(33), 1, 0, true, null, ['k'], {}];
  for (const key of bad) {
    await t.test(`refuses ${JSON.stringify(key)}`, async () => {
      const error = await errorOf(client.call('publish', { topic: 't', message: 'x', key }));
      assert.equal(error.code, -32602);
      assert.match(error.data, /key/);
    });
  }
  for (const query of ['key=', `key=${'k'.repeat(65)}`, 'key=%ff', 'key=%4']) {
    await t.test(`answers 400 to ?${query}`, async () =>
      assert.equal((await httpPost(server, `/t?${query}`, 'x')).status, 400));
  }
});

test('stores keys in Redis for all nodes', async (t) => {
  const redis = await startRedis(t);
  const options = { ...redis.options, REDIS_PREFIX: 'hub' };
  const client = await openClient(t, await startServer(t, options));
  const elsewhere = await openClient(t, await startServer(t, options));
  const id = await client.publish('a/b', 'x', { key: 'my key' });
  assert.equal(await elsewhere.publish('a/b', 'x', { key: 'my key' }), id);
  assert.equal(await redis.command('GET', '{hub}:once:a/b:my key'), id);
  const ttl = Number(await redis.command('TTL', '{hub}:once:a/b:my key'));
  assert.ok(ttl > 200 && ttl <= 300, `${ttl}`);
});
