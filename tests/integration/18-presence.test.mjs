// Presence: how many clients are subscribed on all nodes, and their subs.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';

import { testOnBothBrokers } from './support/brokers.mjs';
import { defer } from './support/cleanup.mjs';
import { freeze } from './support/freeze.mjs';
import { SECRET, signToken } from './support/jwt.mjs';
import { startRedis } from './support/redis.mjs';
import { errorOf, numbered, openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { openStream } from './support/sse.mjs';
import { eventually, scaled, within } from './support/wait.mjs';

const WITH_AUTH = { DISABLE_AUTH: 'false', JWT_SECRET: SECRET };

const presence = (client, topic) => client.call('presence', { topic });
const count = async (client, topic) => (await presence(client, topic)).count;

function openAs(t, server, claims) {
  const Authorization = signToken({ read: ['#'], ...claims });
  return openClient(t, server, { headers: { Authorization } });
}

testOnBothBrokers('the count of presence', async (t, options) => {
  const server = await startServer(t, { ...options, WORKER_THREADS: '3' });
  const clients = [];
  for (let i = 0; i < 7; i++) clients.push(await openClient(t, server));
  const [asker, ...others] = clients;

  await t.test('answers 0 when nobody is subscribed', async () =>
    assert.deepEqual(await presence(asker, 'room/1'),
      { action: 'presence', count: 0, subs: [], topic: 'room/1' }));

  await t.test('counts each connection whose subscriptions match a topic once', async () => {
    await others[0].subscribe('room/1');
    await others[1].subscribe('room/+');
    await others[2].subscribe('#');
    for (const topic of ['room/1', 'room/#', '+/1']) await others[3].subscribe(topic);
    await others[4].subscribe('room/2');
    await others[5].subscribe('room/1/more');
    assert.equal(await count(asker, 'room/1'), 4);
    assert.equal(await count(asker, 'room/2'), 4);
    assert.equal(await count(asker, 'elsewhere'), 1);
  });

  await t.test('counts subscriptions to a pattern only for that pattern', async () => {
    assert.equal(await count(asker, 'room/+'), 1);
    assert.equal(await count(asker, 'room/#'), 1);
    assert.equal(await count(asker, '#'), 1);
    assert.equal(await count(asker, '+'), 0);
  });

  await t.test('counts the asking client from its next request on', async () => {
    const [, own] = await Promise.all([asker.subscribe('room/1'), count(asker, 'room/1')]);
    const [, gone] = await Promise.all([
      asker.call('unsubscribe', ['room/1']), count(asker, 'room/1'),
    ]);
    assert.deepEqual([own, gone], [5, 4]);
  });

  await t.test('does not count clients that have left', async () => {
    await others[0].call('unsubscribeAll');
    assert.equal(await count(asker, 'room/1'), 3);
    others[3].socket.terminate();
    await eventually('the count falls', async () => (await count(asker, 'room/1')) === 2);
  });

  await t.test('answers many questions at a time', async () => {
    const counts = await Promise.all(numbered('x', scaled(1000)).map(() => count(asker, 'room/2')));
    assert.ok(counts.every((each) => each === 3));
    assert.equal((await server.metrics()).presence_questions_dropped_total, 0);
  });

  await t.test('answers questions in a batch', async () => {
    const [first, second] = await asker.exchange(JSON.stringify(['room/2', 'elsewhere'].map(
      (topic, i) => ({ jsonrpc: '2.0', id: `b${i}`, method: 'PRESENCE', params: { topic } }))));
    assert.deepEqual([first.result.count, second.result.count], [3, 1]);
  });

  await t.test('does not answer a question without an id', async () => {
    asker.notify('presence', { topic: 'room/1' });
    await asker.roundTrip();
  });

  await t.test('refuses invalid questions', async () => {
    for (const params of [undefined, {}, { topic: 7 }, { topic: '' }, { topic: 'a/' }]) {
      const error = await errorOf(asker.call('presence', params));
      assert.equal(error.code, -32602);
      assert.equal(error.phrase, 'Invalid params');
    }
  });
});

testOnBothBrokers('the subs of presence', async (t, options) => {
  const server = await startServer(t, { ...options, ...WITH_AUTH, WORKER_THREADS: '2' });
  const sees = await openAs(t, server, { sub: 'watcher', presence: ['room/#'] });
  for (const sub of ['bob', 'ann', 'bob', undefined, 'zoë "z"', '\u0001']) {
    await (await openAs(t, server, { sub })).subscribe('room/1');
  }

  await t.test('lists each sub once, sorted', async () =>
    assert.deepEqual(await presence(sees, 'room/1'), {
      action: 'presence',
      count: 6,
      subs: ['\u0001', 'ann', 'bob', 'zoë "z"'],
      topic: 'room/1',
    }));

  await t.test('lists subs only for topics that the token covers', async () => {
    await sees.subscribe('other');
    assert.deepEqual(await presence(sees, 'other'),
      { action: 'presence', count: 1, topic: 'other' });
    assert.ok(!('subs' in await presence(sees, '#')));
    assert.deepEqual((await presence(sees, 'room/#')).subs, []);
  });

  await t.test('answers clients without the right with a count alone', async () => {
    const blind = await openAs(t, server, { sub: 'x' });
    assert.deepEqual(await presence(blind, 'room/1'),
      { action: 'presence', count: 6, topic: 'room/1' });
  });

  await t.test('refuses a client without the right to read the topic', async () => {
    const stranger = await openAs(t, server, { read: ['a'], presence: ['#'] });
    const error = await errorOf(presence(stranger, 'room/1'));
    assert.equal(error.phrase, 'Not allowed');
  });
});

testOnBothBrokers('lists at most 1000 subs', async (t, options) => {
  const server = await startServer(t, { ...options, ...WITH_AUTH, WORKER_THREADS: '2' });
  const subs = numbered('', 1010).map((text) => text.trim().padStart(4, '0')).reverse();
  const open = async (sub) => (await openAs(t, server, { sub })).subscribe('full');
  for (let i = 0; i < subs.length; i += 50) await Promise.all(subs.slice(i, i + 50).map(open));
  const answer = await presence(await openAs(t, server, { presence: ['#'] }), 'full');
  assert.equal(answer.count, subs.length);
  assert.equal(answer.more, true);
  assert.deepEqual(answer.subs, subs.reverse().slice(0, 1000));
});

testOnBothBrokers('lists no more subs than fit into MAX_OUTPUT_QUEUE', async (t, options) => {
  const small = { MAX_OUTPUT_QUEUE: '8k', MAX_HEADER_SIZE: '64k' };
  const server = await startServer(t, { ...options, ...WITH_AUTH, ...small });
  for (let i = 0; i < 40; i++) {
    await (await openAs(t, server, { sub: `${i}${'x'.repeat(200)}` })).subscribe('long');
  }
  const answer = await presence(await openAs(t, server, { presence: ['#'] }), 'long');
  assert.equal(answer.count, 40);
  assert.equal(answer.more, true);
  assert.ok(answer.subs.length >= 10 && answer.subs.length < 40, `${answer.subs.length} subs`);
});

async function startNodes(t, n, options = {}) {
  const redis = await startRedis(t);
  const how = () => startServer(t, { ...redis.options, BROKER_TIMEOUT: '2', ...options });
  return { redis, nodes: await Promise.all(Array.from({ length: n }, how)) };
}

test('presence over the nodes of a cluster', async (t) => {
  const { redis, nodes } = await startNodes(t, 3, WITH_AUTH);
  const clients = await Promise.all(nodes.map((node, i) =>
    openAs(t, node, { sub: `on ${i}`, presence: ['#'] })));
  for (const client of clients) await client.subscribe('room/1');
  const twice = await openAs(t, nodes[1], { sub: 'on 0' });
  await twice.subscribe('room/+');
  const whole = {
    action: 'presence', count: 4, subs: ['on 0', 'on 1', 'on 2'], topic: 'room/1',
  };
  const ask = () => presence(clients[0], 'room/1');

  await t.test('gives the same answer on every node', async () => {
    for (const client of clients) assert.deepEqual(await presence(client, 'room/1'), whole);
  });

  await t.test('does not take a listener on the channels for a node', async (t) => {
    const listener = spawn('redis-cli', ['-p', String(redis.port), 'PSUBSCRIBE', 'eventhub:*']);
    defer(t, () => listener.kill());
    await within(once(listener.stdout, 'data'), 'the subscription');
    assert.deepEqual(await ask(), whole);
  });

  await t.test('ignores invalid messages and questions of unknown nodes', async () => {
    const before = (await nodes[0].metrics()).broker_messages_invalid_total;
    const question = { id: 1, node: '0123456789abcdef', subs: true, topic: 'room/1', v: 1 };
    const junk = ['', 'x', '[]', '{}', ...[{ v: 2 }, { topic: 'a/' }, { node: 'x:y' }, { id: -1 },
      { subs: 1 }].map((wrong) => JSON.stringify({ ...question, ...wrong })),
    ];
    for (const text of junk) await redis.command('PUBLISH', '{eventhub}:presence', text);
    await redis.command('PUBLISH', '{eventhub}:presence', JSON.stringify(question)); // nobody awaits the answer
    const answers = (await redis.command('PUBSUB', 'CHANNELS', '{eventhub}:presence:*')).split('\n');
    assert.equal(answers.length, nodes.length);
    const answer = { count: 1e6, id: 1, more: false, subs: [], v: 1 };
    const wrong = [{ count: -1 }, { subs: [''] }, { subs: ['y'.repeat(257)] },
      { subs: numbered('s', 1001) }].map((each) => JSON.stringify({ ...answer, ...each }));
    for (const channel of answers) {
      for (const text of ['x', ...wrong]) await redis.command('PUBLISH', channel, text);
      await redis.command('PUBLISH', channel, JSON.stringify(answer)); // too late
    }
    assert.deepEqual(await ask(), whole);
    const after = (await nodes[0].metrics()).broker_messages_invalid_total;
    assert.equal(after - before, junk.length + 1 + wrong.length);
  });

  await t.test('answers without a node that hangs', async () => {
    await freeze(nodes[2].child);
    const startedAt = Date.now();
    const answer = await ask();
    assert.deepEqual(answer, {
      ...whole, complete: false, count: 3, subs: ['on 0', 'on 1'],
    });
    assert.ok(Date.now() - startedAt >= 900);
    nodes[2].child.kill('SIGCONT');
    await eventually('the node is counted again', async () => (await ask()).count === 4);
  });

  await t.test('soon forgets a node that has died', async () => {
    nodes[2].expectedCode = 'SIGKILL';
    nodes[2].signal('SIGKILL');
    await nodes[2].untilExit();
    await eventually('its clients are no longer counted', async () => {
      const answer = await ask();
      return answer.count === 3 && !('complete' in answer);
    }, 5000);
    assert.deepEqual((await ask()).subs, ['on 0', 'on 1']);
  });

  await t.test('counts clients of a new node as soon as it is ready', async () => {
    const fresh = await startServer(t, { ...redis.options, ...WITH_AUTH });
    await (await openAs(t, fresh, { sub: 'on 3' })).subscribe('room/1');
    assert.deepEqual((await ask()).subs, ['on 0', 'on 1', 'on 3']);
  });
});

test('answers an error to presence while Redis is away', async (t) => {
  const { redis, nodes: [server] } = await startNodes(t, 1, { BROKER_TIMEOUT: '1' });
  const client = await openClient(t, server);
  await client.subscribe('a');
  await redis.kill();
  await server.untilReadiness(503);
  const error = await errorOf(presence(client, 'a'));
  assert.equal(error.code, -32603);
  assert.equal(error.data, 'presence could not be determined');
  await redis.start();
  await server.untilReadiness(200);
  assert.equal(await count(client, 'a'), 1);

  await redis.freeze();
  assert.equal((await errorOf(presence(client, 'a'))).code, -32603);
  redis.thaw();
  await server.untilReadiness(200);
  assert.equal(await count(client, 'a'), 1);
});

testOnBothBrokers('counts event streams', async (t, options) => {
  const server = await startServer(t, options);
  const client = await openClient(t, server);
  const events = await openStream(t, server, '/room/1');
  assert.equal(await count(client, 'room/1'), 1);
  events.leave();
  await eventually('the stream is no longer counted', async () => (await count(client, 'room/1')) === 0);
});
