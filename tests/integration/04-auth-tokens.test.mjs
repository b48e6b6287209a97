// Authentication: which tokens are accepted, and 401 before any upgrade for all others.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { httpRequest } from './support/http.mjs';
import { SECRET, secondsFromNow, signToken, unsignedToken } from './support/jwt.mjs';
import { openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { handshake, openSocket } from './support/socket.mjs';
import { SANITIZED } from './support/wait.mjs';

const CLAIMS = { sub: 'user@example', read: ['a/#'], write: ['a/#'] };
const WITH_AUTH = { DISABLE_AUTH: 'false', JWT_SECRET: SECRET };

function offer(subprotocols) {
  return { 'Sec-WebSocket-Protocol': subprotocols };
}

async function answerTo(t, server, fields, target) {
  const socket = await openSocket(t, server);
  await socket.send(handshake(fields, target));
  return socket.readResponse();
}

function assertUnauthorized(answer) {
  assert.equal(answer.status, 401);
  assert.match(answer.headers['www-authenticate'], /^Bearer\b/);
  const { error } = JSON.parse(answer.body);
  assert.equal(typeof error, 'string');
  assert.ok(error.length > 0 && error.length < 200, 'a short reason');
}

test('accepted tokens', async (t) => {
  const server = await startServer(t, WITH_AUTH);
  const token = signToken(CLAIMS);
  const url = encodeURIComponent(token);
  const places = [
    ['Authorization: Bearer', { headers: { Authorization: `Bearer ${token}` } }],
    ['Authorization: bearer', { headers: { Authorization: `bearer ${token}` } }],
    ['Authorization alone', { headers: { Authorization: token } }],
    ['the query', { target: `/?auth=${url}` }],
    ['the query among others', { target: `/some/path?x=1&auth=${url}&y=2` }],
    ['the query, every character escaped', {
      target: `/?auth=${[...token].map((c) => `%${c.charCodeAt(0).toString(16)}`).join('')}`,
    }],
  ];
  const expired = signToken({ ...CLAIMS, exp: secondsFromNow(-10) });
  const offers = [
    ['a subprotocol', offer(`eventhub, bearer.${token}`)],
    ['a subprotocol before the one to choose', offer(`bearer.${token},eventhub`)],
    ['a subprotocol, and a header of another scheme',
      { ...offer(`eventhub, bearer.${token}`), Authorization: 'Basic dTpw' }],
    ['a subprotocol, and an expired one in the query',
      offer(`eventhub, bearer.${token}`), `/?auth=${expired}`],
    ['Authorization, and an expired one as a subprotocol',
      { ...offer(`eventhub, bearer.${expired}`), Authorization: `Bearer ${token}` }],
  ];
  for (const [name, fields, target] of offers) {
    await t.test(`accepts a token in ${name}, and does not repeat it`, async (t) => {
      const answer = await answerTo(t, server, fields, target);
      assert.equal(answer.status, 101, answer.body);
      assert.equal(answer.headers['sec-websocket-protocol'], 'eventhub');
    });
  }
  for (const [name, how] of places) {
    await t.test(`accepts a token in ${name}`, async (t) => {
      const client = await openClient(t, server, how);
      await client.publish('a/b', 'x');
    });
  }

  const claims = [
    ['only read', { read: ['a'] }],
    ['only write', { write: ['a'] }],
    ['invalid entries next to a valid one', { read: ['a', '/bad/', 7, null, 'x y'], write: [] }],
    ['exp in the future', { ...CLAIMS, exp: secondsFromNow(3600) }],
    ['nbf in the past', { ...CLAIMS, nbf: secondsFromNow(-10) }],
    ['unknown claims', { ...CLAIMS, iss: 'somebody', aud: ['x'], other: { a: 1 } }],
    ['an rlimit without rules', { ...CLAIMS, rlimit: [] }],
    ['an rlimit that is null', { ...CLAIMS, rlimit: null }],
  ];
  for (const [name, each] of claims) {
    await t.test(`accepts a token with ${name}`, (t) =>
      openClient(t, server, { headers: { Authorization: signToken(each) } }));
  }
});

test('refused tokens', async (t) => {
  const server = await startServer(t, WITH_AUTH);
  const good = signToken(CLAIMS);
  const [head, body, signature] = good.split('.');
  const rule = { topic: 'a', interval: 60, max: 5 };
  const other = Buffer.from(JSON.stringify({ ...CLAIMS, read: ['#'] })).toString('base64url');
  const tokens = [
    ['an empty token', ''],
    ['a word', 'hello'],
    ['undefined, which the JavaScript client sends', 'undefined'],
    ['two parts', `${head}.${body}`],
    ['four parts', `${good}.x`],
    ['no signature', `${head}.${body}.`],
    ['another signature', `${head}.${body}.${signature.slice(1)}A`],
    ['altered claims', `${head}.${other}.${signature}`],
    ['another secret', signToken(CLAIMS, { secret: 'another' })],
    ['the default secret', signToken(CLAIMS, { secret: 'eventhub_secret' })],
    ['an empty secret', signToken(CLAIMS, { secret: '' })],
    ['alg none', unsignedToken(CLAIMS)],
    ['alg none with a signature', signToken(CLAIMS, { header: { alg: 'none' } })],
    ['alg HS384', signToken(CLAIMS, { header: { alg: 'HS384' }, hash: 'sha384' })],
    ['alg HS512', signToken(CLAIMS, { header: { alg: 'HS512' }, hash: 'sha512' })],
    ['alg RS256', signToken(CLAIMS, { header: { alg: 'RS256' } })],
    ['no alg', signToken(CLAIMS, { header: { alg: undefined } })],
    ['a crit header', signToken(CLAIMS, { header: { crit: ['b64'], b64: false } })],
    ['an expired token', signToken({ ...CLAIMS, exp: secondsFromNow(-5) })],
    ['a token that is not valid yet', signToken({ ...CLAIMS, nbf: secondsFromNow(3600) })],
    ['exp as a string', signToken({ ...CLAIMS, exp: `${secondsFromNow(3600)}` })],
    ['nbf as a string', signToken({ ...CLAIMS, nbf: '0' })],
    ['sub as a number', signToken({ ...CLAIMS, sub: 7 })],
    ['read as a string', signToken({ read: 'a/#', write: ['a'] })],
    ['write as an object', signToken({ read: ['a'], write: { 0: 'a' } })],
    ['no rights', signToken({ sub: 'x' })],
    ['empty rights', signToken({ read: [], write: [] })],
    ['only invalid rights', signToken({ read: ['/x', 1], write: ['y/'] })],
    ['an incomplete rlimit', signToken({ ...CLAIMS, rlimit: [{ topic: 'a' }] })],
    ['an rlimit that is an object', signToken({ ...CLAIMS, rlimit: rule })],
    ['one unreadable rule among others',
      signToken({ ...CLAIMS, rlimit: [rule, { ...rule, interval: '60' }, rule] })],
    ['65 rules', signToken({ ...CLAIMS, rlimit: Array(65).fill(rule) })],
    ['claims that are an array', signToken(['a'])],
    ['claims that are not an object', signToken('hello')],
  ];
  for (const [name, token] of tokens) {
    await t.test(`answers 401 to ${name}, wherever it is`, async (t) => {
      assertUnauthorized(await answerTo(t, server, { Authorization: `Bearer ${token}` }));
      assertUnauthorized(await answerTo(t, server, {}, `/?auth=${encodeURIComponent(token)}`));
      assertUnauthorized(await answerTo(t, server, offer(`eventhub, bearer.${token}`)));
    });
  }

  await t.test('answers 401 without a token', async (t) => {
    assertUnauthorized(await answerTo(t, server, {}));
    assertUnauthorized(await answerTo(t, server, {}, '/?authx=1&xauth=2'));
  });

  const offers = [
    ['a token that is not base64url', `eventhub, bearer.${head}.${body}.${signature}+`, 401, /base64url/],
    ['nothing after bearer.', 'eventhub, bearer.', 401, /no token after bearer\./],
    ['a token that is padded', `eventhub, bearer.${good}=`, 400, /list of tokens/],
    ['two tokens', `eventhub, bearer.${good}, bearer.${good}`, 400, /more than one/],
    ['a token without a subprotocol', `bearer.${good}`, 400, /must offer eventhub/],
  ];
  for (const [name, subprotocols, status, why] of offers) {
    await t.test(`answers ${status} to subprotocols with ${name}`, async (t) => {
      const answer = await answerTo(t, server, offer(subprotocols));
      assert.equal(answer.status, status);
      assert.match(JSON.parse(answer.body).error, why);
      assert.ok(!answer.body.includes(signature) && !answer.headers['sec-websocket-protocol']);
    });
  }

  await t.test('looks for a token among the subprotocols of handshakes only', async () => {
    const answer = await httpRequest(server, 'POST', '/a/b',
      { ...offer(`eventhub, bearer.${good}`), 'Content-Length': '0' });
    assert.equal(answer.status, 401);
  });

  await t.test('answers 400 or 401 to a query that does not decode', async (t) => {
    const { status } = await answerTo(t, server, {}, `/?auth=%zz${good}`);
    assert.ok(status === 400 || status === 401, `${status}`);
  });

  await t.test('counts refused tokens and logs none', async () => {
    const now = await server.metrics();
    assert.ok(now.refused_requests_total.unauthorized >= 2 * tokens.length);
    for (const secret of [signature, body, SECRET]) assert.ok(!server.stderr.includes(secret));
  });
});

test('closes with 1008 when the token expires', async (t) => {
  const server = await startServer(t, WITH_AUTH);
  const exp = secondsFromNow(SANITIZED ? 6 : 3); // both connections are open by then
  const client = await openClient(t, server, {
    headers: { Authorization: signToken({ ...CLAIMS, exp }) },
  });
  const staying = await openClient(t, server, { headers: { Authorization: signToken(CLAIMS) } });
  await client.subscribe('a/b');
  assert.deepEqual(await client.untilClosed(), { code: 1008, reason: 'token expired' });
  assert.ok(Date.now() >= exp * 1000, 'not before exp');
  await staying.roundTrip();
});

test('DISABLE_AUTH', async (t) => {
  const server = await startServer(t, { DISABLE_AUTH: '1', JWT_SECRET: SECRET });
  for (const target of ['/', '/?auth=undefined', '/?auth=null', '/?auth=', '/?auth=%zz']) {
    await t.test(`permits everything to GET ${target}`, async (t) => {
      const client = await openClient(t, server, { target });
      await client.subscribe('#');
      await client.publish('any/topic', 'x');
    });
  }

  await t.test('ignores tokens', async (t) => {
    const Authorization = signToken({ sub: 'x', read: ['only'] }, { secret: 'wrong' });
    const client = await openClient(t, server, { headers: { Authorization } });
    const subscription = await client.subscribe('other');
    await client.publish('other', 'x');
    await subscription.untilCount(1);
    assert.equal(subscription.messages[0].origin, undefined);
  });

  await t.test('logs a warning at the start', () =>
    assert.match(server.stderr, / warn .*auth/i));
});

test('warns about the default secret', async (t) => {
  const server = await startServer(t, { DISABLE_AUTH: 'false' });
  assert.match(server.stderr, / warn .*secret/i);
  const Authorization = signToken(CLAIMS, { secret: 'eventhub_secret' });
  await (await openClient(t, server, { headers: { Authorization } })).roundTrip();
});

test('warns about a secret that can be guessed, without logging it', async (t) => {
  for (const [JWT_SECRET, isShort] of [['x'.repeat(31), true], ['x'.repeat(32), false]]) {
    const server = await startServer(t, { DISABLE_AUTH: 'false', JWT_SECRET });
    assert.equal(/ warn .*short_secret/.test(server.stderr), isShort);
    assert.doesNotMatch(server.stderr, /default_secret|xxx/);
  }
});
