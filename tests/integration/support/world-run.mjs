// One run in a world: nodes and clients, a fault in each round, and a history for the judge.
//
// A round: everything works, sleepers leave, the fault begins and ends, the world heals, all nodes are
// ready, everybody comes back, publishers rest, markers are published and must reach every client.

import { setTimeout as delay } from 'node:timers/promises';

import { defer } from './cleanup.mjs';
import { freeze } from './freeze.mjs';
import { httpGet } from './http.mjs';
import { judge } from './judge.mjs';
import { matches, rankOf } from './model.mjs';
import { randomSource } from './random.mjs';
import { RedisConnection } from './resp.mjs';
import { startServer } from './server.mjs';
import { DEADLINE_MS, eventually, SANITIZED } from './wait.mjs';
import { Publisher, Reader, StreamSubscriber, WebSocketSubscriber } from './world-clients.mjs';
import { FAULTS } from './world-faults.mjs';
import { History } from './world-history.mjs';

const TOPICS = ['a', 'a/b', 'a/c', 'b', 'b/c'];
// Some runs have no subscription to everything, some no patterns: a node then receives only what its clients
// want. Other filters are as they are.
const LAYOUTS = [
  {},
  { '#': 'b/#', '+/c': 'a/+' },
  { '#': 'a/b', 'a/#': 'a', '+/c': 'b/c', 'b/#': 'b', 'a/+': 'a/c' },
];
const RECENT = 6; // of the topics that subscribers have added, those that are published to
const PAUSE_MS = SANITIZED ? 80 : 24; // between the publishes of one client, on average
const WANDER_MS = 400;
const POLL_MS = 25;
const TOLD_MS = 8000; // within which a loss must be reported

/** Notices when a server takes writes that did not before, unlike the one that did at the beginning. */
class Acceptance {
  at = null;
  #isStopped = false;

  constructor(world, history, old) {
    Object.assign(this, { world, history, old });
    this.done = Promise.all(world.servers.map((server) => this.#watch(server)));
  }

  async #watch(server) {
    let hasFailed = server !== this.old;
    while (!this.#isStopped && this.at === null) {
      const redis = new RedisConnection(server.port);
      const answer = redis.call('SET', `${this.world.key}:scratch`, '1');
      const limit = delay(DEADLINE_MS, null, { ref: false });
      const isTaken = await Promise.race([answer.then(() => true, () => false), limit]);
      redis.close();
      if (isTaken && hasFailed) this.at ??= this.history.now();
      hasFailed ||= !isTaken;
      await delay(POLL_MS);
    }
  }

  stop() {
    this.#isStopped = true;
  }
}

export class Run {
  nodes = [];
  #polling = [];
  #isOver = false;
  topics = [...TOPICS]; // and those that subscribers have added
  outages = []; // { fault, node, ms }: from the acceptance by a new master to the first publish

  /** `faults`: names, one for each round. */
  constructor(t, world, { seed, faults, nodes = 2, options = {} }) {
    Object.assign(this, { t, world, seed, faults, size: nodes, options });
    this.random = randomSource(seed);
    this.layout = LAYOUTS[(seed + world.kind.length) % LAYOUTS.length];
    this.history = new History({ world: world.kind, seed, faults, wait: Number(options.REDIS_WAIT ?? 0) });
  }

  async #start() {
    const options = {
      REDIS_PREFIX: this.world.prefix, BROKER_TIMEOUT: '1', SHUTDOWN_TIMEOUT: '1',
      WORKER_THREADS: '2', MAX_CACHE_LENGTH: '0', ...this.options,
    };
    for (let i = 0; i < this.size; i++) {
      this.nodes.push(await startServer(this.t, { ...this.world.optionsOf(i), ...options }));
      this.history.readiness.push([]);
      this.#polling.push(this.#poll(i));
    }
    this.term = await this.world.term();
    this.#makeClients();
    const begin = this.history.addPublish('a', 'begin', { key: 'begin' });
    this.beginId = await this.publishers[0].send(begin, 0);
    this.reader.read();
    await Promise.all(this.subscribers.map((subscriber) => subscriber.come()));
    for (const wanderer of this.wanderers) wanderer.wander(WANDER_MS);
  }

