// bench/run compares the server with a Redis that runs the script of a publish alone. The arguments of
// that call are written there by hand, and must follow the script.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { loadScript, scriptCall } from '../../bench/experiments.mjs';
import { PLAIN } from '../../bench/scale.mjs';
import { startRedis } from './support/redis.mjs';

test('bench/run publishes as the server does', async (t) => {
  const redis = await startRedis(t);
  const sha = await loadScript(redis);
  const id = await redis.command(...scriptCall(sha));
  assert.match(id, /^\d+-\d+$/);
  assert.equal(await redis.command('GET', '{eventhub}:id'), id);
  assert.equal(await redis.command('XLEN', '{eventhub}:log:p/0/x'), '1');
});

test('the plain script that publishes are compared with appends and publishes', async (t) => {
  const redis = await startRedis(t);
  await redis.command('EVAL', PLAIN, '1', 'log', 'text', 'channel');
  assert.equal(await redis.command('XLEN', 'log'), '1');
  assert.match(await redis.command('INFO', 'commandstats'), /cmdstat_publish:calls=1,/);
});
