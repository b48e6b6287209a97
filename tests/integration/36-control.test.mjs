// The control API under /api/: who may use it, and what it answers. Each answer is checked against
// docs/control.openapi.json.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { testOnBothBrokers } from './support/brokers.mjs';
import { httpGet, httpRequest } from './support/http.mjs';
import { metricsOf, startWithInternal } from './support/internal.mjs';
import { SECRET, secondsFromNow, signToken } from './support/jwt.mjs';
import { assertDocumented, faultOf, OPERATIONS, requestFault } from './support/openapi.mjs';
import { openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { openSocket, requestHead } from './support/socket.mjs';

const OPTIONS = { ENABLE_API: 'true', DISABLE_AUTH: 'false', JWT_SECRET: SECRET };
const RIGHTS = ['clients', 'publish', 'log', 'tokens'];
const ADMIN = signToken({ sub: 'backend', admin: RIGHTS });
const READER = signToken({ read: ['#'] });

/** Sends a request with a token (null: none); the answer must be as documented. */
async function api(server, method, path, body, { token = ADMIN, headers = {} } = {}) {
  const fields = { ...(token !== null && { Authorization: `Bearer ${token}` }), ...headers };
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  const answer = await httpRequest(server, method, path, fields, text);
  const parsed = { ...answer, json: JSON.parse(answer.body) };
  const documented = OPERATIONS.find((row) => row[1] === path.split('?')[0] && row[0] === method);
  if (documented) assertDocumented(...documented, parsed);
  else assert.deepEqual(Object.keys(parsed.json), ['error']);
  return parsed;
}

testOnBothBrokers('publishes many messages in one request', async (t, broker) => {
  const server = await startServer(t, { ...OPTIONS, ...broker });
  const reader = await openClient(t, server, { headers: { Authorization: `Bearer ${READER}` } });
  const subscription = await reader.subscribe('many/#');

  await t.test('in the order of the array, each with its own answer', async () => {
    const messages = Array.from({ length: 1000 }, (_, i) =>
      ({ topic: `many/${i % 7}`, message: `${i}`, ttl: 60, ...(i === 5 && { key: 'once' }) }));
    assert.equal(requestFault('POST', '/api/publish', messages), undefined);
    const { status, json, headers } = await api(server, 'POST', '/api/publish', messages);
    assert.equal(status, 200);
    assert.equal(headers['cache-control'], 'no-store');
    assert.ok(json.results.every((result) => result.status === 'ok'));
    await subscription.untilCount(1000);
    assert.deepEqual(subscription.texts, messages.map(({ message }) => message));
    assert.deepEqual(subscription.ids, json.results.map(({ id }) => id));
    assert.ok(subscription.messages.every(({ origin }) => origin === 'backend'));

    const again = await api(server, 'POST', '/api/publish', [messages[5]]);
    assert.equal(again.json.results[0].id, json.results[5].id, 'a key counts once');
  });

  await t.test('and says what is wrong with one of them', async () => {
    const wrong = [
      { topic: 'many/+', message: 'x' }, { topic: '#', message: 'x' }, { topic: 'a b', message: 'x' },
      { message: 'x' }, { topic: 'many/x' }, { topic: 'many/x', message: '' }, { topic: 7, message: 'x' },
      { topic: 'many/x', message: 'x', ttl: -1 }, { topic: 'many/x', message: 'x', key: 'k'.repeat(65) },
      { topic: 'x'.repeat(300), message: 'x' },
    ];
    for (const message of wrong) assert.ok(requestFault('POST', '/api/publish', [message]), message);
    const right = { topic: 'many/last', message: 'right' };
    const { status, json } = await api(server, 'POST', '/api/publish', [...wrong, right]);
    assert.equal(status, 200);
    assert.deepEqual(json.results.map((result) => result.status),
      [...wrong.map(() => 'invalid'), 'ok']);
    assert.equal(json.results[0].error, 'topic must be one topic, not a pattern');
    assert.equal(json.results[2].error, 'topic must be a valid topic');
    await subscription.untilText('right');
    assert.equal(subscription.texts.length, 1001);
  });

  await t.test('within the rate limit of the token', async () => {
    const rlimit = [{ topic: 'limited', interval: 100, max: 2 }];
    const token = signToken({ sub: 'slow', admin: ['publish'], rlimit });
    const messages = [1, 2, 3].map((i) => ({ topic: 'limited', message: `${i}` }));
    const { json } = await api(server, 'POST', '/api/publish', messages, { token });
    assert.deepEqual(json.results.map(({ status }) => status), ['ok', 'ok', 'rate_limited']);
  });
});

test('refused requests', async (t) => {
  const server = await startServer(t, { ...OPTIONS, BROKER: 'memory', MAX_MESSAGE_SIZE: '64k' });
  const reader = await openClient(t, server, { headers: { Authorization: `Bearer ${READER}` } });
  const subscription = await reader.subscribe('#');
  const one = [{ topic: 'a', message: 'x' }];
  const withoutPublish = signToken({ read: ['#'], write: ['#'], admin: ['clients', 'log', 'tokens'] });
  const ended = signToken({ admin: RIGHTS, exp: secondsFromNow(-5) });
  const cases = [
    ['no token', 401, 'POST', one, { token: null }],
    ['a token in the query', 401, 'POST', one, { token: null, query: `?auth=${ADMIN}` }],
    ['a token that has expired', 401, 'POST', one, { token: ended }],
    ['a token of another key', 401, 'POST', one, { token: signToken({ admin: RIGHTS }, { secret: 'x' }) }],
    ['a token without admin', 403, 'POST', one, { token: signToken({ read: ['#'], write: ['#'] }) }],
    ['a token whose admin is true', 403, 'POST', one, { token: signToken({ write: ['#'], admin: true }) }],
    ['a token without the right', 403, 'POST', one, { token: withoutPublish }],
    ['GET', 405, 'GET'], ['PUT', 405, 'PUT', one], ['OPTIONS', 405, 'OPTIONS'],
    ['no body', 400, 'POST', ''], ['text', 400, 'POST', 'hello'], ['an object', 400, 'POST', {}],
    ['half an array', 400, 'POST', '[{"topic":"a","message":"x"}'],
    ['numbers', 400, 'POST', [1]], ['nested values', 400, 'POST', [{ topic: ['a'], message: 'x' }]],
    ['brackets', 400, 'POST', '['.repeat(60_000)],
    ['1,001 messages', 413, 'POST', Array(1001).fill({ topic: 'a', message: 'x' })],
    ['a body that is too long', 413, 'POST', [{ topic: 'a', message: 'x'.repeat(70_000) }]],
    ['a compressed body', 415, 'POST', one, { headers: { 'Content-Encoding': 'gzip' } }],
  ];
  const before = await metricsOf(server);
  for (const [name, status, method, body, { query = '', ...rest } = {}] of cases) {
    await t.test(`answers ${status} to ${name}`, async () => {
      const answer = await api(server, method, `/api/publish${query}`, body, rest);
      assert.equal(answer.status, status, answer.body);
      assert.equal(answer.headers['access-control-allow-origin'], undefined);
      if (status === 405) assert.equal(answer.headers.allow, 'POST');
      if (status === 401) assert.equal(answer.headers['www-authenticate'], 'Bearer');
    });
  }

  await t.test('answers 404 to other paths', async () => {
    for (const path of ['/api/', '/api/nothing', '/api/publish/', '/api/%70ublish']) {
      assert.equal((await api(server, 'POST', path, one)).status, 404, path);
    }
  });

  await t.test('counts and logs them, and publishes nothing', async () => {
    const after = await metricsOf(server);
    const grown = (reason) =>
      after.refused_requests_total[reason] - before.refused_requests_total[reason];
    assert.equal(after.control_requests_total, before.control_requests_total);
    assert.equal(grown('unauthorized'), 4);
    assert.equal(grown('not_allowed'), 3);
    assert.equal(grown('unknown_method'), 7);
    assert.ok(grown('invalid_params') >= 7);
    assert.ok(grown('bad_http') >= 2);
    assert.equal(after.publish_count, before.publish_count);
    assert.match(server.stderr, /event=control_refused op=publish .* status=403 why="the token's claim/);
    await api(server, 'POST', '/api/publish', [{ topic: 'end', message: 'the end' }]);
    await subscription.untilText('the end');
    assert.deepEqual(subscription.texts, ['the end']);
    assert.match(server.stderr, /event=control op=publish peer=127\.0\.0\.1:\d+ sub=backend messages=1\n/);
    assert.ok(!server.stderr.includes(ADMIN.split('.')[2]), 'no token is logged');
  });

  await t.test('keeps the connection for the next request', async (t) => {
    const socket = await openSocket(t, server);
    const head = (n) => requestHead('POST /api/publish HTTP/1.1',
      { Host: 'x', Authorization: `Bearer ${ADMIN}`, 'Content-Length': `${n}` });
    await socket.send(`${head(2)}[]${head(2)}{}${head(2)}[]`);
    for (const status of [200, 400, 200]) {
      assert.equal((await socket.readResponse()).status, status);
    }
  });
});

test('without tokens, serves only programs on the same machine', async (t) => {
  const server = await startServer(t, { ENABLE_API: 'true', DISABLE_AUTH: 'true', BROKER: 'memory' });
  const publish = (headers) =>
    api(server, 'POST', '/api/publish', [{ topic: 'a', message: 'x' }], { token: null, headers });
  assert.equal((await publish({})).status, 200);
  for (const [name, value] of Object.entries({
    Origin: 'http://127.0.0.1', 'Sec-Fetch-Site': 'same-origin', 'X-Forwarded-For': '127.0.0.1',
    'X-Real-IP': '127.0.0.1', Forwarded: 'for=127.0.0.1', Via: '1.1 proxy',
  })) {
    const { status, json } = await publish({ [name]: value });
    assert.equal(status, 403, name);
    assert.match(json.error, /DISABLE_AUTH/);
  }
  const { status } = await api(server, 'POST', '/api/publish', 'x'.repeat(100), { token: null });
  assert.equal(status, 400);
});

test('where the API is served', async (t) => {
  const { server, internal } = await startWithInternal(t, { ...OPTIONS, BROKER: 'memory' });
  const one = [{ topic: 'a', message: 'x' }];
  assert.equal((await api(internal, 'POST', '/api/publish', one)).status, 200);
  const headers = { Authorization: `Bearer ${signToken({ write: ['api/#'] })}` };
  const asTopic = await httpRequest(server, 'POST', '/api/publish', headers, 'text');
  assert.equal(JSON.parse(asTopic.body).topic, 'api/publish', 'a topic on the public port');

  const off = await startServer(t, { ...OPTIONS, ENABLE_API: 'false', BROKER: 'memory' });
  const { topic } = JSON.parse((await httpRequest(off, 'POST', '/api/publish', headers, 'x')).body);
  assert.equal(topic, 'api/publish', 'a topic when it is off');
  assert.equal((await httpGet(off, '/api/publish')).status, 404);
});

test('the checks themselves find faults', () => {
  const schema = { type: 'object', required: ['a'], properties: { a: { type: 'integer' } },
    additionalProperties: false };
  assert.equal(faultOf(schema, { a: 1 }), undefined);
  assert.match(faultOf(schema, {}), /missing/);
  assert.match(faultOf(schema, { a: 'x' }), /type integer/);
  assert.match(faultOf(schema, { a: 1, b: 2 }), /not documented/);
  assert.throws(() => faultOf({ unknown: 1 }, 1), /knows the keyword/);
});
