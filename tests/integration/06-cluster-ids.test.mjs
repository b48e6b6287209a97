// Redis loses data, or an older Redis takes its place: ids keep increasing, no id is given twice, and
// losses are reported.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Cluster } from './support/faults.mjs';
import { startProxy } from './support/proxy.mjs';
import { startRedis } from './support/redis.mjs';
import { assertIncreasing, compareIds, errorOf, numbered, openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { eventually, watchDelays } from './support/wait.mjs';

/** Asserts that all ids given by both nodes differ, and that each was delivered to all subscribers. */
function assertAllIdsOnce(cluster) {
  const given = cluster.publishers.flatMap(({ outcomes }) =>
    outcomes.filter(({ id }) => id).map(({ id }) => id));
  assert.equal(new Set(given).size, given.length, 'no id was given twice');
  for (const { ids } of cluster.seen) {
    const seen = new Set(ids);
    assert.deepEqual(given.filter((id) => !seen.has(id)), [], 'all ids were delivered');
  }
}

for (const command of [['FLUSHALL'], ['SCRIPT', 'FLUSH']]) {
  test(`delivers all publishes of two nodes during ${command.join(' ')}, no id twice`, async (t) => {
    const redis = await startRedis(t);
    const cluster = await Cluster.start(t, redis.options);
    for (let i = 0; i < 20; i++) {
      await redis.command(...command);
      await cluster.untilAllPass(2);
    }
    await cluster.stop();
    cluster.assertPromises();
    assert.deepEqual(cluster.errors, []);
    assertAllIdsOnce(cluster);
  });
}

test('gives increasing ids when FLUSHALL comes in the same millisecond as a publish', async (t) => {
  const redis = await startRedis(t);
  const server = await startServer(t, redis.options);
  const client = await openClient(t, server);
  const subscription = await client.subscribe('t');
  const underWay = [];
  for (let i = 0; i < 200; i++) {
    underWay.push(...numbered(`m ${i}`, 10).map((text) => client.publish('t', text)));
    if (i % 10 === 5) underWay.push(redis.command('FLUSHALL').then(() => null));
    if (i % 10 === 9) await Promise.all(underWay);
  }
  const ids = (await Promise.all(underWay)).filter((id) => id);
  await subscription.untilCount(2000);
  assert.deepEqual(subscription.ids, ids);
  assertIncreasing(ids);
});

/** A node behind a proxy. `ahead`: how many seconds the ids in Redis are ahead of its clock. */
async function startLagging(t, { ahead = 0 } = {}) {
  const redis = await startRedis(t);
  const proxy = await startProxy(t, redis.port);
  const options = { ...redis.options, REDIS_PORT: String(proxy.port), BROKER_TIMEOUT: '60' };
  const node = await startServer(t, options);
  const client = await openClient(t, node);
  const subscriptions = [await client.subscribe('t'), await client.subscribe('#', { gaps: true })];
  const ids = [];
  const publish = async (texts) => ids.push(...(await client.publishAll('t', texts)));
  const flush = () => redis.command('FLUSHALL');
  const assertAll = async () => {
    await publish(['end']);
    for (const subscription of subscriptions) {
      await subscription.untilText('end');
      const got = subscription.messages.filter(({ action }) => action !== 'gap');
      assert.deepEqual(got.map(({ id }) => id), ids);
    }
    assertIncreasing(ids);
  };
  if (ahead) await redis.command('SET', '{eventhub}:id', `${Date.now() + 1000 * ahead}-0`);
  await publish(['first']);
  await subscriptions[0].untilText('first');
  return { redis, proxy, node, client, subscriptions, ids, publish, flush, assertAll };
}

/**
 * Empties Redis while messages are on their way to the node. The node notices this with its next
 * probe, so no probe may be among these messages. `begin` runs before they are published. Resolves to
 * a function that waits until the node has read the log as far as it is then.
 */
async function emptyUnderWay({ proxy, node, client, publish, flush }, begin = () => {}) {
  for (;;) {
    const before = (await node.metrics()).broker_replays_total;
    const untilRewound = () =>
      node.untilMetric('the node reads the log again', (now) => now.broker_replays_total > before);
    proxy.hold('feed');
    await begin();
    await publish(numbered('before', 20));
    await flush();
    if (!proxy.hasHeld('$metrics$')) {
      return async () => {
        await untilRewound();
        await client.call('eventlog', { topic: 't', sinceEventId: '0-1' });
      };
    }
    proxy.release();
    await untilRewound();
  }
}

test('delivers messages in order that were on their way when Redis was emptied', async (t) => {
  const lagging = await startLagging(t);
  const untilReplayed = await emptyUnderWay(lagging);
  await lagging.publish(numbered('after', 600)); // several pages
  await untilReplayed();
  lagging.proxy.release();
  await lagging.assertAll();
});

test('delivers messages in order when Redis was emptied twice meanwhile', async (t) => {
  const lagging = await startLagging(t);
  const untilReplayed = await emptyUnderWay(lagging);
  await lagging.publish(numbered('between', 20));
  await untilReplayed();
  await lagging.flush();
  await lagging.publish(numbered('after', 20));
  lagging.proxy.release();
  await lagging.assertAll();
});

test('delivers messages in order when it joins again while it catches up', async (t) => {
  const lagging = await startLagging(t);
  const forged = JSON.stringify({ id: '9999999999999-0', message: 'x', topic: 't', v: 1 });
  const forge = () => lagging.redis.command('PUBLISH', 'eventhub:t', forged); // makes the node join again
  const untilReplayed = await emptyUnderWay(lagging, forge);
  await lagging.publish(numbered('after', 20));
  await untilReplayed();
  lagging.proxy.release();
  await lagging.assertAll();
  assert.ok((await lagging.node.metrics()).broker_messages_invalid_total > 0);
});

/** Starts a replay whose page waits for messages that are on their way. */
async function startReplay(t) {
  const lagging = await startLagging(t);
  const untilReplayed = await emptyUnderWay(lagging);
  await lagging.publish(['after']);
  await untilReplayed();
  assert.deepEqual(lagging.subscriptions.map(({ texts }) => texts), [['first'], ['first']]);
  return lagging;
}

test('completes a replay when the feed that it waits for is lost', async (t) => {
  const { redis, publish, subscriptions: [plain, told] } = await startReplay(t);
  await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
  await publish(['end']);
  for (const subscription of [plain, told]) await subscription.untilText('end');
  assert.deepEqual(plain.texts, ['first', 'after', 'end']);
  const what = told.messages.map(({ action, message }) => action ?? message);
  assert.deepEqual([...new Set(what)], ['first', 'gap', 'after', 'end']);
  assertIncreasing(plain.ids);
});

test('shuts down while a replay waits for the feed', async (t) => {
  const { node } = await startReplay(t);
  await node.stop();
});

test('gives no id twice when the feed lags behind an emptied Redis', async (t) => {
  const { proxy, publish, flush, assertAll } = await startLagging(t, { ahead: 3 });
  proxy.hold('feed');
  for (let i = 0; i < 5; i++) {
    await flush();
    await publish(numbered(`m ${i}`, 20));
  }
  proxy.release();
  await assertAll();
});

test('gives no id twice when nothing was answered since Redis was emptied', async (t) => {
  const { proxy, publish, flush, assertAll } = await startLagging(t, { ahead: 3 });
  const published = [];
  proxy.hold('feed');
  proxy.hold('commands');
  for (let i = 0; i < 5; i++) {
    await flush();
    published.push(publish([`m ${i}`]));
    await eventually('Redis has refused the publish', () => proxy.countHeld('-FENCE') === i + 1);
  }
  proxy.release();
  await Promise.all(published);
  await assertAll();
});

for (const ahead of [0, 3]) {
  test(`gives increasing ids when a node knows fewer ids than another, ${ahead} s ahead`, async (t) => {
    const { redis, proxy, client, ids, flush, assertAll } = await startLagging(t, { ahead });
    const other = await openClient(t, await startServer(t, redis.options));
    const published = [];
    proxy.hold('feed');
    proxy.hold('commands');
    for (let i = 0; i < 3; i++) {
      await flush();
      published.push(await other.publish('t', `m ${i}`), client.publish('t', `unanswered ${i}`));
      await eventually('both are in the log', async () =>
        (await redis.command('XLEN', '{eventhub}:log:t')) === '2');
    }
    proxy.release();
    ids.push(...(await Promise.all(published)));
    await assertAll();
  });
}

test('notices FLUSHALL without any traffic and reports a gap', async (t) => {
  const redis = await startRedis(t);
  const nodes = await Promise.all([1, 2].map(() => startServer(t, redis.options)));
  const clients = await Promise.all(nodes.map((node) => openClient(t, node)));
  const told = await Promise.all(clients.map((client) => client.subscribe('t', { gaps: true })));
  const last = await clients[0].publish('t', 'before');
  await Promise.all(told.map((subscription) => subscription.untilText('before')));
  const flushedAt = performance.now();
  await redis.command('FLUSHALL');
  for (const node of nodes) {
    await node.untilMetric('the rewind is counted', (now) => now.broker_rewinds_total === 1);
  }
  t.diagnostic(`noticed after ${(performance.now() - flushedAt).toFixed()} ms`);
  await Promise.all(told.map((subscription) => subscription.untilCount(2)));
  assert.ok(compareIds(last, await redis.command('GET', '{eventhub}:id')) < 0);
  for (const { messages } of told) {
    assert.deepEqual(messages[1], { action: 'gap', topic: 't' });
  }
  const id = await clients[1].publish('t', 'after');
  assert.ok(compareIds(last, id) < 0);
  await Promise.all(told.map((subscription) => subscription.untilText('after')));
  for (const { messages } of told) assert.equal(messages.length, 3);
  for (const node of nodes) assert.equal((await node.metrics()).redis_connection_fail_count, 0);
});

test('counts each rewind once on each node while messages are published', async (t) => {
  const redis = await startRedis(t);
  const nodes = await Promise.all([1, 2, 3].map(() => startServer(t, redis.options)));
  const clients = await Promise.all(nodes.slice(1).map((node) => openClient(t, node)));
  await (await openClient(t, nodes[0])).subscribe('t/#'); // this node gets all messages
  let isOver = false;
  const publishing = clients.map(async (client, i) => {
    while (!isOver) await client.publishAll(`t/${i}`, numbered('m', 100));
  });
  const counts = () => Promise.all(nodes.map(async (node) =>
    (await node.metrics()).broker_rewinds_total));
  const floor = () => redis.command('GET', '{eventhub}:floor');
  for (let rewinds = 1; rewinds <= 3; rewinds++) {
    const before = await floor();
    await redis.command('FLUSHALL');
    await eventually('a publish has moved the start of the log', async () =>
      compareIds(await floor() || '0-0', before) > 0);
    await eventually('each node has counted it', async () =>
      (await counts()).every((count) => count >= rewinds));
    const published = (await nodes[0].metrics()).broker_messages_received_total;
    await nodes[0].untilMetric('probes have come by', (now) =>
      now.broker_messages_received_total > published + 1000 && now.broker_connected === 1);
    assert.deepEqual(await counts(), [rewinds, rewinds, rewinds]);
  }
  isOver = true;
  await Promise.all(publishing);
  const restarted = await startServer(t, redis.options);
  assert.equal((await restarted.metrics()).broker_rewinds_total, 0);
});

/** A Redis and its replica, and a proxy that leads to one of them. */
async function startReplicated(t) {
  const [primary, replica] = [await startRedis(t), await startRedis(t)];
  await replica.command('REPLICAOF', '127.0.0.1', String(primary.port));
  const isInSync = async () =>
    /master_link_status:up/.test(await replica.command('INFO', 'replication'));
  await eventually('the replica follows', isInSync);
  const proxy = await startProxy(t, primary.port);
  const failOver = () => {
    proxy.cut();
    proxy.restore(replica.port);
  };
  return { primary, replica, proxy, failOver, isInSync };
}

test('keeps ids unique and reports one gap when a lagging replica takes over', async (t) => {
  const { primary, replica, proxy, failOver } = await startReplicated(t);
  const options = { ...primary.options, REDIS_PORT: String(proxy.port) };
  const cluster = await Cluster.start(t, options);
  await replica.command('REPLICAOF', 'NO', 'ONE'); // stops following
  await cluster.untilAllPass(20); // the replica does not have these
  const failedAt = performance.now();
  failOver();
  await eventually('both nodes have rewound', async () => {
    const all = await Promise.all(cluster.nodes.map((node) => node.metrics()));
    return all.every((now) => now.broker_rewinds_total >= 1 && now.broker_connected === 1);
  });
  t.diagnostic(`ready again after ${(performance.now() - failedAt).toFixed()} ms`);
  await cluster.untilAllPass(20);
  await cluster.stop();
  cluster.assertPromises();
  for (const [i, { messages }] of cluster.seen.entries()) {
    const texts = messages.filter(({ id }) => id).map(({ message }) => message);
    cluster.assertHolds(texts, { mayLose: true }); // during the failover
    assert.deepEqual(cluster.gaps[i], [{ action: 'gap', topic: 'fault/#' }]);
  }
  const given = cluster.publishers.flatMap(({ outcomes }) =>
    outcomes.filter(({ id }) => id).map(({ id }) => id));
  assert.equal(new Set(given).size, given.length, 'no id was given twice');
  cluster.assertHolds(await cluster.logged(), { mayLose: true });
});

test('refuses publishes while the new Redis is a replica', async (t) => {
  const { primary, replica, proxy, failOver, isInSync } = await startReplicated(t);
  const options = { ...primary.options, REDIS_PORT: String(proxy.port) };
  const cluster = await Cluster.start(t, options);
  await eventually('the replica has everything', isInSync);
  failOver();
  await cluster.untilReadiness(503);
  await cluster.untilFailures(10);
  const promotedAt = performance.now();
  await replica.command('REPLICAOF', 'NO', 'ONE');
  await cluster.untilReadiness(200);
  t.diagnostic(`ready after ${(performance.now() - promotedAt).toFixed()} ms`);
  await cluster.untilAllPass(10);
  await cluster.stop();
  cluster.assertPromises();
});

test('reports a gap when the data of Redis are replaced under open connections', async (t) => {
  const redis = await startRedis(t);
  const server = await startServer(t, redis.options);
  const client = await openClient(t, server);
  const told = await client.subscribe('t', { gaps: true });
  const last = await client.publish('t', 'before');
  await told.untilText('before');
  await redis.command('SET', '{eventhub}:id', '1000000000000-0');
  await server.untilMetric('the rewind is noticed', (now) => now.broker_rewinds_total === 1);
  await told.untilCount(2);
  const id = await client.publish('t', 'after');
  assert.ok(compareIds(last, id) < 0);
  await told.untilText('after');
  assert.deepEqual(told.messages.map(({ action, message }) => action ?? message),
    ['before', 'gap', 'after']);
});

test('answers no publish ok until the password of Redis is right', async (t) => {
  const redis = await startRedis(t, { args: ['--requirepass', 'other'], cli: ['-a', 'other'] });
  const options = { ...redis.options, REDIS_PASSWORD: 'secret', BROKER_TIMEOUT: '1' };
  const server = await startServer(t, options, { ready: false });
  const client = await openClient(t, server);
  const subscription = await client.subscribe('t');
  const delayMs = watchDelays();
  const startedAt = performance.now();
  const error = await errorOf(client.publish('t', 'lost'));
  assert.equal(error.code, -32603);
  assert.match(error.data, /^not published/);
  assert.ok(performance.now() - startedAt < 5000 + delayMs());
  assert.equal(await server.readiness(), 503);
  await redis.command('CONFIG', 'SET', 'requirepass', 'secret');
  await server.untilReadiness(200);
  await client.publish('t', 'x');
  await subscription.untilText('x');
  assert.deepEqual(subscription.texts, ['x']);
});
