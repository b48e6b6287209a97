// The key/value store: get, set and del on both brokers.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { testOnBothBrokers } from './support/brokers.mjs';
import { SECRET, signToken } from './support/jwt.mjs';
import { startRedis } from './support/redis.mjs';
import { errorOf, openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { eventually } from './support/wait.mjs';

const LONGEST = 'k'.repeat(256);

async function assertMissing(client, key) {
  const error = await errorOf(client.call('get', { key }));
  assert.equal(error.code, -32602);
  assert.equal(error.phrase, 'Invalid params');
  assert.ok(error.data.includes(`no key "${key}"`), error.data);
}

testOnBothBrokers('get, set and del', async (t, broker) => {
  const server = await startServer(t, broker);
  const client = await openClient(t, server);
  const other = await openClient(t, server);

  await t.test('answers all three methods', async () => {
    assert.deepEqual(await client.call('set', { key: 'a/b', value: 'one' }),
      { action: 'set', key: 'a/b', success: true });
    assert.deepEqual(await other.call('get', { key: 'a/b' }),
      { action: 'get', key: 'a/b', value: 'one' });
    assert.deepEqual(await other.call('del', { key: 'a/b' }),
      { action: 'del', key: 'a/b', success: true });
    assert.deepEqual(await client.call('del', { key: 'a/b' }),
      { action: 'del', key: 'a/b', success: false });
    await assertMissing(client, 'a/b');
  });

  await t.test('accepts method names in any case', async () => {
    await client.call('SET', { key: 'case', value: 'x' });
    assert.equal((await client.call('Get', { key: 'case' })).value, 'x');
    assert.equal((await client.call('dEL', { key: 'case' })).success, true);
  });

  const values = [
    ['no bytes', ''], ['U+0000', 'a\u0000b'], ['quotes', '"\\'], ['beyond the BMP', '🎈€ä'],
    ['JSON', '{"a":[1]}'], ['100,000 bytes', 'x'.repeat(100_000)],
  ];
  for (const [name, value] of values) {
    await t.test(`returns a value of ${name} unchanged`, async () => {
      await client.call('set', { key: 'value', value });
      assert.equal((await client.call('get', { key: 'value' })).value, value);
    });
  }

  await t.test('accepts keys as long as topics', async () => {
    await client.call('set', { key: LONGEST, value: 'x' });
    assert.equal((await client.call('get', { key: LONGEST })).value, 'x');
  });

  await t.test('removes a key after its ttl unless it is set again without one', async () => {
    const [, short] = await Promise.all([ // at once, before it expires
      client.call('set', { key: 'short', value: 'x', ttl: 1 }),
      client.call('get', { key: 'short' }),
    ]);
    assert.equal(short.value, 'x');
    await client.call('set', { key: 'kept', value: 'x', ttl: 1 });
    await client.call('set', { key: 'kept', value: 'y', ttl: 0 });
    await client.call('set', { key: 'year', value: 'x', ttl: 31_536_000 });
    await eventually('short has expired', async () =>
      (await client.request('get', { key: 'short' })).error);
    assert.equal((await client.call('get', { key: 'kept' })).value, 'y');
    assert.equal((await client.call('get', { key: 'year' })).value, 'x');
  });

  await t.test('executes the requests of a client in order', async () => {
    const gets = [];
    for (let i = 0; i < 200; i++) {
      client.notify('set', { key: 'order', value: `${i}` });
      gets.push(client.call('get', { key: 'order' }));
    }
    const seen = (await Promise.all(gets)).map(({ value }) => value);
    assert.deepEqual(seen, Array.from({ length: 200 }, (_, i) => `${i}`));
  });

  await t.test('executes notifications without an answer', async () => {
    const before = client.received.length;
    client.notify('set', { key: 'silent', value: 'x' });
    client.notify('get', { key: 'silent' });
    client.notify('get', { key: 'missing' });
    assert.equal((await client.call('get', { key: 'silent' })).value, 'x');
    client.notify('del', { key: 'silent' });
    await assertMissing(client, 'silent');
    assert.equal(client.received.length, before + 2);
  });

  await t.test('neither delivers nor logs changes of keys', async () => {
    const all = await other.subscribe('#');
    await client.call('set', { key: 'topic', value: 'x' });
    await client.publish('topic', 'message');
    await all.untilText('message');
    assert.deepEqual(all.texts, ['message']);
  });
});

test('parameters of get, set and del', async (t) => {
  const server = await startServer(t);
  const client = await openClient(t, server);
  const badKeys = ['', '/', 'a/', '/a', 'a b', 'a:b', 'ä', 'a\u0000b', 'a/+', '#', '*',
    `${LONGEST}k`, 1, null, true, ['a'], {}];
  const cases = [
    ...['get', 'set', 'del'].flatMap((method) => [
      ...badKeys.map((key) => [method, { key, value: 'x' }, /key/]),
      [method, {}, /key/], [method, [], null], [method, ['a'], null], [method, undefined, null],
    ]),
    ['set', { key: 'a' }, /value/],
    ...[1, null, true, ['x'], { x: 1 }].map((value) => ['set', { key: 'a', value }, /value/]),
    ...[-1, 31_536_001, 1.5, '60', true].map((ttl) =>
      ['set', { key: 'a', value: 'x', ttl }, /ttl/]),
  ];
  for (const [method, params, named] of cases) {
    await t.test(`refuses ${method} ${JSON.stringify(params)?.slice(0, 60) ?? 'without params'}`, async () => {
      const error = await errorOf(client.call(method, params));
      assert.equal(error.code, -32602);
      assert.equal(error.phrase, 'Invalid params');
      if (named) assert.match(error.data, named);
    });
  }
  await assertMissing(client, 'a');
});

test('checks the rights to read and write a key', async (t) => {
  const server = await startServer(t, { DISABLE_AUTH: 'false', JWT_SECRET: SECRET });
  const as = (claims) => openClient(t, server, { headers: { Authorization: signToken(claims) } });
  const writer = await as({ write: ['w/#'] });
  const reader = await as({ read: ['w/+'] });

  await writer.call('set', { key: 'w/1', value: 'x' });
  await writer.call('set', { key: 'w/1/2', value: 'x' });
  assert.equal((await reader.call('get', { key: 'w/1' })).value, 'x');
  const refused = [
    [writer, 'get', 'w/1'], [writer, 'set', 'v'], [writer, 'del', 'v'],
    [reader, 'get', 'w/1/2'], [reader, 'set', 'w/1'], [reader, 'del', 'w/1'],
  ];
  for (const [client, method, key] of refused) {
    const error = await errorOf(client.call(method, { key, value: 'y' }));
    assert.equal(error.code, -32602);
    assert.equal(error.phrase, 'Not allowed');
    assert.ok(error.data.includes(key), error.data);
  }
  assert.equal((await reader.call('get', { key: 'w/1' })).value, 'x');
  await writer.call('del', { key: 'w/1' });
});

test('refuses all three methods with ENABLE_KVSTORE=false', async (t) => {
  const client = await openClient(t, await startServer(t, { ENABLE_KVSTORE: 'false' }));
  for (const method of ['get', 'set', 'del']) {
    const error = await errorOf(client.call(method, { key: 'a', value: 'x' }));
    assert.equal(error.code, -32602);
    assert.match(error.data, /ENABLE_KVSTORE/);
  }
  await client.publish('a', 'x');
});

test('refuses set and keeps all values when the store is full', async (t) => {
  const server = await startServer(t, { MEMORY_LIMIT: '1m' });
  const client = await openClient(t, server);
  const value = 'x'.repeat(100_000);
  let error;
  let stored = 0;
  while (!error) {
    ({ error } = await client.request('set', { key: `k/${stored}`, value }));
    if (!error) stored++;
  }
  assert.equal(error.code, -32603);
  assert.match(error.data, /memory is full/);
  assert.ok(stored >= 4 && stored <= 6, `${stored}`);
  for (let i = 0; i < stored; i++) {
    assert.equal((await client.call('get', { key: `k/${i}` })).value, value);
  }
  await assertMissing(client, `k/${stored}`);
  await client.call('del', { key: 'k/0' });
  await client.call('set', { key: `k/${stored}`, value });
  await client.publish('t', 'messages have their own share');
  const { items } = await client.call('eventlog', { topic: 't', since: -60_000 });
  assert.equal(items.length, 1);
});

testOnBothBrokers('answers many requests for large values at once', async (t, broker) => {
  const options = { MAX_OUTPUT_QUEUE: '1m', MAX_MESSAGE_SIZE: '256k' };
  const client = await openClient(t, await startServer(t, { ...broker, ...options }));
  const value = 'v'.repeat(100_000);
  await client.call('set', { key: 'large', value });
  const gets = Array.from({ length: 100 }, () => client.call('get', { key: 'large' })); // 10 MB
  for (const answer of await Promise.all(gets)) assert.equal(answer.value, value);
});

test('values in Redis', async (t) => {
  const redis = await startRedis(t);
  const options = { ...redis.options, BROKER_TIMEOUT: '1', REDIS_PREFIX: 'hub' };
  const client = await openClient(t, await startServer(t, options));
  const elsewhere = await openClient(t, await startServer(t, options));

  await t.test('stores plain strings with an expiry for all nodes', async () => {
    await client.exchange('{"jsonrpc":"2.0","id":"set","method":"set",'
      + '"params":{"key":"a/b","value":"x","ttl":100.0}}');
    assert.equal(await redis.command('GET', '{hub}:kv:a/b'), 'x');
    const ttl = Number(await redis.command('TTL', '{hub}:kv:a/b'));
    assert.ok(ttl > 90 && ttl <= 100, `${ttl}`);
    assert.equal((await elsewhere.call('get', { key: 'a/b' })).value, 'x');
    await client.call('set', { key: 'a/b', value: 'y' });
    assert.equal(await redis.command('TTL', '{hub}:kv:a/b'), '-1');
    await redis.command('SET', '{hub}:kv:a/b', 'from outside');
    assert.equal((await client.call('get', { key: 'a/b' })).value, 'from outside');
  });

  await t.test('answers an error for a key that does not hold text', async () => {
    await redis.command('BITFIELD', '{hub}:kv:bits', 'SET', 'u8', '0', '255');
    assert.match((await errorOf(client.call('get', { key: 'bits' }))).data, /does not hold text/);
    await redis.command('RPUSH', '{hub}:kv:list', 'x');
    assert.equal((await errorOf(client.call('get', { key: 'list' }))).code, -32603);
    await client.call('set', { key: 'list', value: 'x' });
    assert.equal((await client.call('get', { key: 'list' })).value, 'x');
  });

  await t.test('answers errors while Redis is away', async () => {
    await redis.kill();
    for (const method of ['get', 'set', 'del']) {
      const error = await errorOf(client.call(method, { key: 'a', value: 'x' }));
      assert.equal(error.code, -32603);
    }
    await redis.start();
    await eventually('Redis is back', async () =>
      (await client.request('set', { key: 'a', value: 'x' })).result);
    assert.equal((await elsewhere.request('get', { key: 'a' })).result?.value ?? 'x', 'x');
  });
});
