// Ways to a Redis: users and their rights, databases, Unix sockets.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';

import { documentedFor } from './support/documented.mjs';
import { SECRET, signToken } from './support/jwt.mjs';
import { startRedis } from './support/redis.mjs';
import { numbered, openClient } from './support/rpc.mjs';
import { runToExit, startServer } from './support/server.mjs';
import { eventually } from './support/wait.mjs';

const LOG_LENGTH = 5; // MAX_CACHE_LENGTH
const documented = documentedFor(import.meta.url);

/** The ACL line of docs/redis.md for a version of Redis, as words for redis-cli. */
function documentedAcl(version) {
  const begin = `^# Redis ${version}\\b.*\\n`;
  const text = documented('docs/redis.md', 'TLS, users, databases, sockets');
  const line = new RegExp(`${begin}(ACL SETUSER (?:.*\\\\\\n)*.*)`, 'm').exec(text);
  assert.ok(line, `docs/redis.md has an ACL line for Redis ${version}`);
  return line[1].replaceAll('\\\n', ' ').split(/\s+/);
}

const RIGHTS = { read: ['#'], write: ['#'] };
const LIMITED = { ...RIGHTS, sub: 'limited', rlimit: [{ topic: '#', interval: 60, max: 5 }] };

/** One of everything that makes a server talk to Redis; its log is kept for ever by default. */
async function typicalSession(t, server, isGone) {
  const openAs = (claims) =>
    openClient(t, server, { headers: { Authorization: signToken(claims) } });
  const limited = await openAs(LIMITED);
  for (const key of ['k', 'k', 'l']) await limited.publish('limited', 'x', { key });
  const client = await openAs(RIGHTS);
  const live = await client.subscribe('session/#');
  await client.publish('session/short', 'soon gone', { ttl: 1 });
  await client.publish('session/1', 'begin', { ttl: 60 });
  const ids = await client.publishAll('session/1', numbered('m', LOG_LENGTH + 1));
  await live.untilCount(LOG_LENGTH + 3);
  assert.deepEqual(live.ids.slice(2), ids);

  const last = ids.at(-1);
  const isLater = async () => Number.parseInt(await client.publish('session/2', 'later')) >
    Number.parseInt(last);
  await eventually('another millisecond', isLater);
  const recent = await client.call('eventlog', { topic: 'session/+', sinceEventId: last });
  assert.ok(recent.items.every(({ message }) => message === 'later'));
  const newest = await client.call('eventlog', { topic: 'session/1', since: -60_000, limit: 2 });
  assert.deepEqual(newest.items.map(({ id }) => id), ids.slice(-2));
  const joined = await client.subscribe('session/1', { sinceEventId: ids[1] });
  await joined.untilCount(LOG_LENGTH - 1);
  assert.equal(joined.answer.recovered, true);
  await client.call('set', { key: 'session', value: 'v', ttl: 60 });
  assert.equal((await client.call('get', { key: 'session' })).value, 'v');
  assert.equal((await client.call('del', { key: 'session' })).success, true);
  assert.equal((await client.call('presence', { topic: 'session/1' })).count, 1);
  await eventually('what has expired is forgotten', async () => {
    assert.equal(client.closed, null);
    await client.call('eventlog', { topic: 'session/+', since: -60_000 });
    return isGone('session/short');
  });
}

/** For one deployment of its own: everything that has a name gets another. */
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
    MAX_CACHE_LENGTH: String(LOG_LENGTH),
    DEFAULT_CACHE_TTL: '0',
  }, { ready: !without });
  const isGone = async (topic) =>
    (await redis.command('ZSCORE', `{${name}}:topics`, topic)) === '';
  return { server, session: () => typicalSession(t, server, isGone) };
}

test('the documented ACL line', async (t) => {
  const redis = await startRedis(t, { args: ['--acllog-max-len', '1000'] });

  await t.test('is enough for all that we do', async (t) => {
    const { server, session } = await startRestricted(t, redis, 'enough');
    await session();
    await eventually('a sweep', async () =>
      Number(await redis.command('EXISTS', '{enough}:sweep')));
    await redis.command('SET', '{enough}:id', `${Date.now()}-0`); // as if others had published
    await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await server.untilMetric('a replay', (now) => now.broker_replays_total > 0);
    assert.equal(await redis.command('ACL', 'LOG'), '');
    assert.doesNotMatch(server.stderr, /redis_refuses|NOPERM/);
  });

  await t.test('has no right that we do not need', async (t) => {
    const rights = documentedAcl(7).filter((word) => /^[+~&]/.test(word));
    assert.ok(rights.length > 10);
    const areNeeded = rights.map(async (right, i) => {
      const name = `without-${i}-`;
      const { session } = await startRestricted(t, redis, name, { without: right });
      session().catch(() => {}); // it does not get to its end
      await eventually(`something is refused without ${right}`, async () =>
        (await redis.command('ACL', 'LOG', '1000')).includes(name));
    });
    await Promise.all(areNeeded);
  });
});

test('what Redis refuses is said in the log, without secrets', async (t) => {
  const redis = await startRedis(t, { args: ['--requirepass', 'sesame'], cli: ['-a', 'sesame'] });
  const mute = await startRedis(t, { args: ['--rename-command', 'AUTH', ''] });
  await redis.command('ACL', 'SETUSER', 'narrow', 'on', '>sesame', '~*', '&*', '-@all');
  const { options } = redis;
  const cases = [
    ['no password', options, /NOAUTH/],
    ['a wrong password', { ...options, REDIS_PASSWORD: 'not sesame' }, /AUTH refused: WRONGPASS/],
    ['no such user', { ...options, REDIS_USERNAME: 'x', REDIS_PASSWORD: 'sesame' }, /WRONGPASS/],
    ['no rights', { ...options, REDIS_USERNAME: 'narrow', REDIS_PASSWORD: 'sesame' },
      /NOPERM .*'(script|ping)/],
    ['no such database', { ...options, REDIS_PASSWORD: 'sesame', REDIS_DB: '99' },
      /DB index is out of range/],
    ['a Redis that quotes what it does not know', { ...mute.options, REDIS_PASSWORD: 'sesame' },
      /AUTH refused: ERR unknown command/],
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

test('a user whose password is changed is shut out, and let in when it is right again', async (t) => {
  const redis = await startRedis(t);
  const setUser = (password) =>
    redis.command('ACL', 'SETUSER', 'hub', 'on', 'resetpass', `>${password}`, '~*', '&*', '+@all');
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

  await t.test('parts keys, not channels', async (t) => {
    const other = await startServer(t, redis.options);
    const live = await (await openClient(t, other)).subscribe('a');
    await client.publish('a', 'y');
    await live.untilText('y');
  });
});

test('REDIS_HOST may be the path of a Unix socket', async (t) => {
  const redis = await startRedis(t);
  const socket = join(redis.dir, 'redis.sock');
  redis.args.push('--unixsocket', socket);
  const server = await startServer(t, { BROKER: 'redis', REDIS_HOST: socket, REDIS_PORT: '1' },
    { ready: false });
  await eventually('it says what is missing', () => /No such file/.test(server.stderr));

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

test('a path that no socket can have is refused at the start', async () => {
  const { code, stderr } = await runToExit({ REDIS_HOST: `/${'x'.repeat(107)}` });
  assert.equal(code, 1);
  assert.match(stderr, /REDIS_HOST: the path of a socket is too long/);
});
