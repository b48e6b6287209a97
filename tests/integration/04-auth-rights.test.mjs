// What a token permits: one entry of its list must cover the whole requested topic or pattern.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { testOnBothBrokers } from './support/brokers.mjs';
import { SECRET, signToken } from './support/jwt.mjs';
import { errorOf, openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';

const WITH_AUTH = { DISABLE_AUTH: 'false', JWT_SECRET: SECRET };

function openAs(t, server, claims) {
  return openClient(t, server, { headers: { Authorization: signToken(claims) } });
}

test('rights of a token', async (t) => {
  const server = await startServer(t, WITH_AUTH);
  const claims = { read: ['a/#', 'b/+', 'c', '+/x'], write: ['w/+', 'v/#', 'u'] };
  const client = await openAs(t, server, claims);

  async function assertNotAllowed(method, params) {
    const error = await errorOf(client.call(method, params));
    assert.equal(error.code, -32602);
    assert.equal(error.phrase, 'Not allowed');
    assert.ok(error.data.includes(params.topic), error.data);
  }

  const readable = [
    'a', 'a/b', 'a/b/c', 'a/+', 'a/#', 'a/b/#', 'a/+/c', 'b/1', 'b/+', 'c', 'd/x',
  ];
  for (const topic of readable) {
    await t.test(`permits reading ${topic}`, async () => {
      await client.subscribe(topic);
      await client.call('eventlog', { topic, since: -1000 });
    });
  }
  const unreadable = [
    'b', 'b/#', 'b/1/2', 'b/+/c', 'c/d', 'c/#', '+', '#', '+/a', '+/#', 'd', 'w/1',
  ];
  for (const topic of unreadable) {
    await t.test(`does not permit reading ${topic}`, async () => {
      await assertNotAllowed('subscribe', { topic });
      await assertNotAllowed('eventlog', { topic, since: -1000 });
    });
  }
  await t.test('does not subscribe to refused topics', async () => {
    const listed = await client.call('list');
    assert.deepEqual(listed.filter((topic) => unreadable.includes(topic)), []);
  });

  for (const topic of ['w/1', 'v', 'v/1/2', 'u']) {
    await t.test(`permits writing ${topic}`, () => client.publish(topic, 'x'));
  }
  for (const topic of ['w', 'w/1/2', 'u/1', 'a', 'a/b', 'x']) {
    await t.test(`does not permit writing ${topic}`, () =>
      assertNotAllowed('publish', { topic, message: 'x' }));
  }
  await t.test('does not execute a notification without the right', async (t) => {
    const reader = await openAs(t, server, { read: ['#'], write: ['u'] });
    const all = await reader.subscribe('#');
    client.notify('publish', { topic: 'a', message: 'forbidden' });
    await client.publish('u', 'allowed');
    await all.untilText('allowed');
    assert.ok(!all.texts.includes('forbidden'));
  });

  await t.test('does not combine entries to cover a pattern', async (t) => {
    const both = await openAs(t, server, { read: ['a', 'a/+', 'a/+/#'] });
    assert.equal((await errorOf(both.call('subscribe', { topic: 'a/#' }))).phrase, 'Not allowed');
  });

  await t.test('grants no right whose list is absent', async (t) => {
    const reader = await openAs(t, server, { read: ['#'] });
    assert.equal((await errorOf(reader.publish('a', 'x'))).phrase, 'Not allowed');
    const writer = await openAs(t, server, { write: ['#'] });
    assert.equal((await errorOf(writer.subscribe('a'))).phrase, 'Not allowed');
    await writer.publish('a', 'x');
  });

  await t.test('answers unsubscribe, list and ping without any right', async (t) => {
    const writer = await openAs(t, server, { write: ['u'] });
    assert.deepEqual(await writer.call('unsubscribe', ['any']), { unsubscribe_count: 0 });
    assert.deepEqual(await writer.call('list'), []);
    await writer.roundTrip();
  });
});

testOnBothBrokers('sets origin to the sub of the publisher', async (t, broker) => {
  const server = await startServer(t, { ...WITH_AUTH, ...broker });
  const reader = await openAs(t, server, { sub: 'reader', read: ['#'] });
  const subscription = await reader.subscribe('o/#');
  const subs = ['user@example', 'with "quotes" and \\', '€ 🎈', undefined];
  for (const sub of subs) {
    const publisher = await openAs(t, server, { sub, write: ['o/#'] });
    await publisher.publish('o/1', `by ${sub}`);
  }
  await subscription.untilCount(subs.length);
  assert.deepEqual(subscription.messages.map(({ origin }) => origin), subs);
  assert.ok(!('origin' in subscription.messages.at(-1)), 'absent, not null');

  const { items } = await reader.call('eventlog', { topic: 'o/#', since: -60_000 });
  assert.deepEqual(items, subscription.messages);
});
