// The log loses messages before they expire: Redis evicts keys to make room, or somebody sets the clock.
// A client that asks for history is told that some of it is missing.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { CANNOT_SHIFT, startClock } from './support/clock.mjs';
import { IGNORE_CLIENT_MEMORY } from './support/engine.mjs';
import { startRedis } from './support/redis.mjs';
import { compareIds, numbered, openClient, RpcError } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { eventually } from './support/wait.mjs';

const DAY_S = 24 * 3600;
const FILL = 'x'.repeat(50_000);
const KEY = '{eventhub}:';

/** Returns a function that asks for history: `+` if it is complete, else `-`, then the messages. */
function historyOf(client) {
  return async (sinceEventId, topic = 'a', more = {}) => {
    const { recovered, items } = await client.call('eventlog', { topic, sinceEventId, ...more });
    return [recovered ? '+' : '-', ...items.map(({ message }) => message)].join(' ');
  };
}

/** Starts Redis, a node and a client. */
async function start(t, { options = {}, ...how } = {}) {
  const redis = await startRedis(t, how);
  const server = await startServer(t, { ...redis.options, ...options });
  const client = await openClient(t, server);
  const since = historyOf(client);
  const isThere = async (key) => (await redis.command('EXISTS', KEY + key)) === '1';
  const untilMarked = () => eventually('the indexes have their marks', async () =>
    (await redis.command('HEXISTS', `${KEY}floors`, '#')) === '1');
  return { redis, server, client, since, isThere, untilMarked };
}

/** Publishes to other topics until Redis, with this policy, has evicted the key. */
async function evict({ redis, client, isThere }, key, policy) {
  const used = /used_memory:(\d+)/.exec(await redis.command('INFO', 'memory'))[1];
  await redis.command('CONFIG', 'SET', 'maxmemory-policy', policy);
  await redis.command('CONFIG', 'SET', 'maxmemory', String(Number(used) + 2_000_000));
  for (let i = 0; await isThere(key); i++) await client.publish(`fill/${i}`, FILL);
  await redis.command('CONFIG', 'SET', 'maxmemory', '0');
}

for (const policy of ['volatile-lru', 'volatile-ttl', 'volatile-random']) {
  test(`says that history is missing when ${policy} evicted the log`, async (t) => {
    const context = await start(t);
    const { client, since } = context;
    const told = await client.subscribe('b', { gaps: true });
    const [m1, m2] = await client.publishAll('a', ['m1', 'm2']);
    const b1 = await client.publish('b', 'b1');
    assert.equal(await since(m1), '+ m2');
    await evict(context, 'log:a', policy);
    assert.equal(await since(m1), '-');
    assert.equal(await since(m1, 'a', { limit: 10 }), '-');
    assert.match(await since(m1, '#'), /^- /);
    assert.match(await since(m1, '+'), /^-/);
    const m3 = await client.publish('a', 'm3');
    assert.equal(await since(m1), '- m3');
    assert.match(await since(m1, '+'), /^-.* m3$/);
    assert.equal(await since(m3), '+');
    await client.publish('a', 'm4');
    assert.equal(await since(m3), '+ m4');
    assert.ok(compareIds(m2, b1) < 0);
    assert.deepEqual(told.messages.map((m) => m.message ?? m), ['b1']);
  });
}

test('says which topic lost its log to a subscription with gaps', async (t) => {
  const { redis, client, isThere, since } = await start(t);
  const [m1] = await client.publishAll('a', ['m1', 'm2']);
  await client.publish('b', 'b1');
  await redis.command('DEL', `${KEY}log:a`);
  const other = await openClient(t, await startServer(t, redis.options)); // has none in memory
  const { answer } = await other.subscribe('a', { sinceEventId: m1 });
  assert.equal(answer.recovered, false);
  assert.equal((await other.subscribe('b', { sinceEventId: m1 })).answer.recovered, true);
  assert.equal(await since(m1, '+'), '- b1');
  assert.equal(await isThere('log:a'), false);
});