  #makeClients() {
    let count = 0;
    const make = (Kind, kind, how) =>
      new Kind(this, `${kind}${count}`, this.seed * 100 + count++,
        { pauseMs: PAUSE_MS, ...how, filter: this.layout[how.filter] ?? how.filter });
    const last = this.size - 1;
    this.marker = make(Publisher, 'm', { node: 0, isKeyed: true });
    this.marker.isPaused = true;
    this.publishers = [
      make(Publisher, 'p', { node: 0, isKeyed: true }), make(Publisher, 'p', { node: 0 }),
      make(Publisher, 'p', { node: last }), make(Publisher, 'p', { node: last, isKeyed: true }),
      make(Publisher, 'p', { node: null, via: 'post' }),
      make(Publisher, 'p', { node: null, via: 'post', isKeyed: true }),
    ];
    this.steady = [
      ...this.nodes.map((_, node) => make(WebSocketSubscriber, 's', { node, filter: '#', gaps: true, isLive: true })),
      make(WebSocketSubscriber, 's', { node: last, filter: 'a/#', isLive: true }),
      make(WebSocketSubscriber, 's', { node: last, filter: '+/c', gaps: true }),
      make(StreamSubscriber, 's', { node: 0, filter: '#', gaps: true }),
      make(StreamSubscriber, 's', { node: last, filter: 'b/#', isLive: true }),
    ];
    this.wanderers = [
      make(WebSocketSubscriber, 'w', { filter: 'a/#', gaps: true, isLive: true }),
      make(WebSocketSubscriber, 'w', { filter: '#' }),
      make(StreamSubscriber, 'w', { filter: '#', gaps: true }),
      make(StreamSubscriber, 'w', { filter: 'a/+' }),
      make(WebSocketSubscriber, 'w', {}), make(WebSocketSubscriber, 'w', {}), make(StreamSubscriber, 'w', {}),
    ];
    this.sleepers = [
      make(WebSocketSubscriber, 'z', { filter: '#', gaps: true }),
      make(WebSocketSubscriber, 'z', { filter: 'a/#' }),
      make(StreamSubscriber, 'z', { filter: '#' }),
    ];
    this.subscribers = [...this.steady, ...this.sleepers];
    this.reader = make(Reader, 'r', { filters: ['#', 'a/#', 'b'], pauseMs: 150 });
  }

  async #poll(node) {
    const changes = this.history.readiness[node];
    while (!this.#isOver) {
      const at = this.history.now();
      const { status } = await httpGet(this.nodes[node], '/readyz').catch(() => ({ status: 0 }));
      if (changes.at(-1)?.status !== status) changes.push({ at, status });
      await delay(2 * POLL_MS);
    }
  }

  // For faults ---------------------------------------------------------------------------------

  #until(what, count, countNow) {
    const wanted = countNow() + count;
    return eventually(what, () => countNow() >= wanted);
  }

  /** Waits until this many more publishes are answered ok. */
  untilPassed(count) {
    return this.#until(`${count} publishes pass`, count, () =>
      this.publishers.reduce((sum, { passed }) => sum + passed, 0));
  }

  /** Waits until this many more publishes fail. */
  untilFailed(count) {
    const isFailure = ({ outcome, answeredAt }) => answeredAt !== null && outcome !== 'ok';
    return this.#until(`${count} publishes fail`, count, () =>
      this.history.publishes.reduce((sum, { attempts }) => sum + attempts.filter(isFailure).length, 0));
  }

  freeze(node) {
    defer(this.t, () => this.thaw(node)); // before it is stopped
    this.history.readiness[this.nodes.indexOf(node)].push({ at: this.history.now(), status: 0 });
    return freeze(node.child);
  }

  thaw(node) {
    node.child.kill('SIGCONT');
  }

  publishMany() {
    for (const publisher of this.publishers) for (let i = 0; i < 10; i++) publisher.publish();
  }

  pickTopic(random) {
    const added = this.topics.slice(TOPICS.length).slice(-RECENT);
    return random.pick(added.length > 0 && random.below(3) === 0 ? added : TOPICS);
  }

  publishTo(topic, random) {
    const publisher = random.pick(this.publishers);
    if (!publisher.isPaused) publisher.publish({ topic });
  }

  publishLarge(size) {
    this.publishers[0].publish({ size });
  }

  // A round ------------------------------------------------------------------------------------

  #untilReady() {
    return Promise.all(this.nodes.map((node) => node.untilReadiness(200)));
  }

  async #round(name) {
    const { keeps = false, interleaves = false, moves = false, hangs, begin } = FAULTS[name];
    const round = { fault: name, keeps, interleaves };
    this.rewinds = await this.#countRewinds();
    await this.untilPassed(60);
    for (const sleeper of this.sleepers) sleeper.leave();
    const acceptance = moves && !hangs && new Acceptance(this.world, this.history, await this.world.master());
    round.beganAt = this.history.now();
    await begin(this.world, this);
    await this.world.heal();
    await this.#untilReady();
    await this.untilPassed(40);
    round.healedAt = this.history.now();
    if (acceptance) await this.#measure(acceptance, round);
    await this.#comeToRest(round);
    await this.#noteFailover(round, moves || /migration/.test(name) ? 1 : 0);
    this.history.rounds.push(round);
    await this.#untilTold();
    this.#wakeUp();
  }

  /** On a busy machine a failover may begin although nothing failed; it may lose what it likes. */
  async #noteFailover(round, expected) {
    const before = this.term;
    this.term = await this.world.term();
    if (this.world.countFailovers(before, this.term) <= expected) return;
    Object.assign(round, { fault: `${round.fault}, and a failover`, keeps: false, interleaves: true });
  }

  /** How long after the acceptance each node publishes again. */
  async #measure(acceptance, round) {
    acceptance.stop();
    if (acceptance.at === null) return;
    round.acceptedAt = acceptance.at;
    for (const node of this.nodes.keys()) {
      const first = await eventually('each node publishes', () => this.#firstPassed(node, acceptance.at));
      this.outages.push({ fault: round.fault, node, ms: first - acceptance.at });
    }
  }

  /** When a publish through this node was first answered ok after a time; undefined: not yet. */
  #firstPassed(node, after) {
    const times = this.history.publishes.flatMap(({ attempts }) => attempts)
      .filter((one) => one.node === node && one.outcome === 'ok' && one.answeredAt > after)
      .map(({ answeredAt }) => answeredAt);
    return times.sort((a, b) => a - b)[0];
  }

  async #comeToRest(round) {
    for (const wanderer of this.wanderers) wanderer.isResting = true;
    await Promise.all(this.publishers.map((publisher) => publisher.rest()));
    const present = [...this.subscribers, ...this.wanderers];
    for (const sleeper of this.sleepers) await sleeper.come();
    await eventually('all subscribers are back', () => present.every(({ isHere }) => isHere));
    round.markedAt = this.history.now();
    round.markers = [];
    const topics = new Set([...TOPICS, ...present.flatMap(({ topic }) => topic ?? [])]);
    for (const topic of topics) round.markers.push(await this.#mark(topic, this.history.rounds.length));
    round.markedBy = this.history.now();
    await eventually('the markers reach all', () => present.every((subscriber) =>
      round.markers.every((marker) => !matches(subscriber.filter, marker.topic) || subscriber.has(marker)))
    ).catch(() => {}); // the judge says who lacks which
    round.log = await this.world.log(this.topics);
    round.endedAt = this.history.now();
  }

  async #mark(topic, n) {
    const text = `marker ${n} ${topic}`;
    const publish = this.history.addPublish(topic, text, { key: text, isMarker: true });
    return { topic, text, id: await this.marker.send(publish, this.random.below(this.size)) };
  }

  /** Resolves to how many losses each node has counted. */
  #countRewinds() {
    return Promise.all(this.nodes.map(async (node) => (await node.metrics()).broker_rewinds_total));
  }

  /** The node that came back first learns only from a probe of a loss that another one has found. */
  async #untilTold() {
    const round = this.history.rounds.at(-1);
    const isTold = async () => {
      const news = (await this.#countRewinds()).map((count, i) => count > this.rewinds[i]);
      round.endedAt = this.history.now();
      if (news.includes(true) && news.includes(false)) return false;
      return !judge(this.history).violations.some(({ rule }) => rule === 'untold');
    };
    await eventually('every loss is told', async () => await isTold() || await delay(200), TOLD_MS).catch(() => {});
  }

  #wakeUp() {
    for (const wanderer of this.wanderers) wanderer.isResting = false;
    for (const publisher of this.publishers) publisher.isPaused = false;
  }

  get clients() {
    return [...this.publishers ?? [], ...this.wanderers ?? [], ...this.subscribers ?? [], this.marker, this.reader]
      .filter(Boolean);
  }

  /** Resolves to the verdict, with `outages` and `markerMs`. */
  async go() {
    defer(this.t, () => this.#end());
    const failed = new Promise((_, reject) => (this.fail = reject));
    await Promise.race([this.#rounds(), failed]);
    return { ...judge(this.history), outages: this.outages, markerMs: this.#markerMs() };
  }

  async #rounds() {
    await this.#start();
    for (const fault of this.faults) {
      if (process.env.VERBOSE) console.log(`  ${new Date().toISOString()} ${fault}`);
      await this.#round(fault);
    }
    await Promise.all(this.clients.map((client) => client.stop()));
  }

  async #end() {
    this.#isOver = true;
    for (const client of this.clients) client.isStopped = true;
    await Promise.all(this.#polling);
  }

  /** The longest time from the last marker's answer until a subscription had it. */
  #markerMs() {
    let worst = 0;
    for (const { markers, markedBy, endedAt } of this.history.rounds) {
      const last = markers.reduce((a, b) => (rankOf(a.id) > rankOf(b.id) ? a : b));
      for (const { events } of this.history.views) {
        const event = events.find(({ id, at }) => id === last.id && at <= endedAt);
        if (event) worst = Math.max(worst, event.at - markedBy);
      }
    }
    return worst;
  }
}

/** A sentence for each thing that is wrong, at most a few of each rule. */
export function complaints({ violations, alarms }) {
  const byRule = new Map();
  for (const { rule, what } of violations) byRule.set(rule, [...(byRule.get(rule) ?? []), what]);
  if (alarms.false.length > 0) byRule.set('false alarm', alarms.false);
  return [...byRule].flatMap(([rule, list]) => [
    `${rule}: ${list.length}`, ...list.slice(0, 5).map((what) => `  ${what.slice(0, 300)}`)]);
}
