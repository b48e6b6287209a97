// A subscription takes effect before later requests, and before it is answered.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { testOnBothBrokers } from './support/brokers.mjs';
import { startRedis } from './support/redis.mjs';
import { compareIds, openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { openStream } from './support/sse.mjs';
import { scaled } from './support/wait.mjs';

const ROUNDS = scaled(100);

testOnBothBrokers('a first subscriber', async (t, broker) => {
  const server = await startServer(t, broker);
  const client = await openClient(t, server);
  const other = await openClient(t, server);

  await t.test('gets what it publishes without waiting for the answer', async () => {
    const rounds = Array.from({ length: ROUNDS }, async (_, i) => {
      const subscription = await client.subscribe(`own/${i}`, {}, { confirmed: false });
      const id = await client.publish(`own/${i}`, 'm');
      await subscription.untilCount(1);
      assert.deepEqual(subscription.ids, [id]);
    });
    await Promise.all(rounds);
  });

  await t.test('gets what it publishes in the same batch', async () => {
    const rounds = Array.from({ length: ROUNDS }, (_, i) => ([
      { jsonrpc: '2.0', id: `s${i}`, method: 'subscribe', params: { topic: `batch/${i}` } },
      { jsonrpc: '2.0', id: `p${i}`, method: 'publish', params: { topic: `batch/${i}`, message: 'm' } },
    ]));
    const batches = [rounds.slice(0, 50).flat(), rounds.slice(50).flat()].filter((b) => b.length);
    for (const batch of batches) client.sendText(JSON.stringify(batch));
    await client.until('all messages', () =>
      client.received.filter(({ id, result }) => /^s/.test(id) && result.message).length === ROUNDS);
    const arrays = client.received.filter(Array.isArray);
    assert.equal(arrays.flat().filter(({ result }) => result?.status === 'ok').length, 2 * ROUNDS);
  });

  await t.test('may unsubscribe and subscribe again without waiting', async () => {
    const first = await client.subscribe('again', {}, { confirmed: false });
    const removed = client.call('unsubscribe', ['again']);
    const second = await client.subscribe('again', {}, { confirmed: false });
    const id = await client.publish('again', 'm');
    await second.untilCount(1);
    assert.deepEqual(second.ids, [id]);
    assert.deepEqual(first.ids, []);
    assert.equal((await first.answer).status, 'ok');
    assert.deepEqual(await removed, { unsubscribe_count: 1 });
  });

  await t.test('learns where it begins', async () => {
    const before = await other.publish('begin', 'before');
    const subscription = await client.subscribe('begin', { gaps: true });
    const { lastEventId } = subscription.answer;
    assert.ok(compareIds(lastEventId, before) >= 0);
    const after = await other.publish('begin', 'after');
    await subscription.untilCount(1);
    assert.deepEqual(subscription.ids, [after]);
    const { items } = await other.call('eventlog', { topic: 'begin', sinceEventId: lastEventId });
    assert.deepEqual(items.map(({ id }) => id), [after]);
  });

  await t.test('of an event stream gets what is published when it is open', async () => {
    for (let i = 0; i < ROUNDS / 5; i++) {
      const stream = await openStream(t, server, `/stream/${i}`);
      const id = await other.publish(`stream/${i}`, 'm');
      await stream.until('the message', () => stream.events.some((event) => event.id === id));
      stream.socket.socket.destroy();
    }
  });
});

test('a publish through another node after the answer is delivered', async (t) => {
  const { options } = await startRedis(t);
  const nodes = await Promise.all([startServer(t, options), startServer(t, options)]);
  const [a, b] = await Promise.all(nodes.map((node) => openClient(t, node)));

  for (let i = 0; i < ROUNDS; i++) {
    const filter = ['race/%', 'race/%/#', 'race/%/+'][i % 3].replace('%', i);
    const subscription = await a.subscribe(filter);
    const id = await b.publish(i % 3 === 0 ? `race/${i}` : `race/${i}/x`, 'm');
    await subscription.untilCount(1);
    assert.deepEqual(subscription.ids, [id]);
  }
});
