// The join of history and live messages: in order, without gap or duplicate, at any moment.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { testOnBothBrokers } from './support/brokers.mjs';
import { closeFrame, frame, OP } from './support/frames.mjs';
import { startProxy } from './support/proxy.mjs';
import { startRedis } from './support/redis.mjs';
import { assertIncreasing, compareIds, numbered, openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { openWebSocket } from './support/socket.mjs';
import { eventually, SANITIZED, scaled } from './support/wait.mjs';

const JOINS = 8;
const UNCONFIRMED = { confirmed: false };

/** Subscribes again after each eighth of the messages; resolves when all of them are published. */
async function joinWhilePublishing(t, server, { publish, published, total, topic, params }) {
  const joined = [];
  const publishing = publish();
  for (let i = 0; i < JOINS; i++) {
    await published.untilCount(Math.floor((total * i) / JOINS));
    const client = await openClient(t, server);
    joined.push(await client.subscribe(topic, params(i)));
  }
  await publishing;
  return joined;
}

testOnBothBrokers('joins a topic while another client publishes', async (t, broker) => {
  const server = await startServer(t, { ...broker, MAX_CACHE_LENGTH: '0', WORKER_THREADS: '2' });
  const total = scaled(6000);
  const publisher = await openClient(t, server);
  const begin = await publisher.publish('begin', 'x');
  const published = await (await openClient(t, server)).subscribe('join');
  const texts = numbered('m', total);
  const joined = await joinWhilePublishing(t, server, {
    publish: () => publisher.publishAll('join', texts),
    published,
    total,
    topic: 'join',
    params: () => ({ sinceEventId: begin }),
  });
  for (const subscription of [published, ...joined]) {
    await subscription.untilText(texts.at(-1));
    assert.deepEqual(subscription.texts, texts);
  }
  for (const { answer } of joined) assert.equal(answer.recovered, true);
});

testOnBothBrokers('joins a pattern to which several clients publish', async (t, broker) => {
  const server = await startServer(t, { ...broker, MAX_CACHE_LENGTH: '0', WORKER_THREADS: '2' });
  const each = scaled(2000);
  const publishers = await Promise.all([0, 1, 2].map(() => openClient(t, server)));
  const begin = await publishers[0].publish('begin', 'x');
  const published = await (await openClient(t, server)).subscribe('joined/#');
  let ids;
  const joined = await joinWhilePublishing(t, server, {
    publish: async () => {
      const all = publishers.map((publisher, i) =>
        publisher.publishAll(`joined/${i}`, numbered(`p${i}`, each)));
      ids = (await Promise.all(all)).flat().sort(compareIds);
    },
    published,
    total: 3 * each,
    topic: 'joined/#',
    params: () => ({ sinceEventId: begin }),
  });
  assertIncreasing(ids);
  for (const subscription of [published, ...joined]) {
    await subscription.untilCount(ids.length);
    assert.deepEqual(subscription.ids, ids);
  }
});

// Small values are published in turn to many topics, as by the sources of a dashboard. Whenever a client
// comes, it gets one value of each topic and then all later ones.
testOnBothBrokers('begins with the latest message of each topic while another client publishes', async (t, broker) => {
  const server = await startServer(t, { ...broker, MAX_CACHE_LENGTH: '3', WORKER_THREADS: '2' });
  const total = scaled(6000);
  const topics = 150;
  const publisher = await openClient(t, server);
  const published = await (await openClient(t, server)).subscribe('dash/#');
  const fill = Array.from({ length: topics }, (_, i) => publisher.publish(`dash/${i}`, '-1'));
  await Promise.all(fill);
  const publish = async () => {
    const underWay = [];
    for (let i = 0; i < total; i++) {
      if (underWay.length === 64) await underWay.shift();
      underWay.push(publisher.publish(`dash/${(i * 7) % topics}`, String(i)));
    }
    await Promise.all(underWay);
  };
  const joined = await joinWhilePublishing(t, server, {
    publish, published, total, topic: 'dash/#', params: (i) => ({ latest: true, gaps: i % 2 === 0 }),
  });
  await published.untilCount(topics + total);
  const all = published.messages;
  for (const subscription of joined) {
    await subscription.untilText(String(total - 1));
    assert.equal(subscription.answer.recovered, true);
    assertIncreasing(subscription.ids);
    // The live messages are the end of what all get. In front of them, each topic has its latest message.
    const tail = subscription.messages.slice(topics);
    const from = all.length - tail.length;
    assert.deepEqual(tail, all.slice(from));
    const latest = new Map(all.slice(0, from).map((message) => [message.topic, message]));
    const newest = [...latest.values()].sort((a, b) => compareIds(a.id, b.id));
    assert.deepEqual(subscription.messages.slice(0, topics), newest);
  }
});

testOnBothBrokers('begins with the latest message of a topic, or of none', async (t, broker) => {
  const server = await startServer(t, broker);
  const client = await openClient(t, server);
  await client.publish('one', 'old');
  const newest = await client.publish('one', 'new');
  const one = await client.subscribe('one', { latest: true, gaps: true });
  const none = await client.subscribe('none', { latest: true });
  assert.equal(one.answer.recovered, true);
  assert.equal(none.answer.recovered, true);
  assert.ok(compareIds(one.answer.lastEventId, newest) < 0);
  await client.publish('none', 'live');
  await client.publish('one', 'live');
  await Promise.all([one.untilCount(2), none.untilCount(1)]);
  assert.deepEqual([one.texts, none.texts], [['new', 'live'], ['live']]);
  const [batched, published] = client.batch(() => [
    client.subscribe('+', { latest: true }),
    client.publish('one', 'after'),
  ]);
  const pattern = await batched;
  await published;
  await pattern.untilText('after');
  assertIncreasing(pattern.ids);
  const last = new Map(pattern.messages.map(({ topic, message }) => [topic, message]));
  assert.deepEqual([...last].sort(), [['none', 'live'], ['one', 'after']]);
});

testOnBothBrokers('joins where the last subscription ended', async (t, broker) => {
  const server = await startServer(t, { ...broker, MAX_CACHE_LENGTH: '0' });
  const total = scaled(3000);
  const texts = numbered('m', total);
  const publisher = await openClient(t, server);
  let last = await publisher.publish('resume', 'begin');
  const seen = [];
  const publishing = publisher.publishAll('resume', texts);
  while (seen.length < total) {
    const client = await openClient(t, server);
    const subscription = await client.subscribe('resume', { sinceEventId: last });
    await subscription.untilCount(Math.min(100, total - seen.length));
    client.socket.terminate(); // while messages arrive
    seen.push(...subscription.texts);
    last = subscription.ids.at(-1);
  }
  await publishing;
  assert.deepEqual(seen, texts);
});

testOnBothBrokers('continues a limited join with live messages without a gap', async (t, broker) => {
  const server = await startServer(t, { ...broker, MAX_CACHE_LENGTH: '0' });
  const total = scaled(3000);
  const publisher = await openClient(t, server);
  const published = await (await openClient(t, server)).subscribe('tail');
  const texts = numbered('m', total);
  const joined = await joinWhilePublishing(t, server, {
    publish: () => publisher.publishAll('tail', texts),
    published,
    total,
    topic: 'tail',
    params: (i) => (i % 2 ? { since: -60_000, limit: 5 } : {}),
  });
  await publisher.publish('tail', 'end'); // the last one may have joined after all others
  for (const subscription of joined) {
    await subscription.untilText('end');
    assert.deepEqual(subscription.texts, [...texts, 'end'].slice(-subscription.texts.length));
  }
});

testOnBothBrokers('serves many joins of one connection at once', async (t, broker) => {
  const server = await startServer(t, broker);
  const client = await openClient(t, server);
  const topics = Array.from({ length: 30 }, (_, i) => `many/${i}`);
  const begin = await client.publish('many', 'begin');
  for (const topic of topics) await client.publishAll(topic, numbered(topic, 20));
  const joined = await Promise.all(['many/#', ...topics].map((topic) =>
    client.subscribe(topic, { sinceEventId: begin })));
  const [all, ...single] = joined;
  for (const [i, subscription] of single.entries()) {
    await subscription.untilCount(20);
    assert.deepEqual(subscription.texts, numbered(topics[i], 20));
  }
  await all.untilCount(20 * topics.length);
  assertIncreasing(all.ids);
});

testOnBothBrokers('serves joins that together exceed MAX_OUTPUT_QUEUE', async (t, broker) => {
  const server = await startServer(t, { ...broker, MAX_OUTPUT_QUEUE: '512k' });
  const publisher = await openClient(t, server);
  const topics = Array.from({ length: 40 }, (_, i) => `wide/${i}`);
  const begin = await publisher.publish('begin', 'x');
  const texts = numbered('x'.repeat(10_000), 20); // 200 kB a topic, 8 MB in all
  for (const topic of topics) await publisher.publishAll(topic, texts);
  const client = await openClient(t, server);
  const joined = await Promise.all(topics.map((topic) =>
    client.subscribe(topic, { sinceEventId: begin })));
  for (const subscription of joined) {
    await subscription.untilCount(texts.length);
    assert.ok(subscription.texts.every((text, i) => text === texts[i]), 'all messages, in order');
  }
});

testOnBothBrokers('joins that end at once', async (t, broker) => {
  const server = await startServer(t, broker);
  const publisher = await openClient(t, server);
  const begin = await publisher.publish('left', 'begin');
  await publisher.publishAll('left', numbered('m', 900));

  await t.test('delivers nothing after unsubscribe is answered', async (t) => {
    const client = await openClient(t, server);
    const subscription = await client.subscribe('left', { sinceEventId: begin }, UNCONFIRMED);
    await client.call('unsubscribe', ['left']);
    const count = subscription.messages.length;
    const marker = await client.subscribe('marker');
    await client.publish('marker', 'end');
    await marker.untilText('end');
    assert.equal(subscription.messages.length, count);
    assert.deepEqual(await client.call('list'), ['marker']);
  });

  await t.test('delivers the history to the id that replaces another', async (t) => {
    const client = await openClient(t, server);
    await client.subscribe('left', { sinceEventId: begin }, UNCONFIRMED);
    const second = await client.subscribe('left', { sinceEventId: begin });
    await second.untilCount(900);
    await client.roundTrip();
    assert.deepEqual(second.texts, numbered('m', 900));
  });

  await t.test('survives clients that disconnect during a join', async (t) => {
    for (let i = 0; i < 20; i++) {
      const client = await openClient(t, server);
      await client.subscribe('left', { sinceEventId: begin }, UNCONFIRMED);
      client.socket.terminate();
    }
    await publisher.roundTrip();
  });
});

testOnBothBrokers('delivers history larger than MAX_OUTPUT_QUEUE', async (t, broker) => {
  const server = await startServer(t, { ...broker, MAX_OUTPUT_QUEUE: '512k' });
  const publisher = await openClient(t, server);
  const begin = await publisher.publish('large', 'begin');
  const texts = numbered('x'.repeat(20_000), 400); // 8 MB
  await publisher.publishAll('large', texts);
  const client = await openClient(t, server);
  const subscription = await client.subscribe('large', { sinceEventId: begin });
  await subscription.untilText(texts.at(-1));
  assert.ok(subscription.texts.every((text, i) => text === texts[i]));
  assert.equal(subscription.texts.length, texts.length);
});

/** Publishes more than the kernel buffers hold while a joiner, from `from(begin)` on, does not read. */
async function joinAsleep(t, broker, from) {
  const options = { MAX_OUTPUT_QUEUE: '256k', MAX_CACHE_LENGTH: '0' };
  const server = await startServer(t, { ...broker, ...options });
  const publisher = await openClient(t, server);
  const begin = await publisher.publish('begin', 'x');
  const texts = numbered('x'.repeat(30_000), 600);
  await publisher.publishAll('slow', texts.slice(0, 500), { window: 8 });

  const socket = await openWebSocket(t, server);
  socket.socket.pause();
  const params = { topic: 'slow', ...from(begin) };
  const subscribe = { jsonrpc: '2.0', id: 1, method: 'subscribe', params };
  // Once the first page is sent, the end of the history is fixed, and what follows is live.
  await socket.send(frame(OP.TEXT, JSON.stringify(subscribe)));
  await server.untilMetric('the first page', (now) => now.deliveries_total > 0);
  const timestamp = Date.now() - 86_400_000; // irrelevant to live messages
  for (const text of texts.slice(500)) await publisher.publish('slow', text, { timestamp });

  socket.socket.resume();
  assert.equal((await socket.readJson()).result.recovered, true);
  for (const text of texts) assert.equal((await socket.readJson()).result.message, text);
  assert.equal((await server.metrics()).disconnects_total.slow_reader, 0);
}

testOnBothBrokers('a joiner that does not read for a while', async (t, broker) => {
  await t.test('gets everything after an id', (t) =>
    joinAsleep(t, broker, (begin) => ({ sinceEventId: begin })));
  await t.test('gets everything since a time', (t) =>
    joinAsleep(t, broker, (begin) => ({ since: Number(begin.split('-')[0]) })));
});

testOnBothBrokers('ends the join of a client that does not read and sends a Close', async (t, broker) => {
  const options = { MAX_OUTPUT_QUEUE: '256k', MAX_CACHE_LENGTH: '0', BROKER_TIMEOUT: '1' };
  const server = await startServer(t, { ...broker, ...options });
  const publisher = await openClient(t, server);
  const begin = await publisher.publish('begin', 'x');
  await publisher.publishAll('left', numbered('x'.repeat(30_000), 500), { window: 8 }); // 15 MB

  const sockets = [];
  for (let i = 0; i < 3; i++) {
    const socket = await openWebSocket(t, server);
    socket.socket.pause();
    const params = { topic: 'left', sinceEventId: begin };
    const subscribe = { jsonrpc: '2.0', id: 1, method: 'subscribe', params };
    await socket.send(frame(OP.TEXT, JSON.stringify(subscribe)));
    await server.untilMetric('the subscription', (now) => now.subscriptions === i + 1);
    sockets.push(socket);
  }
  for (const socket of sockets) await socket.send(closeFrame(3000));
  await server.untilMetric('all are closed, at the latest after BROKER_TIMEOUT', (now) =>
    now.subscriptions === 0);
  await publisher.roundTrip();
});

test('buffers live messages up to MAX_OUTPUT_QUEUE while the log is slow to answer', async (t) => {
  const redis = await startRedis(t);
  const proxy = await startProxy(t, redis.port);
  const server = await startServer(t, {
    ...redis.options,
    REDIS_PORT: String(proxy.port),
    MAX_OUTPUT_QUEUE: '256k',
    MAX_CACHE_LENGTH: '0',
    BROKER_TIMEOUT: '60',
  });
  const publisher = await openClient(t, server);
  const begin = await publisher.publish('begin', 'x');
  const client = await openClient(t, server);

  proxy.holdAnswersTo('slow/+');
  const subscription = await client.subscribe('slow/+', { sinceEventId: begin }, UNCONFIRMED);
  await eventually('the log is asked', () => proxy.isHolding);
  const before = server.residentBytes();
  const texts = numbered('x'.repeat(100_000), scaled(500)); // 50 MB, or 12
  await publisher.publishAll('slow/a', texts);
  const size = texts.length * texts[0].length;
  await server.untilMetric('the last live messages count', (now) => now.history_tail_bytes >= size);
  const grown = server.residentBytes() - before - (await server.metrics()).history_tail_bytes;
  if (!SANITIZED) assert.ok(grown < 25e6, 'the subscription does not hold them all');
  proxy.release();
  await subscription.untilText(texts.at(-1));
  assert.equal((await subscription.answer).recovered, true);
  assert.ok(subscription.texts.every((text, i) => text === texts[i]));
  assert.equal(subscription.texts.length, texts.length);
});
