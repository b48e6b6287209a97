// `gaps`: a client that asks for them is told where the log does not hold everything. 06-cluster-gaps
// tests the causes of gaps in a cluster.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { testOnBothBrokers } from './support/brokers.mjs';
import { errorOf, numbered, openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { httpGet } from './support/http.mjs';
import { startRedis } from './support/redis.mjs';

testOnBothBrokers('answers where a subscription begins', async (t, options) => {
  const server = await startServer(t, options);
  const client = await openClient(t, server);
  const quiet = await client.subscribe('quiet', { gaps: true });
  assert.match(quiet.answer.lastEventId, /^\d{13}-\d+$/, 'the id is known before the first message');
  const ids = await client.publishAll('t', numbered('m', 3));
  const watch = await client.subscribe('t');
  await watch.untilCount(0);
  const [ms] = ids[0].split('-').map(Number);

  const cases = [
    [{ gaps: true, sinceEventId: ids[0] }, ids[0], true],
    [{ gaps: true, sinceEventId: `${ms + 60_000}-0` }, ids[2], false], // an id in the future
    [{ gaps: true, since: ms }, `${ms - 1}-${2n ** 64n - 1n}`, undefined], // so ms-0 is included
    [{ gaps: true, sinceEventId: ids[0], limit: 1 }, ids[0], false],
  ];
  for (const [params, lastEventId, recovered] of cases) {
    const { answer } = await client.subscribe('t', params);
    assert.equal(answer.lastEventId, lastEventId, JSON.stringify(params));
    if (recovered !== undefined) assert.equal(answer.recovered, recovered);
  }
  const { answer } = await client.subscribe('t', { gaps: true, since: -60_000 });
  assert.ok(Math.abs(Date.now() - 60_000 - parseInt(answer.lastEventId)) < 30_000);
});

testOnBothBrokers('resumes from the id in that answer', async (t, options) => {
  const server = await startServer(t, options);
  const publisher = await openClient(t, server);
  const first = await openClient(t, server);
  const { answer } = await first.subscribe('t/#', { gaps: true });
  first.socket.terminate();
  await publisher.publishAll('t/1', numbered('m', 3));
  const again = await openClient(t, server);
  const resumed = await again.subscribe('t/#', { gaps: true, sinceEventId: answer.lastEventId });
  assert.equal(resumed.answer.recovered, true);
  await resumed.untilCount(3);
  assert.deepEqual(resumed.texts, numbered('m', 3));

  const since = parseInt(resumed.messages[0].id); // the time of a message
  const third = await again.subscribe('t/1', { gaps: true, since });
  const { lastEventId: sinceEventId } = third.answer;
  const fourth = await again.subscribe('t/+', { gaps: true, sinceEventId });
  await fourth.untilCount(3);
  assert.deepEqual(fourth.texts, numbered('m', 3));
});

test('begins with live messages when the log cannot be read', async (t) => {
  const redis = await startRedis(t);
  const client = await openClient(t, await startServer(t, redis.options));
  const live = await client.subscribe('t');
  const id = await client.publish('t', 'last');
  await live.untilText('last');
  await redis.command('SET', '{eventhub}:floors', 'no hash');
  const points = [
    ['t', { since: -1000 }],
    ['t', { since: 1 }],
    ['+', { sinceEventId: id }], // `t` resumes there from memory
  ];
  for (const [filter, from] of points) {
    const { answer } = await client.subscribe(filter, { gaps: true, ...from });
    const { lastEventId, recovered } = answer;
    assert.deepEqual({ lastEventId, recovered }, { lastEventId: id, recovered: false });
  }
});

testOnBothBrokers('reports a gap when history is trimmed while a client reads it', async (t, options) => {
  const LENGTH = 600; // of 30 kB: more than the kernel's buffers take
  const bounds = { MAX_OUTPUT_QUEUE: '256k', MAX_CACHE_LENGTH: String(LENGTH) };
  const server = await startServer(t, { ...options, ...bounds });
  const publisher = await openClient(t, server);
  const begin = await publisher.publish('begin', 'x');
  const texts = numbered('x'.repeat(30_000), 2 * LENGTH);
  await publisher.publishAll('t/long', texts.slice(0, LENGTH), { window: 8 });
  const client = await openClient(t, server);
  const quiet = await client.subscribe('t/quiet', { gaps: true });
  const joined = await client.subscribe('t/#', { gaps: true, sinceEventId: begin });
  client.socket.pause(); // at once, before much of the history has come
  await publisher.publishAll('t/long', texts.slice(LENGTH), { window: 8 });
  client.socket.resume();
  await joined.untilText(texts.at(-1));

  assert.equal(joined.answer.recovered, true, 'nothing was trimmed at that time');
  let next = 0;
  let missing = 0;
  let isTold = false;
  for (const { action, topic, message } of joined.messages) {
    if (action) {
      assert.deepEqual([action, topic, isTold], ['gap', 't/long', false]);
      isTold = true;
      continue;
    }
    const at = texts.indexOf(message, next);
    assert.equal(at > next, isTold, `${at - next} missing before ${message.slice(-6)}`);
    missing += at - next;
    next = at + 1;
    isTold = false;
  }
  assert.ok(missing > 0 && missing < LENGTH, `${missing} are missing`);
  assert.deepEqual(quiet.messages, []);
});

test('answers the position of a subscription that ends before its history was read', async (t) => {
  const redis = await startRedis(t);
  const client = await openClient(t, await startServer(t, redis.options));
  const live = await client.subscribe('live');
  const id = await client.publish('live', 'x');
  await live.untilText('x');
  await redis.freeze();
  const gaps = { gaps: true, since: -1000 };
  const replaced = await client.subscribe('t', gaps, { confirmed: false });
  const ended = await client.subscribe('t', gaps, { confirmed: false });
  await client.call('unsubscribe', ['t']);
  for (const { answer } of [replaced, ended]) {
    const { recovered, lastEventId } = await answer;
    assert.deepEqual({ recovered, lastEventId }, { recovered: false, lastEventId: id });
  }
});

test('answers as before without gaps', async (t) => {
  const client = await openClient(t, await startServer(t));
  for (const params of [{}, { gaps: false }, { gaps: null }]) {
    const { answer } = await client.subscribe('t', params);
    assert.deepEqual(answer, { action: 'subscribe', status: 'ok', topic: 't' });
  }
});

test('refuses gaps that are not a boolean', async (t) => {
  const server = await startServer(t);
  const client = await openClient(t, server);
  for (const gaps of ['true', 1, 0, [], {}]) {
    const error = await errorOf(client.subscribe('t', { gaps }));
    assert.equal(error.code, -32602);
    assert.match(error.data, /gaps/);
  }
  const headers = { Accept: 'text/event-stream' };
  for (const gaps of ['', 'yes', '1', 'TRUE']) {
    assert.equal((await httpGet(server, `/t?gaps=${gaps}`, headers)).status, 400, gaps);
  }
});

test('answers the position and recovered: false without a log', async (t) => {
  const client = await openClient(t, await startServer(t, { ENABLE_CACHE: 'false' }));
  const id = await client.publish('t', 'x');
  const { answer } = await client.subscribe('t', { gaps: true, sinceEventId: id });
  assert.equal(answer.recovered, false);
  assert.match(answer.lastEventId, /^\d+-\d+$/);
});
