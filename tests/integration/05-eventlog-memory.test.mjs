// The last live messages are in the memory of a node with Redis. A client that resumes soon gets its history
// from there, and exactly what Redis would answer.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startProxy } from './support/proxy.mjs';
import { randomSource } from './support/random.mjs';
import { startRedis } from './support/redis.mjs';
import { compareIds, numbered, openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { openStream } from './support/sse.mjs';
import { eventually } from './support/wait.mjs';

/** A node, a client that publishes, and what the node has asked Redis for. */
async function startNode(t, redis, options = {}) {
  const server = await startServer(t, { ...redis.options, ...options });
  const client = await openClient(t, server);
  const all = await client.subscribe('#');

  /** Publishes a text to each topic, and waits until the messages have come back to the node. */
  const publish = async (texts, { topic = 't', ...more } = {}) => {
    const ids = [];
    for (const text of texts) ids.push(await client.publish(topic, text, more));
    await eventually('they have come', () => all.lastId && compareIds(all.lastId, ids.at(-1)) >= 0);
    return ids;
  };
  const asked = async () => {
    const { history_tail_total: tail, redis_history_questions_total: questions } = await server.metrics();
    const stats = await redis.command('INFO', 'commandstats');
    return { ...tail, questions, logs: Number(/cmdstat_xrange:calls=(\d+)/.exec(stats)?.[1] ?? 0) };
  };
  /** Subscribes with a new client; resolves to what came before the answer to a ping: `+` if recovered. */
  const resume = async (sinceEventId, topic = 't', more = {}) => {
    const again = await openClient(t, server);
    const { answer, ...subscription } = await again.subscribe(topic, { sinceEventId, ...more });
    await again.roundTrip();
    again.socket.terminate();
    return [answer.recovered ? '+' : '-', ...subscription.messages.map((m) => m.message)].join(' ');
  };
  return { server, client, all, publish, asked, resume };
}

/** Resolves to the difference that `run` makes to the counters that asked() returns. */
async function costOf({ asked }, run) {
  const before = await asked();
  await run();
  const after = await asked();
  return Object.fromEntries(Object.keys(after).map((key) => [key, after[key] - before[key]]));
}

const FREE = (hit) => ({ hit, miss: 0, questions: 0, logs: 0 });

test('asks Redis nothing for a client that resumes soon', async (t) => {
  const N = 10;
  const redis = await startRedis(t);
  const node = await startNode(t, redis, { WORKER_THREADS: '2' });
  const topicOf = (i) => (i % 3 ? 'a/b' : 'a');
  const texts = numbered('m', N);
  const ids = [];
  for (const [i, text] of texts.entries()) ids.push(...await node.publish([text], { topic: topicOf(i) }));
  const held = [];
  const cost = await costOf(node, async () => {
    for (const [k, id] of ids.entries()) {
      for (const topic of ['a', 'a/b']) {
        const missed = texts.filter((_, i) => i > k && topicOf(i) === topic);
        assert.equal(await node.resume(id, topic), ['+', ...missed].join(' '));
        const stream = await openStream(t, node.server, `/${topic}`, { 'Last-Event-ID': id });
        const client = await openClient(t, node.server);
        const told = await client.subscribe(topic, { sinceEventId: id, gaps: true });
        assert.equal(told.answer.lastEventId, id);
        held.push({ topic, missed, stream, told });
      }
    }
    assert.equal(await node.resume(ids.at(-1), 'quiet'), '+'); // nobody publishes there
  });
  assert.deepEqual(cost, FREE(6 * N + 1));

  for (const topic of ['a', 'a/b']) await node.publish(['live'], { topic });
  for (const { topic, missed, stream, told } of held) {
    await stream.untilText('live');
    await told.untilText('live');
    for (const texts of [stream.texts, told.texts]) assert.deepEqual(texts, [...missed, 'live'], topic);
    assert.ok(!stream.isIncomplete);
  }
});

test('asks Redis for what it does not have in memory', async (t) => {
  const redis = await startRedis(t);
  const other = await startNode(t, redis);
  const [first] = await other.publish(['0', '1']);
  const node = await startNode(t, redis, { MAX_CACHE_LENGTH: '3' });
  const [second, third, fourth] = await node.publish(['2', '3', '4', '5', '6']);
  const ms = Number(second.split('-')[0]);
  const cases = [
    [first, 't', {}, '- 4 5 6'], // before the node began, and the log has become shorter since
    [second, 't', {}, '- 4 5 6'],
    [third, '+', {}, '+ 4 5 6'],
    [third, 't', { limit: 2 }, '- 5 6'],
    [undefined, 't', { since: ms - 1000 }, '- 4 5 6'],
    [`${ms + 60_000}-0`, 't', {}, '-'], // the id is in the future
  ];
  for (const [sinceEventId, topic, more, expected] of cases) {
    const cost = await costOf(node, async () => {
      assert.equal(await node.resume(sinceEventId, topic, more), expected);
    });
    assert.equal(cost.hit, 0, JSON.stringify({ topic, ...more }));
    assert.equal(cost.questions, 1);
  }
  const cost = await costOf(node, async () => {
    assert.equal(await node.resume(third), '+ 4 5 6');
    assert.equal(await node.resume(fourth), '+ 5 6');
  });
  assert.deepEqual(cost, FREE(2));
  const { questions } = await costOf(node, () => node.client.call('eventlog', { topic: 't', sinceEventId: fourth }));
  assert.equal(questions, 1, 'an eventlog contains everything that was published before it');
});

test('asks Redis once a second for clients that all come to a node which has just begun', async (t) => {
  const CLIENTS = 10;
  const redis = await startRedis(t);
  const other = await startNode(t, redis);
  const [point] = await other.publish(['point', 'a', 'b']);
  const node = await startNode(t, redis, { WORKER_THREADS: '2' });
  const texts = ['a', 'b'];
  await eventually('all of them come within a second', async () => {
    const began = Date.now();
    const cost = await costOf(node, async () => {
      for (let i = 0; i < CLIENTS; i++) {
        texts.push(`live ${texts.length}`);
        await other.client.publish('t', texts.at(-1));
        await node.all.untilText(texts.at(-1));
        assert.equal(await node.resume(point), ['+', ...texts].join(' '));
      }
    });
    if (Date.now() - began >= 900) return false;
    assert.ok(cost.miss <= 2 && cost.questions === cost.miss, JSON.stringify(cost)); // the second may end
    assert.equal(cost.hit, CLIENTS - cost.miss);
    return true;
  });
  const untilMissed = async () => (await costOf(node, () => node.resume(point))).miss === 1;
  await eventually('Redis is asked again', untilMissed);
});

test('returns no message that has expired', async (t) => {
  const node = await startNode(t, await startRedis(t), { DEFAULT_CACHE_TTL: '3' });
  const [point] = await node.publish(['point']);
  const began = Date.now();
  await node.publish(['short'], { ttl: 2 });
  await node.publish(['long'], { ttl: 60 });
  let told;
  const again = async () => {
    told = await node.resume(point);
    return told;
  };
  const { hit } = await costOf(node, again);
  if (Date.now() - began < 900) assert.deepEqual([hit, told], [1, '+ short long']); // in good time
  await eventually('its ttl ends', async () => !(await again()).includes('short'));
  assert.equal(told, '+ long');
  // Redis has everything after a point for as long as the default ttl.
  await eventually('that has passed, too', async () => (await again()).startsWith('-'));
  assert.equal(told, '- long');
});

const INTERRUPTIONS = {
  'its feed breaks': async ({ proxy }) => proxy.drop('feed'),
  'it is cut from Redis': async ({ proxy, server }) => {
    proxy.cut();
    await server.untilReadiness(503);
  },
};

for (const [what, interrupt] of Object.entries(INTERRUPTIONS)) {
  test(`knows nothing from before an interruption when ${what}`, async (t) => {
    const redis = await startRedis(t);
    const proxy = await startProxy(t, redis.port);
    const node = await startNode(t, redis, { REDIS_PORT: String(proxy.port) });
    const other = await startNode(t, redis);
    const [point] = await node.publish(['point', 'before']);
    const replays = async () => (await node.server.metrics()).broker_replays_total;
    const until = await replays();
    await interrupt({ proxy, server: node.server });
    await other.publish(['missed']);
    const early = await node.client.subscribe('t', { sinceEventId: point }, { confirmed: false });
    proxy.restore();
    await early.untilText('missed');
    assert.equal((await early.answer).recovered, true);
    assert.deepEqual(early.texts, ['before', 'missed']);
    await eventually('it has joined again', async () => (await replays()) > until);
    assert.equal(await node.resume(point), '+ before missed');
    await redis.command('DEL', '{eventhub}:log:t');
    await eventually('that answer is forgotten', async () => (await node.resume(point)) === '-');
  });
}

test('calls history complete only while it is, when Redis forgets everything', async (t) => {
  const redis = await startRedis(t);
  const nodes = [await startNode(t, redis), await startNode(t, redis)];
  const [point] = await nodes[0].publish(['point', 'before']);
  for (const { all } of nodes) await all.untilText('before');
  await redis.command('FLUSHALL');
  const told = { true: 0, false: 0 };
  const ask = async (node) => {
    const text = await node.resume(point);
    told[text.startsWith('+')]++;
    if (text.startsWith('+')) assert.match(text, /^\+ before( after)?$/);
    return text;
  };
  for (const node of nodes) await ask(node);
  await nodes[0].publish(['after']);
  for (const node of nodes) await eventually('it has noticed', async () => (await ask(node)) === '- after');
  t.diagnostic(`complete ${told.true} times, then not ${told.false} times`);
});

test('delivers everything once to clients that come and go while others publish', async (t) => {
  const TOPICS = ['a', 'b', 'a/b'];
  const CLIENTS = 12;
  const VISITS = 20;
  const random = randomSource(5);
  const redis = await startRedis(t);
  const nodes = [await startNode(t, redis, { WORKER_THREADS: '2' }), await startNode(t, redis)];
  const [begin] = await nodes[0].publish(['begin'], { topic: 'begin' });
  await nodes[1].all.untilText('begin');

  let isOver = false;
  const log = []; // [id, topic]
  const publishing = nodes.map(async ({ client }) => {
    for (let n = 0; !isOver; n++) {
      const topic = random.pick(TOPICS);
      log.push([await client.publish(topic, `${n}`), topic]);
    }
  });
  const visit = async (topic, ids) => {
    const client = await openClient(t, random.pick(nodes).server);
    const { answer, ...subscription } = await client.subscribe(topic, { sinceEventId: ids.at(-1) ?? begin });
    assert.equal(answer.recovered, true);
    for (let pings = random.below(4); pings >= 0; pings--) await client.roundTrip();
    client.socket.terminate();
    await client.untilClosed();
    ids.push(...subscription.messages.map((message) => message.id));
  };
  const readers = Array.from({ length: CLIENTS }, (_, i) => ({ topic: TOPICS[i % TOPICS.length], ids: [] }));
  await Promise.all(readers.map(async ({ topic, ids }) => {
    for (let i = 0; i < VISITS; i++) await visit(topic, ids);
  }));
  isOver = true;
  await Promise.all(publishing);
  log.sort(([a], [b]) => compareIds(a, b));
  for (const { topic, ids } of readers) {
    const expected = log.filter((entry) => entry[1] === topic).map(([id]) => id);
    assert.deepEqual(ids, expected.slice(0, ids.length));
    assert.ok(ids.length > 0);
  }
  const { hit, miss } = await nodes[0].asked();
  assert.ok(hit > 0, 'memory answers');
  t.diagnostic(`${log.length} messages; node 0: ${hit} from memory, ${miss} not`);
});

test('answers nothing from memory once another node has found a loss', async (t) => {
  const redis = await startRedis(t);
  const proxy = await startProxy(t, redis.port);
  const other = await startServer(t, redis.options);
  const node = await startNode(t, redis, { REDIS_PORT: String(proxy.port), BROKER_TIMEOUT: '30' });
  const [m1] = await node.publish(numbered('m', 2));
  assert.equal(await node.resume(m1), '+ m 1');
  const again = await openClient(t, node.server);
  proxy.hold('commands'); // so this node cannot find the loss by itself
  await redis.command('FLUSHALL');
  await other.untilMetric('the loss is found', (now) => now.broker_rewinds_total > 0);
  await node.server.untilReadiness(503); // it has been told
  const resumed = await again.subscribe('t', { sinceEventId: m1 }, { confirmed: false });
  await again.roundTrip();
  assert.ok(!again.received.some(({ id }) => id === resumed.id), 'it waits for Redis');
  proxy.release();
  assert.equal((await resumed.answer).recovered, false);
});
