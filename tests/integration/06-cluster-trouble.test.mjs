// A Redis that answers with errors, or late.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { SCRIPTS_NEED_REPLICAS } from './support/engine.mjs';
import { startProxy } from './support/proxy.mjs';
import { startRedis } from './support/redis.mjs';
import { compareIds, errorOf, numbered, openClient, RpcError } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { eventually, scaled } from './support/wait.mjs';

async function startPair(t, options = {}) {
  const redis = await startRedis(t);
  const server = await startServer(t, { ...redis.options, MAX_CACHE_LENGTH: '0', ...options });
  return { redis, server };
}

/** Calls `disturb` five times while `client` publishes; resolves to the outcome of each publish. */
async function publishDisturbed(client, topic, texts, { window, watched, disturb }) {
  const outcomes = [];
  const underWay = [];
  const all = (async () => {
    for (const text of texts) {
      if (underWay.length >= window) await underWay.shift();
      const outcome = client.publish(topic, text).then((id) => ({ text, id }), (error) => {
        if (!(error instanceof RpcError)) throw error;
        return { text, error };
      });
      underWay.push(outcome);
      outcomes.push(outcome);
    }
  })();
  for (let i = 1; i <= 5; i++) {
    await watched.until('more messages', () => watched.messages.length >= (texts.length * i) / 8);
    await disturb();
  }
  await all;
  return Promise.all(outcomes);
}

test('publishes everything in order during SCRIPT FLUSH', async (t) => {
  const { redis, server } = await startPair(t);
  const client = await openClient(t, server);
  const texts = numbered('m', scaled(4000));
  const subscription = await client.subscribe('flushed/#');
  const outcomes = await publishDisturbed(client, 'flushed/1', texts, {
    window: 100,
    watched: subscription,
    disturb: () => redis.command('SCRIPT', 'FLUSH'),
  });
  assert.deepEqual(outcomes.filter(({ error }) => error), []);
  await subscription.untilCount(texts.length);
  assert.deepEqual(subscription.texts, texts);
  assert.deepEqual(subscription.ids, outcomes.map(({ id }) => id));
});

test('publishes exactly once what it answers ok when command connections are cut', async (t) => {
  const { redis, server } = await startPair(t);
  const client = await openClient(t, server);
  const texts = numbered('m', scaled(6000));
  const subscription = await client.subscribe('severed/#');
  const outcomes = await publishDisturbed(client, 'severed/1', texts, {
    window: 50,
    watched: subscription,
    disturb: () => redis.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'),
  });
  await server.untilReadiness(200);
  await client.publish('severed/1', 'end');
  await subscription.untilText('end');

  const seen = new Map();
  for (const { id, message } of subscription.messages) {
    assert.ok(!seen.has(message), `${message} came twice`);
    seen.set(message, id);
  }
  for (const { text, id, error } of outcomes) {
    if (id) assert.equal(seen.get(text), id, `${text} was answered ok`);
    else if (/^not published/.test(error.data)) assert.ok(!seen.has(text), `${text} was refused`);
    else assert.match(error.data, /^outcome unknown/);
  }
  const accepted = outcomes.filter(({ id }) => id);
  assert.ok(accepted.length > texts.length / 2, `${accepted.length} of ${texts.length} passed`);
  assert.deepEqual(accepted.map(({ id }) => id), accepted.map(({ id }) => id).sort(compareIds));
});

test('reads nothing again when the answer to a probe comes after a later message', async (t) => {
  const redis = await startRedis(t);
  const proxy = await startProxy(t, redis.port);
  const publisher = await openClient(t, await startServer(t, redis.options));
  const options = { ...redis.options, REDIS_PORT: String(proxy.port), WORKER_THREADS: '1' };
  const node = await startServer(t, options);
  const subscription = await (await openClient(t, node)).subscribe('t');
  const replays = async () => (await node.metrics()).broker_replays_total;
  const before = await replays();
  for (const late of [1, 2]) {
    proxy.holdAnswersTo('$metrics$');
    await eventually(`${late} probes wait`, () => proxy.holding === late);
    await publisher.publish('t', 'more');
    await subscription.untilCount(late);
  }
  proxy.release();
  proxy.holdAnswersTo('$metrics$');
  await eventually('the next probe', () => proxy.isHolding);
  assert.equal(await replays(), before);
});

test('publishes that Redis cannot store', async (t) => {
  const { redis, server } = await startPair(t);
  const client = await openClient(t, server);
  const subscription = await client.subscribe('full');

  const troubles = [
    ['is out of memory', ['CONFIG', 'SET', 'maxmemory', '1'], ['CONFIG', 'SET', 'maxmemory', '0']],
    ['is a replica', ['REPLICAOF', '127.0.0.1', '1'], ['REPLICAOF', 'NO', 'ONE']],
  ];
  if (SCRIPTS_NEED_REPLICAS) {
    troubles.push(['has too few replicas', ['CONFIG', 'SET', 'min-replicas-to-write', '1'],
      ['CONFIG', 'SET', 'min-replicas-to-write', '0']]);
  }
  for (const [name, begin, end] of troubles) {
    await t.test(`answers an error when Redis ${name}`, async () => {
      await redis.command(...begin);
      const error = await errorOf(client.publish('full', `lost: ${name}`));
      assert.equal(error.code, -32603);
      assert.match(error.data, /^not published/);
      await client.roundTrip();
      await redis.command(...end);
      await server.untilReadiness(200);
      await client.publish('full', `after: ${name}`);
      await subscription.untilText(`after: ${name}`);
    });
  }
  assert.deepEqual(subscription.texts, troubles.map(([name]) => `after: ${name}`));
});

test('answers every request in time when too many wait for a Redis that hangs', async (t) => {
  const { redis, server } = await startPair(t, { BROKER_TIMEOUT: '1' });
  const client = await openClient(t, server);
  const other = await openClient(t, server);
  await redis.freeze();
  const outcomes = numbered('m', 1000).map((text) => errorOf(client.publish('held', text)));
  await other.roundTrip();
  for (const error of await Promise.all(outcomes)) {
    assert.equal(error.code, -32603);
    assert.match(error.data, /^(not published|outcome unknown)/);
  }
  redis.thaw();
  await server.untilReadiness(200);
  await client.publish('held', 'after');
});

test('accepts a name as REDIS_HOST', async (t) => {
  const { redis } = await startPair(t);
  const server = await startServer(t, { ...redis.options, REDIS_HOST: 'localhost' });
  await (await openClient(t, server)).publish('a', 'x');
});

test('retries a name that cannot be resolved, and still shuts down in time', async (t) => {
  const options = { BROKER: 'redis', REDIS_HOST: 'no-such-host.invalid' };
  const server = await startServer(t, options, { ready: false });
  await server.untilMetric('a second attempt', (now) => now.redis_connection_fail_count >= 2);
  assert.equal(await server.readiness(), 503);
  await (await openClient(t, server)).subscribe('a');
});

test('answers an error when a key in Redis has an unexpected type', async (t) => {
  const { redis, server } = await startPair(t);
  for (const key of ['{eventhub}:log:odd', '{eventhub}:log:odd/1']) {
    await redis.command('SET', key, 'not a stream');
  }
  const client = await openClient(t, server);
  const error = await errorOf(client.publish('odd', 'x'));
  assert.equal(error.code, -32603);
  assert.match(error.data, /^not published/);
  await client.publish('even', 'x');
});
