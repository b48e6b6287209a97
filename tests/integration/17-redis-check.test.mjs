// eventhub --check-broker: what it prints about a Redis, and its exit status.

import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';

import { makeAuthority } from './support/certs.mjs';
import { defer } from './support/cleanup.mjs';
import { startCluster } from './support/cluster.mjs';
import { documentedFor } from './support/documented.mjs';
import { isAtLeast, knownRights } from './support/engine.mjs';
import { freePort } from './support/port.mjs';
import { startRedis } from './support/redis.mjs';
import { startSentinels } from './support/sentinel.mjs';
import { openClient } from './support/rpc.mjs';
import { runToExit, startServer } from './support/server.mjs';

const PASSED = /^Eventhub can use this Redis \(warnings: \d+\)\.$/;
const FAILED = /^Eventhub cannot use this Redis\.$/;
const ALL_WELL = [/^ok .*all scripts run$/, /^ok .*a message arrived on the feed/];

/**
 * Runs the check. `code`: the expected exit status. Asserts that one line matches each of `lines`, and
 * that no other line is a failure. Resolves to all lines.
 */
async function check(options, code, lines = []) {
  const { code: got, stdout, stderr } = await runToExit({ BROKER_TIMEOUT: '20', ...options },
    { args: ['--check-broker'] });
  const all = stdout.trimEnd().split('\n');
  const text = `${stdout}${stderr}`;
  for (const line of lines) assert.ok(all.some((each) => line.test(each)), `${line} in:\n${text}`);
  for (const each of all.filter((each) => each.startsWith('fail'))) {
    assert.ok(lines.some((line) => line.test(each)), `unexpected: ${each}`);
  }
  assert.match(all.at(-1), code === 0 ? PASSED : FAILED, text);
  assert.equal(got, code, text);
  assert.equal(stderr, '');
  assert.doesNotMatch(text, /sesame/);
  return all;
}

