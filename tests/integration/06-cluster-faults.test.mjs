// Each way in which Redis can fail, by the same measure: two nodes that publish and listen all the
// time. Clients stay connected and are answered, publishes fail in time and say what is known,
// readiness turns and turns back, and in the end every subscriber has what was answered ok: in
// order, once.

import assert from 'node:assert/strict';
import { mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { Cluster } from './support/faults.mjs';
import { startProxy } from './support/proxy.mjs';
import { startRedis } from './support/redis.mjs';
import { eventually } from './support/wait.mjs';

const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always'];
const PASSWORD = 'open sesame';
const auth = (password) => ['-a', password];

/** A script that runs until it is killed. */
async function beBusy(redis) {
  redis.command('EVAL', 'while true do end', '0').catch(() => {}); // it is killed
  await eventually('Redis is busy', async () => /BUSY/.test(await redis.command('GET', 'x')));
}

/** Snapshots fail from now on: a directory stands where the file should be. */
async function failToSave(redis) {
  mkdirSync(join(redis.dir, 'dump.rdb'));
  await redis.command('CONFIG', 'SET', 'save', '3600 1');
  await redis.command('BGSAVE');
  await eventually('a snapshot has failed', async () =>
    /rdb_last_bgsave_status:err/.test(await redis.command('INFO', 'persistence')));
}

async function saveAgain(redis) {
  rmdirSync(join(redis.dir, 'dump.rdb'));
  await redis.command('CONFIG', 'SET', 'save', '');
}

async function loadSlowly(redis) {
  const fill = "for i = 1, 6000 do redis.call('SET', 'ballast:' .. i, 'x') end";
  await redis.command('EVAL', fill, '0');
  await redis.kill();
  await redis.start({ args: ['--key-load-delay', '1000'], isLoading: true });
}

/**
 * begin, end: of the fault. data: what publishes fail with meanwhile. loses: what was answered ok
 * before may be gone from the log afterwards.
 */
const FAULTS = [
  { name: 'killed and started again',
    args: DURABLE,
    begin: (redis) => redis.kill(),
    end: (redis) => redis.start() },
  { name: 'ended and started again, empty',
    begin: (redis) => redis.end(),
    end: (redis) => redis.start(),
    loses: true },
  { name: 'paused (SIGSTOP)',
    begin: (redis) => redis.freeze(),
    end: (redis) => redis.thaw() },
  { name: 'paused (CLIENT PAUSE)',
    begin: (redis) => redis.command('CLIENT', 'PAUSE', '4000'),
    end: (redis) => redis.command('PING') }, // which waits for the end like everybody
  { name: 'a replica (READONLY)',
    begin: (redis) => redis.command('REPLICAOF', '127.0.0.1', '1'),
    end: (redis) => redis.command('REPLICAOF', 'NO', 'ONE') },
  { name: 'out of memory (OOM)',
    begin: (redis) => redis.command('CONFIG', 'SET', 'maxmemory', '1'),
    end: (redis) => redis.command('CONFIG', 'SET', 'maxmemory', '0'),
    data: /^not published/ },
  { name: 'cannot save (MISCONF)', begin: failToSave, end: saveAgain, data: /^not published/ },
  { name: 'too few replicas (NOREPLICAS)',
    begin: (redis) => redis.command('CONFIG', 'SET', 'min-replicas-to-write', '1'),
    end: (redis) => redis.command('CONFIG', 'SET', 'min-replicas-to-write', '0'),
    data: /^not published/ },
  { name: 'busy with a script (BUSY)',
    args: ['--lua-time-limit', '100'],
    begin: beBusy,
    end: (redis) => redis.command('SCRIPT', 'KILL') },
  { name: 'loading (LOADING)',
    args: DURABLE,
    begin: loadSlowly,
    end: (redis) => redis.command('CONFIG', 'SET', 'key-load-delay', '0') },
  { name: 'its password changes',
    args: ['--requirepass', PASSWORD],
    cli: auth(PASSWORD),
    options: { REDIS_PASSWORD: PASSWORD },
    async begin(redis) {
      await redis.command('CONFIG', 'SET', 'requirepass', 'another');
      redis.cli = auth('another');
      for (const type of ['normal', 'pubsub']) await redis.command('CLIENT', 'KILL', 'TYPE', type);
    },
    end: (redis) => redis.command('CONFIG', 'SET', 'requirepass', PASSWORD) },
];

for (const { name, args = [], cli = [], options = {}, begin, end, data, loses } of FAULTS) {
  test(`Redis: ${name}`, async (t) => {
    const redis = await startRedis(t, { args, cli });
    const cluster = await Cluster.start(t, { ...redis.options, ...options });
    const before = cluster.errors.length;

    await begin(redis);
    const begunAt = performance.now();
    await cluster.untilReadiness(503);
    const unreadyAfter = performance.now() - begunAt;
    await cluster.untilFailures(before + 20);

    await end(redis);
    const endedAt = performance.now();
    await cluster.untilReadiness(200);
    const readyAfter = performance.now() - endedAt;
    await cluster.untilAllPass(10);
    await cluster.stop();

    t.diagnostic(`unready after ${unreadyAfter.toFixed()} ms, ready again after ` +
      `${readyAfter.toFixed()} ms, ${cluster.errors.length} publishes failed, the slowest after ` +
      `${cluster.worstFailure.toFixed()} ms; the worst ping ${cluster.worstPing.toFixed(1)} ms`);
    cluster.assertPromises();
    if (data) for (const { error } of cluster.errors) assert.match(error.data, data);
    for (const { messages } of cluster.seen) {
      cluster.assertHolds(messages.filter(({ id }) => id).map(({ message }) => message));
    }
    cluster.assertHolds(await cluster.logged(), { mayLose: loses });
  });
}
