// A burst that exceeds MAX_OUTPUT_QUEUE drops no client that reads.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { openClient, numbered } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';

const MESSAGES = 100; // the most in a batch
const FILLER = 'x'.repeat(10_000);

/** A batch is published in one turn of the worker, which then finds all of it in its inbox at once. */
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

test('delivers a burst of four times MAX_OUTPUT_QUEUE in order', (t) =>
  assertBurstArrives(t, { MAX_OUTPUT_QUEUE: '256k', MAX_MESSAGE_SIZE: '2m' }));

test('delivers a burst of messages larger than a portion in order', (t) =>
  assertBurstArrives(t, { MAX_OUTPUT_QUEUE: '32k', MAX_MESSAGE_SIZE: '2m' }));
