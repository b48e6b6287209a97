// Batches: all answers come in one array, and no message of a batch's subscriptions comes before it.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { testOnBothBrokers } from './support/brokers.mjs';
import { startRedis } from './support/redis.mjs';
import { numbered, openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';

const PING = { jsonrpc: '2.0', method: 'ping' };

function request(id, method, params) {
  return { jsonrpc: '2.0', id, method, params };
}

function notification(method, params) {
  return { jsonrpc: '2.0', method, params };
}

/** Sends the batch; resolves to the next array and a function that returns what came after it so far. */
async function exchangeBatch(client, batch) {
  const from = client.received.length;
  const find = () => client.received.findIndex((each, i) => i >= from && Array.isArray(each));
  client.sendText(JSON.stringify(batch));
  await client.until('an array', () => find() >= 0);
  const at = find();
  return { answers: client.received[at], after: () => client.received.slice(at + 1) };
}

function byId(answers, id) {
  const found = answers.filter((answer) => answer.id === id);
  assert.equal(found.length, 1, `exactly one answer has the id ${id}`);
  return found[0];
}

function assertRefused(answer, code) {
  assert.equal(answer.error.code, code);
  assert.equal(answer.id, null);
}

/** Waits for the messages that the batch's subscription `id` gets after the array. */
async function textsAfter(client, after, id, count) {
  const messages = () => after().filter((each) => each.id === id);
  await client.until(`${count} messages`, () => messages().length >= count);
  return messages().map(({ result }) => result.message);
}

testOnBothBrokers('answers to batches', async (t, broker) => {
  const server = await startServer(t, broker);
  const client = await openClient(t, server);

  await t.test('answers a batch with one array', async () => {
    const { answers } = await exchangeBatch(client, [
      request(1, 'ping'),
      request('two', 'publish', { topic: 'batch', message: 'hello' }),
      request(3, 'eventlog', { topic: 'batch', since: -60_000 }),
      request(4, 'nonsense'),
      request(5, 'publish', { topic: 'batch/+', message: 'wrong' }),
      request(6, 'list'),
    ]);
    assert.equal(answers.length, 6);
    assert.ok(byId(answers, 1).result.pong);
    assert.match(byId(answers, 'two').result.id, /^\d+-\d+$/);
    assert.equal(byId(answers, 3).result.action, 'eventlog');
    assert.equal(byId(answers, 4).error.code, -32601);
    assert.equal(byId(answers, 5).error.code, -32602);
    assert.deepEqual(byId(answers, 6).result, []);
  });

  await t.test('keeps the order of the publishes of a batch', async (t) => {
    const subscription = await (await openClient(t, server)).subscribe('ordered');
    const texts = numbered('m', 100);
    const { answers } = await exchangeBatch(client,
      texts.map((message, i) => request(i, 'publish', { topic: 'ordered', message })));
    assert.equal(answers.length, 100);
    await subscription.untilCount(100);
    assert.deepEqual(subscription.texts, texts);
    assert.deepEqual(subscription.ids, texts.map((_, i) => byId(answers, i).result.id));
  });

  await t.test('answers many batches sent at once in order', async () => {
    const before = client.received.length;
    for (let i = 0; i < 300; i++) {
      client.sendText(JSON.stringify([
        request(`a${i}`, 'publish', { topic: 'many', message: `${i}` }), request(`b${i}`, 'ping'),
      ]));
    }
    await client.until('300 arrays', () => client.received.length >= before + 300);
    const ids = client.received.slice(before).map((array) => array.map(({ id }) => id).sort());
    assert.deepEqual(ids, Array.from({ length: 300 }, (_, i) => [`a${i}`, `b${i}`]));
  });
});

test('invalid batches', async (t) => {
  const server = await startServer(t);
  const client = await openClient(t, server);

  await t.test('answers an empty array with one error, without an array', async () => {
    assertRefused(await client.exchange('[]'), -32600);
  });

  await t.test('accepts 100 requests', async () => {
    const { answers } = await exchangeBatch(client,
      Array.from({ length: 100 }, (_, id) => ({ ...PING, id })));
    assert.deepEqual(answers.map(({ id }) => id).sort((a, b) => a - b),
      Array.from({ length: 100 }, (_, id) => id));
  });

  await t.test('refuses 101 requests as a whole', async () => {
    const batch = Array.from({ length: 101 }, (_, id) =>
      request(id, 'publish', { topic: 'refused', message: 'x' }));
    assertRefused(await client.exchange(JSON.stringify(batch)), -32600);
    const { items } = await client.call('eventlog', { topic: 'refused', since: -60_000 });
    assert.deepEqual(items, []);
  });

  await t.test('answers broken JSON with one error', async () => {
    assertRefused(await client.exchange(`[${JSON.stringify({ ...PING, id: 1 })},{]`), -32700);
  });

  await t.test('answers each entry that is not a request with its own error', async () => {
    const { answers } = await exchangeBatch(client, [1, { ...PING, id: 'ok' }, [], {}, null]);
    assert.equal(answers.length, 5);
    assert.ok(byId(answers, 'ok').result.pong);
    const refused = answers.filter(({ id }) => id === null);
    for (const answer of refused) assertRefused(answer, -32600);
    assert.equal(refused.length, 4);
  });

  await t.test('counts refused requests', async () => {
    const refused = (await server.metrics()).refused_requests_total;
    assert.deepEqual([refused.invalid_request, refused.parse_error], [6, 1]);
  });
});

test('notifications in a batch', async (t) => {
  const server = await startServer(t);
  const client = await openClient(t, server);
  const subscription = await client.subscribe('note');
  const before = client.received.length;

  await t.test('executes a batch of notifications without any answer', async () => {
    client.sendText(JSON.stringify([
      notification('publish', { topic: 'note', message: 'one' }),
      notification('publish', { topic: 'note', message: 'two' }),
      notification('nonsense'),
      PING,
    ]));
    await subscription.untilText('two');
    await client.roundTrip();
    assert.deepEqual(subscription.texts, ['one', 'two']);
    assert.equal(client.received.length, before + 3, 'two messages and a pong');
  });

  await t.test('answers only the requests among notifications', async () => {
    const { answers } = await exchangeBatch(client, [PING, { ...PING, id: 1 }, PING]);
    assert.deepEqual(answers.map(({ id }) => id), [1]);
  });

  await t.test('refuses subscribe without an id, with id null', async () => {
    const { answers } = await exchangeBatch(client, [notification('subscribe', { topic: 'x' })]);
    assert.equal(answers.length, 1);
    assertRefused(answers[0], -32600);
  });
});

testOnBothBrokers('subscribe in a batch', async (t, broker) => {
  const server = await startServer(t, broker);
  const client = await openClient(t, server);

  await t.test('sends live messages after the array', async () => {
    for (let round = 0; round < 20; round++) {
      const topic = `live/${round}`;
      const texts = numbered('m', 30);
      const { answers, after } = await exchangeBatch(client, [
        request(topic, 'subscribe', { topic }),
        ...texts.map((message, i) => request(i, 'publish', { topic, message })),
      ]);
      assert.deepEqual(byId(answers, topic).result, { action: 'subscribe', status: 'ok', topic });
      assert.deepEqual(await textsAfter(client, after, topic, 30), texts);
    }
  });

  await t.test('sends history and then live messages after the array', async () => {
    const older = numbered('old', 600);
    const begin = await client.publish('joined', 'begin');
    await client.publishAll('joined', older);
    const newer = numbered('new', 50);
    const { answers, after } = await exchangeBatch(client, [
      request('join', 'subscribe', { topic: 'joined', sinceEventId: begin }),
      request('last', 'subscribe', { topic: 'joined/#', sinceEventId: begin, limit: 7 }),
      ...newer.map((message, i) => request(i, 'publish', { topic: 'joined', message })),
    ]);
    assert.equal(byId(answers, 'join').result.recovered, true);
    assert.equal(byId(answers, 'last').result.recovered, false);
    assert.deepEqual(await textsAfter(client, after, 'join', 650), [...older, ...newer]);
    await client.until('the newest message', () =>
      after().some((each) => each.id === 'last' && each.result.message === newer.at(-1)));
    const last = await textsAfter(client, after, 'last', 7);
    assert.deepEqual(last, [...older, ...newer].slice(-last.length), 'the newest, whenever read');
    assert.equal(answers.length, 52);
  });

  await t.test('sends nothing to subscriptions that the batch itself replaces or ends', async () => {
    const { answers, after } = await exchangeBatch(client, [
      request('first', 'subscribe', { topic: 'twice', since: -60_000 }),
      request('second', 'subscribe', { topic: 'twice', since: -60_000 }),
      request('gone', 'subscribe', { topic: 'ended', since: -60_000 }),
      request('not', 'subscribe', { topic: 'ended/not' }),
      request('publish', 'publish', { topic: 'twice', message: 'x' }),
      request('end', 'unsubscribe', ['ended', 'ended/not']),
      request('publish 2', 'publish', { topic: 'ended', message: 'x' }),
    ]);
    assert.equal(answers.length, 7);
    assert.equal(byId(answers, 'first').result.recovered, false);
    assert.equal(byId(answers, 'end').result.unsubscribe_count, 2);
    assert.deepEqual(await textsAfter(client, after, 'second', 1), ['x']);
    await client.roundTrip();
    assert.deepEqual(after().filter(({ id }) => ['first', 'gone', 'not'].includes(id)), []);
  });

  await t.test('keeps the connection usable', () => client.roundTrip());
});

test('reads live messages from the log after the array when too many came before it', async (t) => {
  const redis = await startRedis(t);
  const options = { ...redis.options, BROKER_TIMEOUT: '60' };
  const other = await openClient(t, await startServer(t, options));
  const server = await startServer(t, { ...options, MAX_OUTPUT_QUEUE: '64k' });
  const client = await openClient(t, server);
  await (await openClient(t, server)).subscribe('lots'); // so that the next subscription need not wait for Redis
  const begin = await other.publish('begin', 'x');
  // Requests that wait while Redis hangs delay the array; live messages come before it.
  await redis.freeze();
  const texts = numbered('x'.repeat(1000), 200);
  const publishing = Promise.all(texts.map((text) => other.publish('lots', text)));
  await other.roundTrip();
  const exchanged = exchangeBatch(client, [
    request('lots', 'subscribe', { topic: 'lots' }),
    ...Array.from({ length: 50 }, (_, i) =>
      request(i, 'eventlog', { topic: 'lots', sinceEventId: begin, limit: 1 })),
  ]);
  await client.roundTrip();
  redis.thaw();
  await publishing;
  const { answers, after } = await exchanged;
  assert.equal(answers.length, 51);
  assert.deepEqual(await textsAfter(client, after, 'lots', 200), texts);
});

test('serves other requests while a batch waits for the broker', async (t) => {
  const redis = await startRedis(t);
  const server = await startServer(t, { ...redis.options, BROKER_TIMEOUT: '60' });
  const client = await openClient(t, server);
  await redis.freeze();
  const before = client.received.length;
  client.sendText(JSON.stringify([
    request('p', 'publish', { topic: 'a', message: 'x' }), request('q', 'ping'),
    notification('publish', { topic: 'a', message: 'y' }),
  ]));
  await client.roundTrip();
  assert.equal(client.received.length, before + 1, 'only the pong of the later ping');

  const leaving = await openClient(t, server);
  leaving.sendText(JSON.stringify([
    request(1, 'publish', { topic: 'a', message: 'x' }),
    request(2, 'subscribe', { topic: 'a' }),
    request(3, 'subscribe', { topic: 'b', since: -1000 }),
  ]));
  await leaving.roundTrip();
  leaving.socket.terminate();
  await server.untilMetric('the connection is gone',
    (metrics) => metrics.current_connections_count === 2);

  redis.thaw();
  await client.until('the array', () => client.received.length > before + 1);
  assert.deepEqual(client.received[before + 1].map(({ id }) => id).sort(), ['p', 'q']);
});

testOnBothBrokers('disconnect in a batch', async (t, broker) => {
  const server = await startServer(t, broker);

  await t.test('answers the requests before disconnect and ignores those after it', async (t) => {
    const client = await openClient(t, server);
    client.sendText(JSON.stringify([
      request(1, 'ping'),
      request(2, 'publish', { topic: 'last', message: 'before' }),
      request(3, 'subscribe', { topic: 'last', since: -60_000 }),
      request(4, 'disconnect'),
      request(5, 'publish', { topic: 'last', message: 'after' }),
    ]));
    await client.untilClosed();
    assert.deepEqual(client.closed, { code: 1000, reason: '' });
    assert.deepEqual(client.received[0].map(({ id }) => id).sort(), [1, 2, 3]);
    const other = await openClient(t, server);
    const { items } = await other.call('eventlog', { topic: 'last', since: -60_000 });
    assert.deepEqual(items.map(({ message }) => message), ['before']);
  });

  for (const disconnect of [request(1, 'disconnect'), notification('disconnect')]) {
    await t.test(`does not answer a lone one ${disconnect.id ? 'with' : 'without'} an id`, async (t) => {
      const client = await openClient(t, server);
      client.sendText(JSON.stringify([disconnect]));
      await client.untilClosed();
      assert.equal(client.closed.code, 1000);
      assert.deepEqual(client.received, []);
    });
  }
});

test('ends a connection whose array would exceed MAX_OUTPUT_QUEUE', async (t) => {
  const server = await startServer(t, { MAX_OUTPUT_QUEUE: '64k' });
  const publisher = await openClient(t, server);
  await publisher.publishAll('big', numbered('x'.repeat(1000), 20));
  const client = await openClient(t, server);
  client.sendText(JSON.stringify(Array.from({ length: 10 }, (_, i) =>
    request(i, 'eventlog', { topic: 'big', since: -60_000 }))));
  await client.untilClosed();
  assert.equal(client.closed.code, 1013);
  assert.deepEqual(client.received, []);
  await server.untilMetric('the slow reader is counted', (now) => now.disconnects_total.slow_reader === 1);
  await publisher.roundTrip();
});
