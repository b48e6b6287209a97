// The claim rlimit: how many publishes of a sub are accepted in an interval, over all connections.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';

import { testOnBothBrokers } from './support/brokers.mjs';
import { httpPost } from './support/http.mjs';
import { SECRET, signToken } from './support/jwt.mjs';
import { startRedis } from './support/redis.mjs';
import { numbered, openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { eventually } from './support/wait.mjs';

const WITH_AUTH = { DISABLE_AUTH: 'false', JWT_SECRET: SECRET };
const HOUR = 3600;
const LIMITED = 'ERR_RATE_LIMIT_EXCEEDED';

function tokenOf(sub, ...rlimit) {
  return signToken({ sub, read: ['#'], write: ['#'], rlimit });
}

function rule(topic, max, interval = HOUR) {
  return { topic, max, interval };
}

function openAs(t, server, token) {
  return openClient(t, server, { headers: { Authorization: token } });
}

/** Publishes `count` times at once and counts the ok answers; all others must report the limit. */
async function countPassed(client, topic, count) {
  const answers = await Promise.all(numbered('text', count).map((message) =>
    client.call('publish', { topic, message })));
  for (const { status, ...rest } of answers) {
    if (status !== 'ok') assert.deepEqual({ status, ...rest }, limited(topic));
  }
  return answers.filter(({ status }) => status === 'ok').length;
}

function limited(topic) {
  return { action: 'publish', status: LIMITED, topic };
}

testOnBothBrokers('publishes over the limit', async (t, broker) => {
  const server = await startServer(t, { ...WITH_AUTH, ...broker });
  const client = await openAs(t, server, tokenOf('a', rule('t/#', 3)));
  const all = await client.subscribe('#');

  await t.test('answers publishes within and over the limit', async () => {
    for (const topic of ['t', 't/1', 't/2/3']) await client.publish(topic, 'passes');
    assert.deepEqual(await client.call('publish', { topic: 't/1', message: 'x' }), limited('t/1'));
  });

  await t.test('counts a publish over the limit, but neither delivers nor logs it', async () => {
    await client.publish('free', 'end');
    await all.untilText('end');
    assert.deepEqual(all.texts, ['passes', 'passes', 'passes', 'end']);
    const { items } = await client.call('eventlog', { topic: 't/#', since: -60_000 });
    assert.equal(items.length, 3);
    const now = await server.metrics();
    assert.equal(now.refused_requests_total.rate_limited, 1);
    assert.equal(now.publish_count, 4);
  });

  await t.test('does not deliver a notification over the limit', async () => {
    client.notify('publish', { topic: 't', message: 'silent' });
    await client.publish('free', 'end 2');
    await all.untilText('end 2');
    assert.ok(!all.texts.includes('silent'));
  });

  await t.test('limits another connection of the same sub', async (t) => {
    const second = await openAs(t, server, tokenOf('a', rule('t/#', 3)));
    assert.equal(await countPassed(second, 't/9', 2), 0);
  });

  await t.test('limits other subs separately, and no client without a sub', async (t) => {
    const other = await openAs(t, server, tokenOf('b', rule('t/#', 3)));
    assert.equal(await countPassed(other, 't/9', 5), 3);
    const nobody = await openAs(t, server, tokenOf(undefined, rule('t/#', 3)));
    assert.equal(await countPassed(nobody, 't/9', 5), 5);
  });

  await t.test('does not limit other methods', async () => {
    await client.subscribe('t/1');
    await client.call('set', { key: 't/1', value: 'x' });
  });
});

testOnBothBrokers('applies the rule of the topic, or the longest matching pattern', async (t, broker) => {
  const server = await startServer(t, { ...WITH_AUTH, ...broker });
  const client = await openAs(t, server, tokenOf('a', rule('#', 7), rule('r/#', 2), rule('r/1', 4),
    rule('never', 0)));
  assert.equal(await countPassed(client, 'r/1', 10), 4, 'the rule of this topic');
  assert.equal(await countPassed(client, 'r/2', 10), 2, 'the longest pattern');
  assert.equal(await countPassed(client, 'r/3', 10), 0, 'which counts all its topics together');
  assert.equal(await countPassed(client, 'other', 10), 7);
  assert.equal(await countPassed(client, 'never', 3), 0);
});

/** A token of these claims as JSON text, which JavaScript cannot write with 60.0 in it. */
function tokenOfText(claims) {
  const signed = `${signToken({}).split('.')[0]}.${Buffer.from(claims).toString('base64url')}`;
  return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
}

test('reads whole numbers of a rule in any spelling', async (t) => {
  const server = await startServer(t, WITH_AUTH);
  for (const [i, numbers] of ['"interval":60.0,"max":5.0', '"interval":6e1,"max":0.5E+1'].entries()) {
    const client = await openAs(t, server, tokenOfText(
      `{"sub":"spelled ${i}","write":["#"],"rlimit":[{"topic":"t",${numbers}}]}`));
    assert.equal(await countPassed(client, 't', 8), 5, numbers);
  }
});

test('answers 401 to a token with a rule that cannot be read, and names the fault', async (t) => {
  const server = await startServer(t, WITH_AUTH);
  const faults = [
    [rule('t', 5.5), /max of a rule/], [rule('t', -1), /max of a rule/], [rule('t'), /max of a rule/],
    [rule('t', 5, 0), /interval of a rule/], [rule('t', 5, 0.5), /interval of a rule/],
    [rule('t', 5, '60'), /interval of a rule/], [rule('t', 5, 31_536_001), /interval of a rule/],
    [rule('t/', 5), /topic of a rule/], [{ max: 5, interval: 60 }, /topic of a rule/],
    ['t', /rule .* must be an object/],
  ];
  for (const [each, why] of faults) {
    const headers = { Authorization: tokenOf('a', rule('u', 5), each) };
    const answer = await httpPost(server, '/t', 'x', headers);
    assert.equal(answer.status, 401, JSON.stringify(each));
    assert.match(answer.json.error, why);
    assert.match(answer.json.error, /rlimit/);
  }
  const headers = { Authorization: tokenOf('a', ...Array(65).fill(rule('u', 5))) };
  assert.match((await httpPost(server, '/t', 'x', headers)).json.error, /64 rules/);
});

testOnBothBrokers('accepts publishes again when the interval has ended', async (t, broker) => {
  const server = await startServer(t, { ...WITH_AUTH, ...broker });
  const client = await openAs(t, server, tokenOf('a', rule('t', 2, 1)));
  for (let i = 0; i < 2; i++) {
    let began;
    await eventually('a publish is accepted again', async () => {
      began = Date.now(); // the interval does not begin before
      return (await client.call('publish', { topic: 't', message: 'x' })).status === 'ok';
    });
    const passed = 1 + await countPassed(client, 't', 10);
    if (Date.now() - began < 900) assert.equal(passed, 2);
  }
});

testOnBothBrokers('answers 429 to POST over the limit', async (t, broker) => {
  const server = await startServer(t, { ...WITH_AUTH, ...broker });
  const headers = { Authorization: tokenOf('a', rule('t', 2), rule('never', 0, 5)) };
  const client = await openAs(t, server, headers.Authorization);
  assert.equal((await httpPost(server, '/t', 'x', headers)).status, 200);
  await client.publish('t', 'counts together');
  const answer = await httpPost(server, '/t', 'x', headers);
  assert.equal(answer.status, 429);
  assert.match(answer.json.error, /limit/);
  const seconds = Number(answer.headers['retry-after']);
  assert.ok(seconds > HOUR - 120 && seconds <= HOUR, answer.headers['retry-after']);
  assert.equal((await httpPost(server, '/never', 'x', headers)).headers['retry-after'], '5');
  assert.equal((await httpPost(server, '/free', 'x', headers)).status, 200);
  const now = await server.metrics();
  assert.equal(now.refused_requests_total.rate_limited, 2);
});

test('accepts exactly max publishes over two nodes and many connections', async (t) => {
  const redis = await startRedis(t);
  const options = { ...WITH_AUTH, ...redis.options, REDIS_PREFIX: 'hub' };
  const servers = [await startServer(t, options), await startServer(t, options)];
  const token = tokenOf('somebody', rule('t', 100));
  const clients = [];
  for (const server of servers) {
    for (let i = 0; i < 4; i++) clients.push(await openAs(t, server, token));
  }
  const passed = await Promise.all(clients.map((client) => countPassed(client, 't', 50)));
  assert.equal(passed.reduce((sum, n) => sum + n), 100);
  const keys = (await redis.command('KEYS', '{hub}:rl:*')).split('\n');
  assert.equal(keys.length, 1);
  assert.match(keys[0], /^\{hub\}:rl:[0-9a-f]{32}:3600:t$/);
  assert.equal(await redis.command('GET', keys[0]), '100');
  assert.ok(Number(await redis.command('TTL', keys[0])) > HOUR - 120);
});
