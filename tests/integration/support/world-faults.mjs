// The faults of the worlds (worlds.mjs). Each is a function of the world and the run; it returns when the
// fault is over, and the world then waits until all its servers are well again.
//   keeps        Redis keeps everything that it answered
//   interleaves  two masters may take publishes at the same time, so that their ids interleave
//   moves        another server, or one that was restarted, becomes the master: the time until each
//                node publishes again is measured, unless one of them `hangs`
// A fault without `worlds` is for all of them.

import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { withRedis } from './resp.mjs';
import { eventually } from './wait.mjs';

const HALF_WAY_MS = 2000;
const PAUSE_MS = 800;
const RUSH_MS = 50;
const LONG_PAUSE_MS = 4000;
const STALE_MS = 300; // how long the old and the new master serve at the same time, at least

async function cut(world, type) {
  await withRedis(await world.master(), (redis) => redis.call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes'));
}

/** Changes a setting of the master until `until` is over. */
async function withSetting(world, [name, value, normal], until) {
  const master = await world.master();
  await master.command('CONFIG', 'SET', name, value);
  await until(master);
  await master.command('CONFIG', 'SET', name, normal);
}

async function smallBuffers(world, run) {
  const buffers = ['client-output-buffer-limit', 'pubsub 1024 0 0', 'pubsub 33554432 8388608 60'];
  const feedsOf = async (master) => {
    const list = await master.command('CLIENT', 'LIST', 'TYPE', 'pubsub');
    return [...list.matchAll(/^id=(\d+)/gm)].map(([, id]) => id);
  };
  const before = await feedsOf(await world.master()); // and those of Sentinels
  await withSetting(world, buffers, (master) => eventually('Redis drops a feed', async () => {
    run.publishLarge(60_000);
    await run.untilPassed(3);
    const now = await feedsOf(master);
    return before.some((id) => !now.includes(id));
  }));
}

/**
 * While many publishes are under way: they are refused, and sent again in their order. But if another
 * link or node loads the scripts while some of them are on their way, these are done before those.
 */
async function flushScripts(world, run) {
  await withRedis(await world.master(), async (redis) => {
    for (let i = 0; i < 5; i++) {
      run.publishMany();
      await redis.call('SCRIPT', 'FLUSH');
      await run.untilPassed(20);
    }
  });
}

async function outOfMemory(world, run) {
  await withSetting(world, ['maxmemory', '1', '0'], () => run.untilFailed(5));
}

/**
 * Kills the master. It comes back when another server has become the master, or at once if no other can.
 * `meanwhile` is called while there is no master.
 */
async function kill(world, run, meanwhile = async () => {}) {
  const old = await world.master();
  await old.kill();
  await meanwhile();
  await world.untilMasterIsNot(old);
  if (!world.isAlone) await run.untilPassed(20);
  await old.start();
}

/** Stops the master until it has been replaced, or for long enough to be noticed if it cannot be. */
async function freeze(world, run) {
  const old = await world.master();
  await old.freeze();
  if (world.isAlone) await run.untilFailed(5);
  else await world.untilMasterIsNot(old);
  old.thaw();
  await delay(STALE_MS);
}

/** The replica gets nothing for a while; then the master is killed: what it took last is lost. */
async function loseTail(world, run, meanwhile) {
  const old = await world.master();
  await old.command('ACL', 'SETUSER', 'replica', 'off');
  await old.command('CLIENT', 'KILL', 'TYPE', 'replica');
  await eventually('the master has no replica', async () =>
    /connected_slaves:0/.test(await old.command('INFO', 'replication')));
  await run.untilPassed(10 + run.random.below(40));
  await kill(world, run, meanwhile);
}

/** Redis is replaced by an older copy of itself. */
async function olderCopy(world, run, meanwhile = async () => {}) {
  const redis = await world.master();
  const copy = mkdtempSync(join(tmpdir(), 'eventhub-copy-'));
  cpSync(redis.dir, copy, { recursive: true });
  await run.untilPassed(10 + run.random.below(60));
  await redis.kill();
  await meanwhile();
  rmSync(redis.dir, { recursive: true });
  cpSync(copy, redis.dir, { recursive: true });
  rmSync(copy, { recursive: true });
  await redis.start();
}

/**
 * Messages are lost that the first node knows, and the others do not: they hang before these are
 * published. They are the first to come back to Redis, and publish, while the first node hangs.
 */
const unseen = (lose) => async (world, run) => {
  const [first, ...others] = run.nodes;
  await Promise.all(others.map((node) => run.freeze(node)));
  await cut(world, 'pubsub'); // otherwise their kernel would take the messages
  await first.untilReadiness(200);
  await lose(world, run, async () => {
    await run.freeze(first);
    for (const node of others) run.thaw(node);
  });
  await Promise.all(others.map((node) => node.untilReadiness(200)));
  await run.untilPassed(20);
  await world.heal(); // the first node knows only the old master, which starts again without its data
  run.thaw(first);
};

// Moving our slot to another master of the Cluster -------------------------------------------------

class Migration {
  constructor(world, { slot, source, target, ids }) {
    Object.assign(this, { world, slot, source, target, ids });
  }

  static async begin(world, run) {
    const source = await world.master();
    const masters = (await world.redis.view(source)).filter(({ flags }) =>
      flags.includes('master') && !flags.includes('fail'));
    const target = world.redis.node(run.random.pick(masters.filter(({ port }) => port !== source.port)).port);
    const idOf = (node) => masters.find(({ port }) => port === node.port).id;
    const slot = String(await world.redis.slotOf(world.key));
    const ids = { source: idOf(source), target: idOf(target) };
    await target.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', ids.source);
    await source.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', ids.target);
    return new Migration(world, { slot, source, target, ids });
  }

  /** Moves `count` keys; fewer if there are no more. */
  async move(count = Infinity) {
    await withRedis(this.source, async (redis) => {
      while (count > 0) {
        const keys = await redis.call('CLUSTER', 'GETKEYSINSLOT', this.slot, Math.min(count, 10));
        if (keys.length === 0) return;
        await redis.call('MIGRATE', '127.0.0.1', this.target.port, '', 0, 5000, 'KEYS', ...keys);
        count -= keys.length;
      }
    });
  }

  async moveHalf(run) {
    const keys = Number(await this.source.command('CLUSTER', 'COUNTKEYSINSLOT', this.slot));
    await this.move(1 + run.random.below(Math.max(1, keys - 1)));
  }

  async finish() {
    await this.move();
    for (const node of [this.target, this.source]) {
      await node.command('CLUSTER', 'SETSLOT', this.slot, 'NODE', this.ids.target);
    }
  }

  /** Possible while no key has moved: later, the only way back is to finish and move them again. */
  async abort() {
    for (const node of [this.target, this.source]) await node.command('CLUSTER', 'SETSLOT', this.slot, 'STABLE');
  }
}

async function migrate(world, run) {
  const migration = await Migration.begin(world, run);
  await delay(run.random.below(300)); // nothing passes: Redis refuses scripts of which a key is missing
  await migration.finish();
}

async function migrateSlowly(world, run) {
  const migration = await Migration.begin(world, run);
  await migration.moveHalf(run);
  await delay(HALF_WAY_MS); // the time is the fault
  await migration.finish();
}

async function abortMigration(world, run) {
  const migration = await Migration.begin(world, run);
  await delay(run.random.below(1000));
  await migration.abort();
}

/** Makes the master look dead to the Sentinels. It goes on when it has been replaced. */
async function pauseLong(world) {
  const old = await world.master();
  await old.command('CLIENT', 'PAUSE', String(LONG_PAUSE_MS));
  await world.untilMasterIsNot(old);
}

/**
 * Two masters take publishes for a while: one node knows only the old one. If that takes more than a second, as
 * on a busy machine, both masters issue the same ids (docs/ids.md), and the judge complains.
 */
async function splitBrain(world, run) {
  const heal = await world.divide();
  await Promise.all(run.nodes.map((node) => node.untilReadiness(200)));
  await run.untilPassed(60);
  await heal();
}

/** While many publishes are under way: in a Cluster, those are refused that come too late. */
const failover = (mode) => async (world, run) => {
  const rush = setInterval(() => run.publishMany(), RUSH_MS);
  await world.failover(mode).finally(() => clearInterval(rush));
};

export const FAULTS = {
  'cut feeds': { keeps: true, begin: (world) => cut(world, 'pubsub') },
  'cut commands': { keeps: true, begin: (world) => cut(world, 'normal') },
  'pause': {
    worlds: ['single', 'cluster'], keeps: true,
    begin: async (world) => (await world.master()).command('CLIENT', 'PAUSE', String(PAUSE_MS)),
  },
  'small buffers': { keeps: true, begin: smallBuffers },
  'flush scripts': { keeps: true, begin: flushScripts },
  'out of memory': { keeps: true, begin: outOfMemory },
  'empty': { begin: async (world) => (await world.master()).command('FLUSHALL') },

  'kill redis': { worlds: ['single'], keeps: true, moves: true, begin: kill },
  'freeze redis': { worlds: ['single'], keeps: true, begin: freeze },
  'an older copy': { worlds: ['single'], moves: true, begin: olderCopy },
  'an unseen older copy': { worlds: ['single'], moves: true, hangs: true, begin: unseen(olderCopy) },

  'kill the master': { worlds: ['sentinel', 'cluster'], moves: true, begin: kill },
  'a master that comes back': {
    worlds: ['sentinel', 'cluster'], interleaves: true, moves: true, begin: freeze,
  },
  'a lost tail': { worlds: ['sentinel', 'cluster'], moves: true, begin: loseTail },
  'an unseen lost tail': {
    worlds: ['sentinel', 'cluster'], moves: true, hangs: true, begin: unseen(loseTail),
  },
  'a long pause': { worlds: ['sentinel'], interleaves: true, moves: true, begin: pauseLong },
  'split brain': {
    worlds: ['sentinel'], interleaves: true, moves: true, onlyByName: true, begin: splitBrain,
  },
  'SENTINEL FAILOVER': { worlds: ['sentinel'], interleaves: true, moves: true, begin: failover() },
  'CLUSTER FAILOVER': { worlds: ['cluster'], keeps: true, moves: true, begin: failover('') },
  'CLUSTER FAILOVER FORCE': {
    worlds: ['cluster'], interleaves: true, moves: true, begin: failover('FORCE'),
  },
  'CLUSTER FAILOVER TAKEOVER': {
    worlds: ['cluster'], interleaves: true, moves: true, begin: failover('TAKEOVER'),
  },
  'a migration': { worlds: ['cluster'], keeps: true, begin: migrate },
  'a migration that stops half way': { worlds: ['cluster'], keeps: true, begin: migrateSlowly },
  'a migration that is aborted': { worlds: ['cluster'], keeps: true, begin: abortMigration },
};

/** The names of the faults that a world can have; of those in `named`, if there are any. */
export function faultsOf(kind, named = null) {
  return Object.keys(FAULTS).filter((name) => (FAULTS[name].worlds?.includes(kind) ?? true)
    && (named ? named.includes(name) : !FAULTS[name].onlyByName));
}
