// Expiry of tokens, and the method `auth`, which gives an open connection another token.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { testOnBothBrokers } from './support/brokers.mjs';
import { SECRET, secondsFromNow, signToken, unsignedToken } from './support/jwt.mjs';
import { assertIncreasing, errorOf, numbered, openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { eventually, SANITIZED, watchDelays } from './support/wait.mjs';

const WITH_AUTH = { DISABLE_AUTH: 'false', JWT_SECRET: SECRET };
const ALL = { read: ['#'], write: ['#'] };
const LATE_MS = SANITIZED ? 5000 : 1000; // much less than a ping interval
const LIFE_S = SANITIZED ? 8 : 4; // enough to open and renew all connections
const delayMs = watchDelays();
const EXPIRED = { code: 1008, reason: 'token expired' };

function openAs(t, server, claims) {
  return openClient(t, server, { headers: { Authorization: signToken(claims) } });
}

function renew(client, claims) {
  return client.call('auth', { token: signToken(claims) });
}

async function assertExpiresAt(client, exp) {
  assert.deepEqual(await client.untilClosed(), EXPIRED);
  const late = Date.now() - exp * 1000;
  assert.ok(late >= 0 && late < LATE_MS + delayMs(), `closed ${late} ms after exp`);
}

test('expiry of a token', async (t) => {
  for (const [name, PING_INTERVAL] of [['before the first ping', '3600'], ['between pings', '1']]) {
    await t.test(`closes the connection ${name}`, async (t) => {
      const server = await startServer(t, { ...WITH_AUTH, PING_INTERVAL });
      const exp = secondsFromNow(LIFE_S);
      const client = await openAs(t, server, { ...ALL, exp });
      await assertExpiresAt(client, exp);
      await server.untilMetric('it is counted', (now) => now.disconnects_total.token_expired === 1);
    });
  }
});

test('an exp in the distant future', async (t) => {
  const server = await startServer(t, { ...WITH_AUTH, PING_INTERVAL: '3600' });
  // One in ns by mistake, one that overflows when converted to ms, and the largest integer.
  for (const exp of ['1700000000000000000', '18446744073709552', '9223372036854775807']) {
    await t.test(`keeps the connection with exp ${exp}`, async (t) => {
      const claims = `{"read":["#"],"exp":${exp}}`;
      const client = await openAs(t, server, claims);
      client.socket.on('ping', () => assert.fail('no ping is due'));
      for (let i = 0; i < 20; i++) await client.roundTrip();
    });
  }
});

test('auth replaces the expiry of the old token', async (t) => {
  const server = await startServer(t, { ...WITH_AUTH, PING_INTERVAL: '3600' });
  const exp = secondsFromNow(LIFE_S);
  const witness = await openAs(t, server, { ...ALL, exp });
  const renewed = await openAs(t, server, { ...ALL, exp });
  const unlimited = await openAs(t, server, { ...ALL, exp });
  const shortened = await openAs(t, server, ALL);
  const failed = await openAs(t, server, { ...ALL, exp });

  await renew(renewed, { ...ALL, exp: secondsFromNow(3600) });
  await renew(unlimited, ALL);
  await renew(shortened, { ...ALL, exp });
  await errorOf(renew(failed, { ...ALL, exp: secondsFromNow(-1) }));
  await Promise.all([witness, shortened, failed].map((each) => assertExpiresAt(each, exp)));
  await renewed.roundTrip();
  await unlimited.roundTrip();
});

testOnBothBrokers('auth with fewer rights ends subscriptions while messages arrive', async (t, broker) => {
  const server = await startServer(t, { ...WITH_AUTH, ...broker });
  const client = await openAs(t, server, { ...ALL, sub: 'before' });
  const publisher = await openAs(t, server, ALL);
  const kept = await client.subscribe('keep/#');
  const lost = await client.subscribe('lose/1');
  const pattern = await client.subscribe('+/2');
  const stream = publisher.publishAll('keep/1', numbered('k', 300));
  const forbidden = publisher.publishAll('lose/1', numbered('l', 300));
  await lost.untilCount(20);

  const answer = await renew(client, { read: ['keep/#'], write: ['keep/1'], sub: 'after' });
  assert.deepEqual(Object.keys(answer).sort(), ['action', 'ended', 'status']);
  assert.equal(answer.action, 'auth');
  assert.equal(answer.status, 'ok');
  assert.deepEqual(answer.ended.sort(), ['+/2', 'lose/1']);
  assert.deepEqual(await client.call('list'), ['keep/#']);

  const ids = await stream;
  await forbidden;
  await kept.untilCount(300);
  assert.deepEqual(kept.ids, ids, 'the remaining subscription has neither gap nor duplicate');
  const answeredAt = client.received.findIndex(({ result }) => result?.action === 'auth');
  const after = client.received.slice(answeredAt + 1);
  assert.ok(after.length > 0);
  assert.deepEqual(after.filter(({ id }) => id === lost.id || id === pattern.id), []);

  await t.test('refuses what the new token does not permit', async () => {
    for (const topic of ['lose/1', '+/2', '#']) {
      assert.equal((await errorOf(client.call('subscribe', { topic }))).phrase, 'Not allowed');
    }
    assert.equal((await errorOf(client.publish('lose/1', 'x'))).phrase, 'Not allowed');
    await client.publish('keep/1', 'mine');
    await kept.untilText('mine');
    assert.equal(kept.messages.at(-1).origin, 'after', 'the new token has another sub');
  });
});

testOnBothBrokers('auth with more rights permits more topics while messages arrive', async (t, broker) => {
  const server = await startServer(t, { ...WITH_AUTH, ...broker });
  const client = await openAs(t, server, { read: ['a'] });
  const publisher = await openAs(t, server, ALL);
  const kept = await client.subscribe('a');
  const first = publisher.publishAll('a', numbered('m', 200));
  assert.equal((await errorOf(client.subscribe('b'))).phrase, 'Not allowed');
  await kept.untilCount(10);

  assert.deepEqual((await renew(client, { read: ['+'], write: ['b'] })).ended, []);
  const added = await client.subscribe('b');
  await client.publish('b', 'now');
  await added.untilText('now');
  const ids = await first;
  await kept.untilCount(200);
  assert.deepEqual(kept.ids, ids);
  assertIncreasing(kept.ids);
});

testOnBothBrokers('auth ends a subscription that is still reading the log', async (t, broker) => {
  const server = await startServer(t, { ...WITH_AUTH, ...broker });
  const client = await openAs(t, server, ALL);
  const sinceEventId = await client.publish('log/0', 'begin');
  await client.publishAll('log/1', numbered('m', 200));
  await client.publishAll('log/2', numbered('m', 200));
  const ended = await client.subscribe('log/1', { sinceEventId }, { confirmed: false });
  const kept = await client.subscribe('log/2', { sinceEventId }, { confirmed: false });
  const answer = await renew(client, { read: ['log/2'], write: ['#'] });
  assert.deepEqual(answer.ended, ['log/1']);
  assert.equal((await ended.answer).status, 'ok', 'every request is answered');
  assert.equal((await kept.answer).recovered, true);
  await kept.untilCount(200);
  await client.publish('log/1', 'after');
  await client.publish('log/2', 'after');
  await kept.untilText('after');
  assert.ok(!ended.texts.includes('after'));
  assert.ok(ended.messages.length === 0 || (await ended.answer).recovered);
});

testOnBothBrokers('auth ends subscriptions of a batch that are still reading the log', async (t, broker) => {
  const server = await startServer(t, { ...WITH_AUTH, ...broker });
  const client = await openAs(t, server, ALL);
  const sinceEventId = await client.publish('log/0', 'begin');
  await client.publishAll('log/1', numbered('m', 200));
  const kept = await client.subscribe('keep');
  const batch = [
    { jsonrpc: '2.0', id: 'reads', method: 'subscribe', params: { topic: 'log/1', sinceEventId } },
    { jsonrpc: '2.0', id: 'waits', method: 'subscribe', params: { topic: 'log/+' } },
    { jsonrpc: '2.0', id: 'early', method: 'eventlog', params: { topic: 'log/1', sinceEventId } },
  ];
  client.sendText(JSON.stringify(batch));
  const answer = await renew(client, { read: ['keep'], write: ['#'] });
  assert.deepEqual(answer.ended.sort(), ['log/+', 'log/1']);
  await client.publish('log/1', 'after');
  await client.publish('keep', 'after');
  await kept.untilText('after');

  const answers = await eventually('the answers', () => client.received.find(Array.isArray));
  assert.deepEqual(answers.map(({ id }) => id).sort(), ['early', 'reads', 'waits']);
  const byId = Object.fromEntries(answers.map((each) => [each.id, each.result]));
  const early = byId.early.items.filter(({ message }) => message !== 'after'); // may be in it, too
  assert.equal(early.length, 200, 'the old token permitted this request');
  const answeredAt = client.received.findIndex(({ result }) => result?.action === 'auth');
  const late = client.received.slice(answeredAt + 1).filter(({ id }) => id === 'reads' || id === 'waits');
  assert.deepEqual(late, []);
  assert.deepEqual(await client.call('list'), ['keep']);
});

test('auth with an invalid token', async (t) => {
  const server = await startServer(t, { ...WITH_AUTH, JWT_AUDIENCE: 'us' });
  const mine = { read: ['a'], write: ['a'], sub: 'x', aud: 'us' };
  const client = await openAs(t, server, mine);
  const subscription = await client.subscribe('a');
  const better = { ...ALL, aud: 'us' };
  const bad = [
    ['no token', undefined],
    ['null', null],
    ['a number', 7],
    ['an empty token', ''],
    ['a word', 'undefined'],
    ['another secret', signToken(better, { secret: 'another' })],
    ['the algorithm none', unsignedToken(better)],
    ['another algorithm', signToken(better, { header: { alg: 'HS512' }, hash: 'sha512' })],
    ['an expired token', signToken({ ...better, exp: secondsFromNow(-1) })],
    ['a token that is not valid yet', signToken({ ...better, nbf: secondsFromNow(60) })],
    ['no rights', signToken({ aud: 'us', read: [] })],
    ['another audience', signToken({ ...ALL, aud: 'them' })],
    ['Bearer before the token', `Bearer ${signToken(better)}`],
    ['a token that is too long', `${signToken(better)}${'x'.repeat(70_000)}`],
  ];
  for (const [name, token] of bad) {
    await t.test(`refuses ${name} and changes nothing`, async () => {
      const error = await errorOf(client.call('auth', { token }));
      assert.equal(error.code, -32602);
      assert.equal(error.phrase, 'Invalid params');
      assert.match(error.data, /^token\b/);
      assert.ok(error.data.length < 200);
      assert.equal((await errorOf(client.subscribe('b'))).phrase, 'Not allowed');
      await client.publish('a', name);
      await subscription.untilText(name);
      assert.equal(subscription.messages.at(-1).origin, 'x');
    });
  }
  await t.test('refuses auth without params, and with an array', async () => {
    assert.equal((await errorOf(client.call('auth'))).code, -32602);
    assert.equal((await errorOf(client.call('auth', [signToken(better)]))).code, -32602);
  });
  await t.test('counts refused tokens and logs none', async () => {
    const now = await server.metrics();
    assert.ok(now.refused_requests_total.invalid_params >= bad.length);
    for (const [, token] of bad) {
      if (typeof token === 'string' && token.length > 20) {
        assert.ok(!server.stderr.includes(token.split('.')[1]));
      }
    }
  });
});

test('auth works repeatedly, as a notification and in a batch', async (t) => {
  const server = await startServer(t, WITH_AUTH);
  const client = await openAs(t, server, ALL);
  for (let i = 0; i < 50; i++) {
    const { ended } = await renew(client, { read: [`t/${i}`] });
    assert.deepEqual(ended, i > 0 ? [`t/${i - 1}`] : []);
    await client.subscribe(`t/${i}`);
  }
  assert.deepEqual(await client.call('list'), ['t/49']);

  assert.deepEqual((await renew(client, ALL)).ended, []);
  await client.subscribe('t/1');
  client.notify('AUTH', { token: signToken({ read: ['t/1'] }) });
  assert.deepEqual(await client.call('list'), ['t/1']);

  const before = client.received.length;
  const batch = [
    { jsonrpc: '2.0', id: 'a', method: 'auth', params: { token: signToken({ read: ['t/2'] }) } },
    { jsonrpc: '2.0', id: 'b', method: 'subscribe', params: { topic: 't/2' } },
    { jsonrpc: '2.0', id: 'c', method: 'subscribe', params: { topic: 't/1' } },
  ];
  client.sendText(JSON.stringify(batch));
  const answers = await eventually('the answers', () =>
    client.received.slice(before).find((each) => Array.isArray(each)));
  const byId = Object.fromEntries(answers.map((each) => [each.id, each]));
  assert.deepEqual(byId.a.result.ended, ['t/1']);
  assert.equal(byId.b.result.status, 'ok');
  assert.equal(byId.c.error.code, -32602);
});

test('auth ignores the token with DISABLE_AUTH', async (t) => {
  const server = await startServer(t, { DISABLE_AUTH: 'true' });
  const client = await openClient(t, server);
  const subscription = await client.subscribe('any');
  const tokens = [{ token: 'undefined' }, { token: signToken({ read: ['x'] }) }, { token: 7 }, {}];
  for (const params of tokens) {
    const answer = await client.call('auth', params);
    assert.deepEqual(answer, { action: 'auth', ended: [], status: 'ok' });
  }
  assert.deepEqual(await client.call('auth'), { action: 'auth', ended: [], status: 'ok' });
  await client.publish('any', 'x');
  await subscription.untilCount(1);
});
