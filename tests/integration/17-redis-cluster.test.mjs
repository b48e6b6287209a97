// A Redis Cluster owns our slot: it fails over, answers from any node, and sends us elsewhere.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startCluster } from './support/cluster.mjs';
import { ALL_CHANNELS } from './support/engine.mjs';
import { Refusal, startFakeRedis } from './support/fake-redis.mjs';
import { httpPost, httpRequest } from './support/http.mjs';
import { freePort } from './support/port.mjs';
import { startRedis } from './support/redis.mjs';
import { openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { eventually, SANITIZED, watchDelays } from './support/wait.mjs';

const SLOT = 11049; // of {eventhub}
const delayMs = watchDelays();

function untilUsed(server, redis) {
  return eventually('the owner is used', async () =>
    await server.redisAddress() === `127.0.0.1:${redis.port}` && await server.readiness() === 200);
}

test('a Redis Cluster', async (t) => {
  const world = await startCluster(t);
  const [owner] = await Promise.all([world.owner()]);
  const other = world.nodes.find((node) => node !== owner);
  const server = await startServer(t, {
    ...world.optionsFor([await freePort(), other.port, owner.port]), BROKER_TIMEOUT: '20', ENABLE_API: 'true',
  });
  const client = await openClient(t, server);
  const subscription = await client.subscribe('moved/#');

  await t.test('is found although the first host of the list is down', async () => {
    await client.publish('moved/a', 'before');
    await subscription.untilText('before');
    assert.equal(await server.redisAddress(), `127.0.0.1:${owner.port}`);
  });

  await t.test('is found with a single host that does not own the slot', async (t) => {
    const second = await startServer(t, {
      BROKER: 'redis', REDIS_HOST: '127.0.0.1', REDIS_PORT: String(other.port),
    });
    assert.equal(await second.redisAddress(), `127.0.0.1:${owner.port}`);
    await (await openClient(t, second)).publish('moved/b', 'from the other node');
    await subscription.untilText('from the other node');
    const revoked = await httpPost(server, '/api/revoke', '{"jti":"t-1"}');
    assert.deepEqual([revoked.status, revoked.json.complete], [200, true]);
    await second.untilMetric('it knows the revoked token', ({ revoked_tokens: n }) => n === 1);
  });

  await t.test('purges a topic', async () => {
    const { body } = await httpRequest(server, 'DELETE', '/api/log/moved/b');
    assert.deepEqual(JSON.parse(body), { removed: 1, complete: true });
  });

  await t.test('refuses a database other than 0, and says so', async (t) => {
    const options = { ...world.options, REDIS_DB: '1' };
    const second = await startServer(t, options, { ready: false });
    await second.untilReason(/^the broker is not ready: REDIS_DB must be 0: Redis is a cluster$/);
  });

  await t.test('is followed when a replica takes over as planned', async () => {
    const next = await world.failover();
    await client.untilPublished('moved/a', 'planned');
    await untilUsed(server, next);
    await subscription.untilText('planned');
  });

  await t.test('is followed when the owner hangs, long before BROKER_TIMEOUT', async () => {
    await world.untilOk();
    const old = await world.owner();
    await old.freeze();
    const frozenAt = Date.now();
    const next = await world.untilOwnerIsNot(old);
    await client.untilPublished('moved/a', 'hung');
    await subscription.untilText('hung');
    await untilUsed(server, next);
    t.diagnostic(`published ${Date.now() - frozenAt} ms after the owner hung`);
    if (!SANITIZED) assert.ok(Date.now() - frozenAt < 10_000 + delayMs());
    old.thaw();
  });

  await t.test('is followed when the owner dies', async () => {
    await world.untilOk();
    const old = await world.owner();
    await old.kill();
    const next = await world.untilOwnerIsNot(old);
    const acceptedAt = Date.now();
    await client.untilPublished('moved/a', 'killed');
    const took = Date.now() - acceptedAt;
    t.diagnostic(`published ${took} ms after the new owner accepted`);
    if (!SANITIZED) assert.ok(took < 2000 + delayMs(), `published after ${took} ms`);
    await subscription.untilText('killed');
    await untilUsed(server, next);
  });

  await t.test('delivers everything that was acknowledged, once and in order', () => {
    const { texts, ids } = subscription;
    assert.deepEqual(texts, ['before', 'from the other node', 'planned', 'hung', 'killed']);
    assert.deepEqual([...new Set(ids)], ids);
  });

  await t.test('knows what was purged', async () => {
    const log = (topic) => client.call('eventlog', { topic, sinceEventId: subscription.ids[0] });
    assert.deepEqual(await log('moved/b').then(({ items, recovered }) => [items, recovered]), [[], false]);
    assert.equal((await log('moved/a')).recovered, true);
  });
});

test('several hosts that are no cluster', async (t) => {
  const [one, two] = await Promise.all([startRedis(t), startRedis(t)]);
  const server = await startServer(t, {
    BROKER: 'redis', REDIS_HOST: `127.0.0.1:${one.port},127.0.0.1:${two.port}`,
  }, { ready: false });
  await server.untilReason(/^the broker is not ready: Redis is not a cluster: ERR This instance has cluster/);
});

test('a user without the right to ask for the slots', async (t) => {
  const world = await startCluster(t, { masters: 1, replicas: 0 });
  const [node] = world.nodes;
  await node.command('ACL', 'SETUSER', 'narrow', 'on', '>secret', '~*', ...ALL_CHANNELS, '+@all', '-cluster');
  const login = { REDIS_USERNAME: 'narrow', REDIS_PASSWORD: 'secret' };

  await test('is enough for one host, with a warning', async (t) => {
    const server = await startServer(t, {
      BROKER: 'redis', REDIS_HOST: '127.0.0.1', REDIS_PORT: String(node.port), ...login,
    });
    const client = await openClient(t, server);
    await client.publish('narrow', 'x');
    await eventually('the missing right is logged', () => /cluster\|slots/.test(server.stderr));
  });
  await test('is named in /readyz if there are several', async (t) => {
    const server = await startServer(t, {
      BROKER: 'redis', REDIS_HOST: `127.0.0.1:${node.port},localhost:${node.port}`, ...login,
    }, { ready: false });
    await server.untilReason(/not ready: the user lacks the right \+cluster\|slots: NOPERM/);
  });
});

/**
 * A node of a cluster. `moved` is its error for every script. It answers CLUSTER SLOTS with `slots`, or, if
 * that is not set, with the endpoint `owner` for all slots.
 */
async function startFakeNode(t) {
  const node = await startFakeRedis(t, (words) => {
    switch (words[0]) {
      case 'EVALSHA': return new Refusal(node.moved);
      case 'INFO': return '# Server\r\nredis_version:7.0.15\r\nrole:master\r\ncluster_enabled:1\r\n';
      case 'CLUSTER': return node.slots ?? [[0, 16383, [...node.owner, 'id', []]]];
      default: return 'politely';
    }
  });
  node.owner = ['127.0.0.1', node.port];
  return node;
}

const MOVED_LINES = /event=(redis_\w+|broker_waiting)/;

/** Watches the server for some seconds of what the nodes do to it. */
async function assertBounded(t, server, nodes) {
  const countAll = (name) => nodes.reduce((sum, node) => sum + node.count(name), 0);
  const opened = () => nodes.reduce((sum, node) => sum + node.opened, 0);
  const lines = () => server.stderr.split('\n').filter((line) => MOVED_LINES.test(line)).length;
  await eventually('the nodes were asked', () => countAll('CLUSTER SLOTS') > 2 && lines() > 5);
  const before = {
    at: Date.now(), lines: lines(), opened: opened(), bytes: server.residentBytes(),
    asked: countAll('CLUSTER SLOTS'), scripts: countAll('EVALSHA'),
  };
  await eventually('they were asked four more times', () => countAll('CLUSTER SLOTS') >= before.asked + 4);
  const seconds = (Date.now() - before.at) / 1000;
  t.diagnostic(`${seconds} s: ${lines() - before.lines} lines, ${opened() - before.opened} connections, `
    + `${countAll('EVALSHA') - before.scripts} scripts, ${server.residentBytes() - before.bytes} bytes`);
  assert.ok(seconds > 2.5, `asked four times in ${seconds} s`);
  assert.ok(lines() - before.lines <= seconds + 2, `${lines() - before.lines} lines in ${seconds} s`);
  assert.ok(opened() - before.opened <= 60 * seconds, `${opened() - before.opened} connections in ${seconds} s`);
  assert.ok(countAll('EVALSHA') - before.scripts <= 60 * seconds);
  if (!SANITIZED) assert.ok(server.residentBytes() - before.bytes < 4 * 1024 * 1024);
}

/** Starts two such nodes and a server that knows both. */
async function startElsewhere(t) {
  const nodes = await Promise.all([startFakeNode(t), startFakeNode(t)]);
  const start = () => startServer(t, {
    BROKER: 'redis', REDIS_HOST: nodes.map(({ address }) => address).join(','), BROKER_TIMEOUT: '1',
  }, { ready: false });
  return { nodes, one: nodes[0], two: nodes[1], start };
}

test('a cluster that sends everybody elsewhere', { concurrency: true }, async (t) => {
  await Promise.all([
    t.test('to a node that sends it back', async (t) => {
      const { nodes, one, two, start } = await startElsewhere(t);
      one.moved = `MOVED ${SLOT} ${two.address}`;
      two.moved = `MOVED ${SLOT} ${one.address}`;
      const server = await start();
      await assertBounded(t, server, nodes);
      assert.match(await server.reason(), /not ready: ./);
    }),

    t.test('to the node itself', async (t) => {
      const { nodes, one, two, start } = await startElsewhere(t);
      one.moved = two.moved = `MOVED ${SLOT} ${one.address}`;
      two.owner = one.owner;
      const server = await start();
      await assertBounded(t, server, nodes);
      assert.match(await server.reason(), /not ready: .*MOVED/);
    }),

    t.test('to a host that does not exist', async (t) => {
      const { nodes, one, two, start } = await startElsewhere(t);
      one.moved = two.moved = `MOVED ${SLOT} no-such-host.invalid:6379`;
      const server = await start();
      await assertBounded(t, server, nodes);
      assert.match(await server.reason(), /not ready: ./);
    }),

    t.test('to nobody', async (t) => {
      const { nodes, one, two, start } = await startElsewhere(t);
      const says = (slots) => nodes.forEach((node) => (node.slots = slots));
      says([[0, SLOT - 1, ['', one.port, 'id']], [SLOT + 1, 16383, [null, two.port, 'id']]]);
      const server = await start();
      await server.untilReason(new RegExp(`not ready: no node of the cluster owns slot ${SLOT}$`));
      says([[0, 16383, ['?', one.port, 'id']]]);
      await server.untilReason(new RegExp(`not ready: the cluster does not tell who owns slot ${SLOT}$`));
      says(['garbage', [1], [[[]]]]);
      await server.untilReason(/not ready: CLUSTER SLOTS: an unexpected answer$/);
    }),
  ]);
});
