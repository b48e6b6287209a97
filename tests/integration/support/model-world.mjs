// The broker and the nodes of a model test, and the troubles that they go through.

import { startRedis } from './redis.mjs';
import { openClient } from './rpc.mjs';
import { startServer } from './server.mjs';

const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always'];

function kill(type) {
  return ({ redis }) => redis.command('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes');
}

/** How each trouble begins, and how it ends if it does not end by itself. */
const NODE_TROUBLES = {
  'restart a node': { begin: (world, node) => world.restart(node, 'SIGTERM') },
  'kill a node': { begin: (world, node) => world.restart(node, 'SIGKILL') },
};
const REDIS_TROUBLES = {
  'kill redis': { begin: ({ redis }) => redis.kill(), end: ({ redis }) => redis.start() },
  'freeze redis': { begin: ({ redis }) => redis.freeze(), end: ({ redis }) => redis.thaw() },
  'pause redis': { begin: ({ redis }) => redis.command('CLIENT', 'PAUSE', '1500') },
  'cut feeds': { begin: kill('pubsub') },
  'cut commands': { begin: kill('normal') },
  'flush scripts': { begin: ({ redis }) => redis.command('SCRIPT', 'FLUSH') },
};
const TROUBLES = { ...NODE_TROUBLES, ...REDIS_TROUBLES };

export class World {
  nodes = [];
  #trouble = null; // the current one

  /** troubles: names; by default all troubles that the broker may have. */
  constructor(t, model, { broker, nodes = 1, troubles }) {
    const possible = Object.keys(broker === 'redis' ? TROUBLES : NODE_TROUBLES);
    Object.assign(this, { t, model, broker, size: nodes, troubles: troubles ?? possible });
  }

  get isWell() {
    return this.#trouble === null;
  }

  async start() {
    if (this.broker === 'redis') this.redis = await startRedis(this.t, { args: DURABLE });
    for (let i = 0; i < this.size; i++) this.nodes.push(await this.#startNode());
    const client = await openClient(this.t, this.nodes[0]);
    const publish = this.model.sends('begin', 'begin');
    this.beginId = await client.publish('begin', 'begin');
    this.model.answers(publish, this.beginId);
    client.socket.terminate();
  }

  #startNode() {
    const { maxLength } = this.model;
    return startServer(this.t, {
      ...this.redis?.options, BROKER_TIMEOUT: '1', SHUTDOWN_TIMEOUT: '1', WORKER_THREADS: '2',
      MAX_CACHE_LENGTH: String(Number.isFinite(maxLength) ? maxLength : 0),
    });
  }

  async restart(i, signal) {
    const node = this.nodes[i];
    if (signal === 'SIGKILL') node.expectedCode = signal;
    node.signal(signal);
    await node.stop();
    this.nodes[i] = await this.#startNode();
    if (!this.redis) this.model.loses();
  }

  /** Begins a trouble after it has ended the previous one. */
  async begin(trouble, node) {
    await this.restore();
    this.model.isDisturbed = true;
    await TROUBLES[trouble].begin(this, node);
    this.#trouble = TROUBLES[trouble];
  }

  async restore() {
    if (this.isWell) return;
    await this.#trouble.end?.(this);
    this.#trouble = null;
    await Promise.all(this.nodes.map((node) => node.untilReadiness(200)));
  }
}