test('says until its ttl that a log with a ttl of its own was evicted', async (t) => {
  const { redis, client, since } = await start(t);
  const m1 = await client.publish('a', 'm1', { ttl: 2 });
  await client.publish('a', 'm2', { ttl: 2 });
  await client.publish('expires', 'e1', { ttl: 1 });
  await redis.command('DEL', `${KEY}log:a`);
  assert.equal(await since(m1), '-');
  await eventually('m2 would have expired', async () => (await since(m1)) === '+');
  assert.equal(await since(m1, '+'), '+'); // what expired by its own ttl is not missing
  await client.publish('expires', 'e2');
  assert.equal(await since(m1, '+'), '+ e2');
});

test('remembers an evicted log longer than messages with a short ttl that came later', async (t) => {
  const { redis, client, since } = await start(t, { options: { MAX_CACHE_LENGTH: '2' } });
  const m1 = await client.publish('a', 'm1');
  await client.publish('a', 'm2');
  await redis.command('DEL', `${KEY}log:a`);
  for (let round = 0; round < 2; round++) {
    for (const text of numbered('short', 3)) await client.publish('a', text, { ttl: 1 }); // one is trimmed
    await eventually('they expire', async () => !(await since(m1)).includes('short'));
    for (let i = 0; i < 10; i++) assert.equal(await since(m1), '-'); // each looks for topics to forget
    assert.equal(await since(m1, '#'), '-');
  }
});

test('forgets an evicted log when its messages would have expired', async (t) => {
  const { redis, client, since } = await start(t, { options: { DEFAULT_CACHE_TTL: '2' } });
  const m1 = await client.publish('a', 'm1');
  await client.publish('a', 'm2');
  await redis.command('DEL', `${KEY}log:a`);
  assert.equal(await since(m1), '-');
  await eventually('the topic left the indexes', async () => {
    await since(m1);
    return (await redis.command('ZSCORE', `${KEY}recent`, 'a')) === '';
  });
  assert.equal(await since(m1), '-');
  assert.equal(await redis.command('ZSCORE', `${KEY}topics`, 'a'), '');
});

for (const evicted of ['topics', 'recent', 'floors', 'floor', 'id', 'topics recent', 'topics recent floors',
  'ends']) {
  test(`says that history is missing when Redis evicted ${evicted}`, async (t) => {
    const { redis, client, since, isThere, untilMarked } =
      await start(t, { options: { MAX_CACHE_LENGTH: '2' } });
    const [m1] = await client.publishAll('a', numbered('m', 4));
    const b1 = await client.publish('b', 'b1');
    await client.publish('quiet', 'q1', { ttl: 60 });
    await untilMarked();
    await redis.command('DEL', ...evicted.split(' ').map((index) => KEY + index));
    assert.match(await since(m1), /^-/);
    await redis.command('DEL', `${KEY}log:quiet`); // it may be in no index any longer
    assert.match(await since(b1, '+'), /^-/);
    if (evicted !== 'ends') {
      await eventually('it is there again', () => isThere(evicted.split(' ')[0]));
      await untilMarked();
    }
    await client.publish('b', 'b2');
    assert.match(await since(b1, '+'), /^-/);
    assert.match(await since(b1, 'quiet'), /^-/);
    assert.match(await since(m1), /^-/);
    const b3 = await client.publish('b', 'b3');
    await client.publish('b', 'b4');
    assert.equal(await since(b3, '#'), '+ b4');
  });
}

test('says that history is missing when Redis evicted all indexes with their marks', async (t) => {
  const { redis, client, since, untilMarked } = await start(t);
  const [m1] = await client.publishAll('a', ['m1', 'm2']);
  await untilMarked();
  const all = ['topics', 'recent', 'floors', 'ends', 'log:a'].map((key) => KEY + key);
  const deleteAll = "redis.call('DEL', KEYS[1] .. '\\255index') return redis.call('DEL', unpack(KEYS, 2))";
  await redis.command('EVAL', deleteAll, String(all.length + 1), `${KEY}log:`, ...all);
  assert.equal(await since(m1), '-');
  await untilMarked();
  assert.equal(await since(m1), '-');
  const m3 = await client.publish('a', 'm3');
  await client.publish('a', 'm4');
  assert.equal(await since(m1), '- m3 m4');
  assert.equal(await since(m3), '+ m4');
});

