// Sentinels name the master: they fail over, disagree, lie and hang.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { documentedFor } from './support/documented.mjs';
import { isAtLeast } from './support/engine.mjs';
import { Raw, Refusal, SILENCE, startFakeRedis } from './support/fake-redis.mjs';
import { freezeFor } from './support/freeze.mjs';
import { freePort } from './support/port.mjs';
import { startRedis } from './support/redis.mjs';
import { openClient } from './support/rpc.mjs';
import { startSentinels } from './support/sentinel.mjs';
import { startServer } from './support/server.mjs';
import { eventually, SANITIZED, watchDelays } from './support/wait.mjs';

const NAME = 'main';
const documented = documentedFor(import.meta.url);
const delayMs = watchDelays();

/** The master at this port, as a Sentinel describes it. */
function master(port, { epoch = 0, flags = 'master', ip = '127.0.0.1' } = {}) {
  return ['name', NAME, 'ip', ip, 'port', String(port), 'flags', flags, 'config-epoch', String(epoch)];
}

const BUSY = new Refusal('BUSY Redis is busy running a script');
const UNKNOWN = new Refusal('ERR No such master with that name');

/** A Sentinel that answers SENTINEL MASTER with `says`, or with what `answers` returns; a test may replace both. */
async function startFakeSentinel(t, says) {
  const sentinel = await startFakeRedis(t, (words) => {
    if (words[0] !== 'SENTINEL') return 'politely';
    assert.deepEqual(words.slice(1), ['MASTER', NAME]);
    return sentinel.answers();
  });
  sentinel.says = says;
  sentinel.answers = () => sentinel.says;
  return sentinel;
}

function startWith(t, addresses, { ready = true, ...options } = {}) {
  return startServer(t, {
    BROKER: 'redis',
    REDIS_SENTINELS: addresses.join(','),
    REDIS_SENTINEL_MASTER: NAME,
    BROKER_TIMEOUT: '2',
    ...options,
  }, { ready });
}

/** Waits until the server uses the master that the Sentinels name, whoever that is by then. */
function untilUsed(server, world) {
  return eventually('the master is used', async () => {
    const { port } = await world.status();
    return await server.redisAddress() === `127.0.0.1:${port}` && await server.readiness() === 200;
  });
}

const countLines = (server, pattern) => server.stderr.split('\n').filter((line) => pattern.test(line)).length;

/** Creates the documented user on all Sentinels; resolves to the options of the server. */
async function loginOf(world) {
  if (!isAtLeast(6, 2)) return {}; // the first Sentinel with users
  const text = documented('docs/failover.md', 'A user at the Sentinels');
  const words = text.replaceAll('\\\n', ' ').trim().split(/\s+/);
  for (const sentinel of world.sentinels) assert.equal(await sentinel.command(...words), 'OK');
  return { REDIS_SENTINEL_USERNAME: 'eventhub', REDIS_SENTINEL_PASSWORD: 'PASSWORD' };
}

test('a Redis with Sentinels', async (t) => {
  // On a busy machine half a second without an answer is not yet the end of a Redis.
  const world = await startSentinels(t, { name: NAME, downAfterMs: 1500 });
  const options = { ...world.options, ...await loginOf(world), BROKER_TIMEOUT: '2' };
  const server = await startServer(t, options);
  const client = await openClient(t, server);
  const subscription = await client.subscribe('failover/#');
  const first = await world.master();

  await t.test('is used by the name of its master', async () => {
    await client.publish('failover/a', 'before');
    await subscription.untilText('before');
    assert.equal(await server.redisAddress(), `127.0.0.1:${first.port}`);
    assert.match(server.stderr, new RegExp(`event=redis_master host=127.0.0.1 port=${first.port}\\b`));
  });

  await t.test('is followed when a Sentinel fails over as planned', async () => {
    await world.failover();
    await untilUsed(server, world);
    await client.untilPublished('failover/a', 'planned');
    await subscription.untilText('planned');
    assert.ok((await server.metrics()).redis_master_changes_total >= 1);
  });

  await t.test('is followed when the master dies', async () => {
    await world.untilReplicated();
    const old = await world.master();
    await old.kill();
    await world.untilMasterIsNot(old);
    const acceptedAt = Date.now();
    await client.untilPublished('failover/a', 'killed');
    const took = Date.now() - acceptedAt;
    t.diagnostic(`published ${took} ms after the new master accepted`);
    if (!SANITIZED) assert.ok(took < 2000 + delayMs(), `published after ${took} ms`);
    await subscription.untilText('killed');
    await untilUsed(server, world);
    const metrics = await server.metrics();
    assert.ok(metrics.redis_master_changes_total >= 2);
    assert.ok(metrics.redis_masterless_seconds_total > 0);
  });

  await t.test('delivers everything that was acknowledged, once and in order', () => {
    const { texts, ids } = subscription;
    assert.deepEqual(texts, ['before', 'planned', 'killed']);
    assert.deepEqual([...new Set(ids)], ids);
  });
});

