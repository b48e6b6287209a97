// Redis fails in every way that each world has (support/world-faults.mjs), while clients of two nodes
// publish, subscribe, come and go. In the end support/judge.mjs judges what they saw.
//   SEED=7 node --test 32-worlds.test.mjs      another seed; each run names its seed
//   ../worlds/run                              many seeds, by hand
// A seed gives the same faults and clients; how they overlap depends on timing.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { complaints, Run } from './support/world-run.mjs';
import { startWorld } from './support/worlds.mjs';

const SEED = Number(process.env.SEED ?? 2026);
const FAULTS = {
  single: ['cut feeds', 'small buffers', 'kill redis', 'an unseen older copy', 'empty'],
  sentinel: ['SENTINEL FAILOVER', 'a lost tail', 'a master that comes back'],
  cluster: ['CLUSTER FAILOVER', 'a migration that stops half way', 'a lost tail'],
};

for (const [kind, faults] of Object.entries(FAULTS)) {
  test(`every client gets what Redis kept, or is told what it lost: ${kind} [SEED=${SEED}]`, async (t) => {
    const run = new Run(t, await startWorld(t, kind), { seed: SEED, faults });
    const verdict = await run.go().catch((error) => {
      t.diagnostic(`the history: ${run.history.save(error.stack)}`);
      throw error;
    });
    const wrong = complaints(verdict);
    if (wrong.length > 0) {
      assert.fail(`SEED=${SEED}, the history: ${run.history.save(wrong)}\n${wrong.join('\n')}`);
    }
    assert.ok(verdict.messages > 50 * faults.length, 'enough was published');
  });
}
