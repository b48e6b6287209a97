// Fails allocations, one in each run of a server. A failed allocation of our own ends the server with
// one line in the log; jansson and zlib use our allocator, so this holds for them, too. When another
// library cannot allocate, the server may also refuse the request instead. It never crashes and never
// reports success for what it did not do.
//   TORTURE=all: fails every allocation, not only some.

import assert from 'node:assert/strict';

import { testOnBothBrokers } from './support/brokers.mjs';
import { LOOPBACK, makeAuthority } from './support/certs.mjs';
import { descriptorsAtRest, failEach } from './support/torture.mjs';
import { secondsFromNow, SECRET, signToken } from './support/jwt.mjs';
import { tlsOptions } from './support/tls.mjs';
import { SANITIZED } from './support/wait.mjs';

const CANNOT_ALLOCATE = 12;
const LIBRARIES = { memory: ['server', 'libcrypto', 'libssl'], redis: ['server', 'libhiredis'] };
const ALL = ['#'];
const skip = SANITIZED && 'the sanitizer has its own allocator';

/** Whether the server refused to start, or reported in its last line that memory ran out. */
function endedInOrder({ exit: { code, signal }, stderr }) {
  if (code === 1) return /^eventhub: .+|(error|critical) event=/m.test(stderr);
  return signal === 'SIGABRT' && /^eventhub: out of memory \(.+\)$/m.test(stderr);
}

/** Options that make the server use every library: TLS, tokens, compression. */
async function makeScene(t, broker) {
  const authority = await makeAuthority(t);
  const pair = await authority.issue(LOOPBACK);
  const token = signToken({ read: ALL, write: ALL, exp: secondsFromNow(86_400) });
  const headers = { Authorization: `Bearer ${token}` };
  const options = {
    ...broker, ...tlsOptions(pair), DISABLE_AUTH: 'false', JWT_SECRET: SECRET,
    ENABLE_COMPRESSION: 'true', COMPRESSION_MIN_SIZE: '1', BROKER_TIMEOUT: '1', WORKER_THREADS: '1', SHUTDOWN_TIMEOUT: '2',
  };
  const how = { ca: authority.pem, headers, deflate: {} };
  return { library: 'memory', options, how, headers, isClean: endedInOrder };
}

testOnBothBrokers('failing allocations', async (t, broker) => {
  if (skip) return t.skip(skip);
  const scene = await makeScene(t, broker);
  scene.descriptors = await descriptorsAtRest(t, scene);
  for (const name of LIBRARIES[broker.BROKER]) {
    await t.test(`survives or reports failing allocations of ${name}`, async (t) => {
      const lives = await failEach(t, name, CANNOT_ALLOCATE, scene);
      assert.ok(lives > 0, 'the library allocates');
      t.diagnostic(`${name} failed in ${lives} runs`);
    });
  }
});
