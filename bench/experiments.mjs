// The experiments. Each returns rows of a table: [what, figure, figure of the floor, ratio]. In some rows the
// third column is another reference than the floor; the name of the row then says which.

import { readdirSync, readFileSync } from 'node:fs';

import { holdClients, load, micro, startFloor, startRedis, startServer } from './programs.mjs';

const KEYS = ['id', 'topics', 'recent', 'floors', 'ends', 'log:p/0/x'].map((k) => `{eventhub}:${k}`);
const SCRIPT = readScript('prelude').replaceAll(/@(\w+)@/g, (_, name) => constant(name)) + readScript('publish');

function readScript(name) {
  return readFileSync(new URL(`../src/broker/redis/scripts/${name}.lua`, import.meta.url), 'utf8');
}

/** The value of a constant in the headers of the broker. */
function constant(name) {
  for (const folder of ['../include/broker/', '../src/broker/redis/']) {
    const url = new URL(folder, import.meta.url);
    for (const file of readdirSync(url).filter((each) => each.endsWith('.h'))) {
      const found = new RegExp(`^#define ${name} +(\\d+)`, 'm').exec(readFileSync(new URL(file, url), 'utf8'));
      if (found) return found[1];
    }
  }
  throw new Error(`no header defines ${name}`);
}

export const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
export const us = (v) => `${v.toFixed(v < 10 ? 2 : 0)} us`;
export const ratio = (a, b) => (a / b).toFixed(2);

/** Starts the programs that an experiment needs, and stops them whatever happens. */
export async function together(starts, fn) {
  const running = [];
  try {
    for (const start of starts) running.push(await start(...running));
    return await fn(...running);
  } finally {
    for (const program of running.reverse()) await program.stop();
  }
}

const redisAndServer = (options) => [startRedis, (redis) => startServer(redis, options)];

// ---- fan-out ----

/** Adds the CPU time per delivery in us, and the number of deliveries per write. */
async function fanout(target, options) {
  const before = await target.sends();
  const result = await load('fanout', options, target);
  if (result.lost || result.repeated) throw new Error(`lost or repeated: ${JSON.stringify(result)}`);
  return {
    ...result,
    cpu: sum(result.cpu_us) / result.deliveries,
    perSend: result.all_deliveries / ((await target.sends()) - before),
  };
}

/** Estimates the CPU time of the floor per delivery at a given number of deliveries per write. The model is a
 * constant per delivery plus its share of a write: the line through all runs of the floor with the smallest
 * relative error. */
function floorAt(points, perSend) {
  const weighted = points.map((p) => ({ weight: p.cpu ** -2, writes: 1 / p.perSend, cpu: p.cpu }));
  const mean = (of) => sum(weighted.map((p) => p.weight * of(p))) / sum(weighted.map((p) => p.weight));
  const [writes, cpu] = [mean((p) => p.writes), mean((p) => p.cpu)];
  const slope = mean((p) => (p.writes - writes) * (p.cpu - cpu)) / mean((p) => (p.writes - writes) ** 2);
  return cpu + slope * (1 / perSend - writes);
}

async function saturated({ seconds }, size) {
  const options = (window) => ({ clients: 1000, size, window, seconds });
  const floors = await together([() => startFloor('coalesce')], async (floor) => {
    const points = [];
    for (const window of [1, 2, 4, 8, 16, 32, 64, 128]) points.push({ window, ...await fanout(floor, options(window)) });
    return points;
  });
  return together(redisAndServer({}), async (redis, server) => {
    const rows = [];
    for (const window of [1, 16, 64]) {
      const own = await fanout(server, options(window));
      const floor = floors.find((f) => f.window === window);
      const what = `1000 x ${size} B, window ${window}`;
      rows.push([`${what}: CPU per delivery, at ${own.perSend.toFixed(1)} per write`, us(own.cpu),
        us(floorAt(floors, own.perSend)), ratio(own.cpu, floorAt(floors, own.perSend))]);
      rows.push([`${what}: deliveries per write`, own.perSend.toFixed(1), floor.perSend.toFixed(1), ratio(own.perSend, floor.perSend)]);
      rows.push([`${what}: deliveries/s`, Math.round(own.deliveries / own.seconds), Math.round(floor.deliveries / floor.seconds),
        ratio(own.deliveries / own.seconds, floor.deliveries / floor.seconds)]);
      rows.push([`${what}: another client's ping, p99`, us(own.ping_p99_us), us(floor.ping_p99_us), ratio(own.ping_p99_us, floor.ping_p99_us)]);
    }
    return rows;
  });
}

