// Random operations of many clients, on one node and on two, while brokers and nodes stop and start. In
// the end, everything that the clients received is checked against a model (support/model.mjs).
//   SEED=7 node --test 30-model.test.mjs          repeats a run; each run names its seed
//   OPERATIONS=100000 node --test 30-model.test.mjs
// A seed gives the same operations in the same order; which of them overlap depends on timing.

import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { test } from 'node:test';

import { StreamActor, WebSocketActor } from './support/actors.mjs';
import { matches, Model } from './support/model.mjs';
import { World } from './support/model-world.mjs';
import { randomSource } from './support/random.mjs';

const ROUND = 150; // operations until all clients come to rest
const ROUNDS = 3;
const SOCKETS = 8;
const STREAMS = 3;
const TOPICS = ['a', 'a/b', 'a/c', 'a/b/c', 'b', 'b/c'];
const FILTERS = [...TOPICS, '#', 'a/#', 'a/+', '+', '+/c', '+/b/#', 'b/#'];
const WEIGHTS = {
  publish: 40, burst: 10, subscribe: 25, eventlog: 8, post: 6, unsubscribe: 6, again: 4, leave: 4, list: 2,
  settle: 2, unsubscribeAll: 1, disconnect: 1, trouble: 2, restore: 3,
};
const WORLDS = {
  'memory with a trimmed log': { broker: 'memory', maxLength: 12, troubles: [] },
  'memory while nodes stop': { broker: 'memory' },
  'redis with a trimmed log': { broker: 'redis', maxLength: 12, troubles: ['flush scripts'] },
  'redis while everything breaks': { broker: 'redis' },
  'two nodes with redis while everything breaks': { broker: 'redis', nodes: 2 },
};

const KINDS = Object.entries(WEIGHTS).flatMap(([kind, weight]) => Array(weight).fill(kind));

/** Operation number n. Draws every value whether it is used or not, so that nothing depends on time. */
function draw(random, n, { size, troubles }) {
  return {
    n,
    kind: random.pick(KINDS),
    actor: random.below(SOCKETS + STREAMS),
    node: random.below(size),
    topic: random.pick(TOPICS),
    filter: random.pick(FILTERS),
    filter2: random.pick(FILTERS),
    history: random.pick([undefined, undefined, 'last', 'last', 'begin', 'since']),
    limit: random.pick([undefined, undefined, undefined, 1, 5, 1000]),
    ttl: random.pick([undefined, undefined, undefined, 1, 3600]),
    key: random.below(4) === 0 ? `key ${n}` : undefined,
    age: random.pick([undefined, undefined, undefined, 0, 300, 5000]),
    trouble: troubles.length ? random.pick(troubles) : null,
    length: 2 + random.below(8), // of a burst
    pick: random.below(1 << 20),
    text: `m ${n}`,
  };
}

class Run {
  keyed = []; // publishes that may be sent again

  constructor(t, seed, how) {
    this.random = randomSource(seed);
    this.model = new Model(how);
    this.world = new World(t, this.model, how);
    const make = (Kind) => (_, i) => new Kind(t, this.world, i);
    this.actors = [
      ...Array.from({ length: SOCKETS }, make(WebSocketActor)),
      ...Array.from({ length: STREAMS }, make(StreamActor)),
    ];
  }

  /** Performs one operation: of a client, or on the world. */
  async #step(op) {
    const actor = this.actors[op.actor];
    const socket = this.actors[op.actor % SOCKETS];
    if (op.kind === 'trouble') {
      if (!op.trouble) return;
      await this.world.begin(op.trouble, op.node);
      if (!this.world.redis) this.keyed = []; // the broker has forgotten the keys
    } else if (op.kind === 'restore') {
      await this.world.restore();
    } else if (op.kind === 'settle') {
      if (this.world.isWell) await actor.settle();
    } else if (op.kind === 'publish') {
      await socket.do(op);
      if (op.key) this.keyed.push(op);
    } else if (op.kind === 'burst') {
      for (let i = 0; i < op.length; i++) {
        await socket.do({ ...op, kind: 'publish', key: undefined, text: `${op.text}.${i}` });
      }
    } else if (op.kind === 'again') {
      const first = this.keyed[op.pick % this.keyed.length];
      if (first) await socket.do({ ...first, actor: op.actor, node: op.node });
    } else if (['subscribe', 'leave'].includes(op.kind)) {
      await actor.do(op);
    } else {
      await socket.do(op);
    }
  }

  /** All are there, all is answered, and all that was published before has come. */
  async #rest(round) {
    await this.world.restore();
    for (const actor of this.actors) {
      await actor.settle();
      await actor.do({ kind: 'ping', node: 0, filter: '#' });
      await actor.settle();
    }
    const markers = [];
    for (const topic of TOPICS) markers.push(await this.#mark(topic, `marker ${round} ${topic}`));
    const lastMatching = (filter) => markers.findLast(({ topic }) => matches(filter, topic));
    for (const actor of this.actors) await actor.untilMarkers(lastMatching);
  }

  /** Publishes a marker. Connections to Redis may still break; the key makes repeats harmless. */
  async #mark(topic, text) {
    const [actor] = this.actors;
    for (;;) {
      const publish = actor.publish({ topic, text, key: text });
      await actor.settle();
      if (publish.id) return publish;
    }
  }

  async go() {
    await this.world.start();
    let n = 0;
    for (let round = 0; round < ROUNDS; round++) {
      for (let i = 0; i < ROUND; i++) await this.#step(draw(this.random, n++, this.world));
      await this.#rest(round);
    }
    for (const actor of this.actors) actor.finish();
    this.model.check();
  }
}

const { SEED, OPERATIONS = ROUND * ROUNDS * 2 } = process.env;
const runs = SEED ? 1 : Math.ceil(Number(OPERATIONS) / (ROUND * ROUNDS));
const seeds = Array.from({ length: runs }, (_, i) => (i === 0 ? 2026 : randomInt(1, 2 ** 31)));
if (SEED) seeds[0] = Number(SEED);

for (const [name, how] of Object.entries(WORLDS)) {
  for (const seed of seeds) {
    test(`agrees with the model: ${name} [SEED=${seed}]`, async (t) => {
      const run = new Run(t, seed, how);
      await run.go();
      assert.ok(run.model.publishes > ROUND * ROUNDS / 4, 'enough was published');
    });
  }
}
