// MAX_OUTPUT_MEMORY: the limit on output that waits for all clients together.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { numbered, openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { startTlsServer } from './support/tls.mjs';

const MB = 1024 * 1024;
const FILLER = 'x'.repeat(64 * 1024);
const OPTIONS = { WORKER_THREADS: '2', MAX_OUTPUT_QUEUE: '1g', MAX_CACHE_LENGTH: '1' };

/** A client that subscribes and then stops reading; `how` as for openClient. */
async function openStalled(t, server, topic, how) {
  const client = await openClient(t, server, how);
  const subscription = await client.subscribe(topic);
  client.socket.pause();
  return { client, subscription };
}

function openStalledAll(t, server, topics, how) {
  return Promise.all(topics.map((topic) => openStalled(t, server, topic, how)));
}

const PER_LOOK = 4;

/** Publishes to the topics until the condition holds for the metrics; resolves to the texts sent. */
async function floodUntil(server, publisher, topics, what, condition) {
  const sent = [];
  await server.untilMetric(what, async (now) => {
    if (condition(now)) return true;
    const texts = numbered(FILLER, PER_LOOK, sent.length);
    sent.push(...texts);
    await Promise.all(topics.map((topic) => publisher.publishAll(topic, texts)));
    return false;
  });
  return sent;
}

test('counts a message once that waits for many clients', async (t) => {
  const limit = 12 * MB;
  const server = await startServer(t, { ...OPTIONS, MAX_OUTPUT_MEMORY: String(limit) });
  const readers = 16;
  await openStalledAll(t, server, Array(readers).fill('flood'));
  const publisher = await openClient(t, server);
  await floodUntil(server, publisher, ['flood'], '8 MB wait',
    (now) => now.output_memory_bytes >= 8 * MB);
  const now = await server.metrics();
  assert.equal(now.disconnects_total.output_memory, 0);
  assert.equal(now.subscriptions, readers);
  const behind = now.deliveries_total * FILLER.length - now.sent_bytes_total;
  assert.ok(behind > 6 * limit, `the readers are ${behind} bytes behind`);
});

test('drops the clients with the longest queues first, with 1013', async (t) => {
  const server = await startServer(t,
    { ...OPTIONS, WORKER_THREADS: '1', MAX_OUTPUT_MEMORY: '12m' });
  const modest = await openStalled(t, server, 'modest');
  const publisher = await openClient(t, server);
  const sent = await floodUntil(server, publisher, ['modest'], 'output waits for it',
    (now) => now.output_memory_bytes >= MB);
  const hog = await openStalled(t, server, 'hog');
  await floodUntil(server, publisher, ['hog'], 'a client is dropped',
    (now) => now.disconnects_total.output_memory === 1);

  const now = await server.metrics();
  assert.equal(now.subscriptions, 1);
  assert.ok(now.output_memory_bytes < 4 * MB, 'its output is released');
  modest.client.socket.resume();
  await modest.subscription.untilCount(sent.length);
  assert.deepEqual(modest.subscription.texts, sent);
  hog.client.socket.resume();
  const { code } = await hog.client.untilClosed();
  assert.ok([1013, 1006].includes(code), `the code is best effort: ${code}`);
});

const SLACK = 2 * MB + MB / 4; // what one turn of two workers adds, and incomplete units

/** Asserts the bound for clients that each have their own topic, so that no output is shared. */
async function assertBounded(t, server, limit, how) {
  const topics = Array.from({ length: 12 }, (_, i) => `flood/${i}`);
  const stalled = await openStalledAll(t, server, topics, how);
  const publisher = await openClient(t, server);
  let most = 0;
  await floodUntil(server, publisher, topics, 'many are dropped', (now) => {
    most = Math.max(most, now.output_memory_bytes);
    return now.disconnects_total.output_memory >= topics.length / 2;
  });
  assert.ok(most <= limit + SLACK, `hardly more than the limit: ${most}`);
  for (const { client } of stalled) client.socket.terminate();
  await server.untilMetric('no output waits', (now) =>
    now.output_memory_bytes === 0 && now.current_connections_count === 2); // with the scrape
}

test('bounds the output of all workers and releases all of it', async (t) => {
  const limit = 8 * MB;
  const server = await startServer(t, { ...OPTIONS, MAX_OUTPUT_MEMORY: String(limit) });
  await assertBounded(t, server, limit);
});

test('bounds the output of TLS clients', async (t) => {
  const limit = 8 * MB;
  const server = await startTlsServer(t, { ...OPTIONS, MAX_OUTPUT_MEMORY: String(limit) });
  await assertBounded(t, server, limit, server);
});
