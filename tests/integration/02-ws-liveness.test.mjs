// Clients that are silent, have died, or do not read.

import assert from 'node:assert/strict';
import { setInterval } from 'node:timers';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'node:test';

import { defer } from './support/cleanup.mjs';
import { frame, OP, parseClose } from './support/frames.mjs';
import { startProxy } from './support/proxy.mjs';
import { startRedis } from './support/redis.mjs';
import { openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { openWebSocket } from './support/socket.mjs';
import { eventually, watchDelays } from './support/wait.mjs';

const delayMs = watchDelays();

test('PING_INTERVAL', async (t) => {
  const server = await startServer(t, { PING_INTERVAL: '1' });

  async function nextPing(socket) {
    const received = await socket.readFrame();
    assert.equal(received.op, OP.PING);
    return received.payload;
  }

  await t.test('keeps a client that answers pings', async (t) => {
    const socket = await openWebSocket(t, server);
    for (let i = 0; i < 4; i++) await socket.send(frame(OP.PONG, await nextPing(socket)));
  });

  await t.test('keeps a client that sends anything at all', async (t) => {
    const socket = await openWebSocket(t, server);
    for (let i = 0; i < 4; i++) {
      await nextPing(socket);
      await socket.send(frame(OP.TEXT, JSON.stringify({ jsonrpc: '2.0', method: 'ping' })));
    }
  });

  await t.test('drops a client that sends nothing for two intervals', async (t) => {
    const startedAt = Date.now();
    const socket = await openWebSocket(t, server);
    await nextPing(socket);
    await socket.untilEnd();
    assert.ok(Date.now() - startedAt >= 1900, 'not before two intervals');
    await server.untilMetric('the timeout is counted', (now) => now.disconnects_total.timeout >= 1);
  });

  await t.test('drops a client after two intervals, not three, when it answered a ping before', async (t) => {
    const socket = await openWebSocket(t, server);
    await nextPing(socket);
    await delay(200); // as over a slow network
    await socket.send(frame(OP.PONG));
    const startedAt = Date.now();
    await socket.untilEnd();
    const took = Date.now() - startedAt;
    assert.ok(took >= 1900, 'not before two intervals');
    assert.ok(took <= 2500 + delayMs(), `after ${took} ms`);
  });

  await t.test('sends a ping in every interval to a client that is heard less often', async (t) => {
    const socket = await openWebSocket(t, server);
    const timer = setInterval(() => socket.socket.write(frame(OP.PONG)), 1600);
    defer(t, () => clearInterval(timer));
    const times = [];
    for (let i = 0; i < 8; i++) {
      await nextPing(socket);
      times.push(Date.now());
    }
    for (let i = 1; i < times.length; i++) {
      assert.ok(Math.abs(times[i] - times[i - 1] - 1000) < 250 + delayMs(), `${times}`);
    }
    assert.ok(!socket.ended);
  });
});

/** Everything that a socket receives: text messages, and the Close if there is one. */
async function readAll(socket) {
  const messages = [];
  for (;;) {
    const received = await socket.readDataFrame().catch(() => null); // it ended, perhaps within a frame
    if (!received) return { messages, close: null };
    if (received.op === OP.CLOSE) return { messages, close: parseClose(received) };
    messages.push(JSON.parse(received.payload.toString()));
  }
}

test('drops a client that does not read, and delays nobody else', async (t) => {
  const server = await startServer(t, { MAX_OUTPUT_QUEUE: '256k', MAX_CACHE_LENGTH: '10' });
  const slow = await openWebSocket(t, server);
  const subscribe = { jsonrpc: '2.0', id: 1, method: 'subscribe', params: { topic: 'flood' } };
  await slow.send(frame(OP.TEXT, JSON.stringify(subscribe)));
  await slow.readJson();
  slow.socket.pause(); // the kernel's buffers fill up, then the server's queue

  const reader = await openClient(t, server);
  const subscription = await reader.subscribe('flood');
  const publisher = await openClient(t, server);
  const filler = 'x'.repeat(64 * 1024);
  const sent = [];
  await server.untilMetric('the slow reader is dropped', async (now) => {
    for (let i = 0; i < 3; i++) {
      sent.push(`${sent.length} ${filler}`);
      await publisher.publish('flood', sent.at(-1));
    }
    await subscription.untilCount(sent.length); // a queue holds three
    return now.disconnects_total.slow_reader === 1;
  });

  assert.deepEqual(subscription.texts, sent, 'the other client got everything in order');

  slow.socket.resume();
  const { messages, close } = await readAll(slow);
  assert.ok(messages.every(({ result }, i) => result.message === sent[i]), 'the first ones, in order');
  assert.ok(messages.length < sent.length);
  if (close) assert.equal(close.code, 1013); // best effort
  await slow.untilEnd();
});

test('sends Close 1013 in full although answers come after it', async (t) => {
  const redis = await startRedis(t);
  const proxy = await startProxy(t, redis.port);
  const options = { ...redis.options, REDIS_PORT: String(proxy.port), MAX_OUTPUT_QUEUE: '256k' };
  const server = await startServer(t, options);
  const slow = await openWebSocket(t, server);
  const send = (id, method, params) =>
    slow.send(frame(OP.TEXT, JSON.stringify({ jsonrpc: '2.0', id, method, params })));
  proxy.holdAnswersTo('held/+');
  await send(1, 'subscribe', { topic: 'flood' });
  await slow.readJson();
  await send(2, 'eventlog', { topic: 'held/+', since: -1000 });
  await eventually('the log is asked', () => proxy.isHolding);
  slow.socket.pause();

  const publisher = await openClient(t, server);
  const filler = 'x'.repeat(64 * 1024);
  await server.untilMetric('the slow reader is dropped', async (now) => {
    for (let i = 0; i < 4; i++) await publisher.publish('flood', filler);
    return now.subscriptions === 0;
  });
  proxy.release();
  await publisher.call('eventlog', { topic: 'held/+', since: -1000 }); // answered after the held one
  slow.socket.resume();
  const { close } = await readAll(slow);
  assert.deepEqual(close, { code: 1013, reason: 'output queue full' });
  await slow.untilEnd();
});
