// A node subscribes in Redis to what its clients want. It must not matter how many topics and patterns that
// are, how fast they come and go, what Redis confirms, and whether others publish with or without ids.
//   TOPICS=250000 node --test 06-cluster-interest.test.mjs      more topics that come and go, by hand
//   LINGER=60 node --test 06-cluster-interest.test.mjs          a wide channel that is no longer needed, and 60 topics

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';

import { startProxy } from './support/proxy.mjs';
import { lag } from './support/races.mjs';
import { randomSource } from './support/random.mjs';
import { startRedis } from './support/redis.mjs';
import { withRedis } from './support/resp.mjs';
import { numbered, openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { eventually, SANITIZED, scaled, watchDelays } from './support/wait.mjs';

const MB = 1024 * 1024;
const GLOBS_MAX = 16; // of all nodes with the same patterns

/** Two nodes; `near` is behind a proxy. */
async function startNodes(t, options = {}) {
  const redis = await startRedis(t);
  const proxy = await startProxy(t, redis.port);
  const all = { ...redis.options, WORKER_THREADS: '2', ...options };
  const [near, far] = await Promise.all([
    startServer(t, { ...all, REDIS_PORT: String(proxy.port) }), startServer(t, all)]);
  return { redis, proxy, near, far };
}

// Confirmations -------------------------------------------------------------------------------------

const CONFIRMATION = /\*3\r\n\$\d+\r\n(p?(?:un)?subscribe)\r\n\$\d+\r\n([^\r]*)\r\n:\d+\r\n/g;
const confirmation = (what, channel) => `*3\r\n$${what.length}\r\n${what}\r\n$${channel.length}\r\n${channel}\r\n:9\r\n`;

/** `change` makes another reply of the confirmation of eventhub:fresh; nobody has asked for `inject`. */
const LIES = {
  'confirms a channel that nobody asked for': { inject: confirmation('subscribe', 'eventhub:other') },
  'confirms a pattern that nobody asked for': { inject: confirmation('psubscribe', 'eventhub:other/*') },
  'ends a subscription that nobody ended': { inject: confirmation('unsubscribe', 'eventhub:steady') },
  'does not confirm a channel': { change: () => '' },
  'confirms another channel': { change: (what) => confirmation(what, 'eventhub:other') },
  'confirms a channel twice': { change: (what, channel) => confirmation(what, channel).repeat(2) },
  'confirms the end of a channel instead': { change: (_, channel) => confirmation('unsubscribe', channel) },
};

test('a Redis that confirms something else', async (t) => {
  const { proxy, near, far } = await startNodes(t, { BROKER_TIMEOUT: '1' });
  const client = await openClient(t, near);
  const publisher = await openClient(t, far);
  const steady = await client.subscribe('steady', { gaps: true });
  const texts = [];
  for (const [name, { inject, change }] of Object.entries(LIES)) {
    await t.test(`joins again when Redis ${name}`, async () => {
      const failures = async () => (await near.metrics()).redis_connection_fail_count;
      const before = await failures();
      const topic = `fresh/${texts.length}`;
      let lies = 0;
      if (change) {
        proxy.change('feed', (text) => text.replace(CONFIRMATION, (all, what, channel) =>
          (channel === `eventhub:${topic}` && lies++ === 0 ? change(what, channel) : all)));
      } else {
        proxy.inject('feed', inject);
        lies = 1;
      }
      const subscription = await client.subscribe(topic);
      texts.push(topic);
      await Promise.all([publisher.publish(topic, topic), publisher.publish('steady', topic)]);
      await Promise.all([subscription.untilText(topic), steady.untilText(topic)]);
      if (lies > 0) await eventually('the feed joins again', async () => await failures() > before);
      await near.untilReadiness(200);
      assert.equal(client.closed, null);
      assert.deepEqual(subscription.texts, [topic]);
      assert.deepEqual(steady.texts, texts); // without a gap
    });
  }
});

test('answers a subscription when Redis is silent, and misses nothing', async (t) => {
  const { proxy, near, far } = await startNodes(t, { BROKER_TIMEOUT: '1' });
  const client = await openClient(t, near);
  const publisher = await openClient(t, far);
  proxy.hold('feed');
  const filters = ['fresh', 'fresh/#', 'fresh/+'];
  const subscriptions = await Promise.all(filters.map((filter) => client.subscribe(filter)));
  await publisher.publish('fresh', 'm');
  await publisher.publish('fresh/1', 'n');
  await near.untilReadiness(200);
  await publisher.publish('fresh', 'end');
  await publisher.publish('fresh/1', 'end');
  for (const subscription of subscriptions) await subscription.untilText('end');
  await subscriptions[1].untilCount(4);
  assert.deepEqual(subscriptions.map(({ texts }) => texts), [['m', 'end'], ['m', 'n', 'end', 'end'], ['n', 'end']]);
});

// Many topics and patterns --------------------------------------------------------------------------

const TOPICS = Number(process.env.TOPICS ?? scaled(20_000));
const BATCH = 100;
const UNDER_WAY = 4; // batches

/** Subscribes to new topics and leaves them again, as fast as it is answered. */
async function churn(client, count) {
  const underWay = new Set();
  for (let i = 0; i < count; i += BATCH) {
    const topics = numbered('churn', BATCH, i).map((text) => text.replace(' ', '/'));
    const asked = client.batch(() => topics.map((topic) => client.call('subscribe', { topic })));
    const one = Promise.all(asked).then(() => client.call('unsubscribe', topics)).then(() => underWay.delete(one));
    underWay.add(one);
    if (underWay.size >= UNDER_WAY) await Promise.race(underWay);
  }
  await Promise.all(underWay);
}

test(`serves others while one client subscribes to ${TOPICS} topics and leaves them`, async (t) => {
  const { near, far } = await startNodes(t);
  const bystander = await (await openClient(t, near)).subscribe('bystander', { gaps: true });
  const publisher = await openClient(t, far);
  const delayMs = watchDelays();
  const before = near.residentBytes();
  const texts = [];
  let [worst, peak, isOver] = [0, before, false];
  const serving = (async () => {
    for (; !isOver; await delay(5)) {
      const text = `m ${texts.length}`;
      texts.push(text);
      const begin = performance.now();
      await publisher.publish('bystander', text);
      await bystander.untilText(text);
      worst = Math.max(worst, performance.now() - begin);
      peak = Math.max(peak, near.residentBytes());
    }
  })();
  const client = await openClient(t, near);
  await churn(client, TOPICS).finally(() => (isOver = true));
  await serving;
  assert.deepEqual(bystander.texts, texts); // without a gap
  assert.equal((await near.metrics()).subscriptions, 1);
  t.diagnostic(`${(peak - before) / MB} MB more, the slowest message took ${worst} ms`);
  assert.ok(worst < (SANITIZED ? 5000 : 1000) + delayMs(), `a message took ${worst} ms`);
  if (!SANITIZED) assert.ok(peak - before < 80 * MB, `${(peak - before) / MB} MB more`);
});

test('needs few patterns in Redis, however many its clients have', async (t) => {
  const { redis, near, far } = await startNodes(t);
  const client = await openClient(t, near);
  const publisher = await openClient(t, far);
  const patterns = numbered('', 40).map((n) => n.trim());
  const bystander = await (await openClient(t, near)).subscribe('p0/x', { gaps: true });
  const subscriptions = [];
  for (const [i, n] of patterns.entries()) {
    subscriptions.push(await client.subscribe(i % 2 ? `p${n}/#` : `p${n}/+`, { gaps: true }));
    await publisher.publish('p0/x', `m ${i}`);
    await publisher.publish(`p${n}/x`, 'own');
  }
  assert.ok(Number(await redis.command('PUBSUB', 'NUMPAT')) <= GLOBS_MAX);
  const fresh = await client.subscribe('fresh');
  await Promise.all([publisher.publish('fresh', 'm'), publisher.publish('p0/x', 'end')]);
  await Promise.all([fresh.untilText('m'), bystander.untilText('end'), subscriptions[0].untilText('end')]);
  const expected = [...numbered('m', 40), 'own', 'end'].sort();
  assert.deepEqual([...bystander.texts].sort(), expected);
  assert.deepEqual([...subscriptions[0].texts].sort(), expected);
  for (const { texts } of subscriptions.slice(1)) assert.deepEqual(texts, ['own']);
  client.socket.terminate();
  await publisher.publish('p0/x', 'after');
  await bystander.untilText('after');
});

/** Publishes to the topics in turn until it is stopped; resolves to what was published, by topic. */
function publishTo(publisher, topics) {
  const published = new Map(topics.map((topic) => [topic, []]));
  let isOver = false;
  const publishing = (async () => {
    for (let i = 0; !isOver; i++) {
      const [topic, text] = [topics[i % topics.length], `m ${i}`];
      published.get(topic).push(text);
      await publisher.publish(topic, text);
    }
    return published;
  })();
  return () => {
    isOver = true;
    return publishing;
  };
}

const LINGER = Number(process.env.LINGER ?? 0);
const LONG_MS = 30_000 + LINGER * 5; // channels are closed slowly
const LINGER_MS = 10_000; // how long a node keeps a channel that nobody needs

test('misses nothing when a wide channel is no longer needed', { skip: !LINGER }, async (t) => {
  const { redis, proxy, near, far } = await startNodes(t, { MAX_SUBSCRIPTIONS: '1000000' });
  const random = randomSource(2026);
  const client = await openClient(t, near);
  const publisher = await openClient(t, far);
  const topics = Array.from({ length: LINGER }, (_, n) => `n${n % 30}/${n}`);
  const bystanders = new Map();
  for (const round of [0, 1]) { // the second time, the node still has their channels
    if (round > 0) await client.call('unsubscribeAll');
    for (let i = 0; i < LINGER; i += BATCH) {
      const some = topics.slice(i, i + BATCH);
      const asked = client.batch(() => some.map((topic) => client.subscribe(topic, { gaps: true })));
      for (const [k, subscription] of (await Promise.all(asked)).entries()) bystanders.set(some[k], subscription);
    }
  }
  const tree = await client.subscribe('n1/#', { gaps: true });
  const isOfTree = (topic) => topic.startsWith('n1/');
  const narrow = topics.filter((topic) => !isOfTree(topic)).length + 1; // and n1
  const names = async () => (await redis.command('PUBSUB', 'CHANNELS', 'eventhub:n*')).split('\n').length;

  proxy.delay('feed', lag(random, 10));
  const stop = publishTo(publisher, topics);
  await delay(LINGER_MS + 2000); // the time is what is tested
  for (const wide of [['#'], Array.from({ length: 25 }, (_, n) => `n${n}/+`)]) {
    const other = await openClient(t, near);
    for (const pattern of wide) await other.subscribe(pattern);
    await eventually('patterns take the place of topics', async () => await names() < narrow / 2, LONG_MS);
    other.socket.terminate();
    await eventually('the topics are back', async () => await names() === narrow, LONG_MS);
    await eventually('one pattern remains', async () => await redis.command('PUBSUB', 'NUMPAT') === '1');
  }
  const published = await stop();
  for (const [topic, texts] of published) {
    if (texts.length > 0) await bystanders.get(topic).untilText(texts.at(-1));
    assert.deepEqual(bystanders.get(topic).texts, texts, topic);
  }
  assert.deepEqual([...tree.texts].sort(), topics.filter(isOfTree).flatMap((topic) => published.get(topic)).sort());
});

// Messages without our ids --------------------------------------------------------------------------

test('delivers messages of a C++ node once while channels overlap', async (t) => {
  const { redis, near } = await startNodes(t);
  const topic = 'legacy/1';
  const texts = [];
  let isOver = false;
  const publishing = withRedis(redis, async (connection) => {
    for (; !isOver; await delay(1)) {
      const message = `m ${texts.length}`;
      texts.push(message);
      const payload = JSON.stringify({ id: `1574843571767-${texts.length}`, message, topic });
      await connection.call('PUBLISH', `eventhub:${topic}`, payload);
    }
  });
  const steady = await (await openClient(t, near)).subscribe(topic);
  const client = await openClient(t, near);
  const visits = [];
  // The channel of the topic gives way to that of a pattern, and that to a wider one.
  for (const filter of ['legacy/+', topic, 'legacy/#', '+/1', topic, '#']) {
    const visit = await client.subscribe(filter);
    await visit.untilCount(20);
    visits.push([...visit.texts]);
    if (filter === topic) await client.call('unsubscribe', [filter]);
  }
  isOver = true;
  await publishing;
  await steady.untilText(texts.at(-1));
  for (const own of [steady.texts, ...visits]) {
    const begin = texts.indexOf(own[0]);
    assert.deepEqual(own, texts.slice(begin, begin + own.length));
  }
});
