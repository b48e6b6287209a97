// The worlds that nodes live in: one Redis; a master with a replica and three Sentinels; a Cluster of
// three masters with a replica each. A world can serve several runs, one after the other, each with a
// prefix of its own.

import { startCluster } from './cluster.mjs';
import { startProxy } from './proxy.mjs';
import { withRedis } from './resp.mjs';
import { startRedis } from './redis.mjs';
import { startSentinels } from './sentinel.mjs';
import { eventually } from './wait.mjs';

const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always'];
// Replicas and nodes log in as users of their own, so that a master can turn away the replicas, and the
// Sentinels, which are the default user.
const REPLICA = ['--user', 'replica', 'on', '>replica', '+psync', '+replconf', '+ping',
  '--masteruser', 'replica', '--masterauth', 'replica'];
const WATCHED = [...REPLICA, '--user', 'node', 'on', '>node', 'allkeys', 'allchannels', '+@all'];

class World {
  prefix = 'eventhub'; // of the current run

  constructor(kind, redis) {
    Object.assign(this, { kind, redis });
  }

  get key() {
    return `{${this.prefix}}`;
  }

  /** The options of the node with this number. */
  optionsOf() {
    return this.redis.options;
  }

  /** Every topic's log, as the master has it. */
  async log(topics) {
    return withRedis(await this.master(), async (redis) => {
      const entries = [];
      for (const topic of topics) {
        for (const [id, fields] of await redis.call('XRANGE', `${this.key}:log:${topic}`, '-', '+')) {
          entries.push({ id, topic, text: JSON.parse(fields[fields.indexOf('message') + 1]) });
        }
      }
      return entries;
    });
  }
}

class SingleWorld extends World {
  isAlone = true;

  get servers() {
    return [this.redis];
  }

  async master() {
    return this.redis;
  }

  async untilMasterIsNot() {} // there is no other

  async term() {
    return 0;
  }

  countFailovers() {
    return 0;
  }

  async heal() {
    await eventually('Redis answers', async () => await this.redis.command('PING') === 'PONG');
  }
}

class SentinelWorld extends World {
  proxies = []; // between the first node and the Sentinels

  optionsOf(node) {
    const options = { ...this.redis.options, REDIS_USERNAME: 'node', REDIS_PASSWORD: 'node' };
    if (node > 0) return options;
    const addresses = this.proxies.map(({ port }) => `127.0.0.1:${port}`);
    return { ...options, REDIS_SENTINELS: addresses.join(',') };
  }

  /**
   * Leaves the master alone with the first node: neither the Sentinels nor a replica reach it, and that node
   * reaches no Sentinel. Resolves to a function that undoes this.
   */
  async divide() {
    const old = await this.master();
    for (const proxy of this.proxies) proxy.cut();
    await old.command('ACL', 'SETUSER', 'default', '-ping'); // to the Sentinels, it is down
    await old.command('ACL', 'SETUSER', 'replica', 'off');
    await old.command('CLIENT', 'KILL', 'TYPE', 'replica');
    await this.untilMasterIsNot(old);
    return async () => {
      await old.command('ACL', 'SETUSER', 'default', '+ping');
      await old.command('ACL', 'SETUSER', 'replica', 'on');
      for (const proxy of this.proxies) proxy.restore();
    };
  }

  get servers() {
    return this.redis.nodes;
  }

  master() {
    return eventually('the Sentinels name a master', () => this.redis.master());
  }

  untilMasterIsNot(old) {
    return this.redis.untilMasterIsNot(old);
  }

  async failover() {
    await this.redis.failover();
  }

  /** A number that grows with each failover, and with each attempt that fails. */
  async term() {
    return Number((await this.redis.status())['config-epoch']);
  }

  countFailovers(before, term) {
    return term - before;
  }

  async heal() {
    await this.redis.untilReplicated();
    await eventually('all Sentinels name the same master', async () => {
      const ask = (sentinel) => sentinel.command('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', this.redis.name);
      const answers = await Promise.all(this.redis.sentinels.map(ask));
      return answers.every((answer) => answer === answers[0]);
    });
  }
}

class ClusterWorld extends World {
  get servers() {
    return this.redis.nodes;
  }

  /** The owner of our slot, as it says itself. */
  master() {
    return eventually('a node owns the slot', async () => {
      for (const node of this.servers) {
        if (!node.isRunning) continue;
        if (await this.redis.owner(this.key, node).catch(() => null) === node) return node;
      }
      return null;
    });
  }

  untilMasterIsNot(old) {
    return this.redis.untilOwnerIsNot(old, this.key);
  }

  /** The epoch in which the owner of our slot became one. */
  async term() {
    const { port } = await this.master();
    const view = await this.redis.view(this.redis.node(port));
    return view.find((node) => node.port === port).epoch;
  }

  /** At least so many: it grows by more than one. */
  countFailovers(before, term) {
    return term === before ? 0 : 1;
  }

  async failover(mode) {
    await this.redis.failover({ key: this.key, mode });
  }

  async heal() {
    await this.redis.untilOk();
    await eventually('all nodes of the cluster name the same owner', async () => {
      const owners = await Promise.all(this.servers.map((node) => this.redis.owner(this.key, node)));
      return owners[0] && owners.every((owner) => owner === owners[0]);
    });
  }
}

export async function startWorld(t, kind) {
  if (kind === 'single') return new SingleWorld(kind, await startRedis(t, { args: DURABLE }));
  if (kind === 'sentinel') {
    const redis = await startSentinels(t, { replicas: 1, args: WATCHED });
    const world = new SentinelWorld(kind, redis);
    for (const { port } of redis.sentinels) world.proxies.push(await startProxy(t, port));
    return world;
  }
  return new ClusterWorld(kind, await startCluster(t, { masters: 3, replicas: 1, args: REPLICA }));
}
