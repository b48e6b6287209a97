// Experiments with several nodes, outages and crowds. Each row has a fifth field: what it should reach. The
// third is the build that EVENTHUB_BEFORE names, or another reference that the name of the row tells.

import { setTimeout as sleep } from 'node:timers/promises';

import { startProxy } from '../tests/integration/support/proxy.mjs';
import { loadScript, ratio, scriptCall, sum, together, us } from './experiments.mjs';
import { builds, load, startFloor, startLoad, startRedis, startServer } from './programs.mjs';

/** Measures each build in turn: [this build, the build before (undefined without one)]. */
async function each(measure) {
  const results = [];
  for (const binary of builds) results.push(await measure(binary));
  return results;
}

/** A row that compares one figure of this build with the same of the build before. */
function compare(what, [own, before], of, format, target) {
  const figure = (result) => (result ? format(of(result)) : '');
  return [what, figure(own), figure(before), before && of(before) ? ratio(of(own), of(before)) : '', target];
}

const MANY_TOPICS = { MAX_SUBSCRIPTIONS: '100000' };

const two = (v) => v.toFixed(2);
const whole = (v) => String(Math.round(v));
const ms = (v) => `${v.toFixed(1)} ms`;

/** Repeats `read` until two answers, a second apart, are equal; returns the time of the first of them. */
async function settled(read) {
  let value = await read(), at = Date.now();
  while (Date.now() - at < 1000) {
    await sleep(200);
    const next = await read();
    if (next !== value) [value, at] = [next, Date.now()];
  }
  return at;
}

const delivered = (node) => node.figures().then((figures) => figures.deliveries_total);

/** Messages that came on the feed of a node. A build without that counter passes all of them to its worker. */
async function received(node) {
  const { broker_feed_messages_total: feed, broker_messages_received_total: all } = await node.figures();
  return feed ? sum(Object.values(feed)) : all;
}

// ---- many nodes ----

const TOPICS = 1600;
const RATE = 1000;

async function manyNodes(binary, k, seconds) {
  const nodes = Array.from({ length: k }, () => (redis) => startServer(redis, MANY_TOPICS, binary));
  return together([startRedis, ...nodes], async (redis, ...servers) => {
    const own = TOPICS / k;
    const holders = [];
    for (const [i, server] of servers.entries()) {
      holders.push(await startLoad('subscribe', { topics: own, first: i * own, window: 64 }, server));
    }
    const totals = async () => ({
      received: sum(await Promise.all(servers.map(received))),
      wanted: sum(await Promise.all(servers.map(delivered))),
      bytes: Number((await redis.info('stats')).total_net_output_bytes),
      cpu: redis.cpuUs(),
    });
    const before = await totals();
    const { published } = await load('publish', { rate: RATE, messages: RATE * seconds, topics: TOPICS, window: 64 }, servers[0]);
    await settled(async () => sum(await Promise.all(servers.map(delivered))));
    const after = await totals();
    for (const holder of holders) await holder.release();
    const change = (key) => after[key] - before[key];
    if (change('wanted') !== published) throw new Error(`${change('wanted')} of ${published} messages arrived`);
    return { perWanted: change('received') / published, bytes: change('bytes') / published, cpu: change('cpu') / published };
  });
}

async function nodes({ seconds }) {
  const rows = [], alone = {};
  for (const k of [1, 4, 16]) {
    const results = await each((binary) => manyNodes(binary, k, seconds));
    for (const key of ['bytes', 'cpu']) alone[key] ??= results[0][key];
    const what = `${k} ${k === 1 ? 'node' : 'nodes'}, ${TOPICS} topics, each wanted by one node`;
    const growth = (key) => `within 15 % of one node (now ${ratio(results[0][key], alone[key])} of it)`;
    rows.push(compare(`${what}: messages received for each one wanted`, results, (r) => r.perWanted, two, '1.00'));
    rows.push(compare('  bytes that Redis sends for each publish', results, (r) => r.bytes, whole, growth('bytes')));
    rows.push(compare('  Redis CPU per publish', results, (r) => r.cpu, us, growth('cpu')));
  }
  return rows;
}

// ---- publishes ----

export const PLAIN = `redis.call('XADD', KEYS[1], 'MAXLEN', '~', 1000, '*', 'message', ARGV[1])
return redis.call('PUBLISH', ARGV[2], ARGV[1])`;

