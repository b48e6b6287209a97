// A burst that is larger than MAX_OUTPUT_QUEUE drops nobody who reads.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { openClient, numbered } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';

const MESSAGES = 100; // the most of a batch
const FILLER = 'x'.repeat(10_000);

/** All of it is published in one turn of the worker, which then finds it in its box at once. */
function batchOf(texts) {
  return JSON.stringify(texts.map((message, i) => ({
    jsonrpc: '2.0', id: `publish ${i}`, method: 'publish', params: { topic: 'burst', message },
  })));
}

async function assertBurstArrives(t, options) {
  const server = await startServer(t, { WORKER_THREADS: '1', ...options });
  const reader = await openClient(t, server);
  const subscription = await reader.subscribe('burst');
  const publisher = await openClient(t, server);

  const texts = numbered(FILLER, MESSAGES);
  assert.equal((await publisher.exchange(batchOf(texts))).length, MESSAGES);
  await subscription.untilCount(MESSAGES);
  assert.deepEqual(subscription.texts, texts);
  assert.equal((await server.metrics()).disconnects_total.slow_reader, 0);
}

test('a burst of four queues arrives, in order', (t) =>
  assertBurstArrives(t, { MAX_OUTPUT_QUEUE: '256k', MAX_MESSAGE_SIZE: '2m' }));

test('so it does where one message is more than a portion', (t) =>
  assertBurstArrives(t, { MAX_OUTPUT_QUEUE: '32k', MAX_MESSAGE_SIZE: '2m' }));