test('restores the key that keeps the marks of the indexes', async (t) => {
  const { redis, untilMarked } = await start(t);
  const call = (command) =>
    redis.command('EVAL', `return redis.call('${command}', KEYS[1] .. '\\255index')`, '1', `${KEY}log:`);
  await untilMarked();
  assert.equal(await call('DEL'), '1');
  await eventually('it is there again', async () => (await call('EXISTS')) === '1');
  assert.equal(await redis.command('HGET', `${KEY}floors`, '#'), '0-0'); // nothing is missing
});

test('restores an index that Redis evicted from the other one', async (t) => {
  const { redis, client, since, untilMarked } = await start(t);
  const [m1] = await client.publishAll('a', ['m1', 'm2']);
  await client.publish('b', 'b1');
  await untilMarked();
  for (const index of ['topics', 'recent']) {
    await redis.command('DEL', KEY + index);
    await eventually('a is in both', async () => {
      const scores = await Promise.all(['topics', 'recent'].map((each) =>
        redis.command('ZSCORE', KEY + each, 'a')));
      return scores.every((score) => score !== '');
    });
    const b = await client.publish('b', 'next');
    assert.equal(await since(b, '#'), '+');
    assert.match(await since(m1, '#'), /^- m2 b1 next/);
  }
});

for (const policy of ['allkeys-lru', 'allkeys-random', 'volatile-lru']) {
  test(`never calls history complete that ${policy} has evicted`, async (t) => {
    const { redis, client, since } = await start(t, {
      args: ['--maxmemory', '6mb', '--maxmemory-policy', policy, ...IGNORE_CLIENT_MEMORY],
      options: { MAX_CACHE_LENGTH: '0' },
    });
    const published = new Map();
    let complete = 0, incomplete = 0;
    const evictions = async () =>
      Number(/evicted_keys:(\d+)/.exec(await redis.command('INFO', 'stats'))[1]);
    // Ends when everything has happened often enough, whatever Redis takes for each entry.
    for (let round = 0; ; round++) {
      if (round % 50 === 0 && complete > 10 && incomplete > 10 && (await evictions()) > 10) break;
      assert.ok(round < 5000, `${complete} complete, ${incomplete} incomplete`);
      const topic = `t/${(round * 7) % 23}`;
      const text = `${round} ${'x'.repeat(round % 3 ? 20_000 : 100)}`;
      const id = await client.publish(topic, text).catch((error) => {
        if (!(error instanceof RpcError)) throw error;
      });
      if (!id) continue;
      if (!published.has(topic)) published.set(topic, []);
      published.get(topic).push({ id, text });
      if (round % 4) continue;
      for (const [asked, messages] of [...published].slice(round % 5, (round % 5) + 3)) {
        const from = messages[Math.floor(messages.length / 2)];
        const got = await since(from.id, asked, { limit: 1000 });
        const expected = messages.filter(({ id: each }) => compareIds(each, from.id) > 0);
        const whole = ['+', ...expected.map(({ text: each }) => each)].join(' ');
        if (got.startsWith('+')) assert.equal(got, whole);
        if (got === whole) complete++;
        else incomplete++;
      }
    }
    t.diagnostic(`${complete} complete, ${incomplete} not`);
  });
}

// The clock ------------------------------------------------------------------------------------------

/** The same, with a Redis whose clock the test sets. */
async function startWithClock(t, options) {
  const clock = startClock(t);
  return { ...(await start(t, { options, env: clock.env })), ...clock };
}

const JUMPS = [
  { ahead: 2 * DAY_S, options: {} },
  { ahead: 90, options: { DEFAULT_CACHE_TTL: '60' } },
];

