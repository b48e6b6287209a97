// Ways to reach a Redis: users and their rights, databases, Unix sockets.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { newerThan5, watchCommands } from './support/commands.mjs';
import { documentedFor } from './support/documented.mjs';
import { ALL_CHANNELS, HAS_CHANNEL_RIGHTS, isAtLeast, knownRights } from './support/engine.mjs';
import { httpRequest } from './support/http.mjs';
import { SECRET, signToken } from './support/jwt.mjs';
import { startRedis } from './support/redis.mjs';
import { numbered, openClient } from './support/rpc.mjs';
import { runToExit, startServer } from './support/server.mjs';
import { eventually } from './support/wait.mjs';

const LOG_LENGTH = 5; // MAX_CACHE_LENGTH
const documented = documentedFor(import.meta.url);

/**
 * The ACL line of docs/redis.md for a version of Redis, as words for redis-cli; without the words that
 * the page says to leave out for Redis 6.0, if the Redis here needs that.
 */
function documentedAcl(version) {
  const begin = `^# Redis ${version}\\b.*\\n`;
  const text = documented('docs/redis.md', 'TLS, users, databases, sockets');
  const line = new RegExp(`${begin}(ACL SETUSER (?:.*\\\\\\n)*.*)`, 'm').exec(text);
  assert.ok(line, `docs/redis.md has an ACL line for Redis ${version}`);
  return knownRights(line[1].replaceAll('\\\n', ' ').split(/\s+/));
}

const RIGHTS = { read: ['#'], write: ['#'], admin: ['log'] };
const LIMITED = { ...RIGHTS, sub: 'limited', rlimit: [{ topic: '#', interval: 3600, max: 5 }] };
const HOUR_MS = 3_600_000; // longer than a session takes on any machine

const msOf = (id) => Number.parseInt(id);

/**
 * Makes the server use every command that it knows, however busy the machine is. Comments name the
 * commands that only one step causes, and the state in which a script calls them.
 */
async function typicalSession(t, server, isGone) {
  const openAs = (claims) =>
    openClient(t, server, { headers: { Authorization: signToken(claims) } });

  // INCR: a second publish is counted, with a new key, while the first one still counts.
  const limited = await openAs(LIMITED);
  for (const key of ['k', 'k', 'l']) await limited.publish('limited', 'x', { key });

  const client = await openAs(RIGHTS);
  const live = await client.subscribe('session/#');
  const older = await client.publish('session/older', 'older');
  // PEXPIREAT: a log begins with a message that expires.
  const published = [];
  await eventually('a millisecond after the older topic', async () => {
    published.push(await client.publish('session/1', 'begin', { ttl: 3600 }));
    return msOf(published.at(-1)) > msOf(older);
  });
  // PERSIST: such a log gets a message that never expires.
  // XLEN, XTRIM, XRANGE, HSET: it has more than LOG_LENGTH messages.
  const ids = await client.publishAll('session/1', numbered('m', LOG_LENGTH + 1));
  await live.untilText(`m ${LOG_LENGTH}`);
  assert.deepEqual(live.ids, [older, ...published, ...ids]);

  // ZRANGEBYSCORE: fewer topics have a message after `last` (1 and 2) than begin with session/ (the
  // older one, too, which never expires).
  const last = ids.at(-1);
  await client.publish('session/2', 'later');
  const recent = await client.call('eventlog', { topic: 'session/+', sinceEventId: last });
  assert.deepEqual(recent.items.map(({ message }) => message), ['later']);
  // XREVRANGE: the newest entries. ZSCORE: one topic, without a wildcard.
  const newest = await client.call('eventlog', { topic: 'session/1', since: -HOUR_MS, limit: 2 });
  assert.deepEqual(newest.items.map(({ id }) => id), ids.slice(-2));
  // HMGET: the log reaches back to the id.
  const joined = await client.subscribe('session/1', { sinceEventId: ids[1] });
  await joined.untilCount(LOG_LENGTH - 1);
  assert.equal(joined.answer.recovered, true);

  // UNLINK: a log is purged.
  const admin = { Authorization: `Bearer ${signToken(RIGHTS)}` };
  const purged = await httpRequest(server, 'DELETE', '/api/log/session/2', admin);
  assert.equal(purged.status, 200, purged.body);

  await client.call('set', { key: 'session', value: 'v', ttl: 3600 });
  assert.equal((await client.call('get', { key: 'session' })).value, 'v');
  assert.equal((await client.call('del', { key: 'session' })).success, true);
  assert.equal((await client.call('presence', { topic: 'session/1' })).count, 1);

  // ZRANGEBYLEX: all topics are recent. EXISTS, ZREM, HDEL: the log of one of them has expired.
  // UNSUBSCRIBE, PUNSUBSCRIBE: ten seconds after the last subscriber.
  await client.call('unsubscribeall');
  await client.publish('session/short', 'expires', { ttl: 1 });
  await eventually('the expired topic is removed from the index', async () => {
    assert.equal(client.closed, null);
    await client.call('eventlog', { topic: 'session/+', since: -HOUR_MS });
    return isGone('session/short');
  });
}

