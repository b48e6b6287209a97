// Parameters and results of each method, on both brokers.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { testOnBothBrokers } from './support/brokers.mjs';
import { closeFrame, frame, OP } from './support/frames.mjs';
import { startProxy } from './support/proxy.mjs';
import { startRedis } from './support/redis.mjs';
import { assertIncreasing, errorOf, numbered, openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { openBarrier, openWebSocket } from './support/socket.mjs';
import { eventually, watchDelays } from './support/wait.mjs';

const ID = /^\d{13}-\d+$/;
const LONGEST = 't'.repeat(256);
const BAD_TOPICS = [
  '', '/', '/a', 'a/', 'a b', 'a.b', 'ä', 'a\u0000b', 'a*', `${LONGEST}t`,
  1, null, true, ['a'], {},
];
const BAD_PATTERNS = ['a/#/b', 'a#', '#a', 'a+/b', '/+', '+/', '/#', '#/', '##', '++', 'a/#+'];

async function assertInvalidParams(client, method, params, named) {
  const error = await errorOf(client.call(method, params));
  assert.equal(error.code, -32602);
  assert.equal(error.phrase, 'Invalid params');
  if (named) assert.match(error.data, named);
}

testOnBothBrokers('publish and subscribe', async (t, broker) => {
  const server = await startServer(t, broker);
  const client = await openClient(t, server);
  const other = await openClient(t, server);

  await t.test('confirms both and delivers the message', async () => {
    const subscription = await client.subscribe('my/topic1');
    assert.deepEqual(subscription.answer,
      { action: 'subscribe', status: 'ok', topic: 'my/topic1' });
    const result = await other.call('publish', { topic: 'my/topic1', message: 'hello' });
    assert.match(result.id, ID);
    assert.deepEqual(result,
      { action: 'publish', id: result.id, status: 'ok', topic: 'my/topic1' });
    await subscription.untilCount(1);
    assert.deepEqual(client.received.at(-1), {
      id: subscription.id,
      jsonrpc: '2.0',
      result: { id: result.id, message: 'hello', topic: 'my/topic1' },
    });
  });

  for (const topic of ['a', 'a//b', 'A-Z_0-9/x', LONGEST]) {
    await t.test(`delivers a message of the topic ${topic.slice(0, 20)}`, async () => {
      const subscription = await client.subscribe(topic);
      await other.publish(topic, 'm');
      await subscription.untilText('m');
      assert.equal(subscription.messages[0].topic, topic);
    });
  }

  const texts = [
    ['U+0000', 'a\u0000b\u0000'], ['all control characters', String.fromCharCode(...Array(32).keys())],
    ['quotes and slashes', '"\\/'], ['beyond the BMP', '🎈€ä'],
    ['U+2028', '\u2028\u2029\ufeff'],
    ['U+FFFF', '\uffff\ufffe'], ['JSON', '{"a":[1,{"b":null}]}'], ['a space', ' '],
    ['100,000 bytes', 'x'.repeat(100_000)],
  ];
  for (const [name, text] of texts) {
    await t.test(`delivers a message with ${name} unchanged`, async () => {
      const subscription = await client.subscribe('text');
      await other.publish('text', text);
      await subscription.untilCount(1);
      assert.equal(subscription.texts[0], text);
      const { items } = await other.call('eventlog', { topic: 'text', since: -60_000 });
      assert.equal(items.at(-1).message, text);
      await client.call('unsubscribe', ['text']);
    });
  }

  await t.test('delivers a publisher its own messages in order', async () => {
    const subscription = await client.subscribe('own');
    const ids = await client.publishAll('own', numbered('own', 200));
    await subscription.untilCount(200);
    assert.deepEqual(subscription.ids, ids);
    assert.deepEqual(subscription.texts, numbered('own', 200));
    assertIncreasing(ids);
  });

  await t.test('delivers a message without an echo to everybody but its publisher', async () => {
    const own = await client.subscribe('echo/a');
    const ownPattern = await client.subscribe('echo/#', { gaps: true });
    const others = await other.subscribe('echo/a');
    const before = await client.publish('echo/a', 'with', { echo: true });
    const silent = await client.publish('echo/a', 'without', { echo: false, key: 'k' });
    assert.equal(await client.publish('echo/a', 'again', { echo: false, key: 'k' }), silent);
    const both = client.batch(() => ['one', 'two'].map((text) =>
      client.publish('echo/a', text, { echo: text === 'one' })));
    await Promise.all(both);
    const last = await client.publish('echo/a', 'last', { echo: null });
    await Promise.all([own.untilText('last'), ownPattern.untilText('last'), others.untilText('last')]);
    assert.deepEqual(others.texts, ['with', 'without', 'one', 'two', 'last']);
    assert.deepEqual(own.texts, ['with', 'one', 'last']);
    assert.deepEqual(ownPattern.texts, ['with', 'one', 'last']);
    const history = await client.subscribe('echo/a', { sinceEventId: before });
    await history.untilCount(4);
    assert.deepEqual(history.texts, ['without', 'one', 'two', 'last']);
    assert.equal(history.answer.recovered, true);
    const { items } = await client.call('eventlog', { topic: 'echo/a', sinceEventId: before });
    assert.deepEqual(items.map(({ message }) => message), history.texts);
    assert.equal(history.lastId, last);
  });

  await t.test('delivers no echo to a subscription of the same batch', async () => {
    const mine = await client.subscribe('mine');
    const burst = Array.from({ length: 200 }, (_, i) => [`n ${i}`, i % 3 === 0]);
    const [subscribed, ...published] = client.batch(() => [
      client.subscribe('echo/b', { since: -60_000 }),
      client.publish('echo/b', 'silent', { echo: false }),
    ]);
    const joined = await subscribed;
    await Promise.all([...published,
      ...burst.map(([text, echo]) => client.publish('echo/b', text, { echo }))]);
    await client.publish('echo/b', 'last');
    await joined.untilText('last');
    assert.deepEqual(joined.texts,
      [...burst.filter(([, echo]) => echo).map(([text]) => text), 'last']);
    await client.publish('mine', 'still here');
    await mine.untilText('still here');
  });

  await t.test('increases ids over all topics', async () => {
    const ids = [];
    for (let i = 0; i < 50; i++) ids.push(await client.publish(`over/${i % 7}`, 'x'));
    assertIncreasing(ids);
  });

  await t.test('keeps the order of one connection over several topics for a pattern', async () => {
    const subscription = await other.subscribe('several/#');
    const sent = [];
    for (let i = 0; i < 200; i++) sent.push([`several/${i % 5}`, `n ${i}`]);
    await Promise.all(sent.map(([topic, text]) => client.publish(topic, text)));
    await subscription.untilCount(200);
    assert.deepEqual(subscription.messages.map(({ topic, message }) => [topic, message]), sent);
  });
});

test('parameters of publish', async (t) => {
  const server = await startServer(t);
  const client = await openClient(t, server);
  const everything = await client.subscribe('#');
  const cases = [
    ...[...BAD_TOPICS, ...BAD_PATTERNS, 'a/+', 'a/#', '+', '#'].map((topic) =>
      [{ topic, message: 'x' }, /topic/i]),
    [{ message: 'x' }, /topic/i],
    [{ topic: 'a' }, /message/],
    ...['', 1, null, true, ['x'], { x: 1 }].map((message) => [{ topic: 'a', message }, /message/]),
    ...[-1, 31_536_001, 1.5, '60', true].map((ttl) => [{ topic: 'a', message: 'x', ttl }, /ttl/]),
    ...[0, 1, 'false', {}].map((echo) => [{ topic: 'a', message: 'x', echo }, /echo/]),
    ...['now', true, {}].map((timestamp) => [{ topic: 'a', message: 'x', timestamp }, /timestamp/]),
    [[], null],
    [['a', 'x'], null],
    [undefined, null],
  ];
  for (const [params, named] of cases) {
    await t.test(`refuses ${JSON.stringify(params)?.slice(0, 70) ?? 'no params'}`, () =>
      assertInvalidParams(client, 'publish', params, named));
  }
  for (const ttl of [0, 1, 31_536_000]) {
    await t.test(`accepts a ttl of ${ttl}`, () => client.publish('a', 'x', { ttl }));
  }
  const other = await openClient(t, server);
  const spelled = ['"ttl":60.0', '"ttl":6e1', '"timestamp":1.5e12', `"timestamp":${Date.now()}.25`];
  for (const member of spelled) {
    await t.test(`accepts ${member}`, async () => {
      const { result } = await other.exchange('{"jsonrpc":"2.0","id":"spelled","method":"publish",'
        + `"params":{"topic":"b","message":"x",${member}}}`);
      assert.equal(result.status, 'ok');
    });
  }
  await everything.untilCount(7);
  await client.roundTrip();
  assert.equal(everything.messages.length, 7, 'no refused message is delivered');
});

test('parameters of subscribe and eventlog', async (t) => {
  const server = await startServer(t);
  const client = await openClient(t, server);
  const bad = [
    ...[...BAD_TOPICS, ...BAD_PATTERNS].map((topic) => [{ topic }, /topic/i]),
    [{}, /topic/i],
    ...['yesterday', '1-', '-1-0', '1-0-0', '5', true, {}, []].map((since) =>
      [{ topic: 'a', since }, /since/]),
    ...['yesterday', '5', '1-x', 1, true, {}].map((sinceEventId) =>
      [{ topic: 'a', sinceEventId }, /sinceEventId/]),
    ...[0, -1, 1.5, '10', true].map((limit) => [{ topic: 'a', since: -1000, limit }, /limit/]),
    [['a'], null],
    [undefined, null],
  ];
  for (const method of ['subscribe', 'eventlog']) {
    for (const [params, named] of bad) {
      await t.test(`refuses ${method} ${JSON.stringify(params)?.slice(0, 70) ?? 'without params'}`, () =>
        assertInvalidParams(client, method, params, named));
    }
  }
  for (const limit of ['2.0', '2e0', '1.7976931348623157e308']) {
    await t.test(`accepts a limit of ${limit}`, async () => {
      const { result } = await client.exchange('{"jsonrpc":"2.0","id":"spelled","method":"eventlog",'
        + `"params":{"topic":"a","since":-1e3,"limit":${limit}}}`);
      assert.equal(result.status, 'ok');
    });
  }
  for (const more of [{ since: -1000 }, { since: '1-0' }, { sinceEventId: '1-0' }, { limit: 1 }]) {
    await t.test(`refuses latest with ${JSON.stringify(more)}`, () =>
      assertInvalidParams(client, 'subscribe', { topic: 'a', latest: true, ...more }, /latest/));
  }
  for (const latest of [1, 'true', {}]) {
    await t.test(`refuses latest ${JSON.stringify(latest)}`, () =>
      assertInvalidParams(client, 'subscribe', { topic: 'a', latest }, /latest/));
  }
  await t.test('refuses eventlog without a place to begin', () =>
    assertInvalidParams(client, 'eventlog', { topic: 'a', since: 0, sinceEventId: '' }, /since/));
  assert.deepEqual(await client.call('list'), []);
});

testOnBothBrokers('patterns', async (t, broker) => {
  const server = await startServer(t, broker);
  const topics = ['a', 'a/b', 'a/b/c', 'a/c', 'b/a', 'a//b', 'ab'];
  const cases = {
    '#': topics,
    '+': ['a', 'ab'],
    'a/#': ['a', 'a/b', 'a/b/c', 'a/c', 'a//b'],
    'a/+': ['a/b', 'a/c'],
    '+/a': ['b/a'],
    '+/+': ['a/b', 'a/c', 'b/a'],
    'a/+/b': ['a//b'],
    '+/b/#': ['a/b', 'a/b/c'],
    'a/b': ['a/b'],
  };
  const client = await openClient(t, server);
  const subscriptions = new Map();
  for (const pattern of Object.keys(cases)) {
    subscriptions.set(pattern, await client.subscribe(pattern));
  }
  const publisher = await openClient(t, server);
  for (const topic of topics) await publisher.publish(topic, topic);
  await publisher.publish('end', 'end');
  await subscriptions.get('#').untilText('end');
  await client.roundTrip();

  for (const [pattern, matching] of Object.entries(cases)) {
    await t.test(`delivers each match of ${pattern} once, under its own id`, () => {
      const texts = subscriptions.get(pattern).texts.filter((text) => text !== 'end');
      assert.deepEqual(texts, matching);
    });
  }

  await t.test('keeps the other subscriptions when one is removed', async () => {
    assert.deepEqual(await client.call('unsubscribe', ['a/#']), { unsubscribe_count: 1 });
    await publisher.publish('a/b', 'later');
    await subscriptions.get('a/b').untilText('later');
    await subscriptions.get('#').untilText('later');
    await client.roundTrip();
    assert.ok(!subscriptions.get('a/#').texts.includes('later'));
  });
});

test('subscriptions of a connection', async (t) => {
  const server = await startServer(t);
  const publisher = await openClient(t, server);

  await t.test('answers all forms of list and unsubscribe', async (t) => {
    const client = await openClient(t, server);
    assert.deepEqual(await client.call('list'), []);
    for (const topic of ['a', 'b/+', 'c', 'd', 'e/#']) await client.subscribe(topic);
    assert.deepEqual((await client.call('list', [])).sort(), ['a', 'b/+', 'c', 'd', 'e/#']);
    assert.deepEqual(await client.call('unsubscribe', ['a', 'b/+', 'not/there', 'a']),
      { unsubscribe_count: 2 });
    assert.deepEqual(await client.call('unsubscribe', { topic: 'c' }), { unsubscribe_count: 1 });
    assert.deepEqual(await client.call('unsubscribe', { topic: 'c' }), { unsubscribe_count: 0 });
    assert.deepEqual(await client.call('unsubscribe', []), { unsubscribe_count: 0 });
    assert.deepEqual((await client.call('list', {})).sort(), ['d', 'e/#']);
    assert.deepEqual(await client.call('unsubscribeAll', []), { unsubscribe_count: 2 });
    assert.deepEqual(await client.call('unsubscribeAll'), { unsubscribe_count: 0 });
    assert.deepEqual(await client.call('list'), []);
  });

  await t.test('accepts as many topics in unsubscribe as a client may have', async (t) => {
    const client = await openClient(t, server);
    await client.subscribe('a');
    const error = await errorOf(client.call('unsubscribe', Array(1001).fill('a')));
    assert.equal(error.code, -32602);
    assert.deepEqual(await client.call('unsubscribe', Array(1000).fill('a')),
      { unsubscribe_count: 1 });
  });

  const unfit = [
    undefined, {}, [1], ['a', null], [['a']], ['a b'], ['#a'], { topic: 1 }, { topic: '' },
  ];
  for (const params of unfit) {
    await t.test(`refuses unsubscribe with ${JSON.stringify(params) ?? 'no params'}`, () =>
      assertInvalidParams(publisher, 'unsubscribe', params));
  }

  await t.test('delivers nothing after unsubscribe', async (t) => {
    const client = await openClient(t, server);
    const gone = await client.subscribe('gone');
    await publisher.publish('gone', 'one');
    await gone.untilText('one');
    await client.call('unsubscribe', ['gone']);
    await publisher.publish('gone', 'two');
    const marker = await client.subscribe('marker');
    await publisher.publish('marker', 'end');
    await marker.untilText('end');
    assert.deepEqual(gone.texts, ['one']);
  });

  await t.test('replaces the id when a client subscribes again', async (t) => {
    const client = await openClient(t, server);
    const first = await client.subscribe('again');
    await publisher.publish('again', 'one');
    await first.untilText('one');
    const second = await client.subscribe('again');
    assert.deepEqual(await client.call('list'), ['again']);
    await publisher.publish('again', 'two');
    await second.untilText('two');
    await client.roundTrip();
    assert.deepEqual(first.texts, ['one']);
    assert.deepEqual(second.texts, ['two']);
    assert.deepEqual(await client.call('unsubscribeAll'), { unsubscribe_count: 1 });
  });

  await t.test('subscribes before it executes later requests of the connection', async (t) => {
    const client = await openClient(t, server);
    const subscription = await client.subscribe('at/once', {}, { confirmed: false });
    const published = client.publish('at/once', 'own');
    await subscription.untilText('own');
    await Promise.all([subscription.answer, published]);
  });

  await t.test('accepts any valid id for a subscription', async (t) => {
    const client = await openClient(t, server);
    for (const id of ['"text"', '9223372036854775807', '1.5', '"\\u0000€"']) {
      await client.exchange(
        `{"jsonrpc":"2.0","id":${id},"method":"subscribe","params":{"topic":"ids"}}`);
      const before = client.texts.length;
      await publisher.publish('ids', 'x');
      await client.until('the message', () => client.texts.length > before);
      assert.equal(client.received.at(-1).id, JSON.parse(id));
      assert.equal(client.received.at(-1).result.message, 'x');
    }
    assert.match(client.texts.find((text) => /"id":9223372036854775807/.test(text)) ?? '', /ids/);
  });
});

test('refuses more than MAX_SUBSCRIPTIONS subscriptions of a connection', async (t) => {
  const server = await startServer(t, { MAX_SUBSCRIPTIONS: '3' });
  const client = await openClient(t, server);
  for (const topic of ['a', 'b', 'c/#']) await client.subscribe(topic);
  await assertInvalidParams(client, 'subscribe', { topic: 'd' }, /too many subscriptions/);
  await client.subscribe('a'); // replaces
  await client.call('unsubscribe', ['a']);
  await client.subscribe('d');
  await assertInvalidParams(client, 'subscribe', { topic: 'a' }, /too many subscriptions/);
  assert.deepEqual((await client.call('list')).sort(), ['b', 'c/#', 'd']);
  await (await openClient(t, server)).subscribe('a'); // the limit is per connection
});

testOnBothBrokers('disconnect', async (t, broker) => {
  const server = await startServer(t, broker);

  await t.test('closes with 1000', async (t) => {
    const client = await openClient(t, server);
    client.notify('disconnect', []);
    assert.equal((await client.untilClosed()).code, 1000);
    assert.deepEqual(client.received, [], 'disconnect is not answered');
  });

  await t.test('waits for the answers to earlier requests', async (t) => {
    const client = await openClient(t, server);
    const published = Array.from({ length: 20 }, (_, i) => client.publish('last', `${i}`));
    client.request('disconnect', []).catch(() => {});
    await Promise.all(published);
    assert.equal((await client.untilClosed()).code, 1000);
  });

  await t.test('waits for the answers to earlier requests when the client sends a Close', async (t) => {
    const client = await openClient(t, server);
    const published = Array.from({ length: 20 }, (_, i) => client.publish('last', `${i}`));
    client.socket.close(4000);
    await Promise.all(published);
    assert.equal((await client.untilClosed()).code, 4000);
  });
});

test('does not wait for a Close that came while disconnect waited for an answer', async (t) => {
  const delayMs = watchDelays();
  const redis = await startRedis(t);
  const proxy = await startProxy(t, redis.port);
  const options = { ...redis.options, REDIS_PORT: String(proxy.port), WORKER_THREADS: '1' };
  const server = await startServer(t, options);
  const wasRead = await openBarrier(t, server);
  const socket = await openWebSocket(t, server);
  const send = (request) =>
    socket.send(frame(OP.TEXT, JSON.stringify({ jsonrpc: '2.0', ...request })));
  proxy.holdAnswersTo('held/+');
  await send({ id: 1, method: 'eventlog', params: { topic: 'held/+', since: -1000 } });
  await eventually('the log is asked', () => proxy.isHolding);
  await send({ method: 'disconnect' });
  await send({ id: 2, method: 'ping' }); // too late
  const close = closeFrame(1000);
  for (const part of [close.subarray(0, 3), close.subarray(3)]) {
    await socket.send(part);
    await wasRead();
  }
  const startedAt = Date.now();
  proxy.release();
  assert.equal((await socket.readJson()).id, 1);
  assert.equal((await socket.readClose()).code, 1000);
  const took = Date.now() - startedAt;
  assert.ok(took < 1500 + delayMs(), `it does not wait for a Close that it has: ${took} ms`);
});
