// Clients that do not read are dropped without an effect on others.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { numbered, openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { scaled } from './support/wait.mjs';

const STALLED = scaled(100);
const READERS = scaled(1000);
const BATCH = 100; // connections opened at a time
const FILLER = 'x'.repeat(64 * 1024);

async function openMany(t, server, count, topic) {
  const all = [];
  while (all.length < count) {
    const some = Array.from({ length: Math.min(BATCH, count - all.length) }, async () => {
      const client = await openClient(t, server);
      return { client, subscription: await client.subscribe(topic) };
    });
    all.push(...(await Promise.all(some)));
  }
  return all;
}

test(`drops ${STALLED} clients that stop reading while ${READERS} others receive everything`, async (t) => {
  const server = await startServer(t, { MAX_OUTPUT_QUEUE: '256k', MAX_CACHE_LENGTH: '10' });
  const stalled = await openMany(t, server, STALLED, '#');
  const readers = await openMany(t, server, READERS, 'news');
  const publisher = await openClient(t, server);
  for (const { client } of stalled) client.socket.pause();

  const news = [];
  await server.untilMetric('all stalled clients are dropped', async (now) => {
    const some = numbered('news', 2, news.length);
    news.push(...some);
    await publisher.publishAll('news', some);
    await publisher.publishAll('flood', Array(4).fill(FILLER));
    return now.disconnects_total.slow_reader >= STALLED;
  });
  const last = await publisher.publish('news', 'the last');

  for (const { subscription } of readers) {
    await subscription.untilCount(news.length + 1);
    assert.deepEqual(subscription.texts, [...news, 'the last'], 'everything in order');
    assert.equal(subscription.ids.at(-1), last);
  }
  const now = await server.metrics();
  assert.equal(now.disconnects_total.slow_reader, STALLED, 'no other client is dropped');
  assert.equal(now.subscriptions, READERS);
  await server.untilMetric('their output is released', ({ output_memory_bytes: bytes }) =>
    bytes === 0);
});
