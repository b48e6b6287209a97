// Clients that connect, disconnect, subscribe and unsubscribe at random while messages are published.

import assert from 'node:assert/strict';

import { testOnBothBrokers } from './support/brokers.mjs';
import { randomSource } from './support/random.mjs';
import { openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { scaled } from './support/wait.mjs';

const TOPICS = ['a', 'a/b', 'a/b/c', 'a/c', 'b', 'b/c', 'b//c', 'c/a/b'];
const FILTERS = [...TOPICS, '#', '+', 'a/#', 'a/+', '+/b', '+/+', '+/b/#', 'a/b/#', 'b/+/c', '+/c'];

function matches(filter, topic) {
  const pattern = filter
    .replaceAll('+', '[^/]*')
    .replace(/^#$/, '.*')
    .replace(/\/#$/, '(/.*)?');
  return new RegExp(`^${pattern}$`).test(topic);
}

/** Subscribes to filters and leaves each in one of three ways; resolves to the messages received. */
async function wander(t, server, random, begin, steps) {
  const periods = [];
  let client = await openClient(t, server);
  for (let i = 0; i < steps; i++) {
    const filter = random.pick(FILTERS);
    const withHistory = random.below(2) === 0;
    const params = withHistory ? { sinceEventId: begin } : {};
    const subscription = await client.subscribe(filter, params);
    await subscription.untilCount(5 + random.below(30));
    const way = random.below(3);
    if (way === 0) await client.call('unsubscribe', [filter]);
    if (way === 1) await client.call('unsubscribeAll');
    if (way === 2) client.socket.terminate();
    periods.push({ filter, withHistory, messages: [...subscription.messages] });
    if (way === 2) client = await openClient(t, server);
  }
  return periods;
}

function assertContiguous({ filter, withHistory, messages }, all) {
  const matching = all.filter(({ topic }) => matches(filter, topic));
  const first = matching.findIndex(({ id }) => id === messages[0].id);
  assert.deepEqual(messages, matching.slice(first, first + messages.length), filter);
  if (withHistory) assert.equal(first, 0, `${filter} begins where the client asked`);
}

testOnBothBrokers('delivers a contiguous part of the order to each subscription', async (t, broker) => {
  const options = { ...broker, WORKER_THREADS: '2', MAX_CACHE_LENGTH: '0' };
  const server = await startServer(t, options);
  const random = randomSource(2026);
  const observer = await (await openClient(t, server)).subscribe('#');
  const publisher = await openClient(t, server);
  const begin = await publisher.publish('begin/of/all', 'x');

  let isWandering = true;
  const publishing = (async () => {
    for (let i = 0; isWandering; i++) {
      const topic = TOPICS[i % TOPICS.length]; // in turn, so that every filter gets messages
      const published = publisher.publish(topic, `m ${i}`);
      if (i % 16 === 0) await published;
      else published.catch(() => {});
    }
  })();
  const wanderers = Array.from({ length: 12 }, () =>
    wander(t, server, random, begin, scaled(24)));
  const periods = (await Promise.all(wanderers).finally(() => (isWandering = false))).flat();
  await publishing;
  await publisher.publish('end', 'end');
  await observer.untilText('end');

  const all = observer.messages.filter(({ topic }) => topic !== 'begin/of/all');
  for (const period of periods) {
    const messages = period.messages.filter(({ topic }) => topic !== 'begin/of/all');
    if (messages.length > 0) assertContiguous({ ...period, messages }, all);
  }
  const now = await server.metrics();
  assert.ok(now.subscriptions <= 1 + wanderers.length, 'no subscription is left behind');
});