/**
 * Starts a server of a deployment that has its own user, keys and channels, all called `name`.
 * `without`: a word that is left out of the documented ACL line.
 */
async function startRestricted(t, redis, name, { without } = {}) {
  const rename = (word) => word.replaceAll('eventhub', name).replace('PASSWORD', 'sesame');
  await redis.command(...documentedAcl(7).filter((word) => word !== without).map(rename));
  const server = await startServer(t, {
    ...redis.options,
    REDIS_PREFIX: name,
    REDIS_USERNAME: name,
    REDIS_PASSWORD: 'sesame',
    DISABLE_AUTH: 'false',
    JWT_SECRET: SECRET,
    ENABLE_API: 'true',
    MAX_CACHE_LENGTH: String(LOG_LENGTH),
    DEFAULT_CACHE_TTL: '0',
    BROKER_TIMEOUT: '30', // no request may fail only because the machine is busy
  }, { ready: !without });
  const isGone = async (topic) =>
    (await redis.command('ZSCORE', `{${name}}:topics`, topic)) === '';
  return { server, session: () => typicalSession(t, server, isGone) };
}

/** Whether Redis has refused a user something; callers that ask at the same time share one answer. */
function refusalsOf(redis) {
  let asking = null;
  const ask = () =>
    redis.command('ACL', 'LOG', '1000').finally(() => {
      asking = null;
    });
  return async (name) => (await (asking ??= ask())).includes(name);
}

/** Runs a session of a server that lacks one right until Redis refuses the server something. */
async function assertNeeded(t, redis, name, { right, isRefused }) {
  const { server, session } = await startRestricted(t, redis, name, { without: right });
  // Without some rights the server never becomes ready. With the others it must be ready first: a
  // publish before that could fail for want of a connection, and the session would end there.
  const isReady = async () => (await server.readiness()) === 200;
  await eventually(`ready, or a refusal without ${right}`, async () =>
    (await isRefused(name)) || isReady());
  if (await isRefused(name)) return;
  let end = 'has not ended';
  session().then(() => (end = 'passed'), (error) => (end = `failed: ${error.message}`));
  // The probe and the sweep need some rights in the background, which no client notices.
  await eventually(`a refusal without ${right}`, () => isRefused(name))
    .catch((error) => assert.fail(`${error.message}; the session ${end}`));
}