for (const { ahead, options } of JUMPS) {
  for (const isForgotten of [false, true]) {
    const how = isForgotten ? ' and the topic was forgotten' : '';
    test(`says what expired when Redis' clock went ${ahead} s ahead and back${how}`, async (t) => {
      const { redis, client, since, shift, isThere } = await startWithClock(t, options);
      const m1 = await client.publish('a', 'm1');
      const m2 = await client.publish('a', 'm2');
      const b1 = await client.publish('b', 'b1');
      shift(ahead);
      for (const topic of ['a', 'b']) {
        await eventually('the log expires', async () => !(await isThere(`log:${topic}`)));
      }
      if (isForgotten) {
        await eventually('the topic is forgotten', async () => {
          await since(m1);
          return (await redis.command('ZSCORE', `${KEY}topics`, 'a')) === '';
        });
      }
      shift(0);
      assert.equal(await since(m1), '-');
      assert.equal(await since(m1, '#'), '-');
      const m3 = await client.publish('a', 'm3');
      assert.equal(await since(m1), '- m3');
      await client.publish('a', 'm4');
      assert.equal(await since(m3), '+ m4');
      assert.equal(await since(m3, '#'), '+ m4');
      assert.ok(compareIds(m2, b1) < 0);
    });
  }

  test(`says what expired when Redis published ${ahead} s ahead, and went back`, async (t) => {
    const { client, since, shift } = await startWithClock(t, options);
    const m1 = await client.publish('a', 'm1');
    await client.publish('a', 'm2');
    shift(ahead);
    const m3 = await client.publish('a', 'm3');
    shift(0);
    assert.equal(await since(m1), '- m3');
    await client.publish('a', 'm4');
    assert.equal(await since(m3), '+ m4');
  });
}

test('says what expired by a short ttl when the clock went ahead and back', async (t) => {
  const { client, since, shift, isThere } = await startWithClock(t, {});
  const m1 = await client.publish('a', 'm1', { ttl: 3600 });
  await client.publish('a', 'm2', { ttl: 3600 });
  const b1 = await client.publish('b', 'b1', { ttl: 3600 });
  await client.publish('b', 'b2', { ttl: 3600 });
  shift(2 * 3600);
  await eventually('the log expires', async () => !(await isThere('log:a')));
  const [a3, b3] = [await client.publish('a', 'm3'), await client.publish('b', 'b3', { ttl: 3600 })];
  shift(0);
  assert.equal(await since(m1), '- m3');
  assert.equal(await since(b1, 'b'), '- b3');
  await client.publish('a', 'm4');
  assert.equal(await since(a3), '+ m4');
  assert.equal(await since(b3, '#'), '+ m4');
});

test('says what expired by a short ttl when the topic was forgotten', async (t) => {
  const { redis, client, since, shift, isThere } = await startWithClock(t, {});
  const m1 = await client.publish('a', 'm1', { ttl: 3600 });
  const m2 = await client.publish('a', 'm2', { ttl: 3600 });
  let b1 = m2;
  while (b1.split('-')[0] === m2.split('-')[0]) b1 = await client.publish('b', 'b1');
  await client.publish('b', 'b2');
  shift(2 * 3600);
  await eventually('the log expires', async () => !(await isThere('log:a')));
  await eventually('the topic is forgotten', async () => {
    assert.equal(await since(m1), '+');
    return (await redis.command('ZSCORE', `${KEY}topics`, 'a')) === '';
  });
  shift(0);
  assert.equal(await since(m1), '-');
  assert.equal(await since(b1, 'b'), '+ b2');
});