/** A TCP server that answers each connection by `serve`. */
async function startPeer(t, serve) {
  const server = createServer(serve).listen(await freePort(), '127.0.0.1');
  const sockets = new Set();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  await new Promise((resolve) => server.once('listening', resolve));
  defer(t, () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { REDIS_HOST: '127.0.0.1', REDIS_PORT: String(server.address().port) };
}

test('passes a plain Redis and leaves nothing behind', async (t) => {
  const redis = await startRedis(t, { args: ['--appendonly', 'yes'] });
  const lines = await check(redis.options, 0, [
    /^ok {4}(Redis|Valkey) \d+\.\d+\.\d+ at 127\.0\.0\.1:\d+ \(standalone, master, 0 replicas\)$/,
    /^ok .*maxmemory-policy is noeviction/,
    /^ok .*clock of Redis's machine differs from this one by \d+ ms$/,
    /^ok .*append-only file is on$/,
    /^ok .*min-replicas-to-write is 0$/,
    /^ok .*client-output-buffer-limit pubsub is 32 MiB, or 8 MiB for 60 s$/,
    /^ok .*the user has all rights that are needed$/,
    ...ALL_WELL,
  ]);
  assert.deepEqual(lines.filter((line) => !line.startsWith('ok ')), [lines.at(-1)]);
  assert.equal(await redis.command('KEYS', '*'), '');
});

test('does not disturb a server that runs meanwhile', async (t) => {
  const redis = await startRedis(t);
  const server = await startServer(t, redis.options);
  const client = await openClient(t, server);
  const live = await client.subscribe('#', { gaps: true });
  await client.publish('a', 'before');
  const keys = async () => (await redis.command('KEYS', '*')).split('\n').sort();
  const before = await keys();
  await check(redis.options, 0, ALL_WELL);
  assert.deepEqual(await keys(), before);
  await client.publish('a', 'after');
  await live.untilText('after');
  assert.deepEqual(live.messages.map(({ message }) => message), ['before', 'after']);
  const now = await server.metrics();
  assert.equal(now.broker_messages_invalid_total, 0);
  assert.equal(now.broker_rewinds_total, 0);
});

test('has nothing to check with BROKER=memory', async () => {
  const { code, stdout } = await runToExit({ BROKER: 'memory' }, { args: ['--check-broker'] });
  assert.equal(stdout, 'BROKER=memory: there is nothing to check\n');
  assert.equal(code, 0);
});

test('warns of what is wrong but does not prevent that Eventhub works', async (t) => {
  const redis = await startRedis(t, {
    args: ['--maxmemory', '100mb', '--client-output-buffer-limit', 'pubsub', '1mb', '512kb', '10'],
  });
  const set = (...words) => redis.command('CONFIG', 'SET', ...words);
  await set('maxmemory-policy', 'volatile-lru');
  await check({ ...redis.options, REDIS_WAIT: '1' }, 0, [
    /^warn .*REDIS_WAIT is 1, and 0 replicas are connected/,
    /^warn .*maxmemory-policy is volatile-lru: .* 100 MiB are used \(\d+ % now\)/,
    /^warn .*saves nothing to disk/,
    /^warn .*client-output-buffer-limit pubsub is 1 MiB/,
    ...ALL_WELL,
  ]);
  await set('maxmemory', '0');
  await set('save', '3600 1');
  await check(redis.options, 0, [
    /^ok .*maxmemory-policy is volatile-lru, and maxmemory is not set/,
    /^warn .*append-only file is off: .*, save 3600 1$/,
  ]);
});

test('fails when the memory of Redis is full', async (t) => {
  const redis = await startRedis(t, { args: ['--maxmemory', '100kb'] });
  await check(redis.options, 1, [
    /^warn .*noeviction, and \d+ % of 100 KiB are used$/,
    /^fail .*Redis refuses "set": OOM /,
    /^skip .*the scripts and the feed$/,
  ]);
});

test('fails with a replica', async (t) => {
  const redis = await startRedis(t);
  await redis.command('REPLICAOF', '127.0.0.1', String(await freePort()));
  await check(redis.options, 1, [/^fail .*replica/]);
});

test('tells why it cannot connect', async (t) => {
  const free = { REDIS_HOST: '127.0.0.1', REDIS_PORT: String(await freePort()) };
  await check(free, 1, [/^fail {2}127\.0\.0\.1:\d+: Connection refused$/]);
  await check({ REDIS_HOST: '/no/such/socket' }, 1, [/^fail {2}\/no\/such\/socket: No such file/]);
  const http = await startPeer(t, (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  await check(http, 1, [/^fail .*[Pp]rotocol error/]);
  const silent = await startPeer(t, () => {});
  await check({ ...silent, BROKER_TIMEOUT: '1' }, 1, [/^fail .*(no answer|timed out)/]);
});

test('tells why Redis refuses the login, without the password', async (t) => {
  const redis = await startRedis(t, { args: ['--requirepass', 'sesame'], cli: ['-a', 'sesame'] });
  await check(redis.options, 1, [/^fail .*NOAUTH/]);
  await check({ ...redis.options, REDIS_PASSWORD: 'not sesame' }, 1, [/^fail .*WRONGPASS/]);
  await check({ ...redis.options, REDIS_PASSWORD: 'sesame' }, 0, ALL_WELL);
});

test('uses TLS as the server does', async (t) => {
  const [ours, theirs] = await Promise.all([makeAuthority(t, 'Ours'), makeAuthority(t, 'Theirs')]);
  const right = await ours.issue('DNS:localhost,IP:127.0.0.1');
  const redis = await startRedis(t, { start: false, cli: ['--tls', '--insecure'] });
  redis.args = ['--port', '0', '--tls-port', String(redis.port), '--tls-cert-file', right.cert,
    '--tls-key-file', right.key, '--tls-ca-cert-file', ours.ca, '--tls-auth-clients', 'no'];
  await redis.start();
  const options = { ...redis.options, REDIS_TLS: 'true', BROKER_TIMEOUT: '20' };
  await check({ ...options, REDIS_TLS_CA: ours.ca }, 0, ALL_WELL);
  await check({ ...options, REDIS_TLS_CA: theirs.ca }, 1, [/^fail .*certificate refused: /]);
  const missing = await runToExit({ ...options, REDIS_TLS_CA: '/no/such/file' },
    { args: ['--check-broker'] });
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /^eventhub: REDIS_TLS: /);
});

/** The words of the ACL line of docs/redis.md, which 17-redis-access proves sufficient. */
function documentedAcl() {
  const owner = new URL('17-redis-access.test.mjs', import.meta.url).href;
  const text = documentedFor(owner)('docs/redis.md', 'TLS, users, databases, sockets');
  const [, line] = /^# Redis 7\b.*\n(ACL SETUSER (?:.*\\\n)*.*)/m.exec(text);
  return knownRights(line.replaceAll('\\\n', ' ').split(/\s+/));
}

// Without these the server works, but not as well.
const OPTIONAL = {
  '+info': /^warn .*may not run "info"/,
  '+client|setname': /^warn .*to run "client\|setname"/,
  '+unsubscribe': /^warn .*to run "unsubscribe": a node gets the messages of all topics/,
  '+punsubscribe': /^warn .*to run "punsubscribe": a node gets the messages of all topics/,
};

const NEEDED = {
  '~{eventhub}:*': /^fail .*the right to use the keys "\{eventhub\}:\*"$/,
  '&eventhub:*': /^fail .*the right to use the channels "eventhub:\*" and/,
  '&{eventhub}:*': /^fail .*the right to use the channels "eventhub:\*" and/,
};

test('names each right of the documented ACL line that is missing', async (t) => {
  const redis = await startRedis(t);
  const words = documentedAcl();
  const options = { ...redis.options, REDIS_USERNAME: 'eventhub', REDIS_PASSWORD: 'sesame' };
  const permit = async (missing) => {
    await redis.command('ACL', 'DELUSER', 'eventhub');
    await redis.command(...words.filter((word) => word !== missing)
      .map((word) => word.replace('PASSWORD', 'sesame')));
  };
  await permit();
  await check(options, 0, ALL_WELL);
  // Needed by some deployments only:
  await check({ ...options, REDIS_DB: '3' }, 1, [/^fail .*to run "select"$/]);
  if (!words.includes('+wait')) {
    await check({ ...options, REDIS_WAIT: '1' }, 1, [/^fail .*to run "wait"$/]);
  }
  const rights = words.filter((word) => /^[+~&]/.test(word));
  assert.ok(rights.length > 30);
  for (const right of rights) {
    await permit(right);
    const name = isAtLeast(7) ? right.slice(1) : right.slice(1).split('|')[0]; // as in NOPERM
    const command = name.replace('|', '\\|');
    if (OPTIONAL[right]) await check(options, 0, [OPTIONAL[right], ...ALL_WELL]);
    else await check(options, 1, [NEEDED[right] ?? new RegExp(`^fail .*to run "${command}"$`)]);
  }
});

test('finds the master with Sentinels', async (t) => {
  const world = await startSentinels(t, { replicas: 1, sentinels: 2 });
  const { port } = await world.master();
  await check(world.options, 0, [
    new RegExp(`^ok .*Sentinels: the master of "main" is 127\\.0\\.0\\.1:${port}$`),
    /\(standalone, master, 1 replica\)$/,
    ...ALL_WELL,
  ]);
  await check({ ...world.options, REDIS_SENTINEL_MASTER: 'other', BROKER_TIMEOUT: '1' }, 1,
    [/^fail .*no answer in time: the address of the master: .*other/]);
});

test('finds the owner of the keys in a cluster', async (t) => {
  const world = await startCluster(t, { masters: 3, replicas: 0 });
  const owner = await world.owner();
  const other = world.nodes.find((node) => node !== owner);
  const moved = new RegExp(`^ok .*Cluster: the keys are in slot \\d+, on 127\\.0\\.0\\.1:${owner.port}$`);
  for (const seeds of [[other.port], [owner.port], [other.port, owner.port]]) {
    await check(world.optionsFor(seeds), 0, [moved, /\(cluster, master, 0 replicas\)$/, ...ALL_WELL]);
  }
  await check({ ...world.optionsFor([other.port]), REDIS_CLUSTER: 'no' }, 1, [/^fail .*MOVED/]);
  await owner.command('ACL', 'SETUSER', 'default', '-cluster');
  await check(world.optionsFor([owner.port]), 1,
    [/^fail .*Cluster: .*cluster\|slots/, /^fail .*to run "cluster\|slots"$/]);
});

test('names a command that the server does not know', async (t) => {
  const redis = await startRedis(t, { args: ['--rename-command', 'XTRIM', ''] });
  await check(redis.options, 1, [/^fail .*the server does not know the command "xtrim"$/]);
});
