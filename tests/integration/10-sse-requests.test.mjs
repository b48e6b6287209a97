// Server-sent events: the request, refusals, and the bytes on the wire.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { httpGet, httpRequest } from './support/http.mjs';
import { secondsFromNow, SECRET, signToken } from './support/jwt.mjs';
import { openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { openBarrier, openSocket, requestHead } from './support/socket.mjs';
import { openStream, refusedStream } from './support/sse.mjs';
import { SANITIZED } from './support/wait.mjs';

const ACCEPT = { Accept: 'text/event-stream' };

test('the answer to a request for events', async (t) => {
  const server = await startServer(t);

  await t.test('sends a head and a first comment', async (t) => {
    const stream = await openStream(t, server, '/a/b');
    assert.equal(stream.head.headers['content-type'], 'text/event-stream');
    assert.equal(stream.head.headers['cache-control'], 'no-cache, no-transform');
    assert.equal(stream.head.headers['access-control-allow-origin'], '*');
    assert.equal(stream.head.headers['content-length'], undefined);
    assert.match(stream.text, /^:ok\n\n/);
  });

  await t.test('answers HEAD with the head alone', async (t) => {
    const socket = await openSocket(t, server);
    await socket.send(requestHead('HEAD /a HTTP/1.1', { Host: 'x', ...ACCEPT }));
    const head = await socket.readHead();
    assert.equal(head.status, 200);
    assert.equal(head.headers['content-type'], 'text/event-stream');
    await socket.untilEnd();
    assert.equal(socket.received.length, 0);
  });

  const accepts = ['text/event-stream', 'Text/Event-Stream;q=0.9', 'text/html, text/event-stream'];
  for (const Accept of accepts) {
    await t.test(`opens a stream for Accept: ${Accept}`, (t) => openStream(t, server, '/a', { Accept }));
  }

  await t.test('answers 404 to a request that does not accept events', async () => {
    for (const headers of [{}, { Accept: '*/*' }, { Accept: 'text/*' }]) {
      assert.equal((await httpGet(server, '/a', headers)).status, 404);
    }
  });

  await t.test('serves other routes whatever they accept', async () => {
    const answer = await httpGet(server, '/healthz', ACCEPT);
    assert.equal(answer.body, '{"status":"ok"}');
  });

  await t.test('counts clients that leave', async (t) => {
    const before = await server.metrics();
    const stream = await openStream(t, server, '/a');
    stream.leave();
    await server.untilMetric('one stream less', (now) =>
      now.subscriptions <= before.subscriptions &&
      now.disconnects_total.client > before.disconnects_total.client);
  });
});

test('the topic in the path', async (t) => {
  const server = await startServer(t);
  const publisher = await openClient(t, server);

  for (const [path, topic] of [
    ['/plain', 'plain'], ['/a/b', 'a/b'], ['/a%2fb', 'a/b'], ['/%61/%62', 'a/b'],
    ['/a/%23', 'a/b/c'], ['/%23', 'any'], ['/+/b', 'x/b'], ['/%2B/b', 'x/b'], ['/a//b', 'a//b'],
    [`/${'t'.repeat(256)}`, 't'.repeat(256)],
  ]) {
    await t.test(`delivers ${topic.slice(0, 20)} to ${path.slice(0, 20)}`, async (t) => {
      const stream = await openStream(t, server, path);
      await publisher.publish(topic, 'here');
      await stream.untilText('here');
    });
  }

  const invalid = [
    '/', '/%', '/a%2', '/a%zz', '/a%00', '/%20', '/a%20b', '/a.b', '/a/',
    '//a', '/a/%23/b', '/a+', '/%FF', '/a%0d%0aX', `/${'t'.repeat(257)}`,
  ];
  for (const path of invalid) {
    await t.test(`answers 400 to ${path.slice(0, 20)}`, async () => {
      const answer = await refusedStream(server, path);
      assert.equal(answer.status, 400);
      assert.match(answer.error, /path/);
      assert.equal(answer.headers['access-control-allow-origin'], '*');
    });
  }

  await t.test('counts refusals and keeps the connection', async (t) => {
    const before = (await server.metrics()).refused_requests_total;
    const socket = await openSocket(t, server);
    await socket.send(requestHead('GET /a. HTTP/1.1', { Host: 'x', ...ACCEPT }).repeat(2));
    assert.equal((await socket.readResponse()).status, 400);
    assert.equal((await socket.readResponse()).status, 400);
    const after = (await server.metrics()).refused_requests_total;
    assert.equal(after.invalid_params - before.invalid_params, 2);
  });
});

test('parameters for the beginning of a stream', async (t) => {
  const server = await startServer(t);
  const cases = [
    ['since=yesterday', /since/],
    ['since=1.5', /since/],
    ['limit=0', /limit/],
    ['limit=-1', /limit/],
    ['limit=many', /limit/],
    ['latest=2', /latest/],
    ['latest=1&since=-5', /latest/],
    ['latest=true&limit=1', /latest/],
    ['since=%zz', /URL-encoded/],
    ['since=%ff', /URL-encoded/],
  ];
  for (const [query, why] of cases) {
    await t.test(`answers 400 to ?${query}`, async () => {
      const answer = await refusedStream(server, `/a?${query}`);
      assert.equal(answer.status, 400);
      assert.match(answer.error, why);
    });
  }

  for (const query of ['since=0', 'since=', 'lastEventId=', 'since=-5', 'limit=3', 'since=1-0',
    'limit=3.0', 'limit=3e0', 'since=-5e3', 'since=1574843571767.0', 'latest=0&since=-5', 'latest=false',
    'latest=true&since=0']) {
    await t.test(`accepts ?${query}`, (t) => openStream(t, server, `/a?${query}`));
  }

  await t.test('begins with the newest message of each topic, unless it resumes', async (t) => {
    const publisher = await openClient(t, server);
    const ids = {};
    for (const [topic, text] of [['l/x', '1'], ['l/y', '2'], ['l/x', '3']]) ids[text] = await publisher.publish(topic, text);
    const stream = await openStream(t, server, '/l/%23?latest=1');
    await stream.untilCount(2);
    ids[4] = await publisher.publish('l/x', '4');
    await stream.untilCount(3);
    assert.deepEqual(stream.messages.map(({ id, data }) => [data, id]), ['2', '3', '4'].map((text) => [text, ids[text]]));
    assert.equal(stream.isIncomplete, false);
    const several = await openStream(t, server, '/?topic=l/x&topic=none&topic=l/%2B&latest=1');
    await several.untilCount(2);
    assert.deepEqual(several.texts, ['2', '4']);
    const resumed = await openStream(t, server, '/l/%23?latest=1', { 'Last-Event-ID': ids[1] });
    await resumed.untilCount(3);
    assert.deepEqual(resumed.texts, ['2', '3', '4']);
    const foreign = await openStream(t, server, '/l/%23?latest=1', { 'Last-Event-ID': 'x' });
    await foreign.untilCount(2);
    assert.deepEqual(foreign.texts, ['2', '4']);
    assert.equal(foreign.isIncomplete, true);
  });
});

const FOREIGN = [
  '0', '1', 'x', '123', '1-2-3', '-1', '1-', 'earliest', 'urn:uuid:9f7b4c0e-53a1-4b8a-9d6e-0c1f2a3b4c5d',
  '\xff', 'Grüße', '99999999999999999999-0', '1574843571767-99999999999999999999', ' ', 'x'.repeat(4000),
];

// A browser sends the last id that it saw at this URL, whoever was the server then, and gives up for
// good on an error.
test('a last event id of another server', async (t) => {
  // With one worker, the messages of one stream have all been delivered when the next one opens.
  const server = await startServer(t, { WORKER_THREADS: '1' });
  const publisher = await openClient(t, server);
  const newest = await publisher.publish('a', 'before');

  async function assertBegins(t, path, headers) {
    const stream = await openStream(t, server, path, headers);
    const id = await publisher.publish('a', 'after');
    await stream.untilText('after');
    assert.deepEqual(stream.events, [
      { id: undefined, event: 'recovered', data: '{"recovered":false}' },
      { id, event: 'message', data: 'after' },
    ]);
    assert.match(stream.text, /^:ok\n\nretry: \d+\n\nid: \d+-\d+\n\nevent: recovered\n/, 'its next id is ours');
    stream.leave();
  }

  for (const id of FOREIGN.filter((id) => id.trim())) {
    const name = id.slice(0, 45);
    await t.test(`begins a stream, with recovered false, for Last-Event-ID: ${name}`, (t) =>
      assertBegins(t, '/a', { 'Last-Event-ID': id }));
    await t.test(`begins a stream, with recovered false, for ?lastEventId=${name}`, (t) =>
      assertBegins(t, `/a?lastEventId=${encodeURIComponent(id)}`));
  }
  for (const id of ['%', '%zz', '%ff', '%00']) {
    await t.test(`begins a stream for ?lastEventId=${id}, which is not text`, (t) =>
      assertBegins(t, `/a?lastEventId=${id}`));
  }

  await t.test('takes precedence over since', (t) =>
    assertBegins(t, '/a?since=-60000', { 'Last-Event-ID': 'x' }));

  await t.test('is reported without a log, too', async (t) => {
    const forgetful = await startServer(t, { ENABLE_CACHE: 'false' });
    const stream = await openStream(t, forgetful, '/a', { 'Last-Event-ID': '0' });
    await stream.until('the report', () => stream.isIncomplete);
  });

  const spellings = [
    'lastEventId', 'lasteventid', 'LASTEVENTID', 'lastEventID', 'last-event-id', 'Last-Event-ID', 'last_event_id',
    'evs_last_event_id', 'sinceEventId',
  ];
  for (const name of spellings) {
    await t.test(`accepts the spelling ${name}`, async (t) => {
      const stream = await openStream(t, server, `/a?x=1&${name}=${newest}`);
      await stream.untilText('after');
      assert.equal(stream.isIncomplete, false);
      assert.ok(stream.messages.length > FOREIGN.length, 'everything after that id');
    });
  }
});

test('names parameters that it ignores, in the stream and in the log', async (t) => {
  const server = await startServer(t, { LOG_LEVEL: 'debug' });
  const known = await openStream(t, server, '/a?since=0&limit=1&gaps=true&format=json&auth=x&lastEventId=');
  const stream = await openStream(t, server, '/a?last_id=1-0&_=1234&Since=-5');
  assert.deepEqual(known.comments, ['ok']);
  await stream.until('the remarks', () => stream.comments.length === 4);
  assert.deepEqual(stream.comments, ['ok', ...['last_id', '_', 'Since'].map((name) => `unknown parameter "${name}"`)]);
  await server.until('the log', () => server.stderr.match(/event=unknown_parameter/g)?.length === 3);
  assert.match(server.stderr, /debug event=unknown_parameter peer=\S+ name=last_id$/m);

  const many = await openStream(t, server, `/a?${'x&'.repeat(100)}`);
  await many.until('the remarks', () => many.comments.length >= 9);
  const id = await (await openClient(t, server)).publish('a', 'm');
  await many.untilText('m');
  assert.equal(many.comments.length, 9, `8 of 100 are named, before ${id}`);
});

test('rights to read a stream', async (t) => {
  const server = await startServer(t, { DISABLE_AUTH: 'false', JWT_SECRET: SECRET });
  const token = signToken({ read: ['news/#', 'room/+'], write: ['other'] });
  const bearer = { Authorization: `Bearer ${token}` };

  for (const path of ['/news/%23', '/news/today', '/room/1', '/room/+']) {
    await t.test(`opens ${path}`, (t) => openStream(t, server, path, bearer));
  }
  await t.test('accepts the token in the query', (t) =>
    openStream(t, server, `/news/a?auth=${encodeURIComponent(token)}`));

  for (const path of ['/other', '/%23', '/room/%23', '/room/1/2']) {
    await t.test(`answers 403 to ${path}`, async () => {
      const answer = await refusedStream(server, path, bearer);
      assert.equal(answer.status, 403);
      assert.equal(answer.headers['access-control-allow-origin'], '*');
    });
  }

  for (const headers of [{}, { Authorization: `Bearer ${token}x` }]) {
    await t.test(`answers 401 to ${headers.Authorization ? 'an invalid token' : 'no token'}`, async () => {
      const answer = await refusedStream(server, '/news/a', headers);
      assert.equal(answer.status, 401);
      assert.equal(answer.headers['www-authenticate'], 'Bearer');
      assert.equal(answer.headers['access-control-allow-origin'], '*');
    });
  }

  await t.test('answers 401 before it checks the topic', async () => {
    assert.equal((await refusedStream(server, '/a.b')).status, 401);
    assert.equal((await refusedStream(server, '/a.b', bearer)).status, 400);
  });

  await t.test('checks the token of each request of a connection', async (t) => {
    const socket = await openSocket(t, server);
    const ask = (path, headers) =>
      socket.send(requestHead(`GET ${path} HTTP/1.1`, { Host: 'x', ...ACCEPT, ...headers }));
    await ask('/other', bearer);
    assert.equal((await socket.readResponse()).status, 403);
    await ask('/news/a', {});
    assert.equal((await socket.readResponse()).status, 401, 'the previous token does not count');
    await ask('/news/a', bearer);
    assert.equal((await socket.readHead()).status, 200);
  });

  await t.test('ends the stream when the token expires', async (t) => {
    const exp = secondsFromNow(SANITIZED ? 6 : 3); // the stream is open by then
    const short = signToken({ read: ['news/#'], exp });
    const stream = await openStream(t, server, '/news/a', { Authorization: `Bearer ${short}` });
    await stream.untilEnd();
    await server.untilMetric('the expiry is counted', (now) => now.disconnects_total.token_expired === 1);
  });
});

test('answers 501 with ENABLE_SSE=false', async (t) => {
  const server = await startServer(t, { ENABLE_SSE: 'false' });
  const answer = await refusedStream(server, '/a');
  assert.equal(answer.status, 501);
  assert.match(answer.error, /ENABLE_SSE/);
  assert.equal((await httpRequest(server, 'HEAD', '/a', ACCEPT)).status, 501);
});

/** The bytes without the date and without the time that is drawn for each stream. */
const withoutChance = (bytes) =>
  bytes.toString().replace(/Date: .*\r\n/, '').replace(/^retry: \d+$/m, 'retry: *');

test('bytes of a request for events, and bytes after it', async (t) => {
  const server = await startServer(t, { WORKER_THREADS: '1' });
  const barrier = await openBarrier(t, server);
  const publisher = await openClient(t, server);
  const begin = await publisher.publish('cut', 'begin');
  await publisher.publish('cut', 'here');
  const request = requestHead(`GET /c%75t?lastEventId=${begin} HTTP/1.1`, { Host: 'x', ...ACCEPT });
  let answer;

  await t.test('answers a request in one piece', async (t) => {
    const socket = await openSocket(t, server);
    await socket.send(request);
    await socket.until('the message', () => socket.received.includes('data: here\n\n'));
    answer = withoutChance(socket.received);
    assert.ok(answer.includes(`\r\n\r\n:ok\n\nretry: *\n\nid: ${begin}\n\nid: `));
  });

  await t.test('gives the same answer wherever the request is cut', async (t) => {
    for (let cut = 1; cut < request.length; cut++) {
      const socket = await openSocket(t, server);
      await socket.send(request.slice(0, cut));
      await barrier();
      assert.equal(socket.received.length, 0);
      await socket.send(request.slice(cut));
      await socket.until('the message', () => socket.received.includes('data: here\n\n'));
      assert.equal(withoutChance(socket.received), answer, `cut at ${cut}`);
      socket.socket.destroy();
    }
  });

  await t.test('ignores bytes after the request', async (t) => {
    const junk = [request, 'GET / HTTP/1.1\r\n\r\n', Buffer.alloc(100_000, 'x'), '\0\xff'];
    const socket = await openSocket(t, server);
    await socket.send(Buffer.concat([request, ...junk].map((part) => Buffer.from(part))));
    for (const part of junk) await socket.send(part);
    await barrier();
    await publisher.publish('cut', 'later');
    await socket.until('the message', () => socket.received.includes('data: later\n\n'));
    assert.equal(socket.received.toString().split('HTTP/1.1').length, 2, 'one answer');
  });
});
