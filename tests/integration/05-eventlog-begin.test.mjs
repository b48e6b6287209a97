// Where a subscription without history begins: no message that was published before it is delivered,
// although such messages may still be on their way to the node.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startProxy } from './support/proxy.mjs';
import { startRedis } from './support/redis.mjs';
import { openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { openStream } from './support/sse.mjs';
import { eventually } from './support/wait.mjs';

const CACHES = ['true', 'false'];
const STREAMS = 4; // so that each of two workers has some

/** Opens subscriptions of each kind; `texts` of each are what it has received. */
async function subscribeAll(t, server, topic) {
  const opened = [];
  for (let i = 0; i < STREAMS; i++) {
    opened.push(await openStream(t, server, `/${topic}`));
    opened.push(await (await openClient(t, server)).subscribe(topic, { gaps: true }));
  }
  return opened;
}

async function assertTexts(subscriptions, texts) {
  for (const subscription of subscriptions) {
    await subscription.untilText(texts.at(-1));
    assert.deepEqual(subscription.texts.filter(Boolean), texts); // without gaps
  }
}

for (const cache of CACHES) {
  test(`begins after publishes that were answered, with ENABLE_CACHE=${cache}`, async (t) => {
    const redis = await startRedis(t);
    const proxy = await startProxy(t, redis.port);
    const server = await startServer(t, {
      ...redis.options, REDIS_PORT: String(proxy.port), ENABLE_CACHE: cache, WORKER_THREADS: '2',
      BROKER_TIMEOUT: '60',
    });
    const publisher = await openClient(t, server);
    const older = await subscribeAll(t, server, 'a');
    proxy.hold('feed');
    await publisher.publish('a', 'before');
    const id = await publisher.publish('a', 'last before');
    const newer = await subscribeAll(t, server, 'a');
    for (const { answer, lastId } of newer) assert.equal(answer ? answer.lastEventId : lastId, id);
    proxy.release();
    await publisher.publish('a', 'after');
    await assertTexts(newer, ['after']);
    await assertTexts(older, ['before', 'last before', 'after']);
  });

  test(`begins after messages that a feed holds back, with ENABLE_CACHE=${cache}`, async (t) => {
    const redis = await startRedis(t);
    const proxy = await startProxy(t, redis.port);
    const options = { ...redis.options, ENABLE_CACHE: cache, WORKER_THREADS: '2', BROKER_TIMEOUT: '60' };
    const other = await startServer(t, options);
    const server = await startServer(t, { ...options, REDIS_PORT: String(proxy.port) });
    const publisher = await openClient(t, other);
    const client = await openClient(t, server);
    const older = await subscribeAll(t, server, 'a');
    await client.subscribe('b'); // so that a later subscription need not wait for the feed
    await publisher.publish('a', 'seen');
    await assertTexts(older, ['seen']);

    proxy.hold('commands'); // so the feed cannot join again, but it subscribes
    const [feed] = (await redis.command('CLIENT', 'LIST', 'TYPE', 'pubsub')).split('\n')
      .filter((line) => proxy.farPorts.includes(Number(/ addr=\S+:(\d+) /.exec(line)[1])));
    await redis.command('CLIENT', 'KILL', 'ID', /^id=(\d+) /.exec(feed)[1]);
    await eventually('the feed subscribes again', async () =>
      (await redis.command('CLIENT', 'LIST', 'TYPE', 'pubsub')).split('\n').length === 2);
    const id = await publisher.publish('a', 'held back');
    await eventually('the message has arrived', async () =>
      (await client.call('subscribe', { topic: 'b', gaps: true })).lastEventId === id);
    const newer = await subscribeAll(t, server, 'a');
    proxy.release();
    await server.untilReadiness(200);
    await publisher.publish('a', 'after');
    await assertTexts(newer, ['after']);
    await assertTexts(older, ['seen', 'held back', 'after']);
  });
}

test('begins after messages that a client has read in the log', async (t) => {
  const redis = await startRedis(t);
  const proxy = await startProxy(t, redis.port);
  const options = { ...redis.options, WORKER_THREADS: '2', BROKER_TIMEOUT: '60' };
  const publisher = await openClient(t, await startServer(t, options));
  const server = await startServer(t, { ...options, REDIS_PORT: String(proxy.port) });
  const client = await openClient(t, server);
  const older = await subscribeAll(t, server, 'a'); // so that the newer ones need not wait for the feed
  const begin = await publisher.publish('a', 'begin');
  await assertTexts(older, ['begin']);
  proxy.hold('feed');
  const id = await publisher.publish('a', 'read');
  const { items } = await client.call('eventlog', { topic: 'a', sinceEventId: begin });
  assert.deepEqual(items.map((item) => item.id), [id]);
  const newer = await subscribeAll(t, server, 'a');
  proxy.release();
  await publisher.publish('a', 'after');
  await assertTexts(newer, ['after']);
  await assertTexts(older, ['begin', 'read', 'after']);
});
