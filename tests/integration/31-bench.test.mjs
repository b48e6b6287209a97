// bench/run compares the server with a Redis that runs the script of a publish alone. The arguments of
// that call are written there by hand, and must follow the script.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { loadScript, scriptCall } from '../../bench/experiments.mjs';
import { startRedis } from './support/redis.mjs';

test('bench/run publishes as the server does', async (t) => {
  const redis = await startRedis(t);
  const sha = await loadScript(redis);
  const id = await redis.command(...scriptCall(sha));
  assert.match(id, /^\d+-\d+$/);
  assert.equal(await redis.command('GET', '{eventhub}:id'), id);
  assert.equal(await redis.command('XLEN', '{eventhub}:log:p/0/x'), '1');
});