test('does not use an old master that is back before the Sentinels were asked', async (t) => {
  const [old, next] = [await startRedis(t), await startRedis(t)];
  const sentinel = await startFakeSentinel(t, master(old.port));
  const server = await startWith(t, [sentinel.address], { BROKER_TIMEOUT: '10' });
  const client = await openClient(t, server);
  await client.publish('a', 'before');
  await freezeFor(server, 0, async () => {
    await old.kill();
    await old.start(); // empty
    // The Sentinel answers when the feed could have joined there.
    sentinel.says = eventually('the feed is back at the old master', async () =>
      /^cmdstat_subscribe/m.test(await old.command('INFO', 'commandstats')))
      .then(() => master(next.port, { epoch: 1 }));
  });
  await client.untilPublished('a', 'after');
  assert.equal(await server.redisAddress(), `127.0.0.1:${next.port}`);
  assert.equal(await next.command('EXISTS', '{eventhub}:log:a'), '1');
  assert.equal(await old.command('DBSIZE'), '0');
});

test('does not use an old master that comes back after the Sentinels were asked', async (t) => {
  const [old, next] = [await startRedis(t), await startRedis(t)];
  const sentinel = await startFakeSentinel(t, master(old.port));
  const server = await startWith(t, [sentinel.address], { BROKER_TIMEOUT: '10' });
  const client = await openClient(t, server);
  await client.publish('a', 'before');
  await old.kill();
  const asked = sentinel.log.length;
  await eventually('the Sentinel is asked twice', () => sentinel.log.length >= asked + 2);
  await old.start(); // empty
  const isBack = async () => /^cmdstat_subscribe/m.test(await old.command('INFO', 'commandstats'));
  sentinel.answers = async () => (await isBack() ? master(next.port, { epoch: 1 }) : master(old.port));
  await client.untilPublished('a', 'after');
  assert.equal(await server.redisAddress(), `127.0.0.1:${next.port}`);
  assert.equal(await next.command('EXISTS', '{eventhub}:log:a'), '1');
  assert.equal(await old.command('DBSIZE'), '0');
});

test('uses the last master while no Sentinel answers', async (t) => {
  const redis = await startRedis(t);
  const sentinel = await startFakeSentinel(t, master(redis.port));
  const server = await startWith(t, [sentinel.address]);
  const client = await openClient(t, server);
  sentinel.says = SILENCE;
  await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
  await server.untilMetric('the feed is lost', (now) => now.redis_connection_fail_count > 0);
  await client.untilPublished('a', 'silence');
});

test('follows the Sentinel that answers well', async (t) => {
  const redis = await startRedis(t);
  const good = await startFakeSentinel(t, master(redis.port));
  const garbage = await startFakeSentinel(t, ['ip', '127.0.0.1', 'port', '99999']);
  const silent = await startFakeSentinel(t, SILENCE);
  const refusing = await startFakeSentinel(t, new Refusal('NOPERM this user has no permissions'));
  const noRedis = await startFakeSentinel(t, new Raw('HTTP/1.1 400 Bad Request\r\n\r\n'));
  const dead = `127.0.0.1:${await freePort()}`;
  const addresses = [garbage, silent, refusing, noRedis].map(({ address }) => address);
  const server = await startWith(t, [...addresses, dead, 'no-such-host.invalid:26379', good.address]);
  const client = await openClient(t, server);
  await client.publish('one', 'x');

  await eventually('it is listened to', () => good.count('SUBSCRIBE') > 0);

  await t.test('also if it says that the master is down', async () => {
    good.says = master(redis.port, { flags: 'master,s_down,o_down' });
    good.publish('+switch-master', `${NAME} 127.0.0.1 1 127.0.0.1 ${redis.port}`);
    const asked = good.count('SENTINEL MASTER');
    await eventually('it was asked', () => good.count('SENTINEL MASTER') > asked);
    await client.publish('one', 'y');
    assert.equal((await server.metrics()).redis_master_changes_total, 0);
  });
});

