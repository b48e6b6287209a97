// Redis behind TLS: its certificate, our certificate, and what the log reports when one is refused.

import assert from 'node:assert/strict';
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';

import { makeAuthority } from './support/certs.mjs';
import { ALL_CHANNELS } from './support/engine.mjs';
import { startRedis } from './support/redis.mjs';
import { numbered, openClient } from './support/rpc.mjs';
import { runToExit, startServer } from './support/server.mjs';
import { eventually, scaled } from './support/wait.mjs';

let ours; // the authority that both sides trust
let theirs; // another authority
let right; // a certificate for the loopback address
let client;

before(async (t) => {
  [ours, theirs] = await Promise.all([makeAuthority(t, 'Ours'), makeAuthority(t, 'Theirs')]);
  right = await ours.issue('DNS:localhost,IP:127.0.0.1');
  client = await ours.issue('DNS:eventhub');
});

/** `port` accepts only TLS. `pair`: the certificate of Redis; `auth`: whether it demands ours. */
function tlsArguments(port, { pair = right, auth = 'yes' } = {}) {
  return ['--port', '0', '--tls-port', String(port), '--tls-ca-cert-file', ours.ca,
    '--tls-cert-file', pair.cert, '--tls-key-file', pair.key, '--tls-auth-clients', auth];
}

/** A Redis that is not running yet. */
async function makeTlsRedis(t, how) {
  const cli = ['--tls', '--insecure', '--cert', client.cert, '--key', client.key];
  const redis = await startRedis(t, { start: false, cli });
  redis.args = tlsArguments(redis.port, how);
  return redis;
}

async function startTlsRedis(t, how) {
  const redis = await makeTlsRedis(t, how);
  await redis.start();
  return redis;
}

function optionsFor(redis, more = {}) {
  return {
    ...redis.options,
    REDIS_TLS: 'true',
    REDIS_TLS_CA: ours.ca,
    REDIS_TLS_CERT: client.cert,
    REDIS_TLS_KEY: client.key,
    BROKER_TIMEOUT: '1',
    ...more,
  };
}

async function assertWorks(t, server) {
  const client = await openClient(t, server);
  const live = await client.subscribe('tls/#');
  const id = await client.publish('tls/1', 'hello');
  await live.untilText('hello');
  const joined = await client.subscribe('tls/1', { since: -60_000 });
  await joined.untilCount(1);
  assert.ok(joined.ids.includes(id));
}

/** Starts a server that must not become ready, and waits until its log gives the reason. */
async function startInVain(t, options, why) {
  const server = await startServer(t, options, { ready: false });
  await eventually(`broker_waiting: ${why}`, () => server.stderr.split('\n').some((line) =>
    /event=broker_waiting/.test(line) && why.test(line)));
  assert.equal(await server.readiness(), 503);
  return server;
}

test('a Redis that accepts only TLS and demands our certificate', async (t) => {
  const redis = await startTlsRedis(t);
  const server = await startServer(t, optionsFor(redis));
  await assertWorks(t, server);

  await t.test('publishes and reads many messages and large ones', async (t) => {
    const client = await openClient(t, server);
    const live = await client.subscribe('many');
    const texts = numbered('m', scaled(2000));
    texts.push('x'.repeat(500_000), 'end');
    const ids = await client.publishAll('many', texts);
    await live.untilCount(texts.length);
    assert.deepEqual(live.texts, texts);
    const log = await client.call('eventlog', { topic: 'many', sinceEventId: ids.at(-3) });
    assert.deepEqual(log.items.map(({ message }) => message), texts.slice(-2));
  });

  await t.test('connects by name', async (t) =>
    assertWorks(t, await startServer(t, optionsFor(redis, { REDIS_HOST: 'localhost' }))));

  await t.test('trusts the authorities of the system', async (t) => {
    const options = { ...optionsFor(redis), REDIS_TLS_CA: '', SSL_CERT_FILE: ours.ca };
    await assertWorks(t, await startServer(t, options)); // OpenSSL looks for them there
  });

  await t.test('reconnects after an outage', async () => {
    await redis.kill();
    await server.untilReadiness(503);
    await redis.start();
    await server.untilReadiness(200);
    await assertWorks(t, server);
  });
});

test('refuses a certificate of another authority', async (t) => {
  const redis = await startTlsRedis(t, { pair: await theirs.issue('IP:127.0.0.1') });
  const server = await startInVain(t, optionsFor(redis), /certificate refused: .*issuer/);
  await t.test('refuses a certificate that the system does not trust', (t) =>
    startInVain(t, { ...optionsFor(redis), REDIS_TLS_CA: '' }, /certificate refused: .*issuer/));

  await redis.kill();
  redis.args = tlsArguments(redis.port);
  await redis.start();
  await server.untilReadiness(200);
  await assertWorks(t, server);
});

