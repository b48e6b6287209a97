// A client that is told "ok" misses nothing from then on, whatever happens between its node and Redis
// (support/races.mjs).
//   RACES=10000 SEED=7 node --test 06-cluster-races.test.mjs      many races, by hand

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startProxy } from './support/proxy.mjs';
import { Races } from './support/races.mjs';
import { startRedis } from './support/redis.mjs';
import { startServer } from './support/server.mjs';
import { scaled } from './support/wait.mjs';
import { complaints } from './support/world-run.mjs';

const SEED = Number(process.env.SEED ?? 2026);
const RACES = Number(process.env.RACES ?? scaled(300));
const HEAT = 300; // races that are judged together

test(`a client that has subscribed misses nothing [SEED=${SEED}]`, async (t) => {
  const redis = await startRedis(t);
  const proxy = await startProxy(t, redis.port);
  const options = { ...redis.options, WORKER_THREADS: '2', MAX_CACHE_LENGTH: '0' };
  const far = await startServer(t, options);
  const near = await startServer(t, { ...options, REDIS_PORT: String(proxy.port) });
  const races = new Races(t, { near, far, proxy, seed: SEED });
  await races.open();
  for (let done = 0; done < RACES; done += HEAT) {
    const verdict = await races.heat(Math.min(HEAT, RACES - done)).catch((error) => {
      t.diagnostic(`the history: ${races.history.save(error.stack)}`);
      throw error;
    });
    const wrong = complaints(verdict);
    if (wrong.length > 0) assert.fail(`the history: ${races.history.save(wrong)}\n${wrong.join('\n')}`);
  }
});
