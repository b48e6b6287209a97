// Sentinels that demand a password or TLS, which differ from those of the Redis that they watch.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { LOOPBACK, makeAuthority } from './support/certs.mjs';
import { isAtLeast } from './support/engine.mjs';
import { freePort } from './support/port.mjs';
import { openClient } from './support/rpc.mjs';
import { startSentinels } from './support/sentinel.mjs';
import { startServer } from './support/server.mjs';

async function assertWorks(t, server) {
  const client = await openClient(t, server);
  const live = await client.subscribe('a');
  await client.publish('a', 'x');
  await live.untilText('x');
}

/** Waits until the log says why the server is not ready. */
function untilWaiting(server, why) {
  return server.until(`broker_waiting: ${why}`, () => server.stderr.split('\n').some((line) =>
    /event=broker_waiting/.test(line) && why.test(line)));
}

test('a password of the Sentinels, read from a file that changes', {
  skip: !isAtLeast(6, 2) && 'Sentinels have passwords for each other since Redis 6.2',
}, async (t) => {
  const world = await startSentinels(t, {
    args: ['--requirepass', 'sesame data', '--masterauth', 'sesame data'],
    cli: ['-a', 'sesame data'],
    sentinelCli: ['-a', 'sesame watch'],
    lines: ['requirepass "sesame watch"', 'sentinel sentinel-pass "sesame watch"',
      'sentinel auth-pass main "sesame data"'],
  });
  const file = join(world.nodes[0].dir, 'password');
  writeFileSync(file, 'sesame wrong');
  const server = await startServer(t, {
    ...world.options, REDIS_PASSWORD: 'sesame data', REDIS_SENTINEL_PASSWORD_FILE: file,
  }, { ready: false });
  await untilWaiting(server, /WRONGPASS/);

  writeFileSync(file, 'sesame watch\n');
  await server.untilReadiness(200);
  await assertWorks(t, server);

  await world.failover();
  const client = await openClient(t, server);
  await client.untilPublished('a', 'y');
  assert.doesNotMatch(server.stderr, /sesame/);
});

test('TLS to the Sentinels, but not to Redis', async (t) => {
  const [ours, theirs] = await Promise.all([makeAuthority(t, 'Ours'), makeAuthority(t, 'Theirs')]);
  const pair = await ours.issue(LOOPBACK);
  const port = await freePort();
  const world = await startSentinels(t, {
    replicas: 1,
    sentinels: 1,
    lines: [`tls-port ${port}`, `tls-cert-file ${pair.cert}`, `tls-key-file ${pair.key}`,
      `tls-ca-cert-file ${ours.ca}`, 'tls-auth-clients no'],
  });
  const options = {
    ...world.options, REDIS_SENTINELS: `localhost:${port}`, REDIS_SENTINEL_TLS: 'true',
    REDIS_TLS_CA: ours.ca,
  };
  const server = await startServer(t, options);
  await assertWorks(t, server);
  assert.doesNotMatch(server.stderr, /redis_tls_off/);

  const suspicious = await startServer(t, { ...options, REDIS_TLS_CA: theirs.ca }, { ready: false });
  await untilWaiting(suspicious, /certificate refused/);
});
