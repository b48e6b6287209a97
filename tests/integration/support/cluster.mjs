// A Redis Cluster: masters that share the slots, each with replicas.

import { defer } from './cleanup.mjs';
import { isAtLeast } from './engine.mjs';
import { freePort } from './port.mjs';
import { Redis } from './redis.mjs';
import { eventually } from './wait.mjs';

const HOST = '127.0.0.1';
const SLOTS = 16384;

/** One line of CLUSTER NODES. */
function parseNode(line) {
  const [id, address, flags, master, , , epoch, link, ...ranges] = line.split(' ');
  const port = Number(/:(\d+)@/.exec(address)[1]);
  return { id, port, flags: flags.split(','), master, epoch: Number(epoch), link, ranges };
}

function owns({ ranges }, slot) {
  return ranges.some((range) => {
    const [first, last = first] = range.split('-').map(Number); // NaN: a slot that migrates
    return first <= slot && slot <= last;
  });
}

export class ClusterWorld {
  #slots = new Map(); // key to slot: it must be known while a node hangs

  constructor(nodes) {
    this.nodes = nodes;
  }

  /** The options of a server that uses this cluster; `seeds` defaults to all nodes. */
  optionsFor(seeds = this.nodes.map(({ port }) => port)) {
    return { BROKER: 'redis', REDIS_HOST: seeds.map((port) => `${HOST}:${port}`).join(',') };
  }

  get options() {
    return this.optionsFor();
  }

  node(port) {
    return this.nodes.find((node) => node.port === port);
  }

  /** Resolves to what this node, or any that answers, knows about all nodes. */
  async view(from = null) {
    for (const node of from ? [from] : this.nodes) {
      const text = await node.command('CLUSTER', 'NODES').catch(() => '');
      if (text.includes('myself')) return text.split('\n').map(parseNode);
    }
    return [];
  }

  async slotOf(key) {
    if (!this.#slots.has(key)) {
      this.#slots.set(key, Number(await this.#any('CLUSTER', 'KEYSLOT', key)));
    }
    return this.#slots.get(key);
  }

  async #any(...words) {
    for (const node of this.nodes) {
      const text = await node.command(...words).catch(() => null);
      if (text !== null) return text;
    }
    throw new Error('no node of the cluster answers');
  }

  /** The master that owns the slot of this key, as `from` knows it. */
  async owner(key = '{eventhub}', from = null) {
    const slot = await this.slotOf(key);
    const owner = (await this.view(from)).find((node) =>
      node.flags.includes('master') && !node.flags.includes('fail') && owns(node, slot));
    return owner && this.node(owner.port);
  }

  async replicasOf(master) {
    const view = await this.view();
    const { id } = view.find(({ port }) => port === master.port);
    return view.filter((node) => node.master === id).map(({ port }) => this.node(port));
  }

  /** Waits until another node than this one owns the key, and confirms it. */
  untilOwnerIsNot(old, key = '{eventhub}') {
    return eventually('another node owns the slot', async () => {
      for (const node of this.nodes) {
        if (node === old) continue;
        const owner = await this.owner(key, node).catch(() => null);
        if (owner && owner === node) return owner;
      }
      return null;
    });
  }

  /** A replica of the key's owner takes over; `mode` is '', 'FORCE' or 'TAKEOVER'. */
  async failover({ key = '{eventhub}', mode = '' } = {}) {
    const old = await this.owner(key);
    const [replica] = await this.replicasOf(old);
    await eventually('CLUSTER FAILOVER is accepted', async () =>
      await replica.command('CLUSTER', 'FAILOVER', ...(mode ? [mode] : [])) === 'OK');
    return this.untilOwnerIsNot(old, key);
  }

  /** Waits until all running nodes call the cluster ok and all running replicas are in step. */
  async untilOk() {
    await eventually('the cluster is ok', async () => {
      for (const node of this.nodes) {
        if (!node.isRunning) continue;
        if (!/cluster_state:ok/.test(await node.command('CLUSTER', 'INFO'))) return false;
        const info = await node.command('INFO', 'replication');
        if (/role:slave/.test(info) && !/master_link_status:up/.test(info)) return false;
      }
      return true;
    });
  }
}

/** Before Redis 7.0, the port of the cluster bus cannot be chosen. */
async function freePorts() {
  let port;
  do port = await freePort(); while (!isAtLeast(7) && port > 22000);
  return { port, bus: isAtLeast(7) ? await freePort() : port + 10000 };
}

/**
 * Starts a cluster and waits until it works. Node i is a master, and node masters + i its replica.
 * `args` and `cli` are for all servers and their redis-cli.
 */
export async function startCluster(t, {
  masters = 3, replicas = 1, nodeTimeoutMs = 1000, args = [], cli = [],
} = {}) {
  const nodes = [];
  const buses = [];
  for (let i = 0; i < masters * (1 + replicas); i++) {
    const { port, bus } = await freePorts();
    buses.push(bus);
    nodes.push(new Redis(port, {
      args: ['--cluster-enabled', 'yes', '--cluster-node-timeout', String(nodeTimeoutMs),
        ...isAtLeast(7) ? ['--cluster-port', String(buses[i]), '--cluster-allow-replica-migration', 'no'] : [],
        '--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1', ...args],
      cli, env: {},
    }));
    defer(t, () => nodes[i].done());
  }
  await Promise.all(nodes.map((node) => node.start()));
  const ids = await Promise.all(nodes.map((node) => node.command('CLUSTER', 'MYID')));

  await Promise.all(nodes.map((node, i) => node.command('CLUSTER', 'SET-CONFIG-EPOCH', String(i + 1))));
  for (let i = 0; i < masters; i++) {
    const first = Math.floor((SLOTS * i) / masters);
    const end = Math.floor((SLOTS * (i + 1)) / masters);
    const slots = Array.from({ length: end - first }, (_, slot) => String(first + slot));
    await nodes[i].command('CLUSTER', 'ADDSLOTS', ...slots);
  }
  for (let i = 1; i < nodes.length; i++) {
    await nodes[0].command('CLUSTER', 'MEET', HOST, String(nodes[i].port), String(buses[i]));
  }
  const world = new ClusterWorld(nodes);
  await eventually('all nodes know all nodes', async () => {
    for (const node of nodes) {
      const view = await world.view(node);
      if (view.length < nodes.length || view.some(({ flags }) => flags.includes('handshake'))) return false;
    }
    return true;
  });
  for (let i = masters; i < nodes.length; i++) {
    await nodes[i].command('CLUSTER', 'REPLICATE', ids[i % masters]);
  }
  await world.untilOk();
  await eventually('all nodes know who is a replica', async () => {
    for (const node of nodes) {
      const view = await world.view(node);
      if (view.filter(({ flags }) => flags.includes('slave')).length < nodes.length - masters) return false;
    }
    return true;
  });
  return world;
}
