// Connections to Redis that end in the middle of something, or stay open while no data passes.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { SKIP_ONE_MESSAGE_CUTS } from './support/engine.mjs';
import { BROKER_TIMEOUT_MS, Cluster } from './support/faults.mjs';
import { startProxy } from './support/proxy.mjs';
import { startRedis } from './support/redis.mjs';
import { assertIncreasing, errorOf, openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { SANITIZED, watchDelays } from './support/wait.mjs';

const STEP = SANITIZED ? 7 : 1; // bytes from one cut to the next
const TICK_MS = 1000; // of the probe
const SLACK_MS = SANITIZED ? 5000 : 1500;
const delayMs = watchDelays();

async function startBehindProxy(t, options = {}) {
  const redis = await startRedis(t);
  const proxy = await startProxy(t, redis.port);
  const server = await startServer(t, {
    ...redis.options, MAX_CACHE_LENGTH: '0', ...options, REDIS_PORT: String(proxy.port),
  });
  const client = await openClient(t, server);
  return { redis, proxy, server, client };
}

/** Asserts that all texts came once and in order, and that the log holds the same. */
async function assertOnce(client, subscription, texts) {
  await subscription.untilText(texts.at(-1));
  assert.deepEqual(subscription.texts, texts);
  assertIncreasing(subscription.ids);
  const log = await client.call('eventlog', { topic: 'cut', since: -600_000, limit: 1000 });
  assert.deepEqual(log.items.map(({ message }) => message), texts);
}

test('answers "outcome unknown" when the answer to a publish is cut after any byte', async (t) => {
  const { proxy, server, client } = await startBehindProxy(t);
  const subscription = await client.subscribe('cut');
  const reply = '$15\r\n1700000000000-0\r\n'.length; // seq may be longer, never shorter
  const texts = [];
  for (let after = 0; after < reply; after += STEP) {
    const text = `cut after ${after}.`;
    proxy.cutAnswerTo(text, after);
    const error = await errorOf(client.publish('cut', text));
    assert.equal(error.code, -32603);
    assert.match(error.data, /^outcome unknown/, text);
    texts.push(text);
    await client.publish('cut', `then ${after}`); // is not cut
    texts.push(`then ${after}`);
  }
  assert.equal(proxy.cuts, Math.ceil(reply / STEP));
  await server.untilReadiness(200);
  await assertOnce(client, subscription, texts);
});

test('delivers a message once when the feed is cut after any of its bytes', async (t) => {
  const { proxy, server, client } = await startBehindProxy(t);
  const subscription = await client.subscribe('cut', { gaps: true });
  const texts = [];
  const push = '*4|$8|pmessage|$10|eventhub:*|$12|eventhub:cut|$70|{"id":'.length; // and more
  for (let after = 0; after < push + 50; after += STEP) {
    const text = `fed ${after}.`;
    proxy.cutAnswerWith(`"message":"${text}"`, after);
    await client.publish('cut', text);
    texts.push(text);
    await subscription.untilText(text); // from the log, once the feed is back
  }
  assert.equal(proxy.cuts, texts.length);
  await server.untilReadiness(200);
  await assertOnce(client, subscription, texts);
});

// The message then comes from the log, or before anybody knows its id.
test('delivers no echo when the feed or the answer to the publish is cut', async (t) => {
  const { proxy, server, client } = await startBehindProxy(t);
  const own = await client.subscribe('cut');
  const others = await (await openClient(t, server)).subscribe('cut');
  for (let i = 0; i < 3; i++) {
    proxy.cutAnswerWith(`"message":"feed ${i}"`, 30 * i);
    await client.publish('cut', `feed ${i}`, { echo: false });
    await others.untilText(`feed ${i}`);
    proxy.cutAnswerTo(`answer ${i}`, i);
    assert.match((await errorOf(client.publish('cut', `answer ${i}`, { echo: false }))).data, /^outcome unknown/);
    await others.untilText(`answer ${i}`);
    await server.untilReadiness(200);
    await client.publish('cut', `then ${i}`);
    await own.untilText(`then ${i}`);
  }
  assert.equal(proxy.cuts, 6);
  assert.deepEqual(own.texts, ['then 0', 'then 1', 'then 2']);
  await others.untilText('then 2');
  assert.equal(others.texts.length, 9);
});

test('reads a page of history again when it is cut after any byte', async (t) => {
  const { proxy, server, client } = await startBehindProxy(t);
  const begin = await client.publish('begin', 'x');
  await client.publish('page/1', 'one');
  await client.publish('page/2', 'two');
  for (let after = 0; after < 190; after += 2 * STEP) {
    const joiner = await openClient(t, server);
    proxy.cutAnswerWith('page/1', after);
    const joined = await joiner.subscribe('page/+', { sinceEventId: begin });
    assert.equal(joined.answer.recovered, true);
    await joined.untilCount(2);
    assert.deepEqual(joined.texts, ['one', 'two']);
    joiner.socket.terminate();
  }
  assert.equal(proxy.cuts, Math.ceil(190 / (2 * STEP)));
});

for (const kind of ['feed', 'commands']) {
  test(`reconnects when no data passes in the connections for ${kind}`, async (t) => {
    const BROKER_TIMEOUT = String(BROKER_TIMEOUT_MS / 1000);
    const { proxy, redis, server, client } = await startBehindProxy(t, { BROKER_TIMEOUT });
    const direct = await startServer(t, { ...redis.options, MAX_CACHE_LENGTH: '0' });
    const other = await openClient(t, direct);
    const subscription = await client.subscribe('cut', { gaps: true });
    await other.publish('cut', 'before');
    await subscription.untilText('before');
    await server.untilMetric('the probe is answered', (now) => now.redis_connection_fail_count === 0);

    const lost = proxy.mute(kind);
    assert.equal(lost, kind === 'feed' ? 1 : 5);
    const mutedAt = performance.now();
    await other.publish('cut', 'meanwhile');
    await server.untilMetric('all are noticed', (now) => now.redis_connection_fail_count >= lost);
    const foundAfter = performance.now() - mutedAt;
    await client.roundTrip();
    await server.untilReadiness(200);
    await client.publish('cut', 'after');
    await subscription.untilText('after');
    t.diagnostic(`${lost} noticed after ${foundAfter.toFixed()} ms`);
    assert.deepEqual(subscription.texts, ['before', 'meanwhile', 'after']);
    const mostMs = TICK_MS + BROKER_TIMEOUT_MS + SLACK_MS + delayMs();
    assert.ok(foundAfter <= mostMs, `after ${foundAfter} ms`);
  });
}

test('delivers messages that exceed the client-output-buffer-limit of Redis', {
  skip: SKIP_ONE_MESSAGE_CUTS,
}, async (t) => {
  const redis = await startRedis(t);
  const limit = (bytes) =>
    redis.command('CONFIG', 'SET', 'client-output-buffer-limit', `pubsub ${bytes} 0 0`);
  const cluster = await Cluster.start(t, redis.options);
  await limit(64 * 1024);
  const publisher = cluster.clients[0];
  const big = 'x'.repeat(300_000);
  for (let i = 0; i < 5; i++) {
    const before = await Promise.all(cluster.nodes.map((node) => node.metrics()));
    await publisher.publish('fault/big', `${i} ${big}`);
    for (const [n, node] of cluster.nodes.entries()) {
      await node.untilMetric('the feed is cut', (now) =>
        now.redis_connection_fail_count > before[n].redis_connection_fail_count);
    }
    await cluster.untilReadiness(200);
    await Promise.all(cluster.seen.map((seen) => seen.untilText(`${i} ${big}`)));
  }
  await limit(0);
  await cluster.stop();
  cluster.assertPromises();
  for (const { messages } of cluster.seen) {
    const texts = messages.map(({ message }) => message);
    assert.equal(texts.filter((text) => text?.endsWith(big)).length, 5);
    cluster.assertHolds(texts.filter((text) => text && !text.endsWith(big)));
  }
  assert.deepEqual(cluster.gaps, [[], []], 'the log held everything');
});