/** The runs of server and floor alternate, so that other work of the machine affects both. */
async function latency({ seconds, runs }) {
  return together([...redisAndServer({}), () => startFloor('coalesce')], async (redis, server, floor) => {
    const options = { clients: 1000, rate: 50, seconds };
    const own = [], floors = [];
    for (let i = 0; i < runs; i++) {
      own.push(await load('fanout', options, server));
      floors.push(await load('fanout', options, floor));
    }
    const typical = median(floors.map((r) => r.p99_us));
    const isQuiet = (_, i) => floors[i].p99_us <= 2 * typical;
    const rows = ['p50_us', 'p99_us'].map((key) => {
      const of = (results) => median(results.filter(isQuiet).map((r) => r[key]));
      return [`50/s to 1000: delivery ${key.slice(0, 3)}`, us(of(own)), us(of(floors)), ratio(of(own), of(floors))];
    });
    const thrown = runs - floors.filter(isQuiet).length;
    rows.push([`runs; runs discarded because the floor's own p99 was off`, `${runs}, ${thrown}`, '', '']);
    return rows;
  });
}

/** What 100 clients that stop reading cost 1000 others, while their queues fill and when they are
 * disconnected. The runs alternate as above. */
async function stalled({ seconds, runs }) {
  const options = { clients: 1000, rate: 50, size: 2048, seconds: Math.max(seconds, 15) };
  return together([() => startServer(null, { MAX_OUTPUT_QUEUE: '256k' })], async (server) => {
    const alone = [], beside = [];
    for (let i = 0; i < runs; i++) {
      alone.push(await load('fanout', options, server));
      const holders = await holdClients({ clients: 100 }, server, 'stalled');
      beside.push(await load('fanout', options, server));
      const { disconnects_total: ended } = await server.figures();
      if (ended.slow_reader !== 100 * (i + 1)) throw new Error(`dropped: ${ended.slow_reader}`);
      await holders.release();
    }
    const lost = sum([...alone, ...beside].map((r) => r.lost + r.repeated));
    if (lost) throw new Error(`lost or repeated: ${lost}`);
    return ['p50_us', 'p99_us', 'ping_p99_us'].map((key) => {
      const of = (results) => median(results.map((r) => r[key]));
      return [`50/s of 2 KiB to 1000, 100 other clients stall; compared with none: ${key.slice(0, -3)}`,
        us(of(beside)), us(of(alone)), ratio(of(beside), of(alone))];
    });
  });
}

async function topics({ seconds }) {
  const options = (n) => ({ clients: n, topics: n, window: 256, seconds });
  const kinds = [100, 1000, 9900];
  const floors = await together([() => startFloor('coalesce')], async (floor) => {
    const all = [];
    for (const n of kinds) all.push(await fanout(floor, options(n)));
    return all;
  });
  return together(redisAndServer({}), async (redis, server) => {
    const own = [];
    for (const n of kinds) own.push(await fanout(server, options(n)));
    const patterns = await fanout(server, { ...options(1000), patterns: 1 });
    const rows = kinds.map((n, i) => [`${n} topics, one subscriber each: CPU per delivery`, us(own[i].cpu), us(floors[i].cpu), ratio(own[i].cpu, floors[i].cpu)]);
    const growth = (results) => results[2].cpu / results[0].cpu;
    rows.push(['growth from 100 topics to 9900', growth(own).toFixed(2), growth(floors).toFixed(2), ratio(growth(own), growth(floors))]);
    rows.push(['1000 patterns: CPU per delivery; compared with 1000 topics', us(patterns.cpu), us(own[1].cpu), ratio(patterns.cpu, own[1].cpu)]);
    return rows;
  });
}

// ---- publishing ----

/** The arguments of a publish as redis_publish_make sends them; 31-bench checks that they are current. */
/** Prepares a Redis that no server has used: only a server that joins makes the first id. */
export async function loadScript(redis) {
  await redis.command('SET', '{eventhub}:id', '1-0');
  return redis.command('SCRIPT', 'LOAD', SCRIPT);
}

