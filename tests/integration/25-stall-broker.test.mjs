// A node that was frozen reads what Redis answered in the meantime before it gives up an answer or a
// connection, and counts only the time in which it was running.

import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'node:test';

import { freezeFor } from './support/freeze.mjs';
import { startProxy } from './support/proxy.mjs';
import { startRedis } from './support/redis.mjs';
import { openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { eventually } from './support/wait.mjs';

const FROZEN_S = 4; // longer than all deadlines here

async function startBehindProxy(t) {
  const redis = await startRedis(t);
  const proxy = await startProxy(t, redis.port);
  const options = { ...redis.options, REDIS_PORT: String(proxy.port), BROKER_TIMEOUT: '1' };
  return { redis, proxy, server: await startServer(t, options) };
}

/** Asserts that the node kept its connections, and its subscription. */
async function assertUndisturbed(server) {
  assert.equal(await server.readiness(), 200);
  const now = await server.metrics();
  assert.equal(now.redis_connection_fail_count, 0, server.stderr);
  assert.equal(now.broker_replays_total, 0);
}

/** What clients ask, and how to recognize Redis's answer. */
const QUESTIONS = {
  publish: {
    params: { topic: 'a', message: 'm' },
    answer: '-0', // the end of an id
    check: ({ status }) => assert.equal(status, 'ok'),
  },
  set: {
    params: { key: 'k', value: 'v2' },
    answer: '+OK',
    check: ({ success }) => assert.equal(success, true),
  },
  get: { params: { key: 'k' }, answer: 'value', check: ({ value }) => assert.equal(value, 'value') },
  eventlog: {
    params: { topic: 'log', since: -100_000 },
    answer: 'logged',
    check: ({ items }) => assert.deepEqual(items.map(({ message }) => message), ['logged']),
  },
};

for (const [when, afterMs] of [['lay in the socket when it woke', 0], ['came just after it woke', 100]]) {
  test(`takes an answer that ${when}`, async (t) => {
    for (const [method, { params, answer, check }] of Object.entries(QUESTIONS)) {
      const { proxy, server } = await startBehindProxy(t);
      const client = await openClient(t, server);
      await client.call('set', { key: 'k', value: 'value' });
      await client.publish('log', 'logged');
      await delay(5); // the next id is of a later millisecond: its number is 0
      proxy.hold('commands');
      const asked = client.call(method, params);
      asked.catch(() => {}); // awaited below
      await eventually(`the answer to ${method}`, () => proxy.hasHeld(answer));
      await freezeFor(server, FROZEN_S, () => afterMs || proxy.release());
      if (afterMs) {
        await delay(afterMs);
        proxy.release();
      }
      check(await asked);
      await assertUndisturbed(server);
    }
  });
}

test('counts subscribers although the answers came while it was frozen', async (t) => {
  const { proxy, server } = await startBehindProxy(t);
  const client = await openClient(t, server);
  await client.subscribe('a');
  proxy.hold('feed');
  const asked = client.call('presence', { topic: 'a' });
  asked.catch(() => {}); // awaited below
  await eventually('the question comes back', () => proxy.hasHeld('presence'));
  await freezeFor(server, FROZEN_S, () => proxy.release());
  assert.deepEqual(await asked, { action: 'presence', count: 1, subs: [], topic: 'a' }); // complete
});

test('does what it was asked just before it was frozen', async (t) => {
  const { server } = await startBehindProxy(t);
  const client = await openClient(t, server);
  for (let i = 0; i < 5; i++) {
    const asked = [...Array(200).keys()].map((j) => client.publish('a', `${i} ${j}`));
    await freezeFor(server, 1.5);
    assert.equal(new Set(await Promise.all(asked)).size, 200);
  }
  await assertUndisturbed(server);
});

test('keeps idle connections to Redis', async (t) => {
  const { redis, server } = await startBehindProxy(t);
  for (let i = 0; i < 5; i++) {
    await freezeFor(server, 1.5);
    await delay(i * 210); // at another moment between two pings
  }
  await assertUndisturbed(server);
  const feeds = await redis.command('CLIENT', 'LIST', 'TYPE', 'pubsub');
  assert.equal(feeds.split('\n').length, 1, feeds);
});

/** How to hold back the answers, and how to recognize one. */
const UNDER_WAY = {
  ping: { hold: (proxy) => proxy.holdAnswersTo('PING'), answer: 'PONG' }, // no greeting is held back
  probe: { hold: (proxy) => proxy.hold('feed'), answer: '$metrics$/' },
};

for (const [what, { hold, answer }] of Object.entries(UNDER_WAY)) {
  test(`keeps the connection on which a ${what} was under way`, async (t) => {
    const { proxy, server } = await startBehindProxy(t);
    hold(proxy);
    await eventually(`the ${what}`, () => proxy.hasHeld(answer));
    await freezeFor(server, FROZEN_S, () => proxy.release());
    await delay(1500); // it would notice
    await assertUndisturbed(server);
  });
}

test('goes on with a greeting that was under way', async (t) => {
  const { proxy, server } = await startBehindProxy(t);
  proxy.cut();
  await server.untilReadiness(503);
  const failed = async () => (await server.metrics()).redis_connection_fail_count;
  proxy.holdAnswersTo('SCRIPT');
  proxy.restore();
  await eventually('all connections wait for their greeting', () => proxy.holding >= 4);
  const before = await failed();
  await freezeFor(server, FROZEN_S, () => proxy.release());
  await server.untilReadiness(200);
  assert.equal(await failed(), before);
});