test('believes the newest configuration', async (t) => {
  const [old, redis] = await Promise.all([startRedis(t), startRedis(t)]);
  const behind = await Promise.all([1, 2].map(() => startFakeSentinel(t, master(old.port, { epoch: 3 }))));
  const newest = await startFakeSentinel(t, master(old.port, { epoch: 3 }));
  const all = [...behind, newest];
  const server = await startWith(t, all.map(({ address }) => address));
  assert.equal(await server.redisAddress(), `127.0.0.1:${old.port}`);

  await eventually('all are listened to', () => all.every((sentinel) => sentinel.count('SUBSCRIBE') > 0));

  await t.test('as soon as a Sentinel announces it', async () => {
    newest.says = master(redis.port, { epoch: 4 });
    for (const sentinel of behind) sentinel.says = BUSY;
    const startedAt = Date.now();
    newest.publish('+switch-master', `other 127.0.0.1 ${old.port} 127.0.0.1 ${redis.port}`);
    newest.publish('+switch-master', `${NAME} 127.0.0.1 ${old.port} 127.0.0.1 ${redis.port}`);
    await eventually('the new master is used', async () =>
      await server.redisAddress() === `127.0.0.1:${redis.port}`);
    const took = Date.now() - startedAt;
    if (!SANITIZED) assert.ok(took < 2000 + delayMs(), `followed after ${took} ms`);
    await server.untilReadiness(200);
  });

  await t.test('and not an older one of a minority', async () => {
    newest.says = BUSY;
    behind[0].says = master(old.port, { epoch: 3 });
    behind[0].publish('+switch-master', `${NAME} 127.0.0.1 1 127.0.0.1 2`);
    await server.until('the answer is refused', () =>
      /redis_master_unconfirmed why="the Sentinels that answer are behind"/.test(server.stderr));
    assert.equal(await server.redisAddress(), `127.0.0.1:${redis.port}`);
    assert.equal(await server.readiness(), 200);
  });
});

test('Sentinels that do not help', async (t) => {
  const redis = await startRedis(t);
  const replica = await startRedis(t, { args: ['--replicaof', '127.0.0.1', String(redis.port)] });
  const sentinels = await Promise.all([1, 2, 3].map(() => startFakeSentinel(t, UNKNOWN)));
  const all = (says) => sentinels.forEach((sentinel) => (sentinel.says = says));
  const server = await startWith(t, sentinels.map(({ address }) => address), { ready: false });

  await t.test('make /readyz say that they do not know the name', () =>
    server.untilReason(/^the broker is not ready: Sentinel does not know the master "main"$/));

  await t.test('make /readyz say that none answers', async () => {
    all(new Refusal('NOAUTH Authentication required.'));
    await server.untilReason(/^the broker is not ready: no Sentinel answers: NOAUTH Authentication required\.$/);
    all(SILENCE);
    await server.untilReason(/^the broker is not ready: no Sentinel answers: no answer in time$/);
  });

  await t.test('by naming a replica make it ask again, at most once a second', async () => {
    all(master(replica.port, { epoch: 9 }));
    await server.untilReason(/^the broker is not ready: this Redis is a replica/);
    const before = sentinels[0].count('SENTINEL MASTER');
    const startedAt = Date.now();
    await eventually('they were asked four times', () =>
      sentinels[0].count('SENTINEL MASTER') >= before + 4);
    const seconds = (Date.now() - startedAt) / 1000;
    assert.ok(seconds > 2.5, `asked four times in ${seconds} s`);
    const lines = countLines(server, /event=(broker_waiting|redis_\w+)/);
    const connected = Number(/total_connections_received:(\d+)/.exec(await replica.command('INFO', 'stats'))[1]);
    assert.ok(lines <= 15 + seconds, `${lines} lines in the log`);
    assert.ok(connected <= 60 * seconds, `${connected} connections in ${seconds} s`);
  });

  await t.test('by naming a host that does not exist, likewise', async () => {
    all(master(6379, { epoch: 10, ip: 'no-such-host.invalid' }));
    await server.untilReason(/Name or service not known|Temporary failure in name resolution|No address/);
  });

  await t.test('until they tell the truth', async () => {
    all(master(redis.port, { epoch: 11 }));
    await server.untilReadiness(200);
    const client = await openClient(t, server);
    await client.publish('truth', 'x');
  });

});