export function scriptCall(sha) {
  const message = `"${'x'.repeat(128)}"`;
  const values = ['eventhub:', '1000', '1', '0-0', '86400', '', 'p/0/x', message, '', '86400', '0', '0', '', '', ''];
  return ['evalsha', sha, String(KEYS.length), ...KEYS, ...values];
}

async function publishing({ seconds }) {
  const bare = await together([startRedis], async (redis) => {
    const sha = await loadScript(redis);
    return {
      pipelined: await redis.benchmark(16, 64, 300000, ...scriptCall(sha)),
      alone: await redis.benchmark(1, 1, 20000, ...scriptCall(sha)),
    };
  });
  const floor = await together([() => startFloor('coalesce')], (f) => load('publish', { seconds }, f));
  return together(redisAndServer({}), async (redis, server) => {
    const many = await load('publish', { clients: 16, window: 64, seconds }, server, redis);
    const one = await load('publish', { seconds }, server, redis);
    if (many.failed || one.failed) throw new Error('publishes failed');
    const sumOfFloors = floor.p50_us + bare.alone.p50us;
    return [
      ['publishes/s, 16 clients, 64 in flight each; compared with Redis alone running the same script', Math.round(many.per_s), Math.round(bare.pipelined.perSecond), ratio(many.per_s, bare.pipelined.perSecond)],
      ['  CPU per publish: server, Redis', us(many.cpu_us[0] / many.published), us(many.cpu_us[1] / many.published), ''],
      ['one client, one in flight: p50; compared with the floor plus a bare EVALSHA', us(one.p50_us), `${us(floor.p50_us)} + ${us(bare.alone.p50us)}`, ratio(one.p50_us, sumOfFloors)],
    ];
  });
}

/** CPU time of a node's broker thread for messages that clients of another node publish. */
async function feed({ seconds }) {
  return together([startRedis, startServer, (redis) => startServer(redis)], async (redis, node, other) => {
    const result = await load('publish', { clients: 16, window: 64, topics: 16, seconds }, other, node);
    const [publishing, receiving] = result.broker_us.map((v) => v / result.published);
    return [
      [`broker thread of a receiving node: CPU per message (${result.published} messages)`, us(receiving), '', ''],
      ['  the same for the publishing node, with the publishes and their answers', us(publishing), '', ''],
    ];
  });
}

// ---- connections ----

/** A hundred clients come and go first: memory that only the first clients bring in is not per client. */
async function idle() {
  const rows = [];
  for (const n of [1, 9900]) {
    const each = async (target) => {
      await (await holdClients({ clients: 100, topics: n }, target)).release();
      const before = target.residentBytes();
      const first = await holdClients({ clients: 9900, topics: n }, target);
      const full = target.residentBytes();
      await first.release();
      const second = await holdClients({ clients: 9900, topics: n }, target);
      const again = target.residentBytes();
      await second.release();
      return { full: Math.round((full - before) / 9900), again: Math.round((again - before) / 9900) };
    };
    const floor = await together([() => startFloor('coalesce')], each);
    const own = await together([() => startServer(null)], each);
    rows.push([`idle, 9900 connections, ${n === 1 ? 'one topic' : 'a three-level topic each'}: bytes per connection`, own.full, floor.full, ratio(own.full, floor.full)]);
    rows.push(['  the same after all have disconnected and reconnected', own.again, floor.again, ratio(own.again, floor.again)]);
  }
  return rows;
}

async function handshakes() {
  const options = { clients: 50, messages: 20000 };
  const cpu = (target) => load('storm', options, target).then((r) => r.cpu_us[0] / r.handshakes);
  const single = await together([() => startFloor('coalesce')], cpu);
  const threads = await together([() => startFloor('coalesce', 'threads')], cpu);
  const own = await together([() => startServer(null)], cpu);
  return [
    ['CPU per handshake; floor with an acceptor thread', us(own), us(threads), ratio(own, threads)],
    ['  the same; floor with one thread', us(own), us(single), ratio(own, single)],
  ];
}

async function parts() {
  return (await micro()).map(([what, figure, unit]) => [what, `${figure.toFixed(0)} ${unit}`, '', '']);
}

export const experiments = {
  fanout128: (o) => saturated(o, 128),
  fanout4096: (o) => saturated(o, 4096),
  latency,
  stalled,
  topics,
  publishing,
  feed,
  idle,
  handshakes,
  parts,
};
