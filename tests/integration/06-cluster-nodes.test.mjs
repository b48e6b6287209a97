// Several nodes on one Redis act as one Eventhub.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startProxy } from './support/proxy.mjs';
import { temporaryFiles } from './support/files.mjs';
import { startRedis } from './support/redis.mjs';
import { assertIncreasing, compareIds, numbered, openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { eventually, scaled } from './support/wait.mjs';

async function startNodes(t, options = {}) {
  const redis = await startRedis(t);
  const all = { ...redis.options, ...options };
  const nodes = await Promise.all([startServer(t, all), startServer(t, all)]);
  return { redis, nodes };
}

test('two nodes', async (t) => {
  const { nodes } = await startNodes(t);
  const [a, b] = await Promise.all(nodes.map((node) => openClient(t, node)));

  await t.test('delivers a message published on one node to clients of the other', async () => {
    const subscription = await b.subscribe('across/#');
    const id = await a.publish('across/1', 'hello');
    await subscription.untilCount(1);
    assert.deepEqual(subscription.messages, [{ id, message: 'hello', topic: 'across/1' }]);
  });

  await t.test('answers from the same log on both nodes', async () => {
    const begin = await a.publish('shared', 'begin');
    await a.publishAll('shared', numbered('of a', 5));
    await b.publishAll('shared', numbered('of b', 5));
    const [ofA, ofB] = await Promise.all([a, b].map((client) =>
      client.call('eventlog', { topic: 'shared', sinceEventId: begin })));
    assert.deepEqual(ofA, ofB);
    assert.deepEqual(ofA.items.map(({ message }) => message),
      [...numbered('of a', 5), ...numbered('of b', 5)]);
  });

  await t.test('delivers messages in the same order on both nodes', async () => {
    const each = scaled(2000);
    const seen = await Promise.all([a, b].map((client) => client.subscribe('order/#')));
    const published = await Promise.all([a, b].map((client, i) =>
      client.publishAll(`order/${i}`, numbered(`n${i}`, each))));
    const expected = published.flat().sort(compareIds);
    assertIncreasing(expected);
    for (const subscription of seen) {
      await subscription.untilCount(expected.length);
      assert.deepEqual(subscription.ids, expected);
    }
  });

  await t.test('lets a client resume on the other node', async (t) => {
    const first = await openClient(t, nodes[0]);
    const before = await first.subscribe('moving');
    await b.publish('moving', 'one');
    await before.untilCount(1);
    first.socket.terminate();
    await b.publish('moving', 'two');
    const second = await openClient(t, nodes[1]);
    const after = await second.subscribe('moving', { sinceEventId: before.ids[0] });
    await b.publish('moving', 'three');
    await after.untilText('three');
    assert.deepEqual(after.texts, ['two', 'three']);
  });
});

test('separates deployments on one Redis by REDIS_PREFIX', async (t) => {
  const redis = await startRedis(t);
  const prefixes = ['one', 'one*', 'on[e]', 'one:two', 'one:two:three', 'on', 'one^', 'one\\', 'o?e'];
  const servers = [];
  const clients = [];
  for (const REDIS_PREFIX of prefixes) {
    const server = await startServer(t, { ...redis.options, REDIS_PREFIX });
    servers.push(server);
    clients.push(await openClient(t, server));
  }
  const all = await Promise.all(clients.map((client) => client.subscribe('#')));
  for (const begin of ['', 'end of ']) {
    for (const [i, client] of clients.entries()) {
      await client.publish('topic', begin + prefixes[i]);
    }
  }
  for (const [i, subscription] of all.entries()) {
    await subscription.untilText(`end of ${prefixes[i]}`);
    assert.deepEqual(subscription.texts, [prefixes[i], `end of ${prefixes[i]}`]);
    assert.equal((await clients[i].call('presence', { topic: '#' })).count, 1);
    const log = await clients[i].call('eventlog', { topic: '#', since: -60_000 });
    assert.deepEqual(log.items.map(({ message }) => message), subscription.texts);
  }
  for (const server of servers) {
    const { broker_messages_invalid_total: invalid, broker_messages_received_total: received } =
      await server.metrics();
    assert.deepEqual({ invalid, received }, { invalid: 0, received: 2 });
  }
});

test('delivers everything when feeds are cut while messages are published', async (t) => {
  const { redis, nodes } = await startNodes(t, { MAX_CACHE_LENGTH: '0' });
  const [a, b] = await Promise.all(nodes.map((node) => openClient(t, node)));
  const seen = await Promise.all([a, b].map((client) => client.subscribe('cut/#')));
  const total = scaled(5000);
  const publisher = await openClient(t, nodes[0]);
  const publishing = publisher.publishAll('cut/topic', numbered('m', total));
  let killed = 0;
  for (let i = 1; i <= 5; i++) {
    await seen[0].untilCount(Math.floor((total * i) / 6));
    killed += Number(await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub'));
  }
  const ids = await publishing;
  assert.ok(killed >= 5, `${killed} feeds were killed`);
  for (const subscription of seen) {
    await subscription.untilCount(total);
    assert.deepEqual(subscription.ids, ids);
    assert.deepEqual(subscription.texts, numbered('m', total));
  }
});

test('replays missed messages in order, once, after a separation from Redis', async (t) => {
  const redis = await startRedis(t);
  const proxy = await startProxy(t, redis.port);
  const options = { ...redis.options, MAX_CACHE_LENGTH: '0', BROKER_TIMEOUT: '1' };
  const a = await startServer(t, options);
  const b = await startServer(t, { ...options, REDIS_PORT: String(proxy.port) });
  const publisher = await openClient(t, a);
  const subscriber = await openClient(t, b);
  const topic = await subscriber.subscribe('parted/1');
  const pattern = await subscriber.subscribe('parted/+');
  await publisher.publish('parted/1', 'before');
  await pattern.untilText('before');

  proxy.cut();
  await b.untilReadiness(503);
  const sent = [];
  for (let i = 0; i < 1200; i++) sent.push({ topic: `parted/${i % 3}`, message: `m ${i}` });
  await Promise.all(sent.map(({ topic: to, message }) => publisher.publish(to, message)));
  assert.deepEqual(pattern.texts, ['before']);

  proxy.restore();
  await b.untilReadiness(200);
  await publisher.publish('parted/1', 'after');
  await Promise.all([topic.untilText('after'), pattern.untilText('after')]);
  const texts = sent.map(({ message }) => message);
  assert.deepEqual(pattern.texts, ['before', ...texts, 'after']);
  assert.deepEqual(topic.texts, ['before', ...texts.filter((_, i) => i % 3 === 1), 'after']);
  assertIncreasing(pattern.ids);
});

test('continues with what the log still holds after a long separation from Redis', async (t) => {
  const redis = await startRedis(t);
  const proxy = await startProxy(t, redis.port);
  const options = { ...redis.options, MAX_CACHE_LENGTH: '10' };
  const publisher = await openClient(t, await startServer(t, options));
  const b = await startServer(t, { ...options, REDIS_PORT: String(proxy.port) });
  const subscription = await (await openClient(t, b)).subscribe('long');
  await publisher.publish('long', 'before');
  await subscription.untilText('before');
  proxy.cut();
  await b.untilReadiness(503);
  await publisher.publishAll('long', numbered('m', 100));
  proxy.restore();
  await b.untilReadiness(200);
  await publisher.publish('long', 'after');
  await subscription.untilText('after');
  const [first, ...replayed] = subscription.texts;
  assert.equal(first, 'before');
  assert.deepEqual(replayed, [...numbered('m', 100), 'after'].slice(-replayed.length));
  assert.ok(replayed.length >= 10, 'the messages that the log still held');
});

test('delivers live messages of a C++ node with the same prefix unchanged', async (t) => {
  const redis = await startRedis(t);
  const server = await startServer(t, redis.options);
  const client = await openClient(t, server);
  const subscription = await client.subscribe('legacy/#');
  const say = (topic, message) => redis.command('PUBLISH', `eventhub:${topic}`, message);
  const legacy = (id, message, topic = 'legacy/1') => JSON.stringify({ id, message, topic });

  const junk = [
    '', 'junk', '{', '[]', '{}', '1', legacy('no-id', 'x'), legacy('1-1', 7),
    legacy('1-1', 'x', 'legacy/other'), legacy('1-1', 'x', 'legacy/+'), '['.repeat(100_000),
  ];
  for (const message of junk) await say('legacy/1', message);
  await say('$metrics$/host', 'x');
  await say('legacy/1', legacy('1574843571767-0', 'first'));
  await say('legacy/1', legacy('1574843571766-5', 'older id'));
  await client.publish('legacy/1', 'ours');
  await say('legacy/1', legacy('1574843571766-6', 'last'));
  await subscription.untilText('last');
  assert.deepEqual(subscription.texts, ['first', 'older id', 'ours', 'last']);
  assert.deepEqual(subscription.messages[0],
    { id: '1574843571767-0', message: 'first', topic: 'legacy/1' });
  const now = await server.metrics();
  assert.equal(now.broker_messages_invalid_total, junk.length);
  assert.equal(now.broker_messages_foreign_total, 3);
});

test('ignores a forged id, so that later messages are delivered', async (t) => {
  const redis = await startRedis(t);
  const server = await startServer(t, redis.options);
  const client = await openClient(t, server);
  const subscription = await client.subscribe('a');
  const forge = (id) => redis.command('PUBLISH', 'eventhub:a',
    JSON.stringify({ id, message: 'forged', topic: 'a', v: 1 }));

  await client.publish('a', 'before');
  for (const ms of [`${Date.now() + 7_200_000}`, '9007199254740993', '18446744073709551615']) {
    await forge(`${ms}-0`);
  }
  await client.publish('a', 'after');
  await subscription.untilText('after');
  assert.equal((await server.metrics()).broker_messages_invalid_total, 3);

  await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
  await server.untilMetric('the feed joins again', (now) =>
    now.redis_connection_fail_count >= 1 && now.broker_connected === 1);
  const id = await client.publish('a', 'joined again');
  assert.ok(Number.parseInt(id, 10) < Date.now() + 60_000, `${id}: the ids have not jumped`);
  await subscription.untilText('joined again');
  assert.deepEqual(subscription.texts, ['before', 'after', 'joined again']);
});

test('follows when the ids of Redis jump', async (t) => {
  const redis = await startRedis(t);
  const nodes = [await startServer(t, redis.options), await startServer(t, redis.options)];
  const [client, other] = [await openClient(t, nodes[0]), await openClient(t, nodes[1])];
  const subscription = await other.subscribe('a');
  await client.publish('a', 'before');
  const far = Date.now() + 10 * 86_400_000;
  await redis.command('SET', '{eventhub}:id', `${far}-0`);
  const texts = numbered('jumped', 100);
  await client.publishAll('a', texts);
  await subscription.untilText(texts.at(-1));
  await client.publish('a', 'later');
  await subscription.untilText('later');
  assert.deepEqual(subscription.texts, ['before', ...texts, 'later']);
  assert.equal(subscription.ids.at(-1), `${far}-101`);
});

test('reads the password of Redis from an option or a file, and logs none', async (t) => {
  const redis = await startRedis(t, { args: ['--requirepass', 'open sesame'] });
  const right = await startServer(t, { ...redis.options, REDIS_PASSWORD: 'open sesame' });
  await (await openClient(t, right)).publish('a', 'x');
  const { write } = temporaryFiles(t);
  const REDIS_PASSWORD_FILE = write('password', 'open sesame\n');
  await startServer(t, { ...redis.options, REDIS_PASSWORD_FILE }); // becomes ready
  const unfit = { ...redis.options, REDIS_PASSWORD: 'not this one' };
  const wrong = await startServer(t, unfit, { ready: false });
  await eventually('the refusal is logged', () => /WRONGPASS|invalid password/i.test(wrong.stderr));
  assert.equal(await wrong.readiness(), 503);
  for (const { stderr } of [right, wrong]) assert.doesNotMatch(stderr, /sesame|not this one/);
});
