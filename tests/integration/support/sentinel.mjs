// A Redis master with replicas, watched by Sentinels.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { defer } from './cleanup.mjs';
import { freePort } from './port.mjs';
import { Redis } from './redis.mjs';
import { eventually } from './wait.mjs';

const HOST = '127.0.0.1';
const AGAIN_MS = 4000; // longer than a failover takes

// How often a Sentinel looks at the servers, in ms, in place of once in several seconds. (SENTINEL
// DEBUG exists since Redis 7.0; before that everything takes longer.) A Sentinel promotes no replica
// whose INFO is older than five periods of a ping, and asks for INFO once a second while the master is
// down.
const PERIODS = ['INFO-PERIOD', '200', 'PUBLISH-PERIOD', '200', 'PING-PERIOD', '300', 'ASK-PERIOD', '100'];

/** Turns the lines of names and values that redis-cli prints for a map into an object. */
function pairs(text) {
  const lines = text.split('\n');
  const object = {};
  for (let i = 0; i + 1 < lines.length; i += 2) object[lines[i]] = lines[i + 1];
  return object;
}

/** A Sentinel: a redis-server in another mode. Its configuration file is its memory. */
class Sentinel extends Redis {
  id = randomBytes(20).toString('hex');

  configure(lines) {
    writeFileSync(join(this.dir, 'sentinel.conf'), `${lines.join('\n')}\n`);
  }

  async start() {
    await super.start();
    await this.command('SENTINEL', 'DEBUG', ...PERIODS);
  }

  spawn() {
    const args = [join(this.dir, 'sentinel.conf'), '--sentinel'];
    return spawn('redis-server', args, { stdio: 'ignore', env: { ...process.env, ...this.env } });
  }
}

export class SentinelWorld {
  constructor({ name, nodes, sentinels }) {
    this.name = name;
    this.nodes = nodes; // all servers of data; the first one is the first master
    this.sentinels = sentinels;
  }

  /** The options of a server that finds its Redis with these Sentinels. */
  get options() {
    return {
      BROKER: 'redis',
      REDIS_SENTINELS: this.sentinels.map(({ port }) => `${HOST}:${port}`).join(','),
      REDIS_SENTINEL_MASTER: this.name,
    };
  }

  node(port) {
    return this.nodes.find((node) => node.port === port);
  }

  /** Resolves to what a Sentinel that answers knows about the master: { ip, port, flags, … } */
  async status() {
    for (const sentinel of this.sentinels) {
      const text = await sentinel.command('SENTINEL', 'MASTER', this.name).catch(() => '');
      if (text.startsWith('name\n')) return pairs(text);
    }
    return {};
  }

  /** The server that the Sentinels call the master. */
  async master() {
    return this.node(Number((await this.status()).port));
  }

  replicas(master) {
    return this.nodes.filter((node) => node !== master);
  }

  /** The master that the Sentinels name, if it is another one than this and accepts writes. */
  async #masterOtherThan(old) {
    const master = await this.master();
    if (!master || master === old) return null;
    return (await master.command('ROLE').catch(() => '')).startsWith('master') ? master : null;
  }

  untilMasterIsNot(old) {
    return eventually('the Sentinels name another master', () => this.#masterOtherThan(old));
  }

  /**
   * Asks for a planned failover and waits for it; resolves to the new master. On a busy machine a
   * Sentinel may give up, since it calls the replica down, or soon fail over back. So it is asked again.
   */
  async failover() {
    const old = await this.master();
    let acceptedAt = 0;
    return eventually('a Sentinel fails over', async () => {
      const master = await this.#masterOtherThan(old);
      if (master || Date.now() - acceptedAt < AGAIN_MS) return master;
      const answer = await this.sentinels[0].command('SENTINEL', 'FAILOVER', this.name);
      if (answer === 'OK') acceptedAt = Date.now();
      return null;
    });
  }

  /** Whether this Sentinel would find a replica to promote, and all agree with it. */
  async #isReady(sentinel) {
    const { flags } = pairs(await sentinel.command('SENTINEL', 'MASTER', this.name));
    const quorum = await sentinel.command('SENTINEL', 'CKQUORUM', this.name);
    const replica = pairs(await sentinel.command('SENTINEL', 'REPLICAS', this.name));
    return flags === 'master' && quorum.startsWith('OK') && replica['master-link-status'] === 'ok'
      && replica.flags === 'slave' && replica['role-reported'] === 'slave';
  }

  /** Waits until every running replica copies from the master, and every Sentinel knows it. */
  async untilReplicated() {
    await eventually('the Sentinels agree on a master with replicas', async () => {
      for (const sentinel of this.sentinels) {
        if (sentinel.isRunning && !await this.#isReady(sentinel)) return false;
      }
      const replicas = this.replicas(await this.master()).filter((node) => node.isRunning);
      const infos = await Promise.all(replicas.map((node) => node.command('INFO', 'replication')));
      return infos.every((info) => /master_link_status:up/.test(info));
    });
  }
}

/**
 * Starts a master, its replicas and their Sentinels, and waits until a failover would succeed.
 * `args` and `cli` are for all servers of data and their redis-cli, `lines` are added to the
 * configuration of each Sentinel, `sentinelCli` is for their redis-cli.
 */
export async function startSentinels(t, {
  replicas = 1, sentinels: count = 3, downAfterMs = 500, name = 'main', args = [], cli = [],
  lines = [], sentinelCli = [],
} = {}) {
  const make = async (Kind, how) => {
    const redis = new Kind(await freePort(), how);
    defer(t, () => redis.done());
    return redis;
  };
  const nodes = [];
  for (let i = 0; i <= replicas; i++) {
    const more = i === 0 ? [] : ['--replicaof', HOST, String(nodes[0].port)];
    nodes.push(await make(Redis, {
      args: ['--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1', ...args],
      cli, env: {},
    }));
    await nodes[i].start({ args: more });
  }

  const sentinels = [];
  for (let i = 0; i < count; i++) {
    sentinels.push(await make(Sentinel, { args: [], cli: sentinelCli, env: {} }));
  }
  for (const sentinel of sentinels) {
    sentinel.configure([
      `port ${sentinel.port}`,
      `bind ${HOST}`,
      `dir ${sentinel.dir}`,
      `sentinel myid ${sentinel.id}`,
      `sentinel monitor ${name} ${HOST} ${nodes[0].port} ${Math.floor(count / 2) + 1}`,
      `sentinel down-after-milliseconds ${name} ${downAfterMs}`,
      `sentinel failover-timeout ${name} 1000`,
      ...nodes.slice(1).map((node) => `sentinel known-replica ${name} ${HOST} ${node.port}`),
      ...sentinels.filter((other) => other !== sentinel).map((other) =>
        `sentinel known-sentinel ${name} ${HOST} ${other.port} ${other.id}`),
      ...lines,
    ]);
    await sentinel.start();
  }
  const world = new SentinelWorld({ name, nodes, sentinels });
  await world.untilReplicated();
  return world;
}