test('says what expired while the ids are ahead of the clock', async (t) => {
  const { client, since, shift } = await startWithClock(t, { DEFAULT_CACHE_TTL: '2' });
  shift(90);
  const m1 = await client.publish('a', 'm1'); // lives until the clock is there again
  shift(0);
  await client.publish('a', 'm2');
  const b1 = await client.publish('b', 'b1');
  await client.publish('b', 'b2');
  assert.equal(await since(m1), '+ m2');
  assert.equal(await since(b1, 'b'), '+ b2');
  await eventually('m2 expires', async () => (await since(m1)) !== '+ m2');
  assert.equal(await since(m1), '-');
  await eventually('b2 expires', async () => (await since(b1, 'b')) !== '+ b2');
  assert.equal(await since(b1, 'b'), '-');
  const m3 = await client.publish('a', 'm3');
  await client.publish('a', 'm4');
  assert.equal(await since(m3), '+ m4');
});

test('misses nothing that never expires, however many pages it fills', async (t) => {
  const { client, since, shift } = await startWithClock(t, { DEFAULT_CACHE_TTL: '0' });
  shift(90);
  const m1 = await client.publish('a', 'm1');
  shift(0);
  const texts = numbered('m', 600);
  await client.publishAll('a', texts);
  assert.equal(await since(m1, 'a', { limit: 1000 }), ['+', ...texts].join(' '));
});

/** Starts a server with the embedded broker, whose clock the test sets. */
async function startEmbedded(t, options, ahead = 0) {
  const { env, shift } = startClock(t);
  shift(ahead);
  const client = await openClient(t, await startServer(t, { ...options, ...env }));
  return { client, since: historyOf(client), shift };
}

const skip = CANNOT_SHIFT;

for (const { ahead, options } of JUMPS) {
  test(`keeps the log when the clock goes ${ahead} s ahead and back [memory]`, { skip }, async (t) => {
    const { client, since, shift } = await startEmbedded(t, options);
    const m1 = await client.publish('a', 'm1');
    await client.publish('a', 'm2');
    shift(ahead);
    const m3 = await client.publish('a', 'm3', { ttl: 1 });
    await eventually('m3 expires', async () => (await since(m1)) !== '+ m2 m3');
    assert.equal(await since(m1), '+ m2');
    shift(0);
    assert.equal(await since(m1), '+ m2');
    await client.publish('a', 'm4');
    assert.equal(await since(m1), '+ m2 m4');
    assert.equal(await since(m3), '+ m4');
  });
}

test('says what expired while the ids are ahead of the clock [memory]', { skip }, async (t) => {
  const { client, since, shift } = await startEmbedded(t, { DEFAULT_CACHE_TTL: '2' }, 90);
  const m1 = await client.publish('a', 'm1');
  shift(0);
  await client.publish('a', 'm2');
  assert.equal(await since(m1), '+ m2');
  await eventually('m2 expires', async () => !(await since(m1)).endsWith('m2'));
  assert.equal(await since(m1), '-');
});

// The warning ----------------------------------------------------------------------------------------

test('warns while Redis may evict, and says when that ends', async (t) => {
  const redis = await startRedis(t, { args: ['--maxmemory', '100mb', '--maxmemory-policy', 'volatile-lru'] });
  const server = await startServer(t, redis.options);
  const untilEvicts = (value) =>
    server.untilMetric(`redis_evicts ${value}`, (now) => now.redis_evicts === value);
  const untilWarned = (...policies) => eventually(`warnings of ${policies}`, () => {
    const warnings = [...server.stderr.matchAll(/event=redis_evicts policy=(\S+)/g)];
    return warnings.map(([, policy]) => policy).join() === policies.join();
  });
  await untilEvicts(1);
  await untilWarned('volatile-lru');
  await redis.command('CONFIG', 'SET', 'maxmemory', '0'); // then the policy has no effect
  await redis.command('CLIENT', 'KILL', 'TYPE', 'normal');
  await untilEvicts(0);
  await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
  await redis.command('CONFIG', 'SET', 'maxmemory', '100mb');
  await redis.command('CLIENT', 'KILL', 'TYPE', 'normal');
  await server.untilReadiness(200);
  await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lfu'); // while connections last
  await untilEvicts(1);
  await untilWarned('volatile-lru', 'allkeys-lfu');
});