async function batches({ seconds }) {
  const plain = await together([startRedis], async (redis) => {
    const sha = await redis.command('SCRIPT', 'LOAD', PLAIN);
    return redis.benchmark(16, 64, 500000, 'evalsha', sha, '1', 'log:p/0/x', `"${'x'.repeat(128)}"`, 'p/0/x');
  });
  const many = await each((binary) => together([startRedis, (redis) => startServer(redis, {}, binary)],
    (redis, server) => load('publish', { clients: 16, window: 64, seconds }, server, redis)));
  const floor = await together([() => startFloor('coalesce')], (target) => load('publish', { seconds }, target));
  const script = await together([startRedis], async (redis) => redis.benchmark(1, 1, 20000, ...scriptCall(await loadScript(redis))));
  const one = await each((binary) => together([startRedis, (redis) => startServer(redis, {}, binary)],
    (redis, server) => load('publish', { seconds }, server, redis)));
  if ([...many, ...one].some(({ failed }) => failed)) throw new Error('publishes failed');
  return [
    ['publishes/s, 16 clients, 64 in flight each; compared with Redis alone running a plain script of XADD and PUBLISH',
      whole(many[0].per_s), whole(plain.perSecond), ratio(many[0].per_s, plain.perSecond), '>= 0.35'],
    compare('  compared with the build before', many, (r) => r.per_s, whole, ''),
    compare('  Redis CPU per publish', many, (r) => r.cpu_us[1] / r.published, us, '<= 9 us'),
    compare('  server CPU per publish', many, (r) => r.cpu_us[0] / r.published, us, ''),
    ['one client, one in flight: p50; compared with the floor plus a bare EVALSHA', us(one[0].p50_us),
      `${us(floor.p50_us)} + ${us(script.p50us)}`, ratio(one[0].p50_us, floor.p50_us + script.p50us), ''],
    compare('  compared with the build before', one, (r) => r.p50_us, us, 'not worse'),
    compare('  Redis CPU per publish', one, (r) => r.cpu_us[1] / r.published, us, ''),
  ];
}

// ---- first subscribers ----

const FIRSTS = 20000;

async function firstSubscribers(binary) {
  return together([startRedis, (redis) => startServer(redis, MANY_TOPICS, binary)], async (redis, server) => {
    const totals = async () => ({
      memory: Number((await redis.info('memory')).used_memory), redis: redis.cpuUs(), node: server.cpuUs(),
    });
    const before = await totals();
    const holder = await startLoad('subscribe', { clients: 10, topics: FIRSTS, window: 64 }, server);
    const after = await totals();
    await holder.release();
    return Object.fromEntries(Object.keys(after).map((key) => [key, (after[key] - before[key]) / FIRSTS]));
  });
}

async function subscribing() {
  const results = await each(firstSubscribers);
  const own = results[0].node - (results[1]?.node ?? 0);
  return [
    compare(`first subscriber of each of ${FIRSTS} topics: Redis CPU for each`, results, (r) => r.redis, us, '<= 5 us'),
    compare('  node CPU for each', results, (r) => r.node, us, results[1] ? `<= 10 us more (now ${us(own)} more)` : ''),
    compare('  memory of Redis for each', results, (r) => r.memory, (v) => `${whole(v)} B`, '<= 400 B'),
  ];
}

// ---- outages ----

const CHANGED = 50000;
const OUTAGE_MS = 2000;

/** A node loses Redis while another publishes once on each of many topics. */
async function outageWith(binary, own) {
  const cleanups = [];
  const start = [startRedis, (redis) => startServer(redis, {}, binary)];
  try {
    return await together(start, async (redis, publisher) => {
      const proxy = await startProxy({ after: (fn) => cleanups.push(fn) }, redis.port);
      return together([() => startServer({ port: proxy.port }, MANY_TOPICS, binary)], async (node) => {
        const holder = await startLoad('subscribe', { clients: 10, topics: own, window: 64, gaps: 1 }, node);
        const idleFrom = redis.cpuUs();
        await sleep(2000);
        const idlePerMs = (redis.cpuUs() - idleFrom) / 2000;
        const began = Date.now();
        proxy.cut();
        await load('publish', { clients: 16, window: 64, topics: CHANGED, messages: CHANGED }, publisher);
        await sleep(Math.max(0, began + OUTAGE_MS - Date.now()));
        const [cpu, from] = [redis.cpuUs(), Date.now()];
        proxy.restore();
        while ((await node.figures()).broker_connected !== 1) await sleep(20);
        // Deliveries alone may pause while Redis reads: logs are read only by the replay.
        const end = await settled(async () => await delivered(node) + await redis.calls('xrange'));
        const spent = redis.cpuUs() - cpu - idlePerMs * (Date.now() - from);
        return { ...await holder.release(), redisMs: spent / 1000, seconds: (end - from) / 1000 };
      });
    });
  } finally {
    for (const cleanup of cleanups) await cleanup();
  }
}

