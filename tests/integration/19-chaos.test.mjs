// Clients that do anything at random, including what no client should do. The tests ignore the answers.
// The server must survive, release every client that has gone, and serve the next one. Under a
// sanitizer this finds faults that the tests of single features miss.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { closeFrame, frame, OP } from './support/frames.mjs';
import { randomSource } from './support/random.mjs';
import { startRedis } from './support/redis.mjs';
import { numbered, openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { openWebSocket } from './support/socket.mjs';

const CLIENTS = 30;
const STEPS = 80;
const OPTIONS = {
  MAX_OUTPUT_QUEUE: '64k',
  MAX_CACHE_LENGTH: '300',
  BROKER_TIMEOUT: '1',
  PING_INTERVAL: '1',
  MAX_MESSAGE_SIZE: '64k',
};
const TOPICS = ['c/1', 'c/2', 'c/3/x', 'd'];
const FILTERS = [...TOPICS, '#', 'c/#', 'c/+', '+/+/x'];

function request(method, params, id) {
  return frame(OP.TEXT, JSON.stringify({ jsonrpc: '2.0', id, method, params }));
}

/** The messages that a client may send next; `begin` is an id before all messages. */
function makeActions(random, begin) {
  const id = () => random.pick([1, 2, 'three', 4.5]);
  const history = () => random.pick([{}, { sinceEventId: begin }, { since: -10_000 },
    { sinceEventId: begin, limit: 5 }]);
  const subscribe = () => request('subscribe', { topic: random.pick(FILTERS), ...history() }, id());
  const publish = () => {
    const message = 'x'.repeat(random.pick([1, 1000, 20_000]));
    return request('publish', { topic: random.pick(TOPICS), message, ttl: random.below(3) },
      random.pick([id(), undefined]));
  };
  return [
    subscribe, subscribe, subscribe, publish, publish, publish,
    () => Buffer.concat([subscribe(), subscribe(), publish(), publish(), subscribe()]),
    () => request('unsubscribe', [random.pick(FILTERS)], id()),
    () => request('unsubscribeAll', [], id()),
    () => request('eventlog', { topic: random.pick(FILTERS), ...history() }, id()),
    () => request('list', [], id()),
    () => request('ping', [], undefined),
    () => frame(OP.PING, 'p'),
  ];
}

/** Ways to end a connection; the server does not notice all of them at once. */
const ENDINGS = [
  ({ socket }) => socket.destroy(),
  ({ socket }) => socket.resetAndDestroy(),
  ({ socket }) => socket.end(),
  (client) => client.send(closeFrame(1000)),
  (client) => client.send(Buffer.concat([request('disconnect'), closeFrame(3000)])),
  (client) => client.send(request('disconnect', [], 1)),
  (client) => client.send(frame(OP.TEXT, 'junk', { masked: false })),
  (client) => client.send(frame(OP.TEXT, '{"half', { fin: false })),
  (client) => client.send(frame(OP.TEXT, 'cut off').subarray(0, 5)),
  (client) => client.send(frame(OP.TEXT, '', { announced: 2n ** 40n })),
];

async function live(t, server, random, actions) {
  let client = await openWebSocket(t, server);
  for (let i = 0; i < STEPS; i++) {
    const dice = random.below(20);
    if (dice === 0) client.socket.pause();
    if (dice === 1) client.socket.resume();
    if (dice === 2) await random.pick(ENDINGS)(client);
    if (client.socket.writable && !client.ended) await client.send(random.pick(actions)());
    else client = await openWebSocket(t, server);
    client.received = Buffer.alloc(0);
  }
  client.socket.destroy();
}

async function runChaos(t, server, seed, disturb) {
  const random = randomSource(seed);
  const first = await openClient(t, server);
  const begin = await first.publish('begin', 'x');
  await first.publishAll('c/1', numbered('x'.repeat(5000), 100));
  const actions = makeActions(random, begin);
  const lives = Array.from({ length: CLIENTS }, () => live(t, server, random, actions));
  await Promise.all([...lives, disturb(random)]);
  first.socket.terminate();
}

/** Asserts that all clients are released and a new one is served. */
async function assertInOrder(t, server) {
  await server.untilReadiness(200);
  await server.untilMetric('all clients are gone', (now) =>
    now.subscriptions === 0 && now.current_connections_count === 1);
  const client = await openClient(t, server);
  const id = await client.publish('new', 'x');
  const subscription = await client.subscribe('new', { sinceEventId: id });
  await client.publishAll('new', numbered('m', 20));
  await subscription.untilCount(20);
  assert.deepEqual(subscription.texts, numbered('m', 20));
}

for (const seed of [1, 2, 3]) {
  test(`survives chaos ${seed} [memory]`, async (t) => {
    const server = await startServer(t, OPTIONS);
    await runChaos(t, server, seed, async () => {});
    await assertInOrder(t, server);
  });

  test(`survives chaos ${seed} and outages [redis]`, async (t) => {
    const redis = await startRedis(t);
    const server = await startServer(t, { ...redis.options, ...OPTIONS });
    await runChaos(t, server, seed, async (random) => {
      for (let i = 0; i < 6; i++) {
        const type = random.pick(['pubsub', 'normal']);
        await redis.command('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes');
        await redis.command('SCRIPT', 'FLUSH');
      }
      await redis.freeze();
      await server.untilReadiness(503);
      redis.thaw();
    });
    await assertInOrder(t, server);
  });

  test(`shuts down during chaos ${seed}`, async (t) => {
    const redis = await startRedis(t);
    const server = await startServer(t, { ...redis.options, ...OPTIONS, SHUTDOWN_TIMEOUT: '3' });
    const chaos = runChaos(t, server, seed, async () => {}).catch(() => {}); // refused at the end
    await server.untilMetric('chaos is under way', (now) =>
      now.websocket_messages_received_total >= 300);
    await server.stop();
    await chaos;
  });
}
