// Server-sent events: several topics on one stream, events named after topics, and visible pings.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { testOnBothBrokers } from './support/brokers.mjs';
import { SECRET, signToken } from './support/jwt.mjs';
import { assertIncreasing, compareIds, numbered, openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { openStream, refusedStream } from './support/sse.mjs';
import { scaled } from './support/wait.mjs';

const idsOf = (stream) => stream.messages.map(({ id }) => id);

/** The path of a stream of these topics. */
const pathOf = (topics, query = '') =>
  `/?${topics.map((topic) => `topic=${encodeURIComponent(topic)}`).join('&')}${query}`;

testOnBothBrokers('one stream of several topics', async (t, broker) => {
  const server = await startServer(t, broker);
  const publisher = await openClient(t, server);
  const begin = await publisher.publish('begin', 'x');

  await t.test('delivers the messages of each topic once, whatever matches, live and from the log', async (t) => {
    const topics = ['a', 'b/#', 'b/+', 'a', 'b/1', 'c/+'];
    const live = await openStream(t, server, pathOf(topics, '&format=json'));
    const sent = [];
    for (const topic of ['a', 'b', 'b/1', 'c', 'c/1', 'b/1/2', 'd', 'a']) {
      sent.push({ id: await publisher.publish(topic, `to ${topic}`), message: `to ${topic}`, topic });
    }
    const wanted = sent.filter(({ topic }) => topic !== 'c' && topic !== 'd');
    const logged = await openStream(t, server, pathOf(topics, '&format=json'), { 'Last-Event-ID': begin });
    for (const stream of [live, logged]) {
      await stream.untilCount(wanted.length);
      assert.deepEqual(stream.texts.map((text) => JSON.parse(text)), wanted);
      assert.ok(!stream.isIncomplete);
    }
    assert.equal((await publisher.call('presence', { topic: 'b/1' })).count, 2, 'a stream is one client');
  });

  await t.test('limits the history of each topic', async (t) => {
    const ids = await publisher.publishAll('l/1', numbered('x', 5));
    const other = await publisher.publishAll('l/2', numbered('y', 3));
    const stream = await openStream(t, server, pathOf(['l/1', 'l/2'], `&lastEventId=${begin}&limit=3`));
    await stream.untilCount(6);
    assert.deepEqual(idsOf(stream), [...ids.slice(2), ...other]);
    assert.ok(stream.isIncomplete);
    const all = await openStream(t, server, pathOf(['l/1', 'l/2'], '&since=-60000&limit=5'));
    await all.untilCount(8);
    assert.deepEqual(idsOf(all), [...ids, ...other]);
  });

  await t.test('begins with the latest message of each topic, in the order of ids', async (t) => {
    const ids = [];
    for (const topic of ['n/1', 'n/2', 'm', 'n/1', 'n/3', 'm/1']) ids.push(await publisher.publish(topic, 'x'));
    const stream = await openStream(t, server, pathOf(['n/+', 'm', 'n/1', 'none'], '&latest=1'));
    await stream.untilCount(4); // then n/2 has been read, too
    ids.push(await publisher.publish('n/2', 'live'));
    await stream.untilText('live');
    assert.deepEqual(idsOf(stream), [1, 2, 3, 4, 6].map((i) => ids[i]));
  });

  await t.test('sends positions from which all topics resume', async (t) => {
    const stream = await openStream(t, server, pathOf(['p/1', 'p/2', 'p/#']));
    await stream.untilPosition();
    stream.leave();
    const ids = [await publisher.publish('p/2', 'x'), await publisher.publish('p/1', 'y')];
    const again = await openStream(t, server, pathOf(['p/1', 'p/2']), { 'Last-Event-ID': stream.lastId });
    await again.untilCount(2);
    assert.deepEqual(idsOf(again), ids);
    assert.ok(!again.isIncomplete);
  });
});

testOnBothBrokers('streams of several topics that leave and resume while others publish', async (t, broker) => {
  const server = await startServer(t, { ...broker, MAX_CACHE_LENGTH: '0', MAX_OUTPUT_QUEUE: '64k' });
  const each = scaled(600);
  const topics = ['r/0', 'r/1', 's/2', 's/3'];
  const publisher = await openClient(t, server);
  const seen = [];
  let lastId = await publisher.publish('begin', 'x');
  const publishing = Promise.all(topics.map(async (topic) =>
    (await openClient(t, server)).publishAll(topic, numbered(topic + 'x'.repeat(300), each))));
  while (seen.length < topics.length * each) {
    const stream = await openStream(t, server, pathOf(['r/0', 'r/+', 's/2', 's/3', '+/3']), { 'Last-Event-ID': lastId });
    await stream.untilCount(Math.min(300, topics.length * each - seen.length));
    stream.leave(); // while messages arrive
    assert.ok(!stream.isIncomplete);
    seen.push(...idsOf(stream));
    ({ lastId } = stream);
  }
  assertIncreasing(seen);
  assert.deepEqual(seen, (await publishing).flat().sort(compareIds));
});

test('requests for several topics', async (t) => {
  const server = await startServer(t, { DISABLE_AUTH: 'false', JWT_SECRET: SECRET, MAX_SUBSCRIPTIONS: '3' });
  const bearer = { Authorization: `Bearer ${signToken({ read: ['news/#', 'room/1'] })}` };

  await t.test('checks the rights to each topic', async (t) => {
    await openStream(t, server, pathOf(['news/a', 'room/1', 'news/#']), bearer);
    const answer = await refusedStream(server, pathOf(['news/a', 'room/2']), bearer);
    assert.equal(answer.status, 403);
    assert.match(answer.error, /room\/2/);
    assert.equal((await refusedStream(server, pathOf(['news/a']))).status, 401);
  });

  await t.test('counts a topic that is named twice once', (t) =>
    openStream(t, server, pathOf(['news/a', 'news/b', 'news/a', 'news/c', 'news/b']), bearer));

  for (const [query, why] of [
    ['topic=news/a&topic=', /topic number 2 of the query must be a valid topic or pattern/],
    ['topic=%zz', /topic number 1 of the query must be URL-encoded/],
    ['topic=news/a&topic=%23/a', /topic number 2/],
    ['topic=news/a&topic=a%0Ab', /topic number 2/],
    ['topic=%FF', /topic number 1/],
    [`topic=${'t'.repeat(257)}`, /topic number 1/],
    ['topic=news/1&topic=news/2&topic=news/3&topic=news/4', /at most 3 topics/],
    ['topic=news/1&event=name', /event must be "topic"/],
    ['topic=news/1&event=', /event must be "topic"/],
    ['topic=news/1&ping=yes', /ping must be true or false/],
    ['topic=news/1&limit=0', /limit/],
    ['topics=news/1', /path/],
  ]) {
    await t.test(`answers 400 to ?${query.slice(0, 50)}`, async () => {
      const before = (await server.metrics()).refused_requests_total.invalid_params;
      const answer = await refusedStream(server, `/?${query}`, bearer);
      assert.equal(answer.status, 400);
      assert.match(answer.error, why);
      assert.equal((await server.metrics()).refused_requests_total.invalid_params, before + 1);
    });
  }

  await t.test('reads no topic from the query if the path has one', async (t) => {
    const stream = await openStream(t, server, '/news/a?topic=secret', bearer);
    await stream.until('the remark', () => stream.comments.includes('unknown parameter "topic"'));
    const many = await openStream(t, server, '/?topic=news/a&topic=news/b&x=1', bearer);
    await many.until('the remark', () => many.comments.length === 2);
    assert.deepEqual(many.comments, ['ok', 'unknown parameter "x"']);
  });
});

test('at most 100 topics', async (t) => {
  const server = await startServer(t);
  const topics = Array.from({ length: 101 }, (_, i) => `t/${i}`);
  const publisher = await openClient(t, server);
  const ids = [];
  for (const topic of topics) ids.push(await publisher.publish(topic, 'x'));
  const stream = await openStream(t, server, pathOf(topics.slice(0, 100), '&since=-60000'));
  await stream.untilCount(100);
  assert.deepEqual(idsOf(stream), ids.slice(0, 100));
  const answer = await refusedStream(server, pathOf(topics));
  assert.equal(answer.status, 400);
  assert.match(answer.error, /at most 100 topics/);
  stream.leave();
  await server.untilMetric('no subscription is left', (now) => now.subscriptions === 0);
});

test('events named after topics, and pings that scripts see', async (t) => {
  const server = await startServer(t, { PING_INTERVAL: '1' });
  const publisher = await openClient(t, server);
  const streams = [];
  for (const query of ['&event=topic', '&event=topic&format=json', '', '&format=json']) {
    streams.push(await openStream(t, server, pathOf(['a/+', 'b'], query)));
  }
  const pinged = await openStream(t, server, '/a/b?event=topic&ping=1');
  const silent = await openStream(t, server, '/b?ping=0');
  const id = await publisher.publish('a/b', 'two\nlines');
  const object = JSON.stringify({ id, message: 'two\nlines', topic: 'a/b' });
  const expected = [['a/b', 'two\nlines'], ['a/b', object], ['message', 'two\nlines'], ['message', object]];
  for (const [i, [event, data]] of expected.entries()) {
    await streams[i].until('the event', () => streams[i].events.length === 1);
    assert.deepEqual(streams[i].events, [{ id, event, data }]);
  }
  await pinged.until('a ping', () => pinged.events.some(({ event }) => event === 'ping'));
  assert.deepEqual(pinged.events.filter(({ event }) => event === 'a/b').map(({ data }) => data), ['two\nlines']);
  assert.deepEqual(pinged.events.find(({ event }) => event === 'ping'), { id: undefined, event: 'ping', data: '{}' });
  assert.ok(pinged.lastId === id || compareIds(pinged.lastId, id) <= 0, 'a ping moves no position');
  await silent.until('a ping', () => silent.comments.includes(''));
  assert.deepEqual(silent.events, []);
});
