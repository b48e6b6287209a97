// Publishing with POST: messages, refusals, and answers.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';

import { testOnBothBrokers } from './support/brokers.mjs';
import { httpPost, httpRequest } from './support/http.mjs';
import { SECRET, signToken } from './support/jwt.mjs';
import { startRedis } from './support/redis.mjs';
import { numbered, openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { openStream } from './support/sse.mjs';
import { eventually } from './support/wait.mjs';

const CHUNKED = { 'Transfer-Encoding': 'chunked' };

testOnBothBrokers('publishes the body byte for byte', async (t, broker) => {
  const server = await startServer(t, broker);
  const subscriber = await openClient(t, server);
  const subscription = await subscriber.subscribe('in/#');
  const texts = [
    'hello', 'a', '{"json":true}', 'a=b&c=d', 'two\r\nlines\n', 'nul \0 byte', '"\\', ' ', '\ufeffx',
    'Grüße €😀\u2028', '\u0001\u001f\u007f', 'x'.repeat(300_000), '\0'.repeat(50_000),
  ];
  let count = 0;
  for (const headers of [{}, CHUNKED]) {
    for (const text of texts) {
      const answer = await httpPost(server, '/in/a', text, headers);
      assert.equal(answer.status, 200, answer.body);
      assert.deepEqual(answer.json,
        { action: 'publish', id: answer.json.id, status: 'ok', topic: 'in/a' });
      assert.match(answer.headers['content-type'], /^application\/json/);
      assert.equal(answer.headers['access-control-allow-origin'], '*');
      await subscription.untilCount(++count);
      assert.ok(subscription.texts.at(-1) === text, `${text.length} bytes are unchanged`);
      assert.equal(subscription.ids.at(-1), answer.json.id);
    }
  }
});

testOnBothBrokers('logs messages with ttl and timestamp', async (t, broker) => {
  const server = await startServer(t, broker);
  const client = await openClient(t, server);
  const hourAgo = Date.now() - 3_600_000;
  assert.equal((await httpPost(server, `/log?timestamp=${hourAgo}.75`, 'old')).status, 200);
  assert.equal((await httpPost(server, '/log?ttl=100', 'new')).status, 200);
  assert.equal((await httpPost(server, '/log?ttl=0&other=x', 'default')).status, 200);
  const read = async (since) =>
    (await client.call('eventlog', { topic: 'log', since })).items.map(({ message }) => message);
  assert.deepEqual(await read(hourAgo), ['old', 'new', 'default']);
  assert.deepEqual(await read(hourAgo + 1), ['new', 'default']);

  assert.equal((await httpPost(server, '/short?ttl=1', 'gone soon')).status, 200);
  assert.equal((await httpPost(server, '/short?ttl=1.0', 'gone soon')).status, 200);
  assert.equal((await httpPost(server, '/short?ttl=0.1e1', 'gone soon')).status, 200);
  const ofShort = () => client.call('eventlog', { topic: 'short', since: -60_000 });
  await eventually('the message has expired', async () => (await ofShort()).items.length === 0);
});

testOnBothBrokers('delivers to subscribers and streams in the same order', async (t, broker) => {
  const server = await startServer(t, { ...broker, WORKER_THREADS: '2' });
  const subscription = await (await openClient(t, server)).subscribe('mix/+');
  const stream = await openStream(t, server, '/mix/+');
  const client = await openClient(t, server);
  await Promise.all([
    client.publishAll('mix/ws', numbered('ws', 100)),
    ...[0, 1, 2].map(async (i) => {
      for (const text of numbered(`post ${i}`, 30)) {
        assert.equal((await httpPost(server, '/mix/http', text)).status, 200);
      }
    }),
  ]);
  await subscription.untilCount(190);
  await stream.untilCount(190);
  assert.deepEqual(stream.texts, subscription.texts);
  assert.deepEqual(stream.messages.map(({ id }) => id), subscription.ids);
});

test('refused requests', async (t) => {
  const server = await startServer(t, { MAX_MESSAGE_SIZE: '1k', LOG_LEVEL: 'debug' });
  const cases = [
    ['/', 'x', 400, /topic/], ['/a.b', 'x', 400, /topic/], ['/a/', 'x', 400, /topic/],
    ['/%', 'x', 400, /URL-encoded/], ['/%ff', 'x', 400, /topic/],
    ['/+', 'x', 400, /topic/], ['/a/%23', 'x', 400, /topic/],
    ['/a', '', 400, /empty/], ['/a', Buffer.from('ab\xff', 'latin1'), 400, /UTF-8/],
    ['/a', Buffer.from('ab\xe2\x82', 'latin1'), 400, /UTF-8/],
    ['/a?ttl=x', 'x', 400, /ttl/], ['/a?ttl=-1', 'x', 400, /ttl/], ['/a?ttl=1.5', 'x', 400, /ttl/],
    ['/a?ttl=31536001', 'x', 400, /ttl/], ['/a?ttl=', 'x', 400, /ttl/],
    ['/a?timestamp=now', 'x', 400, /timestamp/], ['/a?ttl=%zz', 'x', 400, /URL-encoded/],
    ['/a?timestamp=99999999999999999999', 'x', 400, /timestamp/],
    ['/a?timestamp=1e300', 'x', 400, /timestamp/], ['/a?ttl=1e300', 'x', 400, /ttl/],
    ['/a?ttl=1e999', 'x', 400, /ttl/], ['/a?ttl=0x10', 'x', 400, /ttl/],
    ['/a', 'x'.repeat(1025), 413, /too large/i],
  ];
  for (const headers of [{}, CHUNKED]) {
    for (const [path, body, status, why] of cases) {
      await t.test(`answers ${status} to POST ${path} of ${body.length} bytes`, async () => {
        const answer = await httpPost(server, path, body, headers);
        assert.equal(answer.status, status);
        assert.match(answer.json.error, why);
        assert.equal(answer.headers['access-control-allow-origin'], '*');
      });
    }
  }

  for (const coding of ['gzip', 'br', 'GZIP, identity', 'aws-chunked']) {
    await t.test(`answers 415 to a body with Content-Encoding: ${coding}`, async (t) => {
      const answer = await httpPost(server, '/a', gzipSync('text'), { 'Content-Encoding': coding });
      assert.equal(answer.status, 415);
      assert.match(answer.json.error, /^the body must not be compressed/);
      assert.equal(answer.headers['accept-encoding'], 'identity');
    });
  }

  await t.test('accepts Content-Encoding: identity', async () => {
    assert.equal((await httpPost(server, '/a', 'x', { 'Content-Encoding': 'identity' })).status, 200);
  });

  await t.test('logs parameters that it ignores', async () => {
    const { status } = await httpPost(server, '/a?TTL=60&auth=x&ttl=60', 'x');
    assert.equal(status, 200);
    await server.until('the log', () => /event=unknown_parameter .*name=TTL$/m.test(server.stderr));
    assert.equal(server.stderr.match(/event=unknown_parameter/g).length, 1);
  });

  await t.test('accepts values at the limits', async () => {
    for (const headers of [{}, CHUNKED]) {
      assert.equal((await httpPost(server, '/a', 'x'.repeat(1024), headers)).status, 200);
    }
    assert.equal((await httpPost(server, '/a?ttl=31536000', 'x')).status, 200);
  });

  await t.test('answers 405 to other routes and methods', async () => {
    assert.equal((await httpPost(server, '/healthz', 'x')).status, 405);
    for (const method of ['PUT', 'PATCH', 'DELETE']) {
      const answer = await httpRequest(server, method, '/a');
      assert.equal(answer.status, 405, method);
      assert.equal(answer.headers.allow, 'GET, HEAD, POST, OPTIONS');
      assert.equal(answer.headers['access-control-allow-origin'], '*');
    }
  });

  await t.test('counts refused requests and publishes nothing of them', async () => {
    const { refused_requests_total: refused, publish_count: published } = await server.metrics();
    assert.equal(published, 5);
    assert.equal(refused.invalid_params, 2 * (cases.length - 1) + 4);
    assert.equal(refused.bad_http, 2);
  });
});

test('checks the right to write and sets origin to the sub of the publisher', async (t) => {
  const server = await startServer(t, { DISABLE_AUTH: 'false', JWT_SECRET: SECRET });
  const bearer = (claims) => ({ Authorization: `Bearer ${signToken(claims)}` });
  const writer = bearer({ sub: 'joe', write: ['room/#'] });
  const reader = await openClient(t, server, { headers: bearer({ read: ['#'] }) });
  const subscription = await reader.subscribe('#');

  assert.equal((await httpPost(server, '/room/1', 'x', writer)).status, 200);
  await subscription.untilCount(1);
  assert.equal(subscription.messages[0].origin, 'joe');

  const token = encodeURIComponent(signToken({ write: ['room/#'] }));
  assert.equal((await httpPost(server, `/room/1?auth=${token}`, 'y')).status, 200);
  await subscription.untilCount(2);
  assert.equal(subscription.messages[1].origin, undefined);

  assert.equal((await httpPost(server, '/other', 'x', writer)).status, 403);
  assert.equal((await httpPost(server, '/room/1', 'x', bearer({ read: ['#'] }))).status, 403);
  const refused = await httpPost(server, '/room/1', 'x');
  assert.equal(refused.status, 401);
  assert.equal(refused.headers['www-authenticate'], 'Bearer');
  const { refused_requests_total: counted } = await server.metrics();
  assert.equal(counted.not_allowed, 2);
  assert.equal(counted.unauthorized, 1);
});

test('answers 503 with the outcome while Redis is away', async (t) => {
  const redis = await startRedis(t);
  const server = await startServer(t, { ...redis.options, BROKER_TIMEOUT: '1' });
  await redis.kill();
  await server.untilReadiness(503);
  const answer = await httpPost(server, '/a', 'x');
  assert.equal(answer.status, 503);
  assert.deepEqual(answer.json, { error: 'not published' });

  await redis.start();
  await server.untilReadiness(200);
  assert.equal((await httpPost(server, '/a', 'x')).status, 200);

  await redis.freeze();
  const late = await httpPost(server, '/a', 'x');
  redis.thaw();
  assert.equal(late.status, 503);
  assert.deepEqual(late.json, { error: 'outcome unknown' });
});