test('the documented ACL line', async (t) => {
  const redis = await startRedis(t, { args: ['--acllog-max-len', '1000'] });

  await t.test('permits everything that the server does', async (t) => {
    const commands = await watchCommands(t, redis);
    const { server, session } = await startRestricted(t, redis, 'enough');
    await session();
    await eventually('a sweep', async () =>
      Number(await redis.command('EXISTS', '{enough}:sweep')));
    await redis.command('SET', '{enough}:id', `${Date.now()}-0`); // as if others had published
    await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await server.untilMetric('a replay', (now) => now.broker_replays_total > 0);
    // The node tries whether the user may subscribe to other patterns than that of all topics.
    const refused = (await redis.command('ACL', 'LOG')).matchAll(/^object\n(.*)/gm);
    assert.deepEqual([...refused].map(([, object]) => object), HAS_CHANNEL_RIGHTS ? ['enough:$metrics$/trial/*'] : []);
    assert.doesNotMatch(server.stderr.replace(/^.*event=redis_permits_no_globs.*$/m, ''), /redis_refuses|NOPERM/);
    if (!isAtLeast(7)) return;
    const used = commands();
    const newer = await newerThan5(redis);
    for (const each of ['EVALSHA', 'XADD', 'SUBSCRIBE']) assert.ok(used.has(each), each);
    for (const each of ['ACL', 'SET KEEPTTL', 'XTRIM MINID']) assert.ok(newer.has(each), each);
    assert.deepEqual([...used].filter((each) => newer.has(each)), [], 'Redis 5.0 lacks this');
  });

  await t.test('grants no right that the server does not need', async (t) => {
    const rights = documentedAcl(7).filter((word) => /^[+~&]/.test(word));
    assert.ok(rights.length > 10);
    const isRefused = refusalsOf(redis);
    const areNeeded = rights.map((right, i) =>
      assertNeeded(t, redis, `without-${i}-`, { right, isRefused }));
    await Promise.all(areNeeded);
  });
});

