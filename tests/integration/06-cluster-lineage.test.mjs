// Redis begins another history: a replica takes over, Redis starts again, or an older copy takes its place.
// If nothing was lost, no gap is reported. A loss is reported on all nodes, whichever of them joins first.

import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { ALL_CHANNELS } from './support/engine.mjs';
import { startProxy } from './support/proxy.mjs';
import { startRedis } from './support/redis.mjs';
import { assertIncreasing, compareIds, openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { eventually } from './support/wait.mjs';

const KEY = '{eventhub}:';

/** A node behind a proxy, with a client and two subscriptions, one of which asks for gaps. */
async function startNode(t, redis, options = {}) {
  const proxy = await startProxy(t, redis.port);
  const server = await startServer(t, { ...redis.options, REDIS_PORT: String(proxy.port), ...options });
  const client = await openClient(t, server);
  const plain = await client.subscribe('t');
  const told = await (await openClient(t, server)).subscribe('t', { gaps: true });
  const leadTo = async (to) => {
    proxy.cut();
    await server.untilReadiness(503);
    proxy.restore(to.port);
    await server.untilReadiness(200);
  };
  const since = async (sinceEventId) => {
    const { recovered, items } = await client.call('eventlog', { topic: 't', sinceEventId });
    return [recovered ? '+' : '-', ...items.map(({ message }) => message)].join(' ');
  };
  const joins = async (sinceEventId) =>
    (await (await openClient(t, server)).subscribe('t', { sinceEventId })).answer.recovered;
  return { proxy, server, client, plain, told, leadTo, since, joins, publish: (text) => client.publish('t', text) };
}

/** Returns what a subscription received: texts, and `gap`. */
const story = ({ messages }) => messages.map(({ action, message }) => action ?? message);

/** Two Redis, of which the second follows the first until promote(), and two nodes at the first. */
async function startReplicated(t, options = {}) {
  const primary = await startRedis(t, { args: ['--repl-diskless-sync-delay', '0'] });
  const replica = await startRedis(t);
  await replica.command('REPLICAOF', '127.0.0.1', String(primary.port));
  const untilInSync = () => eventually('the replica has everything', async () =>
    /master_link_status:up/.test(await replica.command('INFO', 'replication')) &&
    (await replica.command('GET', `${KEY}id`)) === (await primary.command('GET', `${KEY}id`)));
  await untilInSync(); // Redis begins a history when its first replica comes
  const nodes = [await startNode(t, primary, options), await startNode(t, primary, options)];
  const promote = async () => {
    await untilInSync();
    await replica.command('REPLICAOF', 'NO', 'ONE');
  };
  return { primary, replica, nodes, promote };
}

const publishToAll = async ([node, ...others], text) => {
  const id = await node.publish(text);
  for (const { plain, told } of [node, ...others]) {
    await plain.untilText(text);
    await told.untilText(text);
  }
  return id;
};

const untilBroken = async (node, breaks = 1) =>
  node.server.untilMetric('it has joined the new history', (now) =>
    now.broker_lineage_breaks_total === breaks && now.broker_connected === 1);

async function assertNothingTold(nodes, texts) {
  for (const { server, plain, told } of nodes) {
    const now = await server.metrics();
    assert.equal(now.broker_rewinds_total, 0);
    assert.equal(now.broker_replays_total, 0);
    assert.deepEqual(story(plain), texts);
    assert.deepEqual(story(told), texts);
    assertIncreasing(told.ids.filter((id) => id));
  }
}

/** Waits until every subscription with gaps has received one before the last text. */
async function assertAllTold(nodes, last) {
  for (const { server, told } of nodes) {
    await eventually('a gap', () => story(told).includes('gap'));
    const now = await server.metrics();
    assert.ok(now.broker_rewinds_total >= 1);
  }
  await publishToAll(nodes, last);
  for (const { told } of nodes) {
    assert.equal(story(told).at(-1), last);
    assertIncreasing(told.ids.filter((id) => id));
  }
}

/** Waits until the log of the topic has expired: it could prove nothing any longer. */
const untilExpired = (redis) => eventually('the log has expired', async () =>
  (await redis.command('EXISTS', `${KEY}log:t`)) === '0');

test('reports no loss after a planned failover, even if it was quiet for longer than the ttl', async (t) => {
  const { primary, replica, nodes, promote } = await startReplicated(t, { DEFAULT_CACHE_TTL: '1' });
  const before = await publishToAll(nodes, 'before');
  await untilExpired(primary);
  await promote();
  for (const node of nodes) await node.leadTo(replica);
  for (const node of nodes) {
    await untilBroken(node);
    assert.equal(await node.since(before), '+');
    assert.equal(await node.joins(before), true);
  }
  assert.ok(compareIds(before, await replica.command('GET', `${KEY}id`)) < 0);
  await assertNothingTold(nodes, ['before']);
});

test('delivers what is published after a planned failover, without a gap', async (t) => {
  const { replica, nodes, promote } = await startReplicated(t);
  await publishToAll(nodes, 'before');
  await promote();
  for (const node of nodes) await node.leadTo(replica);
  for (const node of nodes) await untilBroken(node);
  await publishToAll(nodes, 'after');
  await assertNothingTold(nodes, ['before', 'after']);
});

test('reports no loss when Redis starts again with all its data, twice', async (t) => {
  const redis = await startRedis(t, { args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
  const nodes = [await startNode(t, redis, { DEFAULT_CACHE_TTL: '1' })];
  const before = await publishToAll(nodes, 'before');
  await untilExpired(redis);
  for (let breaks = 1; breaks <= 2; breaks++) {
    await redis.kill();
    await redis.start();
    await untilBroken(nodes[0], breaks);
    assert.equal(await nodes[0].since(before), '+');
  }
  await publishToAll(nodes, 'after');
  await assertNothingTold(nodes, ['before', 'after']);
});

/** Node a publishes what the replica does not get, and node b does not see. */
async function loseTail({ replica, nodes: [a, b], promote }) {
  const kept = await publishToAll([a, b], 'kept');
  await promote();
  b.proxy.hold('feed');
  const lost = await publishToAll([a], 'lost');
  await b.leadTo(replica);
  await untilBroken(b);
  return { kept, lost };
}

test('reports a lost tail on all nodes when another node has published before', async (t) => {
  const context = await startReplicated(t);
  const { replica, nodes, nodes: [a, b] } = context;
  const { kept, lost } = await loseTail(context);
  await publishToAll([b], 'new');
  assert.deepEqual(story(b.told), ['kept', 'new']); // it cannot know yet
  await a.leadTo(replica);
  await assertAllTold(nodes, 'end');
  assert.deepEqual(story(a.plain), ['kept', 'lost', 'new', 'end']);
  assert.deepEqual(story(b.told), ['kept', 'new', 'gap', 'end']);
  for (const node of nodes) {
    assert.match(await node.since(lost), /^-/);
    assert.match(await node.since(kept), /^-/);
  }
});

test('answers recovered: false to an id from a lost tail that no node knows', async (t) => {
  const context = await startReplicated(t);
  const { nodes: [a, b] } = context;
  const { kept, lost } = await loseTail(context);
  await a.server.stop();
  assert.equal(await b.since(lost), '-');
  assert.equal(await b.since(kept), '+');
  await publishToAll([b], 'new');
  assert.match(await b.since(lost), /^-/);
  assert.equal(await b.since(kept), '+ new');
  assert.equal(await b.joins(lost), false);
  assert.equal(await b.joins(kept), true);
});

test('reports on all nodes the loss of what was written to the old master during a split brain', async (t) => {
  const { replica, nodes, nodes: [a, b], promote } = await startReplicated(t);
  await publishToAll(nodes, 'before');
  await promote();
  await b.leadTo(replica);
  await untilBroken(b);
  for (let i = 0; i < 3; i++) {
    await publishToAll([a], `old ${i}`);
    await publishToAll([b], `new ${i}`);
  }
  await a.leadTo(replica);
  await assertAllTold(nodes, 'end');
});

/** Two nodes at one Redis, which begins another history under their open connections, as it does when
 * its first replica comes. Node a finds that out, while something of node b is held back. */
async function startChanged(t, held) {
  const redis = await startRedis(t);
  const replica = await startRedis(t);
  const nodes = [await startNode(t, redis), await startNode(t, redis)];
  const [a, b] = nodes;
  await publishToAll(nodes, 'before');
  b.proxy.hold(held);
  await replica.command('REPLICAOF', '127.0.0.1', String(redis.port));
  await untilBroken(a);
  return nodes;
}

test('assigns a message to the new history that another node has found', async (t) => {
  const nodes = await startChanged(t, 'commands');
  const [a, b] = nodes;
  await a.publish('after');
  b.proxy.release();
  await untilBroken(b);
  await b.told.untilText('after');
  await b.plain.untilText('after');
  await publishToAll(nodes, 'end');
  for (const { server, plain, told } of nodes) {
    assert.equal((await server.metrics()).broker_rewinds_total, 0);
    assert.deepEqual(story(plain), ['before', 'after', 'end']);
    assert.deepEqual(story(told), ['before', 'after', 'end']);
  }
});

test('does not report messages of the new master as lost ones of the old one', async (t) => {
  const { primary, replica, nodes, promote } = await startReplicated(t);
  const [a, b] = nodes;
  await publishToAll(nodes, 'before');
  await promote();
  await a.leadTo(replica);
  await untilBroken(a);
  b.proxy.hold('commands');
  await primary.command('REPLICAOF', '127.0.0.1', String(replica.port)); // it passes on what is published there
  await a.publish('after');
  await eventually('the old master has it', async () =>
    (await primary.command('GET', `${KEY}id`)) === (await replica.command('GET', `${KEY}id`)));
  b.proxy.release();
  await b.leadTo(replica);
  await untilBroken(b);
  await publishToAll(nodes, 'end');
  for (const { server, plain, told } of nodes) {
    assert.equal((await server.metrics()).broker_rewinds_total, 0);
    assert.deepEqual(story(plain), ['before', 'after', 'end']);
    assert.deepEqual(story(told), ['before', 'after', 'end']);
  }
});

test('publishes nothing in a new history before it has joined that', async (t) => {
  const nodes = await startChanged(t, 'feed');
  const [a, b] = nodes;
  await b.publish('after');
  await a.told.untilText('after');
  await untilBroken(b);
  b.proxy.release();
  for (const { plain, told } of nodes) {
    await told.untilText('after');
    await plain.untilText('after');
  }
  await publishToAll(nodes, 'end');
  for (const { server, told } of nodes) {
    assert.equal((await server.metrics()).broker_rewinds_total, 0);
    assert.deepEqual(story(told), ['before', 'after', 'end']);
  }
});

/** Starts Redis again with the data that it had at an earlier time. */
async function startOlder(redis, copy) {
  await redis.kill();
  copyFileSync(copy, join(redis.dir, 'dump.rdb'));
  await redis.start();
}

test('reports the loss on all nodes when Redis is replaced by an older copy of itself', async (t) => {
  const redis = await startRedis(t);
  const nodes = [await startNode(t, redis), await startNode(t, redis), await startNode(t, redis)];
  const [a, b, c] = nodes;
  const copy = join(redis.dir, 'copy.rdb');
  await publishToAll(nodes, 'kept');
  await redis.command('SAVE');
  copyFileSync(join(redis.dir, 'dump.rdb'), copy);
  for (const { proxy } of [b, c]) proxy.hold('feed');
  const lost = await publishToAll([a], 'lost');
  for (const { proxy } of nodes) proxy.cut();
  await startOlder(redis, copy);
  for (const { server } of nodes) await server.untilReadiness(503);
  for (const node of [b, c]) {
    node.proxy.restore();
    await node.server.untilReadiness(200);
  }
  for (let i = 0; i < 75; i++) await b.publish(`new ${i}`);
  await c.told.untilText('new 74');
  assert.deepEqual(story(c.told).filter((text) => text === 'gap'), []);
  a.proxy.restore();
  await a.server.untilReadiness(200);
  await assertAllTold(nodes, 'end');
  for (const node of nodes) assert.match(await node.since(lost), /^-/);
});

test('publishes nothing to another Redis before it has joined there, and moves its feed', async (t) => {
  const { primary, replica, nodes: [a, b], promote } = await startReplicated(t);
  await publishToAll([a, b], 'before');
  await promote();
  await b.leadTo(replica);
  await publishToAll([b], 'new');
  await publishToAll([a], 'lost'); // on the old master
  a.proxy.targetPort = replica.port; // for new connections
  await primary.command('CLIENT', 'KILL', 'TYPE', 'normal'); // not the feed
  await eventually('it has joined there', async () =>
    (await a.server.metrics()).broker_lineage_breaks_total === 1);
  await assertAllTold([a, b], 'end');
});

test('reads from a new master that waits for its replicas, and publishes there afterwards', async (t) => {
  const { replica, nodes, nodes: [a, b], promote } = await startReplicated(t);
  const before = await publishToAll(nodes, 'before');
  await promote();
  await replica.command('CONFIG', 'SET', 'min-replicas-to-write', '1');
  for (const { proxy } of nodes) proxy.cut();
  for (const { server, proxy } of nodes) {
    await server.untilReadiness(503);
    proxy.restore(replica.port);
  }
  for (const node of nodes) assert.equal(await node.joins(before), true);
  await assert.rejects(a.publish('refused'));
  assert.equal((await b.server.metrics()).broker_lineage_breaks_total, 0);
  await replica.command('CONFIG', 'SET', 'min-replicas-to-write', '0');
  for (const node of nodes) await untilBroken(node);
  await publishToAll(nodes, 'after');
  await assertNothingTold(nodes, ['before', 'after']);
});

test('warns once without the right to INFO, and still finds that Redis was emptied', async (t) => {
  const redis = await startRedis(t);
  await redis.command('ACL', 'SETUSER', 'hub', 'on', '>sesame', '~*', ...ALL_CHANNELS, '+@all', '-info');
  const node = await startNode(t, redis, { REDIS_USERNAME: 'hub', REDIS_PASSWORD: 'sesame' });
  await publishToAll([node], 'before');
  await redis.command('FLUSHALL');
  await eventually('a gap', () => story(node.told).includes('gap'));
  await publishToAll([node], 'after');
  assert.deepEqual(story(node.told), ['before', 'gap', 'after']);
  assert.equal(await redis.command('HEXISTS', `${KEY}floors`, '='), '0');
  assert.equal(node.server.stderr.match(/event=redis_has_no_lineage/g).length, 1);
});
