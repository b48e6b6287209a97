// The configurations of docs/failover.md work, word for word, with real servers: the node finds its master,
// and the next one when that dies. Only addresses, directories and the times are replaced.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { defer } from './support/cleanup.mjs';
import { startCluster } from './support/cluster.mjs';
import { documentedFor } from './support/documented.mjs';
import { temporaryFiles } from './support/files.mjs';
import { SECRET, signToken } from './support/jwt.mjs';
import { freePort } from './support/port.mjs';
import { Redis, startRedis } from './support/redis.mjs';
import { openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { eventually } from './support/wait.mjs';

const PASSWORD = 'A-LONG-SECRET';
const CLI = ['-a', PASSWORD];
const DOWN_AFTER_MS = 500; // in place of 5000
const documented = documentedFor(import.meta.url);

const ONE = documented('docs/failover.md', 'One Redis');
const SENTINEL = documented('docs/failover.md', 'eventhub.conf');
const SENTINEL_REDIS = documented('docs/failover.md', 'redis.conf');
const SENTINEL_ITSELF = documented('docs/failover.md', 'sentinel.conf');
const CLUSTER = documented('docs/failover.md', 'Cluster: eventhub.conf');
const CLUSTER_REDIS = documented('docs/failover.md', 'Cluster: redis.conf');

/** The documented text with the second part of each change in place of the first, which must be there. */
function adapted(text, changes) {
  return changes.reduce((result, [from, to]) => {
    assert.ok(text.includes(from), from);
    return result.replaceAll(from, to);
  }, text);
}

/** Starts a node with documented options, and with these ports in place of the hosts. */
async function startDocumented(t, documented, ports) {
  const { directory, write } = temporaryFiles(t);
  write('redis-password', PASSWORD);
  write('jwt-secret', SECRET);
  const hosts = /= (\S+)$/m.exec(documented)[1];
  const text = adapted(documented, [
    [hosts, ports.map((port) => `127.0.0.1:${port}`).join(',')],
    ['/etc/eventhub', directory],
  ]);
  const file = write('eventhub.conf', text);
  const node = await startServer(t, { BROKER: undefined, DISABLE_AUTH: undefined }, { args: [`--config=${file}`] });
  const claims = { read: ['#'], write: ['#'] };
  const client = await openClient(t, node, { headers: { Authorization: signToken(claims) } });
  return { node, client };
}

/** Asserts that the node loses no message and the client stays connected while `fail` runs. */
async function survives(client, fail) {
  const live = await client.subscribe('a/#', { gaps: true });
  const before = await client.publish('a/1', 'before');
  await fail();
  const after = await client.untilPublished('a/2', 'after');
  await live.untilText('after');
  assert.deepEqual(live.ids, [before, after]);
  const { items, recovered } = await client.call('eventlog', { topic: 'a/#', sinceEventId: before });
  assert.deepEqual(items.map(({ message }) => message), ['after']);
  assert.equal(recovered, true);
}

/** Whether a server is a master whose n replicas have everything. */
async function isReplicated(redis, n) {
  const info = await redis.command('INFO', 'replication').catch(() => '');
  if (!/role:master/.test(info)) return false;
  const end = /master_repl_offset:(\d+)/.exec(info)[1];
  return [...info.matchAll(/state=online,offset=(\d+)/g)].filter(([, offset]) => offset === end).length === n;
}

/** A busy machine may have failed over before: waits for whichever is the master of these servers. */
function untilReplicated(servers, n) {
  return eventually(`a master whose ${n} replicas have everything`, async () => {
    for (const redis of servers) if (await isReplicated(redis, n)) return redis;
    return null;
  });
}

/** A redis-server, or a Sentinel, with a documented file of options. */
class Documented extends Redis {
  constructor(t, port, { cli, mode = [] }) {
    super(port, { args: [], cli, env: {} });
    this.mode = mode;
    defer(t, () => this.done());
  }

  configure(documented, changes, { until = null } = {}) {
    const text = adapted(documented, [
      ['bind 10.0.0.11', 'bind 127.0.0.1'],
      ['/var/lib/redis', this.dir],
      ...changes,
    ]);
    this.file = join(this.dir, 'documented.conf');
    writeFileSync(this.file, until ? text.slice(0, text.indexOf(until)) : text);
  }

  spawn() {
    return spawn('redis-server', [this.file, ...this.mode], { stdio: 'ignore' });
  }
}

/** Starts three servers of data and their Sentinels. */
async function startSentinels(t) {
  const ports = await Promise.all([1, 2, 3].map(() => freePort()));
  const nodes = [];
  for (const port of ports) {
    const node = new Documented(t, port, { cli: CLI });
    const changes = [['port 6379', `port ${port}`], ['10.0.0.11 6379', `127.0.0.1 ${ports[0]}`]];
    node.configure(SENTINEL_REDIS, changes, { until: port === ports[0] && '# not on the first master' });
    await node.start();
    nodes.push(node);
  }
  const master = await untilReplicated(nodes, 2);
  const sentinels = [];
  for (let i = 0; i < 3; i++) {
    const sentinel = new Documented(t, await freePort(), { cli: [], mode: ['--sentinel'] });
    sentinel.configure(SENTINEL_ITSELF, [
      ['port 26379', `port ${sentinel.port}`],
      ['10.0.0.11 6379', `127.0.0.1 ${master.port}`],
      ['5000', String(DOWN_AFTER_MS)],
    ]);
    await sentinel.start();
    sentinels.push(sentinel);
  }
  await eventually('all Sentinels know each other and all replicas', async () => {
    const answers = await Promise.all(sentinels.map((each) => each.command('SENTINEL', 'MASTER', 'main')));
    return answers.every((text) => /^num-slaves\n2\nnum-other-sentinels\n2$/m.test(text));
  });
  return { nodes, sentinels };
}

async function restartRedis(t) {
  const redis = await startRedis(t, { args: ['--requirepass', PASSWORD, '--appendonly', 'yes'], cli: CLI });
  const { client } = await startDocumented(t, ONE, [redis.port]);
  await survives(client, async () => {
    await redis.end();
    await redis.start();
  });
}

async function failOverWithSentinels(t) {
  const { nodes, sentinels } = await startSentinels(t);
  const { client } = await startDocumented(t, SENTINEL, sentinels.map(({ port }) => port));
  await survives(client, async () => {
    const master = await untilReplicated(nodes, 2);
    await master.kill();
  });
}

async function failOverInCluster(t) {
  const text = adapted(CLUSTER_REDIS, [['cluster-node-timeout 5000', '']]);
  const mine = /^(bind|port|dir|cluster-enabled) /; // startCluster() sets them
  const lines = text.split('\n').filter((line) => line && !mine.test(line));
  const args = lines.flatMap((line) => `--${line}`.split(' '));
  const cluster = await startCluster(t, { args, cli: CLI });
  const ports = cluster.nodes.slice(0, 4).map(({ port }) => port);
  const { client } = await startDocumented(t, CLUSTER, ports);
  await survives(client, async () => {
    const owner = await eventually('the owner\'s replica has everything', async () => {
      const node = await cluster.owner();
      return node && await isReplicated(node, 1) && node;
    });
    await owner.kill();
  });
}

// They wait more than they compute.
test('the documented configurations survive', { concurrency: true }, (t) => Promise.all([
  t.test('a restart of one Redis', restartRedis),
  t.test('the end of a master with Sentinels', failOverWithSentinels),
  t.test('the end of a master in a Redis Cluster', failOverInCluster),
]));
