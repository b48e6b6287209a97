// Server-sent events: messages, positions, and history that joins live messages.

import assert from 'node:assert/strict';

import { testOnBothBrokers } from './support/brokers.mjs';
import { signToken, SECRET } from './support/jwt.mjs';
import { assertIncreasing, compareIds, numbered, openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { openStream } from './support/sse.mjs';
import { scaled } from './support/wait.mjs';

const TEXTS = [
  'plain', ' spaces ', '\ttab', ':comment', 'data: x', 'id: 1-1', '"quoted" \\back\\', 'a\0b',
  'Grüße €😀', '\u2028\u2029\u0085\ufeff', '\u{10ffff}\ud7ff\ue000', 'x'.repeat(70_000),
];
const WITH_LINES = [
  'a\nb', 'a\rb', 'a\r\nb', '\n', '\r\n', '\r', '\n\n\n', 'a\n', '\nb', 'a\n\rb',
  'x\n\nid: 9999999999999-0\nevent: evil\ndata: forged\n\n:ok\n\nretry: 1\n\n',
  'x\r\n\r\nid: 9999999999999-0\r\ndata: forged\r\n\r\n', 'x\r\rdata: forged\r\r',
];

/** The text as a reader of the stream gets it: every end of line is an LF. */
const asRead = (text) => text.replace(/\r\n|\r/g, '\n');

testOnBothBrokers('delivers every text unchanged, live and from the log', async (t, broker) => {
  const server = await startServer(t, broker);
  const publisher = await openClient(t, server);
  const begin = await publisher.publish('begin', 'x');
  const live = await openStream(t, server, '/texts');
  const liveJson = await openStream(t, server, '/texts?format=json');
  const texts = [...TEXTS, ...WITH_LINES];
  const ids = await publisher.publishAll('texts', texts);
  const logged = await openStream(t, server, '/texts', { 'Last-Event-ID': begin });
  const loggedJson = await openStream(t, server, `/texts?lastEventId=${begin}&format=json`);

  for (const stream of [live, logged]) {
    await stream.untilCount(texts.length);
    assert.deepEqual(stream.texts, texts.map(asRead));
    assert.deepEqual(stream.messages.map(({ id }) => id), ids);
  }
  for (const stream of [liveJson, loggedJson]) {
    await stream.untilCount(texts.length);
    assert.deepEqual(stream.messages.map(({ data }) => JSON.parse(data)),
      texts.map((message, i) => ({ id: ids[i], message, topic: 'texts' })));
  }
  assert.equal(logged.lastId, ids.at(-1));
  assert.ok(!logged.isIncomplete);
});

testOnBothBrokers('includes topic and origin with format=json', async (t, broker) => {
  const server = await startServer(t, { ...broker, DISABLE_AUTH: 'false', JWT_SECRET: SECRET });
  const headers = { Authorization: signToken({ sub: 'joe "x"', read: ['#'], write: ['#'] }) };
  const publisher = await openClient(t, server, { headers });
  const stream = await openStream(t, server, '/room/%23?format=json', headers);
  const ids = [await publisher.publish('room/1', 'a\nb'), await publisher.publish('room', 'c')];
  await stream.untilCount(2);
  assert.deepEqual(stream.texts.map((text) => JSON.parse(text)), [
    { id: ids[0], message: 'a\nb', origin: 'joe "x"', topic: 'room/1' },
    { id: ids[1], message: 'c', origin: 'joe "x"', topic: 'room' },
  ]);
});

testOnBothBrokers('positions of streams without messages', async (t, broker) => {
  const server = await startServer(t, { ...broker, WORKER_THREADS: '1' });
  const publisher = await openClient(t, server);
  const watch = await publisher.subscribe('other');
  const other = await publisher.publish('other', 'x');
  await watch.untilCount(1);

  await t.test('sends the position where live messages begin', async (t) => {
    const stream = await openStream(t, server, '/quiet');
    await stream.untilPosition();
    assert.equal(stream.text, `:ok\n\nretry: ${stream.retry}\n\nid: ${other}\n\n`);
  });

  await t.test('sends the positions where the history begins and ends', async (t) => {
    const last = await publisher.publish('other', 'y');
    const stream = await openStream(t, server, '/quiet', { 'Last-Event-ID': other });
    await stream.until('the end of the history', () => stream.lastId === last);
    assert.equal(stream.text,
      `:ok\n\nretry: ${stream.retry}\n\nid: ${other}\n\nid: ${last}\n\n`);
  });

  await t.test('sends missed messages to a stream that resumes', async (t) => {
    const stream = await openStream(t, server, '/quiet');
    stream.leave();
    await publisher.publishAll('quiet', numbered('m', 3));
    const again = await openStream(t, server, '/quiet', { 'Last-Event-ID': stream.lastId });
    await again.untilCount(3);
    assert.deepEqual(again.texts, numbered('m', 3));
    assert.ok(!again.isIncomplete);
  });
});

testOnBothBrokers('the beginning of a stream', async (t, broker) => {
  const server = await startServer(t, broker);
  const publisher = await openClient(t, server);
  const ids = await publisher.publishAll('log', numbered('m', 20));
  const end = await publisher.publish('end', 'x');

  async function read(t, query, headers) {
    const stream = await openStream(t, server, `/log?${query}`, headers);
    await stream.until('the whole log', () =>
      stream.lastId && compareIds(stream.lastId, end) >= 0);
    return { texts: stream.texts, incomplete: stream.isIncomplete, events: stream.events };
  }

  await t.test('prefers the header to lastEventId, and lastEventId to since', async (t) => {
    const query = `since=-60000&lastEventId=${ids[9]}`;
    const byHeader = await read(t, query, { 'Last-Event-ID': ids[14] });
    assert.deepEqual(byHeader.texts, numbered('m', 5, 15));
    assert.deepEqual((await read(t, query)).texts, numbered('m', 10, 10));
    assert.deepEqual((await read(t, `${query}&lastEventId=x`)).texts, numbered('m', 10, 10));
    assert.deepEqual((await read(t, 'since=-60000')).texts, numbered('m', 20));
    assert.deepEqual((await read(t, `since=${ids[17]}`)).texts, numbered('m', 2, 18));
  });

  await t.test('ignores an empty header or parameter', async (t) => {
    const stream = await read(t, `lastEventId=${ids[18]}`, { 'Last-Event-ID': '' });
    assert.deepEqual(stream.texts, ['m 19']);
    assert.deepEqual((await read(t, `lastEventId=&since=${ids[18]}`)).texts, ['m 19']);
  });

  await t.test('sends no event when the history is complete', async (t) => {
    assert.equal((await read(t, `lastEventId=${ids[0]}`)).incomplete, false);
  });

  await t.test('limits the history to the newest messages and reports that first', async (t) => {
    const stream = await read(t, `lastEventId=${ids[0]}&limit=4`);
    assert.deepEqual(stream.texts, numbered('m', 4, 16));
    assert.deepEqual(stream.events[0],
      { id: undefined, event: 'recovered', data: '{"recovered":false}' });
    assert.equal((await read(t, `lastEventId=${ids[15]}&limit=4`)).incomplete, false);
  });

  await t.test('reports incomplete history from a point before the log', async (t) => {
    const stream = await read(t, 'lastEventId=1-0');
    assert.deepEqual(stream.texts, numbered('m', 20));
    assert.ok(stream.incomplete);
  });

  await t.test('reports incomplete history from a point in the future', async (t) => {
    const stream = await openStream(t, server, '/log?lastEventId=99999999999999-0');
    await stream.until('a position given by the server', () => stream.lastId === end);
    assert.ok(stream.isIncomplete);
    assert.deepEqual(stream.texts, []);
  });
});

testOnBothBrokers('reports incomplete history without a log', async (t, broker) => {
  const server = await startServer(t, { ...broker, ENABLE_CACHE: 'false', WORKER_THREADS: '1' });
  const publisher = await openClient(t, server);
  const watch = await publisher.subscribe('off');
  const id = await publisher.publish('off', 'lost');
  await watch.untilCount(1); // so it is no longer on its way
  const stream = await openStream(t, server, '/off', { 'Last-Event-ID': id });
  await stream.until('the report', () => stream.isIncomplete);
  await publisher.publish('off', 'live');
  await stream.untilText('live');
  assert.deepEqual(stream.texts, ['live']);
});

testOnBothBrokers('joins history and live messages while others publish', async (t, broker) => {
  const server = await startServer(t, { ...broker, MAX_CACHE_LENGTH: '0', WORKER_THREADS: '2' });
  const each = scaled(1500);
  const publishers = await Promise.all([0, 1].map(() => openClient(t, server)));
  const begin = await publishers[0].publish('begin', 'x');
  const watch = await (await openClient(t, server)).subscribe('join/#');
  const publishing = Promise.all(publishers.map((publisher, i) =>
    publisher.publishAll(`join/${i}`, numbered(`p${i}`, each))));
  const streams = [];
  for (let i = 0; i < 8; i++) {
    await watch.untilCount(Math.floor((2 * each * i) / 8));
    const query = i % 2 ? '?format=json' : '';
    streams.push(await openStream(t, server, `/join/%23${query}`, { 'Last-Event-ID': begin }));
  }
  const ids = (await publishing).flat().sort(compareIds);
  for (const stream of streams) {
    await stream.untilCount(ids.length);
    assert.deepEqual(stream.messages.map(({ id }) => id), ids);
    assert.ok(!stream.isIncomplete);
  }
});

testOnBothBrokers('lets streams leave and resume while others publish', async (t, broker) => {
  const server = await startServer(t, { ...broker, MAX_CACHE_LENGTH: '0' });
  const total = scaled(2000);
  const publisher = await openClient(t, server);
  const texts = numbered('m', total);
  const seen = [];
  let lastId = await publisher.publish('resume', 'begin');
  const publishing = publisher.publishAll('resume', texts);
  while (seen.length < total) {
    const stream = await openStream(t, server, '/resume', { 'Last-Event-ID': lastId });
    await stream.untilCount(Math.min(100, total - seen.length));
    stream.leave(); // while messages arrive
    seen.push(...stream.messages);
    ({ lastId } = stream);
  }
  await publishing;
  assert.deepEqual(seen.map(({ data }) => data), texts);
  assertIncreasing(seen.map(({ id }) => id));
});

testOnBothBrokers('delivers history larger than MAX_OUTPUT_QUEUE', async (t, broker) => {
  const server = await startServer(t, { ...broker, MAX_OUTPUT_QUEUE: '256k' });
  const publisher = await openClient(t, server);
  const begin = await publisher.publish('large', 'begin');
  const texts = numbered('x'.repeat(20_000), 200);
  await publisher.publishAll('large', texts);
  const stream = await openStream(t, server, '/large', { 'Last-Event-ID': begin });
  await stream.untilCount(texts.length);
  assert.deepEqual(stream.texts, texts);
});