test('logs what Redis refuses, without secrets', async (t) => {
  const redis = await startRedis(t, { args: ['--requirepass', 'sesame'], cli: ['-a', 'sesame'] });
  const mute = await startRedis(t, { args: ['--rename-command', 'AUTH', ''] });
  await redis.command('ACL', 'SETUSER', 'narrow', 'on', '>sesame', '~*', ...ALL_CHANNELS, '-@all');
  const { options } = redis;
  const withPassword = { ...options, REDIS_PASSWORD: 'sesame' };
  const cases = [
    ['logs that a password is missing', options, /NOAUTH/],
    ['logs that the password is wrong', { ...options, REDIS_PASSWORD: 'not sesame' },
      /AUTH refused: WRONGPASS/],
    ['logs that the user does not exist', { ...withPassword, REDIS_USERNAME: 'x' }, /WRONGPASS/],
    ['logs that the user lacks rights', { ...withPassword, REDIS_USERNAME: 'narrow' },
      /NOPERM .*'(script|ping)/],
    ['logs that the database does not exist', { ...withPassword, REDIS_DB: '99' },
      /DB index is out of range/],
    ['hides the password when Redis quotes a command it does not know',
      { ...mute.options, REDIS_PASSWORD: 'sesame' }, /AUTH refused: ERR unknown command/],
  ];
  for (const [name, env, why] of cases) {
    await t.test(name, async (t) => {
      const server = await startServer(t, env, { ready: false });
      await eventually('broker_waiting', () =>
        server.stderr.split('\n').some((line) => /event=broker_waiting/.test(line) && why.test(line)));
      assert.equal(await server.readiness(), 503);
      assert.doesNotMatch(server.stderr, /sesame/);
    });
  }
});

test('reconnects once the password of its Redis user is right again', async (t) => {
  const redis = await startRedis(t);
  const setUser = (password) =>
    redis.command('ACL', 'SETUSER', 'hub', 'on', 'resetpass', `>${password}`, '~*', ...ALL_CHANNELS, '+@all');
  await setUser('sesame');
  const server = await startServer(t, {
    ...redis.options, REDIS_USERNAME: 'hub', REDIS_PASSWORD: 'sesame',
  });
  await setUser('other');
  await redis.command('CLIENT', 'KILL', 'USER', 'hub');
  await server.untilReadiness(503);
  await setUser('sesame');
  await server.untilReadiness(200);
});

test('REDIS_DB', async (t) => {
  const redis = await startRedis(t);
  const server = await startServer(t, { ...redis.options, REDIS_DB: '3' });
  const client = await openClient(t, server);
  await client.publish('a', 'x');
  const keys = (db) => redis.command('-n', db, 'KEYS', '*');
  assert.match(await keys('3'), /\{eventhub\}:log:a/);
  assert.equal(await keys('0'), '');

  await t.test('separates keys, not channels', async (t) => {
    const other = await startServer(t, redis.options);
    const live = await (await openClient(t, other)).subscribe('a');
    await client.publish('a', 'y');
    await live.untilText('y');
  });
});

test('connects to a Unix socket when REDIS_HOST is a path', async (t) => {
  const redis = await startRedis(t);
  const socket = join(redis.dir, 'redis.sock');
  redis.args.push('--unixsocket', socket);
  const server = await startServer(t, { BROKER: 'redis', REDIS_HOST: socket, REDIS_PORT: '1' },
    { ready: false });
  await eventually('the log names the missing file', () => /No such file/.test(server.stderr));

  await redis.kill();
  await redis.start();
  await server.untilReadiness(200);
  const client = await openClient(t, server);
  const live = await client.subscribe('a');
  await client.publish('a', 'x');
  await live.untilText('x');

  await redis.kill();
  await server.untilReadiness(503);
  await redis.start();
  await server.untilReadiness(200);
  await client.publish('a', 'y');
  await live.untilText('y');
});

test('connects to the socket of REDIS_URL_FILE', async (t) => {
  const redis = await startRedis(t, { start: false });
  const socket = join(redis.dir, 'redis.sock');
  redis.args.push('--unixsocket', socket, '--requirepass', 'sesame');
  redis.cli.push('-a', 'sesame');
  await redis.start();
  const file = join(redis.dir, 'url');
  writeFileSync(file, `unix://:sesame@${socket}?db=3\n`);
  const server = await startServer(t, { BROKER: 'redis', REDIS_URL_FILE: file });
  await (await openClient(t, server)).publish('a', 'x');
  assert.match(await redis.command('-n', '3', 'KEYS', '*'), /\{eventhub\}:log:a/);
  assert.doesNotMatch(server.stderr, /sesame/);
});

test('refuses a faulty REDIS_URL without repeating it', async () => {
  for (const url of ['redis://:sesame@', 'redis://:sesame@a:x', 'redis:sesame', 'http://u:sesame@a']) {
    for (const args of [[], ['--check-config']]) {
      const { code, stderr } = await runToExit({ REDIS_URL: url }, { args });
      assert.equal(code, 1);
      assert.match(stderr, /^eventhub: REDIS_URL must be redis:\/\/.*, not .*\n$/);
      assert.doesNotMatch(stderr, /sesame/);
    }
  }
});

test('refuses to start with a path that is too long for a socket', async () => {
  const { code, stderr } = await runToExit({ REDIS_HOST: `/${'x'.repeat(107)}` });
  assert.equal(code, 1);
  assert.match(stderr, /REDIS_HOST must be .*, not a path that is too long for a Unix socket/);
});

test('opens few connections to a replica whose user may not read INFO', async (t) => {
  const redis = await startRedis(t);
  await redis.command('REPLICAOF', '127.0.0.1', '1');
  await redis.command('ACL', 'SETUSER', 'blind', 'on', '>secret', '~*', ...ALL_CHANNELS, '+@all', '-info');
  const login = { REDIS_USERNAME: 'blind', REDIS_PASSWORD: 'secret', REDIS_POOL_SIZE: '5' };
  let asked = 0;
  const connections = async () => {
    asked += 1; // redis-cli connects, too
    const stats = await redis.command('INFO', 'stats');
    return Number(/^total_connections_received:(\d+)/m.exec(stats)[1]) - asked;
  };
  const began = performance.now();
  const before = await connections();
  await startServer(t, { ...redis.options, ...login }, { ready: false });
  await eventually('the fourth round of connections', async () => await connections() - before > 3 * 6);
  await eventually('three seconds', () => performance.now() - began > 3000);
  const opened = await connections() - before;
  // All six at once, and again after half a second at the earliest.
  const rounds = (performance.now() - began) / 500 + 2;
  assert.ok(opened <= rounds * 6, `${opened} connections in ${rounds} rounds`);
});
