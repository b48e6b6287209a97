// permessage-deflate (RFC 7692) with real clients: npm `ws` with all its parameters, Chromium, TLS,
// and subscribers with different parameters on one topic.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';

import { openPage, SKIP_BROWSER } from './support/browser.mjs';
import { testOnBothBrokers } from './support/brokers.mjs';
import { numbered, openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { openStream } from './support/sse.mjs';
import { startTlsServer } from './support/tls.mjs';

const ON = { ENABLE_COMPRESSION: 'true', WORKER_THREADS: '1' };

/** Texts whose sizes lie around COMPRESSION_MIN_SIZE, window sizes and frame lengths. */
function textsOf(...sizes) {
  return sizes.map((size, i) => {
    const line = `{"user":${i * 7919},"text":"Grüße € 🎈","price":${size / 7}} \\ \n`;
    return line.repeat(size / line.length + 1).slice(0, size);
  });
}

/** All combinations of the values of each key. */
function combinations(choices) {
  return Object.entries(choices).reduce((all, [key, values]) =>
    all.flatMap((one) => values.map((value) => ({ ...one, [key]: value }))), [{}]);
}

test('npm ws', async (t) => {
  const server = await startServer(t, ON);
  const texts = textsOf(1, 900, 1100, 5000, 40_000, 70_000, 300_000);
  const all = combinations({
    serverNoContextTakeover: [true, false],
    clientNoContextTakeover: [true, undefined],
    serverMaxWindowBits: [undefined, 9, 12, 15],
    clientMaxWindowBits: [undefined, true, 9, 15],
  });
  for (const deflate of all) {
    const name = Object.entries(deflate).filter(([, value]) => value !== undefined);
    await t.test(`exchanges texts with ${JSON.stringify(Object.fromEntries(name))}`, async (t) => {
      const client = await openClient(t, server, { deflate });
      assert.match(client.socket.extensions, /^permessage-deflate/);
      const subscription = await client.subscribe('a');
      await client.publishAll('a', texts);
      await subscription.untilCount(texts.length);
      assert.deepEqual(subscription.texts, texts);
      const plain = texts.reduce((sum, text) => sum + text.length, 0);
      assert.ok(client.socket._socket.bytesRead < plain / 3, 'the client got less');
      assert.ok(client.socket._socket.bytesWritten < plain / 3, 'the client sent less');
      client.socket.close(1000);
      assert.equal((await client.untilClosed()).code, 1000);
    });
  }
});

testOnBothBrokers('delivers one topic to subscribers with different parameters', async (t, options) => {
  const server = await startServer(t, { ...options, ...ON });
  const texts = textsOf(10, 2000, 3000, 100_000);
  const publisher = await openClient(t, server);
  const open = async (deflate) => (await openClient(t, server, { deflate })).subscribe('all/#');
  const some = await Promise.all([
    open(false), open({}), open({}), open({ serverMaxWindowBits: 10 }), open(false), open({}),
  ]);
  const stream = await openStream(t, server, '/all/kinds');
  const input = async () => (await server.metrics()).deflate_input_bytes_total;

  const before = await input();
  await publisher.publishAll('all/kinds', texts);
  for (const subscription of some) {
    await subscription.untilCount(texts.length);
    assert.deepEqual(subscription.texts, texts);
    assert.deepEqual(subscription.ids, some[0].ids);
  }
  await stream.untilCount(texts.length);

  // The server compresses once for each of two windows, however many subscribers use them.
  const bytes = some[0].messages.slice(1).reduce((sum, message) =>
    sum + Buffer.byteLength(`,"jsonrpc":"2.0","result":${JSON.stringify(message)}}`), 0);
  assert.equal((await input()) - before, 2 * bytes);
  const { deflate_output_bytes_total: output } = await server.metrics();
  assert.ok(output > 0 && output < (2 * bytes) / 10, `${output} of ${2 * bytes}`);
});

testOnBothBrokers('sends history and then live messages, compressed or not', async (t, options) => {
  const server = await startServer(t, { ...options, ...ON, COMPRESSION_MIN_SIZE: '100' });
  const publisher = await openClient(t, server);
  const fill = 'fill '.repeat(40);
  const texts = numbered(fill, 600);
  const sinceEventId = await publisher.publish('log/a', 'before');
  await publisher.publishAll('log/a', texts.slice(0, 300));
  const clients = await Promise.all([{}, false, { serverMaxWindowBits: 9 }].map((deflate) =>
    openClient(t, server, { deflate })));
  const live = publisher.publishAll('log/a', texts.slice(300));
  const subscriptions = await Promise.all(clients.map((client) =>
    client.subscribe('log/+', { sinceEventId })));
  await live;
  for (const subscription of subscriptions) {
    await subscription.untilCount(texts.length);
    assert.deepEqual(subscription.texts, texts);
    assert.equal(subscription.answer.recovered, true);
  }
  const log = { topic: 'log/a', sinceEventId, limit: 100 };
  const { items } = await clients[0].call('eventlog', log);
  assert.deepEqual(items.map(({ message }) => message), texts.slice(0, 100));
});

test('compresses and reads compressed requests, batches and answers', async (t) => {
  const server = await startServer(t, { ...ON, COMPRESSION_MIN_SIZE: '0' });
  const client = await openClient(t, server, { deflate: {} });
  const value = 'value '.repeat(10_000);
  await client.call('set', { key: 'a', value });
  assert.equal((await client.call('get', { key: 'a' })).value, value);
  const batch = Array.from({ length: 100 }, (_, id) =>
    ({ jsonrpc: '2.0', id: `b${id}`, method: 'get', params: { key: 'a' } }));
  const answers = await client.exchange(JSON.stringify(batch));
  assert.equal(answers.length, 100);
  assert.ok(answers.every(({ result }) => result.value === value));
});

test('compresses over TLS', async (t) => {
  const server = await startTlsServer(t, ON);
  const texts = textsOf(1, 5000, 300_000);
  const clients = await Promise.all([{}, {}, false].map((deflate) =>
    openClient(t, server, { ca: server.ca, deflate })));
  const subscriptions = await Promise.all(clients.map((client) => client.subscribe('a')));
  await clients[0].publishAll('a', texts);
  for (const subscription of subscriptions) {
    await subscription.untilCount(texts.length);
    assert.deepEqual(subscription.texts, texts);
  }
});

test('drops a subscriber that stops reading and keeps serving the others', async (t) => {
  const server = await startServer(t, { ...ON, MAX_OUTPUT_QUEUE: '512k' });
  const publisher = await openClient(t, server);
  const open = () => openClient(t, server, { deflate: {} });
  const [slow, quick] = await Promise.all([open(), open()]);
  await slow.subscribe('a');
  const subscription = await quick.subscribe('a');
  slow.socket._socket.pause();
  const noise = () => randomBytes(200_000).toString('base64');
  let count = 0;
  while (!(await server.metrics()).disconnects_total.slow_reader) {
    await publisher.publish('a', noise());
    await subscription.untilCount(++count);
  }
});

test('exchanges compressed messages with Chromium', { skip: SKIP_BROWSER }, async (t) => {
  const server = await startServer(t, ON);
  const page = await openPage(t);
  const texts = textsOf(1, 2000, 100_000, 300_000);
  const seen = await page.evaluate(({ port, texts }) => new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
    const seen = [];
    const call = (id, method, params) =>
      socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
    socket.onerror = socket.onclose = reject;
    socket.onopen = () => call('sub', 'subscribe', { topic: 'a' });
    socket.onmessage = ({ data }) => {
      const { id, result } = JSON.parse(data);
      if (id !== 'sub') return;
      if (result.action) texts.forEach((message, i) => call(i, 'publish', { topic: 'a', message }));
      else seen.push(result.message);
      if (seen.length === texts.length) resolve({ seen, extensions: socket.extensions });
    };
  }), { port: server.port, texts });
  assert.match(seen.extensions, /^permessage-deflate/);
  assert.deepEqual(seen.seen, texts);
  const metrics = await server.metrics();
  assert.ok(metrics.inflate_output_bytes_total > 400_000, 'it sent compressed messages');
  assert.ok(metrics.deflate_input_bytes_total > 400_000, 'it got compressed messages');
});
