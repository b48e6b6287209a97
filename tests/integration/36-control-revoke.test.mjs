// POST /api/revoke: tokens that end before their exp, on all nodes, whatever happens to a node or to
// Redis meanwhile.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { testOnBothBrokers } from './support/brokers.mjs';
import { ADMIN, api, OPTIONS, RIGHTS } from './support/control.mjs';
import { freeze } from './support/freeze.mjs';
import { httpPost, httpRequest } from './support/http.mjs';
import { secondsFromNow, signToken } from './support/jwt.mjs';
import { requestFault } from './support/openapi.mjs';
import { startRedis } from './support/redis.mjs';
import { openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { handshake, openSocket } from './support/socket.mjs';
import { openStream } from './support/sse.mjs';
import { eventually } from './support/wait.mjs';

const HOME = 'https://app.example';
const DAY = 86_400;
const REVOKED = 'the token has been revoked';
const CLOSED = { code: 1008, reason: REVOKED };

const tokenOf = (claims) => signToken({ read: ['#'], write: ['#'], ...claims });
const bearer = (token) => ({ Authorization: `Bearer ${token}` });
const open = (t, server, token) => openClient(t, server, { headers: bearer(token) });
const revoke = (server, body, how) => api(server, 'POST', '/api/revoke', body, how);

async function statusOf(t, server, fields, target) {
  const socket = await openSocket(t, server);
  await socket.send(handshake(fields, target));
  const { status, body } = await socket.readResponse();
  if (status === 401) assert.equal(JSON.parse(body).error, REVOKED);
  return status;
}

const accepts = async (t, server, token) => (await statusOf(t, server, bearer(token))) === 101;

testOnBothBrokers('revokes one token', async (t, broker) => {
  const server = await startServer(t, {
    ...OPTIONS, ...broker, WORKER_THREADS: '2', JWT_COOKIE: 'token', ALLOWED_ORIGINS: HOME,
  });
  const token = tokenOf({ sub: 'ann', jti: 'ann-1', exp: secondsFromNow(DAY) });
  const other = tokenOf({ sub: 'ann', jti: 'ann-2' });
  const [client, staying] = [await open(t, server, token), await open(t, server, other)];
  const stream = await openStream(t, server, '/room', bearer(token));

  await t.test('and disconnects its clients', async () => {
    const body = { jti: 'ann-1', until: secondsFromNow(DAY) };
    assert.equal(requestFault('POST', '/api/revoke', body), undefined);
    const { status, json } = await revoke(server, body);
    assert.equal(status, 200);
    assert.deepEqual(json, { disconnected: 2, until: body.until, complete: true });
    assert.deepEqual(await client.untilClosed(), CLOSED);
    await stream.untilEnd();
    assert.match(server.stderr, /event=control op=revoke .* sub=backend jti=ann-1\n/);
  });

  await t.test('which is refused wherever it is', async (t) => {
    const before = await server.metrics();
    const offer = { 'Sec-WebSocket-Protocol': `eventhub, bearer.${token}` };
    assert.equal(await statusOf(t, server, bearer(token)), 401);
    assert.equal(await statusOf(t, server, {}, `/?auth=${token}`), 401);
    assert.equal(await statusOf(t, server, offer), 401);
    assert.equal(await statusOf(t, server, { Cookie: `token=${token}`, Origin: HOME }), 401);
    assert.equal((await httpPost(server, '/room', 'x', bearer(token))).status, 401);
    const accept = { Accept: 'text/event-stream' };
    assert.equal((await httpRequest(server, 'GET', '/room', { ...bearer(token), ...accept })).status, 401);
    await assert.rejects(staying.call('auth', { token }), /token: the token has been revoked/);
    const after = await server.metrics();
    assert.equal(after.refused_requests_total.revoked - before.refused_requests_total.revoked, 6);
    assert.match(server.stderr, /event=unauthorized .* why="the token has been revoked"\n/);
  });

  await t.test('and no other one', async (t) => {
    await staying.publish('room', 'still here');
    assert.ok(await accepts(t, server, other));
    assert.ok(await accepts(t, server, tokenOf({ sub: 'ann-1' })), 'a sub of the same name');
    const again = await revoke(server, { jti: 'ann-1' });
    assert.equal(again.json.disconnected, 0);
  });

  await t.test('also if the body comes later', async (t) => {
    const token = tokenOf({ sub: 'slow', jti: 'slow-1', admin: RIGHTS });
    const body = JSON.stringify([{ topic: 'room', message: 'too late' }]);
    const head = (path) => `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n` +
      `Content-Length: ${body.length}\r\nExpect: 100-continue\r\n\r\n`;
    const sockets = [];
    for (const path of ['/room', '/api/publish']) {
      const socket = await openSocket(t, server);
      await socket.send(head(path));
      assert.equal((await socket.readResponse()).status, 100);
      sockets.push(socket);
    }
    const before = await server.metrics();
    assert.equal((await revoke(server, { jti: 'slow-1' })).status, 200);
    for (const socket of sockets) {
      await socket.send(body);
      const { status, headers, body: text } = await socket.readResponse();
      assert.deepEqual([status, JSON.parse(text).error], [401, REVOKED]);
      assert.equal(headers['www-authenticate'], 'Bearer');
    }
    const after = await server.metrics();
    assert.equal(after.refused_requests_total.revoked - before.refused_requests_total.revoked, 2);
    assert.equal(after.refused_requests_total.invalid_params, before.refused_requests_total.invalid_params);
    assert.match(server.stderr, /event=control_refused op=publish .* status=401 why="the token has been revoked"\n/);
  });

  await t.test('also of the control API', async () => {
    const token = signToken({ sub: 'second', jti: 'admin-2', admin: RIGHTS });
    assert.equal((await api(server, 'GET', '/api/nodes', undefined, { token })).status, 200);
    assert.equal((await revoke(server, { jti: 'admin-2' }, { token })).status, 200, 'its own');
    const { status, json } = await api(server, 'GET', '/api/nodes', undefined, { token });
    assert.deepEqual([status, json.error], [401, REVOKED]);
  });
});

testOnBothBrokers('revokes all tokens of a sub', async (t, broker) => {
  const server = await startServer(t, { ...OPTIONS, ...broker });
  const hourAgo = secondsFromNow(-3600);
  const at = (iat) => tokenOf({ sub: 'ann', iat });
  const clients = [await open(t, server, at(hourAgo - 1)), await open(t, server, at(undefined))];
  const staying = [await open(t, server, at(hourAgo)),
    await open(t, server, tokenOf({ sub: 'bob', iat: hourAgo - 1 }))];

  assert.deepEqual((await revoke(server, { sub: 'ann', before: hourAgo })).json.disconnected, 2);
  for (const client of clients) assert.deepEqual(await client.untilClosed(), CLOSED);
  for (const client of staying) await client.publish('room', 'still here');
  assert.equal(await accepts(t, server, at(hourAgo - 1)), false);
  assert.equal(await accepts(t, server, at('yesterday')), false, 'no usable iat');
  assert.equal(await accepts(t, server, at(hourAgo)), true);

  const { json } = await revoke(server, { sub: 'ann' });
  assert.equal(json.disconnected, 2, 'until now');
  assert.ok(Math.abs(json.until - secondsFromNow(30 * DAY)) < 60, 'for 30 days');
  assert.deepEqual(await staying[0].untilClosed(), CLOSED);
  assert.equal(await accepts(t, server, at(secondsFromNow(-1))), false);
  assert.equal(await accepts(t, server, at(secondsFromNow(2))), true, 'a new one');
  assert.match(server.stderr, /event=control op=revoke .* sub=backend target=ann\n/);
});

test('reaches all nodes', async (t) => {
  const redis = await startRedis(t);
  const options = { ...OPTIONS, ...redis.options, BROKER_TIMEOUT: '1' };
  const [one, other] = [await startServer(t, options), await startServer(t, options)];
  const token = (jti) => tokenOf({ jti, sub: jti });

  await t.test('at once', async (t) => {
    const client = await open(t, other, token('a'));
    const stream = await openStream(t, other, '/room', bearer(token('a')));
    const { json } = await revoke(one, { jti: 'a' });
    assert.deepEqual([json.disconnected, json.complete], [2, true]);
    assert.deepEqual(await client.untilClosed(), CLOSED);
    await stream.untilEnd();
    assert.equal(await accepts(t, other, token('a')), false);
  });

  await t.test('also one that hung meanwhile', async (t) => {
    const client = await open(t, other, token('b'));
    await freeze(other.child);
    const { json } = await revoke(one, { jti: 'b' }).finally(() => other.child.kill('SIGCONT'));
    assert.deepEqual([json.disconnected, json.complete], [0, false]);
    assert.deepEqual(await client.untilClosed(), CLOSED);
    assert.equal(await accepts(t, other, token('b')), false);
  });

  await t.test('also one whose messages were lost', async (t) => {
    const client = await open(t, other, token('c'));
    await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await redis.command('EVAL', `redis.call('ZADD', KEYS[2], '9e15', 'j:c')
      redis.call('ZADD', KEYS[1], '8e15', 'j:c') redis.call('HSET', KEYS[3], '', '8000000000000000')`, '3',
    '{eventhub}:revoked', '{eventhub}:revoked:ends', '{eventhub}:revoked:before');
    assert.deepEqual(await client.untilClosed(), CLOSED);
    await other.until('a line of the log', () =>
      /event=revoked_disconnected clients=1\n/.test(other.stderr));
  });

  await t.test('and one that starts', async (t) => {
    const late = await startServer(t, options);
    await eventually('it has read them', async () => !(await accepts(t, late, token('c'))));
    for (const jti of ['a', 'b']) assert.equal(await accepts(t, late, token(jti)), false, jti);
    assert.equal(await accepts(t, late, token('d')), true);
    await one.untilMetric('three are counted', ({ revoked_tokens: n }) => n === 3);
  });

  await t.test('and survives a Redis that has lost everything', async (t) => {
    const client = await open(t, one, token('a1'));
    await redis.kill();
    await one.untilReadiness(503);
    assert.equal(await accepts(t, one, token('a')), false, 'without Redis');
    const { status, json } = await revoke(one, { jti: 'a1' });
    assert.deepEqual([status, json.error], [503, 'the broker is away: no token was revoked']);
    assert.equal(client.closed, null);
    await redis.start();
    for (const node of [one, other]) await node.untilReadiness(200);
    const late = await startServer(t, options);
    await eventually('it has read them', async () => !(await accepts(t, late, token('a'))));
    assert.equal(await accepts(t, late, token('a1')), true);
  });
});

test('refused requests', async (t) => {
  const server = await startServer(t, { ...OPTIONS, BROKER: 'memory' });
  const client = await open(t, server, tokenOf({ sub: 'ann', jti: 'ann-1' }));
  const without = signToken({ sub: 'x', write: ['#'], admin: RIGHTS.filter((right) => right !== 'tokens') });
  const [now, year] = [secondsFromNow(0), secondsFromNow(365 * DAY)];
  assert.equal((await revoke(server, { sub: 'ann' }, { token: null })).status, 401);
  assert.equal((await revoke(server, { sub: 'ann' }, { token: without })).status, 403);
  const bodies = [
    '', 'x', '{', 'null', [], [{ jti: 'a' }], {}, { jti: 'ann-1', sub: 'ann' }, { jti: '' }, { jti: 7 },
    { jti: null }, { jti: 'a\0' }, { jti: 'x'.repeat(257) }, { sub: '' }, { sub: ['ann'] }, { sub: 'x'.repeat(257) },
    { jti: 'ann-1', before: now }, { sub: 'ann', before: 'now' }, { sub: 'ann', untill: now + 100 }, { sub: 'ann', before: -1 },
    { sub: 'ann', before: 0.5 }, { sub: 'ann', before: now + 100, until: now + 50 },
    { sub: 'ann', until: now - 1 }, { sub: 'ann', until: year + 100 }, { sub: 'ann', until: year * 1000 },
    { jti: 'ann-1', until: `${year}` }, '{"sub":"ann","sub":"bob"}', '{"sub":"ann"',
  ];
  for (const body of bodies) {
    const { status, json } = await revoke(server, body);
    assert.equal(status, 400, `${JSON.stringify(body)}: ${JSON.stringify(json)}`);
  }
  assert.equal((await revoke(server, { sub: 'x'.repeat(10_000) })).status, 413);
  assert.equal((await api(server, 'GET', '/api/revoke')).status, 405);
  assert.equal(client.closed, null, 'nothing changed');
  const metrics = await server.metrics();
  assert.deepEqual([metrics.revoked_tokens, metrics.control_requests_total], [0, 0]);
  assert.ok(!server.stderr.includes(ADMIN.split('.')[2]), 'no token is logged');
});
