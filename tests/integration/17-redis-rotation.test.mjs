// Passwords and certificates for Redis are replaced while clients publish: on SIGHUP the server renews
// its connections one after another, and each new connection uses what the files hold by then.

import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { LOOPBACK, makeAuthority } from './support/certs.mjs';
import { defer } from './support/cleanup.mjs';
import { ALL_CHANNELS, isAtLeast } from './support/engine.mjs';
import { startRedis } from './support/redis.mjs';
import { openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { eventually } from './support/wait.mjs';

const PUBLISHERS = 6; // more than there are lanes
const ALL = ['~*', ...ALL_CHANNELS, '+@all'];
const OPTIONS = { BROKER_TIMEOUT: '30' }; // no publish may fail only because the machine is busy

/** Clients that publish without a pause, each one message at a time, and one that reads all of it. */
class Load {
  acknowledged = [];
  failed = []; // { publisher, text, why }
  #counts = new Array(PUBLISHERS).fill(0);
  #isOver = false;
  #running = [];

  static async start(t, server) {
    const load = new Load();
    load.live = await (await openClient(t, server)).subscribe('load/#');
    for (let i = 0; i < PUBLISHERS; i++) {
      load.#running.push(load.#publish(i, await openClient(t, server)));
    }
    await load.untilProgress();
    return load;
  }

  async #publish(i, client) {
    while (!this.#isOver && !client.closed) {
      const text = `${i}/${this.#counts[i]}`;
      await client.publish(`load/${i}`, text).then(
        () => this.acknowledged.push(text),
        ({ message }) => this.failed.push({ publisher: i, text, why: message }));
      this.#counts[i]++;
    }
  }

  /** Resolves when every publisher has made some more calls. */
  async untilProgress() {
    const before = [...this.#counts];
    await eventually('progress of all publishers', () =>
      this.#counts.every((count, i) => count >= before[i] + 10));
  }

  assertNoFailure() {
    assert.deepEqual(this.failed, []);
  }

  /** Ends the load and asserts that each acknowledged message came once and each other at most once. */
  async end() {
    this.#isOver = true;
    await Promise.all(this.#running);
    for (const text of this.acknowledged.slice(-PUBLISHERS)) await this.live.untilText(text);
    const came = new Set(this.live.texts);
    assert.equal(came.size, this.live.texts.length, 'no message comes twice');
    assert.deepEqual(this.acknowledged.filter((text) => !came.has(text)), []);
  }

  /** A broken connection fails what was under way on it: one call of each publisher, not the next. */
  assertOneFailureEach() {
    for (const { why } of this.failed) assert.match(why, /outcome unknown/i);
    const publishers = this.failed.map(({ publisher }) => publisher);
    assert.equal(new Set(publishers).size, publishers.length, JSON.stringify(this.failed));
  }
}

function makeDirectory(t) {
  const dir = mkdtempSync(join(tmpdir(), 'eventhub-rotation-'));
  defer(t, () => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

async function renew(server) {
  const count = () => server.stderr.split('event=redis_renewed').length;
  const before = count();
  server.child.kill('SIGHUP');
  await server.until('the connections are renewed', () => count() > before);
}

/** A Redis with the ACL user `hub`, and a server that reads its password from a file. */
async function startWithPassword(t) {
  const redis = await startRedis(t);
  const file = join(makeDirectory(t), 'password');
  const setUser = (...words) => redis.command('ACL', 'SETUSER', 'hub', ...words);
  await setUser('on', '>sesame one', ...ALL);
  writeFileSync(file, 'sesame one\n');
  const server = await startServer(t, {
    ...redis.options, ...OPTIONS, REDIS_USERNAME: 'hub', REDIS_PASSWORD_FILE: file,
  });
  return { redis, file, setUser, server };
}

/** The ids of the connections that carry commands of the user `hub`. */
async function commandConnections(redis) {
  const lines = (await redis.command('CLIENT', 'LIST', 'TYPE', 'normal')).split('\n');
  const ours = lines.filter((line) => / name=eventhub(:cmd)? .* user=hub( |$)/.test(line));
  return ours.map((line) => /^id=(\d+)/.exec(line)[1]);
}

test('a password is replaced under load', async (t) => {
  const { redis, file, setUser, server } = await startWithPassword(t);
  const load = await Load.start(t, server);
  const before = await eventually('five connections', async () => {
    const ids = await commandConnections(redis);
    return ids.length === 5 && ids;
  });

  await setUser('>sesame two');
  writeFileSync(file, 'sesame two\n');
  await renew(server);
  await load.untilProgress();
  load.assertNoFailure();
  const after = await commandConnections(redis);
  assert.deepEqual(after.filter((id) => before.includes(id)), [], 'all are new');

  await setUser('<sesame one');
  await redis.command('CLIENT', 'KILL', 'USER', 'hub');
  await load.untilProgress();
  load.assertOneFailureEach();
  await server.untilReadiness(200);
  await load.end();
  assert.doesNotMatch(server.stderr, /sesame|restart_needed|options_refused/);
});

test('a file without the right password does not stop publishes', async (t) => {
  const { file, server } = await startWithPassword(t);
  const load = await Load.start(t, server);

  writeFileSync(file, 'sesame wrong\n');
  server.child.kill('SIGHUP');
  await server.until('Redis refuses the password', () => /AUTH refused: WRONGPASS/.test(server.stderr));
  await load.untilProgress();
  load.assertNoFailure();

  writeFileSync(file, 'sesame one\n');
  await server.until('the connections are renewed', () => /event=redis_renewed/.test(server.stderr));
  await load.untilProgress();
  load.assertNoFailure();
  await load.end();
  assert.doesNotMatch(server.stderr, /sesame/);
});

test('the next connection uses a new user and password without SIGHUP', async (t) => {
  const redis = await startRedis(t);
  const dir = makeDirectory(t);
  const [userFile, passwordFile] = [join(dir, 'user'), join(dir, 'password')];
  const makeUser = async (name, password) => {
    await redis.command('ACL', 'SETUSER', name, 'on', `>${password}`, ...ALL);
    writeFileSync(userFile, name);
    writeFileSync(passwordFile, password);
  };
  await makeUser('one', 'sesame one');
  const server = await startServer(t, {
    ...redis.options, REDIS_USERNAME_FILE: userFile, REDIS_PASSWORD_FILE: passwordFile,
  });
  const client = await openClient(t, server);
  await makeUser('two', 'sesame two');
  await redis.command('ACL', 'DELUSER', 'one'); // also ends its connections
  await server.untilMetric('a failure', (now) => now.redis_connection_fail_count > 0);
  await server.untilReadiness(200);
  await client.publish('a', 'x');

  await t.test('keeps what it read last if a file is gone', async () => {
    unlinkSync(passwordFile);
    await redis.command('CLIENT', 'KILL', 'USER', 'two');
    await server.until('the missing file in the log', () =>
      /event=redis_login_refused .*password.*No such file/.test(server.stderr));
    await server.untilReadiness(200);
    await client.publish('a', 'y');
    assert.equal(server.stderr.split('event=redis_login_refused').length, 2, 'logged once');
  });
  assert.doesNotMatch(server.stderr, /sesame/);
});

const SKIP_TWO_SETTINGS = !isAtLeast(7) && 'CONFIG SET takes one setting before Redis 7.0';

test('certificates are replaced under load', { skip: SKIP_TWO_SETTINGS }, async (t) => {
  const [old, young] = await Promise.all([makeAuthority(t, 'Old'), makeAuthority(t, 'Young')]);
  const issue = async (authority) => ({
    redis: await authority.issue(LOOPBACK), client: await authority.issue('DNS:eventhub'),
  });
  const [oldPairs, youngPairs] = await Promise.all([issue(old), issue(young)]);
  const dir = makeDirectory(t);
  const at = Object.fromEntries(['ca', 'cert', 'key'].map((name) => [name, join(dir, name)]));
  const both = join(dir, 'both.pem');
  writeFileSync(both, old.pem + young.pem);
  const useClient = (pair) => {
    copyFileSync(pair.cert, at.cert);
    copyFileSync(pair.key, at.key);
  };
  const cliOf = (pair) => ['--tls', '--insecure', '--cert', pair.cert, '--key', pair.key];

  const redis = await startRedis(t, { start: false, cli: cliOf(oldPairs.client) });
  redis.args = ['--port', '0', '--tls-port', String(redis.port), '--tls-ca-cert-file', old.ca,
    '--tls-cert-file', oldPairs.redis.cert, '--tls-key-file', oldPairs.redis.key];
  await redis.start();
  copyFileSync(old.ca, at.ca);
  useClient(oldPairs.client);
  const server = await startServer(t, {
    ...redis.options, ...OPTIONS, REDIS_TLS: 'true', REDIS_TLS_CA: at.ca, REDIS_TLS_CERT: at.cert,
    REDIS_TLS_KEY: at.key,
  });
  const load = await Load.start(t, server);

  copyFileSync(both, at.ca); // first all trust both authorities, then the certificates change
  await redis.command('CONFIG', 'SET', 'tls-ca-cert-file', both);
  await renew(server);
  useClient(youngPairs.client);
  await redis.command('CONFIG', 'SET', 'tls-cert-file', youngPairs.redis.cert,
    'tls-key-file', youngPairs.redis.key);
  await renew(server);
  await load.untilProgress();
  load.assertNoFailure();

  copyFileSync(young.ca, at.ca); // now the old ones are of no use
  redis.cli = cliOf(youngPairs.client);
  await redis.command('CONFIG', 'SET', 'tls-ca-cert-file', young.ca);
  await renew(server);
  await load.untilProgress();
  load.assertNoFailure();
  await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub'); // the feed, which is not renewed
  await load.untilProgress();
  await server.untilReadiness(200);
  load.assertNoFailure();
  await load.end();
});