async function outage() {
  const rows = [];
  for (const own of [20, CHANGED]) {
    const results = await each((binary) => outageWith(binary, own));
    rows.push(compare(`outage of 2 s, ${CHANGED} topics changed, ${own} of them wanted: messages that arrived`, results,
      (r) => r.messages, String, String(own)));
    rows.push(compare('  subscriptions told of a gap', results, (r) => r.gaps, String, '0'));
    rows.push(compare('  Redis CPU for the replay', results, (r) => r.redisMs, ms, own === 20 ? '< 50 ms' : ''));
    rows.push(compare('  seconds from the return of Redis until the last message', results, (r) => r.seconds, two, ''));
  }
  return rows;
}

// ---- a crowd ----

const CROWD = 15000;

/** The node of the crowd either has passed on the messages that follow the point, or begins after them. */
async function crowdOf(binary, topics, begins) {
  const start = (redis) => startServer(redis, {}, binary);
  return together([startRedis, start], async (redis, publisher) => {
    const publish = () => load('publish', { clients: 16, window: 64, topics, messages: topics }, publisher);
    await publish();
    const point = await redis.command('GET', '{eventhub}:id');
    await publish();
    if (!begins) return crowdAt(redis, publisher, topics, point);
    return together([() => start(redis)], (node) => crowdAt(redis, node, topics, point));
  });
}

async function crowdAt(redis, server, topics, point) {
  const idle = await redis.calls('evalsha');
  await sleep(2000);
  const [calls, ranges, from] = [await redis.calls('evalsha'), await redis.calls('xrange'), Date.now()];
  const bystander = await startLoad('ping', {}, server);
  const crowd = await startLoad('subscribe', { clients: CROWD, topics, point }, server);
  const probes = (calls - idle) * (Date.now() - from) / 2000;
  const reads = Math.max(0, await redis.calls('evalsha') - calls - probes);
  const logs = await redis.calls('xrange') - ranges;
  const pings = await bystander.release();
  const { messages } = await crowd.release();
  return { ...crowd.ready, reads, logs, messages, ping: pings.p99_us / 1000, worst: pings.max_us / 1000 };
}

/** The ping beside a floor that only accepts the crowd and confirms its subscriptions. */
async function pingBesideFloor(topics) {
  return together([() => startFloor('coalesce')], async (floor) => {
    const bystander = await startLoad('ping', {}, floor);
    const crowd = await startLoad('subscribe', { clients: CROWD, topics }, floor);
    const pings = await bystander.release();
    await crowd.release();
    return pings.p99_us / 1000;
  });
}

async function crowd() {
  const rows = [];
  for (const [topics, begins] of [[CROWD, false], [1, false], [CROWD, true], [1, true]]) {
    const results = await each((binary) => crowdOf(binary, topics, begins));
    const where = begins ? ' at a node that has just begun' : '';
    const what = `${CROWD} clients resume at once${where}, ${topics === 1 ? 'one topic for all' : 'one topic each'}`;
    const target = topics === 1 ? '1' : whole(CROWD / 32);
    rows.push(compare(`${what}: script calls (probes subtracted)`, results, (r) => r.reads, whole, target));
    rows.push(compare('  logs read by them', results, (r) => r.logs, String, ''));
    rows.push(compare('  clients with recovered:true', results, (r) => r.recovered, String, String(CROWD)));
    rows.push(compare('  seconds until the last of them', results, (r) => r.seconds, two, ''));
    rows.push(compare("  another client's ping, p99", results, (r) => r.ping, ms, '< 50 ms'));
    rows.push(compare('  the longest ping', results, (r) => r.worst, ms, ''));
    if (begins) continue;
    const floor = await pingBesideFloor(topics);
    rows.push(["  another client's ping, p99; compared with the floor, which only confirms", ms(results[0].ping), ms(floor), ratio(results[0].ping, floor), '']);
  }
  return rows;
}

export const experiments = { nodes, batches, subscribing, outage, crowd };
