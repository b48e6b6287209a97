// The unchanged npm package eventhub-jsclient, used as in applications.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Eventhub } from 'eventhub-jsclient';

import { testOnBothBrokers } from './support/brokers.mjs';
import { defer } from './support/cleanup.mjs';
import { SECRET, signToken } from './support/jwt.mjs';
import { freePort } from './support/port.mjs';
import { startProxy } from './support/proxy.mjs';
import { startRedis } from './support/redis.mjs';
import { numbered, openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { eventually, Watched } from './support/wait.mjs';

const QUICK = { reconnectInterval: 50, disablePingCheck: true };

/** The callback of a subscription, and the messages that it received. */
class Inbox extends Watched {
  messages = [];

  take = (message) => {
    this.messages.push(message);
    this.changed();
  };

  get texts() {
    return this.messages.map(({ message }) => message);
  }

  untilText(text) {
    return this.until(`the message ${text}`, () => this.texts.includes(text));
  }
}

async function openHub(t, server, { token, options = QUICK } = {}) {
  const hub = new Eventhub(`ws://127.0.0.1:${server.port}`, token, options);
  hub.connects = 0;
  hub.on('connect', () => (hub.connects += 1));
  await hub.connect();
  defer(t, () => hub.disconnect());
  return hub;
}

testOnBothBrokers('a session of the npm client', async (t, broker) => {
  const server = await startServer(t, broker);
  const hub = await openHub(t, server); // its handshake has auth=undefined
  const inbox = new Inbox();

  await t.test('subscribes', async () => {
    const answer = await hub.subscribe('js/topic', inbox.take);
    assert.deepEqual(answer, { action: 'subscribe', status: 'ok', topic: 'js/topic' });
    assert.ok(hub.isSubscribed('js/topic'));
  });

  let first;
  await t.test('publishes', async () => {
    first = await hub.publish('js/topic', 'one', { ttl: 60, timestamp: Date.now() });
    assert.equal(first.status, 'ok');
    await inbox.untilText('one');
    assert.deepEqual(inbox.messages, [{ id: first.id, message: 'one', topic: 'js/topic' }]);
  });

  await t.test('subscribes to a pattern with history', async () => {
    await hub.publish('js/topic', 'two');
    const history = new Inbox();
    const answer = await hub.subscribe('js/#', history.take, { sinceEventId: first.id });
    assert.equal(answer.status, 'ok');
    await history.untilText('two');
    const since = new Inbox();
    await hub.subscribe('+/topic', since.take, { since: -60_000 });
    await since.untilText('two');
    await hub.publish('js/topic', 'three');
    await Promise.all([inbox, history, since].map((each) => each.untilText('three')));
    assert.deepEqual(history.texts, ['two', 'three']);
    assert.deepEqual(since.texts, ['one', 'two', 'three']);
    assert.deepEqual(inbox.texts, ['one', 'two', 'three']);
  });

  await t.test('lists its subscriptions', async () =>
    assert.deepEqual((await hub.listSubscriptions()).sort(), ['+/topic', 'js/#', 'js/topic']));

  await t.test('reads the event log', async () => {
    const after = await hub.getEventlog('js/topic', { sinceEventId: first.id });
    assert.equal(after.action, 'eventlog');
    assert.deepEqual(after.items.map(({ message }) => message), ['two', 'three']);
    const all = await hub.getEventlog('js/#', { since: -60_000 });
    assert.deepEqual(all.items.map(({ message }) => message), ['one', 'two', 'three']);
  });

  await t.test('sets, gets and deletes values', async () => {
    assert.deepEqual(await hub.set('js/key', 'value'),
      { action: 'set', key: 'js/key', success: true });
    assert.deepEqual(await hub.get('js/key'), { action: 'get', key: 'js/key', value: 'value' });
    assert.deepEqual(await hub.del('js/key'), { action: 'del', key: 'js/key', success: true });
    await assert.rejects(hub.get('js/key'), ({ code }) => code === -32602);
    assert.equal((await hub.set('js/key', '', 60)).success, true);
    assert.equal((await hub.get('js/key')).value, '');
  });

  await t.test('unsubscribes from one topic, several, all', async () => {
    hub.unsubscribe('js/topic');
    assert.deepEqual((await hub.listSubscriptions()).sort(), ['+/topic', 'js/#']);
    hub.unsubscribe(['js/#']);
    assert.deepEqual(await hub.listSubscriptions(), ['+/topic']);
    hub.unsubscribeAll();
    assert.deepEqual(await hub.listSubscriptions(), []);
  });

  await t.test('rejects a refused publish with the error', () =>
    assert.rejects(hub.publish('js/+', 'x'), ({ code }) => code === -32602));

  await t.test('disconnects', async () => {
    await hub.disconnect();
    const ONLY_THE_SCRAPE = 1;
    await server.untilMetric('the connection is closed', (now) =>
      now.current_connections_count === ONLY_THE_SCRAPE);
  });
});

test('accepts the token of the npm client, and no client without one', async (t) => {
  const server = await startServer(t, { DISABLE_AUTH: 'false', JWT_SECRET: SECRET });
  const token = signToken({ sub: 'js@example', read: ['js/#'], write: ['js/#'] });
  const hub = await openHub(t, server, { token });
  const inbox = new Inbox();
  await hub.subscribe('js/#', inbox.take);
  await hub.publish('js/1', 'x');
  await inbox.untilText('x');
  assert.equal(inbox.messages[0].origin, 'js@example');
  await assert.rejects(hub.publish('other', 'x'), ({ code }) => code === -32602);

  const stranger = new Eventhub(`ws://127.0.0.1:${server.port}`, undefined, QUICK);
  await assert.rejects(stranger.connect());
});

test('answers the ping monitor of the npm client', async (t) => {
  const server = await startServer(t);
  const hub = await openHub(t, server, {
    options: { pingInterval: 20, pingTimeout: 5000, maxFailedPings: 1 },
  });
  let offline = 0;
  hub.on('offline', () => (offline += 1));
  await server.untilMetric('20 pings', (now) => now.websocket_messages_received_total >= 20);
  assert.deepEqual(await hub.listSubscriptions(), []);
  assert.equal(offline, 0);
  assert.equal(hub.connects, 1);
});

/** A node that the test stops and restarts, on a Redis that keeps its data. */
async function startWatched(t, options = {}) {
  const redis = await startRedis(t, { args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
  const all = { ...redis.options, ...options };
  const fixed = { ...all, LISTEN_PORT: String(await freePort()) };
  const server = await startServer(t, fixed);
  const restart = (how) => startServer(t, fixed, how);
  return { redis, server, options: all, restart };
}

function untilReconnected(hub) {
  return eventually('the client is connected again', () => hub.connects === 2);
}

test('a reconnecting client loses nothing over a restart of the server', async (t) => {
  const { server, options, restart } = await startWatched(t);
  const publisher = await openClient(t, await startServer(t, options));
  const hub = await openHub(t, server);
  const topic = new Inbox();
  const pattern = new Inbox();
  const silent = new Inbox();
  await hub.subscribe('re/1', topic.take);
  await hub.subscribe('re/+', pattern.take);
  await hub.subscribe('silent', silent.take);
  await publisher.publish('re/1', 'before');
  await Promise.all([topic.untilText('before'), pattern.untilText('before')]);

  await server.stop();
  const missed = numbered('missed', 300);
  await publisher.publishAll('re/1', missed);
  await restart();
  await untilReconnected(hub);
  await eventually('all subscriptions are in effect', async () => {
    await publisher.publish('silent', 'probe'); // the client does not tell when they are confirmed
    return silent.texts.length > 0;
  });
  await publisher.publish('re/1', 'after');
  await publisher.publish('silent', 'after');
  await Promise.all([topic, pattern, silent].map((inbox) => inbox.untilText('after')));
  assert.deepEqual(topic.texts, ['before', ...missed, 'after']);
  assert.deepEqual(pattern.texts, ['before', ...missed, 'after']);
  assert.deepEqual(silent.texts.filter((text) => text !== 'probe'), ['after']);
});

for (const [name, more] of [['', {}], [', with ENABLE_CACHE=false', { ENABLE_CACHE: 'false' }]]) {
  test(`a client that reconnects while Redis is down is subscribed in the end${name}`, async (t) => {
    const { redis, server, restart } = await startWatched(t, { ...more, BROKER_TIMEOUT: '1' });
    const hub = await openHub(t, server);
    const inbox = new Inbox();
    await hub.subscribe('down/1', inbox.take);
    await hub.publish('down/1', 'before');
    await inbox.untilText('before'); // so it resumes with sinceEventId

    await redis.kill();
    await server.stop();
    const again = await restart({ ready: false });
    await untilReconnected(hub);
    assert.equal(await again.readiness(), 503);
    await assert.rejects(hub.publish('down/1', 'lost'), ({ code }) => code === -32603);

    await redis.start();
    await again.untilReadiness(200);
    assert.deepEqual(await hub.listSubscriptions(), ['down/1']);
    await hub.publish('down/1', 'after');
    await inbox.untilText('after');
    assert.deepEqual(inbox.texts, ['before', 'after']);
  });
}

test('a reconnecting client survives a server that goes away before Redis is back', async (t) => {
  const redis = await startRedis(t);
  const options = { ...redis.options, BROKER_TIMEOUT: '1', SHUTDOWN_TIMEOUT: '3' };
  const server = await startServer(t, options);
  const proxy = await startProxy(t, server.port);
  const hub = await openHub(t, proxy);
  const inbox = new Inbox();
  await hub.subscribe('js/topic', inbox.take);
  await hub.publish('js/topic', 'one');
  await inbox.untilText('one');
  await redis.freeze();
  const { websocket_messages_received_total: before } = await server.metrics();
  proxy.cut();
  proxy.restore();
  await server.untilMetric('it subscribes again, after the last id',
    (now) => now.websocket_messages_received_total > before);
  await server.stop(); // a rejected promise would fail this test, and end an application
});