test('refuses a certificate for another name or address', async (t) => {
  const redis = await startTlsRedis(t, { pair: await ours.issue('DNS:other,IP:127.0.0.2') });
  const byAddress = await startInVain(t, optionsFor(redis), /certificate refused: IP address/);
  const byName = await startInVain(t, optionsFor(redis, { REDIS_HOST: 'localhost' }),
    /certificate refused: [Hh]ostname/);

  await redis.kill();
  redis.args = tlsArguments(redis.port);
  await redis.start();
  for (const server of [byAddress, byName]) {
    await server.untilReadiness(200);
    await assertWorks(t, server);
  }
});

test('demands the certificate of REDIS_TLS_NAME', async (t) => {
  const redis = await startTlsRedis(t, { pair: await ours.issue('DNS:other,IP:127.0.0.2') });
  for (const name of ['other', '127.0.0.2']) {
    await assertWorks(t, await startServer(t, optionsFor(redis, { REDIS_TLS_NAME: name })));
  }
  await startInVain(t, optionsFor(redis, { REDIS_TLS_NAME: 'another' }),
    /certificate refused: [Hh]ostname/);
});

test('rediss:// in REDIS_URL connects with TLS', async (t) => {
  const redis = await startTlsRedis(t);
  await redis.command('ACL', 'SETUSER', 'hub', 'on', '>a/b@c', '~*',
    ...ALL_CHANNELS, '+@all');
  const server = await startServer(t, optionsFor(redis, {
    REDIS_HOST: undefined, REDIS_PORT: undefined, REDIS_TLS: undefined,
    REDIS_URL: `rediss://hub:a%2Fb%40c@127.0.0.1:${redis.port}/2`,
  }));
  await assertWorks(t, server);
  assert.match(await redis.command('CLIENT', 'LIST'), / db=2 .* user=hub\b/);
});

test('reports that Redis demands a certificate', async (t) => {
  const redis = await startTlsRedis(t);
  const without = optionsFor(redis, { REDIS_TLS_CERT: '', REDIS_TLS_KEY: '' });
  const server = await startInVain(t, without, /TLS: .*certificate required/);

  await redis.kill();
  redis.args = tlsArguments(redis.port, { auth: 'no' });
  await redis.start();
  await server.untilReadiness(200);
  await assertWorks(t, server);
});

test('reports that Redis does not trust our certificate', async (t) => {
  const redis = await startTlsRedis(t);
  const { cert, key } = await theirs.issue('DNS:eventhub');
  await startInVain(t, optionsFor(redis, { REDIS_TLS_CERT: cert, REDIS_TLS_KEY: key }),
    /TLS: .*(unknown ca|certificate)/);
});

test('reports that only one side uses TLS', async (t) => {
  const plain = await startRedis(t);
  const tls = await startTlsRedis(t);
  await startInVain(t, optionsFor(plain), /TLS|closed the connection/);
  await startInVain(t, { ...optionsFor(tls), REDIS_TLS: 'false' }, /why=\S+/);
});

test('reads the TLS files again on SIGHUP', async (t) => {
  const redis = await startTlsRedis(t);
  const ca = join(ours.dir, 'current.pem');
  copyFileSync(theirs.ca, ca);
  const options = optionsFor(redis, { REDIS_TLS_CA: ca });
  const server = await startInVain(t, options, /certificate refused: /);

  copyFileSync(ours.ca, ca);
  server.child.kill('SIGHUP');
  await server.untilReadiness(200);

  writeFileSync(ca, 'this is not a certificate\n');
  server.child.kill('SIGHUP');
  await eventually('the refusal in the log', () => /event=redis_tls_refused.*current\.pem/.test(server.stderr));
  await redis.kill();
  await server.untilReadiness(503);
  await redis.start();
  await server.untilReadiness(200); // with the files read before
  await assertWorks(t, server);
});

test('TLS options that cannot work', async (t) => {
  const redis = await makeTlsRedis(t);
  const junk = join(ours.dir, 'junk.pem');
  writeFileSync(junk, 'this is not a certificate\n');
  const cases = [
    [{ REDIS_TLS_CA: join(ours.dir, 'none.pem') }, /none\.pem: No such file/],
    [{ REDIS_TLS_CA: junk }, /junk\.pem: /],
    [{ REDIS_TLS_CERT: junk }, /junk\.pem: /],
    [{ REDIS_TLS_KEY: right.key }, /does not belong to certificate/],
    [{ REDIS_TLS_KEY: '' }, /REDIS_TLS_CERT and REDIS_TLS_KEY must be set together/],
    [{ REDIS_HOST: '/run/redis.sock' }, /REDIS_TLS conflicts with REDIS_HOST/],
  ];
  for (const [options, why] of cases) {
    await t.test(`refuses to start: ${why}`, async () => {
      const env = { ...optionsFor(redis, options), LISTEN_PORT: '0' };
      for (const args of [[], ['--check-config']]) {
        const { code, stderr } = await runToExit(env, { args });
        assert.equal(code, 1);
        assert.match(stderr, why);
      }
    });
  }
});
