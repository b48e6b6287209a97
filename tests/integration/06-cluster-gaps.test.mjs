// Messages that were lost on the way to a node. Subscriptions with `gaps` get a report in the place of
// the messages; others get none.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startCluster } from './support/cluster.mjs';
import { startProxy } from './support/proxy.mjs';
import { startRedis } from './support/redis.mjs';
import { errorOf, numbered, openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { openStream } from './support/sse.mjs';
import { eventually, watchDelays } from './support/wait.mjs';

const GAPS = { gaps: true };

/** Returns what a subscription received, in order: the text of a message, or `gap: topic`. */
const story = ({ messages }) =>
  messages.map(({ action, message, topic }) => (action ? `${action}: ${topic}` : message));

async function restartEmpty(redis, ...nodes) {
  await redis.kill();
  for (const node of nodes) await node.untilReadiness(503);
  await redis.start();
  for (const node of nodes) await node.untilReadiness(200);
}

/** Node a, and node b, which `meanwhile` separates from Redis for a while. */
async function startSeparated(t, options = {}) {
  const redis = await startRedis(t);
  const proxy = await startProxy(t, redis.port);
  const all = { ...redis.options, BROKER_TIMEOUT: '1', ...options };
  const a = await startServer(t, all);
  const b = await startServer(t, { ...all, REDIS_PORT: String(proxy.port) });
  const meanwhile = async (act) => {
    proxy.cut();
    await b.untilReadiness(503);
    await act();
    proxy.restore();
    await b.untilReadiness(200);
  };
  return { a, b, redis, meanwhile };
}

test('reports a gap under each filter when Redis comes back empty', async (t) => {
  const redis = await startRedis(t);
  const nodes = await Promise.all([1, 2].map(() => startServer(t, redis.options)));
  const clients = await Promise.all(nodes.map((node) => openClient(t, node)));
  const filters = ['room/1', 'room/+', '#', 'other'];
  const asked = [];
  for (const client of clients) {
    for (const filter of filters) asked.push([filter, await client.subscribe(filter, GAPS)]);
  }
  const silent = await (await openClient(t, nodes[1])).subscribe('room/#');
  await clients[0].publish('room/1', 'before');
  for (const [filter, subscription] of [...asked, ['room/#', silent]]) {
    if (filter !== 'other') await subscription.untilText('before'); // else the crash may take it away
  }
  await restartEmpty(redis, ...nodes);
  await clients[0].publish('room/1', 'after');
  await clients[0].publish('other', 'after');
  await silent.untilText('after');
  for (const [filter, subscription] of asked) {
    await subscription.untilText('after');
    const [gap, ...rest] = story(subscription).filter((text) => text !== 'before');
    assert.equal(gap, `gap: ${filter}`);
    assert.ok(rest.every((text) => text === 'after'));
    if (filter !== 'other') assert.equal(story(subscription)[0], 'before');
  }
  assert.deepEqual(story(silent), ['before', 'after']);
});

test('names the topic in a gap when the log was trimmed meanwhile', async (t) => {
  const { a, b, meanwhile } = await startSeparated(t, { MAX_CACHE_LENGTH: '10' });
  const publisher = await openClient(t, a);
  const client = await openClient(t, b);
  const pattern = await client.subscribe('t/#', GAPS);
  const trimmed = await client.subscribe('t/full', GAPS);
  const whole = await client.subscribe('t/few', GAPS);
  const silent = await client.subscribe('t/+');
  for (const topic of ['t/full', 't/few']) await publisher.publish(topic, 'before');
  await silent.untilCount(2);
  await meanwhile(async () => {
    await publisher.publish('t/few', 'few');
    await publisher.publishAll('t/full', numbered('m', 30));
  });
  await silent.untilCount(13); // the node has read the log, so trimming it further does no harm
  for (const topic of ['t/full', 't/few']) await publisher.publish(topic, 'after');
  const kept = [...numbered('m', 10, 20), 'after'];
  await Promise.all([silent.untilCount(15), pattern.untilCount(16)]);
  await Promise.all([trimmed.untilText('after'), whole.untilText('after')]);
  assert.deepEqual(story(pattern), ['before', 'before', 'gap: t/full', 'few', ...kept, 'after']);
  assert.deepEqual(story(trimmed), ['before', 'gap: t/full', ...kept]);
  assert.deepEqual(story(whole), ['before', 'few', 'after']);
  assert.deepEqual(story(silent), ['before', 'before', 'few', ...kept, 'after']);
});

test('reports no gap when a node missed nothing while it was away', async (t) => {
  for (const ENABLE_CACHE of ['true', 'false']) {
    const { a, b, meanwhile } = await startSeparated(t, { ENABLE_CACHE });
    const publisher = await openClient(t, a);
    const subscription = await (await openClient(t, b)).subscribe('t', GAPS);
    await publisher.publish('t', 'before');
    await subscription.untilText('before');
    await meanwhile(() => {});
    await publisher.publish('t', 'after');
    await subscription.untilText('after');
    assert.deepEqual(story(subscription), ['before', 'after']);
  }
});

test('reports a gap to a client that subscribed before the node was connected', async (t) => {
  const redis = await startRedis(t);
  const proxy = await startProxy(t, redis.port);
  const a = await openClient(t, await startServer(t, redis.options));
  proxy.cut();
  const options = { ...redis.options, REDIS_PORT: String(proxy.port) };
  const node = await startServer(t, options, { ready: false });
  const client = await openClient(t, node);
  const told = await client.subscribe('t', GAPS);
  const silent = await client.subscribe('t/#');
  await a.publish('t', 'lost');
  proxy.restore();
  await node.untilReadiness(200);
  await a.publish('t', 'after');
  for (const subscription of [told, silent]) await subscription.untilText('after');
  assert.deepEqual(story(told), ['gap: t', 'after']);
  assert.deepEqual(story(silent), ['after']);
});

test('answers recovered: false when the log is trimmed between the pages of an answer', async (t) => {
  const LENGTH = 300; // more than a page
  const redis = await startRedis(t);
  const proxy = await startProxy(t, redis.port);
  const options = {
    ...redis.options,
    MAX_CACHE_LENGTH: String(LENGTH), MAX_CACHE_REQUEST_LIMIT: '1000', MAX_OUTPUT_QUEUE: '256k',
  };
  const publisher = await openClient(t, await startServer(t, options));
  const node = await startServer(t, { ...options, REDIS_PORT: String(proxy.port) });
  const client = await openClient(t, node);
  const sinceEventId = await publisher.publish('begin', 'x');
  await publisher.publishAll('paged', numbered('m', LENGTH));
  proxy.holdAnswersTo('paged');
  const reading = client.call('eventlog', { topic: 'paged', sinceEventId, limit: LENGTH });
  await eventually('the first page has come', () => proxy.isHolding);
  await publisher.publishAll('paged', numbered('m', 200, LENGTH));
  proxy.release();
  const { items, recovered } = await reading;
  assert.ok(items.length < LENGTH && items[0].message === 'm 0', `${items.length} items`);
  assert.equal(recovered, false);
});

test('fails an eventlog whose second page does not come within BROKER_TIMEOUT of the request', async (t) => {
  const TIMEOUT_MS = 3000;
  const redis = await startRedis(t);
  const proxy = await startProxy(t, redis.port);
  const server = await startServer(t, {
    ...redis.options, REDIS_PORT: String(proxy.port), BROKER_TIMEOUT: String(TIMEOUT_MS / 1000),
  });
  const client = await openClient(t, server);
  const sinceEventId = await client.publish('paged', 'begin');
  const ids = await client.publishAll('paged', numbered('m', 600)); // three pages
  const delayMs = watchDelays();
  proxy.holdAnswersTo(sinceEventId);
  const startedAt = Date.now();
  const refused = errorOf(client.call('eventlog', { topic: 'paged', sinceEventId, limit: 600 }));
  await eventually('most of the time is over', () => Date.now() >= startedAt + 0.8 * TIMEOUT_MS);
  proxy.release();
  proxy.holdAnswersTo(ids[255]);
  assert.equal((await refused).data, 'the log could not be read');
  const took = Date.now() - startedAt;
  const slack = 0.5 * TIMEOUT_MS + delayMs();
  assert.ok(took <= TIMEOUT_MS + slack, `answered after ${took} ms`);
});

test('reports a gap for every missed message when there is no log', async (t) => {
  const { a, b, meanwhile } = await startSeparated(t, { ENABLE_CACHE: 'false' });
  const publisher = await openClient(t, a);
  const client = await openClient(t, b);
  const subscription = await client.subscribe('t/+', GAPS);
  await publisher.publish('t/1', 'before');
  await subscription.untilText('before');
  await meanwhile(() => publisher.publish('t/1', 'lost'));
  await publisher.publish('t/1', 'after');
  await subscription.untilText('after');
  assert.deepEqual(story(subscription), ['before', 'gap: t/+', 'after']);
});

test('reports gaps to a client that is still reading its history', async (t) => {
  const redis = await startRedis(t);
  const options = { MAX_OUTPUT_QUEUE: '256k', MAX_CACHE_LENGTH: '0' };
  const server = await startServer(t, { ...redis.options, ...options });
  const publisher = await openClient(t, server);
  const begin = await publisher.publish('begin', 'x');
  const texts = numbered('x'.repeat(5000), 2000);
  await publisher.publishAll('long', texts);
  const client = await openClient(t, server);
  const joined = await client.subscribe('long', { ...GAPS, sinceEventId: begin });
  client.socket.pause();
  const first = await client.subscribe('quick', {}, { confirmed: false });
  await restartEmpty(redis, server);
  await publisher.publish('long', 'after');
  client.socket.resume();
  await joined.untilText('after');
  await first.answer;

  assert.equal(joined.answer.recovered, true, 'nothing was lost at that time');
  const told = story(joined);
  const gapAt = told.indexOf('gap: long');
  assert.ok(gapAt > 0 && gapAt < texts.length, `after ${gapAt} messages`);
  assert.deepEqual(told.slice(0, gapAt), texts.slice(0, gapAt));
  // The rest of the history is missing, and so are the messages published until Redis was back. That
  // makes two gaps; a join that has not ended by then reports them as one.
  const gaps = told.slice(gapAt, -1);
  assert.ok(gaps.length <= 2 && gaps.every((text) => text === 'gap: long'), `${gaps}`);
});

test('reports gaps to event streams with ?gaps=true', async (t) => {
  const redis = await startRedis(t);
  const server = await startServer(t, redis.options);
  const client = await openClient(t, server);
  const told = await openStream(t, server, '/t/%23?gaps=true');
  const silent = await openStream(t, server, '/t/%23?gaps=false');
  await client.publish('t/1', 'before');
  for (const stream of [told, silent]) await stream.untilText('before');
  await restartEmpty(redis, server);
  await client.publish('t/1', 'after');
  for (const stream of [told, silent]) await stream.untilText('after');
  assert.match(told.text, /before\n\nevent: gap\ndata: \{"topic":"t\/#"\}\n\nid: \S+\ndata: after/);
  assert.doesNotMatch(silent.text, /gap/);
});

test('reports no loss while a cluster has no owner for the slot', async (t) => {
  const { nodes: [redis] } = await startCluster(t, { masters: 1, replicas: 0 });
  const slot = await redis.command('CLUSTER', 'KEYSLOT', '{eventhub}');
  const server = await startServer(t, { ...redis.options, BROKER_TIMEOUT: '2' });
  const client = await openClient(t, server);
  const sinceEventId = await client.publish('t', 'before');
  const ids = await client.publishAll('t', numbered('m', 3));
  await redis.command('CLUSTER', 'DELSLOTS', slot);
  const joined = await client.subscribe('t', { sinceEventId, ...GAPS }, { confirmed: false });
  const stream = await openStream(t, server, '/t', { 'Last-Event-ID': sinceEventId });
  await server.untilReadiness(503);
  assert.equal((await errorOf(client.call('eventlog', { topic: 't', sinceEventId }))).code, -32603);
  await redis.command('CLUSTER', 'ADDSLOTS', slot);
  assert.deepEqual(await joined.answer, {
    action: 'subscribe', lastEventId: sinceEventId, recovered: true, status: 'ok', topic: 't',
  });
  for (const subscription of [joined, stream]) {
    await subscription.untilCount(ids.length);
    assert.deepEqual(subscription.texts, numbered('m', 3));
  }
  assert.ok(!stream.isIncomplete);
});
