// Servers that must not be used: KeyDB with active-replica, where several servers accept writes.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { defer } from './support/cleanup.mjs';
import { FakeRedis, startFakeRedis } from './support/fake-redis.mjs';
import { startRedis } from './support/redis.mjs';
import { openClient } from './support/rpc.mjs';
import { DEFAULTS, runToExit, startServer } from './support/server.mjs';

/** The part of KeyDB's answer to INFO that matters. */
const infoOf = (role) => ['# Server', 'redis_version:6.3.4', 'redis_mode:standalone',
  'executable:/usr/local/bin/keydb-server', '# Replication', `role:${role}`,
  'master_replid:0123456789012345678901234567890123456789', ''].join('\r\n');

const like = (role) => (words) => (words[0].toUpperCase() === 'INFO' ? infoOf(role) : 'politely');

const optionsFor = (port) => ({ BROKER: 'redis', REDIS_HOST: '127.0.0.1', REDIS_PORT: String(port) });

test('refuses to start with KeyDB as an active replica', async (t) => {
  const keydb = await startFakeRedis(t, like('active-replica'));
  const { code, stderr } = await runToExit({ ...DEFAULTS, ...optionsFor(keydb.port) });
  assert.equal(code, 1);
  const errors = stderr.split('\n').filter((line) => / error event=/.test(line));
  assert.equal(errors.length, 1, stderr);
  assert.match(errors[0], /event=redis_unusable why="this is an active replica .*several servers accept writes/);
  assert.equal(keydb.count('EVAL'), 0);
  assert.equal(keydb.count('SUBSCRIBE'), 0);
});

test('says in --check-broker that an active replica cannot be used', async (t) => {
  const keydb = await startFakeRedis(t, like('active-replica'));
  const { code, stdout } = await runToExit(optionsFor(keydb.port), { args: ['--check-broker'] });
  assert.match(stdout, /^fail .*active replica/m);
  assert.equal(code, 1);
});

test('is not ready while its Redis is replaced by an active replica', async (t) => {
  const redis = await startRedis(t);
  const server = await startServer(t, { ...redis.options, BROKER_TIMEOUT: '1' });
  const client = await openClient(t, server);
  await client.publish('a', 'before');
  await redis.end();
  const keydb = new FakeRedis(like('active-replica'));
  await new Promise((resolve) => keydb.listener.listen(redis.port, '127.0.0.1', resolve));
  defer(t, () => keydb.close());
  await server.untilReason(/active replica/);
  await assert.rejects(client.publish('a', 'meanwhile'));
  assert.equal(keydb.count('EVAL'), 0);
  assert.equal([...server.stderr.matchAll(/event=redis_unusable/g)].length, 1);
  await keydb.close();
  await redis.start();
  await server.untilReadiness(200);
  await client.publish('a', 'after');
});
