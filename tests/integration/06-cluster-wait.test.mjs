// REDIS_WAIT: a write is answered ok only when enough replicas have it.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ALL_CHANNELS } from './support/engine.mjs';
import { httpRequest } from './support/http.mjs';
import { startRedis } from './support/redis.mjs';
import { errorOf, numbered, openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { eventually } from './support/wait.mjs';

const HOUR_MS = 3_600_000;

/** Deletes the log of a topic; resolves to [status, body]. */
async function purge(server, topic) {
  const { status, body } = await httpRequest(server, 'DELETE', `/api/log/${topic}`);
  return [status, JSON.parse(body)];
}

/** Starts a Redis with a replica that has caught up, and a server with REDIS_WAIT=1. */
async function startReplicated(t, options = {}) {
  const redis = await startRedis(t, { args: ['--repl-diskless-sync-delay', '0'] });
  const replica = await startRedis(t, { args: ['--replicaof', '127.0.0.1', String(redis.port)] });
  await eventually('a replica that has caught up', async () =>
    /state=online/.test(await redis.command('INFO', 'replication')) &&
    (await redis.command('WAIT', '1', '100')) === '1');
  const server = await startServer(t, { ...redis.options, REDIS_WAIT: '1', ENABLE_API: 'true', ...options });
  return { redis, replica, server, client: await openClient(t, server) };
}

test('answers writes that a replica has', async (t) => {
  const { replica, server, client } = await startReplicated(t);
  const lengthAt = async (topic) =>
    Number(await replica.command('XLEN', `{eventhub}:log:${topic}`));

  await client.publish('waited', 'one');
  assert.equal(await lengthAt('waited'), 1); // at once
  await client.publishAll('waited', numbered('m', 200));
  assert.equal(await lengthAt('waited'), 201);
  assert.deepEqual(await purge(server, 'waited'), [200, { removed: 201, complete: true }]);
  assert.equal(await lengthAt('waited'), 0);

  await client.call('set', { key: 'k', value: 'v' });
  assert.equal(await replica.command('GET', '{eventhub}:kv:k'), 'v');
  assert.equal((await client.call('get', { key: 'k' })).value, 'v');
  await client.call('del', { key: 'k' });
  assert.equal(await replica.command('EXISTS', '{eventhub}:kv:k'), '0');
});

test('answers "outcome unknown" while the replica is away', async (t) => {
  const { replica, server, client } = await startReplicated(t, { BROKER_TIMEOUT: '2' });
  const log = async () => (await client.call('eventlog', { topic: 'waited', since: -HOUR_MS }))
    .items.map(({ message }) => message);

  await client.publish('waited', 'before');
  await replica.freeze();
  const begin = Date.now();
  const errors = await Promise.all([
    errorOf(client.publish('waited', 'alone')),
    errorOf(client.call('set', { key: 'k', value: 'v' })),
  ]);
  for (const error of errors) assert.match(error.data, /^outcome unknown/);
  assert.ok(Date.now() - begin < 5000, 'before the deadline, or soon after');
  assert.deepEqual(await log(), ['before', 'alone']); // Redis keeps it
  assert.equal((await client.call('get', { key: 'k' })).value, 'v');

  // The lane goes on: each further WAIT takes only a moment.
  for (const text of numbered('m', 5))
    assert.match((await errorOf(client.publish('waited', text))).data, /^outcome unknown/);
  assert.deepEqual(await purge(server, 'unwaited'), [503, { error: 'outcome unknown' }]);
  await eventually('a line in the log', () =>
    /event=redis_wait_fails .*replicas=0 .*wanted=1/.test(server.stderr));

  replica.thaw();
  await eventually('ok again', () => client.publish('waited', 'after').then(() => true, () => false));
  await eventually('another one', () => /event=redis_wait_succeeds/.test(server.stderr));
  assert.equal(server.stderr.match(/event=redis_wait_fails/g).length, 1);
});

test('answers "outcome unknown" when the user may not wait', async (t) => {
  const redis = await startRedis(t);
  await redis.command('ACL', 'SETUSER', 'hub', 'on', '>sesame', '~*', ...ALL_CHANNELS,
    '+@all', '-wait');
  const server = await startServer(t, {
    ...redis.options, REDIS_USERNAME: 'hub', REDIS_PASSWORD: 'sesame', REDIS_WAIT: '1',
  });
  const client = await openClient(t, server);
  for (const text of numbered('m', 3))
    assert.match((await errorOf(client.publish('waited', text))).data, /^outcome unknown/);
  await eventually('a line in the log', () => /event=redis_wait_fails .*NOPERM/.test(server.stderr));
  assert.equal(server.stderr.match(/event=redis_wait_fails/g).length, 1);
});

test('confirms writes on connections that SIGHUP replaces', async (t) => {
  const { server, client } = await startReplicated(t, { BROKER_TIMEOUT: '30' });
  const others = await Promise.all(numbered('c', 5).map(() => openClient(t, server)));
  let isOver = false;
  let n = 0;
  const publish = async (one, i) => {
    for (; !isOver; n++) await one.publishAll(`waited/${i}`, numbered('m', 10));
  };
  const running = Promise.all([client, ...others].map(publish));
  for (let renewals = 1; renewals <= 5; renewals++) {
    const before = n;
    await eventually('progress', () => n >= before + 6);
    server.child.kill('SIGHUP');
    await eventually('new connections', () =>
      server.stderr.match(/event=redis_renewed/g)?.length === renewals);
  }
  isOver = true;
  await running; // no publish has failed
});
