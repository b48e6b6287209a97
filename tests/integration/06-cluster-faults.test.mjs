// Every way in which Redis can fail, tested alike: two nodes publish and listen all the time. Clients
// stay connected and are answered. Publishes fail in time and report what is known. Readiness goes off
// and comes back. In the end every subscriber has every message that was answered ok, in order, once.

import assert from 'node:assert/strict';
import { mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { SKIP_NO_REPLICAS } from './support/engine.mjs';
import { Cluster } from './support/faults.mjs';
import { startProxy } from './support/proxy.mjs';
import { startRedis } from './support/redis.mjs';
import { eventually } from './support/wait.mjs';

const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always'];
const PASSWORD = 'open sesame';
const auth = (password) => ['-a', password];

/** Starts a script that runs until it is killed. */
async function beBusy(redis) {
  redis.command('EVAL', 'while true do end', '0').catch(() => {}); // it ends with an error
  await eventually('Redis is busy', async () => /BUSY/.test(await redis.command('GET', 'x')));
}

/** Makes snapshots fail: a directory takes the place of the file. */
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
 * begin, end: of the fault. data: the error of publishes meanwhile. loses: messages answered ok before
 * may be missing from the log afterwards.
 */
const FAULTS = [
  { name: 'Redis is killed and started again',
    args: DURABLE,
    begin: (redis) => redis.kill(),
    end: (redis) => redis.start() },
  { name: 'Redis is stopped and started again without data',
    begin: (redis) => redis.end(),
    end: (redis) => redis.start(),
    loses: true },
  { name: 'Redis is paused (SIGSTOP)',
    begin: (redis) => redis.freeze(),
    end: (redis) => redis.thaw() },
  { name: 'Redis is paused (CLIENT PAUSE)',
    begin: (redis) => redis.command('CLIENT', 'PAUSE', '8000'), // enough to become unready
    end: (redis) => redis.command('PING') }, // waits for the end of the pause, as all commands do
  { name: 'Redis becomes a replica (READONLY)',
    begin: (redis) => redis.command('REPLICAOF', '127.0.0.1', '1'),
    end: (redis) => redis.command('REPLICAOF', 'NO', 'ONE') },
  { name: 'Redis is out of memory (OOM)',
    begin: (redis) => redis.command('CONFIG', 'SET', 'maxmemory', '1'),
    end: (redis) => redis.command('CONFIG', 'SET', 'maxmemory', '0'),
    data: /^not published/ },
  { name: 'Redis cannot save (MISCONF)', begin: failToSave, end: saveAgain, data: /^not published/ },
  { name: 'Redis has too few replicas (NOREPLICAS)',
    skip: SKIP_NO_REPLICAS,
    begin: (redis) => redis.command('CONFIG', 'SET', 'min-replicas-to-write', '1'),
    end: (redis) => redis.command('CONFIG', 'SET', 'min-replicas-to-write', '0'),
    data: /^not published/ },
  { name: 'Redis is busy with a script (BUSY)',
    args: ['--lua-time-limit', '100'],
    begin: beBusy,
    end: (redis) => redis.command('SCRIPT', 'KILL') },
  { name: 'Redis is loading (LOADING)',
    args: DURABLE,
    begin: loadSlowly,
    end: (redis) => redis.command('CONFIG', 'SET', 'key-load-delay', '0') },
  { name: 'the password of Redis changes',
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

for (const { name, args = [], cli = [], options = {}, begin, end, data, loses, skip } of FAULTS) {
  test(`keeps its promises when ${name}`, { skip }, async (t) => {
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
