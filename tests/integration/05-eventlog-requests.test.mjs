// Where history begins, how much of it is sent, and whether it is complete; on both brokers.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { testOnBothBrokers } from './support/brokers.mjs';
import { assertIncreasing, errorOf, numbered, openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { eventually } from './support/wait.mjs';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

function texts(answer) {
  return answer.items.map(({ message }) => message);
}

testOnBothBrokers('eventlog', async (t, broker) => {
  const server = await startServer(t, broker);
  const client = await openClient(t, server);
  const eventlog = (params) => client.call('eventlog', params);
  const ids = await client.publishAll('log/a', numbered('m', 10), { window: 1 });

  await t.test('answers with items and recovered', async () => {
    const answer = await eventlog({ topic: 'log/a', sinceEventId: ids[7] });
    assert.deepEqual(answer, {
      action: 'eventlog',
      items: [8, 9].map((i) => ({ id: ids[i], message: `m ${i}`, topic: 'log/a' })),
      recovered: true,
      status: 'ok',
      topic: 'log/a',
    });
  });

  await t.test('answers without recovered when the request has since', async () => {
    const answer = await eventlog({ topic: 'log/a', since: -MINUTE });
    assert.deepEqual(texts(answer), numbered('m', 10));
    assert.ok(!('recovered' in answer));
  });

  await t.test('accepts an id as since', async () => {
    assert.deepEqual(texts(await eventlog({ topic: 'log/a', since: ids[7] })), ['m 8', 'm 9']);
  });

  await t.test('accepts a time as since', async () => {
    const ms = Number(ids[5].split('-')[0]);
    const expected = ids.flatMap((id, i) => (Number(id.split('-')[0]) >= ms ? [`m ${i}`] : []));
    assert.deepEqual(texts(await eventlog({ topic: 'log/a', since: ms })), expected);
    assert.deepEqual(texts(await eventlog({ topic: 'log/a', since: Date.now() + MINUTE })), []);
  });

  await t.test('answers no items after the last id', async () => {
    const answer = await eventlog({ topic: 'log/a', sinceEventId: ids[9] });
    assert.deepEqual(answer.items, []);
    assert.equal(answer.recovered, true);
  });

  await t.test('answers recovered: false after an id that was never given', async () => {
    for (const sinceEventId of [`${Date.now() + MINUTE}-0`, '18446744073709551615-0']) {
      const answer = await eventlog({ topic: 'log/a', sinceEventId });
      assert.deepEqual(answer.items, []);
      assert.equal(answer.recovered, false);
    }
  });

  await t.test('answers with the whole log after an id older than it', async () => {
    for (const sinceEventId of ['0-0', '0-1', '1574843571767-0']) {
      const answer = await eventlog({ topic: 'log/a', sinceEventId });
      assert.deepEqual(texts(answer), numbered('m', 10));
      assert.equal(answer.recovered, false);
    }
  });

  await t.test('limits the answer to the newest messages with since', async () => {
    const answer = await eventlog({ topic: 'log/a', since: -MINUTE, limit: 3 });
    assert.deepEqual(texts(answer), ['m 7', 'm 8', 'm 9']);
  });

  await t.test('limits the answer to the oldest messages with sinceEventId, and reports more', async () => {
    const page = await eventlog({ topic: 'log/a', sinceEventId: ids[0], limit: 4 });
    assert.deepEqual(texts(page), ['m 1', 'm 2', 'm 3', 'm 4']);
    assert.equal(page.more, true);
    const rest = await eventlog({ topic: 'log/a', sinceEventId: page.items.at(-1).id, limit: 5 });
    assert.deepEqual(texts(rest), numbered('m', 5, 5));
    assert.ok(!rest.more, 'exactly as many as the limit remain');
  });

  await t.test('answers no items for a topic without messages', async () => {
    const answer = await eventlog({ topic: 'log/nothing', sinceEventId: ids[0] });
    assert.deepEqual(answer.items, []);
    assert.equal(answer.recovered, true);
  });
});

testOnBothBrokers('MAX_CACHE_REQUEST_LIMIT', async (t, broker) => {
  const server = await startServer(t, { ...broker, MAX_CACHE_REQUEST_LIMIT: '10' });
  const client = await openClient(t, server);
  const ids = await client.publishAll('capped', numbered('m', 30));

  await t.test('caps eventlog', async () => {
    const newest = await client.call('eventlog', { topic: 'capped', since: -MINUTE });
    assert.deepEqual(texts(newest), numbered('m', 10, 20));
    const after = { topic: 'capped', sinceEventId: ids[0] };
    const oldest = await client.call('eventlog', { ...after, limit: 50 });
    assert.deepEqual(texts(oldest), numbered('m', 10, 1));
    assert.equal(oldest.more, true);
  });

  await t.test('caps an explicit limit of subscribe', async () => {
    const some = await client.subscribe('capped', { sinceEventId: ids[0], limit: 20 });
    assert.equal(some.answer.recovered, false);
    await some.untilText('m 29');
    assert.deepEqual(some.texts, numbered('m', 10, 20));
  });

  await t.test('does not cap subscribe without a limit', async () => {
    const all = await client.subscribe('capped', { sinceEventId: ids[0] });
    assert.equal(all.answer.recovered, true);
    await all.untilText('m 29');
    assert.deepEqual(all.texts, numbered('m', 29, 1));
  });
});

testOnBothBrokers('answers with messages of several pages at once', async (t, broker) => {
  const server = await startServer(t, broker);
  const client = await openClient(t, server);
  const ids = await client.publishAll('paged', numbered('m', 700)); // a page holds 256
  const after = await client.call('eventlog', { topic: 'paged', sinceEventId: ids[0] });
  assert.deepEqual(texts(after), numbered('m', 699, 1));
  const newest = await client.call('eventlog', { topic: 'paged', since: -MINUTE, limit: 600 });
  assert.deepEqual(texts(newest), numbered('m', 600, 100));
});

testOnBothBrokers('history of patterns', async (t, broker) => {
  const server = await startServer(t, broker);
  const client = await openClient(t, server);
  const sent = [];
  const begin = await client.publish('begin', 'x');
  for (let i = 0; i < 300; i++) {
    const topic = `p/${i % 50}/${i % 2 ? 'odd' : 'even'}`;
    sent.push({ id: await client.publish(topic, `m ${i}`), message: `m ${i}`, topic });
  }
  await client.publish('pp/1/odd', 'of another topic');

  const cases = [
    ['p/#', () => true],
    ['p/+/even', ({ topic }) => topic.endsWith('even')],
    ['p/7/+', ({ topic }) => topic.startsWith('p/7/')],
    ['+/7/odd', ({ topic }) => topic === 'p/7/odd'],
  ];
  for (const [pattern, matches] of cases) {
    await t.test(`reads ${pattern} as one log in the order of ids`, async () => {
      const after = { topic: pattern, sinceEventId: begin };
      const { items, recovered } = await client.call('eventlog', after);
      assert.deepEqual(items, sent.filter(matches));
      assertIncreasing(items.map(({ id }) => id));
      assert.equal(recovered, true);
      const subscription = await client.subscribe(pattern, { sinceEventId: begin });
      await subscription.untilCount(items.length);
      await client.roundTrip();
      assert.deepEqual(subscription.messages, items);
    });
  }

  await t.test('applies limit to all topics together', async () => {
    const oldest = await client.call('eventlog', { topic: 'p/#', sinceEventId: begin, limit: 20 });
    assert.deepEqual(oldest.items, sent.slice(0, 20));
    const newest = await client.call('eventlog', { topic: 'p/#', since: -MINUTE, limit: 20 });
    assert.deepEqual(newest.items, sent.slice(-20));
  });
});

testOnBothBrokers('subscribe with history', async (t, broker) => {
  const server = await startServer(t, broker);
  const client = await openClient(t, server);
  const ids = await client.publishAll('h', numbered('m', 10), { window: 1 });

  const ms = Number(ids[3].split('-')[0]);
  const sinceMs = numbered('m', 10).filter((_, i) => Number(ids[i].split('-')[0]) >= ms);

  const cases = [
    ['a time', { since: ms }, sinceMs, true],
    ['sinceEventId', { sinceEventId: ids[3] }, numbered('m', 6, 4), true],
    ['since as an id', { since: ids[3] }, numbered('m', 6, 4), true],
    ['since and sinceEventId', { since: -MINUTE, sinceEventId: ids[3] }, numbered('m', 6, 4), true],
    ['the last id', { sinceEventId: ids[9] }, [], true],
    ['a point before the log', { since: -30 * DAY }, numbered('m', 10), false],
    ['an id in the future', { sinceEventId: `${Date.now() + DAY}-0` }, [], false],
    ['live messages with since 0', { since: 0 }, [], undefined],
    ['live messages with an empty id', { sinceEventId: '' }, [], undefined],
    ['live messages with null', { since: null, sinceEventId: null, limit: null }, [], undefined],
    ['live messages without parameters', {}, [], undefined],
  ];
  for (const [name, params, expected, recovered] of cases) {
    await t.test(`begins at ${name}`, async (t) => {
      const subscriber = await openClient(t, server);
      const subscription = await subscriber.subscribe('h', params);
      const history = recovered === undefined ? {} : { recovered };
      assert.deepEqual(subscription.answer,
        { action: 'subscribe', status: 'ok', topic: 'h', ...history });
      await client.publish('h', `live ${name}`);
      await subscription.untilText(`live ${name}`);
      // The live messages of earlier cases are part of the history.
      const seen = subscription.texts.filter((text) => !text.startsWith('live'));
      assert.deepEqual(seen, expected);
      assertIncreasing(subscription.ids);
    });
  }
});

testOnBothBrokers('limit on subscribe', async (t, broker) => {
  const server = await startServer(t, broker);
  const client = await openClient(t, server);
  const ids = await client.publishAll('l', numbered('m', 10));
  for (const [limit, recovered] of [[1, false], [5, false], [6, true], [7, true]]) {
    await t.test(`sends ${limit} of 6 messages at most`, async (t) => {
      const subscriber = await openClient(t, server);
      const subscription = await subscriber.subscribe('l', { sinceEventId: ids[3], limit });
      assert.equal(subscription.answer.recovered, recovered);
      await subscription.untilText('m 9');
      const count = Math.min(limit, 6);
      assert.deepEqual(subscription.texts, numbered('m', count, 10 - count));
    });
  }
});

testOnBothBrokers('MAX_CACHE_LENGTH', async (t, broker) => {
  const server = await startServer(t, { ...broker, MAX_CACHE_LENGTH: '10' });
  const client = await openClient(t, server);
  const ids = await client.publishAll('short', numbered('m', 25));
  const other = await client.publish('other', 'm');

  for (const [at, recovered] of [[0, false], [13, false], [14, true], [20, true], [24, true]]) {
    await t.test(`answers recovered: ${recovered} after m ${at}`, async () => {
      for (const topic of ['short', '#']) {
        const answer = await client.call('eventlog', { topic, sinceEventId: ids[at] });
        const first = Math.max(at + 1, 15);
        const found = answer.items.filter(({ id }) => id !== other);
        assert.deepEqual(texts({ items: found }), numbered('m', 25 - first, first));
        assert.equal(answer.recovered, recovered);
      }
    });
  }

  await t.test('reports messages trimmed from one topic only for that topic', async () => {
    const answer = await client.call('eventlog', { topic: 'other', sinceEventId: ids[0] });
    assert.deepEqual(texts(answer), ['m']);
    assert.equal(answer.recovered, true);
  });
});

testOnBothBrokers('removes messages whose ttl has run out', async (t, broker) => {
  const server = await startServer(t, broker);
  const client = await openClient(t, server);
  const first = await client.publish('ttl', 'stays');
  await client.publish('ttl', 'goes', { ttl: 1 });
  await client.publish('ttl', 'stays, too', { ttl: 3600 });
  await client.publish('ttl/alone', 'goes', { ttl: 1 });
  const read = async (topic) => client.call('eventlog', { topic, sinceEventId: first });
  await eventually('both are removed', async () =>
    (await read('#')).items.every(({ message }) => message !== 'goes'));
  const answer = await read('ttl');
  assert.deepEqual(texts(answer), ['stays, too']);
  assert.equal(answer.recovered, true, 'a message whose ttl has run out is not missing');
  const subscription = await client.subscribe('ttl', { sinceEventId: first });
  await subscription.untilCount(1);
  await client.roundTrip();
  assert.deepEqual(subscription.texts, ['stays, too']);
});

testOnBothBrokers('removes messages older than DEFAULT_CACHE_TTL', async (t, broker) => {
  const server = await startServer(t, { ...broker, DEFAULT_CACHE_TTL: '2' });
  const client = await openClient(t, server);
  const id = await client.publish('old', 'm 0');
  await client.publish('old', 'm 1');
  await client.publish('old', 'longer', { ttl: 3600 });
  const read = () => client.call('eventlog', { topic: 'old', sinceEventId: id });
  const answer = await eventually('the point is too old', async () => {
    const now = await read();
    return now.recovered === false && now.items.length < 2 && now;
  });
  assert.deepEqual(texts(answer), ['longer']);
});

testOnBothBrokers('selects messages by their timestamp', async (t, broker) => {
  const server = await startServer(t, broker);
  const client = await openClient(t, server);
  const now = Date.now();
  const cases = [
    ['a day ago', -DAY], ['an hour ago', -60 * MINUTE], ['now', 0],
    ['in half a minute', MINUTE / 2],
    ['8 days ago, ignored', -8 * DAY], ['in 5 minutes, ignored', 5 * MINUTE],
  ];
  for (const [text, offset] of cases) {
    await client.publish('time', text, { timestamp: now + offset });
  }
  const since = async (offset) =>
    texts(await client.call('eventlog', { topic: 'time', since: now + offset }));
  const names = cases.map(([text]) => text);
  assert.deepEqual(await since(-6 * DAY), names);
  assert.deepEqual(await since(-2 * 60 * MINUTE), names.slice(1));
  assert.deepEqual(await since(-10 * MINUTE), names.slice(2));
  assert.deepEqual(await since(MINUTE / 4), ['in half a minute']);
  assert.deepEqual(await since(2 * MINUTE), []);
});

testOnBothBrokers('ENABLE_CACHE=false', async (t, broker) => {
  const server = await startServer(t, { ...broker, ENABLE_CACHE: 'false' });
  const client = await openClient(t, server);

  await t.test('still gives ids and delivers live messages', async () => {
    const subscription = await client.subscribe('live');
    const ids = await client.publishAll('live', numbered('m', 50));
    assertIncreasing(ids);
    await subscription.untilCount(50);
    assert.deepEqual(subscription.ids, ids);
  });

  await t.test('refuses eventlog and names the option', async () => {
    const error = await errorOf(client.call('eventlog', { topic: 'live', since: -MINUTE }));
    assert.equal(error.code, -32602);
    assert.match(error.data, /ENABLE_CACHE/);
  });

  for (const params of [{ since: -MINUTE }, { sinceEventId: '1574843571767-0' }]) {
    await t.test(`answers subscribe with ${Object.keys(params)} with recovered: false`, async (t) => {
      const subscriber = await openClient(t, server);
      const subscription = await subscriber.subscribe('live', params);
      assert.deepEqual(subscription.answer,
        { action: 'subscribe', recovered: false, status: 'ok', topic: 'live' });
      await client.publish('live', 'next');
      await subscription.untilText('next');
      assert.deepEqual(subscription.texts, ['next']);
    });
  }
});

test('removes the oldest messages beyond MEMORY_LIMIT and reports that they are missing', async (t) => {
  const server = await startServer(t, { MEMORY_LIMIT: '1m', MAX_CACHE_LENGTH: '0' });
  const client = await openClient(t, server);
  const message = 'x'.repeat(10_000);
  const ids = [];
  for (let i = 0; i < 300; i++) ids.push(await client.publish(`memory/${i % 10}`, message));
  const { items, recovered } = await client.call('eventlog',
    { topic: 'memory/#', sinceEventId: ids[0] });
  assert.equal(recovered, false);
  assert.ok(items.length >= 50 && items.length <= 105, `the log holds ${items.length}`);
  assert.deepEqual(items.map(({ id }) => id), ids.slice(-items.length));
  const rest = await client.call('eventlog', { topic: 'memory/#', sinceEventId: items[0].id });
  assert.equal(rest.recovered, true);
});
